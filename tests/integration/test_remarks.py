"""A file that is not whole: what is there is recognized, and the transcript says what is not."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paraformer_async import AsyncRecognizer, Transcript
from paraformer_async.testing import ScriptedServer
from tests.audio.making import RATE, make
from tests.loops import one_loop

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]
anyio_backend = one_loop  # reading files does not depend on it

NOISE = np.random.default_rng(7).normal(0, 3000, 2 * RATE).astype(np.int16)


def whole(path: Path) -> bytes:
    """Return 2 s of noise in the format that the name of *path* says."""
    match path.suffix:
        case ".m4a":
            make(path, NOISE, "ipod", "aac", movflags="faststart")
        case ".aac":
            make(path, NOISE, "adts", "aac")
        case ".webm":
            make(path, NOISE, "webm", "libopus", rate=48_000)
        case _:
            soundfile.write(path, NOISE, RATE)
    return path.read_bytes()


async def transcribed(path: Path, *, passthrough: bool = False) -> Transcript:
    """Return the transcript of a file, as data that was stored and read."""
    async with (
        ScriptedServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        transcript = await recognizer.transcribe(path, passthrough=passthrough)
        assert len(server.received[0].audio) > 1000
        return Transcript.from_json(transcript.to_json())


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("a.wav", "ends early: it declares 2.00 s of audio but contains 1.50 s"),
        ("a.flac", "ends early: it declares 2.00 s of audio but contains "),
        ("a.mp3", "ends early: it declares 2."),
        ("a.aiff", "ends early: it declares 2.00 s of audio but contains "),
        ("a.ogg", "was cut off in its last page"),
        ("a.m4a", "ends early: it declares 2."),
        ("a.webm", "ends early: it declares 2."),
        ("a.aac", "was cut off in its last packet"),
    ],
)
async def test_a_file_that_was_cut_off(
    name: str, remark: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The transcript of a part of a file says that it is one; the log does not warn, too."""
    caplog.set_level(logging.INFO)
    path = tmp_path / name
    data = whole(path)
    assert () == (await transcribed(path)).remarks
    path.write_bytes(data[: len(data) * 3 // 4 + 1])

    (found,) = (await transcribed(path)).remarks

    assert found.startswith(remark)
    assert f"{path} {found}" in caplog.messages
    assert {logging.INFO} == {record.levelno for record in caplog.records}


@pytest.mark.parametrize("passthrough", [False, True])
async def test_damage(passthrough: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The transcript of a damaged file says so, also if the file is sent as it is."""
    path = tmp_path / "a.mp3"
    data = whole(path)
    half = len(data) // 2
    path.write_bytes(data[:half] + b"no MP3" * 500 + data[half:-5])

    (found,) = (await transcribed(path, passthrough=passthrough)).remarks

    assert ("that are no whole packet of mp3" if passthrough else "is damaged") in found
    assert [] == caplog.messages
