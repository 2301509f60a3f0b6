"""
A telephone call of two parties, as media gateways send it: G.711 frames over a WebSocket.

    python examples/telephony.py

The gateway sends JSON: `start`, then `media` for each 20 ms of each party (`track`), µ-law in
base64, and `stop`. It receives each final sentence with its party and time. Here a simulated
gateway calls the service; `service` is what a program of your own would run.
"""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import numpy as np
import soundfile
from aiohttp import ClientSession, WSMsgType, web

from paraformer_async import AsyncRecognizer
from paraformer_async.server import LocalServer

AUDIO = Path(__file__).parent / "audio"
CALL = {"inbound": "goforward.wav", "outbound": "sense_and_sensibility_01_austen_64kb-0880.wav"}
RATE = 8000  # Hz
FRAME = RATE // 50  # bytes of µ-law: 20 ms
WAITING = 250  # frames of a party that may wait: 5 s
SPEED = 8  # times real time, of the simulated gateway

Frames = asyncio.Queue[bytes | None]
RECOGNIZER = web.AppKey("recognizer", AsyncRecognizer)


async def frames_of(party: Frames) -> AsyncIterator[bytes]:
    while (frame := await party.get()) is not None:
        yield frame


async def receive(socket: web.WebSocketResponse, parties: Mapping[str, Frames]) -> None:
    """Distribute the frames to the parties. A gateway that hangs up ends the call, too."""
    try:
        async for message in socket:
            event = message.json()
            if event["event"] == "media":
                media = event["media"]
                await parties[media["track"]].put(base64.b64decode(media["payload"]))
            elif event["event"] == "stop":
                break
    finally:
        for party in parties.values():
            await party.put(None)


async def call(request: web.Request) -> web.WebSocketResponse:
    """Recognize both parties of one call."""
    socket = web.WebSocketResponse(heartbeat=20.0)
    await socket.prepare(request)
    parties = {track: Frames(WAITING) for track in CALL}
    sources = {track: frames_of(party) for track, party in parties.items()}
    async with asyncio.TaskGroup() as tasks:
        receiving = tasks.create_task(receive(socket, parties))
        async for result in request.app[RECOGNIZER].stream_many(sources):
            if result.is_final and not socket.closed:
                at = result.sentence.begin_time
                await socket.send_json({"track": result.channel_id, "ms": at, "text": result.text})
        receiving.cancel()
    await socket.close()
    return socket


def service(recognizer: AsyncRecognizer) -> web.Application:
    app = web.Application()
    app[RECOGNIZER] = recognizer
    app.router.add_get("/call", call)
    return app


def mulaw_of(path: Path) -> bytes:
    """Return a recording of 16 kHz as a telephone would send it."""
    samples, _ = soundfile.read(path, dtype="int16")
    halved = samples[: len(samples) // 2 * 2].reshape(-1, 2).mean(axis=1).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, halved, RATE, format="RAW", subtype="ULAW")
    return file.getvalue()


async def gateway(url: str) -> None:
    """Play a call of two recordings, and print what is recognized."""
    recordings = {track: mulaw_of(AUDIO / name) for track, name in CALL.items()}
    async with ClientSession() as session, session.ws_connect(url) as socket:

        async def play() -> None:
            media = {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1}
            await socket.send_json({"event": "start", "start": {"mediaFormat": media}})
            for start in range(0, max(map(len, recordings.values())), FRAME):
                for track, recording in recordings.items():
                    payload = base64.b64encode(recording[start : start + FRAME]).decode()
                    media = {"track": track, "payload": payload}
                    await socket.send_json({"event": "media", "media": media})
                await asyncio.sleep(FRAME / RATE / SPEED)
            await socket.send_json({"event": "stop"})

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(play())
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    sentence = message.json()
                    print(f"{sentence['ms']:5} ms  {sentence['track']}: {sentence['text']}")


async def main() -> None:
    async with (
        LocalServer() as server,
        AsyncRecognizer(
            "paraformer-realtime-8k-v2", encoding="mulaw", endpoint=server.url, api_key="any"
        ) as recognizer,
    ):
        runner = web.AppRunner(service(recognizer))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            await gateway(f"http://127.0.0.1:{port}/call")
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
