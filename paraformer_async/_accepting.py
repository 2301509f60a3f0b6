"""Connections that the event loop has accepted, but not yet passed to their server."""

from anyio.lowlevel import checkpoint

# The loop sees that a listening socket is ready, accepts, makes a transport, makes it known to its
# protocol, and begins the protocol's task: each in a pass of its own.
_PASSES = 5


async def finish_accepting() -> None:
    """
    Return when every client that connected before the call is known to the server.

    To be awaited before a server is closed: asyncio makes the transport of a connection a pass
    after accepting it, which fails if the server was closed in between, and leaves the socket open
    (https://github.com/python/cpython/issues/109564).
    """
    for _ in range(_PASSES):
        await checkpoint()
