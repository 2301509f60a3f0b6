"""What the transports over aiohttp do beyond the contract: when, by how many calls."""

import asyncio
import gc
import socket as sockets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import anyio
import pytest
from aiohttp.http_websocket import WebSocketWriter

from paraformer_async import ConnectionLostError
from paraformer_async._net import aiohttp_factory
from paraformer_async._net.aiohttp_documented import SEND_BUFFER, DocumentedTransport, cut_off
from paraformer_async._net.choose import factory_of
from paraformer_async._net.contract import Handshake, TransportFactory
from paraformer_async._net.resets import reset_check
from paraformer_async.testing._far_end import (
    FarEnd,
    Opcode,
    close,
    frame,
    listening,
    switch_protocols,
    text,
)
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop

needs_tested = pytest.mark.skipif(
    aiohttp.__version__ not in aiohttp_factory.TESTED, reason="the documented way is taken"
)


class Inbox:
    """Passes messages on to a function; wants the last when that returns true."""

    def __init__(self, take: Callable[[str | bytes], object]) -> None:
        self._take = take
        self.has_room = anyio.Event()

    def frame_received(self, frame: str | bytes, *, is_binary: bool = False) -> bool:
        """Pass a message on, text as `str`."""
        is_text = isinstance(frame, bytes) and not is_binary
        return bool(self._take(frame.decode() if is_text else frame))

    def writable(self) -> None:
        """Note it."""
        self.has_room.set()


@pytest.fixture
async def factory() -> AsyncGenerator[TransportFactory, None]:
    """A factory over aiohttp."""
    made = factory_of("aiohttp")
    yield made
    await made.aclose()


@pytest.fixture
def _documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_factory, "TESTED", frozenset())


@asynccontextmanager
async def connected(
    factory: TransportFactory, **more: Any
) -> AsyncGenerator[tuple[Any, FarEnd], None]:
    """Yield both ends of a connection."""
    ends: asyncio.Queue[FarEnd] = asyncio.Queue()
    over = asyncio.Event()

    async def serve(end: FarEnd) -> None:
        await end.send(switch_protocols(await end.request()))
        ends.put_nowait(end)
        await over.wait()

    async with listening(serve) as port:
        given: dict[str, Any] = {"ping": None, "close": 0.1} | more
        handshake = Handshake(url=f"ws://127.0.0.1:{port}/", headers={}, **given)
        transport = await factory.connect(handshake)
        end = await ends.get()
        try:
            yield transport, end
        finally:
            over.set()
            end.reset()
            await transport.aclose()


# --- The fast way ----------------------------------------------------------------------------


@needs_tested
async def test_messages_are_passed_on_in_the_step_in_which_they_arrive(
    factory: TransportFactory,
) -> None:
    """The receiver is called from where the socket is read; no task is woken for it."""
    seen: asyncio.Queue[tuple[object, object]] = asyncio.Queue()
    inbox = Inbox(lambda message: seen.put_nowait((message, asyncio.current_task())))
    async with connected(factory) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.receive, inbox)
            await anyio.wait_all_tasks_blocked()
            for _ in range(2):
                await end.send(text("a"), frame(Opcode.BINARY, b"b"))
                assert [("a", None), (b"b", None)] == [await seen.get() for _ in range(2)]
            tasks.cancel_scope.cancel()


@needs_tested
async def test_all_messages_of_a_segment_are_passed_on_in_one_step(
    factory: TransportFactory,
) -> None:
    """Messages that arrive together are passed on before anything else runs."""
    seen: asyncio.Queue[object] = asyncio.Queue()

    def take(message: str | bytes) -> None:
        if message == "a":
            asyncio.get_running_loop().call_soon(seen.put_nowait, "later")
        seen.put_nowait(message)

    async with connected(factory) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.receive, Inbox(take))
            await anyio.wait_all_tasks_blocked()
            await end.send(text("a"), text("b"), text("c"))
            assert ["a", "b", "c", "later"] == [await seen.get() for _ in range(4)]
            tasks.cancel_scope.cancel()


@needs_tested
async def test_a_ping_or_pong_does_not_end_the_fast_way(factory: TransportFactory) -> None:
    """After one message that went the slow way, others are passed on at once again, in order."""
    seen: asyncio.Queue[object] = asyncio.Queue()
    async with connected(factory) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.receive, Inbox(seen.put_nowait))
            for turn in range(3):
                await end.send(frame(Opcode.PING, b"?"), text(f"{turn} a"), text(f"{turn} b"))
                assert (Opcode.PONG, b"?") == await end.receive()
                await end.send(frame(Opcode.PONG), text(f"{turn} c"))
                assert [f"{turn} {each}" for each in "abc"] == [await seen.get() for _ in range(3)]
            tasks.cancel_scope.cancel()


@needs_tested
async def test_receive_may_be_canceled_after_its_last_message(factory: TransportFactory) -> None:
    """A canceled `receive` that has passed on its last message leaves nothing for the next."""
    seen: list[object] = []
    async with connected(factory) as (transport, end):
        with anyio.CancelScope() as scope:

            def take(message: str | bytes) -> bool:
                seen.append(message)
                scope.cancel()
                return True

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(transport.receive, Inbox(take))
                await anyio.wait_all_tasks_blocked()
                await end.send(text("a"))
        await end.send(text("b"))
        await transport.receive(Inbox(lambda message: seen.append(message) or True))
    assert ["a", "b"] == seen


@needs_tested
async def test_a_connection_that_is_gone_can_be_closed(factory: TransportFactory) -> None:
    """One that was closing, and has sent the rest, is cut without an error."""
    can_read = anyio.Event()

    async def serve(end: FarEnd) -> None:
        await end.send(switch_protocols(await end.request()))
        end.pause()
        await can_read.wait()
        end.resume()
        await end.ended()

    async with listening(serve) as port:
        handshake = Handshake(url=f"ws://127.0.0.1:{port}/", headers={}, close=0.2)
        transport = cast("Any", await factory.connect(handshake))
        transport.write([bytes(4 * 2**20)])
        transport._transport.close()
        assert transport.unsent()
        can_read.set()
        with pytest.raises(ConnectionLostError), anyio.fail_after(5):
            await transport.receive(Inbox(lambda _: False))
        await transport.aclose()


@needs_tested
async def test_connections_do_not_mix(factory: TransportFactory) -> None:
    """What arrives by halves on two connections in turn, into one buffer, is not mixed up."""
    seen: list[object] = []
    one, other = text("好" * 100), text("再见" * 100)
    async with connected(factory) as (first, first_end), connected(factory) as (second, second_end):
        for half, other_half in ((one[:150], other[:50]), (one[150:], other[50:])):
            await first_end.send(half)
            await second_end.send(other_half)
            await anyio.wait_all_tasks_blocked()
        for transport in (first, second):
            await transport.receive(Inbox(lambda message: seen.append(message) or True))
    assert ["好" * 100, "再见" * 100] == seen


@needs_tested
async def test_frames_written_together_leave_by_one_call(factory: TransportFactory) -> None:
    """However many frames are written at once, the system is called once."""
    async with connected(factory) as (transport, end):
        calls: list[bytes] = []
        under = transport._transport

        class Spy:
            write = staticmethod(calls.append)
            is_closing = staticmethod(lambda: False)

        transport._transport = Spy()
        transport.write(["a", b"b", "c"])
        transport._transport = under
        (call,) = calls
        under.write(call)
        assert [b"a", b"b", b"c"] == [(await end.receive())[1] for _ in range(3)]


@needs_tested
@pytest.mark.parametrize("end", ["lost", "closed", "cut"])
async def test_no_timer_outlives_the_connection(factory: TransportFactory, end: str) -> None:
    """Nothing is pinged after the end, however it came."""
    async with connected(factory, ping=0.1) as (transport, peer):
        if end == "closed":
            await peer.send(text("a"), close(1000), text("too late"))
        elif end == "cut":
            peer.reset()
        with pytest.raises(ConnectionLostError):
            await transport.receive(Inbox(lambda _: False))
        await transport.aclose()
        await anyio.wait_all_tasks_blocked()
        socket = transport._socket
        timers = (socket._heartbeat_cb, socket._pong_response_cb, socket._heartbeat_reset_handle)
        assert (None, None, None) == timers


# --- The documented way ----------------------------------------------------------------------


@pytest.mark.usefixtures("_documented")
async def test_a_suspended_write_is_known_as_unsent(factory: TransportFactory) -> None:
    """While aiohttp waits for the peer, later frames are counted, and leave when it goes on."""
    async with connected(factory) as (transport, end):
        end.pause()
        assert 0 == transport.unsent()
        while not transport.is_full:
            transport.write([bytes(32 * 1024)])
            await anyio.lowlevel.checkpoint()
        transport.write(["1234", b"56"])
        assert 32 * 1024 + 6 == transport.unsent()
        end.resume()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end.ended)
            inbox = Inbox(lambda _: False)
            tasks.start_soon(transport.receive, inbox)
            await inbox.has_room.wait()
            assert 0 == transport.unsent()
            tasks.cancel_scope.cancel()


@pytest.mark.usefixtures("_documented")
@pytest.mark.parametrize("ends", [True, False], ids=["ends", "closes"])
async def test_a_suspended_write_leaves_nothing_behind(
    factory: TransportFactory, *, ends: bool
) -> None:
    """When the connection ends under a suspended write, no exception is left for the loop."""
    missed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: missed.append(about))
    async with connected(factory) as (transport, end):
        end.pause()
        while not transport.is_full:
            transport.write([bytes(32 * 1024)])
            await anyio.lowlevel.checkpoint()
        if ends:
            end.reset()
            with pytest.raises(ConnectionLostError):
                await transport.receive(Inbox(lambda _: False))
        await transport.aclose()
    del transport
    await anyio.wait_all_tasks_blocked()
    gc.collect()
    assert [] == missed


@pytest.mark.usefixtures("_documented")
@pytest.mark.parametrize("error", [OSError("no"), RuntimeError("no")], ids=repr)
async def test_a_write_that_fails_later_ends_the_connection(
    factory: TransportFactory, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A frame that could not be written after all is an error of `receive`, whatever it was."""

    async def fail(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        raise error

    async with connected(factory) as (transport, _):
        monkeypatch.setattr(WebSocketWriter, "send_frame", fail)
        transport.write(["a", "b"])
        assert transport.is_full
        with pytest.raises(ConnectionLostError) as caught:
            await transport.receive(Inbox(lambda _: False))
        monkeypatch.undo()
        assert 1006 == caught.value.close_code
        assert not transport.is_open
        with pytest.raises(ConnectionLostError):
            transport.write(["c"])


@pytest.mark.usefixtures("_documented")
async def test_a_queue_that_fails_behind_a_suspended_write(
    factory: TransportFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a frame behind a suspended one cannot be written, that is an error of `receive`, too."""
    calls = 0

    async def send(*_: object, **__: object) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise ConnectionResetError
        await asyncio.sleep(0)

    async with connected(factory) as (transport, _):
        monkeypatch.setattr(WebSocketWriter, "send_frame", send)
        transport.write(["a", "b"])
        with pytest.raises(ConnectionLostError) as caught:
            await transport.receive(Inbox(lambda _: False))
        monkeypatch.undo()
        assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_a_ping_that_cannot_be_answered(
    factory: TransportFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection breaks before a ping is answered, it ends after what has arrived."""

    async def fail(*_: object, **__: object) -> None:
        raise ConnectionResetError

    async with connected(factory) as (transport, end):
        monkeypatch.setattr(WebSocketWriter, "send_frame", fail)
        await end.send(frame(Opcode.PING), text("a"), frame(Opcode.PING), text("b"))
        seen: list[object] = []
        with pytest.raises(ConnectionLostError) as caught:
            await transport.receive(Inbox(seen.append))
        monkeypatch.undo()
        assert ["a", "b"] == seen
        assert 1006 == caught.value.close_code


# --- Both ------------------------------------------------------------------------------------


async def test_little_lies_in_the_systems_buffer(factory: TransportFactory) -> None:
    """The send buffer is small: audio that the peer has not taken is known as unsent."""
    async with connected(factory) as (transport, _):
        raw = transport._raw_socket
        size = raw.getsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF)
        assert SEND_BUFFER <= size <= 2 * SEND_BUFFER  # Linux doubles it


def test_a_socket_that_cannot_be_asked() -> None:
    """Of a closed or missing socket no reset is known; the write finds what there is."""
    closed = sockets.socket()
    closed.close()
    for each in (closed, None):
        assert not reset_check(each)()


def test_cutting_off_what_has_ended() -> None:
    """A closed or missing socket is not an error."""
    closed = sockets.socket()
    closed.close()
    for each in (closed, None):
        cut_off(each)


async def test_a_transport_without_a_socket() -> None:
    """A connection whose socket is not shown can be used, and is closed by aiohttp alone."""

    class Hidden:
        closed = False
        close_code = None

        def get_extra_info(self, name: str) -> None:
            del name

        async def close(self) -> None:
            self.closed = True

    transport = DocumentedTransport(cast("Any", Hidden()), 0.1, 1000)
    await transport.aclose()
    assert not transport.is_open
