"""Errors for want of a connection."""

import asyncio
import ssl

import pytest
import trustme
from aiohttp import web

from paraformer_async.server import LocalServer
from tests.pages.provoking import provokes, recognize

NOBODY = "ws://127.0.0.1:1/api-ws/v1/inference"


@provokes
async def refused_key(_: pytest.MonkeyPatch) -> None:
    """The key is refused."""
    async with LocalServer("scripted", api_key="right") as service:
        await recognize(b"", endpoint=service.url, api_key="wrong")


@provokes
async def unknown_name(_: pytest.MonkeyPatch) -> None:
    """The name cannot be resolved."""
    await recognize(b"", endpoint="wss://nowhere.invalid/api-ws/v1/inference")


@provokes
async def refused(_: pytest.MonkeyPatch) -> None:
    """The connection is refused."""
    await recognize(b"", endpoint=NOBODY, reconnect=None)


@provokes
async def certificate(_: pytest.MonkeyPatch) -> None:
    """The certificate is not valid."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    loop = asyncio.get_running_loop()
    loop.set_debug(False)  # its server takes a client that leaves for an error of its own
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    try:
        port = runner.addresses[0][1]
        await recognize(b"", endpoint=f"wss://localhost:{port}/api-ws/v1/inference")
    finally:
        await runner.cleanup()


@provokes
async def no_tls(_: pytest.MonkeyPatch) -> None:
    """TLS at an address without TLS."""
    async with LocalServer("scripted") as service:
        await recognize(b"", endpoint=service.url.replace("ws://", "wss://"))


@provokes
async def no_proxy(patch: pytest.MonkeyPatch) -> None:
    """The proxy cannot be reached."""
    patch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    await recognize(b"", endpoint="wss://service.example/api-ws/v1/inference", reconnect=None)


@provokes
async def another_path(_: pytest.MonkeyPatch) -> None:
    """The address has another path."""
    async with LocalServer("scripted") as service:
        await recognize(b"", endpoint=service.url.replace("inference", ""))
