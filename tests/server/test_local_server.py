"""`LocalServer` as a context manager: where it listens, and what it leaves behind."""

import asyncio
import socket
from typing import Any

import aiohttp
import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from paraformer_async.engines import ScriptedEngine
from paraformer_async.errors import InvalidOptionError, UsageError
from paraformer_async.server import (
    Clocks,
    EngineBusy,
    EngineStream,
    LocalServer,
    StreamSettings,
)
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop  # its own protocol factory meets the loop's transports

QUICK = Clocks(close=0.2)


class Noting(ScriptedEngine):
    """An engine that records its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    async def open(self, settings: StreamSettings) -> EngineStream:
        """Note it."""
        self.notes.append("opened")
        return await super().open(settings)

    async def aclose(self) -> None:
        """Note it, a little later."""
        await anyio.lowlevel.checkpoint()
        self.notes.append("closed")


def port_of(server: LocalServer) -> int:
    """The port in the server's address."""
    return int(server.url.removesuffix("/api-ws/v1/inference").rsplit(":", 1)[1])


async def accepts(server: LocalServer) -> bool:
    """Whether a client gets through."""
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer any"}) as session:
        try:
            async with session.ws_connect(server.url):
                return True
        except aiohttp.ClientConnectorError:
            return False


async def test_the_address_is_known_once_it_is_entered() -> None:
    """Any free port is taken by default, on the loopback; after leaving, it is closed."""
    async with LocalServer("scripted", clocks=QUICK) as server:
        assert server.url.startswith("ws://127.0.0.1:")
        assert server.url.endswith("/api-ws/v1/inference")
        assert port_of(server) > 0
        assert await accepts(server)
    assert not await accepts(server)


async def test_a_port_of_ones_own() -> None:
    """A given port is the one that is listened on, and is free again afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for _ in range(2):
        async with LocalServer("scripted", port=port, clocks=QUICK) as server:
            assert server.url == f"ws://127.0.0.1:{port}/api-ws/v1/inference"
            assert await accepts(server)


async def test_a_port_that_is_taken() -> None:
    """A port that is taken is an OSError, and nothing is left behind."""
    engine = Noting()
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as other:
        server = LocalServer(engine, port=other.getsockname()[1], clocks=QUICK)
        with pytest.raises(OSError, match="address already in use"):
            async with server:
                pytest.fail("entered")
    assert engine.notes == ["opened", "closed"]
    assert asyncio.all_tasks() == before
    async with LocalServer("scripted", port=port_of(server), clocks=QUICK) as another:
        assert await accepts(another)


async def test_ipv6() -> None:
    """An IPv6 address stands in brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    async with LocalServer("scripted", host="::1", clocks=QUICK) as server:
        assert server.url.startswith("ws://[::1]:")
        assert await accepts(server)


def test_an_ipv6_address_needs_no_ipv6_to_be_written() -> None:
    """The address is formatted without being looked at."""
    server = LocalServer("scripted", host="::1", port=80)
    assert server.url == "ws://[::1]:80/api-ws/v1/inference"


def test_an_unknown_engine() -> None:
    """The name of an engine that is none is refused at once, with the ones that are."""
    with pytest.raises(InvalidOptionError, match="'moonshine', 'paraformer', 'scripted'") as caught:
        LocalServer("whisper")
    assert caught.value.option == "engine"


@pytest.mark.parametrize("engine", [5, None, ScriptedEngine, object()])
def test_what_is_no_engine(engine: Any) -> None:
    """What is no engine, a class included, is refused at once, with what an engine is."""
    expected = r"'moonshine', 'scripted'.*sample_rate, open\(\) and aclose\(\).*make_engine"
    with pytest.raises(InvalidOptionError, match=expected) as caught:
        LocalServer(engine)
    assert caught.value.option == "engine"


def test_the_docstring_names_all_engines() -> None:
    """The docstring shows how to get each engine."""
    docstring = LocalServer.__doc__ or ""
    assert all(f"`{name}`" in docstring for name in ("moonshine", "paraformer", "scripted"))
    assert 'make_engine("paraformer", model_dir)' in docstring


async def test_repr_shows_the_address() -> None:
    """A server shows its address while it is open, and that it is closed before and after."""
    server = LocalServer("scripted", clocks=QUICK)
    assert repr(server) == "<LocalServer closed>"
    async with server:
        assert repr(server) == f"<LocalServer {server.url}>"
    assert repr(server) == "<LocalServer closed>"


async def test_the_engine_is_loaded_on_entering() -> None:
    """The model is loaded before the first client comes, and freed at the end."""
    engine = Noting()
    server = LocalServer(engine, clocks=QUICK)
    assert engine.notes == []
    async with server:
        assert engine.notes == ["opened"]
    assert engine.notes == ["opened", "closed"]


async def test_an_engine_that_cannot_be_loaded() -> None:
    """What loading raises comes out as it is, and the server does not listen."""

    class Broken(Noting):
        async def open(self, settings: StreamSettings) -> EngineStream:
            await super().open(settings)
            raise EngineBusy

    engine = Broken()
    with pytest.raises(EngineBusy):
        async with LocalServer(engine, clocks=QUICK):
            pytest.fail("entered")
    assert engine.notes == ["opened", "closed"]


async def test_cancelling_frees_everything() -> None:
    """A body that is canceled leaves a closed engine and a free port, too."""
    engine = Noting()
    with anyio.CancelScope() as scope:
        async with LocalServer(engine, clocks=QUICK) as server:
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert engine.notes == ["opened", "closed"]
    assert not await accepts(server)


async def test_the_body_s_exception_comes_out() -> None:
    """What the body raises is neither wrapped nor swallowed, and all is freed."""
    engine = Noting()
    with pytest.raises(UsageError, match="mine"):
        async with LocalServer(engine, clocks=QUICK):
            raise UsageError("mine")
    assert engine.notes == ["opened", "closed"]


async def test_two_servers_at_once() -> None:
    """Servers do not know of each other."""
    async with (
        LocalServer("scripted", clocks=QUICK) as one,
        LocalServer("scripted", clocks=QUICK) as another,
    ):
        assert one.url != another.url
        assert await accepts(one)
        assert await accepts(another)


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        *(("host", host) for host in ("", " ", "a b", "[::1]", "a/b", "x" * 64, "a..b", "\0", 7)),
        *(("host", host) for host in (None, "127.0.0.1\n")),
        *(("port", port) for port in (-1, 65536, True, "80", 80.0, None, 10**400)),
        *(("api_key", key) for key in ("", " ", "a\nb", " a", "a ", "\ud800", 7, b"key")),
        *(("clocks", clocks) for clocks in (None, 5, Clocks)),
        *(("max_connections", count) for count in (0, -1, True, 1.0, None)),
    ],
)
def test_options_that_can_never_work(option: str, wrong: Any) -> None:
    """An option at the edge is refused on creation, by one error that names it."""
    with pytest.raises(InvalidOptionError) as caught:
        LocalServer("scripted", **{option: wrong})
    assert caught.value.option == option


async def test_connections_are_bounded() -> None:
    """Connections beyond the limit are refused with 503 and a reason; a closed one makes room."""
    async with (
        LocalServer("scripted", clocks=QUICK, max_connections=2) as server,
        aiohttp.ClientSession(headers={"Authorization": "Bearer any"}) as session,
    ):
        first = await session.ws_connect(server.url)
        second = await session.ws_connect(server.url)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(server.url)
        assert caught.value.status == 503
        await first.close()
        while len(server._connections) > 1:
            await anyio.lowlevel.checkpoint()
        third = await session.ws_connect(server.url)
        await second.close()
        await third.close()


async def read_to_end(stream: anyio.abc.SocketStream) -> bytes:
    """Receive all that comes until the connection ends."""
    received = b""
    try:
        while True:
            received += await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return received


@pytest.mark.parametrize("sent", [b"", b"GET /api-ws/v1/inf", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_a_connection_without_a_handshake_is_cut_off(sent: bytes) -> None:
    """A client that sends no handshake, or half of one, is cut off after the idle time."""
    async with LocalServer("scripted", clocks=Clocks(idle=0.2, close=0.2)) as server:
        async with await anyio.connect_tcp("127.0.0.1", port_of(server)) as stream:
            began = anyio.current_time()
            if sent:
                await stream.send(sent)
            with anyio.fail_after(20):
                await read_to_end(stream)
            assert 0.15 < anyio.current_time() - began < 2


async def test_each_connection_has_its_own_time_for_the_handshake() -> None:
    """Silent connections are cut off one after another, each in its own time."""
    async with LocalServer("scripted", clocks=Clocks(idle=0.3, close=0.2)) as server:
        ends: list[float] = []
        began = anyio.current_time()

        async def connect(after: float) -> None:
            await anyio.sleep(after)
            async with await anyio.connect_tcp("127.0.0.1", port_of(server)) as stream:
                await read_to_end(stream)
                ends.append(anyio.current_time() - began - after)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for after in (0.0, 0.1, 0.2):
                    tasks.start_soon(connect, after)
        assert all(0.25 < end < 2 for end in ends)
        assert len(ends) == 3


async def test_connections_without_a_handshake_are_bounded() -> None:
    """Silent TCP connections take no more places than there are, and leave them when they end."""
    async with LocalServer("scripted", clocks=QUICK, max_connections=2) as server:
        silent = [await anyio.connect_tcp("127.0.0.1", port_of(server)) for _ in range(2)]
        async with await anyio.connect_tcp("127.0.0.1", port_of(server)) as refused:
            with anyio.fail_after(20):
                assert (await read_to_end(refused)).startswith(b"HTTP/1.1 503 ")
        for stream in silent:
            await stream.aclose()
        with anyio.fail_after(20):
            while not all(one.is_closing() for one in server._handshakes._pending):
                await anyio.lowlevel.checkpoint()
        assert await accepts(server)


async def test_a_connection_with_a_handshake_outlives_the_time_for_it() -> None:
    """Once it is a WebSocket, a connection lives by the clocks of its tasks."""
    async with (
        LocalServer("scripted", clocks=Clocks(idle=0.3, close=0.2)) as server,
        aiohttp.ClientSession(headers={"Authorization": "Bearer any"}) as session,
        session.ws_connect(server.url) as socket,
    ):
        parameters = {"format": "pcm", "sample_rate": 16000}
        payload = {"task": "asr", "function": "recognition", "model": "m", "input": {}}
        header = {"action": "run-task", "task_id": "0" * 32, "streaming": "duplex"}
        await socket.send_json({"header": header, "payload": payload | {"parameters": parameters}})
        assert "task-started" in (await socket.receive()).data
        with anyio.move_on_after(0.6) as scope:
            await socket.receive()
        assert scope.cancelled_caught
