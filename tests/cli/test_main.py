"""The command itself: help, version, and error messages."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

import paraformer_async
from paraformer_async import AudioError, InvalidOptionError, Latency, Sentence, Transcript, Usage
from paraformer_async.cli import running
from paraformer_async.cli.app import app
from paraformer_async.cli.output import (
    OutputFormat,
    describe,
    error_text,
    printable,
    render,
    render_json,
)
from tests.cli.conftest import COMMAND, WITHOUT, Call, Run

TRANSCRIPT = Transcript(
    (Sentence(0, 900, "你好。", sentence_end=True), Sentence(900, 1500, "Hello.")),
    1.5,
    Latency(0.25, 0.5),
    "an-id",
    Usage(2),
)


def test_version(run: Run) -> None:
    """`--version` prints the version of the package."""
    done = run("--version")

    assert paraformer_async.__version__ == version("paraformer-async")
    assert (0, f"paraformer-async {version('paraformer-async')}\n") == (
        done.returncode,
        done.stdout,
    )


def test_script(run: Run) -> None:
    """The installed script is the same command as `python -m paraformer_async`."""
    script = shutil.which("paraformer-async", path=Path(sys.executable).parent)
    assert script is not None

    assert run("--version").stdout == run("--version", command=(script,)).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize("words", [("--version",), ("--help",), ("models", "--help")], ids=" ".join)
def test_help_for_a_full_disk(environment: dict[str, str], words: tuple[str, ...]) -> None:
    """Help that cannot be written is reported in one line, like all output."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *words],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert (1, "paraformer-async: No space left on device\n") == (done.returncode, done.stderr)


def every_command() -> list[tuple[str, ...]]:
    """Return the words of each command."""
    group: Any = typer.main.get_command(app)
    names = [(name,) for name in group.commands if name != "hotwords"]
    return [*names, *(("hotwords", name) for name in group.commands["hotwords"].commands)]


@pytest.mark.parametrize("words", [(), ("hotwords",), *every_command()], ids=" ".join)
def test_help(call: Call, words: tuple[str, ...]) -> None:
    """Help is plain ASCII in at most 80 columns and 40 lines, so it fits any console."""
    done = call(*words, "--help", COLUMNS="80")

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.isascii()
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.count("\n") <= 40
    assert "Show this message and exit." in done.stdout
    assert not re.search(r"<\w+|Path|None", done.stdout)


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_has_an_example(call: Call, words: tuple[str, ...]) -> None:
    """The help of each command has an example of that command, with options that it has."""
    text = call(*words, "--help", COLUMNS="80").stdout

    (example,) = re.findall(r"Example: paraformer-async (.*)", text)
    assert example.startswith(" ".join(words) + " ")
    options = text.partition("Options:")[2]
    assert all(flag in options for flag in re.findall(r"--[a-z-]+", example))


@pytest.mark.parametrize("words", [(), ("hotwords",)], ids=" ".join)
def test_without_a_command(call: Call, words: tuple[str, ...]) -> None:
    """Without a command, the help is on stderr, and the exit code reports wrong usage."""
    done = call(*words)

    assert (2, "") == (done.returncode, done.stdout)
    assert "Commands:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope",), "No such command 'nope' (see paraformer-async --help)"),
        (("hotwords", "nope"), "No such command 'nope' (see paraformer-async hotwords --help)"),
        (("transcribe",), "Missing argument 'FILE' (see paraformer-async transcribe --help)"),
        (
            ("transcribe", "--resume"),
            "Option '--resume' requires an argument (see paraformer-async transcribe --help)",
        ),
        (
            ("hotwords", "list", "--json=1"),
            "Option '--json' does not take a value (see paraformer-async hotwords list --help)",
        ),
        (("serve", "--port", "x"), "--port: 'x' is not a whole number from 0 to 65535 (see"),
        (("serve", "--port", "65536"), "--port: '65536' is not a whole number from 0 to 65535"),
        (("transcribe", "--jobs", "0", "a"), "--jobs: '0' is not a whole number of at least 1"),
        (("transcribe", "--format", "docx", "a"), "--format: 'docx' is not one of txt, json"),
        (("token", "--expires-in", "1.5"), "--expires-in: '1.5' is not a whole number from 1 to"),
    ],
)
def test_wrong_usage(call: Call, arguments: tuple[str, ...], message: str) -> None:
    """Wrong usage is one line, in the words of a shell and not of a library."""
    done = call(*arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"paraformer-async: {message}")
    assert 1 == done.stderr.count("\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "nope"),
        ("probe", "none.wav"),
        ("transcribe", "--local", "--engine", "scripted", "none.wav"),
    ],
    ids=" ".join,
)
def test_debug(call: Call, arguments: tuple[str, ...]) -> None:
    """An error is one line; with `--debug`, that line follows where it comes from."""
    plain = call(*arguments)
    debug = call(*arguments, "--debug")

    assert plain.returncode == debug.returncode
    assert 1 == plain.stderr.count("\n")
    assert debug.stderr.startswith("Traceback")
    assert debug.stderr.endswith(plain.stderr)


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_cli(run: Run, missing: str) -> None:
    """Without the packages of the extra `cli`, the command prints one line that names the extra."""
    done = run(missing, "--version", command=(sys.executable, "-c", WITHOUT))

    assert (1, "") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("\n")
    assert 'pip install "paraformer-async[cli]"' in done.stderr


def test_other_missing_module_is_not_mistaken(run: Run) -> None:
    """A missing module that the extra does not provide is not blamed on the extra."""
    done = run("msgspec", "--version", command=(sys.executable, "-c", WITHOUT))

    assert "ModuleNotFoundError" in done.stderr
    assert "paraformer-async[cli]" not in done.stderr


def test_interrupted_while_modules_load(run: Run) -> None:
    """Ctrl-C before the command has started exits with code 130 and no traceback."""
    interrupting = """
import sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "paraformer_async.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder)
from paraformer_async.cli import main
main()
"""
    done = run("--version", command=(sys.executable, "-c", interrupting))

    assert (130, "", "") == (done.returncode, done.stdout, done.stderr)


def test_chinese_into_a_pipe(run: Run) -> None:
    """A pipe receives UTF-8 whatever the platform's encoding; PYTHONIOENCODING takes precedence."""
    program = """
from paraformer_async.cli import _configure_stdout
_configure_stdout()
print("\\u4f60\\u597d \\udcff")
"""
    command = (sys.executable, "-c", program)

    assert "你好 \\udcff\n" == run(command=command, PYTHONUTF8="0", LC_ALL="C").stdout
    asked = run(command=command, PYTHONIOENCODING="ascii").stdout
    assert "\\u4f60\\u597d \\udcff\n" == asked


def test_render_text() -> None:
    """A transcript as text is one line."""
    assert "你好。Hello.\n" == render(TRANSCRIPT, OutputFormat.TXT, Path("a.wav"))


def test_render_captions() -> None:
    """A transcript as captions is SubRip."""
    assert TRANSCRIPT.to_srt() == render(TRANSCRIPT, OutputFormat.SRT, Path("a.wav"))
    assert "00:00:00,900 --> 00:00:01,500\nHello." in TRANSCRIPT.to_srt()


def test_render_documents() -> None:
    """A transcript as JSON is a list of one object, without empty fields, in unescaped Chinese."""
    import msgspec

    text = render(TRANSCRIPT, OutputFormat.JSON, Path("a.wav"))

    assert render_json([describe(Path("a.wav"), TRANSCRIPT)]) == text
    assert "你好。" in text
    [document] = msgspec.json.decode(text)
    assert list(document) == [
        "path",
        "text",
        "sentences",
        "billed",
        "duration",
        "latency",
        "request_id",
        "usage",
        "overhead",
    ]
    assert {"first_packet": 0.25, "last_packet": 0.5} == document["latency"]
    assert "[]\n" == render_json([])


def test_describe_a_failure() -> None:
    """The failure of a file is in `error`; bytes that are not UTF-8 are escaped."""
    described = describe(Path("\udcff.wav"), AudioError("\udcff.wav contains no audio"))

    assert {
        "path": "\\udcff.wav",
        "text": "",
        "sentences": [],
        "error": "\\udcff.wav contains no audio",
    } == described


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidOptionError("language_hints", "no", hint="do"), "--language: no (do)"),
        (InvalidOptionError("other", "no"), "other: no"),
        (FileNotFoundError(2, "Not there", "a.wav"), "a.wav: Not there"),
        (OSError(28, "It is full"), "It is full"),
        (OSError("words alone"), "words alone"),
        (OSError(), "OSError"),
    ],
)
def test_error_text(error: Exception, text: str) -> None:
    """Error messages name flags of the command line and contain no error numbers."""
    assert text == error_text(error)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
        (OSError(28, "It is full"), 1, "paraformer-async: It is full\n"),
        (AudioError("two\nlines"), 1, "paraformer-async: two lines\n"),
        (RuntimeError("no model"), 1, "paraformer-async: no model\n"),
        (KeyError("a bug"), 1, "paraformer-async: 'a bug'\n"),
        (InvalidOptionError("engine", "no"), 2, "paraformer-async: --engine: no\n"),
        (KeyboardInterrupt(), 7, ""),
    ],
    ids=repr,
)
def test_exit_codes(
    error: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each kind of failure has its exit code and prints at most one line on stderr."""

    async def run() -> int:
        raise error

    monkeypatch.setattr(running, "drop", lambda _: None)
    with pytest.raises(SystemExit) as caught:
        running.exit_with(run, when_stopped=7)

    assert code == caught.value.code
    assert ("", message) == capsys.readouterr()


def test_printable() -> None:
    """A file name is printed on one line and cannot control the terminal."""
    assert "两 a.wav" == printable(Path("两 a.wav"))
    assert "\\n\\x1b[2J\\udcff" == printable("\n\x1b[2J\udcff")
