"""Fixtures for batches: many short files, and a recognizer for a scripted service."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from wave import open as open_wave

import anyio
import pytest

from paraformer_async import AsyncRecognizer, PoolLimits, Reconnect, Timeouts
from paraformer_async.testing import marked
from tests.integration.conftest import nothing_left
from tests.loops import each_loop

anyio_backend = each_loop
__all__ = ["nothing_left"]

Files = Callable[..., list[Path]]
Opened = Callable[..., AbstractAsyncContextManager[AsyncRecognizer]]


def write_marked(path: Path, ms: int = 200) -> Path:
    """Write marked audio as a WAV file."""
    with open_wave(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(marked(ms))
    return path


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - servers only have counters
            await anyio.sleep(0.001)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a function that writes so many short files."""

    def files(count: int, ms: int = 200) -> list[Path]:
        folder = tmp_path / "audio"
        folder.mkdir(exist_ok=True)
        return [write_marked(folder / f"{number:04}.wav", ms) for number in range(count)]

    return files


@pytest.fixture
def opened() -> Opened:
    """Return a function that returns a recognizer for an address, without a quota."""

    def opened(url: str, **options: object) -> AbstractAsyncContextManager[AsyncRecognizer]:
        defaults = {
            "pool": PoolLimits(tasks_per_second=100_000),
            "reconnect": Reconnect(attempts=1, backoff=lambda _: 0),
            "timeouts": Timeouts(close=0.5),
        }
        made: AsyncRecognizer = AsyncRecognizer(
            endpoint=url,
            api_key="any",
            **(defaults | options),  # type: ignore[arg-type]
        )
        return made

    return opened
