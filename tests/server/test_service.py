"""The local service on the wire: a raw WebSocket client sends it right and wrong frames."""

import asyncio
import io
import json
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import anyio
import anyio.to_thread
import numpy as np
import pytest
import soundfile
from aiohttp import WSMsgType, web
from anyio.lowlevel import checkpoint

from paraformer_async.engines import ScriptedEngine
from paraformer_async.errors import MissingExtraError
from paraformer_async.results import Sentence, Word
from paraformer_async.server import Clocks, EngineBusy, EngineStream, LocalServer, StreamSettings

pytestmark = pytest.mark.anyio

SECOND = 32000  # bytes of s16le mono at 16 kHz
MEGABYTE = 1 << 20
LIMIT = 20  # seconds until a test gives up
QUICK = Clocks(close=0.2)
HELLO = Sentence(
    begin_time=100,
    end_time=900,
    text="Hello, world.",
    words=(Word(100, 400, "Hello", ","), Word(500, 800, "world", ".")),
)

Answer = dict[str, Any]
Headers = dict[str, str]


class Peer:
    """A client that sends what a test wants, right or wrong."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.task_id = ""

    async def command(self, action: str, payload: Any, task_id: str | None = None) -> None:
        """Send a text frame."""
        task_id = self.task_id if task_id is None else task_id
        header = {"action": action, "task_id": task_id, "streaming": "duplex"}
        await self.socket.send_str(json.dumps({"header": header, "payload": payload}))

    async def run_task(self, *, model: str = "paraformer-realtime-v2", **parameters: Any) -> None:
        """Send run-task, with a new id; a parameter that is `None` is left out."""
        self.task_id = str(uuid.uuid4())
        parameters = {"format": "pcm", "sample_rate": 16000} | parameters
        payload = {
            "task_group": "audio",
            "task": "asr",
            "function": "recognition",
            "model": model,
            "parameters": {name: value for name, value in parameters.items() if value is not None},
            "input": {},
        }
        await self.command("run-task", payload)

    async def begin(self, **parameters: Any) -> None:
        """Begin a task, as it should be."""
        await self.run_task(**parameters)
        assert (await self.answer())["header"]["event"] == "task-started"

    async def audio(self, data: bytes, size: int = 3200) -> None:
        """Send audio in frames."""
        for start in range(0, len(data), size):
            await self.socket.send_bytes(data[start : start + size])

    async def finish(self, task_id: str | None = None) -> None:
        """Send finish-task."""
        await self.command("finish-task", {"input": {}}, task_id)

    async def answer(self) -> Answer:
        """Receive the next event."""
        with anyio.fail_after(LIMIT):
            message = await self.socket.receive()
        assert message.type is WSMsgType.TEXT, message
        answer: Answer = json.loads(message.data)
        return answer

    async def results(self) -> list[Answer]:
        """Receive the results until task-finished; return their sentences."""
        sentences = []
        while (answer := await self.answer())["header"]["event"] == "result-generated":
            sentences.append(answer["payload"]["output"]["sentence"])
        assert answer["header"]["event"] == "task-finished", answer
        return sentences

    async def recognize(self, audio: bytes, **parameters: Any) -> list[Answer]:
        """Run a whole task; return its final sentences."""
        await self.begin(**parameters)
        await self.audio(audio)
        await self.finish()
        return [sentence for sentence in await self.results() if sentence["sentence_end"]]

    async def failure(self) -> tuple[str, str]:
        """Receive until task-failed, after which the connection must be closed."""
        while (answer := await self.answer())["header"]["event"] == "result-generated":
            pass
        assert answer["header"]["event"] == "task-failed", answer
        assert answer["payload"] == {}
        await self.close_code()
        return answer["header"]["error_code"], answer["header"]["error_message"]

    async def close_code(self) -> int:
        """Receive the end of the connection."""
        with anyio.fail_after(LIMIT):
            message = await self.socket.receive()
        assert message.type is WSMsgType.CLOSE, message
        return int(message.data)

    def vanish(self) -> None:
        """Cut the connection, without a close frame."""
        connection = self.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()


@asynccontextmanager
async def connected(server: LocalServer, key: str = "any") -> AsyncIterator[Peer]:
    """Connect a client."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.url, headers=headers, max_msg_size=0) as websocket,
    ):
        yield Peer(websocket)


@asynccontextmanager
async def serving(engine: Any = None, clocks: Clocks = QUICK) -> AsyncIterator[Peer]:
    """Start a server with one client."""
    async with (
        LocalServer(engine or ScriptedEngine((HELLO,)), clocks=clocks) as server,
        connected(server) as peer,
    ):
        yield peer


async def nothing() -> None:
    """Do nothing."""


class Watched:
    """The endless script with hooks, and a count of the streams that are open."""

    sample_rate = 16000

    def __init__(
        self,
        *,
        limit: int = 1000,
        on_open: Callable[[], Awaitable[None]] = nothing,
        on_feed: Callable[[], Awaitable[None]] = nothing,
        on_finish: Callable[[], Awaitable[None]] = nothing,
        on_close: Callable[[], Awaitable[None]] = nothing,
        results: Sequence[Sentence] | None = None,
    ) -> None:
        self.limit = limit
        self.on_open, self.on_feed, self.on_finish = on_open, on_feed, on_finish
        self.on_close = on_close
        self.script = ScriptedEngine()
        self.results = results
        self.streams: set[WatchedStream] = set()
        self.fed = anyio.Event()
        self.is_closed = False
        self._loaded = False
        self._all_closed = anyio.Event()

    async def open(self, settings: StreamSettings) -> EngineStream:
        """Open a stream; the first one is the server's own, without the hook."""
        if len(self.streams) >= self.limit:
            raise EngineBusy
        if self._loaded:
            await self.on_open()
        self._loaded = True
        stream = WatchedStream(self, await self.script.open(settings))
        self.streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Note it."""
        self.is_closed = True

    async def all_closed(self) -> None:
        """Wait until no stream is open."""
        with anyio.fail_after(LIMIT):
            while self.streams:
                await self._all_closed.wait()

    def closed(self, stream: "WatchedStream") -> None:
        """Note that a stream was closed."""
        self.streams.discard(stream)
        self._all_closed.set()
        self._all_closed = anyio.Event()


class WatchedStream:
    """A stream of `Watched`."""

    def __init__(self, engine: Watched, stream: EngineStream) -> None:
        self.engine = engine
        self.stream = stream

    async def feed(self, pcm: bytes) -> Sequence[Sentence]:
        """Note it, call the hook, go on."""
        self.engine.fed.set()
        await self.engine.on_feed()
        if self.engine.results is not None:
            return self.engine.results
        return await self.stream.feed(pcm)

    async def finish(self) -> Sequence[Sentence]:
        """Call the hook, and go on."""
        await self.engine.on_finish()
        return await self.stream.finish()

    async def aclose(self) -> None:
        """Count down, and call the hook if there was a task."""
        self.engine.closed(self)
        if self.engine.fed.is_set():
            await self.engine.on_close()


def decoder_threads() -> list[str]:
    """Threads of decoders that are alive."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode-")]


# Authentication, in the handshake.


@pytest.mark.parametrize(
    ("key", "headers", "status"),
    [
        (None, {}, 401),
        (None, {"Authorization": ""}, 401),
        (None, {"Authorization": "Basic any"}, 401),
        (None, {"Authorization": "any"}, 401),
        (None, {"Authorization": "Bearer"}, 401),
        (None, {"Authorization": "Bearer  "}, 401),
        (None, {"Authorization": "Bearer any"}, 101),
        (None, {"Authorization": "bearer any"}, 101),
        ("secret", {"Authorization": "Bearer secret"}, 101),
        ("secret", {"Authorization": "bearer  secret "}, 101),
        ("secret", {"Authorization": "Bearer secret2"}, 401),
        ("secret", {"Authorization": "Bearer SECRET"}, 401),
        ("schlüssel", {"Authorization": "Bearer schlüssel"}, 101),
    ],
)
async def test_the_key_is_checked_in_the_handshake(
    key: str | None, headers: Headers, status: int
) -> None:
    """A bearer key opens the door, the right one where one is set; all else is answered by 401."""
    async with (
        LocalServer("scripted", api_key=key, clocks=QUICK) as server,
        aiohttp.ClientSession() as session,
    ):
        if status == 101:
            async with session.ws_connect(server.url, headers=headers):
                return
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(server.url, headers=headers)
        assert caught.value.status == status
        async with session.get(server.url, headers=headers) as response:
            body = await response.json()
            assert response.status == status
        assert body.keys() == {"code", "message", "request_id"}
        assert (body["code"], body["message"]) == ("InvalidApiKey", "Invalid API-key provided.")
        assert uuid.UUID(body["request_id"]).version == 4


async def test_a_key_that_is_no_text_is_refused() -> None:
    """Bytes that are no UTF-8 in the header are a wrong key, not a failure of the server."""
    async with LocalServer("scripted", api_key="secret", clocks=QUICK) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"GET /api-ws/v1/inference HTTP/1.1\r\nHost: x\r\n")
            await stream.send(b"Authorization: Bearer \xff\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 401 ")


async def test_a_plain_request_is_answered() -> None:
    """A GET that asks for no WebSocket gets 400 and a reason."""
    headers = {"Authorization": "Bearer any"}
    async with (
        LocalServer("scripted", clocks=QUICK) as server,
        aiohttp.ClientSession() as session,
        session.get(server.url, headers=headers) as response,
    ):
        assert response.status == 400
        body = await response.json()
        assert body.keys() == {"code", "message", "request_id"}


async def test_the_query_and_other_headers_do_not_matter() -> None:
    """The optional headers and a query string are accepted."""
    headers = {
        "Authorization": "Bearer sk-0123",
        "X-DashScope-WorkSpace": "ws",
        "X-DashScope-DataInspection": "enable",
    }
    async with (
        LocalServer("scripted", clocks=QUICK) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}?a=b", headers=headers) as websocket,
    ):
        await Peer(websocket).begin()


# A task, as it should be.


async def test_a_task_from_begin_to_end() -> None:
    """Each event has exactly the shape of the protocol; usage is null on partial results."""
    async with serving() as peer:
        await peer.run_task()
        header = {"task_id": peer.task_id, "attributes": {}}
        started = await peer.answer()
        assert started == {"header": {"event": "task-started"} | header, "payload": {}}

        await peer.audio(bytes(SECOND * 4 // 10))
        sentence: Answer = {
            "begin_time": 100,
            "end_time": None,
            "text": "Hello,",
            "heartbeat": False,
            "sentence_end": False,
            "words": [_word(100, 400, "Hello", ",")],
            "sentence_id": 1,
            "emo_tag": None,
            "emo_confidence": None,
            "speaker_id": None,
            "channel_id": None,
            "stash": None,
        }
        result = {"event": "result-generated"} | header
        assert await peer.answer() == {
            "header": result,
            "payload": {"output": {"sentence": sentence}, "usage": None},
        }

        await peer.audio(bytes(SECOND * 2), size=SECOND * 2)
        sentence["text"] = "Hello, world."
        sentence["words"].append(_word(500, 800, "world", "."))
        partial = await peer.answer()
        assert partial["payload"] == {"output": {"sentence": sentence}, "usage": None}
        final = await peer.answer()
        sentence |= {"end_time": 900, "sentence_end": True}
        assert final["payload"] == {"output": {"sentence": sentence}, "usage": {"duration": 3}}

        await peer.finish()
        assert await peer.answer() == {
            "header": {"event": "task-finished"} | header,
            "payload": {"output": {}, "usage": None},
        }


def _word(begin: int, end: int, text: str, punctuation: str) -> Answer:
    return {
        "begin_time": begin,
        "end_time": end,
        "text": text,
        "punctuation": punctuation,
        "fixed": None,
    }


async def test_one_task_after_another() -> None:
    """A socket carries many tasks, each beginning at zero; the one stream is free for each."""
    engine = Watched(limit=1)
    stream = encoded("flac", 16000, 1, seconds=0.5)
    async with serving(engine) as peer:
        for _ in range(5):
            (final,) = await peer.recognize(stream, format="flac")
            assert (final["begin_time"], final["end_time"]) == (0, 500)
            assert not engine.streams
            assert not decoder_threads()


async def test_an_id_without_its_dashes_is_the_same() -> None:
    """finish-task may name the task without dashes."""
    async with serving() as peer:
        await peer.begin()
        await peer.audio(bytes(SECOND))
        await peer.finish(peer.task_id.replace("-", ""))
        assert (await peer.results())[-1]["text"] == "Hello, world."


async def test_an_empty_frame_is_nothing() -> None:
    """A binary frame without bytes does not end the audio."""
    async with (
        LocalServer(ScriptedEngine((HELLO,)), clocks=QUICK) as server,
        aiohttp.ClientSession(headers={"Authorization": "Bearer any"}) as session,
        session.ws_connect(server.url, autoping=False) as websocket,
    ):
        peer = Peer(websocket)
        await peer.begin()
        for _ in range(2):
            await websocket.send_bytes(b"")
            await websocket.ping()
            # The server's answer comes after it has looked at the empty frame alone.
            assert (await websocket.receive()).type is WSMsgType.PONG
        await peer.audio(bytes(SECOND))
        await peer.finish()
        assert (await peer.results())[-1]["text"] == "Hello, world."


async def test_settings_reach_the_engine() -> None:
    """What a task asks for is what its stream gets."""
    seen: list[StreamSettings] = []

    class Engine(ScriptedEngine):
        async def open(self, settings: StreamSettings) -> EngineStream:
            seen.append(settings)
            return await super().open(settings)

    async with serving(Engine()) as peer:
        await peer.recognize(bytes(SECOND))
        await peer.recognize(
            bytes(SECOND),
            max_sentence_silence=400,
            language_hints=["en"],
            punctuation_prediction_enabled=False,
            unknown={"is": "ignored"},
        )
    assert seen[1:] == [StreamSettings(), StreamSettings(400, ("en",), punctuation=False)]


async def test_signs_of_life() -> None:
    """With `heartbeat`, each second without speech brings a heartbeat result."""
    async with serving(ScriptedEngine((HELLO,))) as peer:
        await peer.begin(heartbeat=True)
        await peer.audio(bytes(SECOND), size=SECOND)
        for text in ("Hello,", "Hello, world.", "Hello, world."):
            assert (await peer.answer())["payload"]["output"]["sentence"]["text"] == text
        for second in (2, 3, 4):
            await peer.audio(bytes(SECOND), size=SECOND)
            payload = (await peer.answer())["payload"]
            sentence = payload["output"]["sentence"]
            assert (sentence["heartbeat"], sentence["begin_time"]) == (True, second * 1000)
            assert (sentence["text"], sentence["words"], sentence["end_time"]) == ("", [], None)
            assert payload["usage"] is None
        await peer.audio(bytes(SECOND // 2))
        await peer.finish()
        assert await peer.results() == []


async def test_silence_without_heartbeat() -> None:
    """Without `heartbeat`, silence brings no result."""
    async with serving(ScriptedEngine(())) as peer:
        assert await peer.recognize(bytes(SECOND * 5)) == []


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 48000])
async def test_pcm_of_any_rate(rate: int) -> None:
    """Times are right whatever the rate of the audio."""
    async with serving(ScriptedEngine()) as peer:
        audio = bytes(rate * 2 * 5 // 2)  # 2.5 s
        finals = await peer.recognize(audio, sample_rate=rate)
        assert [final["begin_time"] for final in finals] == [0, 2000]
        assert finals[0]["end_time"] == 2000
        assert finals[1]["end_time"] == pytest.approx(2500, abs=2)


def encoded(kind: str, rate: int, channels: int, seconds: float) -> bytes:
    """Noise in a container."""
    samples = np.random.default_rng(7).normal(0, 0.1, (int(rate * seconds), channels))
    file = io.BytesIO()
    container, subtype = {"opus": ("OGG", "OPUS")}.get(kind, (kind.upper(), None))
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "opus", "mp3"])
@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (16000, 1)])
async def test_containers(kind: str, rate: int, channels: int) -> None:
    """Each container is decoded as it streams, by its own rate and not the one declared."""
    stream = encoded(kind, rate, channels, seconds=4.5)
    async with serving(ScriptedEngine()) as peer:
        finals = await peer.recognize(stream, format=kind, sample_rate=8000)
        assert [final["begin_time"] for final in finals] == [0, 2000, 4000]
        assert finals[-1]["end_time"] == pytest.approx(4500, abs=80)
    assert not decoder_threads()


async def test_a_stream_that_expands_beyond_measure() -> None:
    """Silence compressed a thousandfold is recognized to its end, all of its 30 minutes."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16000 * 1800, np.int16), 16000, format="FLAC")
    stream = file.getvalue()
    assert len(stream) < MEGABYTE
    fed = 0

    class Engine(Watched):
        async def open(self, settings: StreamSettings) -> EngineStream:
            return Counting(self, await self.script.open(settings))

    class Counting(WatchedStream):
        async def feed(self, pcm: bytes) -> Sequence[Sentence]:
            nonlocal fed
            fed += len(pcm)
            return ()

    async with serving(Engine()) as peer:
        await peer.begin(format="flac")
        await peer.audio(stream, size=len(stream))
        await peer.finish()
        await peer.results()
    assert fed == 1800 * SECOND


@pytest.mark.parametrize("kind", ["mp3", "opus"])
async def test_decoding_does_not_hold_up_the_loop(kind: str) -> None:
    """While many clients send all their compressed audio at once, the event loop goes on."""
    stream = encoded(kind, 16000, 1, seconds=60)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = anyio.current_time()
            await anyio.sleep(0.01)
            longest = max(longest, anyio.current_time() - began)

    async def client(server: LocalServer) -> None:
        async with connected(server) as peer:
            await peer.begin(format=kind)
            await peer.audio(stream, size=len(stream))
            await peer.finish()
            assert await peer.results() == []

    async with LocalServer(ScriptedEngine(()), clocks=QUICK) as server:
        async with anyio.create_task_group() as watching:
            watching.start_soon(watch)
            async with anyio.create_task_group() as clients:
                for _ in range(12):
                    clients.start_soon(client, server)
            watching.cancel_scope.cancel()
    assert longest < 0.5


async def test_the_threads_of_the_program_are_left_alone() -> None:
    """Decoding goes on while all of anyio's worker threads are taken by the program."""
    release = threading.Event()
    limiter = anyio.to_thread.current_default_thread_limiter()
    threads, limiter.total_tokens = limiter.total_tokens, 1
    try:
        async with serving() as peer, anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, release.wait)
            with anyio.fail_after(LIMIT):
                stream = encoded("flac", 16000, 2, seconds=2)
                finals = await peer.recognize(stream, format="flac", sample_rate=16000)
            release.set()
    finally:
        release.set()
        limiter.total_tokens = threads
    assert [final["text"] for final in finals] == ["Hello, world."]


async def test_many_connections() -> None:
    """A hundred clients at once are served, each its own."""
    engine = Watched()
    finals: dict[int, int] = {}
    async with LocalServer(engine, clocks=QUICK) as server, aiohttp.ClientSession() as session:

        async def client(number: int) -> None:
            url, headers = server.url, {"Authorization": "Bearer any"}
            async with session.ws_connect(url, headers=headers) as websocket:
                audio = bytes(SECOND * (number + 1) // 10)
                sentences = await Peer(websocket).recognize(audio)
                finals[number] = sentences[-1]["end_time"]

        session.connector._limit = 0  # type: ignore[union-attr]
        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(client, number)
        assert finals == {number: (number + 1) * 100 for number in range(100)}
        assert not engine.streams


# The clocks.


def test_the_clocks_are_those_of_the_service() -> None:
    """Without settings, the service's own clocks run."""
    clocks = Clocks()
    assert (clocks.message, clocks.silence, clocks.idle) == (23, 60, 60)


async def test_a_client_that_sends_nothing() -> None:
    """A running task without a message from the client fails, a finished one does not."""
    async with serving(Watched(), Clocks(message=0.2, close=0.2)) as peer:
        await peer.recognize(bytes(SECOND))
        await peer.begin()
        await peer.audio(bytes(3200))
        began = anyio.current_time()
        assert await peer.failure() == ("CLIENT_ERROR", "request timeout after 0.2 seconds.")
        assert 0.15 < anyio.current_time() - began < 2


async def test_silent_audio_is_not_enough() -> None:
    """Without `heartbeat` silence ends the task, even while silent audio keeps coming."""
    async with serving(ScriptedEngine(()), Clocks(silence=0.4, close=0.2)) as peer:
        await peer.begin()
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:

            async def talk() -> None:
                with suppress(aiohttp.ClientConnectionResetError):  # closed after task-failed
                    await keep_sending(peer, 60)

            tasks.start_soon(talk)
            assert await peer.failure() == ("ResponseTimeout", "Response timeout!")
            assert 0.4 <= anyio.current_time() - began < 2
            tasks.cancel_scope.cancel()


async def test_silent_audio_with_heartbeat() -> None:
    """With `heartbeat` silent audio keeps the task alive, for as long as it comes."""
    async with serving(ScriptedEngine(()), Clocks(silence=0.3, close=0.2)) as peer:
        await peer.begin(heartbeat=True)
        await keep_sending(peer, seconds=1)
        assert await peer.failure() == ("ResponseTimeout", "Response timeout!")


async def test_speech_keeps_the_task_alive() -> None:
    """Every result with speech resets the silence clock."""
    async with serving(ScriptedEngine(), Clocks(silence=0.4, close=0.2)) as peer:
        await peer.begin()
        await keep_sending(peer, seconds=1)
        await peer.finish()
        assert len(await peer.results()) > 5


async def keep_sending(peer: Peer, seconds: float) -> None:
    """Send audio for so many seconds, faster than real time."""
    end = anyio.current_time() + seconds
    while anyio.current_time() < end:
        await peer.audio(bytes(3200))
        await anyio.sleep(0.02)


async def test_the_clocks_wait_for_the_engine() -> None:
    """While the service reads nothing because its engine is behind, no clock expires."""
    gate = anyio.Event()
    engine = Watched(on_feed=gate.wait, results=())
    async with serving(engine, Clocks(message=0.3, silence=0.8, close=0.2)) as peer:
        await peer.begin()
        async with anyio.create_task_group() as tasks:

            async def talk() -> None:
                await peer.audio(bytes(8 * MEGABYTE), size=MEGABYTE // 2)
                await gate.wait()
                await keep_sending(peer, seconds=0.4)
                await peer.finish()

            tasks.start_soon(talk)
            await engine.fed.wait()
            await anyio.sleep(1)  # longer than the clocks
            gate.set()
            assert await peer.results() == []


async def test_the_clocks_wait_for_the_model() -> None:
    """A stream that opens late does not make the connection idle."""
    gate = anyio.Event()
    opening = anyio.Event()

    async def on_open() -> None:
        opening.set()
        await gate.wait()

    async with serving(Watched(on_open=on_open), Clocks(idle=0.2, close=0.2)) as peer:
        await peer.run_task()
        await opening.wait()
        await anyio.sleep(0.5)  # longer than the clock
        gate.set()
        assert (await peer.answer())["header"]["event"] == "task-started"


@pytest.mark.parametrize("tasks", [0, 1])
async def test_an_idle_connection_is_closed(tasks: int) -> None:
    """A connection without a task is closed in time, as a normal end."""
    async with serving(None, Clocks(idle=0.2, close=0.2)) as peer:
        for _ in range(tasks):
            await peer.recognize(bytes(SECOND))
        assert await peer.close_code() == 1000


# Misuse: each ends as task-failed and a closed connection.

ASR = {"task_group": "audio", "task": "asr", "function": "recognition", "model": "m"}


async def _audio_before_start(peer: Peer) -> None:
    await peer.audio(bytes(3200))


async def _finish_before_start(peer: Peer) -> None:
    await peer.finish("0" * 32)


async def _unknown_action(peer: Peer) -> None:
    await peer.command("dance-task", {"input": {}}, "0" * 32)


async def _broken_json(peer: Peer) -> None:
    await peer.socket.send_str('{"header": ')


async def _no_object(peer: Peer) -> None:
    await peer.socket.send_str("[]")


async def _no_input(peer: Peer) -> None:
    await peer.command("run-task", ASR, "0" * 32)


async def _other_function(peer: Peer) -> None:
    await peer.command("run-task", ASR | {"task": "tts", "input": {}}, "0" * 32)


async def _other_id(peer: Peer) -> None:
    await peer.begin()
    await peer.finish("0" * 32)


async def _twice(peer: Peer) -> None:
    await peer.begin()
    await peer.run_task()


@pytest.mark.parametrize(
    ("misuse", "reason"),
    [
        (_audio_before_start, "audio is not allowed while idle"),
        (_finish_before_start, "finish-task is not allowed while idle"),
        (_unknown_action, "cannot decode the message: Invalid value 'dance-task'"),
        (_broken_json, "cannot decode the message: Input data was truncated"),
        (_no_object, "cannot decode the message: Expected `object`"),
        (_no_input, "cannot decode the message: Object missing required field `input`"),
        (_other_function, "run-task must ask for a duplex audio/asr/recognition task"),
        (_other_id, "finish-task names another task than the running one"),
        (_twice, "run-task is not allowed while running"),
    ],
)
async def test_a_breach_of_the_protocol(
    misuse: Callable[[Peer], Awaitable[None]], reason: str
) -> None:
    """What may not come now, or cannot be read, fails the task with a reason."""
    engine = Watched()
    async with serving(engine) as peer:
        await misuse(peer)
        code, message = await peer.failure()
        assert code == "CLIENT_ERROR"
        assert message.startswith(reason)
        await engine.all_closed()


async def test_audio_after_the_end() -> None:
    """Audio that comes after finish-task fails the task, while the engine still works on it."""
    gate = anyio.Event()
    async with serving(Watched(on_finish=gate.wait)) as peer:
        await peer.begin()
        await peer.audio(bytes(3200))
        await peer.finish()
        await peer.audio(bytes(3200))
        assert await peer.failure() == ("CLIENT_ERROR", "audio is not allowed while finishing")


@pytest.mark.parametrize(
    ("wrong", "code", "reason"),
    [
        ({"model": ""}, "InvalidParameter", "model is missing"),
        ({"format": None}, "InvalidParameter", "format: "),
        ({"format": 7}, "InvalidParameter", "format: "),
        ({"format": "mp5"}, "UNSUPPORTED_FORMAT", "'mp5' cannot be decoded here"),
        ({"sample_rate": None}, "InvalidParameter", "sample_rate"),
        ({"sample_rate": "16000"}, "InvalidParameter", "sample_rate"),
        ({"sample_rate": True}, "InvalidParameter", "sample_rate"),
        ({"sample_rate": 0}, "InvalidParameter", "sample_rate"),
        ({"sample_rate": 10**9}, "InvalidParameter", "sample_rate"),
        ({"max_sentence_silence": 100}, "InvalidParameter", "max_sentence_silence"),
        ({"max_sentence_silence": "800"}, "InvalidParameter", "max_sentence_silence"),
        ({"language_hints": "en"}, "InvalidParameter", "language_hints"),
        ({"language_hints": [1]}, "InvalidParameter", "language_hints"),
    ],
)
async def test_wrong_parameters(wrong: Answer, code: str, reason: str) -> None:
    """Parameters that cannot work are refused before the task starts, the wrong one named."""
    async with serving() as peer:
        await peer.run_task(**wrong)
        answered, message = await peer.failure()
        assert answered == code
        assert reason in message


@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "opus", "mp3"])
async def test_undecodable_audio(kind: str) -> None:
    """Audio that is not in the declared format fails the task, and nothing is left of it."""
    engine = Watched()
    async with serving(engine) as peer:
        await peer.begin(format=kind)
        await peer.audio(b"nonsense" * 1000, size=8000)
        code, message = await peer.failure()
        assert code == "UNSUPPORTED_FORMAT"
        assert message.startswith("Failed to decode audio: ")
        await engine.all_closed()
        assert not decoder_threads()


@pytest.mark.parametrize(
    ("kind", "audio"),
    [("pcm", b""), ("wav", b""), ("mp3", b""), ("pcm", b"\0"), ("wav", encoded("wav", 8000, 1, 0))],
    ids=["pcm", "wav", "mp3", "half a sample", "a header alone"],
)
async def test_no_audio(kind: str, audio: bytes) -> None:
    """A task that ends without a single sample of audio fails."""
    async with serving() as peer:
        await peer.begin(format=kind)
        await peer.audio(audio)
        await peer.finish()
        assert await peer.failure() == ("NO_VALID_AUDIO_ERROR", "No valid audio was received.")


async def test_an_oversized_message() -> None:
    """A message beyond measure ends the connection with the WebSocket's own code for it."""
    engine = Watched()
    async with serving(engine) as peer:
        await peer.begin()
        await peer.socket.send_bytes(bytes(MEGABYTE + 1))
        assert await peer.close_code() == 1009
        await engine.all_closed()


async def test_text_that_is_no_text() -> None:
    """A text frame that is no UTF-8 ends the connection with the WebSocket's own code for it."""
    async with serving() as peer:
        await peer.socket.send_frame(b"\xff", WSMsgType.TEXT)
        assert await peer.close_code() == 1007


# The engine.


async def test_a_busy_engine() -> None:
    """A task beyond the engine's limit is throttled; when one has ended, the next is served."""
    engine = Watched(limit=1)
    async with LocalServer(engine, clocks=QUICK) as server, connected(server) as first:
        await first.begin()
        async with connected(server) as second:
            await second.run_task()
            assert await second.failure() == (
                "Throttling.RateQuota",
                "Requests rate limit exceeded, please try again later.",
            )
        await first.audio(bytes(SECOND))
        await first.finish()
        await first.results()
        async with connected(server) as third:
            await third.recognize(bytes(SECOND))


async def broken() -> None:
    """Fail as an engine may."""
    raise RuntimeError("a secret of the engine")


@pytest.mark.parametrize("where", ["on_open", "on_feed", "on_finish", "on_close"])
async def test_an_engine_that_fails(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever an engine raises fails the task; it is logged, and not shown to the client."""
    engine = Watched()
    setattr(engine, where, broken)
    async with serving(engine) as peer:
        await peer.run_task()
        if where != "on_open":
            assert (await peer.answer())["header"]["event"] == "task-started"
            await peer.audio(bytes(3200))
            await peer.finish()
        assert await peer.failure() == (
            "InternalError",
            "the local service failed; see its log",
        )
        await engine.all_closed()
    record = caplog.records[0]
    assert (record.name, record.levelno) == ("paraformer_async.server", logging.ERROR)
    assert "a secret of the engine" in str(record.exc_info)


async def test_a_missing_extra() -> None:
    """The client learns what has to be installed for its task."""

    async def on_feed() -> None:
        raise MissingExtraError("resampling", "local")

    async with serving(Watched(on_feed=on_feed)) as peer:
        await peer.begin()
        await peer.audio(bytes(3200))
        code, message = await peer.failure()
        assert code == "InternalError"
        assert "resampling" in message


# Unplanned ends.


@pytest.mark.parametrize("kind", ["pcm", "flac", "mp3"])
async def test_a_client_that_vanishes(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that breaks in mid-task leaves no stream, decoder or task behind."""
    engine = Watched()
    stream = bytes(SECOND) if kind == "pcm" else encoded(kind, 16000, 1, seconds=2)
    async with LocalServer(engine, clocks=QUICK) as server:
        before = asyncio.all_tasks()
        async with connected(server) as peer:
            await peer.begin(format=kind)
            await peer.audio(stream)
            await peer.answer()
            peer.vanish()
            await engine.all_closed()
        await anyio.wait_all_tasks_blocked()
        assert not server._connections
        assert asyncio.all_tasks() <= before
        assert not decoder_threads()
    assert not caplog.records


async def test_a_client_that_leaves_in_mid_task() -> None:
    """A closing handshake in mid-task ends the task, too, even while its engine is busy."""
    engine = Watched(on_feed=anyio.sleep_forever)
    async with LocalServer(engine, clocks=QUICK) as server, connected(server) as peer:
        await peer.begin()
        await peer.audio(bytes(3200))
        await engine.fed.wait()
        await peer.socket.close()
        assert peer.socket.close_code == 1000
        await engine.all_closed()


FLOOD = (Sentence(0, 100, "x" * MEGABYTE),) * 40  # more than any socket buffers


async def test_a_client_that_reads_nothing() -> None:
    """A client that takes no results is cut off in time, and does not hold the server."""
    engine = Watched(results=FLOOD)
    clocks = Clocks(send=0.2, close=0.2)
    left = anyio.Event()

    class Server(LocalServer):
        async def _handle(self, request: web.Request) -> web.StreamResponse:
            try:
                return await super()._handle(request)
            finally:
                left.set()

    async with Server(engine, clocks=clocks) as server, connected(server) as peer:
        await peer.begin()
        await peer.audio(bytes(3200))
        await engine.fed.wait()
        began = anyio.current_time()
        with anyio.fail_after(LIMIT):
            await left.wait()
            assert 0.2 <= anyio.current_time() - began < 2
            assert not engine.streams
            while (await peer.socket.receive()).type is WSMsgType.TEXT:
                pass
        assert peer.socket.close_code == 1006


async def test_a_client_that_is_gone_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is lost by the end of its handshake is nothing to be cut off."""
    monkeypatch.setattr(web.BaseRequest, "transport", None)
    async with serving() as peer:
        await peer.audio(bytes(2))
        assert (await peer.failure())[0] == "CLIENT_ERROR"


async def test_a_failure_that_nobody_reads() -> None:
    """A client that does not answer the closing handshake is cut off in time."""
    async with LocalServer("scripted", clocks=Clocks(close=0.2)) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            head = (
                "GET /api-ws/v1/inference HTTP/1.1",
                "Host: x",
                "Authorization: Bearer any",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            )
            await stream.send("\r\n".join((*head, "", "")).encode())
            assert (await stream.receive()).startswith(b"HTTP/1.1 101 ")
            began = anyio.current_time()
            await stream.send(b"\x82\x82\0\0\0\0ab")  # audio before the start
            received = b""
            with anyio.fail_after(LIMIT):
                try:
                    while True:
                        received += await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    pass
            assert b"task-failed" in received
            assert received.endswith(b"\x88\x02\x03\xe8")  # close, 1000
            assert anyio.current_time() - began < 2


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_the_server_goes_down(is_cancelled: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Leaving the server ends idle, running, busy and stuck connections, cleanly and in time."""
    engine = Watched()
    before = asyncio.all_tasks()
    began = 0.0
    async with AsyncExitStack() as stack:

        async def connect() -> Peer:
            return await stack.enter_async_context(connected(server))

        with anyio.CancelScope() as scope:
            async with LocalServer(engine, clocks=Clocks(close=0.3)) as server:
                reader = await connect()
                await reader.begin()
                await (await connect()).begin(format="flac")
                await connect()
                busy = await connect()
                await busy.begin()
                engine.on_feed = anyio.sleep_forever
                await busy.audio(bytes(3200))
                await engine.fed.wait()
                engine.on_feed, engine.results, engine.fed = nothing, FLOOD, anyio.Event()
                stuck = await connect()
                await stuck.begin()
                await stuck.audio(bytes(3200))
                await engine.fed.wait()
                closing = asyncio.ensure_future(reader.close_code())
                began = anyio.current_time()
                if is_cancelled:
                    scope.cancel()
                await checkpoint()
        assert anyio.current_time() - began < 1.5
        assert await closing == 1001
    assert scope.cancelled_caught == is_cancelled
    assert engine.is_closed
    assert not engine.streams
    await anyio.wait_all_tasks_blocked()
    assert asyncio.all_tasks() <= before
    assert not caplog.records


async def test_a_result_that_comes_too_late(caplog: pytest.LogCaptureFixture) -> None:
    """Results of an engine after the task has failed are dropped, and are not an error."""
    engine = Watched()
    async with LocalServer(engine, clocks=QUICK) as server, connected(server) as peer:

        async def on_feed() -> None:
            (connection,) = server._connections
            await peer.command("dance-task", {"input": {}})
            with anyio.fail_after(LIMIT, shield=True):  # as in a worker thread
                while not connection._closing:
                    await checkpoint()

        engine.on_feed = on_feed
        await peer.begin()
        await peer.audio(bytes(SECOND), size=SECOND)
        assert (await peer.failure())[0] == "CLIENT_ERROR"
        await engine.all_closed()
    assert not caplog.records
