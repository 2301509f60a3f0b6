"""What the tests of the session share."""

import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from paraformer_async._client.quota import ProcessQuota, QuotaOfRecognizer, QuotaPlace
from paraformer_async._client.run import Run
from paraformer_async._client.slowdown import Slowdown
from paraformer_async._client.submissions import Submissions
from paraformer_async._client.timer import Timer
from paraformer_async._core.recognition import Recognition
from paraformer_async._net.contract import Transport
from paraformer_async._net.pool import Pool
from paraformer_async.audio.source import Source, chunks
from paraformer_async.middleware import Heartbeat, LatencyMeter, Middleware, Stack
from paraformer_async.options.options import Options
from paraformer_async.options.policies import PoolLimits
from paraformer_async.stream import RecognitionStream
from tests.client.peer import Peer

Open = Callable[..., RecognitionStream]


class HubStub:
    """A stand-in for the hub: runs recognitions in a task group."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks

    def spawn(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start a recognition."""
        self._tasks.start_soon(run)

    def require_loop(self) -> None:
        """There is one loop only."""


@pytest.fixture
def peer() -> Peer:
    """The service's end of the connection."""
    return Peer()


@pytest.fixture
def peers(peer: Peer) -> list[Peer]:
    """The peers of successive connections; the first is `peer`."""
    return [peer, *(Peer() for _ in range(9))]


@asynccontextmanager
async def streams(peers: list[Peer]) -> AsyncIterator[Open]:
    """Return a function that makes a stream whose connections lead to *peers*."""
    dialled = iter(peers)
    timer = Timer(time.monotonic)
    slowdown = Slowdown(1000, time.monotonic)
    quota = QuotaOfRecognizer(PoolLimits(), ProcessQuota(time.monotonic, Submissions()))

    async def dial(_: Options) -> Transport:
        return next(dialled)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(timer.run)

        def open_stream(
            audio: Source | None = None,
            *,
            middleware: tuple[Middleware, ...] = (),
            **options: object,
        ) -> RecognitionStream:
            options.setdefault("reconnect", None)
            checked = Options(**options)  # type: ignore[arg-type]
            latency = LatencyMeter()
            heartbeat = [Heartbeat(0.05)] if checked.heartbeat else []
            pool = Pool(dial, PoolLimits(), time.monotonic)
            tasks.start_soon(pool.run)
            run = Run(
                Recognition(checked, Stack([*middleware, *heartbeat, latency])),
                checked,
                pool=pool,
                place=QuotaPlace(quota, 1, "ws://a"),
                slowdown=slowdown,
                timer=timer,
                source=None if audio is None else chunks(audio),
                clock=time.monotonic,
                meter=latency,
            )
            return RecognitionStream(run, HubStub(tasks))  # type: ignore[arg-type]

        yield open_stream
        tasks.cancel_scope.cancel()


@pytest.fixture
async def open_stream(peers: list[Peer]) -> AsyncIterator[Open]:
    """Return a function that makes a stream whose connections lead to `peers`."""
    async with streams(peers) as open_stream:
        yield open_stream
