"""What a file is, and what would be sent of it."""

import os

from paraformer_async.audio.files import open_audio
from paraformer_async.jsonable import Jsonable
from paraformer_async.options.models import MODELS

__all__ = ["AudioProbe", "probe"]

_CHUNK_MS = 10_000


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
        remark: What is wrong with the file; empty if nothing is.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int
    duration: float
    sent_format: str
    sent_sample_rate: int
    remark: str = ""


async def probe(
    path: str | os.PathLike[str], *, model: str = "paraformer-realtime-v2"
) -> AudioProbe:
    """
    Decode a file to its end, and return what it is. Nothing is sent.

    Can be canceled at any time; the file is closed then.

        >>> anyio.run(probe, "examples/audio/goforward.wav").duration
        2.78625

    Args:
        path: The file.
        model: The model that would recognize it: some accept only one sample rate.

    Raises:
        OSError: The file cannot be opened (FileNotFoundError and others).
        AudioError: The file cannot be read as audio.
        MissingExtraError: Its format needs the extra `av`.
    """
    known = MODELS.get(model)
    async with open_audio(path, chunk_ms=_CHUNK_MS) as audio:
        remark = await audio.measure()
        return AudioProbe(
            container=audio.format,
            codec=audio.subtype,
            sample_rate=audio.sample_rate,
            channels=audio.channels,
            duration=audio.duration,
            sent_format="pcm",
            sent_sample_rate=(known and known.sample_rate) or audio.sample_rate,
            remark=remark,
        )
