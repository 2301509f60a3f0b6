"""Checks of handshakes, and of refusals."""

from paraformer_async._net.contract import Transport
from paraformer_async.errors import ConnectError, HandshakeError
from paraformer_async.testing._far_end import (
    FarEnd,
    http,
    listening,
    switch_protocols,
)
from paraformer_async.testing.transports._tools import (
    ENOUGH,
    Setting,
    canceled_at,
    check,
    opened,
    refusal,
    until,
)


@check
async def the_handshake_is_sent_as_given(setting: Setting) -> None:
    """Headers, path and query are sent, nothing is compressed, and cookies are not kept."""
    requests: list[bytes] = []

    async def serve(end: FarEnd) -> None:
        requests.append(await end.request())
        await end.send(switch_protocols(requests[-1], "Set-Cookie: of=another; Path=/"))
        await end.ended()

    async with listening(serve, setting.server_tls) as port, opened(setting) as factory:
        for _ in range(2):
            await (await factory.connect(setting.handshake(port))).aclose()
    for request in requests:
        assert request.startswith(b"GET /path?token=in-the-query HTTP/1.1\r\n")
        lowered = request.lower()
        assert b"\r\nauthorization: bearer sk-very-secret\r\n" in lowered
        assert b"\r\nx-other: very-private\r\n" in lowered
        assert b"sec-websocket-extensions" not in lowered
        assert b"\r\ncookie:" not in lowered


@check
async def refusals(setting: Setting) -> None:
    """An HTTP response is a `HandshakeError` with status, start of the body, and `Retry-After`."""
    for status in (200, 401, 403, 404, 429, 503):
        body = b"because of sk-very-secret " + b"x" * 1000
        error = await refusal(setting, http(f"{status} No", "Retry-After: 3", body=body))
        assert isinstance(error, HandshakeError)
        assert (status, 3.0) == (error.status, error.retry_after)
        assert error.body.startswith("because of … xxx")
        assert len(error.body) <= 512
        assert error.retryable is (status in {429, 503})


@check
async def a_body_that_never_comes(setting: Setting) -> None:
    """A refusal keeps its status if the rest of its body never arrives, in bounded time."""
    error = await refusal(setting, b"HTTP/1.1 401 No\r\nContent-Length: 50\r\n\r\nbecause")
    assert isinstance(error, HandshakeError)
    assert (401, "because") == (error.status, error.body)
    assert not error.retryable


@check
async def redirects_are_not_followed(setting: Setting) -> None:
    """A redirect is a refusal that names the host, and nothing else, of where it leads."""
    location = "Location: wss://user:very-private@other.example/path?token=in-the-query"
    error = await refusal(setting, http("307 Moved", location))
    assert isinstance(error, HandshakeError)
    assert (307, False) == (error.status, error.retryable)
    assert "other.example" in error.body


@check
async def no_websocket_at_the_other_end(setting: Setting) -> None:
    """A wrong 101, or anything but HTTP, fails at once, is not retried, and has a hint."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
    for answer in (
        switch + b"Upgrade: websocket\r\nSec-WebSocket-Accept: x=\r\n\r\n",
        switch + b"\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    ):
        error = await refusal(setting, answer)
        assert not isinstance(error, HandshakeError)
        assert not error.retryable
        assert error.hint


@check
async def nothing_at_the_other_end(setting: Setting) -> None:
    """A port that refuses, or hangs up, is a retryable `ConnectError`."""

    async def serve(end: FarEnd) -> None:
        await end.request()
        end.hang_up()

    async with listening(serve, setting.server_tls) as port, opened(setting) as factory:
        for _ in range(2):
            try:
                await factory.connect(setting.handshake(port))
            except ConnectError as error:
                assert error.retryable  # noqa: PT017 - not a test of pytest's
                assert "127.0.0.1" in str(error)  # noqa: PT017
            else:
                raise AssertionError("connected to nothing")
            port = 1  # noqa: PLW2901 - nothing listens there


@check
async def canceling_connect_leaves_nothing_open(setting: Setting) -> None:
    """`connect`, canceled at any suspension, closes what it opened; the factory remains usable."""
    ends: list[FarEnd] = []

    async def serve(end: FarEnd) -> None:
        ends.append(end)
        try:
            await end.send(switch_protocols(await end.request()))
            await end.ended()
        finally:
            ends.remove(end)

    async with listening(serve, setting.server_tls) as port, opened(setting) as factory:
        for at in range(1, ENOUGH):
            made: list[Transport] = []

            async def connect(into: list[Transport] = made, port: int = port) -> None:
                into.append(await factory.connect(setting.handshake(port)))

            is_canceled = await canceled_at(connect(), at)
            for each in made:
                await each.aclose()
            await until(lambda: not ends)
            if not is_canceled:
                return
