"""
How often is the stable text of partial results wrong?

It is wrong if the final text does not begin with it. `recorded` are results of the local service's
engine, an extreme case: it decodes the whole sentence again for each partial result, and changes
any part of it. `generated` are results as of a streaming model, which changes a word only shortly
after it was spoken. `Chinese` are the same results, respelled in Chinese characters without spaces
between words: no Chinese speech was recognized. Nothing is timed: the clock is that of the audio.
"""

import asyncio
import random
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from _bench import parsed, parser, print_progress, print_table, report

from paraformer_async._core.stability import StableText
from paraformer_async.engines.base import StreamSettings
from paraformer_async.engines.moonshine import MoonshineEngine
from paraformer_async.results import Sentence

_AUDIO = Path(__file__).parents[1] / "examples" / "audio"
_MORE_AUDIO = ("two_cities.wav", "beckett.wav", "endgame_nagg_nell.wav")  # of the engine's package
_RATE = 16000
_WORDS = (
    *("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "then", "sleeps"),
    *("under", "some", "old", "green", "tree"),
)
_MARKS = str.maketrans(",.?!", "，。？！")
_CHUNK = _RATE // 10 * 2  # bytes
_PAUSE = 400  # ms that end a sentence
_LATER, _NOISE = 1777, 0.002  # samples and amplitude by which each round differs from the last
_SPEECH = 0.25  # seconds of a word
_EVERY = 0.2  # seconds between generated results
_DOUBT = 0.2  # share of words that are recognized wrong at first
_SETTLING = 0.15  # seconds until such a word is right, mean
_LATE = 0.0005  # share of words that only the final result corrects

Stream = list[list[tuple[float, str]]]  # sentences, of results, of seconds and text; finals last


class Found(NamedTuple):
    """What was measured: numbers of sentences, and of characters of their final texts."""

    sentences: int
    wrong: int
    characters: int
    stable: int


def main() -> None:
    options = parsed(parser(__doc__, rounds=8))
    generator = random.Random(1)  # noqa: S311 - not for security
    sentences, recordings = 2000, recorded()
    if options.smoke:
        shortest = sorted(recordings, key=lambda path: path.stat().st_size)[:2]
        sentences, recordings, options.rounds = 100, shortest, 1
    print_progress("recording")
    found = {
        "recorded": asyncio.run(record(recordings, options.rounds)),
        "generated": [
            [list(generate(generator)) for _ in range(20)] for _ in range(sentences // 20)
        ],
    }
    measured = {
        f"{name}, {language}": measure(streams if language == "English" else in_chinese(streams))
        for name, streams in found.items()
        for language in ("English", "Chinese")
    }
    heads = ("results", "sentences", "wrong %", "stable before the end %")
    rows = [
        (
            name,
            str(one.sentences),
            f"{one.wrong / one.sentences:.1%}",
            f"{one.stable / one.characters:.0%}",
        )
        for name, one in measured.items()
    ]
    report(options, measured, lambda: print_table(heads, rows))


def measure(streams: list[Stream]) -> Found:
    """Return how often the stable text before a final result was wrong, and how long it was."""
    sentences = wrong = characters = stable = 0
    for stream in streams:
        following = StableText()
        for *partials, (ended, final) in stream:
            for now, text in partials:
                following.update(Sentence(text=text), now)
            sentences += 1
            wrong += not final.startswith(following.text)
            characters += len(final)
            stable += len(following.text)
            following.end(Sentence(text=final), ended)
            following.begin()
    return Found(sentences, wrong, characters, stable)


class _Engine(MoonshineEngine):
    """The local service's engine, with partial results as often as the real service sends them."""

    def __init__(self) -> None:
        super(MoonshineEngine, self).__init__(max_streams=1, partial_every=int(_EVERY * 1000))


def recorded() -> list[Path]:
    """Return the recordings."""
    (package,) = find_spec("moonshine_voice").submodule_search_locations
    more = [Path(package, "assets", name) for name in _MORE_AUDIO]
    return [*sorted(_AUDIO.glob("*.wav")), *more]


async def record(recordings: list[Path], rounds: int) -> list[Stream]:
    """Recognize recordings, in each round with more noise and from a later begin."""
    engine, noise = _Engine(), np.random.default_rng(1)
    streams = []
    for number in range(rounds):
        for path in recordings:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            samples = soxr.resample(samples.mean(axis=1), rate, _RATE)[number * _LATER :]
            samples += noise.normal(0, number * _NOISE, len(samples))
            pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
            streams.append(await recognize(engine, pcm))
    await engine.aclose()
    return streams


async def recognize(engine: MoonshineEngine, pcm: bytes) -> Stream:
    """Return the results of a recording."""
    stream = await engine.open(StreamSettings(max_sentence_silence=_PAUSE))
    sentences: Stream = [[]]
    for end in range(_CHUNK, len(pcm) + _CHUNK, _CHUNK):
        results = list(await stream.feed(pcm[end - _CHUNK : end]))
        if end >= len(pcm):
            results += await stream.finish()
        for result in results:
            sentences[-1].append((end / _RATE / 2, result.text))
            if result.is_final:
                sentences.append([])
    await stream.aclose()
    return [sentence for sentence in sentences if sentence]


def generate(source: random.Random) -> Iterator[tuple[float, str]]:
    """Yield the results of a sentence, as of a streaming model."""
    words = [source.choice(_WORDS) + source.choices(["", ","], [8, 1])[0] for _ in range(12)]
    right_at = [
        n * _SPEECH + (source.expovariate(1 / _SETTLING) if source.random() < _DOUBT else 0)
        if source.random() >= _LATE
        else float("inf")
        for n in range(len(words))
    ]
    wrong = [source.choice(_WORDS) for _ in words]
    for result in range(1, int(len(words) * _SPEECH / _EVERY)):
        now = result * _EVERY
        shown = [
            word if right <= now else other
            for n, (word, other, right) in enumerate(zip(words, wrong, right_at, strict=True))
            if n * _SPEECH < now
        ]
        yield now, " ".join(shown).rstrip(",")
    yield len(words) * _SPEECH, " ".join(words).rstrip(",") + "."


def in_chinese(streams: list[Stream]) -> list[Stream]:
    """Return the same results with one or two Chinese characters for each word."""
    return [
        [[(now, spelled_in_chinese(text)) for now, text in sentence] for sentence in stream]
        for stream in streams
    ]


def spelled_in_chinese(text: str) -> str:
    return re.sub(r"[\w'’-]+", _characters, text).replace(" ", "").translate(_MARKS)


def _characters(word: re.Match[str]) -> str:
    number = int.from_bytes(word[0].lower().encode()[:8], "little")
    return "".join(
        chr(0x4E00 + number // size % 3000) for size in (1, 3000)[: 1 + len(word[0]) // 4]
    )


if __name__ == "__main__":
    main()
