"""Frames of telephony (G.711), as a media gateway hands them over."""

import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
import soundfile

from paraformer_async import AsyncRecognizer, AudioError, InvalidOptionError
from paraformer_async.audio.companding import expander
from paraformer_async.server import LocalServer
from paraformer_async.testing import Drop, ScriptedServer, marks
from tests.integration.conftest import AUDIO
from tests.integration.marked import recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

# Servers recognize nothing in it: `ScriptedServer([])`. Looking for marks would take seconds.
CODES = np.random.default_rng(5).integers(0, 256, 8 * 8000, np.uint8).tobytes()
FRAME = 160  # bytes: 20 ms


async def frames(audio: bytes) -> AsyncIterator[bytes]:
    """Yield *audio* in frames of 20 ms."""
    for start in range(0, len(audio), FRAME):
        yield audio[start : start + FRAME]


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
async def test_frames_are_converted(encoding: str) -> None:
    """Frames from a source, and pushed ones, are sent as s16le at 8000 Hz."""
    async with (
        ScriptedServer([]) as server,
        recognizer_for(server, encoding=encoding) as recognizer,
    ):
        [_ async for _ in recognizer.stream(frames(CODES))]
        async with recognizer.stream() as stream:
            async for frame in frames(CODES):
                await stream.send(frame)
            await stream.finish()
            [_ async for _ in stream]
    assert 2 == len(server.received)
    for task in server.received:
        assert ("pcm", 8000) == (task.parameters["format"], task.sample_rate)
        assert "encoding" not in task.parameters
        assert expander(encoding)(CODES) == task.audio


async def test_a_drop() -> None:
    """After a drop, frames in memory are read again from the sample where that is necessary."""
    whole = expander("mulaw")(CODES)
    async with ScriptedServer(marks(sentence_ms=2000), faults=[Drop(after_ms=5000)]) as server:
        async with recognizer_for(server, encoding="mulaw") as recognizer:
            [_ async for _ in recognizer.stream(CODES)]
    first, second = server.received
    assert whole.startswith(first.audio)
    assert whole.endswith(second.audio)
    assert len(whole) <= len(first.audio) + len(second.audio)


async def one_by_one(audio: Any) -> AsyncIterator[Any]:
    """Yield *audio* in one piece."""
    yield audio


@pytest.mark.parametrize(
    ("audio", "error"),
    [
        (np.zeros(800, np.int16), InvalidOptionError),
        (np.zeros(800, np.float32), InvalidOptionError),
        ((AUDIO / "goforward.wav").read_bytes(), AudioError),
    ],
    ids=["int16", "floats", "a file"],
)
@pytest.mark.parametrize("given", [lambda audio: audio, lambda audio: [audio], iter, one_by_one])
async def test_what_is_not_encoded(
    audio: Any, error: type[Exception], given: Callable[[Any], Any]
) -> None:
    """Samples that are decoded already, and whole files, are refused; nothing of them is sent."""
    async with ScriptedServer() as server:
        async with recognizer_for(server, encoding="mulaw") as recognizer:
            with pytest.raises(error):
                [_ async for _ in recognizer.stream(given([audio] if given is iter else audio))]
            with pytest.raises(error):
                async with recognizer.stream() as stream:
                    await stream.send(audio)
    assert not any(task.audio for task in server.received)


async def test_speech() -> None:
    """The words of a call are recognized."""
    speech, rate = soundfile.read(AUDIO / "goforward.wav", dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, speech[:: rate // 8000], 8000, format="RAW", subtype="ULAW")
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any", encoding="mulaw") as recognizer,
    ):
        results = [one async for one in recognizer.stream(frames(file.getvalue()))]
        assert "go forward" in results[-1].text.lower()
        transcript = await recognizer.transcribe(AUDIO / "goforward.wav")  # files tell their own
        assert "go forward" in transcript.text.lower()
