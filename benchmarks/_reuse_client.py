"""
The measured process: consecutive short recognitions, and how soon each could start.

One initial recognition, sent directly to the server by a separate client, triggers lazy loading and
leaves no connection. Times are from the call until `task-started` is received.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from statistics import median

from _alternatives import AUTHORIZATION, KEY, dashscope, finish_task, run_task, unlimited
from _bench import FRAME_BYTES

_FRAMES = 2  # the second one produces a result

# Recognizes once; calls back when `task-started` is received, if the alternative reports it.
Recognize = Callable[[Callable[[], None]], Awaitable[None]]


async def _frames() -> AsyncGenerator[bytes, None]:
    for _ in range(_FRAMES):
        yield bytes(FRAME_BYTES)


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Recognize]:
    """Use one `AsyncRecognizer`; a middleware detects `task-started`."""
    from paraformer_async import AsyncRecognizer
    from paraformer_async.middleware import Event, Middleware, TaskStarted

    class Watching(Middleware):
        def __init__(self, started: Callable[[], None]) -> None:
            self._started = started

        def incoming(self, event: Event, now: float) -> Event:
            if isinstance(event, TaskStarted):
                self._started()
            return event

    pool = unlimited()
    async with AsyncRecognizer(endpoint=url, api_key=KEY, heartbeat=True, pool=pool) as recognizer:

        async def recognize(started: Callable[[], None]) -> None:
            results = 0
            middleware = [lambda: Watching(started)]
            async for _ in recognizer.stream(_frames(), middleware=middleware):
                results += 1
            assert results

        yield recognize


@asynccontextmanager
async def handwritten(url: str) -> AsyncIterator[Recognize]:
    """Use aiohttp and json, with one connection per recognition."""
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def recognize(started: Callable[[], None]) -> None:
            async with session.ws_connect(url, headers=AUTHORIZATION) as socket:
                await socket.send_str(run_task("any"))
                assert json.loads(await socket.receive_str())["header"]["event"] == "task-started"
                started()
                async for frame in _frames():
                    await socket.send_bytes(frame)
                await socket.send_str(finish_task("any"))
                event, results = "", 0
                while event != "task-finished":
                    event = json.loads(await socket.receive_str())["header"]["event"]
                    results += event == "result-generated"
                assert results

        yield recognize


@asynccontextmanager
async def vendors(url: str) -> AsyncIterator[Recognize]:
    """Use the vendor's SDK, which does not report `task-started`."""
    async with dashscope(url) as recognize_frames:

        async def recognize(started: Callable[[], None]) -> None:
            del started
            texts: list[str] = []
            await recognize_frames(_frames(), texts.append)
            assert texts

        yield recognize


ALTERNATIVES: Mapping[str, Callable[[str], AbstractAsyncContextManager[Recognize]]] = {
    "ours": ours,
    "handwritten": handwritten,
    "dashscope": vendors,
}


async def measure(name: str, warm_url: str, url: str, recognitions: int) -> dict[str, float | None]:
    async with ALTERNATIVES[name](warm_url) as recognize:
        await recognize(lambda: None)
    waits: list[float] = []
    async with ALTERNATIVES[name](url) as recognize:
        begin = time.perf_counter()
        for _ in range(recognitions):
            called = time.perf_counter()
            # A lambda, so that the clock is read when it is called.
            await recognize(lambda called=called: waits.append(time.perf_counter() - called))  # type: ignore[misc]
        wall = time.perf_counter() - begin
    return {
        "first_ms": waits[0] * 1000 if waits else None,
        "next_ms": median(waits[1:]) * 1000 if waits[1:] else None,
        "each_ms": wall * 1000 / recognitions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ALTERNATIVES)
    parser.add_argument("warm_url", help="URL for the initial recognition")
    parser.add_argument("url")
    parser.add_argument("--recognitions", type=int, required=True)
    options = parser.parse_args()
    work = measure(options.name, options.warm_url, options.url, options.recognitions)
    print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main()
