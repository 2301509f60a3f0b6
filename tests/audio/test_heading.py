"""A stream that begins as another format than its own is refused."""

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async.audio.heading import Heading
from paraformer_async.errors import AudioError

ADTS = b"\xff\xf1\x60\x40\x04\x1f\xfc" + bytes(25)  # a frame of 32 bytes


def wav(channels: int = 1, before: bytes = b"") -> bytes:
    """Return the beginning of a WAV file with a chunk *before* its format."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 16000, 32000, 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + before + fmt + b"data\xff\xff\xff\xff"


def encoded(format: str, codec: str | None = None) -> bytes:
    """Return an encoded file."""
    file = io.BytesIO()
    soundfile.write(file, np.ones(16000, np.int16), 16000, codec, format=format)
    return file.getvalue()


def feed(format: str, data: bytes, size: int, rate: int = 16_000) -> bool:
    """Feed *data* in chunks of *size*; return whether more are needed."""
    heading = Heading(format, rate)
    starts = range(0, len(data), size)
    return all(heading.feed(data[start : start + size]) for start in starts)


@pytest.mark.parametrize("size", [1, 5, 12, 5000])
@pytest.mark.parametrize(
    ("data", "name", "format"),
    [
        (wav(), "WAV", "wav"),
        (encoded("OGG", "OPUS"), "Opus in Ogg", "opus"),
        (encoded("OGG"), "Vorbis in Ogg", ""),
        (encoded("FLAC"), "FLAC", ""),
        (encoded("AIFF"), "AIFF", ""),
        (b"ID3\4\0\0\0\0\1\0" + bytes(30), "MP3 or AAC behind an ID3 tag", "mp3"),
        (b"#!AMR\n" + bytes(30), "AMR-NB", "amr"),
        (bytes(4) + b"ftypM4A " + bytes(30), "MP4/M4A", ""),
        (b"\x1f\x8b\x08\0" + bytes(40), "", ""),
        (b"%PDF-1.7" + bytes(40), "a PDF document", ""),
        (b"<!DOCTYPE html><html><head></head></html>", "HTML or XML text", ""),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_pcm_with_a_header(data: bytes, name: str, format: str, size: int) -> None:
    """A stream of PCM that begins as something else is refused; the hint names what to do."""
    if not name:  # three bytes are chance
        assert not feed("pcm", data, size)
        return
    with pytest.raises(AudioError, match=f"declared as pcm and begins as {name}") as caught:
        feed("pcm", data, size)
    assert (f'format="{format}"' in caught.value.hint) is bool(format)
    assert "transcribe(path)" in caught.value.hint


@pytest.mark.parametrize(("data", "name"), [(encoded("MP3"), "MP3"), (ADTS * 3, r"AAC \(ADTS\)")])
@pytest.mark.parametrize("format", ["pcm", "wav", "opus", "speex", "amr"])
def test_frames_without_a_header(data: bytes, name: str, format: str) -> None:
    """Compressed audio that begins with a frame is told from samples by the frames after it."""
    with pytest.raises(AudioError, match=f"declared as {format} and begins as {name}"):
        feed(format, data, 5000)


@pytest.mark.parametrize(
    ("format", "data", "name"),
    [
        ("mp3", encoded("OGG"), "Vorbis in Ogg"),
        ("mp3", ADTS * 3, r"AAC \(ADTS\)"),
        ("aac", encoded("MP3"), "MP3"),
        ("opus", encoded("OGG"), "Vorbis in Ogg"),
        ("speex", encoded("OGG", "OPUS"), "Opus in Ogg"),
        ("amr", b"#!AMR-WB\n" + bytes(40), "AMR-WB"),
        ("wav", encoded("FLAC"), "FLAC"),
    ],
)
def test_another_codec(format: str, data: bytes, name: str) -> None:
    """A compressed stream that begins as another codec than its own is refused."""
    with pytest.raises(AudioError, match=f"declared as {format} and begins as {name}"):
        feed(format, data, 5000)


@pytest.mark.parametrize("format", ["opus", "speex", "amr"])
def test_packets_without_their_container(format: str) -> None:
    """What no decoder can begin without has to be there."""
    with pytest.raises(AudioError, match=f"declared as {format} and does not begin as one") as one:
        feed(format, bytes(range(100)), 20)
    assert "with its container" in one.value.hint


@pytest.mark.parametrize("size", [1, 30, 5000])
def test_a_wav_header_that_contradicts(size: int) -> None:
    """The rate in a WAV header has to be the declared one."""
    with pytest.raises(AudioError, match="declared with 8000 Hz, and its header with 16000") as one:
        feed("wav", wav(), size, rate=8000)
    assert "sample_rate=16000" in one.value.hint


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_codes_with_a_header(encoding: str) -> None:
    """A stream of G.711 that begins with a header is refused: only samples are converted."""
    with pytest.raises(AudioError, match=f"declared as {encoding} and begins as WAV") as caught:
        feed(encoding, wav(), 160)
    assert "without a header" in caught.value.hint
    assert "transcribe(path)" in caught.value.hint
    assert not feed(encoding, bytes(range(256)), 160)


@pytest.mark.parametrize("size", [1, 7, 44, 5000])
@pytest.mark.parametrize("before", [b"", struct.pack("<4sI", b"JUNK", 1001) + bytes(1002)])
def test_wav_streams(size: int, before: bytes) -> None:
    """A WAV stream of one channel passes, one of two is refused, wherever its format is."""
    assert not feed("wav", wav(1, before), size)
    with pytest.raises(AudioError, match="2 channels"):
        feed("wav", wav(2, before), size)


def test_wav_without_a_header() -> None:
    """A WAV stream that does not begin as one is refused."""
    with pytest.raises(AudioError, match="does not begin as one") as caught:
        feed("wav", bytes(100), 20)
    assert 'format="pcm"' in caught.value.hint


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("opus", encoded("OGG", "OPUS")),
        ("speex", b"OggS" + bytes(24) + b"Speex   " + bytes(40)),
        ("mp3", encoded("MP3")),
        ("amr", b"#!AMR\n" + bytes(40)),
        ("aac", ADTS * 3),
        ("of tomorrow", wav()),
    ],
)
def test_right_formats(format: str, data: bytes) -> None:
    """A stream that begins as its own format passes, and formats not known here are not checked."""
    assert not feed(format, data, 1000)


@given(st.binary(min_size=34, max_size=300))
def test_any_samples(data: bytes) -> None:
    """Samples are not taken for a header, nor waited for beyond 36 bytes."""
    assert not feed("pcm", b"\0\0" + data, 1000)
