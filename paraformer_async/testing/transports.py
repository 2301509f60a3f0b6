"""
Proof that a transport fulfills its contract, for custom implementations.

    async def test_my_transport() -> None:
        await check_transport(MyFactory)

The other end is real: sockets on loopback, or TLS over them.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint
from msgspec import Struct

from paraformer_async._net.contract import Handshake, OutgoingFrame, Transport, TransportFactory
from paraformer_async.errors import ConnectError, ConnectionLostError, HandshakeError
from paraformer_async.testing._far_end import (
    FarEnd,
    Opcode,
    close,
    frame,
    http,
    listening,
    switch_protocols,
    text,
)

if TYPE_CHECKING:
    import ssl

__all__ = ["CHECKS", "check_transport"]

_LIMIT = 20.0  # seconds for one check
_SOON = 5.0  # seconds for what has to happen at once
_CHUNK = bytes(32 * 1024)
_TOO_MUCH = 16 * 1024 * 1024  # bytes that no connection may take while its peer reads nothing
_ENOUGH = 400  # more suspensions than any call has


class Setting(Struct, frozen=True):
    """What is checked: the maker, and both ends' settings of TLS."""

    maker: Callable[[], TransportFactory]
    server_tls: "ssl.SSLContext | None" = None
    client_tls: "ssl.SSLContext | None" = None

    def handshake(self, port: int, **more: Any) -> Handshake:
        """Return a handshake with the server at *port*."""
        scheme = "ws" if self.server_tls is None else "wss"
        given = {"ping": None, "close": 0.2} | more
        headers = {"Authorization": "Bearer sk-very-secret", "X-Other": "very-private"}
        url = f"{scheme}://127.0.0.1:{port}/path?token=in-the-query"
        return Handshake(url=url, headers=headers, ssl=self.client_tls, **given)


class RecordingReceiver:
    """A receiver that keeps what it is given, and wants a number of messages."""

    def __init__(self, wanted: int = 0) -> None:
        self.frames: list[str | bytes] = []
        self.wanted: int = wanted
        self.room: anyio.Event = anyio.Event()

    def frame_received(self, frame: str | bytes) -> bool:
        """Keep a message; text is compared as `str`."""
        self.frames.append(frame)
        return len(self.frames) == self.wanted

    def writable(self) -> None:
        """Note that there is room."""
        self.room.set()


Action = Callable[[], Coroutine[Any, Any, None]]
Check = Callable[[Setting], Coroutine[Any, Any, None]]
_ALL: dict[str, Check] = {}


def _check(check: Check) -> Check:
    _ALL[check.__name__.removeprefix("_")] = check
    return check


async def check_transport(
    maker: Callable[[], TransportFactory],
    *,
    server_tls: "ssl.SSLContext | None" = None,
    client_tls: "ssl.SSLContext | None" = None,
    only: str | None = None,
) -> None:
    """
    Check everything that the contract of transports promises.

    Args:
        maker: Makes the factory; called in a running event loop, once for each check.
        server_tls: TLS settings of the other end, with a certificate for 127.0.0.1; `None` for
            plain TCP.
        client_tls: TLS settings that trust it.
        only: One name of `CHECKS`.

    Raises:
        AssertionError: A promise is not kept; the note names it.
        TimeoutError: A call does not return.
    """
    setting = Setting(maker, server_tls, client_tls)
    for name in [only] if only else CHECKS:
        try:
            before = asyncio.all_tasks()
            with anyio.fail_after(_LIMIT):
                await _ALL[name](setting)
                await _until(lambda: asyncio.all_tasks() <= before)  # noqa: B023 - awaited here
        except BaseException as error:
            error.add_note(f"check_transport: {name}: {_ALL[name].__doc__}")
            raise


# --- Tools -----------------------------------------------------------------------------------


@asynccontextmanager
async def _factory(setting: Setting) -> AsyncGenerator[TransportFactory, None]:
    factory = setting.maker()
    try:
        yield factory
    finally:
        await factory.aclose()


@asynccontextmanager
async def _connected(
    setting: Setting, first: bytes = b"", **more: Any
) -> AsyncGenerator[tuple[Transport, FarEnd], None]:
    """Yield both ends of a connection; *first* comes in one piece with the handshake's answer."""
    ends: asyncio.Queue[FarEnd] = asyncio.Queue()
    over = asyncio.Event()

    async def serve(end: FarEnd) -> None:
        await end.send(switch_protocols(await end.request()), first)
        ends.put_nowait(end)
        await over.wait()

    async with listening(serve, setting.server_tls) as port, _factory(setting) as factory:
        transport = await factory.connect(setting.handshake(port, **more))
        end = await ends.get()
        try:
            yield transport, end
        finally:
            over.set()
            end.reset()
            await transport.aclose()
            assert not transport.is_open


async def _until(is_so: Callable[[], bool]) -> None:
    with anyio.fail_after(_SOON):
        while not is_so():
            await anyio.sleep(0.001)


async def _received(transport: Transport, messages: int) -> list[str | bytes]:
    receiver = RecordingReceiver(messages)
    await transport.receive(receiver)
    return [_as_text(each) for each in receiver.frames]


def _as_text(message: str | bytes) -> str | bytes:
    """Return text as `str`: a receiver may be given it in UTF-8. Binary is not valid in it here."""
    if isinstance(message, bytes):
        with suppress(UnicodeDecodeError):
            return message.decode()
    return message


async def _loss(
    transport: Transport, receiver: RecordingReceiver | None = None, *, during: Action | None = None
) -> ConnectionLostError:
    """Return the error with which `receive` ends, while *during* runs."""
    lost: ConnectionLostError | None = None
    async with anyio.create_task_group() as tasks:
        if during is not None:
            tasks.start_soon(during)
        try:
            await transport.receive(receiver or RecordingReceiver())
        except ConnectionLostError as error:
            lost = error
    assert lost is not None, "receive returned, though its receiver wanted more"
    return lost


def _write_fails(transport: Transport) -> None:
    for _ in range(2):
        try:
            transport.write(["a", b"b"])
        except ConnectionLostError:
            continue
        raise AssertionError("a frame was written to a connection that has ended")


async def _fill(transport: Transport, end: FarEnd) -> int:
    """Write until the transport is full; return how many chunks."""
    end.pause()
    written = 0
    while not transport.is_full:
        transport.write([_CHUNK])
        written += 1
        assert written * len(_CHUNK) < _TOO_MUCH, "never full, though the peer reads nothing"
        await checkpoint()
    return written


async def _refusal(setting: Setting, *answers: bytes, **more: Any) -> ConnectError:
    """Return the error of a connection whose handshake is answered with *answers*."""
    over = asyncio.Event()

    async def serve(end: FarEnd) -> None:
        await end.request()
        await end.send(*answers)
        await over.wait()

    async with listening(serve, setting.server_tls) as port, _factory(setting) as factory:
        try:
            with anyio.move_on_after(1.0):
                await factory.connect(setting.handshake(port, **more))
        except ConnectError as error:
            shown = repr((error, error.__cause__, vars(error)))
            for secret in ("sk-very-secret", "very-private", "in-the-query"):
                assert secret not in shown, f"the error shows {secret}: {shown}"
            return error
        finally:
            over.set()
    raise AssertionError("no error within the time")


class _Canceled:
    """Awaits *call*, and has its task canceled at the suspension of number *at*."""

    def __init__(self, call: Coroutine[Any, Any, object], at: int) -> None:
        self._call = call
        self._at = at
        self.is_canceled = False

    def __await__(self) -> Generator[Any, Any, object]:
        steps = self._call.__await__()
        result: Any = None
        number = 0
        try:
            waits_for = next(steps)
            while True:
                number += 1
                if number == self._at:
                    self.is_canceled = True
                    task = asyncio.current_task()
                    assert task is not None
                    task.cancel()
                try:
                    result = yield waits_for
                except BaseException as error:  # noqa: BLE001 - passed on as a task would
                    waits_for = steps.throw(error)
                else:
                    waits_for = steps.send(result)
        except StopIteration as end:
            return end.value


async def _canceled_at(call: Coroutine[Any, Any, object], at: int) -> bool:
    """Run *call* in a task, canceled at a suspension; return whether it came that far."""
    awaiting = _Canceled(call, at)

    async def run() -> object:
        return await awaiting

    task = asyncio.ensure_future(run())
    await asyncio.wait([task])
    with suppress(asyncio.CancelledError):
        task.result()
    return awaiting.is_canceled


# --- Messages in -----------------------------------------------------------------------------


@_check
async def _messages_come_in_order(setting: Setting) -> None:
    """Text and binary messages of all sizes are passed on whole, in order."""
    sent: list[str | bytes] = ["a", b"\xff", "", "好" * 50, b"\xff" * 70_000, "x" * 70_000, b"\xfe"]
    frames = [text(m) if isinstance(m, str) else frame(Opcode.BINARY, m) for m in sent]
    async with _connected(setting) as (transport, end):
        assert transport.is_open
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(end.send, *frames)
                assert sent == await _received(transport, len(sent))


@_check
async def _large_messages_come_whole(setting: Setting) -> None:
    """A message of the largest size allowed is passed on, in however many pieces it arrives."""
    limit = 1024 * 1024
    async with _connected(setting, largest_message=limit) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end.send, text("x" * limit), text("next"))
            assert ["x" * limit, "next"] == await _received(transport, 2)


@_check
async def _fragments_are_joined(setting: Setting) -> None:
    """A message in fragments is passed on once; a ping between them is answered."""
    first, rest = "好".encode()[:1], "好".encode()[1:]
    async with _connected(setting) as (transport, end):
        receiver = RecordingReceiver(3)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.receive, receiver)
            await end.send(frame(Opcode.TEXT, first, is_last=False), frame(Opcode.PING, b"there?"))
            assert (Opcode.PONG, b"there?") == await end.receive()
            assert [] == receiver.frames
            await end.send(
                frame(Opcode.CONTINUATION, rest, is_last=False),
                frame(Opcode.CONTINUATION, b"!"),
                frame(Opcode.BINARY, b"\xff", is_last=False),
                frame(Opcode.CONTINUATION),
                text("next"),
            )
        assert ["好!", b"\xff", "next"] == [_as_text(each) for each in receiver.frames]


@_check
async def _the_last_that_is_wanted_ends_receive(setting: Setting) -> None:
    """`receive` returns after the message that its receiver wants as the last; others wait."""
    async with _connected(setting) as (transport, end):
        await end.send(*map(text, "abcde"))
        for wanted in (["a", "b"], ["c"], ["d", "e"]):
            assert wanted == await _received(transport, len(wanted))
        async with anyio.create_task_group() as tasks:
            receiver = RecordingReceiver(2)
            tasks.start_soon(transport.receive, receiver)
            await anyio.wait_all_tasks_blocked()
            await end.send(*map(text, "fgh"))
        assert ["h"] == await _received(transport, 1)


@_check
async def _unread_messages_are_bounded(setting: Setting) -> None:
    """While `receive` does not run, a fast peer has to wait; then everything arrives, in order."""
    messages = [f"{number:05}" + "x" * 1000 for number in range(16_000)]
    async with _connected(setting) as (transport, end):
        async with anyio.create_task_group() as tasks:
            done = False

            async def send() -> None:
                nonlocal done
                for start in range(0, len(messages), 50):  # TLS of asyncio takes any single piece
                    await end.send(*map(text, messages[start : start + 50]))
                done = True

            tasks.start_soon(send)
            await anyio.sleep(0.2)
            assert not done, "16 MB were accepted, and receive does not run"
            assert messages == await _received(transport, len(messages))


@_check
async def _messages_behind_the_handshake_come(setting: Setting) -> None:
    """What arrives in one piece with the handshake's answer, whole or in part, is passed on."""
    first = text("first")
    for size in (1, 2, 4, len(first)):
        async with _connected(setting, first[:size]) as (transport, end):
            await end.send(first[size:], text("second"))
            assert ["first", "second"] == await _received(transport, 2)
    async with _connected(setting, first + close(1013, "busy")) as (transport, end):
        receiver = RecordingReceiver()
        lost = await _loss(transport, receiver)
        assert (["first"], 1013) == ([*map(_as_text, receiver.frames)], lost.close_code)


@_check
async def _canceling_receive_loses_nothing(setting: Setting) -> None:
    """`receive`, canceled at any suspension, has passed each message on or kept it."""
    messages = [str(number) for number in range(60)]
    async with _connected(setting) as (transport, end):
        receiver = RecordingReceiver(len(messages))
        async with anyio.create_task_group() as tasks:

            async def send() -> None:
                for message in messages:
                    await end.send(text(message), frame(Opcode.PING))
                    await checkpoint()

            tasks.start_soon(send)
            tasks.start_soon(end.ended)
            at = 0
            while len(receiver.frames) < len(messages):
                at += 1
                await _canceled_at(transport.receive(receiver), at % 3 + 1)
            tasks.cancel_scope.cancel()
        assert messages == [_as_text(each) for each in receiver.frames]


# --- Frames out ------------------------------------------------------------------------------


@_check
async def _frames_leave_in_order(setting: Setting) -> None:
    """Frames of all kinds and sizes arrive as they were written, alone or many at once."""
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
    async with _connected(setting) as (transport, end):
        transport.write([])
        transport.write(frames)
        for each in frames:
            transport.write([each])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_swallow, transport)
            assert kinds * 2 == [await end.receive() for _ in kinds * 2]
            await _until(lambda: transport.unsent() == 0)
            tasks.cancel_scope.cancel()


async def _swallow(transport: Transport) -> None:
    with suppress(ConnectionLostError):
        await transport.receive(RecordingReceiver())


@_check
async def _a_peer_that_reads_nothing_is_noticed(setting: Setting) -> None:
    """`is_full` becomes true, writing goes on without waiting, and `writable` is called in time."""
    async with _connected(setting) as (transport, end):
        written = await _fill(transport, end)
        transport.write(["behind it", _CHUNK])
        transport.write(["last"])
        receiver = RecordingReceiver()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.receive, receiver)
            await anyio.wait_all_tasks_blocked()
            assert transport.is_full
            assert not receiver.room.is_set(), "writable was called, and nothing has left"
            end.resume()
            chunks = [(Opcode.BINARY, _CHUNK)] * written
            assert chunks == [await end.receive() for _ in chunks]
            rest = [
                (Opcode.TEXT, b"behind it"),
                (Opcode.BINARY, _CHUNK),
                (Opcode.TEXT, b"last"),
            ]
            assert rest == [await end.receive() for _ in rest]
            await receiver.room.wait()
            await _until(lambda: not transport.is_full)
            assert 0 == transport.unsent()
            transport.write(["and on"])
            assert (Opcode.TEXT, b"and on") == await end.receive()
            tasks.cancel_scope.cancel()


@_check
async def _full_again_and_again(setting: Setting) -> None:
    """Nothing is lost or disordered when the peer stops and goes on, and `receive` is canceled."""
    async with _connected(setting) as (transport, end):
        for turn in range(3):
            written = await _fill(transport, end)
            transport.write([str(turn)])
            with anyio.move_on_after(0.01):
                await transport.receive(RecordingReceiver())
            end.resume()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_swallow, transport)
                for _ in range(written):
                    assert (Opcode.BINARY, _CHUNK) == await end.receive()
                assert (Opcode.TEXT, str(turn).encode()) == await end.receive()
                await _until(lambda: not transport.is_full)
                tasks.cancel_scope.cancel()


@_check
async def _writing_to_a_peer_that_leaves(setting: Setting) -> None:
    """When the peer leaves while frames are written, the writer gets an error in bounded time."""
    for leave in (FarEnd.hang_up, FarEnd.reset):
        async with _connected(setting) as (transport, end):
            with anyio.fail_after(_SOON):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_swallow, transport)
                    with suppress(ConnectionLostError):
                        for number in range(1_000_000):
                            transport.write(["a", b"b"])
                            if number == 3:
                                leave(end)
                            await checkpoint()
            _write_fails(transport)
            assert not transport.is_open
            assert 1006 == (await _loss(transport)).close_code


@_check
async def _a_peer_that_leaves_while_it_reads_nothing(setting: Setting) -> None:
    """What could not leave is an error of `receive`, and of the next write."""
    async with _connected(setting) as (transport, end):
        await _fill(transport, end)
        transport.write([_CHUNK])
        end.reset()
        assert 1006 == (await _loss(transport)).close_code
        _write_fails(transport)
        assert not transport.is_open


# --- Ends ------------------------------------------------------------------------------------


@_check
async def _the_peers_close_is_reported(setting: Setting) -> None:
    """A close frame ends `receive` with its code and reason, for good, and is answered."""
    for code, reason in ((1000, ""), (1011, "overloaded"), (4001, "再见")):
        for waits in (False, True):
            async with _connected(setting) as (transport, end):
                frames = text("last") + close(code, reason)

                async def send(end: FarEnd = end, frames: bytes = frames) -> None:
                    await anyio.wait_all_tasks_blocked()
                    await end.send(frames)

                if not waits:
                    await end.send(frames)
                receiver = RecordingReceiver()
                lost = await _loss(transport, receiver, during=send if waits else None)
                assert (code, reason) == (lost.close_code, lost.close_reason)
                assert ["last"] == [_as_text(each) for each in receiver.frames]
                assert not transport.is_open
                assert Opcode.CLOSE == (await end.receive())[0]
                lost = await _loss(transport)
                assert (code, reason) == (lost.close_code, lost.close_reason)
                _write_fails(transport)


@_check
async def _a_close_without_a_code(setting: Setting) -> None:
    """A close frame without a code is 1005, as RFC 6455 has it."""
    async with _connected(setting) as (transport, end):
        await end.send(frame(Opcode.CLOSE))
        for _ in range(2):
            assert 1005 == (await _loss(transport)).close_code


@_check
async def _what_breaks_the_protocol_ends_it(setting: Setting) -> None:
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
        1007: [
            frame(Opcode.TEXT, b"\xff"),
            frame(Opcode.TEXT, b"\xe5", is_last=False) + frame(Opcode.CONTINUATION, b"a"),
        ],
        1009: [
            frame(Opcode.TEXT, bytes(limit + 1)),
            frame(Opcode.BINARY, bytes(limit), is_last=False) + frame(Opcode.CONTINUATION, b"aa"),
        ],
    }
    for code, broken in cases.items():
        for each in broken:
            async with _connected(setting, largest_message=limit) as (transport, end):
                receiver = RecordingReceiver()
                frames = text("last") + each + text("not this")
                lost = await _loss(transport, receiver, during=partial(_send_anyway, end, frames))
                assert code == lost.close_code, (code, each[:9], lost)
                assert [] == [each for each in receiver.frames if _as_text(each) != "last"]
                assert not transport.is_open
                assert not lost.retryable or code == 1002
                kind, payload = await end.receive()
                assert (Opcode.CLOSE, code) == (kind, int.from_bytes(payload[:2], "big"))


async def _send_anyway(end: FarEnd, data: bytes) -> None:
    with suppress(ConnectionError):
        await end.send(data)


@_check
async def _an_end_without_a_close(setting: Setting) -> None:
    """When TCP ends, in a frame or between two, `receive` raises 1006 after what came before."""
    for half in (b"", text("half")[:3]):
        for leave in (FarEnd.hang_up, FarEnd.reset):
            async with _connected(setting) as (transport, end):
                receiver = RecordingReceiver()
                await end.send(text("last"), half)
                if leave is FarEnd.hang_up:  # what a reset overtakes is lost
                    leave(end)
                else:
                    assert ["last"] == await _received(transport, 1)
                    receiver.frames.append("last")
                    leave(end)
                lost = await _loss(transport, receiver)
                assert (1006, "") == (lost.close_code, lost.close_reason)
                assert lost.retryable
                assert ["last"] == [_as_text(each) for each in receiver.frames]
                assert not transport.is_open
                _write_fails(transport)


@_check
async def _half_a_close(setting: Setting) -> None:
    """A peer that sends no more, but still reads, has ended the connection."""
    if setting.server_tls is None:
        async with _connected(setting) as (transport, end):
            end.end_writing()
            assert 1006 == (await _loss(transport)).close_code
            await end.ended()


@_check
async def _an_end_while_nobody_receives(setting: Setting) -> None:
    """`is_open` notices that TCP has ended, so that a connection is looked at before it is used."""
    async with _connected(setting) as (transport, end):
        end.hang_up()
        await _until(lambda: not transport.is_open)
        assert 1006 == (await _loss(transport)).close_code


@_check
async def _closing(setting: Setting) -> None:
    """`aclose` sends 1000, waits for the answer, and is bounded; again, it does nothing."""
    async with _connected(setting, close=5.0) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.aclose)
            kind, payload = await end.receive()
            assert (Opcode.CLOSE, 1000) == (kind, int.from_bytes(payload[:2], "big"))
            await end.send(text("too late"), close(1000))
            end.hang_up()
        assert not transport.is_open
        _write_fails(transport)
        await transport.aclose()
        await _loss(transport)
        assert [] == await end.receive_all()


@_check
async def _closing_is_bounded(setting: Setting) -> None:
    """A peer that does not answer, or reads nothing, is cut off in time."""
    for reads in (True, False):
        async with _connected(setting, close=0.1) as (transport, end):
            if not reads:
                await _fill(transport, end)
                transport.write([_CHUNK])
            started = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(transport.aclose)
                tasks.start_soon(transport.aclose)
            assert anyio.current_time() - started < _SOON
            end.resume()
            await end.ended()
            assert not transport.is_open
            _write_fails(transport)


@_check
async def _closing_while_another_task_receives(setting: Setting) -> None:
    """The task in `receive` gets an error, and the peer a close frame."""
    for answers in (True, False):
        async with _connected(setting, close=0.1) as (transport, end):
            lost: list[ConnectionLostError] = []

            async def receive(to: Transport = transport, into: list[Any] = lost) -> None:
                into.append(await _loss(to))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(receive)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(transport.aclose)
                assert Opcode.CLOSE == (await end.receive())[0]
                if answers:
                    await end.send(close(1000))
            assert 1 == len(lost)


@_check
async def _closing_when_canceled(setting: Setting) -> None:
    """A canceled task closes its connection, too: properly in a scope, at once otherwise."""
    async with _connected(setting, close=0.1) as (transport, end):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await transport.aclose()
        assert not transport.is_open
        assert Opcode.CLOSE == (await end.receive())[0]
    for at in range(1, _ENOUGH):
        async with _connected(setting, close=0.1) as (transport, end):
            is_canceled = await _canceled_at(transport.aclose(), at)
            await end.ended()
            assert not transport.is_open
        if not is_canceled:
            break


# --- Pings -----------------------------------------------------------------------------------


@_check
async def _a_silent_peer_is_lost(setting: Setting) -> None:
    """A peer that sends nothing after a ping is lost, whether or not `receive` runs."""
    async with _connected(setting, ping=0.1) as (transport, end):
        started = anyio.current_time()
        lost = await _loss(transport)
        assert 0.1 <= anyio.current_time() - started < 2.0
        assert 1006 == lost.close_code
        assert not transport.is_open
        assert (Opcode.PING, b"") == await end.receive()
    async with _connected(setting, ping=0.1) as (transport, end):
        await _until(lambda: not transport.is_open)
        assert 1006 == (await _loss(transport)).close_code


@_check
async def _a_peer_that_answers_is_kept(setting: Setting) -> None:
    """A pong or a message proves that the peer is alive; an active peer is not pinged."""
    async with _connected(setting, ping=0.2) as (transport, end):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_swallow, transport)
            for answer in (frame(Opcode.PONG), text("a"), text("b")):
                assert (Opcode.PING, b"") == await end.receive()
                await end.send(answer)
            assert (Opcode.PING, b"") == await end.receive()
            assert transport.is_open
            for _ in range(25):
                await end.send(text("a"))
                await anyio.sleep(0.02)
            transport.write(["not pinged"])
            assert (Opcode.TEXT, b"not pinged") == await end.receive()
            tasks.cancel_scope.cancel()


@_check
async def _pings_of_a_peer_that_reads_nothing(setting: Setting) -> None:
    """Pongs that the peer does not read do not pile up, and do not hold messages back."""
    async with _connected(setting) as (transport, end):
        await _fill(transport, end)
        unsent = transport.unsent()
        async with anyio.create_task_group() as tasks:
            receiver = RecordingReceiver(20)
            tasks.start_soon(end.send, (frame(Opcode.PING, bytes(125)) * 500 + text("a")) * 20)
            await transport.receive(receiver)
        assert transport.unsent() <= unsent + len(_CHUNK)
        end.resume()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_swallow, transport)
            tasks.start_soon(end.ended)
            await _until(lambda: not transport.is_full)
            tasks.cancel_scope.cancel()


# --- Handshakes ------------------------------------------------------------------------------


@_check
async def _the_handshake_is_sent_as_given(setting: Setting) -> None:
    """Headers, path and query are sent, nothing is compressed, and cookies are not kept."""
    requests: list[bytes] = []

    async def serve(end: FarEnd) -> None:
        requests.append(await end.request())
        await end.send(switch_protocols(requests[-1], "Set-Cookie: of=another; Path=/"))
        await end.ended()

    async with listening(serve, setting.server_tls) as port, _factory(setting) as factory:
        for _ in range(2):
            await (await factory.connect(setting.handshake(port))).aclose()
    for request in requests:
        assert request.startswith(b"GET /path?token=in-the-query HTTP/1.1\r\n")
        lowered = request.lower()
        assert b"\r\nauthorization: bearer sk-very-secret\r\n" in lowered
        assert b"\r\nx-other: very-private\r\n" in lowered
        assert b"sec-websocket-extensions" not in lowered
        assert b"\r\ncookie:" not in lowered


@_check
async def _refusals(setting: Setting) -> None:
    """An HTTP answer is a `HandshakeError` with status, the body's beginning, and `Retry-After`."""
    for status in (200, 401, 403, 404, 429, 503):
        body = b"because of sk-very-secret " + b"x" * 1000
        error = await _refusal(setting, http(f"{status} No", "Retry-After: 3", body=body))
        assert isinstance(error, HandshakeError)
        assert (status, 3.0) == (error.status, error.retry_after)
        assert error.body.startswith("because of … xxx")
        assert len(error.body) <= 512
        assert error.retryable is (status in {429, 503})


@_check
async def _a_body_that_never_comes(setting: Setting) -> None:
    """A refusal keeps its status when the rest of its body does not come, in bounded time."""
    error = await _refusal(setting, b"HTTP/1.1 401 No\r\nContent-Length: 50\r\n\r\nbecause")
    assert isinstance(error, HandshakeError)
    assert (401, "because") == (error.status, error.body)
    assert not error.retryable


@_check
async def _redirects_are_not_followed(setting: Setting) -> None:
    """A redirect is a refusal that names the host, and nothing else, of where it leads."""
    location = "Location: wss://user:very-private@other.example/path?token=in-the-query"
    error = await _refusal(setting, http("307 Moved", location))
    assert isinstance(error, HandshakeError)
    assert (307, False) == (error.status, error.retryable)
    assert "other.example" in error.body


@_check
async def _no_websocket_at_the_other_end(setting: Setting) -> None:
    """A wrong 101, or what is not HTTP, fails at once, is not tried again, and has a hint."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
    for answer in (
        switch + b"Upgrade: websocket\r\nSec-WebSocket-Accept: x=\r\n\r\n",
        switch + b"\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    ):
        error = await _refusal(setting, answer)
        assert not isinstance(error, HandshakeError)
        assert not error.retryable
        assert error.hint


@_check
async def _nothing_at_the_other_end(setting: Setting) -> None:
    """A port that refuses, or hangs up, is a retryable `ConnectError`."""

    async def serve(end: FarEnd) -> None:
        await end.request()
        end.hang_up()

    async with listening(serve, setting.server_tls) as port, _factory(setting) as factory:
        for _ in range(2):
            try:
                await factory.connect(setting.handshake(port))
            except ConnectError as error:
                assert error.retryable  # noqa: PT017 - not a test of pytest's
                assert "127.0.0.1" in str(error)  # noqa: PT017
            else:
                raise AssertionError("connected to nothing")
            port = 1  # noqa: PLW2901 - nothing listens there


@_check
async def _canceling_connect_leaves_nothing_open(setting: Setting) -> None:
    """`connect`, canceled at any suspension, closes what it opened; the factory remains usable."""
    ends: list[FarEnd] = []

    async def serve(end: FarEnd) -> None:
        ends.append(end)
        try:
            await end.send(switch_protocols(await end.request()))
            await end.ended()
        finally:
            ends.remove(end)

    async with listening(serve, setting.server_tls) as port, _factory(setting) as factory:
        for at in range(1, _ENOUGH):
            made: list[Transport] = []

            async def connect(into: list[Transport] = made, port: int = port) -> None:
                into.append(await factory.connect(setting.handshake(port)))

            is_canceled = await _canceled_at(connect(), at)
            for each in made:
                await each.aclose()
            await _until(lambda: not ends)
            if not is_canceled:
                return


CHECKS: tuple[str, ...] = tuple(_ALL)
"""Names of all checks."""
