"""Every recognition ends cleanly, whatever ends it; with real sockets."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest

from paraformer_async import (
    AsyncRecognizer,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
    TaskFailedError,
    Timeouts,
    UsageError,
)
from paraformer_async.server import Clocks, LocalServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SECOND = bytes(32000)


async def endless() -> AsyncIterator[bytes]:
    """Yield silence forever, at twenty times real time."""
    while True:
        yield SECOND[:3200]
        await anyio.sleep(0.005)


def recognizer_for(server: LocalServer, **options: object) -> AsyncRecognizer:
    """Return a recognizer that uses *server*."""
    options = {"reconnect": None} | options
    return AsyncRecognizer(endpoint=server.url, api_key="any", **options)  # type: ignore[arg-type]


async def test_normal_end(server: LocalServer) -> None:
    """A source that ends produces all its results, and nothing is left behind."""
    async with recognizer_for(server) as recognizer:
        results = [result async for result in recognizer.stream(SECOND * 4)]

    finals = [result for result in results if result.is_final]
    assert 2 == len(finals)
    assert (0, 4000) == (finals[0].sentence.begin_time, finals[-1].sentence.end_time)


async def test_early_break(server: LocalServer) -> None:
    """Breaking out of the loop ends its recognition; the recognizer remains usable."""
    async with recognizer_for(server) as recognizer:
        async for _ in recognizer.stream(endless()):
            break
        assert [result async for result in recognizer.stream(SECOND)]


async def test_early_break_in_async_with(server: LocalServer) -> None:
    """Exiting the `async with` of an unfinished stream ends its recognition in bounded time."""
    async with recognizer_for(server) as recognizer:
        with anyio.fail_after(3):
            async with recognizer.stream(endless()) as stream:
                async for _ in stream:
                    break


async def test_exception_in_the_loop(server: LocalServer) -> None:
    """An exception in the user's loop leaves stream and recognizer unchanged."""
    with pytest.raises(ZeroDivisionError):
        async with recognizer_for(server) as recognizer:
            async for _ in recognizer.stream(endless()):
                raise ZeroDivisionError


async def test_exit_of_the_program_in_the_loop(server: LocalServer) -> None:
    """`SystemExit` leaves the recognizer unchanged, not in a group."""
    with pytest.raises(SystemExit):
        async with recognizer_for(server) as recognizer:
            async for _ in recognizer.stream(endless()):
                raise SystemExit(3)


async def test_exception_in_the_source(server: LocalServer) -> None:
    """An exception in the source leaves loop and recognizer unchanged."""

    async def source() -> AsyncIterator[bytes]:
        yield SECOND
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with recognizer_for(server) as recognizer:
            async for _ in recognizer.stream(source()):
                pass


async def test_cancellation(server: LocalServer) -> None:
    """A canceled task ends in bounded time, and its cancellation is not swallowed."""

    async def recognize() -> None:
        async with recognizer_for(server) as recognizer:
            async for _ in recognizer.stream(endless()):
                running.set()

    running = asyncio.Event()
    task = asyncio.ensure_future(recognize())
    await running.wait()
    task.cancel()
    with anyio.fail_after(3), pytest.raises(asyncio.CancelledError):
        await task


async def test_deadline_of_the_user(server: LocalServer) -> None:
    """`asyncio.timeout` around a loop works as it does anywhere else."""
    async with recognizer_for(server) as recognizer:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                async for _ in recognizer.stream(endless()):
                    pass


async def test_recognizer_closed_under_a_running_stream(server: LocalServer) -> None:
    """Closing the recognizer ends the streams of other tasks with an error that says so."""
    raised: list[Exception] = []

    async def recognize(recognizer: AsyncRecognizer) -> None:
        try:
            async for _ in recognizer.stream(endless()):
                running.set()
        except UsageError as error:
            raised.append(error)

    running = anyio.Event()
    async with anyio.create_task_group() as tasks, recognizer_for(server) as recognizer:
        tasks.start_soon(recognize, recognizer)
        await running.wait()

    assert "the recognizer was closed" in str(raised[0])


async def test_a_stream_needs_an_open_recognizer(server: LocalServer) -> None:
    """Before and after its `async with`, a recognizer refuses streams with a helpful error."""
    recognizer = recognizer_for(server)
    with pytest.raises(UsageError, match="async with"):
        recognizer.stream(SECOND)
    async with recognizer:
        pass
    with pytest.raises(UsageError, match="async with"):
        recognizer.stream(SECOND)


async def test_server_gone() -> None:
    """A service that disappears during a task raises a retryable `ConnectionLostError`."""
    running = anyio.Event()
    raised: list[ConnectionLostError] = []

    async def recognize(server: LocalServer) -> None:
        async with recognizer_for(server) as recognizer:
            try:
                async for _ in recognizer.stream(endless()):
                    running.set()
            except ConnectionLostError as error:
                raised.append(error)

    async with anyio.create_task_group() as tasks, LocalServer("scripted") as server:
        tasks.start_soon(recognize, server)
        await running.wait()

    assert raised[0].retryable


async def test_unreachable_service() -> None:
    """A port without a listener raises `ConnectError` at once."""
    async with LocalServer("scripted") as server:
        recognizer = recognizer_for(server)
    async with recognizer:
        with anyio.fail_after(2), pytest.raises(ConnectError, match=r"127\.0\.0\.1") as caught:
            async for _ in recognizer.stream(SECOND):
                pass
    assert caught.value.retryable


async def test_a_peer_that_never_responds() -> None:
    """A peer that accepts but never responds times out after `Timeouts.connect`."""

    async def mute(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, mute)
        async with AsyncRecognizer(
            endpoint=f"ws://127.0.0.1:{port}/",
            api_key="any",
            timeouts=Timeouts(connect=0.1),
            reconnect=None,
        ) as recognizer:
            with anyio.fail_after(2), pytest.raises(DeadlineError) as caught:
                async for _ in recognizer.stream(SECOND):
                    pass
        tasks.cancel_scope.cancel()
    assert "connect" == caught.value.phase


async def test_bad_key() -> None:
    """A rejected key raises `AuthenticationError` with status and body, but without the key."""
    async with LocalServer("scripted", api_key="right") as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="wrong-secret") as recognizer:
            with anyio.fail_after(2), pytest.raises(AuthenticationError) as caught:
                async for _ in recognizer.stream(SECOND):
                    pass
            with pytest.raises(AuthenticationError):
                async with recognizer.stream() as stream:
                    while True:
                        await stream.send(SECOND)
    assert 401 == caught.value.status
    assert "InvalidApiKey" in caught.value.body
    assert not caught.value.retryable
    assert "wrong-secret" not in f"{caught.value!r} {caught.value} {recognizer!r}"


async def test_no_key(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any key, the error says where to set one, and nothing is sent."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    async with AsyncRecognizer(endpoint=server.url) as recognizer:
        with pytest.raises(InvalidOptionError, match="DASHSCOPE_API_KEY"):
            async for _ in recognizer.stream(SECOND):
                pass


async def test_key_from_a_callable(server: LocalServer) -> None:
    """A callable key, sync or async, is called for each connection."""
    calls = 0

    def key() -> str:
        nonlocal calls
        calls += 1
        return "a key"

    async def async_key() -> str:
        return key()

    for callable_key in (key, async_key):
        async with AsyncRecognizer(endpoint=server.url, api_key=callable_key) as recognizer:
            for _ in range(2):
                async for _ in recognizer.stream(endless()):
                    break  # an unfinished recognition does not return its connection to the pool
    assert 4 == calls


async def test_wrong_path(server: LocalServer) -> None:
    """A URL that is not the service's raises `HandshakeError` with the response."""
    async with AsyncRecognizer(endpoint=server.url + "x", api_key="any") as recognizer:
        with pytest.raises(HandshakeError, match="404"):
            async for _ in recognizer.stream(SECOND):
                pass


async def test_quiet_source_without_heartbeat() -> None:
    """Without heartbeat, a source that is silent for too long fails with a helpful error."""

    async def source() -> AsyncIterator[bytes]:
        yield SECOND
        await anyio.sleep(10)

    clocks = Clocks(message=0.23, silence=0.6)
    async with (
        LocalServer("scripted", clocks=clocks) as server,
        recognizer_for(server) as recognizer,
    ):
        with anyio.fail_after(3), pytest.raises(TaskFailedError, match="heartbeat=True") as caught:
            async for _ in recognizer.stream(source()):
                pass
    assert "CLIENT_ERROR" == caught.value.error_code
    assert caught.value.retryable
