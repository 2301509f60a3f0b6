"""The scripted service as a raw WebSocket client sees it: each fault, and what is remembered."""

import json
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import Any

import aiohttp
import anyio
import anyio.abc
import anyio.lowlevel
import msgspec
import pytest
from aiohttp import WSMsgType

from paraformer_async import Sentence, Word
from paraformer_async.server import Clocks
from paraformer_async.testing import (
    Drop,
    FailTask,
    HalfClose,
    Late,
    Malformed,
    NeverFinish,
    NeverStart,
    Refuse,
    ScriptedServer,
    SlowClose,
    Stall,
    Throttle,
    Unknown,
    marked,
)
from paraformer_async.testing.scripts import begin_run

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

FRAME = 3200  # bytes of 100 ms
LIMIT = 10  # seconds until a test gives up
A_WHILE = 0.1  # seconds in which nothing comes
TICK = 0.002  # seconds; uvloop's clock counts ms
HELLO = Sentence(
    begin_time=100,
    end_time=900,
    text="Hello, world.",
    words=(Word(100, 400, "Hello", ","), Word(500, 800, "world", ".")),
)


class Peer:
    """A client that sends what a test wants, right or wrong."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.task_id = ""

    async def command(self, action: str, payload: Any = None, task_id: str | None = None) -> None:
        """Send a text frame."""
        header = {"action": action, "task_id": task_id or self.task_id, "streaming": "duplex"}
        message = {"header": header, "payload": payload or {"input": {}}}
        await self.socket.send_str(json.dumps(message))

    async def run_task(self, task_id: str | None = None, **parameters: Any) -> None:
        """Send run-task."""
        self.task_id = task_id or str(uuid.uuid4())
        payload = {
            "task": "asr",
            "function": "recognition",
            "model": "paraformer-realtime-v2",
            "parameters": {"format": "pcm", "sample_rate": 16000} | parameters,
            "input": {},
        }
        await self.command("run-task", payload)

    async def begin(self, **parameters: Any) -> None:
        """Begin a task, as it should be."""
        await self.run_task(**parameters)
        assert await self.event() == "task-started"

    async def audio(self, data: bytes) -> None:
        """Send audio in frames of 100 ms."""
        for start in range(0, len(data), FRAME):
            await self.socket.send_bytes(data[start : start + FRAME])

    async def answer(self) -> dict[str, Any]:
        """Return the next message, which is an event."""
        message = await self.message()
        assert message.type is WSMsgType.TEXT, message
        answer: dict[str, Any] = json.loads(message.data)
        return answer

    async def event(self) -> str:
        """Return the name of the next event."""
        return str((await self.answer())["header"]["event"])

    async def message(self) -> aiohttp.WSMessage:
        """Return the next message."""
        with anyio.fail_after(LIMIT):
            return await self.socket.receive()

    async def texts(self) -> list[str]:
        """Return the texts of all results until something else comes; finals end with `|`."""
        texts: list[str] = []
        while True:
            answer = await self.answer()
            if answer["header"]["event"] != "result-generated":
                return texts
            sentence = answer["payload"]["output"]["sentence"]
            texts.append(sentence["text"] + ("|" if sentence["sentence_end"] else ""))

    async def finals(self) -> list[str]:
        """Return the final texts until something else than a result comes."""
        return [text[:-1] for text in await self.texts() if text.endswith("|")]

    async def code(self) -> int | None:
        """Return the close code after all that comes before it; 1006 for none."""
        while (await self.message()).type is WSMsgType.TEXT:
            pass
        return self.socket.close_code

    async def is_quiet(self) -> bool:
        """Return whether nothing comes for a while."""
        with anyio.move_on_after(A_WHILE) as scope:
            await self.socket.receive()
        return scope.cancelled_caught


@asynccontextmanager
async def peer_of(server: ScriptedServer, **options: Any) -> AsyncIterator[Peer]:
    """Connect to *server*."""
    headers = {"Authorization": "Bearer any"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.ws_connect(server.url, **options) as socket:
            yield Peer(socket)


def blocks(first: int, end: int) -> str:
    """Return the text of a sentence of marks."""
    return " ".join(map(str, range(first, end)))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the other side has yet to notice."""
    with anyio.fail_after(LIMIT):
        while not condition():
            await anyio.lowlevel.checkpoint()


async def test_good_task() -> None:
    """Without faults all marked audio is recognized, and the connection takes another task."""
    async with ScriptedServer() as server, peer_of(server) as peer:
        for _ in range(2):
            await peer.begin()
            await peer.audio(marked(2400))
            await peer.command("finish-task")
            assert await peer.finals() == [blocks(0, 50), blocks(50, 100), blocks(100, 120)]
        assert server.violations == []


async def test_what_came_is_remembered() -> None:
    """Tasks, handshakes and connections are remembered as they were."""
    async with ScriptedServer() as server:
        async with peer_of(server) as peer:
            await peer.begin(sample_rate=8000, heartbeat=True)
            await peer.audio(marked(240, sample_rate=8000))
            await peer.command("finish-task")
            await peer.texts()
            await peer.begin()
            first, second = server.received
            assert first.task_id != second.task_id == peer.task_id
            assert first.model == "paraformer-realtime-v2"
            assert first.parameters["heartbeat"] is True
            assert first.audio == marked(240, sample_rate=8000)
            assert first.audio_ms == 240
            assert (first.has_finish, second.has_finish) == (True, False)
            assert first.connection == second.connection == 0
            assert (server.connections.accepted, server.connections.open) == (1, 1)
            assert "240 ms" in repr(first)
            assert repr(server.connections) == "<Connections accepted=1 open=1>"
        await until(lambda: server.connections.open == 0)
        assert [one["authorization"] for one in server.headers] == ["Bearer any"]


async def test_sentences_come_word_by_word() -> None:
    """A script of sentences comes as the audio reaches it: words, then the whole."""
    async with ScriptedServer([HELLO]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(bytes(FRAME * 10))
        await peer.command("finish-task")

        assert await peer.texts() == ["Hello,", "Hello, world.", "Hello, world.|"]


@pytest.mark.parametrize("mark", [None, False, True])
async def test_only_the_first_result_of_a_sentence_is_marked(mark: bool | None) -> None:
    """A sentence that is marked as beginning is so in its first result."""
    script = [msgspec.structs.replace(HELLO, sentence_begin=mark)]
    results = list(begin_run(script, {"sample_rate": 16000}).feed(bytes(FRAME * 10)))
    assert [mark, *[False if mark else mark] * 2] == [one.sentence_begin for one in results]


async def test_sentence_that_began_comes_at_the_end() -> None:
    """When the audio ends early, a sentence that has begun comes whole, and no later one."""
    script = [Sentence(text="now"), Sentence(begin_time=300, end_time=400, text="later")]
    async with ScriptedServer(script) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(bytes(FRAME))
        await peer.command("finish-task")

        assert await peer.texts() == ["now|"]


class Counter:
    """A script whose result is how many bytes it received."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.rate = parameters["sample_rate"]
        self.bytes = 0

    def feed(self, audio: bytes) -> list[Sentence]:
        """Return nothing."""
        self.bytes += len(audio)
        return []

    def finish(self) -> Iterator[Sentence]:
        """Return the result."""
        yield Sentence(text=f"{self.bytes} bytes at {self.rate} Hz", sentence_end=True)


async def test_script_of_ones_own() -> None:
    """Any callable that makes a speaker from the task's parameters is a script."""
    async with ScriptedServer(Counter) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(bytes(FRAME * 2))
        await peer.command("finish-task")

        assert await peer.texts() == ["6400 bytes at 16000 Hz|"]


class Chatterbox(Counter):
    """A script with more results than any buffer holds."""

    def feed(self, audio: bytes) -> list[Sentence]:
        """Return 10 MB."""
        return [Sentence(text="word " * 200_000)] * 10


async def test_client_that_takes_nothing_is_cut_off() -> None:
    """A client that reads no results is given up after a while."""
    async with ScriptedServer(Chatterbox, clocks=Clocks(send=A_WHILE)) as server:
        async with raw_peer(server) as stream:
            await stream.send(frame(1, json.dumps(RUN_TASK).encode()) + frame(2, bytes(100)))
            await until(lambda: bool(server.received))
            await until(lambda: server.connections.open == 0)


async def test_drop_in_mid_audio() -> None:
    """The connection is cut after so much received audio, without a close frame, and only once."""
    fault = Drop(after_ms=2310)
    async with ScriptedServer(faults=[None, fault]) as server:
        for _ in range(3):
            async with peer_of(server) as peer:
                await peer.begin()
                await peer.audio(marked(3000))
                await peer.command("finish-task")
                while (message := await peer.message()).type is WSMsgType.TEXT:
                    if "task-finished" in message.data:
                        break
        assert [one.audio_ms for one in server.received] == [3000, 2310, 3000]
        assert [one.has_finish for one in server.received] == [True, False, True]
        assert server.happened == [fault]
        assert server.violations == []


@pytest.mark.parametrize(
    ("fault", "finals"),
    [
        (Drop(after_ms=990), []),
        (Drop(after_ms=990, before_final=True), []),
        (Drop(after_ms=990, before_final=False), [blocks(0, 50)]),
        (Drop(after_ms=1500, before_final=True), [blocks(0, 50)]),
        (Drop(at="started", before_final=True), []),
        (Drop(at="finish"), [blocks(0, 50)]),
        (Drop(at="finish", before_final=True), [blocks(0, 50)]),
        (Drop(at="finish", before_final=False), [blocks(0, 50), blocks(50, 75)]),
        (Drop(at="finished"), [blocks(0, 50), blocks(50, 75)]),
        (Drop(at="finished", before_final=False), [blocks(0, 50), blocks(50, 75)]),
    ],
    ids=lambda value: str(value) if isinstance(value, Drop) else "",
)
async def test_moments_of_a_drop(fault: Drop, finals: list[str]) -> None:
    """A drop comes at its moment: results before it are delivered, and nothing else."""
    async with ScriptedServer(faults=[fault]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(marked(1500))
        await peer.command("finish-task")
        texts: list[str] = []
        while (message := await peer.message()).type is WSMsgType.TEXT:
            sentence = json.loads(message.data)["payload"]["output"]["sentence"]
            texts += [sentence["text"]] if sentence["sentence_end"] else []

        assert texts == finals
        assert peer.socket.close_code == 1006
        assert server.happened == [fault]


async def test_drop_before_started() -> None:
    """A drop at run-task comes instead of task-started."""
    async with ScriptedServer(faults=[Drop(at="run-task")]) as server, peer_of(server) as peer:
        await peer.run_task()

        assert (await peer.message()).type is not WSMsgType.TEXT
        assert len(server.received) == 1


async def test_drop_of_an_idle_connection() -> None:
    """A drop at idle comes after task-finished, as when a pooled connection dies."""
    async with ScriptedServer(faults=[Drop(at="idle")]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.command("finish-task")

        assert await peer.event() == "task-finished"
        assert await peer.code() == 1006


async def test_drop_with_a_close_code() -> None:
    """A drop can bring a close code and a reason."""
    fault = Drop(at="started", code=1011, reason="going to bed")
    async with ScriptedServer(faults=[fault]) as server:
        async with peer_of(server, autoclose=False) as peer:
            await peer.begin()
            message = await peer.message()

            assert (message.data, message.extra) == (1011, "going to bed")


async def test_moment_that_never_comes() -> None:
    """A fault beyond the end of the audio does not happen, and that can be seen."""
    async with ScriptedServer(faults=[Drop(after_ms=200)]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(marked(180))
        await peer.command("finish-task")

        assert await peer.finals() == [blocks(0, 9)]
        assert server.happened == []


@pytest.mark.parametrize("kind", [Drop, Stall, lambda **moment: FailTask("code", **moment)])
async def test_fault_has_one_moment(kind: Callable[..., Any]) -> None:
    """A fault with two moments, or without one that it needs, is an error."""
    with pytest.raises(ValueError, match="either after_ms= or at="):
        kind(after_ms=1, at="finish")
    with pytest.raises(ValueError, match="Stall: set either"):
        Stall()


@pytest.mark.parametrize(
    "kind", [Drop, Stall, HalfClose, Malformed, Unknown, lambda at: FailTask("code", at=at)]
)
async def test_moment_that_is_none(kind: Callable[..., Any]) -> None:
    """A fault at a moment that there is not is a ValueError, which names those that there are."""
    with pytest.raises(ValueError, match="at='typo' is not one of 'run-task', 'started', 'finish'"):
        kind(at="typo")


@pytest.mark.parametrize("script", ["text", "", b"bytes", HELLO, ["text"], [HELLO, None], 5])
async def test_script_that_is_none(script: Any) -> None:
    """What is no script is refused on creation, by a TypeError that describes one."""
    with pytest.raises(TypeError, match="script: must be a list of Sentence, or a callable"):
        ScriptedServer(script)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"faults": [5]}, "faults: 5 is not a fault, like Drop"),
        ({"faults": [None, Stall]}, "faults: .*Stall.* is not a fault"),
        ({"faults": Throttle()}, "faults: must be a list of faults, not Throttle"),
        ({"faults": None}, "faults: must be a list of faults, not None"),
        ({"forever": "Drop"}, "forever: 'Drop' is not a fault"),
    ],
)
async def test_fault_that_is_none(options: dict[str, Any], message: str) -> None:
    """What is no fault is refused on creation, by a TypeError that names it."""
    with pytest.raises(TypeError, match=message):
        ScriptedServer(**options)


async def test_repr_shows_the_address() -> None:
    """A server shows its address while it is open, and that it is closed before and after."""
    server = ScriptedServer()
    assert repr(server) == "<ScriptedServer closed>"
    async with server:
        assert repr(server) == f"<ScriptedServer {server.url}>"
    assert repr(server) == "<ScriptedServer closed>"


@pytest.mark.parametrize("fault", [FailTask("ModelNotFound", "none"), Throttle()], ids=str)
async def test_failure_at_run_task(fault: FailTask) -> None:
    """A task that fails at once gets task-failed for run-task, and the connection is closed."""
    async with ScriptedServer(faults=[fault]) as server, peer_of(server) as peer:
        await peer.run_task()
        header = (await peer.answer())["header"]

        assert (header["event"], header["task_id"]) == ("task-failed", peer.task_id)
        assert (header["error_code"], header["error_message"]) == (fault.code, fault.message)
        assert await peer.code() == 1000


async def test_failure_in_mid_audio() -> None:
    """A task can fail after so much audio, with the results before."""
    fault = FailTask("InternalError", "oops", after_ms=1200)
    async with ScriptedServer(faults=[fault]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(marked(1500))

        assert await peer.finals() == [blocks(0, 50)]
        assert await peer.code() == 1000


async def test_refused_handshakes() -> None:
    """A refusal answers the handshake with its status, body and headers; it is no task's fault."""
    refusal = Refuse(429, "slow down", {"Retry-After": "3"})
    async with ScriptedServer(faults=[refusal, NeverStart()], forever=Refuse(503)) as server:
        async with aiohttp.ClientSession() as session, session.get(server.url) as answer:
            assert answer.status == 429
            assert await answer.text() == "slow down"
            assert answer.headers["Retry-After"] == "3"
        async with peer_of(server) as peer:
            await peer.run_task()
            assert await peer.is_quiet()
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await peer_of(server).__aenter__()
        assert server.happened == [refusal, NeverStart(), Refuse(503), Refuse(503)]
        assert server.connections.accepted == 1
        assert len(server.headers) == 4


async def test_refusal_waits_for_a_handshake() -> None:
    """A task on a connection that is reused is good while the next fault is a refusal."""
    async with ScriptedServer(faults=[None, Refuse(500)]) as server:
        async with peer_of(server) as peer:
            for _ in range(2):
                await peer.begin()
                await peer.command("finish-task")
                assert await peer.event() == "task-finished"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await peer_of(server).__aenter__()


async def test_fault_for_ever() -> None:
    """After the list is used up, `forever` is the fault of each task."""
    async with ScriptedServer(faults=[None], forever=Throttle()) as server:
        events: list[str] = []
        for _ in range(3):
            async with peer_of(server) as peer:
                await peer.run_task()
                events.append(await peer.event())
        assert events == ["task-started", "task-failed", "task-failed"]


async def test_task_that_never_starts() -> None:
    """Run-task is not answered, and the client may leave as it likes."""
    async with ScriptedServer(faults=[NeverStart()]) as server, peer_of(server) as peer:
        await peer.run_task()

        assert await peer.is_quiet()
    assert server.violations == []


async def test_task_that_never_finishes() -> None:
    """The last results come, task-finished does not."""
    async with ScriptedServer(faults=[NeverFinish()]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(marked(20))
        await peer.command("finish-task")

        assert await peer.event() == "result-generated"
        assert await peer.event() == "result-generated"
        assert await peer.is_quiet()


async def test_stall() -> None:
    """A service that stalls takes nothing more: writing comes to a stop, and nothing is sent."""
    fault = Stall(after_ms=100)
    async with ScriptedServer(faults=[fault]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(marked(100))
        await until(lambda: server.happened == [fault])
        is_stuck = False
        while not is_stuck:
            with anyio.move_on_after(3 * A_WHILE) as scope:
                await peer.socket.send_bytes(bytes(16000))
            is_stuck = scope.cancelled_caught
        assert server.received[0].audio_ms == 100
        assert server.connections.open == 1
        peer.socket._response.close()


async def test_half_close() -> None:
    """The client sees the end of the stream, without a close frame."""
    async with ScriptedServer(faults=[HalfClose(after_ms=100)]) as server:
        async with peer_of(server) as peer:
            await peer.begin()
            await peer.audio(marked(200))

            assert await peer.code() == 1006
        await until(lambda: server.connections.open == 0)


async def test_half_close_goes_on_reading() -> None:
    """After a half-close the service still takes what a client sends, also a ping."""
    async with ScriptedServer(faults=[HalfClose(at="run-task")]) as server:
        async with raw_peer(server) as stream:
            await stream.send(frame(1, json.dumps(RUN_TASK).encode()))
            assert await stream.receive() == b""
            await stream.send(frame(9, b"ping") + frame(2, bytes(100)) + frame(1, b"{}"))
            assert server.connections.open == 1
        await until(lambda: server.connections.open == 0)


RUN_TASK = {
    "header": {"action": "run-task", "task_id": "0" * 32, "streaming": "duplex"},
    "payload": {
        "task": "asr",
        "function": "recognition",
        "model": "any",
        "parameters": {"format": "pcm", "sample_rate": 16000},
        "input": {},
    },
}


class RawStream:
    """A TCP connection after its WebSocket handshake, from which the end can be read."""

    def __init__(self, stream: anyio.abc.SocketStream) -> None:
        self.stream = stream

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        await self.stream.send(data)

    async def receive(self) -> bytes:
        """Return bytes; empty at the end."""
        with anyio.fail_after(LIMIT):
            try:
                return await self.stream.receive()
            except anyio.EndOfStream:
                return b""


@asynccontextmanager
async def raw_peer(server: ScriptedServer) -> AsyncIterator[RawStream]:
    """Connect without aiohttp, which would close at once what is half closed."""
    async with await anyio.connect_tcp("127.0.0.1", port_of(server)) as stream:
        await stream.send(
            b"GET /api-ws/v1/inference HTTP/1.1\r\nHost: any\r\nAuthorization: Bearer any\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert b"101" in await stream.receive()
        yield RawStream(stream)


def frame(opcode: int, data: bytes) -> bytes:
    """Return a masked WebSocket frame; the mask is zero."""
    length = len(data)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + bytes(4) + data


def port_of(server: ScriptedServer) -> int:
    """Return the server's port."""
    return int(server.url.split(":")[2].split("/")[0])


async def test_malformed_event() -> None:
    """A frame that is no JSON comes in its moment, and the task goes on."""
    fault = Malformed(after_ms=100, text="{nonsense")
    async with ScriptedServer(faults=[fault]) as server, peer_of(server) as peer:
        await peer.begin()
        await peer.audio(marked(100))
        assert await peer.event() == "result-generated"
        assert (await peer.message()).data == "{nonsense"
        await peer.command("finish-task")

        assert await peer.finals() == [blocks(0, 5)]


async def test_unknown_event_and_fields() -> None:
    """An event of an unknown kind comes, and then events with unknown fields."""
    async with ScriptedServer(faults=[Unknown(at="started")]) as server, peer_of(server) as peer:
        await peer.begin()
        assert await peer.event() == "unknown-event"
        await peer.audio(marked(20))
        result = await peer.answer()
        assert "unknown" in result["header"]
        assert "unknown" in result["payload"]["output"]["sentence"]
        await peer.command("finish-task")

        assert await peer.finals() == [blocks(0, 1)]


async def test_slow_close() -> None:
    """The client's close frame is answered after some time only."""
    async with ScriptedServer(faults=[SlowClose(A_WHILE)]) as server, peer_of(server) as peer:
        await peer.begin()
        begin = anyio.current_time()
        await peer.socket.close()

        assert anyio.current_time() - begin >= A_WHILE - TICK
        assert peer.socket.close_code == 1000


async def test_late_results() -> None:
    """Results come late and in order, and the audio does not wait for them."""
    delay = 4 * A_WHILE
    async with ScriptedServer(faults=[Late(delay)]) as server, peer_of(server) as peer:
        await peer.begin()
        begin = anyio.current_time()
        await peer.audio(marked(1500))
        await peer.command("finish-task")
        await until(lambda: server.received[0].has_finish)
        assert anyio.current_time() - begin < delay

        assert await peer.finals() == [blocks(0, 50), blocks(50, 75)]
        assert anyio.current_time() - begin >= delay - TICK


async def test_client_that_leaves_before_late_results() -> None:
    """Results that come too late for the client do no harm."""
    async with ScriptedServer(faults=[Late(A_WHILE)]) as server:
        async with peer_of(server) as peer:
            await peer.begin()
            await peer.audio(marked(1500))
        await until(lambda: server.connections.open == 0)


async def wrong_audio_too_early(peer: Peer) -> None:
    """Send audio before run-task."""
    await peer.audio(bytes(FRAME))


async def wrong_finish(peer: Peer) -> None:
    """Finish what was not begun."""
    await peer.command("finish-task", task_id="1" * 32)


async def wrong_interleaving(peer: Peer) -> None:
    """Begin a task in another."""
    await peer.begin()
    await peer.run_task()


async def wrong_task(peer: Peer) -> None:
    """Finish another task than the running one."""
    await peer.begin()
    await peer.command("finish-task", task_id="1" * 32)


async def wrong_json(peer: Peer) -> None:
    """Send what is no command."""
    await peer.socket.send_str("{")


async def wrong_model(peer: Peer) -> None:
    """Ask for no model."""
    payload = {"task": "asr", "function": "recognition", "parameters": {}, "input": {}}
    await peer.command("run-task", payload, task_id="1" * 32)


async def wrong_rate(peer: Peer) -> None:
    """Ask for a rate that is none."""
    await peer.run_task(sample_rate="16k")


async def wrong_format(peer: Peer) -> None:
    """Ask for no format."""
    await peer.run_task(format=None)


@pytest.mark.parametrize(
    ("misbehave", "text"),
    [
        (wrong_audio_too_early, "audio is not allowed while idle"),
        (wrong_finish, "finish-task is not allowed while idle"),
        (wrong_interleaving, "run-task is not allowed while running"),
        (wrong_task, "finish-task names another task"),
        (wrong_json, "cannot decode the message"),
        (wrong_model, "model is missing"),
        (wrong_rate, "sample_rate: "),
        (wrong_format, "format: "),
    ],
)
async def test_violation_that_ends_the_task(misbehave: Callable[[Peer], Any], text: str) -> None:
    """What the service would not take is noted, and fails the task."""
    async with ScriptedServer() as server, peer_of(server) as peer:
        await misbehave(peer)

        assert await peer.event() == "task-failed"
        (violation,) = server.violations
        assert text in violation


async def test_audio_before_started_is_a_violation() -> None:
    """Audio that does not wait for task-started is noted."""
    async with ScriptedServer(faults=[NeverStart()]) as server, peer_of(server) as peer:
        await peer.run_task()
        await peer.audio(bytes(FRAME))

        assert await peer.event() == "task-failed"
        assert server.violations == ["audio is not allowed while starting"]


async def test_frames_of_bad_sizes_are_noted() -> None:
    """Frames that are too large, cut within a sample, or empty are noted; the task goes on."""
    async with ScriptedServer() as server, peer_of(server) as peer:
        await peer.begin()
        audio = marked(1000)
        for data in (audio[:16386], b"", audio[16386:16387], audio[16387:]):
            await peer.socket.send_bytes(data)
        await peer.command("finish-task")

        assert await peer.finals() == [blocks(0, 50)]
        assert server.violations == [
            "a frame of 16386 bytes: more than 16 KB",
            "an empty frame of audio",
            "a frame of 1 bytes: it ends within a sample",
            "a frame of 15613 bytes: it ends within a sample",
        ]


async def test_compressed_audio_has_frames_of_any_length() -> None:
    """A frame of another format than PCM may have an odd length."""
    async with ScriptedServer() as server, peer_of(server) as peer:
        await peer.begin(format="opus")
        await peer.audio(bytes(333))
        await peer.command("finish-task")
        await peer.texts()

        assert server.violations == []


async def test_bad_task_ids_are_noted() -> None:
    """A task id that is no UUID, and one that was used before, are noted."""
    async with ScriptedServer() as server, peer_of(server) as peer:
        for _ in range(2):
            await peer.run_task("mine")
            await peer.command("finish-task")
            await peer.texts()
            await peer.texts()

        assert server.violations == [
            "the task id 'mine' is not a UUID",
            "the task id 'mine' is not a UUID",
            "the task id mine was used before",
        ]


async def test_bad_handshakes_are_noted() -> None:
    """A request that is no handshake, a handshake without a key, and a bad frame are noted."""
    async with ScriptedServer() as server, aiohttp.ClientSession() as session:
        async with session.get(server.url) as answer:
            assert answer.status == 400
        async with session.ws_connect(server.url):
            pass
        async with raw_peer(server) as stream:
            await stream.send(b"\xff\xff")
            while await stream.receive():
                pass

        assert server.violations[:2] == [
            "a request that is not a WebSocket handshake",
            "a handshake without an API key",
        ]
        assert len(server.violations) == 3


@pytest.mark.parametrize(
    ("clocks", "parameters", "code"),
    [
        (Clocks(message=A_WHILE), {}, "CLIENT_ERROR"),
        (Clocks(message=A_WHILE), {"heartbeat": True}, "CLIENT_ERROR"),
        (Clocks(silence=A_WHILE), {}, "ResponseTimeout"),
        (Clocks(silence=0), {}, "ResponseTimeout"),
    ],
)
async def test_clocks_of_a_task(clocks: Clocks, parameters: dict[str, Any], code: str) -> None:
    """A task without a message, and one without speech, fails as at the real service."""
    async with ScriptedServer(clocks=clocks) as server, peer_of(server) as peer:
        await peer.begin(**parameters)

        assert (await peer.answer())["header"]["error_code"] == code


async def test_silent_audio_is_no_speech() -> None:
    """Silent audio does not stop the clock of silence."""
    async with ScriptedServer(clocks=Clocks(silence=A_WHILE)) as server, peer_of(server) as peer:
        await peer.begin()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send_silence, peer, inf)
            assert await peer.event() == "task-failed"
            tasks.cancel_scope.cancel()


async def test_silent_audio_keeps_a_task_with_heartbeat_alive() -> None:
    """A task that asked for `heartbeat` lives for as long as silent audio comes."""
    clocks = Clocks(silence=3 * A_WHILE)
    async with ScriptedServer(clocks=clocks) as server, peer_of(server) as peer:
        await peer.begin(heartbeat=True)
        await send_silence(peer, 4 * A_WHILE)
        await peer.command("finish-task")

        assert await peer.event() == "task-finished"


async def send_silence(peer: Peer, seconds: float) -> None:
    """Send silent audio for some time."""
    end = anyio.current_time() + seconds
    while anyio.current_time() < end:
        await peer.audio(bytes(FRAME))
        await anyio.sleep(A_WHILE / 10)


async def test_idle_connection_is_closed() -> None:
    """A connection without a task is closed after a while, before the first task and after it."""
    async with ScriptedServer(clocks=Clocks(idle=A_WHILE)) as server:
        async with peer_of(server) as peer:
            assert await peer.code() == 1000
        async with peer_of(server) as peer:
            await peer.begin()
            await peer.command("finish-task")
            assert await peer.code() == 1000


async def test_pings_are_answered() -> None:
    """The service answers pings, and takes pongs, as any WebSocket."""
    async with ScriptedServer() as server, peer_of(server, autoping=False) as peer:
        await peer.socket.pong(b"unasked")
        await peer.socket.ping(b"there?")

        message = await peer.message()
        assert (message.type, message.data) == (WSMsgType.PONG, b"there?")


@pytest.mark.parametrize(
    "fault",
    [None, NeverStart(), NeverFinish(), Stall(at="started"), SlowClose(60), Late(60)],
    ids=str,
)
async def test_leaving_is_quick_whatever_clients_do(fault: Any) -> None:
    """The server leaves within 2 s, with clients in mid-task that do not answer its close."""
    async with AsyncExitStack() as clients:
        async with ScriptedServer(faults=[fault]) as server:
            clients.enter_context(socket.create_connection(("127.0.0.1", port_of(server))))
            stream = await clients.enter_async_context(raw_peer(server))
            await stream.send(frame(1, json.dumps(RUN_TASK).encode()))
            await until(lambda: len(server.received) == 1)
            await stream.send(frame(2, marked(100)[:120]) + frame(8, b"\x03\xe8"))
            begin = anyio.current_time()
        assert anyio.current_time() - begin < 2
        assert server.connections.open == 0


async def test_leaving_by_cancellation() -> None:
    """A server that is canceled leaves as any other."""
    with anyio.CancelScope() as scope:
        async with ScriptedServer() as server, peer_of(server) as peer:
            await peer.begin()
            scope.cancel()
            await anyio.sleep_forever()
    assert server.connections.open == 0
