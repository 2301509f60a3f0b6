"""What `doctor` finds on this machine: the key, the addresses, the devices and the extras."""

import re
from collections.abc import Iterator
from enum import Enum
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from paraformer_async._net.identity import key_of
from paraformer_async._net.proxies import proxy_from_environment
from paraformer_async.audio.portaudio import input_devices
from paraformer_async.cli.wording import in_shell_words
from paraformer_async.errors import (
    AudioError,
    InvalidOptionError,
    MissingExtraError,
    ParaformerError,
)
from paraformer_async.options.endpoint import region_of, shown_address
from paraformer_async.options.environment import SOCKET_ADDRESS, first_of, key_source
from paraformer_async.options.options import Options
from paraformer_async.options.service import TEMPORARY

__all__ = [
    "Finding",
    "State",
    "devices",
    "endpoint",
    "extras",
    "key",
    "proxy",
    "region",
    "wrong",
]


class State(Enum):
    """Whether a recognition can do with what was found."""

    RIGHT = "ok"
    WRONG = "wrong"
    NOTE = "note"
    """Nothing that every recognition needs, or not checked."""


class Finding(Struct, frozen=True):
    """
    One line of the report.

    Attributes:
        name: What was looked at.
        state: Whether it is as it must be.
        text: What was found; nothing secret.
        advice: What to do about it; empty if it is right.
    """

    name: str
    state: State
    text: str
    advice: str = ""


def wrong(name: str, error: ParaformerError) -> Finding:
    """Return the finding for an *error*, in the words of a shell."""
    text = error.reason if isinstance(error, InvalidOptionError) else error.message
    return Finding(name, State.WRONG, text, in_shell_words(error.hint))


async def key() -> Finding:
    """Look for the key, and return where it comes from."""
    try:
        found = await key_of(None)
        source = key_source()
    except ParaformerError as error:
        return wrong("key", error)
    kind = "a temporary token, " if found.startswith(TEMPORARY) else ""
    where = f"in the file {source}" if isinstance(source, Path) else f"in {source}"
    return Finding("key", State.RIGHT, kind + where)


def endpoint(options: Options) -> Finding:
    """Return the address of the service."""
    try:
        url = options.url
    except ParaformerError as error:
        return wrong("endpoint", error)
    named = first_of(SOCKET_ADDRESS)
    is_of_variable = named is not None and named[1] == url and not options.endpoint
    source = f", from {SOCKET_ADDRESS}" if is_of_variable else ""
    return Finding("endpoint", State.RIGHT, shown_address(url) + source)


def region(url: str) -> Finding:
    """Return the region of the address, whose keys it takes."""
    if found := region_of(url):
        return Finding("region", State.RIGHT, f"{found}; the key must be of this region")
    host = urlsplit(url).hostname
    return Finding("region", State.NOTE, f"unknown, because {host} is not a host of Alibaba Cloud")


def proxy(url: str) -> tuple[Finding, str | None]:
    """Return what the environment says about a proxy, and its address."""
    try:
        found = proxy_from_environment(url)
    except ParaformerError as error:
        return wrong("proxy", error), None
    shown = shown_address(found) if found else "none"
    return Finding("proxy", State.RIGHT, shown), found


def devices() -> Finding:
    """Look for microphones. Blocks."""
    try:
        found = input_devices()
    except (AudioError, MissingExtraError) as error:
        return Finding("audio", State.NOTE, error.message, error.hint)
    if not found:
        advice = "connect one; a container sees none of its host"
        return Finding("audio", State.NOTE, "there is no microphone", advice)
    return Finding("audio", State.RIGHT, "; ".join(found))


def extras() -> Finding:
    """Look for the optional packages."""
    installed: list[str] = []
    missing: list[str] = []
    for extra, packages in sorted(_extras().items()):
        (installed if all(map(_is_installed, packages)) else missing).append(extra)
    text = f"installed: {', '.join(installed) or 'none'}"
    if not missing:
        return Finding("extras", State.RIGHT, text)
    advice = f'if you need one: pip install "paraformer-async[{missing[0]}]"'
    return Finding("extras", State.NOTE, f"{text}; not installed: {', '.join(missing)}", advice)


def _extras() -> dict[str, list[str]]:
    """Return the packages of each extra, from the metadata of this package."""
    found: dict[str, list[str]] = {}
    for name, extra in _requirements():
        if extra != "dev":
            found.setdefault(extra, []).append(name)
    return found


def _requirements() -> Iterator[tuple[str, str]]:
    for line in requires("paraformer-async") or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name and extra:
            yield name[0], extra[1]


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
