"""The values of `transport=`, and their factories. Libraries are imported when they are used."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from paraformer_async._net.contract import TransportFactory
from paraformer_async.errors import InvalidOptionError, MissingExtraError

if TYPE_CHECKING:
    from aiohttp import BaseConnector

__all__ = ["TransportOption", "factory_of", "require_transport"]

TransportOption: TypeAlias = Literal["aiohttp", "picows"] | Callable[[], TransportFactory]
"""`"aiohttp"`, `"picows"` (extra `fast`), or a callable that returns a `TransportFactory`."""


def require_transport(transport: object, connector: object = None) -> None:
    """Raise `InvalidOptionError` for a *transport* that cannot be used, or not with *connector*."""
    if transport not in ("aiohttp", "picows") and not callable(transport):
        raise InvalidOptionError(
            "transport",
            f"{transport!r} is neither 'aiohttp' nor 'picows', nor a callable that returns a "
            "TransportFactory",
        )
    if connector is not None and transport != "aiohttp":
        raise InvalidOptionError("connector", "it is aiohttp's, and works with that transport only")


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
            other than aiohttp.
        MissingExtraError: picows is not installed.
    """
    require_transport(transport, connector)
    if callable(transport):
        return transport()
    if transport == "aiohttp":
        from paraformer_async._net.aiohttp_factory import AiohttpFactory

        return AiohttpFactory(connector)
    try:
        from paraformer_async._net.picows_factory import PicowsFactory
    except ImportError as error:
        raise MissingExtraError('transport="picows"', "fast") from error
    factory: TransportFactory = PicowsFactory()
    return factory
