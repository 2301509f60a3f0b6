"""What `transcribe` shows while it runs, and how it sums up."""

import sys
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from paraformer_async import BatchOutcome, BatchProgress, Latency, Transcript, Usage
from paraformer_async.cli.totals import Totals
from tests.cli.conftest import Gate
from tests.cli.terminal import terminal
from tests.cli.test_transcribe import SCRIPTED, WORDS, posix

# Prints the text of a file while another one is being transcribed.
PRINTING = """
from pathlib import Path
from paraformer_async import RecognitionResult, Sentence
from paraformer_async.cli.output import write_result
from paraformer_async.cli.progress import ProgressDisplay

display = ProgressDisplay()
with display.show("0/2 files"):
    for name in ("a", "b"):
        display.update(Path(name), RecognitionResult(Sentence(0, None, name * 99), "task"))
    with display.hidden():
        write_result("".join(f"line {number}\\n" for number in range(5)))
"""


def progress(usage: Usage | None, **others: object) -> BatchProgress:
    """Return the progress after a file of 31 s."""
    transcript = Transcript((), 31.0, Latency(), "id", usage)
    latest = BatchOutcome(path="a", transcript=transcript, seconds=3)
    return BatchProgress(**{"latest": latest, "done": 1} | others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("after", "parts"),
    [
        ([], ["0/3 files"]),
        (
            [progress(Usage(31), audio=31.0, seconds=3.1)],
            ["1/3 files", "31 s of audio", "real-time factor 0.10", "31 s billed"],
        ),
        (
            [
                progress(Usage(31), audio=31.0, seconds=3.1),
                progress(Usage(0, 5, 2, 7), done=3, failed=1, restored=1, audio=62.0, seconds=31.0),
            ],
            [
                "3/3 files (1 failed, 1 done before)",
                "62 s of audio",
                "real-time factor 0.50",
                "31 s billed",
                "7 tokens billed",
            ],
        ),
    ],
)
def test_totals(after: list[BatchProgress], parts: list[str]) -> None:
    """The line has the files, the audio, the real-time factor and the cost, as far as known."""
    totals = Totals(3)
    for one in after:
        totals.after(one)
    assert ", ".join(parts) == str(totals)


@posix
def test_on_a_terminal_of_60_columns(
    gate: tuple[Gate, str],
    anyio_portal: BlockingPortal,
    one_second: Path,
    environment: dict[str, str],
) -> None:
    """A line for the file and one for all are drawn; in the end, the text and the totals remain."""
    engine, url = gate
    with terminal(environment, "transcribe", "--endpoint", url, str(one_second)) as screen:
        lines = screen.until(lambda lines: "half of" in "".join(lines))
        assert ["one second.wav 00:00 half of", "0/1 files"] == lines
        assert b"\x1b[2m" in screen.raw
        anyio_portal.call(engine.opened.set)
        text, *totals = screen.end()

    assert 0 == screen.process.returncode
    assert "half of the sentence." == text
    assert "paraformer-async: 1/1 files, 1 s of audio, real-time factor" in " ".join(totals)
    assert " ".join(totals).endswith("s billed")
    assert max(map(len, [text, *totals])) <= 60


@posix
def test_what_is_printed_stays(environment: dict[str, str]) -> None:
    """What is printed meanwhile is not overwritten by what is drawn."""
    command = (sys.executable, "-c", PRINTING)
    with terminal(environment, command=command) as screen:
        lines = screen.end()

    assert [f"line {number}" for number in range(5)] == lines


@posix
@pytest.mark.parametrize("setting", [{"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=str)
def test_other_terminals(
    environment: dict[str, str], one_second: Path, setting: dict[str, str]
) -> None:
    """With TERM=dumb nothing is drawn, and with NO_COLOR nothing has a color."""
    with terminal(environment, *SCRIPTED, str(one_second), **setting) as screen:
        lines = screen.end()

    assert (0, WORDS) == (screen.process.returncode, lines[0])
    assert b"\x1b[3" not in screen.raw
    assert ("TERM" in setting) == (b"\x1b" not in screen.raw)
