"""
Tests of a service of yours, with the pytest plugin: a script, faults, and what was received.

    python -m pytest examples/testing_your_service

The plugin is installed with the package. Its fixture `paraformer_server` runs a service on this
machine; the marker of the same name has its options.
"""

from collections.abc import AsyncIterator

import pytest
from voice_notes import take_note

from paraformer_async import AsyncRecognizer, Reconnect, Sentence, Word
from paraformer_async.testing import Drop, FailTask, ScriptedServer, Throttle

pytestmark = pytest.mark.anyio

# What the service recognizes: one sentence in the first second, another one in the second.
SCRIPT = [
    Sentence(0, 900, "Call Ann.", (Word(100, 400, "Call"), Word(400, 900, "Ann", "."))),
    Sentence(1000, 1900, "Buy milk.", (Word(1100, 1400, "Buy"), Word(1400, 1900, "milk", "."))),
]
WHOLE = ["Call Ann.", "Buy milk."]


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on asyncio."""
    return "asyncio"


@pytest.fixture
async def recognizer(paraformer_server: ScriptedServer) -> AsyncIterator[AsyncRecognizer]:
    """Open a recognizer that is connected to the service, and does not wait between attempts."""
    again = Reconnect(backoff=lambda _: 0.0)
    async with AsyncRecognizer(
        endpoint=paraformer_server.url, api_key="any", reconnect=again
    ) as recognizer:
        yield recognizer


async def two_seconds() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield bytes(3200)  # 100 ms; what it contains does not matter to a script


@pytest.mark.paraformer_server(SCRIPT)
async def test_a_note(recognizer: AsyncRecognizer, paraformer_server: ScriptedServer) -> None:
    """A note has its sentences, and the service has received all of the audio."""
    note = await take_note(recognizer, two_seconds())
    assert note.sentences == WHOLE
    assert note.is_complete
    (task,) = paraformer_server.received
    assert len(task.audio) == 64_000
    assert paraformer_server.violations == []


@pytest.mark.paraformer_server(SCRIPT, faults=[Throttle(), Drop(after_ms=500)])
async def test_a_lost_connection(
    recognizer: AsyncRecognizer, paraformer_server: ScriptedServer
) -> None:
    """A service that throttles, and then loses the connection, costs time and no word."""
    note = await take_note(recognizer, two_seconds())
    assert note.sentences == WHOLE
    assert note.is_complete
    assert len(paraformer_server.received) == 3


@pytest.mark.paraformer_server(SCRIPT, faults=[FailTask("InvalidParameter", "no", after_ms=950)])
async def test_a_failure(recognizer: AsyncRecognizer) -> None:
    """After a failure that cannot pass, the note has what was recognized, and is marked."""
    note = await take_note(recognizer, two_seconds())
    assert note.sentences == WHOLE[:1]
    assert not note.is_complete
