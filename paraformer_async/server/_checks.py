"""The checks of `LocalServer`: an option that can never work is refused on creation."""

from typing import TypeGuard

from paraformer_async._core.clocks import Clocks
from paraformer_async.engines.base import Engine
from paraformer_async.errors import InvalidOptionError

__all__ = ["check_options", "require_engine"]

# Attributes of an engine.
_ENGINE = ("sample_rate", "open", "aclose")
_PORTS = range(65_536)


def check_options(
    *, host: object, port: object, api_key: object, clocks: object, max_connections: object
) -> None:
    """
    Check all options but the engine.

    Raises:
        InvalidOptionError: One of them can never work; the first one is named.
    """
    _check_host(host)
    if not _is_int(port) or port not in _PORTS:
        raise InvalidOptionError("port", "must be a port, 1 to 65535, or 0 for any free one")
    if api_key is not None and not _is_key(api_key):
        raise InvalidOptionError(
            "api_key",
            "must be text that a header can carry: not empty, without control characters, and "
            "without spaces around it",
            hint="without api_key= any key is accepted",
        )
    if not isinstance(clocks, Clocks):
        raise InvalidOptionError("clocks", f"must be Clocks, not {type(clocks).__name__}")
    if not _is_int(max_connections) or max_connections < 1:
        raise InvalidOptionError("max_connections", "must be a whole number above 0")


def require_engine(value: Engine) -> Engine:
    """
    Return *value* if it is an engine. A class is not an engine.

    Raises:
        InvalidOptionError: It is not.
    """
    if isinstance(value, type) or not all(hasattr(value, name) for name in _ENGINE):
        raise InvalidOptionError(
            "engine",
            f"{value!r} is neither the name of an engine ('moonshine', 'scripted') nor an object "
            "with sample_rate, open() and aclose()",
            hint='make_engine("paraformer", model_dir) returns one for a model of yours',
        )
    return value


def _check_host(host: object) -> None:
    if isinstance(host, str) and host.startswith("["):
        raise InvalidOptionError("host", "must be an IPv6 address without its brackets, like ::1")
    if not isinstance(host, str) or not _is_name(host):
        raise InvalidOptionError(
            "host", "must be an address or a name of this machine, like 127.0.0.1 or 0.0.0.0"
        )


def _is_name(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:  # an empty label, or one that is too long
        return False
    return bool(host) and host.isprintable() and not set(host) & set(" /@[]")


def _is_key(key: object) -> bool:
    # Half a surrogate pair, which cannot be encoded, is not printable.
    return isinstance(key, str) and key != "" and key.isprintable() and key == key.strip()


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
