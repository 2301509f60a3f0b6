"""One task of the local service: audio in, sentences out, with a decoder and an engine stream."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import anyio

from paraformer_async._core.messages import RunTask
from paraformer_async._core.service import TaskFailure
from paraformer_async.audio.decoding import (
    RATES,
    StreamDecoder,
    UndecodableAudio,
    UnsupportedFormat,
)
from paraformer_async.engines.base import Engine, EngineBusy, EngineStream, StreamSettings
from paraformer_async.errors import MissingExtraError
from paraformer_async.results import Sentence

__all__ = ["Emit", "LocalTask"]

Emit: TypeAlias = Callable[[Sentence, float], Awaitable[None]]
"""Sends a sentence; the number is the seconds of audio that the task has received."""

# Audio that may wait for the engine; beyond it the client's socket is not read (back-pressure).
_LARGEST_BACKLOG = 1024 * 1024
# With `heartbeat`, a result without text for each stretch of audio without speech, in seconds.
_HEARTBEAT_PERIOD = 1.0
_BYTES_PER_SAMPLE = 2
# The decoder keeps PCM back only after calls that returned far more than this.
_MUCH_PCM = 1024 * 1024


class LocalTask:
    """
    One recognition.

    The connection's reader adds audio; `run` passes it through the decoder and the engine stream,
    and emits the sentences.
    """

    def __init__(
        self,
        decoder: StreamDecoder,
        stream: EngineStream,
        emit: Emit,
        *,
        sample_rate: int,
        heartbeat: bool,
    ) -> None:
        self._decoder = decoder
        self._stream = stream
        self._emit = emit
        self._sample_rate = sample_rate
        self._heartbeat = heartbeat
        self._backlog: deque[bytes] = deque()
        self._backlog_size = 0  # bytes
        self._samples = 0
        self._speech_until = 0.0  # end of the latest result, in seconds of the audio
        self._is_complete = False
        self._changed = anyio.Event()

    @classmethod
    async def open(
        cls, request: RunTask, engine: Engine, emit: Emit, decoding: anyio.CapacityLimiter
    ) -> Self:
        """
        Open a decoder, and a stream of the engine.

        Args:
            request: The run-task.
            engine: The engine.
            emit: Sends a sentence.
            decoding: Bounds the threads of all decoders.

        Raises:
            TaskFailure: The format cannot be decoded here, or the engine is busy.
        """
        parameters = request.parameters
        decoder = _decoder(parameters, engine.sample_rate, decoding)
        try:
            stream = await engine.open(_settings(parameters))
        except EngineBusy as busy:
            raise TaskFailure(
                "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."
            ) from busy
        return cls(
            decoder,
            stream,
            emit,
            sample_rate=engine.sample_rate,
            heartbeat=bool(parameters.get("heartbeat")),
        )

    async def put(self, audio: bytes) -> None:
        """Add audio from the client; wait while too much of it waits for the engine."""
        while self._backlog_size > _LARGEST_BACKLOG:
            await self._changed.wait()
        self._backlog.append(audio)
        self._backlog_size += len(audio)
        self._notify()

    def finish(self) -> None:
        """End the audio."""
        self._is_complete = True
        self._notify()

    async def run(self) -> None:
        """Recognize until the audio is complete and all results are emitted."""
        try:
            await self._recognize()
        except UndecodableAudio as reason:
            raise TaskFailure("UNSUPPORTED_FORMAT", f"Failed to decode audio: {reason}") from reason
        except MissingExtraError as reason:
            raise TaskFailure("InternalError", str(reason)) from reason

    async def aclose(self) -> None:
        """Release the decoder and the stream of the engine. May be called twice."""
        try:
            await self._decoder.aclose()
        finally:
            await self._stream.aclose()

    async def _recognize(self) -> None:
        while audio := await self._next_audio():
            pcm = await self._decoder.feed(audio)
            await self._feed(pcm)
            while len(pcm) > _MUCH_PCM:
                pcm = await self._decoder.feed(b"")
                await self._feed(pcm)
        while pcm := await self._decoder.finish():
            await self._feed(pcm)
        if not self._samples:
            raise TaskFailure("NO_VALID_AUDIO_ERROR", "No valid audio was received.")
        await self._emit_all(await self._stream.finish())

    async def _next_audio(self) -> bytes:
        """Return all the audio that is waiting; empty after the last."""
        while not self._backlog_size and not self._is_complete:
            await self._changed.wait()
        audio = b"".join(self._backlog)
        self._backlog.clear()
        self._backlog_size = 0
        self._notify()
        return audio

    async def _feed(self, pcm: bytes) -> None:
        if not pcm:
            return
        self._samples += len(pcm) // _BYTES_PER_SAMPLE
        sentences = await self._stream.feed(pcm)
        await self._emit_all(sentences)
        silence = self._seconds - self._speech_until
        if self._heartbeat and not sentences and silence >= _HEARTBEAT_PERIOD:
            begin = round(self._seconds * 1000)
            await self._emit_all([Sentence(begin_time=begin, heartbeat=True)])

    async def _emit_all(self, sentences: Sequence[Sentence]) -> None:
        for sentence in sentences:
            self._speech_until = self._seconds
            await self._emit(sentence, self._seconds)

    @property
    def _seconds(self) -> float:
        return self._samples / self._sample_rate

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _settings(parameters: Mapping[str, Any]) -> StreamSettings:
    return StreamSettings(
        max_sentence_silence=parameters.get("max_sentence_silence", 800),
        language_hints=tuple(parameters.get("language_hints", ())),
        punctuation=parameters.get("punctuation_prediction_enabled") is not False,
    )


def _decoder(
    parameters: Mapping[str, Any], target_rate: int, decoding: anyio.CapacityLimiter
) -> StreamDecoder:
    rate = parameters["sample_rate"]
    if rate not in RATES:
        raise TaskFailure("InvalidParameter", "sample_rate must be a rate in Hz")
    try:
        return StreamDecoder(parameters["format"], rate, target_rate, limiter=decoding)
    except UnsupportedFormat as reason:
        raise TaskFailure("UNSUPPORTED_FORMAT", str(reason)) from reason
