"""Captions that are written while a recognition runs."""

import json
import subprocess
import sys
import time
from math import nan
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

import av
import pysubs2
import pytest

from paraformer_async import InvalidOptionError, RecognitionResult, Sentence, UsageError, Word
from paraformer_async.captions import CaptionFormat, CaptionWriter, WallClock, to_srt, to_vtt
from paraformer_async.results import AudioGap
from tests.captions.test_subrip import parse_srt
from tests.cli.test_transcribe import posix

# Writes sentences as fast as possible, and prints a line after each; every tenth is corrected.
WRITING = """
import sys
from paraformer_async import RecognitionResult, Sentence
from paraformer_async.captions import CaptionWriter

def result(number, text, **others):
    sentence = Sentence(number * 1000, number * 1000 + 900, text, sentence_id=number)
    return RecognitionResult(sentence, "task", **others)

with CaptionWriter(sys.argv[1]) as captions:
    for number in range(500):  # less than 1 MiB
        captions.add(result(number, f"one {number} begins " + "字" * 600 + f" {number} ends"))
        if number % 10 == 9:
            captions.add(result(number, f"one {number} begins and {number} ends", replaces=True))
        print(number, flush=True)
"""


def result_of(begin: int, end: int | None, text: str, **others: object) -> RecognitionResult:
    """Return a final result."""
    replaces = bool(others.pop("replaces", False))
    sentence = Sentence(begin, end, text, sentence_end=True, **others)  # type: ignore[arg-type]
    return RecognitionResult(sentence, "task", replaces=replaces)


def written(path: Path, *results: RecognitionResult) -> str:
    """Return the file that is written of *results*."""
    with CaptionWriter(path) as captions:
        for result in results:
            captions.add(result)
    return path.read_text("utf-8")


@pytest.mark.parametrize("format", ["srt", "vtt", "jsonl"])
def test_the_file_grows_with_each_sentence(tmp_path: Path, format: CaptionFormat) -> None:
    """After each sentence, the file is what the whole of all sentences so far would be."""
    path = tmp_path / "any.name"
    sentences = [
        Sentence(200, 1800, "你好，世界。", (Word(200, 1800, "你好"),), sentence_id=1),
        Sentence(2000, 4900, "a < b --> c", sentence_id=2),
        Sentence(5000, 12_000, "字" * 60, sentence_id=3),
    ]
    whole = {"srt": to_srt, "vtt": to_vtt}
    with CaptionWriter(path, format) as captions:
        for number, sentence in enumerate(sentences, 1):
            captions.add(RecognitionResult(sentence, "task"))
            text = path.read_text("utf-8")
            if format == "jsonl":
                found = [Sentence.from_json(line) for line in text.splitlines()]
                assert sentences[:number] == found
            else:
                assert whole[format](sentences[:number]) == text


@pytest.mark.parametrize(("name", "text"), [("a.srt", ""), ("a.VTT", "WEBVTT\n"), ("a.jsonl", "")])
def test_the_name_decides(tmp_path: Path, name: str, text: str) -> None:
    """The name decides the format; a file without captions is complete, and replaces another."""
    (tmp_path / name).write_text("of yesterday")
    assert text == written(tmp_path / name)


def test_what_is_not_final_is_not_written(tmp_path: Path) -> None:
    """Partial results, and sentences and gaps without text, leave the captions as they are."""
    partial = RecognitionResult(Sentence(0, None, "half"), "task")
    gap = AudioGap.between(0, 100)
    assert "" == written(tmp_path / "a.srt", partial, gap, result_of(0, 900, " \n"))


def test_lines(tmp_path: Path) -> None:
    """A line of JSON has no field that says nothing, and 0 says something."""
    word = Word(0, 900, "好")
    text = written(tmp_path / "a.jsonl", result_of(0, 900, "好", words=(word,), sentence_id=0))
    expected = {
        "begin_time": 0,
        "end_time": 900,
        "text": "好",
        "words": [{"begin_time": 0, "end_time": 900, "text": "好"}],
        "sentence_end": True,
        "sentence_id": 0,
    }
    assert expected == json.loads(text)
    assert "好" in text


def test_a_line_acts_on_no_terminal(tmp_path: Path) -> None:
    """A line of JSON is one line for every reader, and shows what would act on a terminal."""
    text = "\x1b[2J\x9b31m\u202ea\u2028b\x85c\ud83d"
    line = written(tmp_path / "a.jsonl", result_of(0, 900, text))
    assert text == Sentence.from_json(line).text
    assert 1 == len(line.splitlines())
    assert line[:-1].isprintable()


def test_long_sentences_are_wrapped(tmp_path: Path) -> None:
    """A long sentence becomes several captions of at most two lines of 42 columns."""
    captions = parse_srt(written(tmp_path / "a.srt", result_of(0, 20_000, "字" * 100)))
    assert ["字" * 21 + "\n" + "字" * 21] * 2 + ["字" * 16] == [text for _, _, text in captions]


def test_times_never_go_back(tmp_path: Path) -> None:
    """A sentence that begins before the end of the one before it is shown after it."""
    text = written(
        tmp_path / "a.srt",
        result_of(1000, 3000, "first"),
        result_of(500, 2000, "second"),
        result_of(2500, 2500, "third"),
        result_of(9000, 9900, "fourth"),
    )
    captions = parse_srt(text)
    assert all(begin < end for begin, end, _ in captions)
    ends = [0, *(end for _, end, _ in captions)]
    assert all(begin >= end for (begin, _, _), end in zip(captions, ends, strict=False))
    assert (1000, 3000, "first") == captions[0]
    assert (9000, 9900, "fourth") == captions[-1]


def test_short_captions_stay_until_they_are_read(tmp_path: Path) -> None:
    """A caption stays for as long as its text takes to read, at 20 columns a second."""
    (caption,) = parse_srt(written(tmp_path / "a.srt", result_of(0, 100, "字" * 20)))
    assert (0, 2000) == caption[:2]


def test_a_correction_replaces(tmp_path: Path) -> None:
    """A correction takes the place of its sentence; numbers and later captions stay."""
    text = written(
        tmp_path / "a.srt",
        result_of(0, 900, "wrong", sentence_id=1),
        result_of(1000, 1900, "later", sentence_id=2),
        result_of(0, 900, "right", sentence_id=1, replaces=True),
        result_of(2000, 2900, "last", sentence_id=3),
    )
    assert ["right", "later", "last"] == [caption[2] for caption in parse_srt(text)]
    assert ["a.srt"] == [path.name for path in tmp_path.iterdir()]


def test_channels(tmp_path: Path) -> None:
    """Once there is a second channel, every caption names its own."""
    text = written(
        tmp_path / "a.vtt",
        result_of(0, 900, "Hello.", channel_id="agent"),
        result_of(1000, 1900, "Hi.", channel_id="customer"),
        result_of(2000, 2900, "How are you?", channel_id="agent"),
    )
    assert "[agent] Hello.\n" in text
    assert "[customer] Hi.\n" in text
    assert "[agent] How are you?\n" in text


def test_two_clocks(tmp_path: Path) -> None:
    """With a wall clock, a pause of the source counts; audio that is only late does not."""
    seconds = 100.0
    clock = WallClock(lambda: seconds)
    for wait in (1.0, 1.0, 1.0 + 60.0, 1.0, 1.0 + 0.5, 0.5):
        seconds += wait
        clock.arrived(1000)
    assert [0, 1999, 62_000, 63_500, 65_500] == [clock(ms) for ms in (0, 1999, 2000, 3500, 5500)]
    with CaptionWriter(tmp_path / "a.srt", clock=clock) as captions:
        captions.add(result_of(500, 1500, "before", words=(Word(500, 1500, "before"),)))
        captions.add(result_of(2500, 3500, "after the pause"))
    assert [(500, 1500, "before"), (62_500, 63_500, "after the pause")] == parse_srt(
        (tmp_path / "a.srt").read_text()
    )


def test_a_clock_of_fractions(tmp_path: Path) -> None:
    """The times of a clock of the user are rounded to ms; one that is no number is refused."""
    path = tmp_path / "a.srt"
    times: dict[int, Any] = {0: 0.4, 1000: 999.6, 2000: nan}
    with CaptionWriter(path, clock=times.__getitem__) as captions:
        captions.add(result_of(0, 1000, "one"))
        with pytest.raises(InvalidOptionError, match="clock: nan is not a number of ms"):
            captions.add(result_of(1000, 2000, "two"))
    assert [(0, 1000, "one")] == parse_srt(path.read_text())


@posix
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Of a caption that cannot be written, nothing is; the next one brings it back."""
    path = tmp_path / "a.srt"
    program = """
import resource, signal, sys
from paraformer_async import RecognitionResult, Sentence
from paraformer_async.captions import CaptionWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
captions = CaptionWriter(sys.argv[1])
def add(number):
    captions.add(RecognitionResult(Sentence(number * 1000, number * 1000 + 900, "one"), "task"))
add(0)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
try:
    add(1)
except OSError:
    print(open(sys.argv[1]).read(), end="")
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
add(2)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    assert [(0, 900, "one")] == parse_srt(done.stdout)
    assert 3 == len(parse_srt(path.read_text()))


@pytest.mark.parametrize("format", ["srt", "vtt", "jsonl"])
def test_killed_at_any_moment(tmp_path: Path, format: str) -> None:
    """However a program is killed, the file is valid, and no sentence that was added is missing."""
    path = tmp_path / f"live.{format}"
    for lines in (1, 12, 80):
        with subprocess.Popen(
            [sys.executable, "-c", WRITING, path], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                added = int(process.stdout.readline())
            process.kill()
        texts = texts_of(path, format)
        assert added < len(texts) <= 500
        for number, text in enumerate(texts):
            assert text.startswith(f"one {number} begins")
            assert text.endswith(f"{number} ends")


def test_no_write_can_be_cut(tmp_path: Path) -> None:
    """A write stays within a page of the file; what would not replaces the file in one step."""
    path = tmp_path / "live.jsonl"
    with CaptionWriter(path) as captions:
        before = path.stat()
        kinds = set()
        for number in range(99):
            captions.add(result_of(0, 1, "字" * (number**2 % 1999), sentence_id=number))
            after = path.stat()
            is_within = before.st_size // PAGESIZE == (after.st_size - 1) // PAGESIZE
            assert is_within == (before.st_ino == after.st_ino)
            kinds.add(is_within)
            before = after
    assert {True, False} == kinds
    assert 99 == len(path.read_text("utf-8").splitlines())


def test_a_large_file_is_not_copied(tmp_path: Path) -> None:
    """What is added to a file of more than 1 MiB is appended, wherever its pages end."""
    path = tmp_path / "live.jsonl"
    with CaptionWriter(path) as captions:
        captions.add(result_of(0, 1, "a" * (1 << 20), sentence_id=0))
        large = path.stat()
        for number in range(1, 4):
            captions.add(result_of(0, 1, "b" * PAGESIZE, sentence_id=number))
        assert large.st_ino == path.stat().st_ino
        captions.add(result_of(0, 1, "right", sentence_id=0, replaces=True))
    lines = path.read_text("utf-8").splitlines()
    assert ["right", *["b" * PAGESIZE] * 3] == [json.loads(line)["text"] for line in lines]


def texts_of(path: Path, format: str) -> list[str]:
    """Return the text of each sentence in a file, joined again if it is several captions."""
    text = path.read_text("utf-8")
    if format == "jsonl":
        return [json.loads(line)["text"] for line in text.splitlines()]
    parsed = pysubs2.SSAFile.from_string(text, format_=format)
    if format == "srt":
        assert len(parse_srt(text)) == len(parsed)
    with av.open(str(path), format={"vtt": "webvtt"}.get(format, format)) as file:
        assert len(parsed) == sum(packet.size > 0 for packet in file.demux(subtitles=0))
    joined = " ".join(" ".join(event.plaintext for event in parsed).split())
    return ["one " + one.strip() for one in joined.split("one ")[1:]]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.txt", {}, "format: captions are written as srt, vtt or jsonl, not as 'txt'"),
        (".", {"format": "srt"}, "path: .* is not a file"),
        ("a.srt", {"reading_speed": 0}, "reading_speed: 0 is not positive"),
        ("a.srt", {"reading_speed": "fast"}, "reading_speed: 'fast' is not a number above 0"),
        ("a.srt", {"format": ""}, "captions are written as srt, vtt or jsonl, not as ''"),
        ("a.srt", {"clock": 7}, "clock: 7 must be a function of ms of the audio"),
    ],
)
def test_wrong_options(tmp_path: Path, name: str, options: dict[str, object], message: str) -> None:
    """What cannot be written is refused before anything is touched."""
    with pytest.raises(InvalidOptionError, match=message):
        CaptionWriter(tmp_path / name, **options)  # type: ignore[arg-type]
    assert [] == list(tmp_path.iterdir())


def test_a_closed_writer(tmp_path: Path) -> None:
    """After the end, nothing can be added; closing again does nothing."""
    captions = CaptionWriter(tmp_path / "a.srt")
    captions.close()
    captions.close()
    with pytest.raises(UsageError, match="the captions are closed"):
        captions.add(result_of(0, 1, "late"))


def test_a_wall_clock_needs_a_clock() -> None:
    """The time itself, in place of the function that returns it, is refused at once."""
    with pytest.raises(InvalidOptionError, match=r"now: .* must be a function of no arguments"):
        WallClock(time.monotonic())  # type: ignore[arg-type]
