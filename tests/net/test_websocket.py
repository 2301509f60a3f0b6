"""A WebSocket of aiohttp as a `Transport`, against a peer that writes its frames by hand."""

import asyncio
import base64
import gc
import hashlib
import re
import socket as sockets
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, NoReturn, cast
from unittest.mock import Mock

import anyio
import pytest
import trustme
from aiohttp import ClientWSTimeout, WSMsgType
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from paraformer_async import AsyncRecognizer, ConnectionLostError, Timeouts
from paraformer_async._net import websocket as module
from paraformer_async._net.old_dialer import Dialer
from paraformer_async._net.transport import Frame
from paraformer_async._net.websocket import LARGEST_MESSAGE, Socket, WebSocket
from paraformer_async.options.options import Options
from paraformer_async.testing import ScriptedServer, marked, marks_of
from tests.loops import both_loops

pytestmark = pytest.mark.anyio
anyio_backend = both_loops

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ABNORMAL = 1006
# More than aiohttp writes without looking whether the peer takes it.
MUCH = 512 * 1024


# --- The peer --------------------------------------------------------------------------------


def frame(kind: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """Give a frame as a server writes it: without a mask."""
    first = (0x80 if is_last else 0) | kind
    if len(payload) < 126:
        return struct.pack("!BB", first, len(payload)) + payload
    if len(payload) < 0x10000:
        return struct.pack("!BBH", first, 126, len(payload)) + payload
    return struct.pack("!BBQ", first, 127, len(payload)) + payload


def text(content: str) -> bytes:
    """Give a frame of text."""
    return frame(WSMsgType.TEXT, content.encode())


def binary(content: bytes) -> bytes:
    """Give a binary frame."""
    return frame(WSMsgType.BINARY, content)


def close(code: int, reason: str = "") -> bytes:
    """Give a close frame."""
    return frame(WSMsgType.CLOSE, struct.pack("!H", code) + reason.encode())


class Peer:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._transport = cast("asyncio.Transport", writer.transport)

    async def say(self, *frames: bytes) -> None:
        """Write bytes in one piece."""
        self._writer.write(b"".join(frames))
        await self._writer.drain()

    async def hear(self) -> tuple[WSMsgType, bytes]:
        """Read a frame of the client's."""
        first, second = await self._reader.readexactly(2)
        assert second & 0x80, "a client masks"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
        mask = await self._reader.readexactly(4) * (length // 4 + 1)
        payload = await self._reader.readexactly(length)
        bits = int.from_bytes(payload, "big") ^ int.from_bytes(mask[:length], "big")
        return WSMsgType(first & 0x0F), bits.to_bytes(length, "big")

    async def hear_all(self) -> list[tuple[WSMsgType, bytes]]:
        """Read frames until there are no more."""
        frames = []
        try:
            while True:
                frames.append(await self.hear())
        except (asyncio.IncompleteReadError, ConnectionError):
            return frames

    def stop_reading(self) -> None:
        """Take nothing."""
        self._transport.pause_reading()

    def go_on_reading(self) -> None:
        """Take what comes again."""
        self._transport.resume_reading()

    def hang_up(self) -> None:
        """End the connection below the WebSocket."""
        self._writer.close()

    def reset(self) -> None:
        """Cut the connection below the WebSocket, as a machine does that knows nothing of it."""
        if self._transport.is_closing():
            return
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def switch_protocols(request: bytes) -> bytes:
    """Give the answer to a handshake."""
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found is not None
    digest = hashlib.sha1(found[1] + GUID, usedforsecurity=False).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def certificate_of(authority: trustme.CA) -> ssl.SSLContext:
    """Give the peer's settings of TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def trust_in(authority: trustme.CA) -> ssl.SSLContext:
    """Give settings of TLS that trust the peer."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@asynccontextmanager
async def connected(
    first: bytes = b"",
    *,
    closing: float = 0.2,
    ping: float | None = None,
    dialer: Dialer | None = None,
    authority: trustme.CA | None = None,
) -> AsyncGenerator[tuple[WebSocket, Peer]]:
    """
    Give both ends of a connection.

    Args:
        first: What comes in one piece with the handshake's answer.
        closing: `Timeouts.close`.
        ping: `Timeouts.ping`.
        dialer: Makes the connection; by default one of its own.
        authority: Has the connection go over TLS.
    """
    peers: asyncio.Queue[Peer] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(switch_protocols(request) + first)
        peers.put_nowait(Peer(reader, writer))

    listener = sockets.create_server(("127.0.0.1", 0))
    listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    options = Options(
        endpoint=f"ws://{address}/" if authority is None else f"wss://{address}/",
        api_key="k",
        ssl=None if authority is None else trust_in(authority),
        timeouts=Timeouts(close=closing, ping=ping),
    )
    certified = None if authority is None else certificate_of(authority)
    dialer = dialer or Dialer()
    with anyio.fail_after(5):
        async with await asyncio.start_server(answer, sock=listener, ssl=certified):
            socket = await dialer.dial(options)
            assert isinstance(socket, WebSocket)
            peer = await peers.get()
            try:
                yield socket, peer
            finally:
                peer.reset()
                await socket.aclose()
                await dialer.aclose()


def listen(socket: WebSocket, take: Callable[[str], bool | None]) -> None:
    """Have *take* given text."""
    socket.listen(lambda frame: take(frame.decode()))


async def until_queued(socket: WebSocket, messages: int) -> None:
    """Wait until so many messages were received and not taken."""
    queue = socket._socket.queue
    assert queue is not None
    while len(queue._buffer) < messages:
        await checkpoint()


async def fill(socket: WebSocket, peer: Peer) -> int:
    """Write frames until the peer, which reads nothing, takes no more; give how many."""
    peer.stop_reading()
    written = 0
    while socket.unsent() <= MUCH:
        # Below the WebSocket: how that behaves then is what is tested.
        socket._socket.transport.write(struct.pack("!BBQI", 0x82, 0xFF, MUCH, 0) + bytes(MUCH))
        written += 1
        await wait_all_tasks_blocked()
    return written


async def loss_of(socket: WebSocket) -> ConnectionLostError:
    """Give the error by which `receive` tells the end of the connection."""
    with pytest.raises(ConnectionLostError) as caught:
        await socket.receive()
    return caught.value


# --- Text for a listener ---------------------------------------------------------------------


async def test_text_is_handed_over_in_the_step_in_which_it_comes() -> None:
    """The listener is called from where the socket is read; no task has to be woken for it."""
    heard: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
    async with connected() as (socket, peer):
        listen(socket, lambda frame: heard.put_nowait((frame, asyncio.current_task())))
        for each in ("a", "好", ""):
            await peer.say(text(each))
            assert (each, None) == await heard.get()


async def test_all_text_of_one_segment_is_handed_over_in_one_step() -> None:
    """Several frames that come together are given one after another, before anything else runs."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected() as (socket, peer):

        def take(frame: str) -> None:
            if frame == "a":
                asyncio.get_running_loop().call_soon(heard.put_nowait, "later")
            heard.put_nowait(frame)

        listen(socket, take)
        await peer.say(text("a"), text("b"), text("c"))
        assert ["a", "b", "c", "later"] == [await heard.get() for _ in range(4)]


async def test_text_in_fragments_is_handed_over_whole() -> None:
    """A message that comes in several frames, with a ping between them, is given once."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected() as (socket, peer):
        listen(socket, heard.put_nowait)
        receiving = asyncio.create_task(socket.receive())
        await peer.say(
            frame(WSMsgType.TEXT, "好".encode()[:1], is_last=False),
            frame(WSMsgType.PING, b"still there?"),
        )
        assert (WSMsgType.PONG, b"still there?") == await peer.hear()
        assert heard.empty()
        await peer.say(
            frame(WSMsgType.CONTINUATION, "好".encode()[1:], is_last=False),
            frame(WSMsgType.CONTINUATION, b"!"),
            text("next"),
            binary(b"end"),
        )
        assert ["好!", "next"] == [await heard.get() for _ in range(2)]
        assert b"end" == await receiving


async def test_a_waiting_receiver_is_not_given_what_the_listener_gets() -> None:
    """`receive` waits on while the listener is given text."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected() as (socket, peer):
        listen(socket, heard.put_nowait)
        receiving = asyncio.create_task(socket.receive())
        for each in ("a", "b"):
            await peer.say(text(each))
            assert each == await heard.get()
        await wait_all_tasks_blocked()
        assert not receiving.done()
        await peer.say(text("c"), binary(b"end"))
        assert b"end" == await receiving
        assert ["c"] == [heard.get_nowait()]
        assert heard.empty()


async def test_without_a_listener_text_comes_through_receive() -> None:
    """Before `listen`, and after `listen(None)`, `receive` gives all text, in order."""
    heard: list[str] = []
    async with connected() as (socket, peer):
        await peer.say(text("a"), text("b"))
        assert ["a", "b"] == [await socket.receive() for _ in range(2)]
        listen(socket, heard.append)
        socket.listen(None)
        receiving = asyncio.create_task(socket.receive())
        await peer.say(text("c"), binary(b"d"), text("e"))
        assert ["c", b"d", "e"] == [await receiving, *[await socket.receive() for _ in range(2)]]
        assert [] == heard


async def test_the_last_that_a_listener_wants_wakes_the_reader() -> None:
    """What a listener says is the last comes through `receive`, too, and so does what follows."""
    heard: list[str] = []

    def take(frame: str) -> bool:
        heard.append(frame)
        return frame == "b"

    async with connected() as (socket, peer):
        listen(socket, take)
        await peer.say(text("a"), text("b"), text("c"))
        assert ["b", "c"] == [await socket.receive() for _ in range(2)]
        assert ["a", "b"] == heard


# --- What was queued before it ---------------------------------------------------------------


async def test_queued_text_is_not_overtaken() -> None:
    """While messages are queued, what comes goes after them; then the listener is given text."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected() as (socket, peer):
        await peer.say(text("a"), binary(b"b"))
        await until_queued(socket, 2)
        listen(socket, heard.put_nowait)
        await peer.say(text("c"), text("d"))
        await until_queued(socket, 4)
        assert ["a", b"b"] == [await socket.receive() for _ in range(2)]
        await peer.say(text("e"))
        await until_queued(socket, 3)
        assert ["c", "d", "e"] == [await socket.receive() for _ in range(3)]
        assert heard.empty()
        await peer.say(text("f"))
        assert "f" == await heard.get()


async def test_text_does_not_overtake_the_binary_frame_before_it() -> None:
    """Text right behind a binary frame is not given before `receive` has given that."""
    heard: list[str] = []
    async with connected() as (socket, peer):
        listen(socket, heard.append)
        await peer.say(text("a"), binary(b"b"), text("c"), binary(b"d"))
        assert [b"b", "c", b"d"] == [await socket.receive() for _ in range(3)]
        assert ["a"] == heard


@pytest.mark.parametrize("kind", [WSMsgType.TEXT, WSMsgType.BINARY])
async def test_a_large_message_is_not_overtaken(kind: WSMsgType) -> None:
    """Nothing behind a queued message that fills the queue is given before that message is."""
    heard: list[str] = []
    filling = frame(kind, b"x" * 200_000)
    async with connected() as (socket, peer):
        await peer.say(filling[:-1])
        await peer.say(filling[-1:], text("after"))
        await until_queued(socket, 1)
        listen(socket, heard.append)
        assert 200_000 == len(await socket.receive())
        assert [] == heard


async def test_a_peer_that_says_too_much_has_to_wait() -> None:
    """A queue that is full takes no more, and nothing is lost of what comes when there is room."""
    said = [f"{number:04}" + "x" * 1000 for number in range(600)]
    async with connected() as (socket, peer):
        speaking = asyncio.create_task(peer.say(*map(text, said)))
        await until_queued(socket, 100)
        await wait_all_tasks_blocked()
        gc.collect()
        assert len(cast("Any", socket._socket.queue)._buffer) < 300
        assert said == [await socket.receive() for _ in said]
        await speaking


# --- What is no text -------------------------------------------------------------------------


async def test_binary_frames_come_through_receive() -> None:
    """A listener is given no binary frames."""
    heard: list[str] = []
    async with connected() as (socket, peer):
        listen(socket, heard.append)
        await peer.say(binary(b"a"), binary(b""), binary(bytes(100_000)))
        assert [b"a", b"", bytes(100_000)] == [await socket.receive() for _ in range(3)]
        assert [] == heard


@pytest.mark.parametrize(
    ("said", "code", "reason", "answer"),
    [
        pytest.param(close(1000), 1000, "", 1000, id="closed"),
        pytest.param(close(1011, "overloaded"), 1011, "overloaded", 1000, id="with a reason"),
        pytest.param(close(4001, "再见"), 4001, "再见", 1000, id="with a code of its own"),
        pytest.param(frame(WSMsgType.CLOSE), ABNORMAL, "", 1000, id="without a code"),
        pytest.param(close(999), 1002, "", 1002, id="wrong code"),
        pytest.param(frame(3), 1002, "", 1002, id="unknown kind"),
        pytest.param(b"\xc1\x01x", 1002, "", 1002, id="compressed"),
        pytest.param(frame(WSMsgType.CONTINUATION), 1002, "", 1002, id="nothing continued"),
        pytest.param(frame(WSMsgType.PING, is_last=False), 1002, "", 1002, id="part of a ping"),
    ],
)
@pytest.mark.parametrize("waits", [False, True], ids=["later", "waiting"])
async def test_the_end_comes_through_receive(
    said: bytes, code: int, reason: str, answer: int, *, waits: bool
) -> None:
    """The peer's close and what is no WebSocket end `receive`, and the peer is told why."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected(closing=0.05) as (socket, peer):
        listen(socket, heard.put_nowait)
        if waits:
            ending = asyncio.create_task(loss_of(socket))
            await wait_all_tasks_blocked()
        await peer.say(text("last"), said)
        assert "last" == await heard.get()
        error = await (ending if waits else loss_of(socket))
        assert (code, reason) == (error.close_code, error.close_reason)
        assert not socket.is_open
        kind, payload = await peer.hear()
        assert (WSMsgType.CLOSE, answer) == (kind, *struct.unpack("!H", payload))
        assert code == (await loss_of(socket)).close_code


async def test_a_ping_that_cannot_be_answered() -> None:
    """When the connection breaks before a ping is answered, that is the end as any other is."""
    async with connected() as (socket, peer):
        await peer.say(frame(WSMsgType.PING, b"still there?"))
        await until_queued(socket, 1)
        socket._socket.transport.abort()
        assert 1006 == (await loss_of(socket)).close_code


async def test_text_that_is_no_utf8() -> None:
    """A listener is given text as it came; for `receive`, what is not UTF-8 is the end."""
    heard: list[bytes] = []
    async with connected() as (socket, peer):
        socket.listen(heard.append)
        await peer.say(frame(WSMsgType.TEXT, b"\xff"), binary(b"a"))
        assert b"a" == await socket.receive()
        assert [b"\xff"] == heard
        socket.listen(None)
        await peer.say(frame(WSMsgType.TEXT, b"\xff"))
        error = await loss_of(socket)
        assert (1007, "text that is not UTF-8") == (error.close_code, error.close_reason)


@pytest.mark.parametrize("kind", [WSMsgType.TEXT, WSMsgType.BINARY])
async def test_a_message_that_is_too_large_ends_the_connection(kind: WSMsgType) -> None:
    """No more than `LARGEST_MESSAGE` is taken, neither for the listener nor for `receive`."""
    heard: list[str] = []
    async with connected() as (socket, peer):
        listen(socket, heard.append)
        speaking = asyncio.create_task(peer.say(frame(kind, bytes(LARGEST_MESSAGE + 1))))
        assert 1009 == (await loss_of(socket)).close_code
        assert [] == heard
        assert not socket.is_open
        with suppress(ConnectionError):
            await speaking


async def test_a_message_may_be_large() -> None:
    """A message that is not too large comes whole, in however many pieces it is received."""
    content = "好" * (LARGEST_MESSAGE // 3)
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected() as (socket, peer):
        listen(socket, heard.put_nowait)
        speaking = asyncio.create_task(peer.say(text(content), text("next")))
        assert content == await heard.get()
        assert "next" == await heard.get()
        await speaking


@pytest.mark.parametrize("half", [b"", text("half")[:3]], ids=["between frames", "within a frame"])
@pytest.mark.parametrize("end", [Peer.hang_up, Peer.reset], ids=["end", "reset"])
@pytest.mark.parametrize("waits", [False, True], ids=["later", "waiting"])
async def test_an_end_without_a_close_comes_through_receive(
    half: bytes, end: Callable[[Peer], None], *, waits: bool
) -> None:
    """When TCP ends, `receive` tells it by 1006, though there is a listener."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected() as (socket, peer):
        listen(socket, heard.put_nowait)
        ending = asyncio.create_task(loss_of(socket)) if waits else None
        await peer.say(text("last"), half)
        assert "last" == await heard.get()
        end(peer)
        error = await (ending or loss_of(socket))
        assert (ABNORMAL, "") == (error.close_code, error.close_reason)
        assert not socket.is_open


async def test_what_came_before_the_end_is_given_before_it() -> None:
    """Queued messages are not lost when the connection ends."""
    async with connected() as (socket, peer):
        await peer.say(text("a"), binary(b"b"))
        peer.hang_up()
        assert ["a", b"b"] == [await socket.receive() for _ in range(2)]
        assert ABNORMAL == (await loss_of(socket)).close_code


async def test_after_a_broken_frame_nothing_is_heard() -> None:
    """What comes behind what is no WebSocket is given to nobody."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected() as (socket, peer):
        listen(socket, heard.put_nowait)
        await peer.say(text("last"), frame(3), text("in the same piece"))
        assert "last" == await heard.get()
        await peer.say(text("later"), binary(b"later"), close(1000))
        peer.hang_up()
        while socket.is_open:
            await checkpoint()
        await loss_of(socket)
        assert heard.empty()


# --- A peer that speaks first ----------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 4, None])
async def test_a_peer_that_speaks_first(size: int | None) -> None:
    """What comes in one piece with the handshake's answer, whole or in part, is not lost."""
    first = text("first")
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected(first[:size]) as (socket, peer):
        listen(socket, heard.put_nowait)
        await peer.say(*([] if size is None else [first[size:]]), text("second"), binary(b"end"))
        assert socket._socket.queue is None
        assert ["first", "second", b"end"] == [await socket.receive() for _ in range(3)]
        assert heard.empty()


async def test_a_peer_that_speaks_first_and_leaves() -> None:
    """What a peer says with the handshake's answer comes before its end, too."""
    async with connected(text("first") + close(1013, "busy")) as (socket, _):
        assert "first" == await socket.receive()
        error = await loss_of(socket)
        assert (1013, "busy") == (error.close_code, error.close_reason)


# --- Sending ---------------------------------------------------------------------------------

FRAMES: list[Frame] = ["a", b"b", "好", memoryview(b"c"), b"", "", bytes(70_000), "x" * 200]


def as_heard(frames: list[Frame]) -> list[tuple[WSMsgType, bytes]]:
    """Give frames as the peer hears them."""
    return [
        (WSMsgType.TEXT, each.encode())
        if isinstance(each, str)
        else (WSMsgType.BINARY, bytes(each))
        for each in frames
    ]


async def send_singly(socket: WebSocket, frames: list[Frame]) -> None:
    """Send frames by a call each."""
    for each in frames:
        await socket.send([each])


async def send_now(socket: WebSocket, frames: list[Frame]) -> None:
    """Send frames without waiting."""
    for each in frames:
        socket.send_now(each)


Send = Callable[[WebSocket, list[Frame]], Awaitable[None]]
WAYS: list[Send] = [WebSocket.send, send_singly, send_now]


@pytest.mark.parametrize("send", WAYS)
async def test_frames_arrive_as_they_were_sent(send: Send) -> None:
    """Whichever way frames are sent, the peer hears the same ones in the same order."""
    async with connected() as (socket, peer):
        assert 0 == socket.unsent()
        await send(socket, FRAMES)
        assert as_heard(FRAMES) == [await peer.hear() for _ in FRAMES]
        assert 0 == socket.unsent()


async def test_all_ways_keep_their_order() -> None:
    """Frames that were sent one way do not overtake those that were sent another way."""
    async with connected() as (socket, peer):
        for send in WAYS * 2:
            await send(socket, FRAMES)
        assert as_heard(FRAMES) * 6 == [await peer.hear() for _ in FRAMES * 6]


async def test_nothing_to_send() -> None:
    """No frames are none on the wire."""
    async with connected() as (socket, peer):
        await socket.send([])
        await socket.send(["a"])
        assert (WSMsgType.TEXT, b"a") == await peer.hear()


async def test_frames_that_are_sent_together_are_written_by_one_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many frames are sent at once, what is below is called once."""
    async with connected() as (socket, peer):
        calls: list[bytes] = []
        transport = SimpleNamespace(write=calls.append, is_closing=lambda: False)
        with monkeypatch.context() as patch:
            patch.setattr(socket._socket, "transport", transport)
            await socket.send(FRAMES)
        (call,) = calls
        socket._socket.writer.transport = socket._socket.transport
        socket._socket.transport.write(call)
        assert as_heard(FRAMES) == [await peer.hear() for _ in FRAMES]


async def test_unsent_tells_what_has_not_left() -> None:
    """It is more than nothing while a peer takes nothing, and nothing once all was taken."""
    async with connected() as (socket, peer):
        sent = await fill(socket, peer)
        assert socket.unsent() > 0
        peer.go_on_reading()
        assert [(WSMsgType.BINARY, bytes(MUCH))] * sent == [await peer.hear() for _ in range(sent)]
        assert 0 == socket.unsent()


@pytest.mark.parametrize("send", [WebSocket.send, send_singly])
async def test_sending_waits_for_a_peer_that_takes_nothing(send: Send) -> None:
    """Many frames wait until the peer takes some again; then all arrive, in order."""
    frames: list[Frame] = [*FRAMES, bytes(MUCH), "behind it", bytes(MUCH), *FRAMES]
    async with connected() as (socket, peer):
        sent = await fill(socket, peer)
        sending = asyncio.create_task(cast("Any", send(socket, frames)))
        await wait_all_tasks_blocked()
        assert not sending.done()
        peer.go_on_reading()
        assert [(WSMsgType.BINARY, bytes(MUCH))] * sent == [await peer.hear() for _ in range(sent)]
        assert as_heard(frames) == [await peer.hear() for _ in frames]
        await sending


async def test_sending_may_be_cancelled_while_it_waits() -> None:
    """Nothing was written by then, and the connection goes on as before."""
    frames: list[Frame] = ["a", bytes(MUCH), "b", bytes(MUCH), "c", bytes(MUCH)]
    async with connected() as (socket, peer):
        sent = await fill(socket, peer)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(socket.send, frames)
            await wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert socket._socket.writer.transport is socket._socket.transport
        socket.send_now("next")
        peer.go_on_reading()
        for _ in range(sent):
            await peer.hear()
        assert (WSMsgType.TEXT, b"next") == await peer.hear()
        await socket.send(FRAMES)
        assert as_heard(FRAMES) == [await peer.hear() for _ in FRAMES]


async def test_sending_again_after_a_cancelled_send() -> None:
    """While the peer still takes nothing, the next send waits, as the canceled one did."""
    async with connected() as (socket, peer):
        sent = await fill(socket, peer)
        with anyio.move_on_after(0):
            await socket.send([bytes(MUCH)])
        sending = asyncio.create_task(socket.send([bytes(MUCH), "last"]))
        await wait_all_tasks_blocked()
        assert not sending.done()
        peer.go_on_reading()
        heard = [await peer.hear() for _ in range(sent + 2)]
        assert (WSMsgType.TEXT, b"last") == heard[-1]
        await sending


async def test_sending_now_never_waits() -> None:
    """However much is sent without waiting to a peer that takes nothing, it arrives later."""
    async with connected() as (socket, peer):
        sent = await fill(socket, peer)
        for _ in range(3):
            socket.send_now(bytes(MUCH))
        socket.send_now("last")
        peer.go_on_reading()
        heard = [await peer.hear() for _ in range(sent + 4)]
        assert (WSMsgType.TEXT, b"last") == heard[-1]


@pytest.mark.parametrize("send", [WebSocket.send, send_singly])
async def test_sending_after_sending_now(send: Send) -> None:
    """A send after what was sent without waiting waits for the peer as ever."""
    async with connected() as (socket, peer):
        sent = await fill(socket, peer)
        socket.send_now(bytes(MUCH))
        sending = asyncio.create_task(cast("Any", send(socket, [bytes(MUCH), "last"])))
        await wait_all_tasks_blocked()
        assert not sending.done()
        peer.go_on_reading()
        heard = [await peer.hear() for _ in range(sent + 3)]
        assert (WSMsgType.TEXT, b"last") == heard[-1]
        await sending


async def test_sending_now_leaves_no_error_behind() -> None:
    """When the connection ends before what was sent has left, nobody misses an exception."""
    missed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: missed.append(about))
    async with connected() as (socket, peer):
        await fill(socket, peer)
        socket.send_now(bytes(MUCH))
        peer.reset()
        await loss_of(socket)
    del socket
    gc.collect()
    assert [] == missed


async def test_closing_after_a_cancelled_send() -> None:
    """A peer that takes nothing cannot keep a connection open whose sending was canceled."""
    frames: list[Frame] = [bytes(MUCH), "a"] * 3
    async with connected(closing=0.05) as (socket, peer):
        await fill(socket, peer)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(socket.send, frames)
            await wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(2):
            await socket.aclose()
        assert not socket.is_open


@pytest.mark.parametrize("end", [WebSocket.aclose, Peer.reset], ids=["closed", "reset"])
async def test_the_end_of_the_connection_ends_a_send_that_waits(
    end: Callable[[object], Awaitable[None] | None],
) -> None:
    """A send that waits for the peer is told when the connection ends."""
    async with connected(closing=0.05) as (socket, peer):
        await fill(socket, peer)
        sending = asyncio.create_task(socket.send([bytes(MUCH), "a"] * 3))
        await wait_all_tasks_blocked()
        if (ending := end(socket if end is WebSocket.aclose else peer)) is not None:
            await ending
        with pytest.raises(ConnectionLostError):
            await sending
        assert socket._socket.writer.transport is socket._socket.transport


@pytest.mark.parametrize("send", WAYS)
@pytest.mark.parametrize(
    ("said", "code"), [(close(1011), 1011), (b"", ABNORMAL)], ids=["close", "end"]
)
async def test_sending_after_the_end(send: Send, said: bytes, code: int) -> None:
    """Once the connection has ended, each way of sending tells it, with the close code."""
    async with connected() as (socket, peer):
        await peer.say(said)
        peer.hang_up()
        await loss_of(socket)
        for _ in range(2):
            with pytest.raises(ConnectionLostError) as caught:
                await send(socket, ["a", b"b"])
            assert code == caught.value.close_code
        assert 0 == socket.unsent()


@pytest.mark.parametrize("send", WAYS)
async def test_sending_after_closing(send: Send) -> None:
    """Once the connection was closed on this side, each way of sending tells it."""
    async with connected(closing=0.01) as (socket, _):
        await socket.aclose()
        with pytest.raises(ConnectionLostError):
            await send(socket, ["a", b"b"])


# --- Pings -----------------------------------------------------------------------------------


async def test_a_peer_that_answers_pings_is_kept() -> None:
    """Whatever a peer answers to a ping, it lives, and is pinged again."""
    async with connected(ping=0.15) as (socket, peer):
        listen(socket, lambda _: None)
        for answer in (frame(WSMsgType.PONG), text("a"), text("half of it")[:3]):
            assert (WSMsgType.PING, b"") == await peer.hear()
            await peer.say(answer)
        assert (WSMsgType.PING, b"") == await peer.hear()
        assert socket.is_open


@pytest.mark.parametrize("first", [b"", text("first")], ids=["", "speaks first"])
async def test_a_silent_peer_is_lost(first: bytes) -> None:
    """A peer that does not answer a ping is lost, which `receive` tells."""
    async with connected(first, ping=0.1) as (socket, peer):
        if first:
            assert "first" == await socket.receive()
        listen(socket, lambda _: None)
        started = anyio.current_time()
        with anyio.fail_after(2):
            error = await loss_of(socket)
        assert 0.1 <= anyio.current_time() - started
        assert (ABNORMAL, "") == (error.close_code, error.close_reason)
        assert isinstance(error.__cause__, TimeoutError)
        assert not socket.is_open
        assert [(WSMsgType.PING, b"")] == await peer.hear_all()


async def test_a_silent_peer_is_lost_while_nobody_receives() -> None:
    """A peer that was lost before `receive` is told by the next one."""
    async with connected(ping=0.1) as (socket, peer):
        assert [(WSMsgType.PING, b"")] == await peer.hear_all()
        assert not socket.is_open
        error = await loss_of(socket)
        assert ABNORMAL == error.close_code
        assert isinstance(error.__cause__, TimeoutError)


async def test_a_peer_that_keeps_speaking_is_not_pinged() -> None:
    """A peer from which text comes all the time is neither pinged nor lost."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected(ping=0.15) as (socket, peer):
        listen(socket, heard.put_nowait)
        until = anyio.current_time() + 0.4
        while anyio.current_time() < until:
            await peer.say(text("a"))
            assert "a" == await heard.get()
            await anyio.sleep(0.02)
        assert socket.is_open
        await socket.send(["first"])
        assert (WSMsgType.TEXT, b"first") == await peer.hear()


async def test_when_a_peer_is_pinged() -> None:
    """A peer is pinged no sooner than after that time of silence, and soon after twice of it."""
    interval = 0.1
    async with connected(ping=interval) as (socket, peer):
        await peer.say(text("a"))
        assert "a" == await socket.receive()
        heard_at = anyio.current_time()
        assert (WSMsgType.PING, b"") == await peer.hear()
        assert interval <= anyio.current_time() - heard_at < 2 * interval + 1


@pytest.mark.parametrize("end", ["lost", "closed", "cut"])
async def test_nothing_is_pinged_after_the_end(end: str) -> None:
    """No timer outlives the connection, however it ended."""
    async with connected(ping=0.1, closing=0.05) as (socket, peer):
        listen(socket, lambda _: None)
        if end == "closed":
            await peer.say(close(1000))
        elif end == "cut":
            peer.reset()
        await loss_of(socket)
        await socket.aclose()
        await checkpoint()
        assert socket._socket._heartbeat_cb is None
        assert socket._socket._pong_response_cb is None


# --- More connections, and TLS ---------------------------------------------------------------


async def test_connections_do_not_mix() -> None:
    """What comes by halves, by two connections of a dialer in turn, is not mixed up."""
    one, other = text("好" * 100), text("再见" * 100)
    heard: asyncio.Queue[str] = asyncio.Queue()
    dialer = Dialer()
    async with connected(dialer=dialer) as (socket, peer):
        async with connected(dialer=dialer) as (other_socket, other_peer):
            listen(socket, heard.put_nowait)
            for half, other_half in ((one[:150], other[:50]), (one[150:], other[50:])):
                await peer.say(half)
                await other_peer.say(other_half)
            assert "再见" * 100 == await other_socket.receive()
            assert "好" * 100 == await heard.get()


async def test_tls() -> None:
    """A connection over TLS behaves as one without."""
    heard: asyncio.Queue[tuple[str, object]] = asyncio.Queue()
    async with connected(authority=trustme.CA(), ping=5) as (socket, peer):
        listen(socket, lambda frame: heard.put_nowait((frame, asyncio.current_task())))
        for _ in range(2):
            await peer.say(text("a"), text("b"))
            assert [("a", None), ("b", None)] == [await heard.get() for _ in range(2)]
            await peer.say(binary(bytes(300_000)), text("c"))
            assert [bytes(300_000), "c"] == [await socket.receive() for _ in range(2)]
            for send in WAYS:
                await send(socket, FRAMES)
                assert as_heard(FRAMES) == [await peer.hear() for _ in FRAMES]
        assert heard.empty()
        await peer.say(close(1011, "gone"))
        error = await loss_of(socket)
        assert (1011, "gone") == (error.close_code, error.close_reason)
        assert (WSMsgType.CLOSE, struct.pack("!H", 1000)) == await peer.hear()
        for send in WAYS:
            with pytest.raises(ConnectionLostError):
                await send(socket, ["a", b"b"])


async def test_records_of_tls_that_come_together() -> None:
    """Results that come at once, each in a record of its own, are all given."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with connected(authority=trustme.CA()) as (socket, peer):
        listen(socket, heard.put_nowait)
        for each in ("a", "b", "c"):
            await peer.say(text(each))
        with anyio.fail_after(1):
            assert ["a", "b", "c"] == [await heard.get() for _ in range(3)]


async def test_speaking_first_over_tls() -> None:
    """A peer that speaks first over TLS is heard."""
    async with connected(text("first"), authority=trustme.CA()) as (socket, peer):
        await peer.say(text("second"))
        assert ["first", "second"] == [await socket.receive() for _ in range(2)]


# --- Where aiohttp is built otherwise --------------------------------------------------------


@pytest.fixture
def _otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages cannot go another way than aiohttp's."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise TypeError

    monkeypatch.setattr(module, "WebSocketReader", refuse)


@pytest.mark.usefixtures("_otherwise")
async def test_without_private_parts_everything_comes_through_receive() -> None:
    """Where text cannot be handed over, `receive` gives it, in order with all else."""
    heard: list[str] = []
    async with connected() as (socket, peer):
        listen(socket, heard.append)
        await peer.say(text("a"), binary(b"b"), text("c"), close(1011, "gone"))
        assert ["a", b"b", "c"] == [await socket.receive() for _ in range(3)]
        error = await loss_of(socket)
        assert (1011, "gone") == (error.close_code, error.close_reason)
        assert [] == heard


@pytest.mark.usefixtures("_otherwise")
async def test_without_private_parts_a_peer_that_answers_pings_is_kept() -> None:
    """There, too, a peer that answers a ping is pinged again, and not lost."""
    async with connected(ping=0.15) as (socket, peer):
        for _ in range(2):
            assert (WSMsgType.PING, b"") == await peer.hear()
            await peer.say(frame(WSMsgType.PONG))
        assert socket.is_open


@pytest.mark.parametrize("otherwise", [False, True], ids=["as known", "otherwise"])
async def test_a_whole_recognition(*, otherwise: bool, request: pytest.FixtureRequest) -> None:
    """A recognition hears all its results, by the listener or without one."""
    if otherwise:
        request.getfixturevalue("_otherwise")
    with anyio.fail_after(5):
        async with ScriptedServer() as server:
            async with AsyncRecognizer(endpoint=server.url, api_key="k") as recognizer:
                for _ in range(2):
                    results = [each async for each in recognizer.stream(marked(1000))]
                    assert list(range(50)) == marks_of(results)
        assert [] == server.violations


@pytest.mark.parametrize("lacks", ["_tail", "_reader"])
async def test_parts_of_other_names(lacks: str) -> None:
    """A socket without the known private parts keeps the queue that aiohttp gave it."""
    handler = SimpleNamespace(data_received=None, _tail=b"")
    if lacks == "_tail":
        del handler._tail
    connection = SimpleNamespace(transport=Mock(), protocol=handler)
    loop = asyncio.get_running_loop()
    response: Any = SimpleNamespace(connection=connection)
    socket = Socket(None, None, None, response, ClientWSTimeout(), True, True, loop)
    if lacks == "_reader":
        del socket._reader
    socket.attend(bytearray(1024))
    assert socket.queue is None


# --- Closing ---------------------------------------------------------------------------------


async def test_closing_says_goodbye_and_waits_for_the_answer() -> None:
    """The peer hears a close frame, and its answer ends the wait."""
    async with connected(closing=1e6) as (socket, peer):
        closing = asyncio.create_task(socket.aclose())
        assert (WSMsgType.CLOSE, struct.pack("!H", 1000)) == await peer.hear()
        await wait_all_tasks_blocked()
        assert not closing.done()
        await peer.say(text("not heard any more"), close(1000))
        await closing
        assert not socket.is_open
        assert [] == await peer.hear_all()


async def test_closing_does_not_wait_long_for_the_answer() -> None:
    """A peer that does not answer is cut off after `Timeouts.close`."""
    async with connected(closing=0.1) as (socket, peer):
        started = anyio.current_time()
        with anyio.fail_after(2):
            await socket.aclose()
        assert 0.09 <= anyio.current_time() - started
        assert not socket.is_open
        assert [(WSMsgType.CLOSE, struct.pack("!H", 1000))] == await peer.hear_all()


async def test_closing_towards_a_peer_that_takes_nothing() -> None:
    """A peer that takes nothing is cut off with what it has not taken."""
    async with connected(closing=0.1) as (socket, peer):
        sent = await fill(socket, peer)
        with anyio.fail_after(2):
            await socket.aclose()
        assert not socket.is_open
        peer.go_on_reading()
        assert len(await peer.hear_all()) < sent


async def test_closing_twice() -> None:
    """Closing again, at once or later, does nothing and waits for nothing."""
    async with connected(closing=0.1) as (socket, peer):
        with anyio.fail_after(2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(socket.aclose)
                tasks.start_soon(socket.aclose)
            await socket.aclose()
        assert not socket.is_open
        assert [(WSMsgType.CLOSE, struct.pack("!H", 1000))] == await peer.hear_all()


@pytest.mark.parametrize("listens", [True, False], ids=["listener", "no listener"])
@pytest.mark.parametrize("answers", [True, False], ids=["answer", "no answer"])
async def test_closing_while_another_task_receives(*, listens: bool, answers: bool) -> None:
    """The task in `receive` is told the end, and the peer still hears the goodbye."""
    async with connected(closing=0.1) as (socket, peer):
        if listens:
            listen(socket, lambda _: None)
        ending = asyncio.create_task(loss_of(socket))
        await wait_all_tasks_blocked()
        with anyio.fail_after(2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(socket.aclose)
                assert (WSMsgType.CLOSE, struct.pack("!H", 1000)) == await peer.hear()
                if answers:
                    await peer.say(close(1000))
            assert ABNORMAL == (await ending).close_code
        assert not socket.is_open


async def test_closing_after_a_cancelled_receive() -> None:
    """The peer hears the goodbye, too, when `receive` was given up before."""
    async with connected() as (socket, peer):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(socket.receive)
            await wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await socket.aclose()
        assert [(WSMsgType.CLOSE, struct.pack("!H", 1000))] == await peer.hear_all()


async def test_closing_when_cancelled() -> None:
    """A canceled task says goodbye, too, in bounded time."""
    async with connected(closing=0.1) as (socket, peer):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await socket.aclose()
        assert not socket.is_open
        assert [(WSMsgType.CLOSE, struct.pack("!H", 1000))] == await peer.hear_all()


async def test_closing_after_the_end() -> None:
    """A connection that has ended is closed at once."""
    async with connected(closing=1e6) as (socket, peer):
        peer.reset()
        await loss_of(socket)
        await socket.aclose()
        assert not socket.is_open
