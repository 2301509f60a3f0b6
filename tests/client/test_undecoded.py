"""What is sent to a recognition whose audio is decoded first."""

import asyncio

import anyio
import pytest

from paraformer_async import UsageError
from paraformer_async._client.undecoded import Undecoded

pytestmark = pytest.mark.anyio


async def test_audio_behind_an_end_that_waits() -> None:
    """It is an error of the caller, and not dropped in silence; what came before is yielded."""
    undecoded = Undecoded(limit=2, is_over=lambda: False)
    await undecoded.put(b"ab")
    calls = []
    for call in (undecoded.put(b"cd"), undecoded.end(), undecoded.put(b"ef"), undecoded.end()):
        calls.append(asyncio.create_task(call))
        await anyio.wait_all_tasks_blocked()
    assert [b"ab", b"cd"] == [item async for item in undecoded.items()]
    with pytest.raises(UsageError, match="after finish"):
        await calls.pop(2)
    await asyncio.gather(*calls)
