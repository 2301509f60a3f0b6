"""Every transport keeps the contract, on each loop, with real sockets."""

import asyncio
import ssl
from collections.abc import Callable

import pytest
import trustme

from paraformer_async._net import aiohttp_private
from paraformer_async._net.choose import factory_of
from paraformer_async._net.contract import TransportFactory
from paraformer_async.testing.transports import CHECKS, check_transport
from tests.loops import both_loops

pytestmark = pytest.mark.anyio
anyio_backend = both_loops


@pytest.fixture(params=["private", "documented", "picows"])
def maker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], TransportFactory]:
    """Make the factory of one of them."""
    if request.param == "picows":
        return lambda: factory_of("picows")
    if request.param == "documented":
        monkeypatch.setattr(aiohttp_private, "TESTED", frozenset())
    elif not aiohttp_private.is_tested():
        pytest.skip("this version of aiohttp takes the documented way")
    return lambda: factory_of("aiohttp")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority for certificates."""
    return trustme.CA()


@pytest.mark.parametrize("check", CHECKS)
async def test_plain(maker: Callable[[], TransportFactory], check: str) -> None:
    """The contract holds over TCP."""
    await check_transport(maker, only=check)


@pytest.mark.parametrize("check", CHECKS)
async def test_tls(
    maker: Callable[[], TransportFactory], authority: trustme.CA, check: str
) -> None:
    """The contract holds over TLS."""
    if check == "canceling_connect_leaves_nothing_open":
        # In debug mode, asyncio's server reports a client that leaves as an error of its own.
        asyncio.get_running_loop().set_debug(False)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    await check_transport(maker, server_tls=server, client_tls=client, only=check)
