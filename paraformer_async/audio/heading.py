"""Check that a stream begins as what it was declared to be."""

from paraformer_async._core.wav import WavHeader
from paraformer_async.audio.containers.sniffing import begins_as
from paraformer_async.errors import AudioError

__all__ = ["Heading"]

_MAGIC = 36  # bytes: those of Ogg, up to the name of its codec
# What a stream of a format may begin as; other formats are not checked.
_ALLOWED: dict[str, tuple[str, ...]] = {
    "pcm": (),
    "wav": ("WAV",),
    "mp3": ("MP3", "MP3 or AAC behind an ID3 tag"),
    "opus": ("Opus in Ogg",),
    "speex": ("Speex in Ogg",),
    "aac": ("AAC (ADTS)", "AAC (LATM)", "MP3 or AAC behind an ID3 tag", "MP4/M4A"),
    "amr": ("AMR-NB",),
    "mulaw": (),
    "alaw": (),
}
# Formats without which no decoder can begin; those of MPEG can be entered at any frame.
_REQUIRED = ("wav", "opus", "speex", "amr")
_ENCODINGS = ("mulaw", "alaw")
_FORMAT_OF = {
    "WAV": "wav",
    "MP3": "mp3",
    "MP3 or AAC behind an ID3 tag": "mp3",
    "Opus in Ogg": "opus",
    "Speex in Ogg": "speex",
    "AAC (ADTS)": "aac",
    "AMR-NB": "amr",
}


class Heading:
    """
    The first bytes of a stream, until they are known to be right.

    A stream that begins as another format is refused before any of it is sent: the service would
    recognize noise, or nothing, without an error.

    Args:
        format: The format of the stream, or the encoding of its samples.
        sample_rate: The declared sample rate in Hz.
    """

    def __init__(self, format: str, sample_rate: int) -> None:
        self._format = format
        self._rate = sample_rate
        self._allowed = _ALLOWED.get(format)
        self._head = b""
        self._wav = WavHeader() if format == "wav" else None

    def feed(self, chunk: bytes) -> bool:
        """
        Take the next chunk; return whether more are needed.

        Raises:
            AudioError: The stream is not what it was declared to be, or has several channels.
        """
        if self._allowed is None:
            return False
        if len(self._head) < _MAGIC:
            self._head += chunk
            if len(self._head) < _MAGIC:
                return True
            self._check_format()
            chunk = self._head
        if self._wav is None:
            return False
        self._wav.feed(chunk)
        self._check_wav(self._wav)
        return not (self._wav.channels or self._wav.problem)

    def _check_format(self) -> None:
        name = begins_as(self._head)
        if name and name not in (self._allowed or ()):
            raise self._mistaken(name)
        if not name and self._format in _REQUIRED:
            raise AudioError(
                f"the stream was declared as {self._format} and does not begin as one",
                hint='use format="pcm" for samples without a header'
                if self._format == "wav"
                else f"send {self._format} with its container, from its first byte on",
            )

    def _mistaken(self, name: str) -> AudioError:
        format = _FORMAT_OF.get(name)
        hint = "decode it first; for files, use transcribe(path)"
        if self._format in _ENCODINGS:
            hint = "pass the samples without a header; for files, use transcribe(path)"
        elif format:
            hint = f'use stream(…, format="{format}"); for files, use transcribe(path)'
        return AudioError(
            f"the stream was declared as {self._format} and begins as {name}", hint=hint
        )

    def _check_wav(self, wav: WavHeader) -> None:
        if not wav.channels:
            return
        if wav.channels != 1:
            raise AudioError(
                f"the stream has {wav.channels} channels; recognition needs mono audio",
                hint=f"set input_channels={wav.channels}: they are mixed, or with channels= split,"
                " or one is used",
            )
        if wav.sample_rate != self._rate:
            raise AudioError(
                f"the stream was declared with {self._rate} Hz, and its header with "
                f"{wav.sample_rate} Hz",
                hint=f"set sample_rate={wav.sample_rate}, if the model takes it; for files, use "
                "transcribe(path), which converts them",
            )
