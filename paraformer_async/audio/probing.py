"""What a file is, and what would be sent of it."""

from __future__ import annotations  # `help()` shows the names of types

from paraformer_async.audio.files import open_audio
from paraformer_async.audio.given import AnyAudio, declared
from paraformer_async.jsonable import Jsonable
from paraformer_async.options.models import MODELS

__all__ = ["AudioProbe", "probe"]

_CHUNK_MS = 2000


class AudioProbe(Jsonable, frozen=True):
    """
    What an audio file is, from its content, and what `transcribe` would send of it.

    Attributes:
        container: Container, for example `WAV`, `OGG`, `MP4/M4A`.
        codec: Codec as named by its decoder, for example `PCM_16`, `OPUS`, `aac (LC)`.
        sample_rate: Sample rate in Hz.
        channels: Number of channels.
        duration: Seconds of audio, as decoded: what is there, not what a header declares.
        sent_format: Format of what would be sent; `pcm` is s16le mono.
        sent_sample_rate: Sample rate in Hz of what would be sent.
        remarks: What is odd about the file, as in `Transcript.remarks`.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int
    duration: float
    sent_format: str
    sent_sample_rate: int
    remarks: tuple[str, ...] = ()


async def probe(
    audio: AnyAudio,
    *,
    model: str = "paraformer-realtime-v2",
    format: str | None = None,
    sample_rate: int | None = None,
    encoding: str | None = None,
) -> AudioProbe:
    """
    Decode audio to its end, and return what it is. Nothing is sent.

    Can be canceled at any time; what was opened is closed then.

        >>> anyio.run(probe, "examples/audio/goforward.wav").duration
        2.78625

    Args:
        audio: A path, or whatever else `AsyncRecognizer.transcribe` takes.
        model: The model that would recognize it: some accept only one sample rate.
        format: `pcm` for s16le mono samples without a header.
        sample_rate: Their sample rate in Hz; also that of arrays of samples.
        encoding: `mulaw` or `alaw` for codes of G.711 without a header.

    Raises:
        InvalidOptionError: *audio* contains no bytes and no samples, or samples of unknown rate.
        OSError: The file cannot be opened (FileNotFoundError and others).
        AudioError: The file cannot be read as audio.
        MissingExtraError: Its format needs the extra `av`.
    """
    known = MODELS.get(model)
    given = declared(format, sample_rate, encoding, array_rate=None)
    async with open_audio(audio, chunk_ms=_CHUNK_MS, declared=given) as file:
        await file.measure()
        return AudioProbe(
            container=file.format,
            codec=file.subtype,
            sample_rate=file.sample_rate,
            channels=file.channels,
            duration=file.duration,
            sent_format="pcm",
            sent_sample_rate=(known and known.sample_rate) or file.sample_rate,
            remarks=file.remarks,
        )
