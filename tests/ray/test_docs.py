"""What docs/ray.md and the example say, run on Ray of their own."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from paraformer_async.server import LocalServer
from tests.ray.files import LIMIT

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(LIMIT)]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ray.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = sorted(path.name for path in (ROOT / "examples" / "audio").glob("*.wav"))


@pytest.fixture
async def env() -> AsyncIterator[dict[str, str]]:
    """Run a local service; return the environment of programs that use it."""
    async with LocalServer("scripted") as server:
        local = {"DASHSCOPE_API_KEY": "any", "DASHSCOPE_WEBSOCKET_BASE_URL": server.url}
        yield os.environ | local


async def output_of(arguments: list[str], env: dict[str, str]) -> str:
    """Run a program, and return what it prints."""
    with anyio.fail_after(LIMIT):
        done = await anyio.run_process(
            [sys.executable, *arguments], env=env, cwd=ROOT, stderr=subprocess.STDOUT, check=False
        )
    text = done.stdout.decode()
    assert 0 == done.returncode, text
    return text


async def test_the_page(env: dict[str, str], tmp_path: Path) -> None:
    """The programs of the page run, one after the other; each file is in both results."""
    count = 'print(len(ray.data.read_parquet("/shared/calls/transcripts").take_all()))'
    program = "\n".join([*PROGRAMS, count]).replace("/shared/calls", str(tmp_path / "calls"))
    text = await output_of(["-c", program], env)
    assert FILES == sorted(re.findall(r"^\S*/(\S+\.wav) word-0001", text, re.MULTILINE))
    assert str(len(FILES)) == text.splitlines()[-1]


async def test_the_example(env: dict[str, str]) -> None:
    """The example prints a line for each file."""
    text = await output_of(["examples/ray_dataset.py"], env)
    assert FILES == sorted(re.findall(r"^(\S+\.wav): word-0001", text, re.MULTILINE))
