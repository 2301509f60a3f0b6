"""What the command line writes: files are whole, and text from outside is harmless."""

import json
import logging
import os
import re
import stat
import sys
from pathlib import Path

import pytest

from paraformer_async import Latency, Sentence, Transcript
from paraformer_async.captions import whole
from paraformer_async.captions.whole import write_whole
from paraformer_async.cli import output
from paraformer_async.cli.logs import logs_as_messages
from paraformer_async.cli.output import OutputFormat, describe, render, render_json, write_message
from tests.cli.conftest import Call, Run, silence

EVIL = "a\x1b[2Jb\x9b31m\u202ec\n\nd\x07\ud83d"
SCRIPTED = ("transcribe", "--local", "--engine", "scripted")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


def transcript(text: str) -> Transcript:
    """Return a transcript of *text*."""
    return Transcript((Sentence(0, 1000, text),), 1.0, Latency(), "id")


@pytest.mark.parametrize("format", OutputFormat)
def test_text_of_the_service_is_harmless(format: OutputFormat) -> None:
    """Nothing that the service sends can control a terminal or break a file."""
    written = render(transcript(EVIL), format, Path("a.wav"))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", written)
    written.encode()
    if format is OutputFormat.JSON:
        assert EVIL == json.loads(written)[0]["text"]


def test_messages_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """A message is one line without control characters, whatever the service sent."""
    write_message(f"the service refused: {EVIL}")
    assert "paraformer-async: the service refused: abc d \ufffd\n" == capsys.readouterr().err


def test_errors_are_harmless() -> None:
    """An error in a JSON document is escaped."""
    written = render_json([describe(Path("a.wav"), ValueError(EVIL))])
    assert "\x9b" not in written


def test_files_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If writing fails, what was there before is untouched, and nothing else is left."""
    path = tmp_path / "a.srt"
    path.write_text("before")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(path, "after")
    assert str(path) == caught.value.filename
    assert "before" == path.read_text()
    assert [path] == list(tmp_path.iterdir())
    assert "a.srt: No space left on device" in output.error_text(caught.value)


@posix
def test_links_are_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the place of an output file is replaced, not followed."""
    (tmp_path / "somebody's").write_text("precious")
    path = tmp_path / "a.txt"
    path.symlink_to("somebody's")
    write_whole(path, "text")
    assert "precious" == (tmp_path / "somebody's").read_text()
    assert "text" == path.read_text()
    assert not path.is_symlink()


@posix
def test_permissions_are_kept(tmp_path: Path) -> None:
    """A file that is replaced keeps its permissions; a new one has the usual ones."""
    path = tmp_path / "a.txt"
    write_whole(path, "new")
    umask = os.umask(0)
    os.umask(umask)
    assert 0o666 & ~umask == stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o600)
    write_whole(path, "replaced")
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_an_input_is_never_an_output(run: Run, tmp_path: Path) -> None:
    """An audio file that has the name of an output file is not overwritten."""
    audio = silence(tmp_path / "a.txt")
    before = audio.read_bytes()
    done = run(*SCRIPTED, "--output-dir", ".", audio)
    assert 2 == done.returncode
    assert "would be overwritten" in done.stderr
    assert before == audio.read_bytes()


def test_standard_input_as_a_file(run: Run, one_second: Path, tmp_path: Path) -> None:
    """`-` is standard input, and its output file is named for it."""
    done = run(*SCRIPTED, "--output-dir", ".", "-", stdin=one_second)
    assert (0, "") == (done.returncode, done.stderr)
    assert (tmp_path / "stdin.txt").read_text(encoding="utf-8")
    done = run(*SCRIPTED, "-")
    assert (1, "") == (done.returncode, done.stdout)
    assert "standard input contains no audio" in done.stderr


@pytest.mark.parametrize("command", [SCRIPTED, ("probe",)], ids=lambda command: command[0])
def test_standard_input_twice(call: Call, one_second: Path, command: tuple[str, ...]) -> None:
    """`-` given twice is refused before any file is read: the second would be empty."""
    done = call(*command, "-", one_second, "-")
    assert (2, "") == (done.returncode, done.stdout)
    assert "FILE: - is given twice" in done.stderr


def test_an_error_of_the_service_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that is logged with its traceback, as of an engine, is printed with it."""
    logger = logging.getLogger("paraformer_async.server")
    with logs_as_messages():
        logger.error("the task failed", exc_info=ValueError("of the engine"))
    first, *_, last = capsys.readouterr().err.splitlines()
    assert ("paraformer-async: the task failed", "ValueError: of the engine") == (first, last)
