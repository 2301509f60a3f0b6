"""The engine with a script."""

from collections.abc import Sequence
from typing import Any

import pytest

from paraformer_async.engines import MoonshineEngine, ScriptedEngine, make_engine
from paraformer_async.engines.base import StreamSettings
from paraformer_async.errors import InvalidOptionError
from paraformer_async.results import Sentence, Word

pytestmark = pytest.mark.anyio

HELLO = Sentence(
    begin_time=100,
    end_time=900,
    text="Hello, world.",
    words=(Word(100, 400, "Hello", ","), Word(500, 800, "world", ".")),
)
AGAIN = Sentence(
    begin_time=1000, end_time=1500, text="Again.", words=(Word(1000, 1500, "Again", "."),)
)


def silence(ms: int, rate: int = 16000) -> bytes:
    """Samples for so many ms."""
    return bytes(ms * rate // 1000 * 2)


async def recognize(
    engine: ScriptedEngine, ms: int, step: int
) -> tuple[list[Sentence], Sequence[Sentence]]:
    """Return the results of `ms` of audio in pieces of `step` ms, and those of the end."""
    stream = await engine.open(StreamSettings())
    sentences: list[Sentence] = []
    for _ in range(ms // step):
        sentences += await stream.feed(silence(step, engine.sample_rate))
    return sentences, await stream.finish()


async def test_a_sentence_comes_as_the_audio_reaches_it() -> None:
    """A partial comes at the end of a word, the final at the end of the sentence, none earlier."""
    stream = await ScriptedEngine((HELLO,)).open(StreamSettings())
    assert not await stream.feed(silence(399))
    (partial,) = await stream.feed(silence(1))
    assert (partial.text, partial.begin_time, partial.end_time) == ("Hello,", 100, None)
    assert (partial.words, partial.is_final, partial.sentence_id) == (HELLO.words[:1], False, 1)
    (longer,) = await stream.feed(silence(400))
    assert longer.text == "Hello, world."
    assert not await stream.feed(silence(99))
    (final,) = await stream.feed(silence(1))
    assert (final.text, final.end_time, final.words) == (HELLO.text, 900, HELLO.words)
    assert final.sentence_end
    assert not await stream.feed(silence(5000))
    assert not await stream.finish()


@pytest.mark.parametrize("step", [10, 100, 600, 3000])
async def test_results_do_not_depend_on_the_pieces(step: int) -> None:
    """The same audio in other pieces brings the same results."""
    engine = ScriptedEngine((HELLO, AGAIN))
    assert await recognize(engine, 3000, step) == await recognize(engine, 3000, 1)


async def test_partials_keep_their_distance() -> None:
    """Words that end sooner after a partial than its interval come together, later."""
    words = tuple(Word(at * 100, at * 100 + 100, f"w{at}") for at in range(10))
    engine = ScriptedEngine((Sentence(0, 1000, "all", words),), partial_interval=250)
    sentences, _ = await recognize(engine, 1000, 10)
    assert [len(sentence.words) for sentence in sentences] == [1, 3, 6, 8, 10]


async def test_the_end_cuts_a_sentence() -> None:
    """At the end of the audio a sentence is cut to the words that have begun."""
    _, (final,) = await recognize(ScriptedEngine((HELLO,)), 450, 50)
    assert (final.text, final.end_time, final.words) == ("Hello,", 450, HELLO.words[:1])
    _, (final,) = await recognize(ScriptedEngine((HELLO,)), 600, 50)
    assert (final.text, final.words[1]) == (HELLO.text, Word(500, 600, "world", "."))
    assert final.is_final


async def test_what_has_not_begun_does_not_come() -> None:
    """At the end of the audio a sentence that has not begun is left out."""
    assert await recognize(ScriptedEngine((HELLO,)), 100, 50) == ([], ())


async def test_the_endless_script_goes_on() -> None:
    """Without sentences each 200 ms brings a word, and each 2 s a final sentence."""
    sentences, rest = await recognize(ScriptedEngine(), 6500, 100)
    finals = [sentence for sentence in sentences if sentence.is_final]
    assert [(final.begin_time, final.end_time) for final in finals] == [
        (0, 2000),
        (2000, 4000),
        (4000, 6000),
    ]
    assert [final.sentence_id for final in finals] == [1, 2, 3]
    assert finals[1].text.split() == [f"word-{number:04}" for number in range(11, 21)]
    assert len(sentences) == 3 * 10 + 2
    assert [word.text for word in rest[0].words] == ["word-0031", "word-0032", "word-0033"]


async def test_the_sample_rate_counts() -> None:
    """Times are reached by the audio's own rate."""
    engine = ScriptedEngine((HELLO,), sample_rate=8000)
    assert engine.sample_rate == 8000
    assert await recognize(engine, 1000, 100) == await recognize(
        ScriptedEngine((HELLO,)), 1000, 100
    )


async def test_a_closed_stream_returns_nothing() -> None:
    """After closing, which may happen twice, there are no results."""
    engine = ScriptedEngine()
    stream = await engine.open(StreamSettings())
    await stream.feed(silence(300))
    await stream.aclose()
    await stream.aclose()
    assert not await stream.finish()
    await engine.aclose()


async def test_finishing_twice_returns_it_once() -> None:
    """The rest is returned by the first `finish` only."""
    stream = await ScriptedEngine((HELLO,)).open(StreamSettings())
    await stream.feed(silence(300))
    assert await stream.finish()
    assert not await stream.finish()


@pytest.mark.parametrize(
    "sentences",
    [(Sentence(0, None, "open"),), (AGAIN, HELLO), (Sentence(200, 100, "back"),)],
)
def test_an_impossible_script_is_refused(sentences: tuple[Sentence, ...]) -> None:
    """Sentences without an end, or out of order, are an error at once."""
    with pytest.raises(InvalidOptionError, match="sentences"):
        ScriptedEngine(sentences)


def test_engines_have_names() -> None:
    """The names make the engines, and others are an error that lists them."""
    assert isinstance(make_engine("scripted"), ScriptedEngine)
    assert isinstance(make_engine("moonshine"), MoonshineEngine)
    with pytest.raises(InvalidOptionError, match="'moonshine', 'paraformer', 'scripted'"):
        make_engine("whisper")


@pytest.mark.parametrize(
    ("name", "model_dir", "problem"),
    [
        ("paraformer", None, "needs a model folder"),
        ("moonshine", "models", "takes no model folder"),
        ("scripted", "models", "takes no model folder"),
        ("paraformer", "no-such-folder", "there is no folder 'no-such-folder'"),
    ],
)
def test_the_model_folder_must_fit(name: str, model_dir: str | None, problem: str) -> None:
    """A model folder is wanted by the paraformer engine only, and must be there."""
    with pytest.raises(InvalidOptionError, match=problem) as caught:
        make_engine(name, model_dir)
    assert caught.value.option == "model_dir"


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "1", None])
def test_numbers_that_can_never_work(wrong: Any) -> None:
    """A number at the edge is refused on creation, by an error that names its option."""
    with pytest.raises(InvalidOptionError) as caught:
        ScriptedEngine(partial_interval=wrong)
    assert caught.value.option == "partial_interval"
    with pytest.raises(InvalidOptionError) as caught:
        ScriptedEngine(sample_rate=wrong)
    assert caught.value.option == "sample_rate"
    for count in (0, wrong):
        with pytest.raises(InvalidOptionError) as caught:
            MoonshineEngine(max_streams=count)
        assert caught.value.option == "max_streams"
