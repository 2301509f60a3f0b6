"""
Live captions of the microphone of a browser: a page, and the service that recognizes its audio.

The page sends 16-bit PCM, 16 kHz, mono, over a WebSocket, one recognition each, and receives JSON.
The key stays here. See docs/browser.md.

    python examples/browser/service.py            # with the key in DASHSCOPE_API_KEY
    python examples/browser/service.py --local    # without a key: recognizes on this machine
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

from aiohttp import WSCloseCode, WSMsgType, web

from paraformer_async import AsyncRecognizer, ParaformerError, RecognitionResult
from paraformer_async.server import LocalServer

PAGE = Path(__file__).parent / "page"
LARGEST_MESSAGE = 64 * 1024  # bytes: 2 s of audio; the page sends 0.1 s at a time
PING = 20.0  # seconds without a byte from the page, after which it is pinged
CLOSE = 2.0  # seconds that the page has to acknowledge the end of a connection

ORIGINS = web.AppKey("origins", frozenset[str])
RECOGNIZER = web.AppKey("recognizer", AsyncRecognizer)
SOCKETS = web.AppKey("sockets", WeakSet[web.WebSocketResponse])


async def captions(request: web.Request) -> web.WebSocketResponse:
    """Recognize the audio of one WebSocket."""
    if request.headers.get("Origin") not in request.app[ORIGINS]:
        raise web.HTTPForbidden(text="This origin is not allowed; see --origin.")
    socket = web.WebSocketResponse(heartbeat=PING, timeout=CLOSE, max_msg_size=LARGEST_MESSAGE)
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    with suppress(ConnectionError):  # the page has left, and with it, the recognition ends
        await recognize(socket, request.app[RECOGNIZER])
    await socket.close()
    return socket


async def recognize(socket: web.WebSocketResponse, recognizer: AsyncRecognizer) -> None:
    """Send what is recognized, and at the end, whether that is all."""
    try:
        async for result in recognizer.stream(audio(socket)):
            await socket.send_json(caption(result))
        await socket.send_json({"type": "done"})
    except ParaformerError as error:
        print(error)
        await socket.send_json({"type": "error", "message": error.message, "hint": error.hint})


async def audio(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    """Yield what the page sends, and acknowledge what was taken: the page sends little more."""
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            yield message.data
            await socket.send_json({"type": "taken", "bytes": len(message.data)})
        elif message.data == "finish":
            return
    raise ConnectionResetError("the page has left")


def caption(result: RecognitionResult) -> dict[str, Any]:
    """Return what the page shows; times are in ms from the first audio of this WebSocket."""
    sentence = result.sentence
    return {
        "type": "result",
        "id": f"{result.request_id} {sentence.sentence_id}",
        "text": result.text,
        "stable": result.stable_text,
        "begins": result.begins,
        "final": result.is_final,
        "replaces": result.replaces,
        "begin": sentence.begin_time,
        "end": sentence.end_time,
    }


async def index(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def protect(_request: web.Request, response: web.StreamResponse) -> None:
    """Let the page load nothing from elsewhere, and let no cache keep an old one."""
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    response.headers["Cache-Control"] = "no-cache"


async def close_sockets(app: web.Application) -> None:
    """Let each page know that this service ends; it reconnects, and sends again what it has to."""
    for socket in [*app[SOCKETS]]:
        await socket.close(code=WSCloseCode.GOING_AWAY)


def application(origins: frozenset[str], *, is_local: bool) -> web.Application:
    """Return the service, for pages from these *origins*."""

    async def recognizer(app: web.Application) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            service: dict[str, Any] = {}
            if is_local:
                server = await stack.enter_async_context(LocalServer())
                service = {"endpoint": server.url, "api_key": "any"}
            opened = AsyncRecognizer(heartbeat=True, **service)
            app[RECOGNIZER] = await stack.enter_async_context(opened)
            yield

    app = web.Application()
    app[ORIGINS], app[SOCKETS] = origins, WeakSet()
    app.cleanup_ctx.append(recognizer)
    app.on_response_prepare.append(protect)
    app.on_shutdown.append(close_sockets)
    app.add_routes([web.get("/", index), web.get("/captions", captions), web.static("/", PAGE)])
    return app


def main() -> None:
    options = argparse.ArgumentParser(description="Live captions of the microphone of a browser.")
    options.add_argument("--local", action="store_true", help="recognize here, without a key")
    options.add_argument("--host", default="127.0.0.1", help="address to listen on")
    options.add_argument("--port", type=int, default=8080, help="port to listen on")
    options.add_argument(
        "--origin",
        action="append",
        default=[],
        help="a further origin that the page may have, such as https://captions.example.com",
    )
    given = options.parse_args()
    here = [f"http://{name}:{given.port}" for name in ("localhost", "127.0.0.1")]
    app = application(frozenset(here + given.origin), is_local=given.local)
    web.run_app(app, host=given.host, port=given.port, shutdown_timeout=CLOSE)


if __name__ == "__main__":
    main()
