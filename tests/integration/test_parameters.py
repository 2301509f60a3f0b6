"""Parameters that are set, and no others, arrive in run-task over a real socket."""

from pathlib import Path
from typing import Any

import pytest

from paraformer_async import AsyncRecognizer
from paraformer_async.middleware import Audio, Command, Middleware
from paraformer_async.testing import ScriptedServer, marked

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

ALWAYS = {"format": "pcm", "sample_rate": 16000}


@pytest.mark.parametrize(
    "given",
    [
        {"vocabulary_id": "vocab-1"},
        {"disfluency_removal_enabled": True},
        {"disfluency_removal_enabled": False},
        {"language_hints": ["zh", "en"]},
        {"semantic_punctuation_enabled": True},
        {"max_sentence_silence": 200},
        {"multi_threshold_mode_enabled": True},
        {"punctuation_prediction_enabled": False},
        {"heartbeat": True},
        {"inverse_text_normalization_enabled": False},
        {"parameters": {"speaker_count": 2, "diarization_enabled": True}},
        {"sample_rate": 8000},
        {},
    ],
    ids=str,
)
async def test_a_parameter_arrives_as_set(given: dict[str, Any]) -> None:
    """A parameter arrives under its own name with its value; a parameter not set is absent."""
    async with ScriptedServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            async for _ in recognizer.stream(marked(100), **given):
                pass
        (task,) = server.received
    sent = given.get("parameters", given)
    assert ALWAYS | sent == task.parameters


async def test_the_handshake_carries_what_was_set() -> None:
    """The handshake has the key, the workspace and extra headers; the query of the URL is kept."""
    async with ScriptedServer() as server:
        async with AsyncRecognizer(
            endpoint=f"{server.url}?a=1",
            api_key="the key",
            workspace="ws-1",
            headers={"X-DashScope-DataInspection": "enable"},
        ) as recognizer:
            async for _ in recognizer.stream(marked(100)):
                pass
        (headers,) = server.headers
    assert "Bearer the key" == headers["Authorization"]
    assert "ws-1" == headers["X-DashScope-WorkSpace"]
    assert "enable" == headers["X-DashScope-DataInspection"]


async def test_audio_that_is_there_at_once_goes_in_larger_frames() -> None:
    """A file, for which latency is irrelevant, is sent in 400 ms frames, like the vendor does."""
    speech = Path(__file__).parents[2] / "examples" / "audio" / "goforward.wav"
    sizes: list[int] = []

    class Measure(Middleware):
        def outgoing(self, command: Command, now: float) -> tuple[Command, ...]:
            del now
            if isinstance(command, Audio):
                sizes.append(len(command.data))
            return (command,)

    async with ScriptedServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            await recognizer.transcribe(speech, middleware=[Measure])
            assert 12_800 == sizes[0]
            sizes.clear()
            async for _ in recognizer.stream(marked(1000), pace=50.0, middleware=[Measure]):
                pass
            assert 3200 == sizes[0]
