"""
A FastAPI service: clients send audio over a WebSocket, and receive results as JSON.

    pip install fastapi "uvicorn[standard]"
    uvicorn --app-dir examples fastapi_websocket:app

A client of `/recognize` sends binary messages of s16le mono, 16 kHz, and the text `end` after the
last. It receives each result as a text; then the service closes the WebSocket. With
`paraformer-async serve` in another terminal, its two variables point this service at it.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from paraformer_async import AsyncRecognizer, ParaformerError

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open one recognizer for all clients. A shutdown ends the streams that are left."""
    async with AsyncRecognizer(heartbeat=True) as recognizer:
        app.state.recognizer = recognizer
        yield


app = FastAPI(lifespan=lifespan)


async def audio_of(socket: WebSocket) -> AsyncIterator[bytes]:
    """
    Yield what a client sends, until the text `end`. Raise `WebSocketDisconnect` if it leaves.

    While the recognition is slower than the client, nothing asks for the next message. Then the
    buffers of the server and of TCP become full, and the client has to wait.
    """
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        if audio := message.get("bytes"):
            yield audio
        elif message.get("text") == "end":
            return


@app.websocket("/recognize")
async def recognize(socket: WebSocket) -> None:
    recognizer: AsyncRecognizer = socket.app.state.recognizer
    await socket.accept()
    try:
        async for result in recognizer.stream(audio_of(socket)):
            await socket.send_text(result.to_json())
        await socket.close()
    except WebSocketDisconnect:
        log.info("a client has left, which has ended its recognition")
    except ParaformerError as error:
        log.warning("a recognition has failed: %s", error)
        await socket.close(1011, type(error).__name__)


@app.get("/statistics")
async def statistics() -> dict[str, int]:
    recognizer: AsyncRecognizer = app.state.recognizer
    now = recognizer.statistics()
    return {"running": now.recognitions, "ended": now.ended, "failed": now.failed}
