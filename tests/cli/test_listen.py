"""`paraformer-async listen`: as a process, in a pseudo-terminal and in a pipe."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysubs2
import pytest
from anyio.from_thread import BlockingPortal

from paraformer_async import RecognitionResult, Sentence
from paraformer_async.cli.live import CaptionDisplay, level_of
from tests.cli.conftest import COMMAND, WITHOUT, Call, Gate, Run
from tests.cli.terminal import send, terminal
from tests.cli.test_transcribe import WORDS, assert_one_line, posix

SCRIPTED = ("listen", "--local", "--engine", "scripted")
FRAME = (np.sin(np.arange(1600) / 5) * 8000).astype("<i2").tobytes()


@posix
def test_live_captions(
    gate: tuple[Gate, str],
    anyio_portal: BlockingPortal,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """Partial text is dim, Ctrl-C ends politely: the last sentence is shown firmly, and saved."""
    engine, url = gate
    path = tmp_path / "talk.srt"
    with terminal(
        environment, "listen", "--endpoint", url, "--source", "-", "--output", str(path)
    ) as screen:
        send(screen, FRAME)
        lines = screen.until(lambda lines: lines[:1] == ["half of"] and "##" in lines[-1])
        assert ["half of", "listening 00:00 [#######...] Ctrl-C to stop"] == lines
        assert b"\x1b[2mhalf of" in screen.raw
        screen.press(b"\x03")
        lines = screen.until(lambda lines: "finishing" in lines[-1])
        assert "half of" in lines
        assert "" == path.read_text()
        anyio_portal.call(engine.opened.set)
        lines = screen.end()

    assert 0 == screen.process.returncode
    assert "half of the sentence." in lines
    assert "paraformer-async: the captions are in" in " ".join(lines)
    assert not any("listening" in line or "finishing" in line for line in lines)
    assert b"\x1b[2J" not in screen.raw
    assert ["half of the sentence."] == [one.text for one in pysubs2.load(str(path))]


@posix
def test_ctrl_c_twice(gate: tuple[Gate, str], environment: dict[str, str], tmp_path: Path) -> None:
    """A second Ctrl-C ends at once, with code 130; the file is complete all the same."""
    _, url = gate
    path = tmp_path / "talk.vtt"
    with terminal(
        environment, "listen", "--endpoint", url, "--source", "-", "--output", str(path)
    ) as screen:
        send(screen, FRAME)
        screen.until(lambda lines: "half of" in lines)
        screen.press(b"\x03")
        screen.until(lambda lines: "finishing" in lines[-1])
        screen.press(b"\x03")
        screen.end()

    assert 130 == screen.process.returncode
    assert "WEBVTT\n" == path.read_text()


@posix
def test_a_dumb_terminal(environment: dict[str, str], one_second: Path) -> None:
    """With TERM=dumb, sentences are lines, and nothing is drawn."""
    arguments = (*SCRIPTED[1:], "--source", str(one_second))
    with terminal(environment, "listen", *arguments, columns=80, TERM="dumb") as screen:
        lines = screen.end()

    assert (0, [WORDS]) == (screen.process.returncode, lines)
    assert b"\x1b" not in screen.raw


@posix
def test_long_sentences(environment: dict[str, str]) -> None:
    """In the end, only the sentences are left, wrapped at the width of the terminal."""
    speech = Path(__file__).parents[2] / "examples" / "audio" / "goforward.wav"
    with terminal(
        environment, "listen", *SCRIPTED[1:], "--source", str(speech), columns=40
    ) as screen:
        lines = screen.end()

    assert 0 == screen.process.returncode
    assert "word-0001" in lines[0]
    assert "word-0014" in lines[-1]
    assert not any("listening" in line for line in lines)


@pytest.mark.parametrize("format", ["srt", "vtt", "jsonl"])
def test_in_a_pipe(run: Run, one_second: Path, tmp_path: Path, format: str) -> None:
    """In a pipe, each sentence is a line; the file has the captions, in the format of its name."""
    path = tmp_path / f"talk.{format}"

    done = run(*SCRIPTED, "--source", one_second, "--output", path)

    assert (0, f"{WORDS}\n") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, f"the captions are in {path}")
    text = path.read_text("utf-8")
    if format == "jsonl":
        assert WORDS == json.loads(text)["text"]
    else:
        (event,) = pysubs2.SSAFile.from_string(text, format_=format)
        assert 0 == event.start
        assert WORDS == event.plaintext.replace("\n", " ")


def test_standard_input(run: Run, tmp_path: Path) -> None:
    """Samples on standard input are recognized to their end."""
    (tmp_path / "samples").write_bytes(bytes(32_000))

    done = run(*SCRIPTED, "--source", "-", stdin=tmp_path / "samples")

    assert (0, f"{WORDS}\n", "") == (done.returncode, done.stdout, done.stderr)


@posix
def test_standard_input_that_is_a_terminal(environment: dict[str, str]) -> None:
    """A terminal is no audio: `--source -` needs a pipe."""
    ours, theirs = os.openpty()
    done = subprocess.run(
        [*COMMAND, *SCRIPTED, "--source", "-"],
        env=environment,
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(ours)
    os.close(theirs)

    text = "standard input is a terminal, not audio (pipe audio into it, or pass a path)"
    assert (1, "", f"paraformer-async: {text}\n") == (done.returncode, done.stdout, done.stderr)


def test_what_the_log_warns_of(run: Run, tmp_path: Path) -> None:
    """A warning of the log is a message of the command, without ids."""
    (tmp_path / "samples").write_bytes(bytes(32_001))

    done = run(*SCRIPTED, "--source", "-", stdin=tmp_path / "samples")

    text = "the audio ends within a sample: its last 1 byte(s) are left out"
    assert (0, f"{WORDS}\n") == (done.returncode, done.stdout)
    assert f"paraformer-async: {text}\n" == done.stderr


def test_wall_clock(run: Run, one_second: Path, tmp_path: Path) -> None:
    """Times of the wall are those of the audio as long as the source does not pause."""
    path = tmp_path / "talk.jsonl"

    done = run(*SCRIPTED, "--wall-clock", "--source", one_second, "--output", path)

    assert 0 == done.returncode
    assert WORDS == json.loads(path.read_text())["text"]


@posix
def test_killed(gate: tuple[Gate, str], environment: dict[str, str], tmp_path: Path) -> None:
    """SIGKILL leaves a valid file."""
    _, url = gate
    path = tmp_path / "talk.srt"
    with terminal(
        environment, "listen", "--endpoint", url, "--source", "-", "--output", str(path)
    ) as screen:
        send(screen, FRAME)
        screen.until(lambda lines: "half of" in lines)
        screen.process.send_signal(signal.SIGKILL)
        screen.process.wait(30)

    assert [] == list(pysubs2.SSAFile.from_string(path.read_text(), format_="srt"))


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (("--output", "talk.doc"), 2, ("--output: captions are written as srt, vtt or jsonl",)),
        (("--output", "none/talk.srt"), 1, ("none/talk.srt: No such file or directory",)),
        (("--source", "none.wav"), 1, ("none.wav", "No such file or directory")),
        (("--source", "-", "--device", "1"), 2, ("--device: cannot be combined with --source",)),
        (("--endpoint", "ws://x/"), 2, ("--endpoint: cannot be combined with --local",)),
    ],
    ids=str,
)
def test_errors(call: Call, arguments: tuple[str, ...], code: int, parts: tuple[str, ...]) -> None:
    """What cannot be is one line, without an argument of the library."""
    done = call(*SCRIPTED, *arguments)

    assert (code, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, *parts)


def test_without_the_extra_mic(run: Run) -> None:
    """Without the packages of the extra `mic`, one line names the extra."""
    done = run("sounddevice", *SCRIPTED, command=(sys.executable, "-c", WITHOUT))

    assert (1, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, 'pip install "paraformer-async[mic]"')


def test_a_correction(capsys: pytest.CaptureFixture[str]) -> None:
    """A correction of a line that is printed already is another line, and marked."""
    display = CaptionDisplay()
    for text, replaces in (("wrong\x1b[2J", False), ("right", True), ("", False)):
        sentence = Sentence(0, 1, text, sentence_end=True)
        display.add(RecognitionResult(sentence, "task", replaces=replaces))
    assert "wrong\n(corrected) right\n" == capsys.readouterr().out


def test_stable_text_is_firm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a partial result, the stable beginning is not dim; of a long one, the end is shown."""
    monkeypatch.setenv("COLUMNS", "10")
    display = CaptionDisplay()
    result = RecognitionResult(Sentence(0, None, "ab cd"), "task", stable_text="ab ")
    text = display._partial(result)
    assert "ab cd" == text.plain
    assert [(2, 5, "dim")] == [(one.start, one.end, one.style) for one in text.spans]
    long = RecognitionResult(Sentence(0, None, "字" * 20 + "ab"), "task", stable_text="字" * 15)
    assert "字" * 7 + "ab" == display._partial(long).plain


@pytest.mark.parametrize(
    ("amplitude", "level"), [(0, 0), (1, 0), (32, 0), (104, 2), (1036, 5), (32_767, 10)]
)
def test_level(amplitude: int, level: int) -> None:
    """The level is 0 below -60 dB of full scale and 10 at full scale, linear in dB."""
    assert level == level_of(np.full(1600, amplitude, "<i2").tobytes())
    assert 0 == level_of(b"")
