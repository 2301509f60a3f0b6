"""`paraformer-async serve`, as a program that is started and stopped."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from paraformer_async.cli.app import _until_stopped
from tests.cli.conftest import COMMAND, WITHOUT, Call, Run
from tests.cli.test_transcribe import assert_one_line, posix


@contextmanager
def service(
    environment: dict[str, str], *arguments: str, **env: str
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the service over the scripted engine; give its process and address."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--engine", "scripted", "--port", "0", *arguments],
        env=environment | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on ws://127.0.0.1:"), line
            yield process, line.split()[2]
        finally:
            process.kill()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(
    run: Run, one_second: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    """The service takes any key, and ends with exit code 0 and no complaint when it is told to."""
    with service(environment) as (process, url):
        done = run("transcribe", "--endpoint", url, one_second, DASHSCOPE_API_KEY="any at all")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)

    assert (0, "") == (done.returncode, done.stderr)
    assert "word-0001" in done.stdout
    assert (0, "", "") == (process.returncode, stdout, stderr)


@posix
@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_stopped_while_it_starts(number: signal.Signals) -> None:
    """A signal counts from the beginning, also while the model is loaded."""

    async def load() -> int:
        os.kill(os.getpid(), number)
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.fail_after(5):
        assert 7 == await _until_stopped(load, 7)


def test_key(run: Run, one_second: Path, environment: dict[str, str]) -> None:
    """A key that is set must be sent: another is refused in one line that does not show it."""
    variable = {"PARAFORMER_ASYNC_SERVE_KEY": "overruled by the option"}
    with service(environment, "--api-key", "right", **variable) as (_, url):
        right = run("transcribe", "--endpoint", url, one_second, DASHSCOPE_API_KEY="right")
        wrong = run("transcribe", "--endpoint", url, one_second, DASHSCOPE_API_KEY="wrong-one")

    assert (0, 1) == (right.returncode, wrong.returncode)
    assert_one_line(wrong.stderr, "401", "DASHSCOPE_API_KEY")
    assert "wrong-one" not in wrong.stderr


def test_key_of_the_environment(call: Call) -> None:
    """The key may come from the environment, where others do not see it; an empty one is none."""
    assert "api-key" in call("serve", PARAFORMER_ASYNC_SERVE_KEY=" ").stderr


def test_open_to_others_without_a_key(call: Call) -> None:
    """Who listens to the network without a key is warned; who listens to this machine is not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        everywhere, named = (
            call("serve", "--engine", "scripted", "--host", host, "--port", port)
            for host in ("0.0.0.0", "localhost")
        )

    assert "anyone who reaches 0.0.0.0 can use this service" in everywhere.stderr
    assert "anyone" not in named.stderr


def test_port_taken(run: Run) -> None:
    """A port that is taken is one line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--engine", "scripted", "--port", port)

    assert (1, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, f"cannot listen on 127.0.0.1, port {port}: address already in use")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("--engine", "nope"), ("--engine: 'nope'", "'moonshine', 'paraformer'")),
        (("--engine", "paraformer"), ("--model-dir: ", "needs a model folder")),
        (("--engine", "paraformer", "--model-dir", "."), ("--model-dir: ", "tokens.txt")),
        (("--engine", "scripted", "--api-key", ""), ("--api-key: ", "empty")),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(
    call: Call, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    """Options that cannot work are refused by their names, with code 2."""
    done = call("serve", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, *parts)


def test_without_the_extra_local(run: Run) -> None:
    """Without the packages of the extra `local`, the default engine names the extra."""
    done = run("sherpa_onnx", "serve", "--port", 0, command=(sys.executable, "-c", WITHOUT))

    assert (1, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, 'pip install "paraformer-async[local]"')


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("transcribe", "--local", "a.wav")])
def test_damaged_model(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A model that cannot be read is one line, in the words of the engine's runtime."""
    for name in ("tokens.txt", "encoder.onnx", "decoder.onnx"):
        (tmp_path / name).write_text("no model", encoding="utf-8")

    done = run(*command, "--engine", "paraformer", "--model-dir", ".")

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.splitlines()[-1].startswith("paraformer-async: ")
    assert "Traceback" not in done.stderr
    assert "encoder.onnx" in done.stderr
