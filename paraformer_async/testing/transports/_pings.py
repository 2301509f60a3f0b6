"""Checks of pings and pongs."""

import anyio

from paraformer_async.testing._far_end import (
    Opcode,
    frame,
    text,
)
from paraformer_async.testing.transports._tools import (
    CHUNK,
    RecordingReceiver,
    Setting,
    check,
    connected,
    fill,
    loss,
    swallow,
    until,
)


@check
async def a_silent_peer_is_lost(setting: Setting) -> None:
    """A peer that sends nothing after a ping is lost, whether or not `receive` runs."""
    async with connected(setting, ping=0.1) as (transport, end):
        started = anyio.current_time()
        lost = await loss(transport)
        assert 0.1 <= anyio.current_time() - started < 2.0
        assert 1006 == lost.close_code
        assert not transport.is_open
        assert (Opcode.PING, b"") == await end.receive()
    async with connected(setting, ping=0.1) as (transport, end):
        await until(lambda: not transport.is_open)
        assert 1006 == (await loss(transport)).close_code


@check
async def a_peer_that_answers_is_kept(setting: Setting) -> None:
    """A pong or a message proves that the peer is alive; an active peer is not pinged."""
    async with connected(setting, ping=0.2) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(swallow, transport)
            for answer in (frame(Opcode.PONG), text("a"), text("b")):
                assert (Opcode.PING, b"") == await end.receive()
                await end.send(answer)
            assert (Opcode.PING, b"") == await end.receive()
            assert transport.is_open
            for _ in range(15):
                await end.send(text("a"))
                await anyio.sleep(0.02)
            transport.write(["not pinged"])
            assert (Opcode.TEXT, b"not pinged") == await end.receive()
            tasks.cancel_scope.cancel()


@check
async def pings_of_a_peer_that_reads_nothing(setting: Setting) -> None:
    """Pongs that the peer does not read do not accumulate, and do not delay messages."""
    async with connected(setting) as (transport, end):
        await fill(transport, end)
        unsent = transport.unsent()
        async with anyio.create_task_group() as tasks:
            receiver = RecordingReceiver(20)
            tasks.start_soon(end.send, (frame(Opcode.PING, bytes(125)) * 500 + text("a")) * 20)
            await transport.receive(receiver)
        assert transport.unsent() <= unsent + len(CHUNK)
        end.resume()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(swallow, transport)
            tasks.start_soon(end.ended)
            await until(lambda: not transport.is_full)
            tasks.cancel_scope.cancel()
