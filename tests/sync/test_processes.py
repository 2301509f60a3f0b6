"""The blocking client and the drop-in in real processes: their end, forks, and other loops."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sync.conftest import StartServer

ROOT = Path(__file__).parents[2]
# Longest time from the last line of a program to the end of its process, in seconds. The limit of
# users is 2 s; a busy machine gets more.
LONGEST_EXIT = 10.0
# Since 3.12, Python warns of a fork while there are threads; it is what is tested here.
WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")

PRELUDE = """
import os, sys, threading, time
from paraformer_async.sync import Recognizer
from paraformer_async.testing import marked, marks_of
from paraformer_async.dashscope import Recognition, RecognitionCallback
import paraformer_async.dashscope as facade

facade.base_websocket_api_url = sys.argv[1]
facade.api_key = "any"
recognizer = Recognizer(endpoint=sys.argv[1], api_key="any")
AUDIO = "examples/audio/goforward.wav"

def check(recognizer=recognizer):
    assert marks_of(list(recognizer.stream([marked(400)]))) == list(range(20))

class Notes(RecognitionCallback):
    def __init__(self):
        self.texts = []
    def on_event(self, result):
        self.texts.append(result.get_sentence()["text"])

def check_facade():
    notes = Notes()
    recognition = Recognition("paraformer-realtime-v2", notes, "pcm", 16000)
    recognition.start()
    recognition.send_audio_frame(marked(400))
    recognition.stop()
    assert notes.texts[-1].split() == [str(number) for number in range(20)], notes.texts
"""

ENDS = {
    "nothing is closed": """
check()
recognizer.transcribe(AUDIO)
""",
    "a stream was forgotten": """
stream = recognizer.stream().__enter__()
stream.send(marked(1000))
stream.receive()
""",
    "a source is blocked": """
def source():
    yield marked(1000)
    time.sleep(3600)

for result in recognizer.stream(source()):
    break
stream = recognizer.stream(source()).__enter__()
stream.receive()
""",
    "standard input is the source": """
stream = recognizer.stream(sys.stdin.buffer).__enter__()
""",
    "the drop-in was not stopped": """
recognition = Recognition("paraformer-realtime-v2", Notes(), "pcm", 16000)
recognition.start()
recognition.send_audio_frame(marked(1000))
""",
    "a thread waits for results": """
stream = recognizer.stream().__enter__()
threading.Thread(target=stream.receive, daemon=True).start()
""",
    "a thread goes on": """
def later():
    time.sleep(0.6)
    check()
    check_facade()
    print("later", flush=True)

threading.Thread(target=later).start()
""",
    "a generator is closed as it ends": """
def results():
    with Recognizer(endpoint=sys.argv[1], api_key="any") as own, own.stream() as stream:
        stream.send(marked(1000))
        yield from stream

generator = results()
next(generator)
""",
    "a destructor closes": """
class Service:
    def __init__(self):
        self.recognizer = Recognizer(endpoint=sys.argv[1], api_key="any")
        self.stream = self.recognizer.stream().__enter__()
        self.stream.send(marked(1000))
        self.stream.receive()
    def __del__(self):
        stream = self.stream
        for call in (lambda: stream.send(marked(100)), stream.receive, stream.finish):
            try:
                call()
            except Exception as error:
                assert str(error) == "the process is about to end", error
        self.stream.close()
        self.recognizer.close()

service = Service()
""",
    "a destructor stops the drop-in": """
class Service:
    def __init__(self):
        notes = Notes()
        self.recognition = Recognition("paraformer-realtime-v2", notes, "pcm", 16000)
        self.recognition.start()
        self.recognition.send_audio_frame(marked(1000))
        while not notes.texts:
            time.sleep(0.01)
    def __del__(self):
        try:
            self.recognition.stop()
        except Exception as error:
            assert str(error) == "the process is about to end", error

service = Service()
""",
    "an exception": """
check()
print("end", flush=True)
raise SystemExit(0)
""",
}


@contextmanager
def killed_on_failure(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Kill a process whose test has failed, or took too long: it would be waited for."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


def run(program: str, url: str) -> str:
    """Run a program, and return what it prints; it must end soon after its last line."""
    process = subprocess.Popen(
        [sys.executable, *WARNINGS, "-c", f"{PRELUDE}{program}\nprint('end', flush=True)\n", url],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # open, and nothing comes
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    with process, killed_on_failure(process):
        assert process.stdout is not None
        assert process.stderr is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            last = time.monotonic()
        failed = process.stderr.read()
        assert (process.wait(LONGEST_EXIT), failed) == (0, "")
        assert time.monotonic() - last < LONGEST_EXIT
    return "".join(printed)


@pytest.mark.parametrize("program", ENDS.values(), ids=ENDS)
def test_the_process_ends(program: str, start_server: StartServer) -> None:
    """A process ends by itself, whatever it has left open, and no thread of its own is cut off."""
    if program is ENDS["a thread goes on"] and (3, 12) <= sys.version_info < (3, 12, 2):
        pytest.skip(
            "Python 3.12.0 and 3.12.1 start no thread once the main one has ended: gh-113964"
        )
    printed = run(program, start_server().url)
    assert printed.splitlines()[-1] == ("later" if "later" in program else "end")


def test_a_fork(start_server: StartServer) -> None:
    """A child that is forked from a process in use opens its own connections, and so does its."""
    program = """
def fork(work):
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0

check()
check_facade()
old = recognizer.stream().__enter__()
old.send(marked(400))
old_notes = Notes()
old_recognition = Recognition("paraformer-realtime-v2", old_notes, "pcm", 16000)
old_recognition.start()
old_recognition.send_audio_frame(marked(400))

def work():
    check()
    check_facade()
    calls = [lambda: old.send(marked(400)), old_recognition.stop]
    calls.append(lambda: old_recognition.send_audio_frame(marked(400)))
    for call in calls:
        try:
            call()
        except RuntimeError as error:
            assert "fork" in str(error), error
        else:
            raise AssertionError
    old.close()
    old_recognition.start()
    old_recognition.send_audio_frame(marked(400))
    old_recognition.stop()
    fork(check)
    recognizer.close()

fork(work)
old.finish()
assert marks_of(list(old)) == list(range(20))
old_recognition.stop()
assert old_notes.texts[-1].split() == [str(number) for number in range(20)]
check()
"""
    server = start_server()
    run(program, server.url)
    assert server.violations == []


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(start_server: StartServer, tmp_path: Path, method: str) -> None:
    """Each process of a pool uses a global recognizer as its own."""
    module = tmp_path / "work.py"
    module.write_text(
        "import sys\nfrom paraformer_async.sync import Recognizer\n"
        "from paraformer_async.testing import marked, marks_of\n"
        'recognizer = Recognizer(api_key="any")\n'
        "def work(number):\n"
        "    stream = recognizer.stream([marked(400, first=number)])\n"
        "    return marks_of(list(stream)) == list(range(number, number + 20))\n",
        encoding="utf-8",
    )
    program = f"""
import multiprocessing
os.environ["DASHSCOPE_WEBSOCKET_BASE_URL"] = sys.argv[1]
sys.path.insert(0, {str(tmp_path)!r})
import work
if __name__ == "__main__":
    assert work.work(0)
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert pool.map(work.work, range(1, 6)) == [True] * 5
        pool.close()
        pool.join()
"""
    run(program, start_server().url)


def test_in_a_running_loop(start_server: StartServer) -> None:
    """A blocking call works where an event loop runs, which it blocks."""
    program = """
import asyncio

async def main():
    check()
    check_facade()
    await asyncio.to_thread(check)

asyncio.run(main())
asyncio.run(main())
"""
    run(program, start_server().url)


def test_ctrl_c(start_server: StartServer) -> None:
    """Ctrl+C ends a blocking call at once; the recognizer can be used again."""
    program = """
import signal
from paraformer_async import Timeouts
stream = recognizer.stream().__enter__()
calls = [
    stream.receive,
    lambda: list(recognizer.stream(iter(lambda: (time.sleep(0.05), bytes(3200))[1], None))),
    lambda: recognizer.transcribe(AUDIO, on_result=lambda _: time.sleep(60)),
]
for call in calls[:2]:
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        call()
    except KeyboardInterrupt:
        continue
    raise AssertionError
check()
"""
    run(program, start_server().url)


def test_ctrl_c_in_finish(start_server: StartServer) -> None:
    """A call that Ctrl+C interrupts before it has begun has no effect, and can be made again."""
    program = """
import signal
from paraformer_async._client.portal import PORTAL
stream = recognizer.stream().__enter__()
stream.send(marked(400))
assert stream.receive()
go_on = threading.Event()
PORTAL.loop.call_soon_threadsafe(go_on.wait)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    stream.finish()
except KeyboardInterrupt:
    pass
else:
    raise AssertionError
go_on.set()
stream.send(marked(400, first=20))
stream.finish()
stream.finish()
assert marks_of(list(stream)) == list(range(40))
"""
    run(program, start_server().url)


def test_too_many_threads(start_server: StartServer) -> None:
    """Where no thread can be started, a call raises; the next one works if there is room again."""
    program = """
notes = Notes()
recognition = Recognition("paraformer-realtime-v2", notes, "pcm", 16000)

def refuse(thread):
    raise RuntimeError("can't start new thread")

start, threading.Thread.start = threading.Thread.start, refuse
for call in (check, check_facade, recognition.start):
    try:
        call()
    except RuntimeError as error:
        assert "can't start new thread" in str(error)
    else:
        raise AssertionError
threading.Thread.start = start
check()
check_facade()
recognition.start()
recognition.send_audio_frame(marked(400))
recognition.stop()
assert notes.texts[-1].split() == [str(number) for number in range(20)]
"""
    run(program, start_server().url)


def test_the_drop_in_in_a_signal_handler(start_server: StartServer) -> None:
    """A handler of Ctrl+C may stop a recognition to which the main thread is sending."""
    program = """
import signal

notes = Notes()
recognition = Recognition("paraformer-realtime-v2", notes, "pcm", 16000)

def handler(signum, frame):
    recognition.stop()
    assert notes.texts
    print("end", flush=True)
    sys.exit(0)

signal.signal(signal.SIGINT, handler)
recognition.start()
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
for number in range(10**9):
    recognition.send_audio_frame(marked(100, first=number % 10_000))
"""
    assert run(program, start_server().url) == "end\n"
