"""One recording in every form: the same words, whatever it is wrapped in and called."""

import io
import os
import re
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile
import soxr

from paraformer_async import AsyncRecognizer, probe
from paraformer_async.server import LocalServer
from tests.audio.making import RATE, RECORDED, make
from tests.integration.conftest import AUDIO
from tests.loops import one_loop

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]
anyio_backend = one_loop  # the engine takes most of the time

SPEECH = np.frombuffer((AUDIO / "goforward.wav").read_bytes()[44:], "<i2")
SECONDS = len(SPEECH) / RATE
CENTER = np.zeros((6, len(SPEECH)), np.int16)
CENTER[2] = SPEECH
Make = Callable[[Path], Path]


def wav(subtype: str = "PCM_16", *, rate: int = RATE, channels: int = 1, to: str = "WAV") -> Make:
    """Return what writes the recording with soundfile."""
    samples = SPEECH / 32768 if rate == RATE else soxr.resample(SPEECH / 32768, RATE, rate)
    many = np.repeat(samples[:, np.newaxis], channels, axis=1)

    def write(path: Path) -> Path:
        soundfile.write(path, many, rate, subtype, format=to)
        return path

    return write


def by_pyav(container: str, codec: str, samples: np.ndarray = SPEECH, **options: Any) -> Make:
    """Return what writes the recording with PyAV."""
    return lambda path: make(path, samples, container, codec, **options)


def recorded(name: str) -> Make:
    """Return what copies the recording in a format that PyAV may have no encoder for."""
    return lambda path: Path(shutil.copyfile(RECORDED[name], path))


FORMS: dict[str, Make] = {
    **{f"wav {rate} Hz": wav(rate=rate) for rate in (8000, 16_000, 44_100, 48_000)},
    "wav stereo": wav(rate=44_100, channels=2),
    "wav 5.1, all channels alike": wav(rate=48_000, channels=6),
    "wav 5.1, voice in the center": by_pyav("wav", "pcm_s16le", CENTER, layout="5.1"),
    **{
        f"wav {subtype}": wav(subtype)
        for subtype in ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")
    },
    "wav MS ADPCM": wav("MS_ADPCM"),
    "wav IMA ADPCM": wav("IMA_ADPCM"),
    "wav GSM": wav("GSM610", rate=8000),
    "wav G.722": by_pyav("wav", "g722"),
    "flac": wav(to="FLAC"),
    "flac 24 bits": wav("PCM_24", to="FLAC", rate=48_000, channels=2),
    "ogg vorbis": wav("VORBIS", to="OGG"),
    "ogg opus": wav("OPUS", to="OGG"),
    "mp3 constant": by_pyav("mp3", "libmp3lame"),
    "mp3 without Xing": by_pyav("mp3", "libmp3lame", rate=44_100, write_xing="0"),
    "mp3 variable": wav("MPEG_LAYER_III", to="MP3"),
    "m4a": by_pyav("ipod", "aac"),
    "m4a, 8 kHz": by_pyav("ipod", "aac", rate=8000),
    "m4a lossless": by_pyav("ipod", "alac", rate=44_100, layout="stereo"),
    "ADTS": by_pyav("adts", "aac", rate=44_100, layout="stereo"),
    **{name: recorded(name) for name in RECORDED},
    "webm opus": by_pyav("webm", "libopus", rate=48_000),
    "mkv with video": by_pyav("matroska", "aac", rate=48_000, video=True),
    "mp4 with video": by_pyav("mp4", "aac", rate=44_100, layout="stereo", video=True),
    "aiff": wav(to="AIFF"),
    "caf": wav(to="CAF"),
    "au": wav(to="AU"),
}


def words(text: str) -> str:
    """Return the words of *text*, without punctuation."""
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).replace("10", "ten").split())


def write_to(pipe: Path, data: bytes) -> None:
    """Write *data* to a named pipe."""
    with pipe.open("wb") as file:
        file.write(data)


async def test_the_same_words_of_every_form(tmp_path: Path) -> None:
    """
    In every form, the recording has its words and, to 50 ms, its duration.

    Each form is a file of a wrong name, bytes in memory, an open file, or a pipe, in turn.
    """
    errors: dict[str, object] = {}
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        for number, (name, write) in enumerate(FORMS.items()):
            path = write(tmp_path / "a.wav").rename(tmp_path / f"2026-11-28T10:30 {number}.txt")
            with ExitStack() as opened:
                audio: Any = path
                if number % 4 == 1:
                    audio = path.read_bytes()
                elif number % 4 == 2:
                    audio = opened.enter_context(path.open("rb"))
                elif number % 4 == 3:
                    audio = tmp_path / f"-pipe {number}.mp3"
                    os.mkfifo(audio)
                    writer = threading.Thread(target=write_to, args=(audio, path.read_bytes()))
                    writer.start()
                    opened.callback(writer.join)
                transcript = await recognizer.transcribe(audio)
            found = await probe(io.BytesIO(path.read_bytes()))
            wrong = jiwer.wer("go forward ten meters", words(transcript.text))
            off = transcript.duration - SECONDS
            if wrong or abs(off) > 0.05 or found.duration != transcript.duration or found.remarks:
                errors[name] = (transcript.text, round(off, 3), found)
    assert {} == errors
