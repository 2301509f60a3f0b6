"""The values of `transport=`, and their factories. Libraries are imported when they are used."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from paraformer_async._net.contract import TransportFactory
from paraformer_async.errors import InvalidOptionError, MissingExtraError
from paraformer_async.options.checks import require_function, shown

if TYPE_CHECKING:
    from aiohttp import BaseConnector

__all__ = ["TransportOption", "factory_of", "require_transport"]

TransportOption: TypeAlias = Literal["aiohttp", "picows"] | Callable[[], TransportFactory]
"""`"aiohttp"`, `"picows"` (extra `fast`), or a callable that returns a `TransportFactory`."""


def require_transport(transport: object, connector: object = None) -> None:
    """Raise `InvalidOptionError` for a *transport* that cannot be used, or not with *connector*."""
    is_named = isinstance(transport, str) and transport in ("aiohttp", "picows")
    if not is_named and not callable(transport):
        raise InvalidOptionError(
            "transport",
            f"{shown(transport)} is neither 'aiohttp' nor 'picows', nor a callable that returns a "
            "TransportFactory",
        )
    if callable(transport):
        require_function("transport", transport, "no arguments")
    if connector is None:
        return
    if not is_named or transport != "aiohttp":
        raise InvalidOptionError("connector", "it is aiohttp's, and works with that transport only")
    if not callable(connector):
        raise InvalidOptionError(
            "connector",
            f"{shown(connector)} is not a callable that returns aiohttp's connector",
            hint="it is called in the event loop: connector=lambda: aiohttp.TCPConnector(limit=0)",
        )
    require_function("connector", connector, "no arguments")


def factory_of(
    transport: TransportOption, connector: "Callable[[], BaseConnector] | None" = None
) -> TransportFactory:
    """
    Return a new factory, in the event loop in which it is used.

    Args:
        transport: The option.
        connector: Returns aiohttp's connector.

    Raises:
        InvalidOptionError: The option has another value, or *connector* is given for a transport
            other than aiohttp; or one of the callables has returned something else.
        MissingExtraError: picows is not installed.
    """
    require_transport(transport, connector)
    if callable(transport):
        made = transport()
        if not callable(getattr(made, "connect", None)):
            raise InvalidOptionError(
                "transport", f"it has returned {shown(made)}, which is no TransportFactory"
            )
        return made
    if transport == "aiohttp":
        from paraformer_async._net.aiohttp_factory import AiohttpFactory

        return AiohttpFactory(connector)
    try:
        from paraformer_async._net.picows_factory import PicowsFactory
    except ImportError as error:
        raise MissingExtraError('transport="picows"', "fast") from error
    factory: TransportFactory = PicowsFactory()
    return factory
