"""`transcribe` takes whatever holds audio, and loses none of it."""

import gc
import io
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio.lowlevel
import numpy as np
import pytest
import soundfile

from paraformer_async import AudioError, InvalidOptionError, Reconnect
from paraformer_async.audio.files import AudioFile
from paraformer_async.testing import Drop, ScriptedServer, marked, marks
from tests.integration.marked import BLOCKS, LENGTH, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

# Less is kept than the service leaves unsettled, so that a drop costs audio that is not kept.
LITTLE = Reconnect(backoff=lambda _: 0.01, keep=1.0)
PCM = marked(LENGTH)
SAMPLES = np.frombuffer(PCM, np.int16)


class Upload:
    """A file that is read with `await`, like the `UploadFile` of FastAPI."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    async def read(self, size: int = -1) -> bytes:
        """Read."""
        await anyio.lowlevel.checkpoint()
        return self._file.read(size)


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield *data* in pieces."""
    for start in range(0, len(data), 4999):
        yield data[start : start + 4999]


def flac() -> bytes:
    """Return marked audio as a FLAC file."""
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, 16_000, format="FLAC")
    return file.getvalue()


RAW = {"format": "pcm", "sample_rate": 16_000}


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (flac, {}),
        (lambda: io.BytesIO(flac()), {}),
        (lambda: Upload(flac()), {}),
        (lambda: in_pieces(flac()), {}),
        (lambda: iter([flac()]), {}),
        (lambda: PCM, RAW),
        (lambda: in_pieces(PCM), RAW),
        (lambda: SAMPLES, {"sample_rate": 16_000}),
        (lambda: SAMPLES.astype(np.float32) / 32768, {"sample_rate": 16_000}),
        (lambda: np.stack([SAMPLES, SAMPLES], axis=1), {"sample_rate": 16_000}),
        (lambda: array("h", PCM), {"sample_rate": 16_000}),
    ],
    ids=[
        *("bytes", "BytesIO", "upload", "async generator", "iterator"),
        *("pcm", "pcm of a generator", "int16", "floats", "channels", "array"),
    ],
)
async def test_a_drop_loses_nothing(make: Callable[[], Any], options: dict[str, Any]) -> None:
    """Whatever holds the audio, it is read again after a drop, however little of it is kept."""
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        async with recognizer_for(server, reconnect=LITTLE) as recognizer:
            transcript = await recognizer.transcribe(make(), **options)
    assert [int(word.text) for word in transcript.words] == BLOCKS
    assert 10.0 == transcript.duration


async def test_an_open_file(tmp_path: Path) -> None:
    """An open file is read from its position on, and stays open."""
    path = tmp_path / "a.flac"
    path.write_bytes(b"skip" + flac())
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        async with recognizer_for(server, reconnect=LITTLE) as recognizer:
            with path.open("rb") as file:
                file.read(4)
                transcript = await recognizer.transcribe(file)
                assert not file.closed
    assert [int(word.text) for word in transcript.words] == BLOCKS


async def test_the_rate_of_arrays() -> None:
    """An array has the rate that was given to the recognizer, and none that was only assumed."""
    async with ScriptedServer(marks()) as server:
        async with recognizer_for(server) as recognizer:
            with pytest.raises(InvalidOptionError, match="does not tell its rate"):
                await recognizer.transcribe(SAMPLES)
        assert [] == server.received
        async with recognizer_for(server, sample_rate=16_000) as recognizer:
            assert 10.0 == (await recognizer.transcribe(SAMPLES)).duration


async def test_a_model_of_another_rate() -> None:
    """Samples of a rate that the model does not take are converted, with the same duration."""
    async with ScriptedServer(marks()) as server:
        async with recognizer_for(server, model="paraformer-realtime-8k-v2") as recognizer:
            for audio, options in ((PCM, RAW), (SAMPLES, {"sample_rate": 16_000})):
                transcript = await recognizer.transcribe(audio, **options)  # type: ignore[arg-type]
                assert 10.0 == pytest.approx(transcript.duration, abs=0.001)
        for task in server.received:
            assert 8000 == task.sample_rate
            assert 10_000 == pytest.approx(task.audio_ms, abs=1)


@pytest.mark.parametrize(
    ("audio", "options", "error"),
    [
        (PCM, {}, AudioError),
        (PCM, {"format": "pcm"}, InvalidOptionError),
        (flac(), RAW, AudioError),
        (b"", {}, AudioError),
        (None, {}, InvalidOptionError),
        (SAMPLES, {"encoding": "alaw"}, InvalidOptionError),
        (SAMPLES, {"sample_rate": "16k"}, InvalidOptionError),
        (flac(), {"sampel_rate": 16_000}, InvalidOptionError),
    ],
)
async def test_nothing_is_sent(audio: Any, options: dict[str, Any], error: type[Exception]) -> None:
    """What cannot work is refused before anything is sent."""
    async with ScriptedServer() as server:
        async with recognizer_for(server) as recognizer:
            with pytest.raises(error):
                await recognizer.transcribe(audio, **options)
            assert 0 == server.connections.accepted


async def test_audio_is_freed_at_once(tmp_path: Path) -> None:
    """The audio of a file is freed when it is done, not when the garbage collector runs."""
    path = tmp_path / "a.wav"
    soundfile.write(path, SAMPLES, 16_000)
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        gc.collect()
        gc.disable()
        try:
            await recognizer.transcribe(path)
            assert not [one for one in gc.get_objects() if isinstance(one, AudioFile)]
        finally:
            gc.enable()
