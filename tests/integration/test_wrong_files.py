"""What is no audio, or cannot be used: one error that says what to do, and nothing is sent."""

import gzip
import io
import struct
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from paraformer_async import AsyncRecognizer, AudioError, InvalidOptionError
from paraformer_async.testing import ScriptedServer
from tests.audio.making import make_silent_video
from tests.integration.conftest import AUDIO

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

WAV = (AUDIO / "goforward.wav").read_bytes()
SAMPLES = WAV[44:]
OTHER = "http://127.0.0.1:9/other.wav"


def zipped() -> bytes:
    """Return a ZIP archive of a recording."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.wav", WAV)
    return file.getvalue()


def array() -> bytes:
    """Return a file of an array."""
    file = io.BytesIO()
    np.save(file, np.zeros(1000, np.int16))
    return file.getvalue()


def mp4(brand: bytes, box: bytes = b"") -> bytes:
    """Return the beginning of what looks like an MP4 file."""
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(12) + box


WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "the file is empty"),
    "only a header": (WAV[:44], "contains no audio: it ends early: it declares 2.79 s"),
    "half a header": (WAV[:20], "looks like WAV.*get an intact copy"),
    "samples": (SAMPLES, r'an unknown format.*raw 16-bit mono.*format="pcm", sample_rate='),
    "gzip": (gzip.compress(WAV), "a gzip archive.*unpack it"),
    "zip": (zipped(), "a ZIP archive.*unpack it"),
    "bzip2": (b"BZh91AY&SY" + bytes(60), "a bzip2 archive.*unpack it"),
    "tar": (bytes(257) + b"ustar\x0000" + bytes(250), "a tar archive.*unpack it"),
    "PDF": (b"%PDF-1.7\n" + bytes(60), "a PDF document.*pass a file with sound"),
    "MIDI": (b"MThd" + bytes(60), "MIDI.*notes, not sound"),
    "MIDI in RIFF": (b"RIFF\x40\0\0\0RMIDdata" + bytes(60), "MIDI.*notes, not sound"),
    "a CD track": (b"RIFF\x24\0\0\0CDDAfmt " + bytes(28), "a reference to a track of a CD"),
    "HLS": (f"#EXTM3U\n#EXTINF:3,\n{OTHER}\n".encode(), "a playlist.*not followed"),
    "HLS with a BOM": (f"\ufeff#EXTM3U\n{OTHER}\n".encode(), "a playlist.*not followed"),
    "PLS": (f"[Playlist]\nFile1={OTHER}\n".encode(), "a playlist.*not followed"),
    "XSPF": (
        b'<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/"></playlist>',
        "a playlist.*not followed",
    ),
    "a list of files": (b"ffconcat version 1.0\nfile 'a.wav'\n", "a list of files.*not followed"),
    "an address": (f"{OTHER}\n".encode(), "an address, not the audio.*download"),
    "SDP": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n", "session"),
    "Git LFS": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "a Git LFS pointer.*git lfs pull",
    ),
    "UTF-16": ("\ufeff录音一 transcript".encode("utf-16-le"), "UTF-16 text.*a file with sound"),
    "HTML": (b"<!DOCTYPE html><html></html>", "HTML or XML text.*a server answered"),
    "JSON": (b'{"error": "not found"}', "text.*a server answered"),
    "text": ("你好，世界\n".encode(), "looks like text.*pass a file with sound"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(60), r"an image \(PNG\)"),
    "WebP": (b"RIFF\x40\0\0\0WEBPVP8 " + bytes(60), r"an image \(WebP\)"),
    "BMP": (b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + bytes(60), r"an image \(BMP\)"),
    "HEIC": (mp4(b"heic"), r"an image \(HEIC\)"),
    "Audible": (mp4(b"aax "), r"protected \(DRM\).*without protection"),
    "MP4 with DRM": (
        mp4(b"M4A ", struct.pack(">I", 44) + b"moov" + bytes(8) + b"stsd" + bytes(12) + b"drms"),
        r"protected against copying \(DRM\)",
    ),
    "MP4 cut off": (mp4(b"M4A ", b"\0\0\xff\0mdat"), "no index"),
    "SILK": (b"\x02#!SILK_V3" + bytes(60), "SILK.*decode it to WAV"),
    "an array": (array(), r"an array of numpy.*numpy\.load"),
    "a program": (b"\x7fELF" + bytes(60), "a program"),
    "MP3 cut off": (b"ID3\4\0\0\0\0\0\x0a" + bytes(10), "an ID3 tag.*get an intact copy"),
}


@pytest.fixture
async def service() -> AsyncIterator[tuple[AsyncRecognizer, ScriptedServer]]:
    """Return an open recognizer and its service, which must not receive anything."""
    async with ScriptedServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            yield recognizer, server
        assert [] == server.received


@pytest.mark.parametrize("kind", WRONG)
async def test_what_is_no_audio(
    service: tuple[AsyncRecognizer, ScriptedServer], tmp_path: Path, kind: str
) -> None:
    """The error says what it is and what to do, whatever the name, in a file and in memory."""
    data, text = WRONG[kind]
    path = tmp_path / "speech.wav"
    path.write_bytes(data)
    for audio in (path, data) if data else (path,):
        with pytest.raises(AudioError, match=text) as caught:
            await service[0].transcribe(audio)
        assert "ffmpeg -i" not in str(caught.value)


async def test_video_without_sound(
    service: tuple[AsyncRecognizer, ScriptedServer], tmp_path: Path
) -> None:
    """A video without sound is refused."""
    with pytest.raises(AudioError, match=r"without an audio track.*with sound"):
        await service[0].transcribe(make_silent_video(tmp_path / "a.mp4"))


async def test_no_file(service: tuple[AsyncRecognizer, ScriptedServer], tmp_path: Path) -> None:
    """A folder and a missing file raise what `open` raises."""
    with pytest.raises(OSError, match=tmp_path.name):
        await service[0].transcribe(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none\.wav"):
        await service[0].transcribe(tmp_path / "none.wav")


async def test_a_rate_that_the_model_does_not_take(
    service: tuple[AsyncRecognizer, ScriptedServer],
) -> None:
    """A stream of another rate than the model's only one is refused."""
    with pytest.raises(InvalidOptionError, match="takes 8000 Hz only, not 16000"):
        service[0].stream(SAMPLES, model="paraformer-realtime-8k-v2", sample_rate=16_000)


@pytest.mark.parametrize(
    ("audio", "format", "text"),
    [
        (WAV, "pcm", 'begins as WAV.*format="wav"'),
        (SAMPLES, "wav", 'does not begin as one.*format="pcm"'),
        (SAMPLES, "opus", "does not begin as one.*with its container"),
        (b"OggS" + bytes(24) + b"\x01vorbis" + bytes(60), "mp3", "begins as Vorbis in Ogg"),
        (WAV[:24] + struct.pack("<I", 8000) + WAV[28:], "wav", "header with 8000 Hz.*=8000"),
        (WAV[:22] + b"\2" + WAV[23:], "wav", "2 channels.*input_channels=2"),
    ],
)
async def test_a_stream_that_contradicts_its_declaration(
    service: tuple[AsyncRecognizer, ScriptedServer], audio: bytes, format: str, text: str
) -> None:
    """A stream that is not what it was declared to be is refused before any of it is sent."""
    with pytest.raises(AudioError, match=text):
        async for _ in service[0].stream(audio, format=format):
            pass
    assert not service[1].received
