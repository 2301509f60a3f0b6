"""
A stream of encoded audio, decoded as it arrives, to s16le mono at a given rate.

Work is linear in the stream and memory is bounded: encoded bytes are dropped once decoded, and a
stream that expands without bounds is decoded no faster than its PCM is taken.
"""

import weakref
from typing import Final

import anyio
from anyio import to_thread

from paraformer_async.audio.decoding.chain import ChainStage
from paraformer_async.audio.decoding.packets import PacketStage
from paraformer_async.audio.decoding.pcm import RawStage, Resampler
from paraformer_async.audio.decoding.stage import RATES, Stage, UnsupportedFormat
from paraformer_async.audio.decoding.wav import WavStage

__all__ = ["StreamDecoder"]

_MAX_PCM: Final = 4 << 20  # bytes returned by one call, about, however much the stream expands
_CONTAINERS: Final = {"mp3": "mp3", "ogg": "ogg", "opus": "ogg", "flac": "flac"}
_PACKETS: Final = ("speex", "aac", "amr")


class StreamDecoder:
    """
    Decoder of one stream. Used by one task at a time.

    Args:
        format: `pcm`, `wav`, `mp3`, `ogg`, `opus` (in Ogg), `flac`, `speex` (in Ogg), `aac` (in
            ADTS) or `amr` (AMR-NB).
        sample_rate: Rate in Hz that the client declared; a container's own rate takes precedence.
        target_rate: Rate in Hz of the PCM to return.
        limiter: Bounds the worker threads that decode. Each of them competes with the event loop
            for the interpreter, so as many as the machine has cores are enough. By default anyio's
            limiter, which the whole program shares.

    Raises:
        UnsupportedFormat: The format or the rate cannot be decoded here.

    A canceled `feed` or `finish` returns once the step in progress is done, and the PCM of that
    step is lost: only `aclose` may follow.

    Example:
        >>> decoder = StreamDecoder("pcm", sample_rate=16000, target_rate=16000)
        >>> anyio.run(decoder.feed, b"abc")
        b'ab'
    """

    def __init__(
        self,
        format: str,
        sample_rate: int,
        target_rate: int,
        *,
        limiter: anyio.CapacityLimiter | None = None,
    ) -> None:
        self._stage = _stage(format, sample_rate)
        self._target = target_rate
        self._limiter = limiter
        self._rate = target_rate  # of the PCM, until another one is found
        self._resampler: Resampler | None = None
        self._flushed = False
        weakref.finalize(self, self._stage.close)  # no thread outlives an abandoned decoder

    async def feed(self, data: bytes) -> bytes:
        """
        Decode the next bytes.

        Returns:
            The PCM that they made available: s16le mono, possibly empty, about 4 MiB at most.
            `feed(b"")` returns more of bytes that expand beyond that.

        Raises:
            UndecodableAudio: The bytes are not what was declared, or too much of what they expand
                to has not been taken.
            MissingExtraError: The stream needs resampling, and soxr is not installed.
        """
        if self._stage.cheap and self._stage.rate == self._target:
            return self._stage.push(data)
        return await to_thread.run_sync(self._feed, data, limiter=self._limiter)

    async def finish(self) -> bytes:
        """
        End the stream. Call it until it returns `b""`.

        Returns:
            More of the rest of the PCM, about 4 MiB at most.

        Raises:
            UndecodableAudio: Bytes were fed, and there was no audio in them.
            MissingExtraError: As `feed`.
        """
        if self._stage.cheap and self._stage.rate == self._target:
            return self._stage.end()
        return await to_thread.run_sync(self._finish, limiter=self._limiter)

    async def aclose(self) -> None:
        """Stop, and wait for the decoder's thread to end. May be called at any time, and twice."""
        self._stage.close()
        if not self._stage.is_running:
            return
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._stage.join, limiter=self._limiter)

    def _feed(self, data: bytes) -> bytes:
        parts = [self._resample(self._stage.push(data))]
        size = len(parts[0])
        while self._stage.more and size < _MAX_PCM:
            parts.append(self._resample(self._stage.push(b"")))
            size += len(parts[-1])
        return b"".join(parts)

    def _finish(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while size < _MAX_PCM and not self._flushed:
            pcm = self._stage.end()
            self._flushed = not pcm
            parts.append(self._resample(pcm, last=self._flushed))
            size += len(parts[-1])
        return b"".join(parts)

    def _resample(self, pcm: bytes, *, last: bool = False) -> bytes:
        rest = b""
        if pcm and self._stage.rate != self._rate:
            if self._resampler:
                rest = self._resampler.resample(b"", last=True)
            self._rate = self._stage.rate
            is_right = self._rate == self._target
            self._resampler = None if is_right else Resampler(self._rate, self._target)
        return rest + (self._resampler.resample(pcm, last=last) if self._resampler else pcm)


def _stage(format: str, rate: int) -> Stage:
    if rate not in RATES:
        raise UnsupportedFormat(f"a sample rate of {rate} Hz is not supported")
    if format == "pcm":
        return RawStage(rate)
    if format == "wav":
        return WavStage(rate)
    if format in _CONTAINERS:
        return ChainStage(_CONTAINERS[format], rate, format)
    if format in _PACKETS:
        return PacketStage(format, rate)
    known = ", ".join(("pcm", "wav", *_CONTAINERS, *_PACKETS))
    raise UnsupportedFormat(f"{format!r} cannot be decoded here", hint=f"send one of: {known}")
