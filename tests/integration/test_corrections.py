"""Final results that a service corrects; with real sockets."""

import wave
from pathlib import Path

import pytest

from paraformer_async import AsyncRecognizer, Sentence
from paraformer_async.testing import ScriptedServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SECOND = bytes(32000)
SCRIPT = [
    Sentence(0, 800, "Won.", sentence_id=1),
    Sentence(1000, 1800, "Two.", sentence_id=2),
    Sentence(0, 850, "One.", sentence_id=1),
    Sentence(0, 850, "One.", sentence_id=1),
    Sentence(2000, 2800, "Three.", sentence_id=3),
]


async def test_a_stream_shows_corrections() -> None:
    """A corrected final is one more result that says so; an identical one is none."""
    async with (
        ScriptedServer(script=SCRIPT) as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        results = [result async for result in recognizer.stream(SECOND * 3)]
    shown = [(one.text, one.replaces) for one in results if one.is_final]
    assert [("Won.", False), ("Two.", False), ("One.", True), ("Three.", False)] == shown


async def test_a_transcript_has_the_corrected_sentence(tmp_path: Path) -> None:
    """A transcript and its captions contain a corrected sentence once, as it was corrected."""
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(SECOND * 3)
    async with (
        ScriptedServer(script=SCRIPT) as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        transcript = await recognizer.transcribe(path)
    assert "One. Two. Three." == transcript.text
    assert 850 == transcript.sentences[0].end_time
    assert "Won" not in transcript.to_srt()
