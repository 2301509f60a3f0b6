"""What the tests of the session share."""

from collections.abc import AsyncIterator, Callable

import anyio
import pytest

from paraformer_async._session.session import Session
from paraformer_async._session.transport import Transport
from paraformer_async.audio.source import Source, chunks
from paraformer_async.middleware import Heartbeat, Latency, Middleware, Stack
from paraformer_async.options import Options
from paraformer_async.stream import RecognitionStream
from tests.session.peer import Peer

Open = Callable[..., RecognitionStream]


@pytest.fixture
def peer() -> Peer:
    """The service's end of the connection."""
    return Peer()


@pytest.fixture
async def open_stream(peer: Peer) -> AsyncIterator[Open]:
    """Give a function that makes a stream whose connection leads to `peer`."""
    async with anyio.create_task_group() as tasks:

        def open_stream(
            audio: Source | None = None,
            *,
            middleware: tuple[Middleware, ...] = (),
            **options: object,
        ) -> RecognitionStream:
            async def dial(_: Options) -> Transport:
                return peer

            latency = Latency()
            session = Session(
                Options(**options),  # type: ignore[arg-type]
                dial=dial,
                stack=Stack(
                    [*middleware, *([Heartbeat(0.05)] if options.get("heartbeat") else []), latency]
                ),
                source=None if audio is None else chunks(audio),
            )
            return RecognitionStream(session, latency, lambda: tasks.start_soon(session.run))

        yield open_stream
        tasks.cancel_scope.cancel()
