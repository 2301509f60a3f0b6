"""What shells complete: commands, options, models, formats, files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.cli.test_transcribe import posix

NAME = "_PARAFORMER_ASYNC_COMPLETE"
# Loads the completion into a shell, and completes the words of a line.
COMPLETING = """
{script}
COMP_WORDS=(paraformer-async transcribe --format js) COMP_CWORD=3
_paraformer_async_completion paraformer-async
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(call: Call, line: str, shell: str) -> list[str]:
    """Return what a shell is told for a line whose last word is incomplete."""
    words = ["paraformer-async", *line.split(" ")]
    done = call(
        **{
            NAME: f"complete_{shell}",
            "COMP_WORDS": "\n".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_TYPER_COMPLETE_ARGS": " ".join(words),
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tr", ["transcribe"]),
        ("hotwords cr", ["create"]),
        ("transcribe --out", ["--output-dir"]),
        ("transcribe --format js", ["json", "jsonl"]),
        ("transcribe --model gummy-r", ["gummy-realtime-v1"]),
        ("models gummy-r", ["gummy-realtime-v1"]),
        ("listen --region ap", ["ap-southeast-1"]),
        ("listen --param max", ["max_sentence_silence="]),
        ("listen --language e", ["en"]),
        ("serve --engine m", ["moonshine"]),
        ("transcribe --channels s", ["split"]),
        ("transcribe tal", []),  # upon which the shell completes names of files
        ("listen --output tal", []),
    ],
)
def test_bash(call: Call, line: str, expected: list[str]) -> None:
    """In bash, what begins with the incomplete word is offered; for files, nothing of ours."""
    assert expected == completed(call, line, "bash")


@pytest.mark.parametrize(
    ("shell", "json", "files"),
    [
        ("zsh", '_arguments \'*: :(("json"\n"jsonl"))\'', "_files"),
        ("fish", "json\njsonl", ""),
    ],
)
def test_other_shells(call: Call, shell: str, json: str, files: str) -> None:
    """In zsh and fish, it is the same."""
    assert json.split() == completed(call, "transcribe --format js", shell)
    assert files.split() == completed(call, "transcribe tal", shell)


@posix
def test_in_a_real_bash(call: Call, environment: dict[str, str], tmp_path: Path) -> None:
    """The script that `--show-completion` prints completes in bash itself."""
    script = call("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    program = COMPLETING.format(script=script.stdout)
    done = subprocess.run(
        ["bash", "--norc", "-c", program],  # noqa: S607 - wherever it is
        env=environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (["json", "jsonl"], "") == (done.stdout.split(), done.stderr)
