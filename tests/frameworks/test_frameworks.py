"""The blocking client and the drop-in in the programs in which they are used."""

import asyncio
import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

from asgiref.sync import async_to_sync, sync_to_async

from paraformer_async import AsyncRecognizer
from paraformer_async.sync import Recognizer
from paraformer_async.testing import marked, marks_of
from tests.frameworks.conftest import Start, end, free_port
from tests.sync.conftest import StartServer

BOUND = 30.0

APPLICATION = """
import os
import time

from flask import Flask, jsonify

import paraformer_async.dashscope as dashscope
from paraformer_async.dashscope import Recognition, RecognitionCallback
from paraformer_async.sync import Recognizer
from paraformer_async.testing import marked, marks_of

app = Flask(__name__)
recognizer = Recognizer(api_key="any")
dashscope.api_key = "any"
MASTER = os.getpid()
if os.environ.get("USE_BEFORE_FORK"):  # as a health check does that runs on import
    assert marks_of(list(recognizer.stream([marked(200)]))) == list(range(10))


class Notes(RecognitionCallback):
    def __init__(self):
        self.text = ""

    def on_event(self, result):
        self.text = result.get_sentence()["text"]


@app.get("/blocking/<int:first>")
def blocking(first):
    stream = recognizer.stream([marked(400, first=first)])
    return jsonify(marks=marks_of(list(stream)), process=os.getpid(), master=MASTER)


@app.get("/drop-in/<int:first>")
def drop_in(first):
    notes = Notes()
    recognition = Recognition("paraformer-realtime-v2", notes, "pcm", 16000)
    recognition.start()
    recognition.send_audio_frame(marked(400, first=first))
    recognition.stop()
    return jsonify(marks=[int(mark) for mark in notes.text.split()], process=os.getpid())


@app.get("/blocked")
def blocked():
    def source():
        yield marked(1000)
        time.sleep(3600)

    for result in recognizer.stream(source()):
        return jsonify(marks=marks_of([result]), process=os.getpid())
"""

TASKS = """
import os

from celery import Celery

from paraformer_async.sync import Recognizer
from paraformer_async.testing import marked, marks_of

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.update(
    broker_transport_options={
        "data_folder_in": os.environ["FOLDER"],
        "data_folder_out": os.environ["FOLDER"],
        "control_folder": os.environ["FOLDER"],
    },
)
recognizer = Recognizer(api_key="any")
assert marks_of(list(recognizer.stream([marked(200)]))) == list(range(10))


@app.task
def transcribe(first):
    marks = marks_of(list(recognizer.stream([marked(400, first=first)])))
    return [marks, os.getpid()]
"""

NOTEBOOK = """
from paraformer_async.sync import Recognizer
from paraformer_async.testing import marked, marks_of
recognizer = Recognizer(api_key="any")
print(marks_of(list(recognizer.stream([marked(400)]))))
from paraformer_async import AsyncRecognizer
async with AsyncRecognizer(api_key="any") as asynchronous:
    print(marks_of([result async for result in asynchronous.stream([marked(400)])]))
"""


def get(url: str) -> Any:
    """Return what a service answers, once it does."""
    deadline = time.monotonic() + BOUND
    while True:
        try:
            with urllib.request.urlopen(url, timeout=BOUND) as answer:  # noqa: S310 - http
                return json.loads(answer.read())
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_gunicorn(start_server: StartServer, start: Start, tmp_path: Path) -> None:
    """Flask under gunicorn, loaded and used before the fork, with two workers of four threads."""
    (tmp_path / "application.py").write_text(APPLICATION, "utf-8")
    address = f"127.0.0.1:{free_port()}"
    service = start(
        *("gunicorn", "--preload", "--workers", "2", "--threads", "4", "--bind", address),
        *("--graceful-timeout", "5", "application:app"),
        USE_BEFORE_FORK="1",
        DASHSCOPE_WEBSOCKET_BASE_URL=start_server().url,
    )
    workers = set()
    for first in range(20):
        for path in ("blocking", "drop-in"):
            answer = get(f"http://{address}/{path}/{first}")
            assert answer["marks"] == list(range(first, first + 20))
            workers.add(answer["process"])
    assert service.pid not in workers
    get(f"http://{address}/blocked")
    end(service, tmp_path)


def test_celery(start_server: StartServer, start: Start, tmp_path: Path) -> None:
    """Tasks of Celery in processes that are forked from one in which the recognizer was used."""
    (tmp_path / "tasks.py").write_text(TASKS, "utf-8")
    (tmp_path / "queue").mkdir()
    (tmp_path / "results").mkdir()
    environment = {
        "BROKER": "filesystem://",
        "BACKEND": (tmp_path / "results").as_uri(),
        "FOLDER": str(tmp_path / "queue"),
        "DASHSCOPE_WEBSOCKET_BASE_URL": start_server().url,
    }
    worker = start(
        *("celery", "--app", "tasks", "worker", "--pool", "prefork", "--concurrency", "2"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        **environment,
    )
    program = (
        "import json, tasks\n"
        "calls = [tasks.transcribe.delay(number) for number in range(6)]\n"
        f"results = [call.get(timeout={BOUND}) for call in calls]\n"
        "assert [one[0] for one in results] == "
        "[list(range(number, number + 20)) for number in range(6)], results\n"
        "open('done', 'w').write('yes')\n"
    )
    (tmp_path / "calls.py").write_text(program, "utf-8")
    assert 0 == start("calls", **environment).wait(2 * BOUND)
    assert (tmp_path / "done").exists()
    end(worker, tmp_path)


def test_a_notebook(start_server: StartServer, tmp_path: Path, monkeypatch: Any) -> None:
    """Both clients work in a cell of a notebook, where an event loop runs, and the kernel ends."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", start_server().url)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
    began = time.monotonic()
    NotebookClient(notebook, timeout=BOUND, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.text.splitlines() == [str(list(range(20)))] * 2
    assert time.monotonic() - began < BOUND


def test_async_to_sync(start_server: StartServer) -> None:
    """Both clients work where Django crosses between synchronous and asynchronous code."""
    url = start_server().url
    recognizer = Recognizer(endpoint=url, api_key="any")

    def blocking() -> list[int]:
        return marks_of(list(recognizer.stream([marked(400)])))

    async def asynchronous() -> list[int]:
        async with AsyncRecognizer(endpoint=url, api_key="any") as client:
            marks = marks_of([result async for result in client.stream([marked(400)])])
        return marks + await sync_to_async(blocking)()

    expected = [*range(20), *range(20)]
    assert async_to_sync(asynchronous)() == expected
    assert asyncio.run(asynchronous()) == expected
    assert blocking() == list(range(20))
    recognizer.close()
