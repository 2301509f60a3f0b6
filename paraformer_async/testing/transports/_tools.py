"""What the checks share: their setting, both ends of a connection, and calls on them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
from anyio.lowlevel import checkpoint
from msgspec import Struct

from paraformer_async._net.contract import Handshake, Transport, TransportFactory
from paraformer_async.errors import ConnectError, ConnectionLostError, ServiceError
from paraformer_async.testing._far_end import (
    FarEnd,
    listening,
    switch_protocols,
)

if TYPE_CHECKING:
    import ssl

__all__ = [
    "ALL",
    "CHUNK",
    "ENOUGH",
    "SOON",
    "Action",
    "RecordingReceiver",
    "Setting",
    "as_text",
    "canceled_at",
    "check",
    "connected",
    "failure",
    "fill",
    "loss",
    "opened",
    "received",
    "refusal",
    "swallow",
    "until",
    "write_fails",
]

SOON = 5.0  # seconds for what has to happen at once
CHUNK = bytes(32 * 1024)
TOO_MUCH = 16 * 1024 * 1024  # bytes that no connection may accept while its peer reads nothing
_SETTLING = 0.005  # seconds in which the system may yet take what it has not taken at once
ENOUGH = 400  # more suspensions than any call has


class Setting(Struct, frozen=True):
    """What is checked: the maker, and both ends' settings of TLS."""

    maker: Callable[[], TransportFactory]
    server_tls: "ssl.SSLContext | None" = None
    client_tls: "ssl.SSLContext | None" = None

    def handshake(self, port: int, **more: Any) -> Handshake:
        """Return a handshake with the server at *port*."""
        scheme = "ws" if self.server_tls is None else "wss"
        given = {"ping": None, "close": 0.05} | more
        headers = {"Authorization": "Bearer sk-very-secret", "X-Other": "very-private"}
        url = f"{scheme}://127.0.0.1:{port}/path?token=in-the-query"
        return Handshake(url=url, headers=headers, ssl=self.client_tls, **given)


class RecordingReceiver:
    """A receiver that keeps what it receives, and wants a number of messages."""

    def __init__(self, wanted: int = 0) -> None:
        self.frames: list[str | bytes] = []
        self.wanted: int = wanted
        self.room: anyio.Event = anyio.Event()

    def frame_received(self, frame: str | bytes, *, is_binary: bool = False) -> bool:
        """Keep a message; text is compared as `str`."""
        self.frames.append(frame)
        return len(self.frames) == self.wanted

    def writable(self) -> None:
        """Note that there is room."""
        self.room.set()


Action = Callable[[], Coroutine[Any, Any, None]]
Check = Callable[[Setting], Coroutine[Any, Any, None]]
ALL: dict[str, Check] = {}
"""All checks by their names."""


def check(function: Check) -> Check:
    """Add a function to the checks."""
    ALL[function.__name__] = function
    return function


@asynccontextmanager
async def opened(setting: Setting) -> AsyncGenerator[TransportFactory, None]:
    """Yield a factory, and close it."""
    factory = setting.maker()
    try:
        yield factory
    finally:
        await factory.aclose()


@asynccontextmanager
async def connected(
    setting: Setting, first: bytes = b"", **more: Any
) -> AsyncGenerator[tuple[Transport, FarEnd], None]:
    """Yield both ends of a connection; *first* is sent along with the handshake's response."""
    ends: asyncio.Queue[FarEnd] = asyncio.Queue()
    over = asyncio.Event()

    async def serve(end: FarEnd) -> None:
        await end.send(switch_protocols(await end.request()), first)
        ends.put_nowait(end)
        await over.wait()

    async with listening(serve, setting.server_tls) as port, opened(setting) as factory:
        transport = await factory.connect(setting.handshake(port, **more))
        end = await ends.get()
        try:
            yield transport, end
        finally:
            over.set()
            end.reset()
            await transport.aclose()
            assert not transport.is_open


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until a condition is true, for a bounded time."""
    with anyio.fail_after(SOON):
        while not is_so():
            await anyio.sleep(0.001)


async def received(transport: Transport, messages: int) -> list[str | bytes]:
    """Return the next *messages* messages."""
    receiver = RecordingReceiver(messages)
    await transport.receive(receiver)
    return [as_text(each) for each in receiver.frames]


def as_text(message: str | bytes) -> str | bytes:
    """Return text as `str`: a receiver may receive UTF-8. Binary is never valid UTF-8 here."""
    if isinstance(message, bytes):
        with suppress(UnicodeDecodeError):
            return message.decode()
    return message


async def loss(
    transport: Transport, receiver: RecordingReceiver | None = None, *, during: Action | None = None
) -> ConnectionLostError:
    """Return the error with which `receive` ends, while *during* runs: the connection is lost."""
    lost = await failure(transport, receiver, during=during)
    assert isinstance(lost, ConnectionLostError), lost
    return lost


async def failure(
    transport: Transport, receiver: RecordingReceiver | None = None, *, during: Action | None = None
) -> ServiceError:
    """Return the error with which `receive` ends, while *during* runs."""
    lost: ServiceError | None = None
    async with anyio.create_task_group() as tasks:
        if during is not None:
            tasks.start_soon(during)
        try:
            await transport.receive(receiver or RecordingReceiver())
        except ServiceError as error:
            lost = error
    assert lost is not None, "receive returned, though its receiver wanted more"
    return lost


def write_fails(transport: Transport) -> None:
    """Assert that writing raises, and raises again."""
    for _ in range(2):
        try:
            transport.write(["a", b"b"])
        except ConnectionLostError:
            continue
        raise AssertionError("a frame was written to a connection that has ended")


async def fill(transport: Transport, end: FarEnd) -> int:
    """Write until the transport is full, and stays so; return how many chunks."""
    end.pause()
    written = 0
    while True:
        while not transport.is_full:
            transport.write([CHUNK])
            written += 1
            assert written * len(CHUNK) < TOO_MUCH, "never full, though the peer reads nothing"
            await checkpoint()
        await anyio.sleep(_SETTLING)
        if transport.is_full:
            return written


async def refusal(setting: Setting, *answers: bytes, **more: Any) -> ConnectError:
    """Return the error of a connection whose handshake receives *answers*."""
    over = asyncio.Event()

    async def serve(end: FarEnd) -> None:
        await end.request()
        await end.send(*answers)
        await over.wait()

    async with listening(serve, setting.server_tls) as port, opened(setting) as factory:
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


async def canceled_at(call: Coroutine[Any, Any, object], at: int) -> bool:
    """Run *call* in a task, canceled at a suspension; return whether it came that far."""
    awaiting = _Canceled(call, at)

    async def run() -> object:
        return await awaiting

    task = asyncio.ensure_future(run())
    await asyncio.wait([task])
    with suppress(asyncio.CancelledError):
        task.result()
    return awaiting.is_canceled


async def swallow(transport: Transport) -> None:
    """Receive until the connection ends."""
    with suppress(ConnectionLostError):
        await transport.receive(RecordingReceiver())
