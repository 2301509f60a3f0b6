"""The pace of sources: an absolute schedule, on a clock that the test drives."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from paraformer_async.audio import pacing
from paraformer_async.audio.pacing import Feeder, feeder
from paraformer_async.audio.source import chunks, immutable
from paraformer_async.options.options import Options
from tests.core.test_buffer import wav_header

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that stands still, but for `sleep`, which oversleeps by a third."""

    def __init__(self) -> None:
        self.now = 100.0

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0
        self.now += seconds * 4 / 3

    def current_time(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock in place of the real one."""
    one = Clock()
    standin = SimpleNamespace(sleep=one.sleep, current_time=one.current_time)
    monkeypatch.setattr(pacing, "anyio", standin)
    return one


def made(**options: Any) -> Feeder:
    """Return a feeder for options."""
    one = feeder(Options(**options), immutable)
    assert one is not None
    return one


async def times_of(clock: Clock, feeder: Feeder, source: Any) -> list[tuple[float, int]]:
    """Return when each piece was handed over, in seconds since the beginning, and its length."""
    return [(clock.now - 100.0, len(piece)) async for piece in feeder.feed(chunks(source))]


@pytest.mark.parametrize("pace", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("source", [bytes(320_000), [bytes(999)] * 320 + [bytes(320)]])
async def test_no_drift(clock: Clock, pace: float, source: Any) -> None:
    """A piece comes when it would have been recorded, however late the ones before it were."""
    passed = await times_of(clock, made(pace=pace), source)
    assert 320_000 == sum(size for _, size in passed)
    end = 0
    for time, size in passed:
        assert size <= 3200
        end += size
        due = end / 32_000 / pace
        assert due - 1e-6 <= time <= due + 0.1 / pace  # one piece late at most, and never early


@pytest.mark.parametrize(
    ("options", "bytes_per_second"),
    [
        ({"encoding": "mulaw"}, 8000),
        ({"encoding": "alaw", "sample_rate": 16_000}, 16_000),
        ({"resample_from": 48_000}, 96_000),
        ({"encoding": "mulaw", "resample_from": 8000}, 8000),
        ({"sample_rate": 8000}, 16_000),
    ],
)
async def test_every_rate(clock: Clock, options: dict[str, Any], bytes_per_second: int) -> None:
    """The pace is that of what is given, whatever is sent."""
    passed = await times_of(clock, made(pace=1.0, **options), bytes(2 * bytes_per_second))
    assert 2.0 == pytest.approx(passed[-1][0], abs=0.1)


async def test_wav(clock: Clock) -> None:
    """The header of a WAV stream tells its rate."""
    wav = wav_header(2, 24) + bytes(96_000 * 3)
    passed = await times_of(clock, made(pace=1.0, format="wav"), wav)
    assert 3.0 == pytest.approx(passed[-1][0], abs=0.1)


async def test_a_slower_source_is_not_delayed(clock: Clock) -> None:
    """A live source that is late is not delayed any further, and may catch up."""

    async def late() -> AsyncIterator[bytes]:
        for _ in range(10):
            clock.now += 0.5
            yield bytes(3200)
        for _ in range(10):
            yield bytes(3200)

    passed = await times_of(clock, made(pace=1.0), late())
    assert [0.6333] == pytest.approx([passed[0][0]], abs=0.01)
    assert [0.5 * n for n in range(2, 11)] == pytest.approx(
        [time for time, _ in passed[1:10]], abs=0.15
    )
    assert 0 == passed[-1][0] - passed[9][0]


async def test_what_was_due_is_due_at_once(clock: Clock) -> None:
    """After a lost connection, what is read again waits for nothing until it has caught up."""
    one = made(pace=1.0)
    await times_of(clock, one, bytes(64_000))
    one.restart(32_000)
    before = clock.now
    again = await times_of(clock, one, bytes(64_000))
    assert [0.0] * 10 == [time - before + 100.0 for time, _ in again[:10]]
    assert 3.0 == pytest.approx(again[-1][0], abs=0.1)


async def test_nothing_to_pace() -> None:
    """Without a pace and a conversion, the source is left alone; with a conversion, it is cut."""
    assert feeder(Options(), immutable) is None
    one = feeder(Options(resample_from=8000), immutable)
    assert one is not None
    pieces = [piece async for piece in one.feed(chunks(bytes(100_001)))]
    assert [8000] * 12 + [4001] == list(map(len, pieces))


async def test_it_can_be_canceled() -> None:
    """Waiting for the schedule ends when it is canceled, and closes the source."""
    closed = anyio.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            yield bytes(32_000_000)
        finally:
            closed.set()

    audio = made(pace=0.01).feed(chunks(source()))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                try:
                    async for _ in audio:
                        pass
                finally:
                    await audio.aclose()

            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert closed.is_set()
