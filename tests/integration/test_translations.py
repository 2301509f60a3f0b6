"""Models that translate, over real sockets: transcriptions and translations are results."""

import wave
from pathlib import Path

import pytest

from paraformer_async import AsyncRecognizer, Sentence
from paraformer_async.server import LocalServer
from paraformer_async.testing import Drop, ScriptedServer, marked
from tests.integration.marked import LENGTH, assert_complete, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

MODEL = "gummy-realtime-v1"
TRANSLATING = {"translation_enabled": True, "translation_target_languages": ["en", "ja"]}
SCRIPT = [Sentence(100, 900, "one"), Sentence(1000, 1900, "two")]


async def test_a_stream_of_a_model_that_translates() -> None:
    """Each result has the sentence, and a translation for each language."""
    async with ScriptedServer(SCRIPT) as server:
        async with recognizer_for(server, model=MODEL, parameters=TRANSLATING) as recognizer:
            results = [result async for result in recognizer.stream(marked(2000))]
    assert ["one", "two"] == [result.text for result in results if result.is_final]
    for result in results:
        assert ["en", "ja"] == [translation.lang for translation in result.translations]
        for translation in result.translations:
            assert result.text == translation.text  # the scripted service translates nothing
            assert result.sentence.end_time == translation.end_time
            assert result.is_final is translation.is_final
    (task,) = server.received
    assert ["en", "ja"] == task.parameters["translation_target_languages"]


async def test_a_model_that_only_transcribes() -> None:
    """Without a language to translate to, results have no translations."""
    async with ScriptedServer(SCRIPT) as server:
        async with recognizer_for(server, model=MODEL) as recognizer:
            results = [result async for result in recognizer.stream(marked(2000))]
    assert [("one", ()), ("two", ())] == [(one.text, one.translations) for one in results]


async def test_no_word_of_a_model_that_translates_is_lost() -> None:
    """Reconnections work as for all models, and the times of translations are continuous, too."""
    faults = [Drop(after_ms=2300), Drop(after_ms=3100)]
    async with ScriptedServer(faults=faults) as server:
        async with recognizer_for(server, model=MODEL, parameters=TRANSLATING) as recognizer:
            results = [result async for result in recognizer.stream(marked(LENGTH))]
    assert 3 == len(server.received)
    assert_complete(results)
    for result in results:
        for translation in result.translations:
            assert result.sentence.words == translation.words


async def test_translations_alone(tmp_path: Path) -> None:
    """A transcript has the final translations, also if the transcription is switched off."""
    path = tmp_path / "marked.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(marked(2000))
    async with ScriptedServer(SCRIPT) as server:
        parameters = TRANSLATING | {"transcription_enabled": False}
        async with recognizer_for(server, model=MODEL, parameters=parameters) as recognizer:
            transcript = await recognizer.transcribe(path)
    assert () == transcript.sentences
    expected = [("one", "en"), ("one", "ja"), ("two", "en"), ("two", "ja")]
    assert expected == [(one.text, one.lang) for one in transcript.translations]


async def test_the_local_service_answers_in_the_form_of_such_models(server: LocalServer) -> None:
    """The local service takes these models, too; it translates nothing, as it says."""
    async with AsyncRecognizer(
        MODEL, endpoint=server.url, api_key="any", parameters=TRANSLATING
    ) as recognizer:
        results = [result async for result in recognizer.stream(bytes(32000))]
    assert results[-1].is_final
    assert [results[-1].text] * 2 == [one.text for one in results[-1].translations]
