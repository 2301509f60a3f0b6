"""
The alternatives for recognizing a stream, behind one interface.

An alternative is an async context manager: it takes the URL of the service and returns a coroutine
function that recognizes all `frames` and calls `seen` with the text of each result. Streams of one
process share whatever they can (a client, a pool).
"""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paraformer_async import PoolLimits
    from paraformer_async._net.choose import TransportOption

Recognize = Callable[[AsyncGenerator[bytes, None], Callable[[str], object]], Awaitable[None]]

KEY = "any"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
MODEL = "paraformer-realtime-v2"
_STREAM_THREADS = 1000


def unlimited() -> "PoolLimits":
    """Return limits that never make a stream wait: the other alternatives have none."""
    from paraformer_async import PoolLimits

    return PoolLimits(connections=100_000, tasks_per_second=100_000)


@asynccontextmanager
async def ours(url: str, transport: "TransportOption" = "aiohttp") -> AsyncIterator[Recognize]:
    """Use one `AsyncRecognizer` with defaults and both of its middlewares."""
    from paraformer_async import AsyncRecognizer

    async with AsyncRecognizer(
        endpoint=url, api_key=KEY, heartbeat=True, pool=unlimited(), transport=transport
    ) as recognizer:

        async def recognize(
            frames: AsyncGenerator[bytes, None], seen: Callable[[str], object]
        ) -> None:
            async for result in recognizer.stream(frames):
                seen(result.text)

        yield recognize


def ours_documented(url: str) -> AbstractAsyncContextManager[Recognize]:
    """Use aiohttp as on a version that CI has not run, for the rest of this process."""
    from paraformer_async._net import aiohttp_factory

    aiohttp_factory.TESTED = frozenset()
    return ours(url)


def ours_picows(url: str) -> AbstractAsyncContextManager[Recognize]:
    """Use picows instead of aiohttp."""
    return ours(url, "picows")


@asynccontextmanager
async def ours_from_thread(url: str) -> AsyncIterator[Recognize]:
    """Use `AsyncRecognizer` with a plain iterable, which it reads in a thread."""
    from paraformer_async import AsyncRecognizer

    pool = unlimited()
    async with AsyncRecognizer(endpoint=url, api_key=KEY, heartbeat=True, pool=pool) as recognizer:

        async def recognize(
            frames: AsyncGenerator[bytes, None], seen: Callable[[str], object]
        ) -> None:
            async for result in recognizer.stream(_driven(frames)):
                seen(result.text)

        yield recognize


def _driven(frames: AsyncGenerator[bytes, None]) -> Iterator[bytes]:
    """Iterate over async frames that never wait, without an event loop."""
    while True:
        try:
            frames.__anext__().send(None)
        except StopIteration as step:
            yield step.value
        except StopAsyncIteration:
            return


@asynccontextmanager
async def handwritten(url: str) -> AsyncIterator[Recognize]:
    """Use aiohttp and json: one coroutine that sends, one that receives, and nothing else."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def recognize(
            frames: AsyncGenerator[bytes, None], seen: Callable[[str], object]
        ) -> None:
            task_id = uuid.uuid4().hex
            async with session.ws_connect(url, headers=AUTHORIZATION) as socket:
                await socket.send_str(run_task(task_id))
                started = json.loads(await socket.receive_str())
                assert started["header"]["event"] == "task-started", started
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_send(socket, frames, task_id))
                    await _receive(socket, seen)

        yield recognize


async def _send(socket: Any, frames: AsyncGenerator[bytes, None], task_id: str) -> None:
    async for frame in frames:
        await socket.send_bytes(frame)
    await socket.send_str(finish_task(task_id))


async def _receive(socket: Any, seen: Callable[[str], object]) -> None:
    async for message in socket:
        document = json.loads(message.data)
        event = document["header"]["event"]
        if event == "result-generated":
            seen(document["payload"]["output"]["sentence"]["text"])
        elif event == "task-finished":
            return
        else:
            raise RuntimeError(document)
    raise RuntimeError("the connection was lost")


@asynccontextmanager
async def picows(url: str) -> AsyncIterator[Recognize]:
    """Use picows (Cython) and msgspec, without back-pressure: the lower bound."""
    from msgspec import json as msgspec_json
    from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

    class Listener(WSListener):
        def __init__(self, seen: Callable[[str], object]) -> None:
            self.seen = seen
            self.started = asyncio.get_running_loop().create_future()
            self.finished = asyncio.get_running_loop().create_future()

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type != WSMsgType.TEXT:
                return
            document = msgspec_json.decode(frame.get_payload_as_memoryview())
            event = document["header"]["event"]
            if event == "result-generated":
                self.seen(document["payload"]["output"]["sentence"]["text"])
            else:
                (self.started if event == "task-started" else self.finished).set_result(None)

    async def recognize(frames: AsyncGenerator[bytes, None], seen: Callable[[str], object]) -> None:
        task_id = uuid.uuid4().hex
        listener = Listener(seen)
        transport, _ = await ws_connect(lambda: listener, url, extra_headers=AUTHORIZATION)
        transport.send(WSMsgType.TEXT, run_task(task_id).encode())
        await listener.started
        async for frame in frames:
            transport.send(WSMsgType.BINARY, frame)
        transport.send(WSMsgType.TEXT, finish_task(task_id).encode())
        await listener.finished
        transport.send_close(WSCloseCode.OK)
        await transport.wait_disconnected()

    yield recognize


@asynccontextmanager
async def dashscope(url: str) -> AsyncIterator[Recognize]:
    """Use the vendor's SDK: its threads are fed from the event loop; sending does not block."""
    import dashscope
    from dashscope.audio.asr import Recognition, RecognitionCallback, RecognitionResult

    dashscope.api_key = KEY
    dashscope.base_websocket_api_url = url
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_STREAM_THREADS))

    class Callback(RecognitionCallback):
        def __init__(self, seen: Callable[[str], object]) -> None:
            self.seen = seen
            self.failure: str | None = None

        def on_event(self, result: RecognitionResult) -> None:
            self.seen(result.output["sentence"]["text"])

        def on_error(self, result: RecognitionResult) -> None:
            self.failure = str(result.message)

    async def recognize(frames: AsyncGenerator[bytes, None], seen: Callable[[str], object]) -> None:
        callback = Callback(seen)
        recognition = Recognition(MODEL, callback, "pcm", 16000, heartbeat=True)
        recognition.start()
        async for frame in frames:
            recognition.send_audio_frame(frame)
        await asyncio.to_thread(recognition.stop)
        if callback.failure:
            raise RuntimeError(callback.failure)

    yield recognize


@asynccontextmanager
async def dashscope_realtime(url: str) -> AsyncIterator[Recognize]:
    """Use the community's asyncio client, which is based on websockets."""
    from dashscope_realtime.asr import ASRConfig, DashScopeRealtimeASR

    async def recognize(frames: AsyncGenerator[bytes, None], seen: Callable[[str], object]) -> None:
        finished = asyncio.get_running_loop().create_future()
        client = DashScopeRealtimeASR(
            KEY,
            ASRConfig(format="pcm"),
            url,
            on_partial=seen,
            on_final=finished.set_result,
            on_error=finished.set_exception,
        )
        async with client:
            async for frame in frames:
                await client.send_audio(frame)
            await client.finish()
            await finished

    yield recognize


@asynccontextmanager
async def nothing(url: str) -> AsyncIterator[Recognize]:
    """Only iterate over the source: the part that every figure includes."""
    del url

    async def recognize(frames: AsyncGenerator[bytes, None], seen: Callable[[str], object]) -> None:
        del seen
        async for _ in frames:
            pass

    yield recognize


ALTERNATIVES: Mapping[str, Callable[[str], AbstractAsyncContextManager[Recognize]]] = {
    "ours": ours,
    "ours-documented": ours_documented,
    "ours-picows": ours_picows,
    "ours-fast": ours_picows,
    "ours-thread": ours_from_thread,
    "handwritten": handwritten,
    "picows": picows,
    "dashscope": dashscope,
    "dashscope-realtime": dashscope_realtime,
    "nothing": nothing,
}

ON_UVLOOP = frozenset({"ours-fast"})
"""Those that run on uvloop in any case: the extra `fast` brings both."""


def run_task(task_id: str) -> str:
    """Return the command that starts a task."""
    payload = {
        "task_group": "audio",
        "task": "asr",
        "function": "recognition",
        "model": MODEL,
        "parameters": {"format": "pcm", "sample_rate": 16000, "heartbeat": True},
        "input": {},
    }
    return _command("run-task", task_id, payload)


def finish_task(task_id: str) -> str:
    """Return the command that ends the audio."""
    return _command("finish-task", task_id, {"input": {}})


def _command(action: str, task_id: str, payload: Mapping[str, Any]) -> str:
    header = {"action": action, "task_id": task_id, "streaming": "duplex"}
    return json.dumps({"header": header, "payload": payload})
