"""Audio that can be read again is read again after a drop, however little of it is kept."""

import asyncio
import io
import logging
from array import array
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from paraformer_async import Reconnect
from paraformer_async._client.pump import Pump
from paraformer_async.testing import Drop, ScriptedServer, marked, marks
from tests.audio.making import make
from tests.integration.marked import (
    BLOCKS,
    LENGTH,
    assert_complete,
    noting,
    recognizer_for,
    results_of,
)

if TYPE_CHECKING:
    from paraformer_async.observing import RetryScheduled

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

# Less is kept than the service leaves unsettled, so that a drop costs audio that is not kept.
LITTLE = Reconnect(backoff=lambda _: 0.01, keep=1.0)


@pytest.mark.parametrize(
    "kind",
    [
        io.BytesIO,
        bytearray,
        lambda audio: array("h", audio),
        lambda audio: np.frombuffer(audio, np.int16),
        lambda audio: [audio[start : start + 999] for start in range(0, len(audio), 999)],
    ],
    ids=["BytesIO", "bytearray", "array", "numpy", "list"],
)
async def test_audio_in_memory(kind: Callable[[bytes], Any]) -> None:
    """Whatever holds the audio in memory: a drop loses none of it."""
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        assert_complete(await results_of(server, kind(marked(LENGTH)), reconnect=LITTLE))


@pytest.mark.parametrize("keep", [1.0, 60.0])
async def test_the_observer_receives_how_much_is_read_again(keep: float) -> None:
    """What a retry sends again is what it is billed for, whether it is kept or read again."""
    retries: list[RetryScheduled] = []
    reconnect = Reconnect(backoff=lambda _: 0.01, keep=keep)
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        async with recognizer_for(
            server, reconnect=reconnect, observe=noting(retries)
        ) as recognizer:
            stream = recognizer.stream(marked(LENGTH))
            assert_complete([result async for result in stream])
    assert [stream.overhead.replayed] == [pytest.approx(retry.replayed) for retry in retries]
    assert stream.overhead.replayed > 2.9


async def test_open_file(tmp_path: Path) -> None:
    """An open file on disk is read again from where it stood when it was handed over."""
    path = tmp_path / "a.raw"
    path.write_bytes(b"header" + marked(LENGTH))
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        with path.open("rb") as file:
            file.read(6)
            assert_complete(await results_of(server, file, reconnect=LITTLE))


@pytest.mark.parametrize("format", ["WAV", "FLAC"])
async def test_joined_file(tmp_path: Path, format: str) -> None:
    """A file of several parts is read again across their boundary."""
    samples = np.frombuffer(marked(LENGTH), np.int16)
    parts = []
    for part in (samples[: 6 * 16_000], samples[6 * 16_000 :]):
        file = io.BytesIO()
        soundfile.write(file, part, 16_000, format=format)
        parts.append(file.getvalue())
    path = tmp_path / "a"
    path.write_bytes(b"".join(parts))
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        async with recognizer_for(server, reconnect=LITTLE) as recognizer:
            transcript = await recognizer.transcribe(path)
    assert [int(word.text) for word in transcript.words] == BLOCKS
    assert 10.0 == transcript.duration


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "alac"), ("a.mkv", "pcm_s16le")])
async def test_file_of_ffmpeg(tmp_path: Path, name: str, codec: str) -> None:
    """A file that FFmpeg decodes is read again like any other."""
    samples = np.frombuffer(marked(LENGTH), np.int16)
    path = make(tmp_path / name, samples, "", codec)
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        async with recognizer_for(server, reconnect=LITTLE) as recognizer:
            transcript = await recognizer.transcribe(path)
    assert [int(word.text) for word in transcript.words] == BLOCKS
    assert 10.0 == transcript.duration


class Rewindable:
    """A source of the user that can be read again, and ends within a sample."""

    async def read_from(self, position: int) -> AsyncGenerator[bytes, None]:
        """Read from *position*."""
        yield (marked(LENGTH) + b"\x01")[position:]


async def test_what_is_left_out_of_a_source_of_the_user(caplog: pytest.LogCaptureFixture) -> None:
    """The log warns of what is left out of a source that has no remarks to say so."""
    async with ScriptedServer() as server:
        assert_complete(await results_of(server, Rewindable()))
    (record,) = caplog.records
    assert logging.WARNING == record.levelno
    assert "its last 1 byte(s) are left out" in record.getMessage()


class EndsWithTheConnection:
    """A source whose end is read in the very step in which it has to be read again."""

    def __init__(self) -> None:
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read_from(self, position: int) -> AsyncGenerator[bytes, None]:
        """Read from *position*."""
        yield marked(LENGTH)[position:]
        if position == 0:
            await self.end


async def test_source_that_ends_while_it_is_rewound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a source that has to be read again does not end the audio."""
    source = EndsWithTheConnection()
    rewind = Pump.rewind

    def rewind_at_the_end(pump: Pump, position: int) -> None:
        source.end.set_result(None)
        rewind(pump, position)

    monkeypatch.setattr(Pump, "rewind", rewind_at_the_end)
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=8000)]) as server:
        assert_complete(await results_of(server, source, reconnect=LITTLE))
