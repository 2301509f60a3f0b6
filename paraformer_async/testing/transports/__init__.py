"""
Proof that a transport fulfills its contract, for custom implementations.

    async def test_my_transport() -> None:
        await check_transport(MyFactory)

The other end is real: sockets on loopback, or TLS over them.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from paraformer_async._net.contract import TransportFactory
from paraformer_async.testing.transports import (  # noqa: F401 - each adds its checks
    _ends,
    _frames,
    _handshakes,
    _messages,
    _pings,
)
from paraformer_async.testing.transports._tools import ALL, Setting, until

if TYPE_CHECKING:
    import ssl

__all__ = ["CHECKS", "check_transport"]

_LIMIT = 20.0  # seconds for one check

CHECKS: tuple[str, ...] = tuple(ALL)
"""Names of all checks."""


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
        ValueError: *only* is none of these names.
    """
    if only is not None and only not in ALL:
        raise ValueError(f"only: {only!r} is not one of {', '.join(CHECKS)}")
    setting = Setting(maker, server_tls, client_tls)
    for name in [only] if only else CHECKS:
        try:
            before = asyncio.all_tasks()
            with anyio.fail_after(_LIMIT):
                await ALL[name](setting)
                await until(lambda: asyncio.all_tasks() <= before)  # noqa: B023 - awaited here
        except BaseException as raised:
            error = _cause(raised)
            error.add_note(f"check_transport: {name}: {ALL[name].__doc__}")
            if error is raised:
                raise
            raise error from None


def _cause(error: BaseException) -> BaseException:
    """Return what the group of a check's tasks contains: its only exception, or what was found."""
    while isinstance(error, BaseExceptionGroup):
        found = error.subgroup(AssertionError) or error
        if found is error and len(error.exceptions) > 1:
            return error
        error = found.exceptions[0]
    return error
