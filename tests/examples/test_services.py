"""FastAPI, Flask and Celery: each example in a process of its own, with real clients."""

import asyncio
import json
import os
import socket
import sys
import time
import urllib.request
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import anyio
import pytest
from aiohttp import ClientConnectionError, ClientSession, ClientWebSocketResponse

from paraformer_async import RecognitionResult, Sentence
from paraformer_async.testing import FailTask, ScriptedServer, Stall, marked, marks_of
from tests.frameworks.conftest import Start, end, free_port
from tests.frameworks.test_frameworks import get
from tests.sync.conftest import StartServer

EXAMPLES = Path(__file__).parents[2] / "examples"
SPEECH = EXAMPLES / "audio" / "goforward.wav"
BOUND = 30.0
MINUTE = marked(60_000)


class Service:
    """The FastAPI example."""

    def __init__(self, start: Start, server: ScriptedServer) -> None:
        self._port = free_port()
        self.process = start(
            *("uvicorn", "--app-dir", str(EXAMPLES), "--port", str(self._port)),
            "fastapi_websocket:app",
            DASHSCOPE_API_KEY="any",
            DASHSCOPE_WEBSOCKET_BASE_URL=server.url,
        )

    def statistics(self) -> Any:
        """Return what runs in the service, once it has started."""
        return get(f"http://127.0.0.1:{self._port}/statistics")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[ClientWebSocketResponse]:
        """Connect a client."""
        url = f"http://127.0.0.1:{self._port}/recognize"
        with anyio.fail_after(BOUND):
            async with ClientSession() as session, session.ws_connect(url) as client:
                yield client

    async def until(self, **expected: int) -> None:
        """Wait for some of the statistics."""
        with anyio.fail_after(BOUND):
            now = await asyncio.to_thread(self.statistics)
            while not expected.items() <= now.items():
                await asyncio.sleep(0.05)
                now = await asyncio.to_thread(self.statistics)


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on asyncio."""
    return "asyncio"


@pytest.mark.anyio
async def test_fastapi(start: Start, start_server: StartServer, tmp_path: Path) -> None:
    """Clients receive all results; one that leaves or fails affects no other; shutdown ends all."""
    service = Service(start, start_server(faults=[None, None, FailTask("InvalidParameter", "no")]))
    service.statistics()
    async with service.client() as client:
        await client.send_bytes(marked(2000))
        await client.send_str("end")
        texts = [message.data async for message in client]
    assert list(range(100)) == marks_of([RecognitionResult.from_json(one) for one in texts])
    assert 1000 == client.close_code

    async with service.client() as client:  # leaves without a word
        await client.send_bytes(MINUTE)
        await client.receive()
        await service.until(running=1)
    await service.until(running=0, ended=2, failed=0)

    async with service.client() as client:
        await client.send_bytes(marked(1000))
        message = await client.receive()
        assert (1011, "TaskFailedError") == (message.data, message.extra)

    async with service.client() as client:  # a shutdown does not wait for this one
        await client.send_bytes(MINUTE)
        await client.receive()
        await asyncio.to_thread(end, service.process, tmp_path)


@pytest.mark.anyio
async def test_fastapi_makes_fast_clients_wait(start: Start, start_server: StartServer) -> None:
    """While the service reads nothing, a client cannot send any amount of audio."""
    service = Service(start, start_server(forever=Stall(after_ms=100)))
    service.statistics()
    sent = 0
    async with service.client() as client:
        with pytest.raises((TimeoutError, ClientConnectionError)):
            async with asyncio.timeout(2.0):
                for _ in range(200):  # 200 minutes, 384 MB
                    await client.send_bytes(MINUTE)
                    sent += 1
        service.process.kill()
        while not client.closed:  # what was not sent keeps the connection open until then
            await client.receive()
    assert sent < 100


def until_started(port: int) -> None:
    """Wait until a service accepts connections."""
    deadline = time.monotonic() + BOUND
    while True:
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def post(url: str, field: str, content: bytes) -> tuple[int, Any]:
    """Upload a file as a form; return the status, and the JSON of the answer."""
    boundary = "a-boundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="a"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - http
    try:
        with urllib.request.urlopen(request, timeout=BOUND) as answer:  # noqa: S310 - http
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


def test_flask(start: Start, start_server: StartServer, tmp_path: Path) -> None:
    """An upload is transcribed; what is no audio, or no file, is an error that says what to do."""
    server = start_server(faults=[None, FailTask("InvalidParameter", "no")])
    port = free_port()
    service = start(
        *("flask", "--app", str(EXAMPLES / "flask_upload"), "run", "--port", str(port)),
        DASHSCOPE_API_KEY="any",
        DASHSCOPE_WEBSOCKET_BASE_URL=server.url,
    )
    url = f"http://127.0.0.1:{port}/transcribe"
    until_started(port)
    status, answer = post(url, "audio", SPEECH.read_bytes())
    assert (200, {"text", "srt", "seconds"}) == (status, set(answer))
    assert (502, {"error": "TaskFailedError"}) == post(url, "audio", SPEECH.read_bytes())
    status, answer = post(url, "audio", b"PK\x03\x04" + bytes(100))
    assert 415 == status
    assert "archive" in answer["error"]
    assert 400 == post(url, "sound", b"")[0]
    end(service, tmp_path)


def test_celery(start: Start, start_server: StartServer, tmp_path: Path) -> None:
    """Files are transcribed in a worker, which is a process that was forked."""
    for name in ("queue", "results"):
        (tmp_path / name).mkdir()
    folders = {name: str(tmp_path / "queue") for name in ("data_folder_in", "data_folder_out")}
    options = folders | {"control_folder": str(tmp_path / "queue")}
    (tmp_path / "settings.py").write_text(f"broker_transport_options = {options!r}", "utf-8")
    environment = {
        "CELERY_BROKER_URL": "filesystem://",
        "CELERY_RESULT_BACKEND": (tmp_path / "results").as_uri(),
        "CELERY_CONFIG_MODULE": "settings",
        "DASHSCOPE_API_KEY": "any",
        "DASHSCOPE_WEBSOCKET_BASE_URL": start_server([Sentence(0, 900, "Go.")]).url,
    }
    celery = ("celery", "--app", "celery_tasks", "--workdir", str(EXAMPLES))
    worker = start(
        *(*celery, "worker", "--concurrency", "1"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        **environment,
    )
    program = (
        "import sys\n"
        f"sys.path.insert(0, {str(EXAMPLES)!r})\n"
        "from celery_tasks import transcribe\n"
        f"found = transcribe.delay({str(SPEECH)!r}).get(timeout={BOUND})\n"
        "assert 'Go.' == found['text'] and 'Go.' in found['srt'], found\n"
    )
    (tmp_path / "calls.py").write_text(program, "utf-8")
    assert 0 == start("calls", **environment).wait(2 * BOUND)
    end(worker, tmp_path)


@pytest.mark.anyio
async def test_ffmpeg_reports(tmp_path: Path) -> None:
    """What ffmpeg reports is shown; without ffmpeg, the example says so."""
    program = [sys.executable, str(EXAMPLES / "ffmpeg_pipe.py")]
    done = await anyio.run_process([*program, str(tmp_path / "none.ts")], check=False)
    assert 1 == done.returncode
    assert b"none.ts" in done.stderr
    assert b"No such file" in done.stderr
    nowhere = os.environ | {"PATH": str(tmp_path)}
    done = await anyio.run_process(program, check=False, env=nowhere)
    assert 1 == done.returncode
    assert done.stderr.startswith(b"install ffmpeg")


@pytest.mark.anyio
async def test_ffmpeg_ends_with_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that leaves ends ffmpeg, although that has more to decode."""
    monkeypatch.syspath_prepend(EXAMPLES)
    from ffmpeg_pipe import decoded

    with wave.open(str(tmp_path / "long.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(20_000_000))
    with anyio.fail_after(BOUND):
        audio = decoded(str(tmp_path / "long.wav"))
        assert await anext(audio)
        await audio.aclose()
    with pytest.raises(ChildProcessError):  # none is left
        os.waitpid(-1, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
