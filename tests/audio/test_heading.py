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


def wav(channels: int = 1, before: bytes = b"") -> bytes:
    """Return the beginning of a WAV file with a chunk *before* its format."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 16000, 32000, 2, 16)
    return b"RIFF\xff\xff\xff\xffWAVE" + before + fmt + b"data\xff\xff\xff\xff"


def encoded(format: str) -> bytes:
    """Return an encoded file."""
    file = io.BytesIO()
    soundfile.write(file, np.ones(16000, np.int16), 16000, format=format)
    return file.getvalue()


def feed(format: str, data: bytes, size: int) -> bool:
    """Feed *data* in chunks of *size*; return whether more are needed."""
    heading = Heading(format)
    starts = range(0, len(data), size)
    return all(heading.feed(data[start : start + size]) for start in starts)


@pytest.mark.parametrize("size", [1, 5, 12, 1000])
@pytest.mark.parametrize(
    ("data", "name"),
    [
        (wav(), "wav"),
        (encoded("OGG"), "opus"),
        (encoded("FLAC"), "flac"),
        (encoded("AIFF"), "aiff"),
        (b"ID3\4\0\0\0\0\1\0" + bytes(20), "mp3"),
        (b"#!AMR\n" + bytes(20), "amr"),
        (bytes(4) + b"ftypM4A " + bytes(8), "mp4"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_pcm_with_a_header(data: bytes, name: str, size: int) -> None:
    """A stream of PCM that begins as a container is refused; the hint names what to do."""
    with pytest.raises(AudioError, match=f"declared as pcm and begins as {name}") as caught:
        feed("pcm", data, size)
    taken = name in {"wav", "opus", "mp3", "amr"}
    assert (f'format="{name}"' in caught.value.hint) is taken
    assert "transcribe(path)" in caught.value.hint


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_codes_with_a_header(encoding: str) -> None:
    """A stream of G.711 that begins with a header is refused: only samples are converted."""
    with pytest.raises(AudioError, match=f"declared as {encoding} and begins as wav") as caught:
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
        ("opus", encoded("OGG")),
        ("speex", encoded("OGG")),
        ("mp3", encoded("MP3")),
        ("amr", b"#!AMR\n" + bytes(20)),
        ("aac", b"\xff\xf1\x50\x80" + bytes(20)),
        ("of tomorrow", wav()),
    ],
)
def test_right_formats(format: str, data: bytes) -> None:
    """A stream that begins as its own format passes, and formats not known here are not checked."""
    assert not feed(format, data, 1000)


@given(st.binary(min_size=12, max_size=300))
def test_any_samples(data: bytes) -> None:
    """Samples are not taken for a header, nor looked at beyond 12 bytes."""
    assert not feed("pcm", b"\0\0" + data, 1000)
