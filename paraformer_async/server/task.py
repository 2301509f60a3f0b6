"""One task of the local service: audio in, results out, through decoder and listener."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Any, Self

import anyio

from paraformer_async._core.wire import ResultGenerated, RunTask, TaskFailed
from paraformer_async.audio.decoding.stream import (
    StreamDecoder,
    UndecodableAudio,
    UnsupportedFormat,
)
from paraformer_async.engines.base import Engine, EngineBusy, Listener, ListenerSettings
from paraformer_async.errors import MissingExtraError
from paraformer_async.options.service import DEFAULT_SENTENCE_SILENCE, SENTENCE_SILENCE
from paraformer_async.results import Sentence, Usage

__all__ = ["Task", "TaskFailure"]

# Audio that may wait for the engine; beyond it the client's socket is not read (back-pressure).
_LARGEST_BACKLOG = 1024 * 1024
# With `heartbeat`, a sign of life for each stretch of audio in which nothing was said, in seconds.
_HEARTBEAT_PERIOD = 1.0
_BYTES_PER_SAMPLE = 2
# The decoder holds PCM back only from calls that gave far more than this.
_MUCH_PCM = 1024 * 1024


class TaskFailure(Exception):
    """The task cannot go on; carries what is to be told to the client."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.event: TaskFailed = TaskFailed(code, message)


class Task:
    """
    One recognition.

    The connection's reader puts audio in, `run` takes it through decoder and listener, and hands
    results to *say*.

    Attributes:
        heartbeat: Whether the client asked to be kept alive by silent audio.
    """

    def __init__(
        self,
        decoder: StreamDecoder,
        listener: Listener,
        say: Callable[[ResultGenerated], Awaitable[None]],
        *,
        sample_rate: int,
        heartbeat: bool,
    ) -> None:
        self.heartbeat = heartbeat
        self._decoder = decoder
        self._listener = listener
        self._say = say
        self._sample_rate = sample_rate
        self._backlog: deque[bytes] = deque()
        self._waiting = 0  # bytes in the backlog
        self._heard = 0  # samples
        self._last_word = 0.0  # when something was said last, in seconds of the audio
        self._is_complete = False
        self._changed = anyio.Event()

    @classmethod
    async def open(
        cls, request: RunTask, engine: Engine, say: Callable[[ResultGenerated], Awaitable[None]]
    ) -> Self:
        """Check the request, and get a listener of the engine. Raises `TaskFailure`."""
        if not request.model:
            raise TaskFailure("InvalidParameter", "model is missing")
        parameters = request.parameters
        settings = _settings(parameters)
        decoder = _decoder(parameters, engine.sample_rate)
        try:
            listener = await engine.open(settings)
        except EngineBusy as busy:
            raise TaskFailure(
                "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
            ) from busy
        return cls(
            decoder,
            listener,
            say,
            sample_rate=engine.sample_rate,
            heartbeat=bool(parameters.get("heartbeat")),
        )

    async def put(self, audio: bytes) -> None:
        """Take audio of the client; wait while too much of it waits for the engine."""
        while self._waiting > _LARGEST_BACKLOG:
            await self._changed.wait()
        self._backlog.append(audio)
        self._waiting += len(audio)
        self._notify()

    def finish(self) -> None:
        """The client has sent all its audio."""
        self._is_complete = True
        self._notify()

    async def run(self) -> None:
        """Recognize until the audio is complete and everything is said. Raises `TaskFailure`."""
        try:
            await self._recognize()
        except UndecodableAudio as reason:
            raise TaskFailure("UNSUPPORTED_FORMAT", f"Failed to decode audio: {reason}") from reason
        except MissingExtraError as reason:
            raise TaskFailure("InternalError", str(reason)) from reason

    async def aclose(self) -> None:
        """Free the decoder and the listener. May be called twice."""
        try:
            await self._decoder.aclose()
        finally:
            await self._listener.aclose()

    async def _recognize(self) -> None:
        while audio := await self._next():
            pcm = await self._decoder.feed(audio)
            await self._hear(pcm)
            while len(pcm) > _MUCH_PCM:
                pcm = await self._decoder.feed(b"")
                await self._hear(pcm)
        while pcm := await self._decoder.finish():
            await self._hear(pcm)
        if not self._heard:
            raise TaskFailure("NO_VALID_AUDIO_ERROR", "No valid audio was received.")
        await self._tell(await self._listener.finish())

    async def _next(self) -> bytes:
        """Give all the audio that waits; empty when it was the last."""
        while not self._waiting and not self._is_complete:
            await self._changed.wait()
        audio = b"".join(self._backlog)
        self._backlog.clear()
        self._waiting = 0
        self._notify()
        return audio

    async def _hear(self, pcm: bytes) -> None:
        if not pcm:
            return
        self._heard += len(pcm) // _BYTES_PER_SAMPLE
        sentences = await self._listener.feed(pcm)
        await self._tell(sentences)
        quiet = self._seconds - self._last_word
        if self.heartbeat and not sentences and quiet >= _HEARTBEAT_PERIOD:
            self._last_word = self._seconds
            now = round(self._seconds * 1000)
            await self._say(ResultGenerated(Sentence(begin_time=now, heartbeat=True)))

    async def _tell(self, sentences: Sequence[Sentence]) -> None:
        for sentence in sentences:
            self._last_word = self._seconds
            usage = Usage(ceil(self._seconds)) if sentence.is_final else None
            await self._say(ResultGenerated(sentence, usage))

    @property
    def _seconds(self) -> float:
        return self._heard / self._sample_rate

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _settings(parameters: Any) -> ListenerSettings:
    silence = parameters.get("max_sentence_silence", DEFAULT_SENTENCE_SILENCE)
    if not isinstance(silence, int) or silence not in SENTENCE_SILENCE:
        raise TaskFailure("InvalidParameter", "max_sentence_silence must be within 200 to 6000")
    hints = parameters.get("language_hints", ())
    if not isinstance(hints, list | tuple) or not all(isinstance(hint, str) for hint in hints):
        raise TaskFailure("InvalidParameter", "language_hints must be a list of languages")
    return ListenerSettings(
        max_sentence_silence=silence,
        language_hints=tuple(hints),
        punctuation=parameters.get("punctuation_prediction_enabled") is not False,
    )


def _decoder(parameters: Any, target_rate: int) -> StreamDecoder:
    rate, name = parameters.get("sample_rate"), parameters.get("format")
    if not isinstance(rate, int) or not 1000 <= rate <= 384_000:
        raise TaskFailure("InvalidParameter", "sample_rate must be a rate in Hz")
    if not isinstance(name, str):
        raise TaskFailure("InvalidParameter", "format is missing")
    try:
        return StreamDecoder(name, rate, target_rate)
    except UnsupportedFormat as reason:
        raise TaskFailure("UNSUPPORTED_FORMAT", str(reason)) from reason
