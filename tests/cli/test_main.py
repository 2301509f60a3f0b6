"""The command itself: its help, its version, and its words for what goes wrong."""

import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import paraformer_async
from paraformer_async import AudioError, InvalidOptionError, Latency, Sentence, Transcript
from paraformer_async.cli import app as command
from paraformer_async.cli.output import Format, describe, explain, render, render_json, shown
from tests.cli.conftest import WITHOUT, Call, Run

TRANSCRIPT = Transcript(
    (Sentence(0, 900, "你好。", sentence_end=True), Sentence(900, 1500, "Hello.")),
    1.5,
    Latency(0.25, 0.5),
    "an-id",
    2,
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


@pytest.mark.parametrize("arguments", [("-h",), ("transcribe", "--help"), ("serve", "--help")])
def test_help(run: Run, arguments: tuple[str, ...]) -> None:
    """Help is plain ASCII of at most 80 columns, so that any console shows it as it is."""
    done = run(*arguments)

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.isascii()
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "Show this message and exit." in done.stdout


def test_nothing_asked(call: Call) -> None:
    """Without a command, the help is shown; the code says that nothing was done."""
    done = call()

    assert 2 == done.returncode
    assert "transcribe" in done.stdout + done.stderr


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_cli(run: Run, missing: str) -> None:
    """Without the packages of the extra `cli`, one line names the extra."""
    done = run(missing, "--version", command=(sys.executable, "-c", WITHOUT))

    assert (1, "") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("\n")
    assert 'pip install "paraformer-async[cli]"' in done.stderr


def test_other_missing_module_is_not_mistaken(run: Run) -> None:
    """A missing module that is no matter of the extra is not blamed on it."""
    done = run("msgspec", "--version", command=(sys.executable, "-c", WITHOUT))

    assert "ModuleNotFoundError" in done.stderr
    assert "paraformer-async[cli]" not in done.stderr


def test_interrupted_while_modules_load(run: Run) -> None:
    """Ctrl-C before the command has begun ends with code 130 and no traceback."""
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
    """A pipe gets UTF-8 whatever the platform's own encoding is; PYTHONIOENCODING rules."""
    program = """
from paraformer_async.cli import _let_stdout_take_all
_let_stdout_take_all()
print("\\u4f60\\u597d \\udcff")
"""
    command = (sys.executable, "-c", program)

    assert "你好 \\udcff\n" == run(command=command, PYTHONUTF8="0", LC_ALL="C").stdout
    asked = run(command=command, PYTHONIOENCODING="ascii").stdout
    assert "\\u4f60\\u597d \\udcff\n" == asked


def test_render_text() -> None:
    """A transcript as text is one line."""
    assert "你好。Hello.\n" == render(TRANSCRIPT, Format.TXT, Path("a.wav"))


def test_render_captions() -> None:
    """A transcript as captions is SubRip."""
    assert TRANSCRIPT.to_srt() == render(TRANSCRIPT, Format.SRT, Path("a.wav"))
    assert "00:00:00,900 --> 00:00:01,500\nHello." in TRANSCRIPT.to_srt()


def test_render_documents() -> None:
    """A transcript as JSON is a list of one object, with Chinese as it is."""
    import msgspec

    text = render(TRANSCRIPT, Format.JSON, Path("a.wav"))

    assert render_json([describe(Path("a.wav"), TRANSCRIPT)]) == text
    assert "你好。" in text
    [document] = msgspec.json.decode(text)
    assert list(document) == [
        "path",
        "text",
        "sentences",
        "duration",
        "latency",
        "request_id",
        "billed",
    ]
    assert {"first_packet": 0.25, "last_packet": 0.5} == document["latency"]
    assert "[]\n" == render_json([])


def test_describe_a_failure() -> None:
    """What went wrong with a file stands in `error`; what is no UTF-8 is escaped."""
    described = describe(Path("\udcff.wav"), AudioError("\udcff.wav holds no audio"))

    assert {
        "path": "\\udcff.wav",
        "text": "",
        "sentences": [],
        "error": "\\udcff.wav holds no audio",
    } == described


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidOptionError("language_hints", "no", hint="do"), "--language: no (do)"),
        (InvalidOptionError("other", "no"), "other: no"),
        (FileNotFoundError(2, "Not there", "a.wav"), "a.wav: Not there"),
        (OSError(28, "It is full"), "It is full"),
        (OSError("words alone"), "words alone"),
        (OSError(), "OSError"),
    ],
)
def test_explain(error: Exception, said: str) -> None:
    """Errors speak the words of the command line, without error numbers."""
    assert said == explain(error)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
        (OSError(28, "It is full"), 1, "paraformer-async: It is full\n"),
        (AudioError("two\nlines"), 1, "paraformer-async: two lines\n"),
        (RuntimeError("no model"), 1, "paraformer-async: no model\n"),
        (InvalidOptionError("engine", "no"), 2, "paraformer-async: --engine: no\n"),
        (KeyboardInterrupt(), 7, ""),
    ],
    ids=repr,
)
def test_exit_codes(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each kind of end has its code, and at most one line on stderr."""

    async def run() -> int:
        raise error

    monkeypatch.setattr(command, "_drop_stdout", lambda: None)
    with pytest.raises(SystemExit) as caught:
        command._exit_with(run, when_stopped=7)

    assert code == caught.value.code
    assert ("", said) == capsys.readouterr()


def test_shown() -> None:
    """A file's name is shown in one line, and cannot command the terminal."""
    assert "两 a.wav" == shown(Path("两 a.wav"))
    assert "\\n\\x1b[2J\\udcff" == shown("\n\x1b[2J\udcff")
