"""Every transport keeps the contract, on each loop, with real sockets."""

import asyncio
import socket
import ssl
import sys
import threading
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias, cast

import aiohttp
import anyio
import numpy as np
import pytest
import trustme
from aiohttp.http_websocket import WebSocketWriter

from paraformer_async import (
    AsyncRecognizer,
    ConnectError,
    ConnectionLostError,
    InvalidOptionError,
)
from paraformer_async._net import aiohttp_factory
from paraformer_async._net.aiohttp_documented import DocumentedTransport
from paraformer_async._net.choose import factory_of
from paraformer_async._net.contract import Handshake, TransportFactory
from paraformer_async.errors import MissingExtraError
from paraformer_async.testing import transports
from paraformer_async.testing._far_end import (
    FarEnd,
    Opcode,
    frame,
    http,
    listening,
    switch_protocols,
)
from paraformer_async.testing.transports import CHECKS, check_transport
from paraformer_async.testing.transports._tools import Setting, connected, loss
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop


Maker: TypeAlias = Callable[[], TransportFactory]


class Tls(NamedTuple):
    """Settings of TLS for both ends."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(params=["private", "documented", "picows"])
def maker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """Make the factory of one of them."""
    if request.param == "picows":
        return lambda: factory_of("picows")
    if request.param == "documented":
        monkeypatch.setattr(aiohttp_factory, "TESTED", frozenset())
    elif aiohttp.__version__ not in aiohttp_factory.TESTED:
        pytest.skip("this version of aiohttp takes the documented way")
    return lambda: factory_of("aiohttp")


@pytest.fixture(scope="module")
def tls() -> Tls:
    """Settings with a certificate that only the client trusts."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return Tls(server, client)


@pytest.mark.parametrize("transport", ["aiohttp", "picows"])
async def test_a_peer_that_reads_slowly_is_alive(transport: Any) -> None:
    """A peer that answers no ping, because it waits behind audio, is lost once it stops reading."""
    if transport == "aiohttp" and aiohttp.__version__ not in aiohttp_factory.TESTED:
        pytest.skip("the documented way of aiohttp does not know what it has sent")
    setting = Setting(lambda: factory_of(transport), None, None)
    async with connected(setting, ping=0.4) as (connection, end):
        end.pause()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(loss, connection)
            for _ in range(30):
                while not connection.is_full:
                    connection.write([bytes(16_000)])
                end.resume()
                taken = 0
                while taken < 50_000:
                    taken += len(await end.read())
                end.pause()
                await anyio.sleep(0.05)
            assert connection.is_open


async def test_a_peer_that_leaves_during_a_batch(
    maker: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a frame has shown that the peer has left, no other one is written, or logged."""
    factory, gone = maker(), threading.Event()

    def leave(listener: socket.socket) -> None:
        """Shake hands, and close in another thread, so that no loop notices it before."""
        peer, request = listener.accept()[0], b""
        while b"\r\n\r\n" not in request:
            request += peer.recv(4096)
        peer.sendall(switch_protocols(request))
        gone.wait()
        peer.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=leave, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        transport = await factory.connect(
            Handshake(url=f"ws://127.0.0.1:{port}/", headers={}, close=0.1)
        )
        gone.set()
        thread.join()
        with suppress(ConnectionLostError):  # otherwise `receive` raises it
            transport.write([b"audio"] * 20)
        with pytest.raises(ConnectionLostError):
            await transport.receive(Sink())
        await transport.aclose()
    await factory.aclose()
    assert [] == [record.message for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("check", CHECKS)
async def test_plain(maker: Maker, check: str) -> None:
    """The contract holds over TCP."""
    await check_transport(maker, only=check)


@pytest.mark.parametrize("check", CHECKS)
async def test_tls(maker: Maker, tls: Tls, check: str) -> None:
    """The contract holds over TLS."""
    if check == "canceling_connect_leaves_nothing_open":
        # In debug mode, asyncio's server reports a client that leaves as an error of its own.
        asyncio.get_running_loop().set_debug(False)
    await check_transport(maker, server_tls=tls.server, client_tls=tls.client, only=check)


async def test_compressed_frames_are_refused(maker: Maker, request: pytest.FixtureRequest) -> None:
    """Compression was not negotiated, so a compressed frame breaks the protocol."""
    if "documented" in request.node.name and aiohttp.__version__ in {"3.14.0", "3.14.1"}:
        pytest.skip("these versions decompress it")
    factory, sink, connected = maker(), Sink(), anyio.Event()

    async def serve(end: FarEnd) -> None:
        await end.send(switch_protocols(await end.request()))
        await connected.wait()  # what comes with the handshake takes the documented way
        await end.send(b"\xc1\x01x", frame(Opcode.PONG))
        await end.ended()

    async with listening(serve) as port:
        transport = await factory.connect(
            Handshake(url=f"ws://127.0.0.1:{port}/", headers={}, close=0.1)
        )
        connected.set()
        with pytest.raises(ConnectionLostError) as caught:
            await transport.receive(sink)
        await transport.aclose()
    await factory.aclose()
    assert (1002, []) == (caught.value.close_code, sink.frames)


# --- Proxies ---------------------------------------------------------------------------------


class Proxy:
    """
    A proxy for CONNECT.

    Args:
        refusal: What it answers instead of connecting.

    Attributes:
        requests: The heads of the requests.
    """

    def __init__(self, refusal: bytes = b"") -> None:
        self.requests: list[bytes] = []
        self._refusal = refusal

    async def serve(self, end: FarEnd) -> None:
        """Connect the client with where it wants to."""
        self.requests.append(request := await end.request())
        if self._refusal:
            await end.send(self._refusal)
            await end.ended()
            return
        host, _, port = request.split(b" ", 2)[1].decode().rpartition(":")
        async with await anyio.connect_tcp(host, int(port)) as target:
            await end.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with anyio.create_task_group() as tasks:

                async def answers() -> None:
                    async for data in target:
                        await end.send(data)
                    end.hang_up()

                tasks.start_soon(answers)
                while data := await end.read():
                    await target.send(data)
                tasks.cancel_scope.cancel()


class Sink:
    """Wants one message."""

    def __init__(self) -> None:
        self.frames: list[str | bytes] = []

    def frame_received(self, frame: str | bytes, *, is_binary: bool = False) -> bool:
        """Keep it."""
        self.frames.append(frame if isinstance(frame, str) else frame.decode())
        return True

    def writable(self) -> None:
        """Not of interest."""


@pytest.mark.parametrize("credentials", ["", "user:s%3Ft@"], ids=["", "credentials"])
async def test_a_proxy(maker: Maker, tls: Tls, credentials: str) -> None:
    """A connection through a proxy is one end to end; credentials go to the proxy only."""
    requests: list[bytes] = []

    async def echo(end: FarEnd) -> None:
        requests.append(await end.request())
        await end.send(switch_protocols(requests[0]))
        kind, payload = await end.receive()
        await end.send(frame(kind, payload))
        await end.ended()

    proxy, factory = Proxy(), maker()
    async with listening(echo, tls.server) as port, listening(proxy.serve) as proxy_port:
        transport = await factory.connect(
            Handshake(
                url=f"wss://127.0.0.1:{port}/",
                headers={"Authorization": "Bearer sk-secret"},
                proxy=f"http://{credentials}127.0.0.1:{proxy_port}",
                ssl=tls.client,
                close=0.2,
            )
        )
        transport.write(["through"])
        sink = Sink()
        await transport.receive(sink)
        assert ["through"] == sink.frames
        await transport.aclose()
    await factory.aclose()
    (seen,) = proxy.requests
    assert seen.startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n".encode())
    assert b"sk-secret" not in seen
    expected = b64encode(b"user:s?t") if credentials else b""
    assert bool(credentials) is (b"Proxy-Authorization: Basic " + expected in seen)
    assert b"Proxy-Authorization" not in requests[0]


@pytest.mark.parametrize(
    ("status", "retryable", "hint"),
    [(407, False, "credentials"), (403, False, "allows"), (502, True, "")],
)
async def test_a_proxy_that_refuses(
    maker: Maker, tls: Tls, status: int, *, retryable: bool, hint: str
) -> None:
    """A refusal by the proxy is reported as such, with a hint; only 5xx is retryable."""
    proxy, factory = Proxy(http(f"{status} No", "Proxy-Authenticate: Basic realm=x")), maker()
    async with listening(proxy.serve) as port:
        with pytest.raises(ConnectError, match=f"the proxy refused with HTTP {status}") as caught:
            await factory.connect(
                Handshake(
                    url="wss://service.invalid/",
                    headers={},
                    proxy=f"http://127.0.0.1:{port}",
                    ssl=tls.client,
                )
            )
    await factory.aclose()
    assert retryable is caught.value.retryable
    assert hint in caught.value.hint


# --- Another aiohttp -------------------------------------------------------------------------

Step = Callable[[], Awaitable[object]]
# Checks in which no frame is sent.
HANDSHAKES = {
    "the_handshake_is_sent_as_given",
    "refusals",
    "a_body_that_never_comes",
    "redirects_are_not_followed",
    "no_websocket_at_the_other_end",
    "nothing_at_the_other_end",
    "canceling_connect_leaves_nothing_open",
    "messages_come_in_order",
    "large_messages_come_whole",
    "unread_messages_are_bounded",
}


async def wait_for_a_future() -> None:
    """Suspend until a callback of the loop has run."""
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    await event.wait()


@pytest.mark.parametrize(
    ("wait", "before"),
    [
        pytest.param(partial(asyncio.sleep, 0), True, id="yields before"),
        pytest.param(wait_for_a_future, True, id="waits before"),
        pytest.param(wait_for_a_future, False, id="waits after"),
    ],
)
@pytest.mark.parametrize("check", [name for name in CHECKS if name not in HANDSHAKES])
async def test_an_aiohttp_that_awaits(
    monkeypatch: pytest.MonkeyPatch, check: str, wait: Step, *, before: bool
) -> None:
    """With an aiohttp that suspends before or after it writes a frame, none is lost."""
    send = WebSocketWriter.send_frame

    async def send_later(self: Any, *args: Any, **kwargs: Any) -> None:
        if before:
            await wait()
        await send(self, *args, **kwargs)
        if not before:
            await wait()

    monkeypatch.setattr(WebSocketWriter, "send_frame", send_later)
    monkeypatch.setattr(aiohttp, "__version__", "3.99.0")
    await check_transport(lambda: factory_of("aiohttp"), only=check)


@pytest.mark.parametrize("version", ["3.14.99", "3.15.0", "4.0.0"])
async def test_private_parts_of_other_versions_are_not_used(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """An aiohttp that was not tested takes the documented way, without a look at its parts."""
    monkeypatch.setattr(aiohttp, "__version__", version)
    monkeypatch.setitem(sys.modules, "paraformer_async._net.aiohttp_private", None)
    await check_transport(lambda: factory_of("aiohttp"), only="frames_leave_in_order")


async def test_which_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tested version the fast way is taken, unless the peer sends first."""
    kinds: list[type] = []
    for first, version in ((b"", "3.14.0"), (frame(Opcode.TEXT), "3.14.0"), (b"", "3.13.0")):
        monkeypatch.setattr(aiohttp_factory, "TESTED", frozenset({version}))
        monkeypatch.setattr(aiohttp, "__version__", "3.14.0")

        async def serve(end: FarEnd, first: bytes = first) -> None:
            await end.send(switch_protocols(await end.request()), first)
            await end.ended()

        factory = factory_of("aiohttp")
        async with listening(serve) as port:
            transport = await factory.connect(
                Handshake(url=f"ws://127.0.0.1:{port}/", headers={}, close=0.1)
            )
            kinds.append(type(transport))
            await transport.aclose()
        await factory.aclose()
    assert ["PrivateTransport", "DocumentedTransport", "DocumentedTransport"] == [
        kind.__name__ for kind in kinds
    ]


# --- The suite itself ------------------------------------------------------------------------


async def test_all_checks_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `only`, each check is run."""
    run: list[str] = []

    async def note(_: object, name: str) -> None:
        run.append(name)

    checks = {name: partial(note, name=name) for name in CHECKS}
    monkeypatch.setattr(transports, "ALL", checks)
    await check_transport(lambda: factory_of("aiohttp"))
    assert list(CHECKS) == run


async def test_a_transport_that_drops_frames_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken promise fails the check, and the error's note names it."""
    monkeypatch.setattr(transports, "_LIMIT", 1.0)
    monkeypatch.setattr(aiohttp_factory, "TESTED", frozenset())
    monkeypatch.setattr(DocumentedTransport, "write", lambda *_: None)
    with pytest.raises(TimeoutError) as caught:
        await check_transport(lambda: factory_of("aiohttp"), only="frames_leave_in_order")
    assert ["check_transport: frames_leave_in_order: "] == [
        note[:40] for note in caught.value.__notes__
    ]


async def test_a_transport_that_raises_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A write after the end has to raise."""
    monkeypatch.setattr(aiohttp_factory, "TESTED", frozenset())
    write = DocumentedTransport.write

    def forgiving(self: DocumentedTransport, frames: Any) -> None:
        with suppress(ConnectionLostError):
            write(self, frames)

    monkeypatch.setattr(DocumentedTransport, "write", forgiving)
    with pytest.raises(AssertionError, match="a connection that has ended"):
        await check_transport(lambda: factory_of("aiohttp"), only="closing")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        ([AssertionError("broken")], AssertionError),
        ([OSError("lost"), AssertionError("broken")], AssertionError),
        ([OSError("lost")], OSError),
        ([OSError("lost"), TypeError("wrong")], ExceptionGroup),
    ],
)
async def test_what_a_task_of_a_check_finds(
    monkeypatch: pytest.MonkeyPatch, raised: list[Exception], expected: type[Exception]
) -> None:
    """It is raised as itself, with the note, not in a group that says how many there are."""

    async def check(_: Setting) -> None:
        raise ExceptionGroup("outer", [ExceptionGroup("inner", raised)])

    monkeypatch.setattr(transports, "ALL", {"one": check})
    with pytest.raises(expected) as caught:
        await check_transport(lambda: factory_of("aiohttp"), only="one")
    assert caught.type is expected
    assert caught.value.__notes__[0].startswith("check_transport: one: ")


async def test_a_check_that_is_none() -> None:
    """The name of a check that there is not is refused, with those that there are."""
    with pytest.raises(ValueError, match=r"only: 'speed' is not one of .*frames_leave_in_order"):
        await check_transport(lambda: factory_of("aiohttp"), only="speed")


# --- The option ------------------------------------------------------------------------------


async def test_a_transport_of_ones_own() -> None:
    """A callable without arguments makes the factory."""
    mine = factory_of("aiohttp")
    assert mine is factory_of(lambda: mine)
    await mine.aclose()


@pytest.mark.parametrize(
    ("transport", "connector", "option"),
    [
        ("websockets", None, "transport"),
        (None, None, "transport"),
        (7, None, "transport"),
        ([], None, "transport"),
        ("picows", aiohttp.TCPConnector, "connector"),
        (list, aiohttp.TCPConnector, "connector"),
        (np.zeros(2), None, "transport"),
        (asyncio.sleep, None, "transport"),
        ("aiohttp", 7, "connector"),
        ("aiohttp", asyncio.sleep, "connector"),
    ],
)
def test_an_option_that_cannot_work(transport: Any, connector: Any, option: str) -> None:
    """Another value, or a connector of aiohttp's beside another transport, is refused."""
    with pytest.raises(InvalidOptionError) as caught:
        AsyncRecognizer(transport=transport, connector=connector)
    assert option == caught.value.option


async def test_a_connector_in_place_of_its_maker() -> None:
    """A connector, which cannot be one for all event loops, is refused with how to give it."""
    async with aiohttp.TCPConnector() as connector:
        with pytest.raises(InvalidOptionError, match=r"lambda: aiohttp\.TCPConnector"):
            AsyncRecognizer(connector=cast("Any", connector))


@pytest.mark.parametrize(
    ("transport", "connector", "option"),
    [(dict, None, "transport"), ("aiohttp", dict, "connector")],
)
async def test_a_callable_that_returns_something_else(
    transport: Any, connector: Any, option: str
) -> None:
    """What a callable returns is refused by the name of the option, where it cannot be used."""
    with pytest.raises(InvalidOptionError, match=r"has returned \{\}") as caught:
        factory_of(transport, connector)
    assert option == caught.value.option


def test_picows_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where picows is not installed, the error names the extra."""
    monkeypatch.setitem(sys.modules, "picows", None)
    for name in ("picows_factory", "picows_transport"):
        monkeypatch.delitem(sys.modules, f"paraformer_async._net.{name}", raising=False)
    with pytest.raises(MissingExtraError, match=r"paraformer-async\[fast\]"):
        factory_of("picows")
