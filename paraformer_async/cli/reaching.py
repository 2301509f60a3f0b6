"""What `doctor` finds on the way to the service: name, connection, certificate, answer, clock."""

import asyncio
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import anyio

from paraformer_async import AsyncRecognizer, Timeouts
from paraformer_async._net.contract import Handshake
from paraformer_async._net.failures import Failures, Where
from paraformer_async.cli.findings import Finding, State, wrong
from paraformer_async.errors import ParaformerError
from paraformer_async.text import clean

__all__ = ["LIMIT", "Target", "answer", "clock", "connection", "name"]

LIMIT = 10.0
"""Seconds that each check may take."""
_SECURE = ("wss", "https")
_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}
# The seconds that a clock may be off: certificates and temporary tokens live longer.
_TOLERANCE = 60.0
_SLOW = f"there was no answer within {LIMIT:.0f} s"
_NETWORK = "check the network, its firewall, and HTTPS_PROXY"


class Target:
    """
    What the connection is made to: the service, or the proxy on the way to it.

    Args:
        url: Address of the service.
        proxy: Address of the proxy.
    """

    def __init__(self, url: str, proxy: str | None) -> None:
        where = urlsplit(proxy or url)
        self.url: str = url
        self.proxy: str | None = proxy
        self.host: str = where.hostname or ""
        self.port: int = where.port or _PORTS[where.scheme]
        self.is_secure: bool = where.scheme in _SECURE
        self.handshake: Handshake = Handshake(url=url, headers={}, proxy=proxy)

    def failed(self, check: str, error: OSError) -> Finding:
        """Return the finding for an *error* of the operating system or of TLS."""
        where = Where(self.host, self.port, is_proxy=self.proxy is not None)
        failure = Failures().of_system(self.handshake, error, where)
        failure.hint = failure.hint or _NETWORK
        return wrong(check, failure)


async def name(target: Target) -> Finding:
    """Resolve the name of the host."""
    loop = asyncio.get_running_loop()
    with anyio.move_on_after(LIMIT):
        try:
            found = await loop.getaddrinfo(target.host, target.port, type=1)
        except OSError as error:
            return target.failed("DNS", error)
        addresses = ", ".join(dict.fromkeys(str(one[4][0]) for one in found))
        return Finding("DNS", State.RIGHT, f"{target.host} is {addresses}")
    return Finding("DNS", State.WRONG, _SLOW, "check the DNS server of this machine")


async def connection(target: Target) -> Finding:
    """Connect, and look at the certificate."""
    context = ssl.create_default_context() if target.is_secure else None
    check = "TLS" if context else "TCP"
    began = time.monotonic()
    with anyio.move_on_after(LIMIT):
        try:
            _, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
        except OSError as error:
            return target.failed(check, error)
        took = f"{(time.monotonic() - began) * 1000:.0f} ms"
        try:
            where = f"connected to {target.host}:{target.port} in {took}"
            if context is None:
                return Finding(check, State.RIGHT, where)
            shown = _certificate(writer.get_extra_info("peercert"))
            return Finding(check, State.RIGHT, f"{where}; {shown}")
        finally:
            writer.transport.abort()
    return Finding(check, State.WRONG, _SLOW, _NETWORK)


async def answer(options: dict[str, Any]) -> Finding:
    """Open a connection of a recognition, with the key; nothing is recognized or billed."""
    timeouts = Timeouts(connect=LIMIT)
    try:
        async with AsyncRecognizer(**options, timeouts=timeouts, reconnect=None) as recognizer:
            await recognizer.warm()
    except ParaformerError as error:
        return wrong("service", error)
    return Finding("service", State.RIGHT, "it accepts the key")


async def clock(target: Target) -> Finding:
    """Compare the clock with that of the host of the service."""
    where = urlsplit(target.url)
    scheme = "https" if where.scheme in _SECURE else "http"
    url = f"{scheme}://{where.netloc.rpartition('@')[2]}/"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(LIMIT)) as session:
            request = session.head(url, proxy=target.proxy, allow_redirects=False)
            async with request as response:
                date = response.headers.get("Date", "")
        off = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (aiohttp.ClientError, OSError, ValueError, TypeError):  # TypeError: without a zone
        return Finding("clock", State.NOTE, "not checked: the service did not send its time")
    if abs(off) <= _TOLERANCE:
        return Finding("clock", State.RIGHT, "it agrees with that of the service")
    direction = "fast" if off > 0 else "slow"
    text = f"it is {abs(off):.0f} s {direction}"
    return Finding("clock", State.WRONG, text, "synchronize the clock of this machine by NTP")


def _certificate(certificate: dict[str, Any]) -> str:
    """Return who has issued a certificate, and until when it is valid."""
    issuer = dict(pair for group in certificate["issuer"] for pair in group)
    by = issuer.get("organizationName") or issuer.get("commonName") or "an unnamed authority"
    seconds = ssl.cert_time_to_seconds(certificate["notAfter"])
    until = datetime.fromtimestamp(seconds, UTC).date()
    return f"the certificate of {clean(str(by))} is valid until {until}"
