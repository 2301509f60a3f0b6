"""What a recognition costs: what the service bills, and what was sent beyond the user's audio."""

import wave
from pathlib import Path

import pytest

from paraformer_async import Sentence
from paraformer_async.middleware import Heartbeat
from paraformer_async.observing import Ended, Observation
from paraformer_async.testing import Drop, ScriptedServer, marked
from tests.integration.marked import LENGTH, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def received(server: ScriptedServer) -> float:
    """Return the seconds of audio that the tasks of *server* have received."""
    return sum(task.audio_ms for task in server.received) / 1000


async def test_without_trouble_only_the_users_audio_is_billed() -> None:
    """Without a drop or a pause, nothing is sent in addition, and the usage is the duration."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        stream = recognizer.stream(marked(LENGTH))
        async for _ in stream:
            pass
        assert (0, 0) == (stream.overhead.replayed, stream.overhead.injected)
        assert stream.usage is not None
        assert LENGTH / 1000 == stream.usage.duration == received(server)


async def test_what_a_drop_costs() -> None:
    """After drops, the usage is the sum of all tasks, and the overhead what was sent again."""
    faults, seen = [Drop(after_ms=2300), Drop(after_ms=1700)], list[Observation]()
    async with (
        ScriptedServer(faults=faults) as server,
        recognizer_for(server, observe=seen.append) as recognizer,
    ):
        stream = recognizer.stream(marked(LENGTH))
        usages = {
            result.request_id: result.usage.duration async for result in stream if result.usage
        }
        assert stream.usage is not None
        assert sum(usages.values()) == stream.usage.duration
        assert stream.overhead.replayed > 0
        # Audio that was in transit when a connection was lost was sent, but not received.
        assert received(server) <= LENGTH / 1000 + stream.overhead.replayed
    (end,) = (each for each in seen if isinstance(each, Ended))
    assert (stream.usage, stream.overhead) == (end.usage, end.overhead)


async def test_what_a_drop_costs_a_file(tmp_path: Path) -> None:
    """A file that is read again after a drop has the same account."""
    path = tmp_path / "marked.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(marked(LENGTH))
    async with ScriptedServer(faults=[Drop(after_ms=2300)]) as server:
        async with recognizer_for(server) as recognizer:
            transcript = await recognizer.transcribe(path)
        assert transcript.usage is not None
        assert transcript.usage.duration == transcript.billed
        assert transcript.overhead.replayed > 0
        assert received(server) <= LENGTH / 1000 + transcript.overhead.replayed


async def test_what_silence_costs() -> None:
    """Silence that a heartbeat injects is counted, and received by the service."""
    async with ScriptedServer([Sentence(0, 1500, "one")]) as server:
        async with recognizer_for(server, middleware=[Heartbeat]) as recognizer:
            async with recognizer.stream() as stream:
                await stream.send(marked(1000))
                assert "one" == (await anext(stream)).text  # because of the silence
                await stream.finish()
                async for _ in stream:
                    pass
        assert stream.overhead.injected > 0
        assert 1 + stream.overhead.injected == pytest.approx(received(server))
