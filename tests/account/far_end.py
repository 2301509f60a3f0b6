"""An HTTP service that gives the answers that it is given."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from paraformer_async._accepting import finish_accepting

Answer = Callable[[], web.Response]


class FarEnd:
    """
    Gives one answer after another; the last one again and again.

    Attributes:
        url: Its address, for `endpoint=`.
        actions: The action of each request, or its path if it has none.
        keys: The `Authorization` of each request.
    """

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.url = ""
        self.actions: list[str] = []
        self.keys: list[str] = []
        self._answers = list(answers)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.keys.append(request.headers.get("Authorization", ""))
        document = await request.json() if request.can_read_body else {}
        self.actions.append(document.get("input", {}).get("action", request.path))
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])()


@asynccontextmanager
async def answering(*answers: Answer) -> AsyncIterator[FarEnd]:
    """Serve on this machine."""
    far_end = FarEnd(answers)
    app = web.Application()
    app.router.add_post("/{path:.*}", far_end.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    far_end.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1"
    try:
        yield far_end
    finally:
        await finish_accepting()
        await runner.cleanup()


def success(document: object) -> Answer:
    """Return an answer with a document."""
    return lambda: web.json_response(document)


def refusal(status: int, code: str = "", retry_after: str = "") -> Answer:
    """Return an answer that refuses."""
    headers = {"Retry-After": retry_after} if retry_after else None
    return lambda: web.json_response({"code": code}, status=status, headers=headers)
