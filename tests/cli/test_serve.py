"""`paraformer-async serve` as a process that is started and stopped."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from paraformer_async.cli.running import _until_stopped, on_signals
from tests.cli.conftest import COMMAND, WITHOUT, Call, Run
from tests.cli.test_transcribe import assert_one_line, posix


@contextmanager
def service(
    environment: dict[str, str], *arguments: str, **env: str
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the service with the scripted engine; yield its process and address."""
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
            settings = [process.stdout.readline(), process.stdout.readline()]
            url, key = (one.rstrip().partition("=")[2] for one in settings)
            assert url == line.split()[2]
            assert key == ("..." if "--api-key" in arguments else "any")
            yield process, url
        finally:
            process.kill()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(
    run: Run, one_second: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    """The service accepts any key, and a signal stops it with exit code 0 and no output."""
    with service(environment) as (process, url):
        done = run("transcribe", "--endpoint", url, one_second, DASHSCOPE_API_KEY="any at all")
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)

    assert (0, "") == (done.returncode, done.stderr)
    assert "word-0001" in done.stdout
    assert (0, "", "") == (process.returncode, stdout, stderr)


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_stopped_while_it_starts(number: signal.Signals) -> None:
    """A signal takes effect from the start, even while the model is loading."""

    async def load() -> int:
        signal.raise_signal(number)
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.fail_after(5):
        assert 7 == await _until_stopped(load, 7)


@pytest.mark.anyio
async def test_the_innermost_takes_a_signal() -> None:
    """A signal is taken by the innermost context, and after it by the one around it."""
    outer, inner = anyio.Event(), anyio.Event()
    with anyio.fail_after(5), on_signals(outer.set):
        with on_signals(inner.set):
            signal.raise_signal(signal.SIGINT)
            await inner.wait()
        assert not outer.is_set()
        signal.raise_signal(signal.SIGINT)
        await outer.wait()


def test_key(run: Run, one_second: Path, environment: dict[str, str]) -> None:
    """If a key is set, any other key is refused in one line that does not contain it."""
    variable = {"PARAFORMER_ASYNC_SERVE_KEY": "overruled by the option"}
    with service(environment, "--api-key", "right", **variable) as (_, url):
        right = run("transcribe", "--endpoint", url, one_second, DASHSCOPE_API_KEY="right")
        wrong = run("transcribe", "--endpoint", url, one_second, DASHSCOPE_API_KEY="wrong-one")

    assert (0, 1) == (right.returncode, wrong.returncode)
    assert_one_line(wrong.stderr, "401", "DASHSCOPE_API_KEY")
    assert "wrong-one" not in wrong.stderr


def test_key_from_the_environment(call: Call) -> None:
    """The key may come from the environment, where others cannot see it; it must not be empty."""
    assert "api-key" in call("serve", PARAFORMER_ASYNC_SERVE_KEY=" ").stderr


def test_open_to_others_without_a_key(call: Call) -> None:
    """Who listens to the network without a key is warned; who listens to this machine is not."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        everywhere, named = (
            call("serve", "--engine", "scripted", "--host", host, "--port", port)
            for host in ("0.0.0.0", "localhost")
        )

    assert "anyone who can reach 0.0.0.0 can use this service" in everywhere.stderr
    assert "anyone" not in named.stderr


def test_port_taken(run: Run) -> None:
    """A port in use is reported in one line that names it."""
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
def test_invalid_options_are_refused_in_one_line(
    call: Call, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    """Invalid options are refused by name, with exit code 2."""
    done = call("serve", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, *parts)


def test_without_the_extra_local(run: Run) -> None:
    """Without the packages of the extra `local`, the default engine prints a line that names it."""
    done = run("sherpa_onnx", "serve", "--port", 0, command=(sys.executable, "-c", WITHOUT))

    assert (1, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, 'pip install "paraformer-async[local]"')


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("transcribe", "--local", "a.wav")])
def test_damaged_model(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A damaged model is reported in one line, with the message of the engine's runtime."""
    for name in ("tokens.txt", "encoder.onnx", "decoder.onnx"):
        (tmp_path / name).write_text("no model", encoding="utf-8")

    done = run(*command, "--engine", "paraformer", "--model-dir", ".")

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.splitlines()[-1].startswith("paraformer-async: ")
    assert "Traceback" not in done.stderr
    assert "encoder.onnx" in done.stderr
