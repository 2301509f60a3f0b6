"""The header of a WAV file that a program sends as PCM."""

from paraformer_async._core.wav import LARGEST_HEADER, MAGICS, PCM, WavHeader

__all__ = ["LARGEST_HEADER", "without_header"]


def without_header(audio: bytes, sample_rate: int) -> bytes:
    """
    Return the beginning of PCM without the header of a WAV file, if it has one.

    Many programs for the vendor's SDK declare a file of this kind as pcm, and send it whole; the
    service takes the header for a click. A header of what cannot be sent as pcm is left in: then
    the audio is refused, as it is by `AsyncRecognizer`.

    Args:
        audio: The beginning, s16le mono, with all of the header.
        sample_rate: The declared rate in Hz.
    """
    if not audio.startswith(MAGICS):
        return audio
    header = WavHeader()
    samples = header.feed(audio)
    found = header.codec, header.channels, header.bits, header.sample_rate
    return bytes(samples) if header.is_complete and found == (PCM, 1, 16, sample_rate) else audio
