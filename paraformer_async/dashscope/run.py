"""`FacadeRun`: one recognition of the facade, whose results go to callbacks."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import IO, Any

from paraformer_async.audio.samples import immutable
from paraformer_async.dashscope import settings
from paraformer_async.dashscope.events import Events
from paraformer_async.dashscope.header import without_header
from paraformer_async.dashscope.results import RecognitionResult
from paraformer_async.options.options import Overrides
from paraformer_async.stream import RecognitionStream
from paraformer_async.sync.stream import BlockingStream

__all__ = ["FacadeRun"]


class FacadeRun(BlockingStream):
    """
    One recognition, opened at once, which passes on all results, none of them merged.

    Args:
        source: The audio; `None` to send it.
        options: Options of the recognition.
        request_id: Id of its first task.

    Attributes:
        on_result: Called with each result, in the thread of the loop.
        on_text: Called when a result has text, before `on_result`.
        on_end: Called with the failure, or `None`, after all results.
        error: Why it has failed; `None` if it has not.
        is_over: Set when the last callback has run.
    """

    def __init__(self, source: IO[bytes] | None, options: Overrides, request_id: str) -> None:
        self.on_result: Callable[[RecognitionResult], object] = _ignore
        self.on_text: Callable[[], object] = lambda: None
        self.on_end: Callable[[BaseException | None], object] = _ignore
        self.error: BaseException | None = None
        self.is_over: threading.Event = threading.Event()
        self._has_sent = options.get("format") != "pcm"
        self._rate = options.get("sample_rate") or 0
        events = Events(self._receive)
        middleware = (lambda: events, *options.get("middleware", ()))
        given: Overrides = {
            **options,
            "middleware": middleware,
            "observe": events.observe,
            "observe_messages": True,
        }
        recognizer = settings.recognizer()  # one of its own, once the shared options have changed
        stream = recognizer._open_stream(source, given, request_id)  # noqa: SLF001
        super().__init__(stream, None, owner=recognizer, has_source=source is not None)

    def begin(self) -> None:
        """Start to recognize what is sent."""
        self._begin()

    def require_here(self) -> None:
        """Raise `UsageError` in a process that was forked after it had begun."""
        self._require_begun()

    def send_or_drop(self, audio: bytes, *, wait: bool) -> None:
        """Send audio; drop it if the recognition has failed, which `on_end` says."""
        chunk = immutable(audio)
        if not self._has_sent:
            self._has_sent = True
            chunk = without_header(chunk, self._rate)
        self._inlet.put(chunk, len(chunk), wait=wait)

    def update_input(self, input: Mapping[str, Any]) -> None:
        """Replace the input of the task, after all audio that was sent before."""
        self._post(lambda stream: stream.update(input=input))

    def finish_soon(self) -> None:
        """Mark the end of the audio, after all that was sent before; do not wait for it."""
        self._post(RecognitionStream.finish)

    def _post(self, call: Callable[[RecognitionStream], object]) -> None:
        self._inlet.put((call, Future()), wait=False)

    async def serve(self) -> None:
        """Recognize a source to its end; in the loop. Never raises what ends a recognition."""
        self._is_begun = True
        await self._serve()

    def _receive(self, payload: dict[str, Any]) -> None:
        output: dict[str, Any] = payload["output"]
        sentence = output["sentence"]
        if sentence.get("text"):
            self.on_text()
        usage = payload.get("usage")
        usages = [{"end_time": sentence.get("end_time"), "usage": usage}] if usage else None
        self.on_result(RecognitionResult(request_id=self.request_id, output=output, usages=usages))

    async def _read(self, stream: RecognitionStream) -> None:
        async for _ in stream:
            pass  # they have been passed on, also those that newer ones replace

    def _conclude(self) -> None:
        super()._conclude()
        self.error = self._failure
        self.on_end(self.error)


def _ignore(_: object) -> None:
    """Do nothing."""
