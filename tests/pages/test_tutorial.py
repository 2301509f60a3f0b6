"""docs/tutorial.md is correct: whoever follows it, step by step, sees what it shows."""

import os
import re
import shlex
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from paraformer_async.server import LocalServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
SERVICE = "8080"  # the port of captions.py
STEP = re.compile(
    r"^```(python|sh)\n(.*?)^```$(?:\n\n```text\n(.*?)\n```$)?", re.MULTILINE | re.DOTALL
)


def free_port() -> str:
    """Return a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])


def as_seen(output: str) -> str:
    """Return what is left of an output on a terminal, where a line may overwrite itself."""
    return "\n".join(line.rpartition("\r")[2] for line in output.splitlines())


async def wait_for_port(port: str) -> None:
    """Wait until a service listens."""
    while True:
        try:
            stream = await anyio.connect_tcp("127.0.0.1", int(port))
        except OSError:
            await anyio.sleep(0.05)
        else:
            return await stream.aclose()


class Follower:
    """Somebody who follows the tutorial in a folder of their own, with a service that runs."""

    def __init__(self, folder: Path, url: str, background: AsyncExitStack) -> None:
        self._folder = folder
        self._background = background
        self._port = free_port()
        self._environment = {
            **os.environ,
            "DASHSCOPE_WEBSOCKET_BASE_URL": url,
            "DASHSCOPE_API_KEY": "any",
        }

    def save(self, program: str) -> None:
        """Save a program under the name in its first line."""
        name = re.match(r"# (\w+\.py)\n", program)
        assert name
        (self._folder / name[1]).write_text(program.replace(SERVICE, self._port))

    async def type(self, line: str) -> str:
        """Run a line of the shell; return what it prints, except for one in the background."""
        words = shlex.split(line)
        command = [sys.executable, "-W", "error", *words[1:]]
        if words[0].endswith("/paraformer-async"):
            command[3:3] = ["-m", "paraformer_async"]
        if words[-1] == "&":
            await self._start(command[:-1])
            return ""
        done = await anyio.run_process(
            command, cwd=self._folder, env=self._environment, check=False
        )
        assert (0, b"") == (done.returncode, done.stderr), done.stdout
        return as_seen(done.stdout.decode())

    async def _start(self, command: list[str]) -> None:
        process = await anyio.open_process(command, cwd=self._folder, env=self._environment)
        self._background.push_async_callback(process.wait)
        self._background.callback(process.terminate)
        with anyio.fail_after(60):
            await wait_for_port(self._port)


@pytest.mark.anyio
async def test_the_tutorial(tmp_path: Path) -> None:
    """Every program is saved, every command runs as printed, and prints what is shown."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    shown = []
    async with LocalServer() as service, AsyncExitStack() as background:
        reader = Follower(tmp_path, service.url, background)
        for language, text, output in STEP.findall(PAGE):
            if language == "python":
                reader.save(text)
                continue
            # What installs, exports, or runs the local service was done by this test.
            lines = [line for line in text.splitlines() if re.match(r".*(\.py\b|transcribe)", line)]
            printed = [await reader.type(line) for line in lines]
            if output:
                shown.append(output)
                assert output in printed[-1]
    assert shown == ["Go forward ten meters."] * 3 + ["1 passed"]
