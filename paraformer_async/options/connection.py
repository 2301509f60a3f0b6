"""
Checks of the options that are not parameters of the service: connection and behavior.

Imports only checks, addresses, facts and policies of this package.
"""

import re
from collections.abc import Callable, Mapping

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import (
    is_whole,
    require_address,
    require_choice,
    require_flag,
    require_function,
    require_json,
    require_kind,
    require_mapping,
    require_number,
    require_seconds,
    require_sequence,
    require_text,
    shown,
)
from paraformer_async.options.endpoint import check_region, check_workspace
from paraformer_async.options.kinds import Rate
from paraformer_async.options.policies import Reconnect, Rollover, Timeouts
from paraformer_async.options.service import ENCODINGS, FRAME_MS_ALLOWED, MOST_CHANNELS

__all__ = ["CHECKS"]

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2: a token


def _check_further(name: str, value: object) -> None:
    for key, content in require_mapping(name, value, "a dict of names and values").items():
        require_json(name, {key: content}, key)


def _check_key(name: str, value: object) -> None:
    if isinstance(value, str):
        require_text(name, value, secret="it")  # noqa: S106 - what it is called
    elif value is not None and not callable(value):
        raise InvalidOptionError(name, "must be text, or a callable that returns the text")


def _check_endpoint(name: str, value: object) -> None:
    if value is not None:
        require_address(name, value, "ws", "wss")


def _check_endpoints(name: str, value: object) -> None:
    for address in require_sequence(name, value, "a list of addresses"):
        require_address(name, address, "ws", "wss")


def _check_headers(name: str, value: object) -> None:
    for header, content in require_mapping(name, value, "a dict of text").items():
        require_text(name, header)
        if not _HEADER.fullmatch(header):
            raise InvalidOptionError(name, f"{shown(header)} is not the name of a header")
        require_text(name, content, secret=f"the value of {header}")


def _check_proxy(name: str, value: object) -> None:
    if value is not None:
        require_address(name, value, "http", "https")


def _check_ssl(name: str, value: object) -> None:
    if value is not None:
        from ssl import SSLContext  # slow to import

        require_kind(name, value, SSLContext, "an ssl.SSLContext, like that of your own CA")


def _check_encoding(name: str, value: object) -> None:
    if value is not None:
        require_choice(name, value, ENCODINGS)


def _check_channels(name: str, value: object) -> None:
    is_named = isinstance(value, str) and value in ("mix", "split")
    if not is_named and not (is_whole(value) and value in range(MOST_CHANNELS)):
        raise InvalidOptionError(
            name, f"{shown(value)} is neither 'mix', 'split' nor the number of a channel, from 0"
        )


def _check_input_channels(name: str, value: object) -> None:
    if value is not None and not (is_whole(value) and 1 <= value <= MOST_CHANNELS):
        raise InvalidOptionError(
            name, f"{shown(value)} is not a number of channels, 1 to {MOST_CHANNELS}"
        )


def _check_resampled(name: str, value: object) -> None:
    if value is not None:
        Rate().check_type(name, value)


def _check_pace(name: str, value: object) -> None:
    allowed = "a multiple of real time from 0.01 to 1000, or None"
    if value is not None and not 0.01 <= require_number(name, value, allowed) <= 1000:
        raise InvalidOptionError(name, f"{shown(value)} is not {allowed}")


def _check_middleware(name: str, value: object) -> None:
    for factory in require_sequence(name, value, "a list of factories, like [Heartbeat]"):
        if not callable(factory):
            raise InvalidOptionError(
                name,
                f"{shown(factory)} is not a factory",
                hint="pass the class, not an instance",
            )


def _check_reconnect(name: str, value: object) -> None:
    if value is not None:
        require_kind(name, value, Reconnect, "Reconnect(…), or None")


def _check_rollover(name: str, value: object) -> None:
    if value is not None:
        require_kind(name, value, Rollover, "Rollover(…), or None")


def _check_observer(name: str, value: object) -> None:
    if value is not None:
        require_function(name, value, "an event")


def _check_frame_ms(name: str, value: object) -> None:
    if not is_whole(value) or value not in FRAME_MS_ALLOWED:
        raise InvalidOptionError(name, f"{shown(value)} is not a whole number of ms, 20 to 200")


def _check_timeouts(name: str, value: object) -> None:
    require_kind(name, value, Timeouts, "Timeouts(…)")


# The check of each option that is not in the table of parameters, by the name of the option.
CHECKS: Mapping[str, Callable[[str, object], None]] = {
    "model": require_text,
    "parameters": _check_further,
    "input": _check_further,
    "api_key": _check_key,
    "endpoint": _check_endpoint,
    "endpoints": _check_endpoints,
    "region": check_region,
    "workspace": check_workspace,
    "headers": _check_headers,
    "proxy": _check_proxy,
    "ssl": _check_ssl,
    "encoding": _check_encoding,
    "passthrough": require_flag,
    "channels": _check_channels,
    "input_channels": _check_input_channels,
    "resample_from": _check_resampled,
    "pace": _check_pace,
    "middleware": _check_middleware,
    "reconnect": _check_reconnect,
    "rollover": _check_rollover,
    "timeouts": _check_timeouts,
    "buffer": require_seconds,
    "frame_ms": _check_frame_ms,
    "observe": _check_observer,
    "observe_messages": require_flag,
}
