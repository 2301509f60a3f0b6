"""Whatever a service sends, the recognition ends, and by an error of this library."""

import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async import ParaformerError, Reconnect, Timeouts
from paraformer_async._core.messages import (
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.wire import encode
from paraformer_async.results import Sentence
from tests.client.conftest import streams
from tests.client.peer import Peer

EVENTS = st.sampled_from(
    [
        TaskStarted(),
        ResultGenerated(Sentence(0, None, "a")),
        ResultGenerated(Sentence(0, 100, "a", sentence_end=True)),
        ResultGenerated(),
        TaskFinished(),
        TaskFailed("InternalError", "no luck"),
        TaskFailed("InvalidParameter", "no"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FRAMES = st.lists(EVENTS | st.text(max_size=20) | st.binary(max_size=20) | JSON, max_size=8)


@pytest.mark.parametrize("reconnect", [None, Reconnect(attempts=2, backoff=lambda _: 0)])
@settings(max_examples=60)
@given(FRAMES)
def test_it_always_ends(reconnect: Reconnect | None, frames: list[Any]) -> None:
    """Arbitrary frames in any order, then silence or a broken connection: the stream ends."""

    async def recognize() -> None:
        peers = [Peer() for _ in range(4)]

        async def serve(peer: Peer) -> None:
            task = await peer.wait_for(RunTask)
            assert isinstance(task, RunTask)
            for frame in frames:
                if isinstance(frame, str | bytes):
                    peer.send_frame(frame)
                elif isinstance(frame, type(None) | bool | int | list | dict):
                    peer.send_frame(json.dumps(frame))
                else:
                    sent = encode(frame, peer.protocol.task_id)
                    assert isinstance(sent, str)
                    peer.send_frame(sent)
            peer.drop()

        async with anyio.create_task_group() as tasks:
            for peer in peers:
                tasks.start_soon(serve, peer)
            with anyio.fail_after(5):
                async with streams(peers) as open_stream:
                    try:
                        async for _ in open_stream(
                            bytes(3200),
                            reconnect=reconnect,
                            timeouts=Timeouts(started=1, finish=1, close=0.01),
                        ):
                            pass
                    except ParaformerError:
                        pass
            tasks.cancel_scope.cancel()

    anyio.run(recognize)
