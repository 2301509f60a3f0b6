"""Checks of how connections end, and are closed."""

import asyncio
import socket as sockets
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint

from paraformer_async._net.contract import Transport
from paraformer_async.errors import ConnectionLostError, RemoteProtocolError
from paraformer_async.testing._far_end import (
    RESETS,
    FarEnd,
    Opcode,
    close,
    frame,
    switch_protocols,
    text,
)
from paraformer_async.testing.transports._tools import (
    CHUNK,
    ENOUGH,
    SOON,
    RecordingReceiver,
    Setting,
    as_text,
    canceled_at,
    check,
    connected,
    failure,
    fill,
    loss,
    opened,
    received,
    until,
    write_fails,
)

if TYPE_CHECKING:
    import ssl


@check
async def the_peers_close_is_reported(setting: Setting) -> None:
    """A close frame ends `receive` with its code and reason, for good, and is answered."""
    for code, reason in ((1000, ""), (1011, "overloaded"), (4001, "再见")):
        for waits in (False, True):
            async with connected(setting) as (transport, end):
                frames = text("last") + close(code, reason)

                async def send(end: FarEnd = end, frames: bytes = frames) -> None:
                    await anyio.wait_all_tasks_blocked()
                    await end.send(frames)

                if not waits:
                    await end.send(frames)
                receiver = RecordingReceiver()
                lost = await loss(transport, receiver, during=send if waits else None)
                assert (code, reason) == (lost.close_code, lost.close_reason)
                assert ["last"] == [as_text(each) for each in receiver.frames]
                assert not transport.is_open
                assert Opcode.CLOSE == (await end.receive())[0]
                lost = await loss(transport)
                assert (code, reason) == (lost.close_code, lost.close_reason)
                write_fails(transport)


@check
async def a_close_without_a_code(setting: Setting) -> None:
    """A close frame without a code is 1005, as RFC 6455 specifies."""
    async with connected(setting) as (transport, end):
        await end.send(frame(Opcode.CLOSE))
        for _ in range(2):
            assert 1005 == (await loss(transport)).close_code


@check
async def what_breaks_the_protocol_ends_it(setting: Setting) -> None:
    """A broken frame ends the connection with the close code for it; what follows is dropped."""
    limit = 100_000
    cases: dict[int, list[bytes]] = {
        1002: [
            frame(3),
            frame(Opcode.CONTINUATION),
            frame(Opcode.PING, is_last=False),
            close(999),
            frame(Opcode.TEXT, b"a", is_last=False) + text("b"),
        ],
        1009: [
            frame(Opcode.TEXT, bytes(limit + 1)),
            frame(Opcode.BINARY, bytes(limit), is_last=False) + frame(Opcode.CONTINUATION, b"aa"),
        ],
    }
    for code, broken in cases.items():
        for each in broken:
            async with connected(setting, largest_message=limit) as (transport, end):
                receiver = RecordingReceiver()
                frames = text("last") + each + text("not this")
                ended = await failure(transport, receiver, during=partial(send_anyway, end, frames))
                if isinstance(ended, ConnectionLostError):
                    assert code == ended.close_code == 1002, (code, each[:9], ended)
                else:  # it is not the connection that failed
                    assert isinstance(ended, RemoteProtocolError)
                    assert code == 1009
                    assert str(limit) in str(ended)
                    assert not ended.retryable
                assert [] == [each for each in receiver.frames if as_text(each) != "last"]
                assert not transport.is_open
                write_fails(transport)
                kind, payload = await end.receive()
                assert (Opcode.CLOSE, code) == (kind, int.from_bytes(payload[:2], "big"))


@check
async def text_that_is_not_utf8(setting: Setting) -> None:
    """Broken text breaks the protocol (1002), or is passed on as it is, in bytes."""
    for broken in (
        frame(Opcode.TEXT, b"\xff"),
        frame(Opcode.TEXT, b"\xe5", is_last=False) + frame(Opcode.CONTINUATION, b"a"),
    ):
        async with connected(setting) as (transport, end):
            receiver = RecordingReceiver()
            frames = text("last") + broken + close(1000)
            lost = await loss(transport, receiver, during=partial(send_anyway, end, frames))
            passed_on = [each for each in receiver.frames if as_text(each) != "last"]
            assert passed_on in ([], [b"\xff"], [b"\xe5a"])
            assert (1000 if passed_on else 1002) == lost.close_code


@check
async def a_reason_that_is_cut(setting: Setting) -> None:
    """A close frame whose reason ends within a character can be retried, like its code."""
    for code in (1001, 1011):
        async with connected(setting) as (transport, end):
            frames = frame(Opcode.CLOSE, code.to_bytes(2, "big") + "好".encode()[:2])
            lost = await loss(transport, during=partial(send_anyway, end, frames))
            assert lost.close_code in (code, 1002)
            assert lost.retryable


async def send_anyway(end: FarEnd, data: bytes) -> None:
    with suppress(ConnectionError):
        await end.send(data)


@check
async def an_end_without_a_close(setting: Setting) -> None:
    """When TCP ends, in a frame or between two, `receive` raises 1006 after what came before."""
    for half in (b"", text("half")[:3]):
        for leave in (FarEnd.hang_up, FarEnd.reset):
            async with connected(setting) as (transport, end):
                receiver = RecordingReceiver()
                await end.send(text("last"), half)
                if leave is FarEnd.hang_up:  # what a reset overtakes is lost
                    leave(end)
                else:
                    assert ["last"] == await received(transport, 1)
                    receiver.frames.append("last")
                    leave(end)
                lost = await loss(transport, receiver)
                assert (1006, "") == (lost.close_code, lost.close_reason)
                assert lost.retryable
                assert ["last"] == [as_text(each) for each in receiver.frames]
                assert not transport.is_open
                write_fails(transport)


@check
async def a_reset_that_a_write_finds(setting: Setting) -> None:
    """Messages that arrived before a reset are passed on, even if a write finds it before them."""
    if sys.platform == "win32":
        return  # the system drops them
    for steps in (1, 2):
        async with connected(setting) as (transport, end):
            receiver = RecordingReceiver()

            async def write_after_a_reset(
                transport: Transport = transport, end: FarEnd = end, steps: int = steps
            ) -> None:
                await anyio.wait_all_tasks_blocked()
                await end.send(text("a"), frame(Opcode.PING), frame(Opcode.PING), text("b"))
                end.reset()
                for _ in range(steps):
                    await checkpoint()
                with suppress(ConnectionLostError):
                    transport.write(["x"])

            lost = await loss(transport, receiver, during=write_after_a_reset)
            assert (1006, "") == (lost.close_code, lost.close_reason)
            assert ["a", "b"] == [as_text(each) for each in receiver.frames]
            write_fails(transport)


@check
async def a_reset_at_once(setting: Setting) -> None:
    """A reset that arrives together with a message ends `receive` at once, after the message."""
    if sys.platform == "win32":
        return  # the system drops it
    with sockets.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with opened(setting) as factory:
            accepting = asyncio.ensure_future(
                asyncio.to_thread(_accept, listener, setting.server_tls)
            )
            transport = await factory.connect(setting.handshake(port))
            receiver = RecordingReceiver()

            async def send_and_reset() -> None:
                peer = await accepting
                await anyio.wait_all_tasks_blocked()
                peer.sendall(text("a"))  # these three in one step of the loop
                peer.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, RESETS)
                peer.close()

            with anyio.fail_after(SOON):
                lost = await loss(transport, receiver, during=send_and_reset)
            assert (1006, "") == (lost.close_code, lost.close_reason)
            assert ["a"] == [as_text(each) for each in receiver.frames]
            await transport.aclose()


def _accept(listener: sockets.socket, tls: "ssl.SSLContext | None") -> sockets.socket:
    peer, _ = listener.accept()
    if tls is not None:
        peer = tls.wrap_socket(peer, server_side=True)
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += peer.recv(65536)
    peer.sendall(switch_protocols(request))
    return peer


@check
async def half_a_close(setting: Setting) -> None:
    """A peer that sends no more, but still reads, has ended the connection."""
    if setting.server_tls is None:
        async with connected(setting) as (transport, end):
            end.end_writing()
            assert 1006 == (await loss(transport)).close_code
            await end.ended()


@check
async def an_end_while_nobody_receives(setting: Setting) -> None:
    """`is_open` notices that TCP has ended, so that a connection can be checked before use."""
    async with connected(setting) as (transport, end):
        end.hang_up()
        await until(lambda: not transport.is_open)
        assert 1006 == (await loss(transport)).close_code


@check
async def closing(setting: Setting) -> None:
    """`aclose` sends 1000 and waits for the response, in bounded time; again, it does nothing."""
    async with connected(setting, close=5.0) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.aclose)
            kind, payload = await end.receive()
            assert (Opcode.CLOSE, 1000) == (kind, int.from_bytes(payload[:2], "big"))
            await end.send(text("too late"), close(1000))
            end.hang_up()
        assert not transport.is_open
        write_fails(transport)
        await transport.aclose()
        await loss(transport)
        assert [] == await end.receive_all()


@check
async def closing_is_bounded(setting: Setting) -> None:
    """A peer that does not answer, or reads nothing, is cut off in time."""
    for reads in (True, False):
        async with connected(setting, close=0.1) as (transport, end):
            if not reads:
                await fill(transport, end)
                transport.write([CHUNK])
            started = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(transport.aclose)
                tasks.start_soon(transport.aclose)
            assert anyio.current_time() - started < SOON
            end.resume()
            await end.ended()
            assert not transport.is_open
            write_fails(transport)


@check
async def closing_while_another_task_receives(setting: Setting) -> None:
    """The task in `receive` gets an error, and the peer a close frame."""
    for answers in (True, False):
        async with connected(setting, close=0.1) as (transport, end):
            lost: list[ConnectionLostError] = []

            async def receive(to: Transport = transport, into: list[Any] = lost) -> None:
                into.append(await loss(to))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(receive)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(transport.aclose)
                assert Opcode.CLOSE == (await end.receive())[0]
                if answers:
                    await end.send(close(1000))
            assert 1 == len(lost)


@check
async def closing_when_canceled(setting: Setting) -> None:
    """A canceled task closes its connection, too: properly in a scope, at once otherwise."""
    async with connected(setting, close=0.1) as (transport, end):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await transport.aclose()
        assert not transport.is_open
        assert Opcode.CLOSE == (await end.receive())[0]
    for at in range(1, ENOUGH):
        async with connected(setting, close=0.1) as (transport, end):
            is_canceled = await canceled_at(transport.aclose(), at)
            await end.ended()
            assert not transport.is_open
        if not is_canceled:
            break
