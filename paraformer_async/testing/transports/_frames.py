"""Checks of what is written."""

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from paraformer_async.errors import ConnectionLostError
from paraformer_async.testing._far_end import (
    FarEnd,
    Opcode,
)
from paraformer_async.testing.transports._tools import (
    CHUNK,
    SOON,
    RecordingReceiver,
    Setting,
    check,
    connected,
    fill,
    loss,
    swallow,
    until,
    write_fails,
)

if TYPE_CHECKING:
    from paraformer_async._net.contract import OutgoingFrame


@check
async def frames_leave_in_order(setting: Setting) -> None:
    """Frames of all kinds and sizes arrive as they were written, one or many at a time."""
    frames: list[OutgoingFrame] = [
        "a",
        b"b",
        "好",
        memoryview(b"c"),
        b"",
        "",
        bytes(70_000),
        "x" * 200,
    ]
    kinds = [
        (Opcode.TEXT, f.encode()) if isinstance(f, str) else (Opcode.BINARY, bytes(f))
        for f in frames
    ]
    async with connected(setting) as (transport, end):
        transport.write([])
        transport.write(frames)
        for each in frames:
            transport.write([each])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(swallow, transport)
            assert kinds * 2 == [await end.receive() for _ in kinds * 2]
            await until(lambda: transport.unsent() == 0)
            tasks.cancel_scope.cancel()


@check
async def a_peer_that_reads_nothing_is_noticed(setting: Setting) -> None:
    """`is_full` becomes true, writing still does not wait, and `writable` is called in time."""
    async with connected(setting) as (transport, end):
        written = await fill(transport, end)
        transport.write(["behind it", CHUNK])
        transport.write(["last"])
        receiver = RecordingReceiver()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.receive, receiver)
            await anyio.wait_all_tasks_blocked()
            assert transport.is_full
            assert not receiver.room.is_set(), "writable was called, and nothing has left"
            end.resume()
            chunks = [(Opcode.BINARY, CHUNK)] * written
            assert chunks == [await end.receive() for _ in chunks]
            rest = [
                (Opcode.TEXT, b"behind it"),
                (Opcode.BINARY, CHUNK),
                (Opcode.TEXT, b"last"),
            ]
            assert rest == [await end.receive() for _ in rest]
            await receiver.room.wait()
            await until(lambda: not transport.is_full)
            assert 0 == transport.unsent()
            transport.write(["and on"])
            assert (Opcode.TEXT, b"and on") == await end.receive()
            tasks.cancel_scope.cancel()


@check
async def full_again_and_again(setting: Setting) -> None:
    """Nothing is lost or reordered if the peer pauses and continues, and `receive` is canceled."""
    async with connected(setting) as (transport, end):
        for turn in range(3):
            written = await fill(transport, end)
            transport.write([str(turn)])
            with anyio.move_on_after(0.01):
                await transport.receive(RecordingReceiver())
            end.resume()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(swallow, transport)
                for _ in range(written):
                    assert (Opcode.BINARY, CHUNK) == await end.receive()
                assert (Opcode.TEXT, str(turn).encode()) == await end.receive()
                await until(lambda: not transport.is_full)
                tasks.cancel_scope.cancel()


@check
async def writing_to_a_peer_that_leaves(setting: Setting) -> None:
    """When the peer leaves while frames are written, the writer gets an error in bounded time."""
    for leave in (FarEnd.hang_up, FarEnd.reset):
        async with connected(setting) as (transport, end):
            with anyio.fail_after(SOON):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(swallow, transport)
                    with suppress(ConnectionLostError):
                        for number in range(1_000_000):
                            transport.write(["a", b"b"])
                            if number == 3:
                                leave(end)
                            await checkpoint()
            write_fails(transport)
            assert not transport.is_open
            assert 1006 == (await loss(transport)).close_code


@check
async def a_peer_that_leaves_while_it_reads_nothing(setting: Setting) -> None:
    """What could not leave is an error of `receive`, and of the next write."""
    async with connected(setting) as (transport, end):
        await fill(transport, end)
        transport.write([CHUNK])
        end.reset()
        assert 1006 == (await loss(transport)).close_code
        write_fails(transport)
        assert not transport.is_open
