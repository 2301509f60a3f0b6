"""A message of the service that is larger than the limit of this client."""

import asyncio
import json
from typing import cast

import anyio
import pytest
from aiohttp import WSMsgType, web

from paraformer_async import AsyncRecognizer, RemoteProtocolError
from paraformer_async.testing import marked
from paraformer_async.transports import Handshake

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LIMIT = cast("int", Handshake(url="ws://a", headers={}).largest_message)


async def test_a_result_that_is_too_large() -> None:
    """It is one error that names the limit, and no lost connection; it is not requested again."""
    connections = 0

    async def serve(request: web.Request) -> web.WebSocketResponse:
        nonlocal connections
        connections += 1
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            task_id = json.loads(message.data)["header"]["task_id"]
            for event, payload in (
                ("task-started", {}),
                ("result-generated", {"output": {"sentence": {"text": "a" * LIMIT}}}),
            ):
                header = {"task_id": task_id, "event": event, "attributes": {}}
                await socket.send_json({"header": header, "payload": payload})
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    endpoint = f"ws://127.0.0.1:{address[1]}/"
    try:
        with anyio.fail_after(10):
            async with AsyncRecognizer(endpoint=endpoint, api_key="any") as recognizer:
                with pytest.raises(RemoteProtocolError, match=str(LIMIT)):
                    await asyncio.wait_for(anext(aiter(recognizer.stream(marked(100)))), 10)
        assert 1 == connections
    finally:
        await runner.cleanup()
