"""The outbox alone."""

import asyncio

import anyio
import pytest

from paraformer_async._client.outbox import BATCH, Mark, Outbox
from paraformer_async._core.framing import Framer, Splitter

pytestmark = pytest.mark.anyio

FRAME = 3200  # bytes: 100 ms at 16 kHz


def outbox(frames: int = 100) -> Outbox:
    """Make an outbox with room for so many frames."""
    return Outbox(Framer(16000), limit=frames * FRAME)


async def taken(box: Outbox, count: int) -> list[bytes | Mark]:
    """Take *count* items."""
    items: list[bytes | Mark] = []
    while len(items) < count:
        more = await box.get()
        items += [more] if isinstance(more, Mark) else map(bytes, more)
    return items


async def test_chunks_become_frames() -> None:
    """Chunks of any size come out as whole frames, the rest at the end."""
    box = outbox()
    for chunk in (b"a" * 1000, b"b" * 5000, b"c" * 1000):
        await box.put(chunk)
    box.end()
    whole = b"a" * 1000 + b"b" * 5000 + b"c" * 1000
    assert [whole[:3200], whole[3200:6400], whole[6400:], Mark.END] == await taken(box, 4)


async def test_after_the_end_there_are_only_timers() -> None:
    """After the last frame the end is given once; middleware that keeps it back has its timers."""
    box = outbox()
    box.end()
    box.end()
    assert box.is_ended
    assert not box.is_over
    assert [Mark.END] == await taken(box, 1)
    assert box.is_over
    with anyio.move_on_after(0.01) as waiting:
        await box.get()
    assert waiting.cancelled_caught
    box.ring()
    assert [Mark.TIMER] == await taken(box, 1)


async def test_a_full_outbox_makes_the_user_wait() -> None:
    """`put` waits while the limit is reached, and goes on as soon as there is room."""
    box = outbox(frames=2)
    put = 0

    async def push() -> None:
        nonlocal put
        for _ in range(4):
            await box.put(bytes(FRAME))
            put += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(push)
        await anyio.wait_all_tasks_blocked()
        assert 2 == put
        assert not box.offer(bytes(FRAME))
        assert 2 == len(await box.get())
        await anyio.wait_all_tasks_blocked()
        assert 4 == put


async def test_a_large_chunk_is_taken_whole() -> None:
    """A chunk that is larger than the limit is taken whole; the next one waits for all of it."""
    box = outbox(frames=1)
    await box.put(bytes((BATCH + 1) * FRAME))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.put, b"\x01" * FRAME)
        assert [bytes(FRAME)] * BATCH == await box.get()
        await anyio.wait_all_tasks_blocked()
        assert [bytes(FRAME)] == await box.get()
    assert [b"\x01" * FRAME] == await box.get()


async def test_the_end_frees_who_waits() -> None:
    """A `put` that waits when the end comes takes nothing, and returns; so do later ones."""
    box = outbox(frames=1)
    await box.put(bytes(FRAME))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.put, b"\x01" * FRAME)
        await anyio.wait_all_tasks_blocked()
        box.end()
    await box.put(b"\x02" * FRAME)
    assert [bytes(FRAME), Mark.END] == await taken(box, 2)


async def test_cancelled_put_takes_nothing() -> None:
    """A `put` that is canceled while it waits has taken nothing."""
    box = outbox(frames=1)
    await box.put(bytes(FRAME))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.put, b"\x01" * FRAME)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    box.end()
    assert [bytes(FRAME), Mark.END] == await taken(box, 2)


async def test_cancelled_get_takes_nothing() -> None:
    """A `get` that is canceled in the moment of an arrival leaves it to the next attempt."""
    box = outbox()
    sending = asyncio.create_task(box.get())
    await anyio.wait_all_tasks_blocked()
    await box.put(bytes(FRAME))
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert [bytes(FRAME)] == await taken(box, 1)


@pytest.mark.parametrize("event", ["put", "end", "ring"])
async def test_the_sender_is_woken(event: str) -> None:
    """A sender that waits is woken by a frame, by the end, and by the timer."""
    box = outbox()
    got: list[bytes | Mark] = []
    async with anyio.create_task_group() as tasks:

        async def send() -> None:
            got.extend(await taken(box, 1))

        tasks.start_soon(send)
        await anyio.wait_all_tasks_blocked()
        await box.put(b"less than a frame!")
        await anyio.wait_all_tasks_blocked()
        assert [] == got
        if event == "put":
            await box.put(bytes(FRAME))
        else:
            getattr(box, event)()
    expected = (b"less than a frame!" + bytes(FRAME))[:FRAME] if event == "put" else None
    assert [expected or b"less than a frame!"] == got


async def test_the_timer_comes_after_all_audio() -> None:
    """The timer's mark follows all audio that was there, and comes once."""
    box = outbox()
    await box.put(b"a" * (FRAME + 10))
    box.ring()
    box.ring()
    assert box.is_timer_due
    assert [b"a" * FRAME, b"a" * 10, Mark.TIMER] == await taken(box, 3)
    assert not box.is_timer_due
    box.end()
    assert [Mark.END] == await taken(box, 1)


async def test_the_timer_parts_no_sample() -> None:
    """Half a sample is held back from the timer, so that silence cannot come between its bytes."""
    box = outbox()
    await box.put(b"abc")
    box.ring()
    assert [b"ab", Mark.TIMER] == await taken(box, 2)
    box.ring()
    assert [Mark.TIMER] == await taken(box, 1)
    await box.put(b"d")
    box.ring()
    assert [b"cd", Mark.TIMER] == await taken(box, 2)
    await box.put(b"e")
    box.end()
    assert [b"e", Mark.END] == await taken(box, 2)


async def test_the_end_is_more_than_the_timer() -> None:
    """After the end of the audio the timer says nothing any more."""
    box = outbox()
    box.ring()
    box.end()
    assert [Mark.END] == await taken(box, 1)


async def test_compressed_audio_passes_as_it_comes() -> None:
    """Compressed audio is not held back to fill frames; empty chunks are none."""
    box = Outbox(Splitter(), limit=100)
    for chunk in (b"abc", b"", b"d"):
        await box.put(chunk)
    box.end()
    assert [b"abc", b"d", Mark.END] == await taken(box, 3)


async def test_chunks_that_never_wait_let_others_have_their_turn() -> None:
    """Audio that is taken at once, chunk after chunk, does not keep the loop to itself."""
    box, turns = outbox(), 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.get, lambda _: True)
        tasks.start_soon(count)
        await asyncio.sleep(0)
        for _ in range(641):
            await box.put(bytes(FRAME))
        tasks.cancel_scope.cancel()
    assert turns >= 10
