"""The other tests in this folder run on the transport that was chosen for them."""

import aiohttp
import pytest

from paraformer_async import AsyncRecognizer
from paraformer_async._net.aiohttp_factory import TESTED
from paraformer_async.testing import ScriptedServer
from tests.integration.conftest import TRANSPORT

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

USED = {
    "aiohttp": "PrivateTransport" if aiohttp.__version__ in TESTED else "DocumentedTransport",
    "documented": "DocumentedTransport",
    "picows": "PicowsTransport",
}


async def test_the_chosen_transport_is_used() -> None:
    """A recognizer that names no transport uses the one of TEST_TRANSPORT."""
    async with ScriptedServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            await recognizer.warm()
            client = recognizer._client
            assert client is not None
            assert USED[TRANSPORT] == type(client.pool._idle[0].transport).__name__
