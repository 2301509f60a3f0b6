"""What the facade does otherwise than the vendor's SDK, on purpose; see docs/dashscope.md."""

import gc
import io
import json
import os
import threading
import time
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import paraformer_async.dashscope as facade
from paraformer_async import InvalidOptionError, PoolLimits, Reconnect, Timeouts
from paraformer_async.dashscope import Recognition, RecognitionCallback, RecognitionResult
from paraformer_async.dashscope.error import InvalidParameter
from paraformer_async.middleware import Heartbeat
from paraformer_async.testing import (
    Clocks,
    Drop,
    FailTask,
    NeverFinish,
    NeverStart,
    Refuse,
    ScriptedServer,
    marked,
)
from tests.cli.test_transcribe import posix
from tests.sync.conftest import StartServer

vendor = pytest.importorskip("dashscope")

BOUND = 10.0


class Notes(RecognitionCallback):
    """Notes the marks of final results, and all other calls."""

    def __init__(self) -> None:
        self.marks: list[int] = []
        self.calls: list[str] = []
        self.error: RecognitionResult | None = None
        self.is_closed = threading.Event()

    def on_open(self) -> None:
        """Note it."""
        self.calls.append("open")

    def on_event(self, result: RecognitionResult) -> None:
        """Note the marks of final results."""
        sentence = result.get_sentence()
        if result.is_sentence_end(sentence):
            self.marks += map(int, sentence["text"].split())

    def on_complete(self) -> None:
        """Note it."""
        self.calls.append("complete")

    def on_error(self, result: RecognitionResult) -> None:
        """Note the failure."""
        self.calls.append("error")
        self.error = result

    def on_close(self) -> None:
        """Note it."""
        self.calls.append("close")
        self.is_closed.set()


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a key, and retry soon."""
    monkeypatch.setattr(facade, "api_key", "any")
    monkeypatch.setattr(
        facade, "options", {"reconnect": Reconnect(backoff=lambda _: 0.01, busy=0.5)}
    )


def use(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> None:
    """Let all recognitions use *server*."""
    monkeypatch.setattr(facade, "base_websocket_api_url", server.url)


def recognition(callback: RecognitionCallback | None = None, **params: Any) -> Recognition:
    """Return a recognition of PCM."""
    return Recognition("paraformer-realtime-v2", callback, "pcm", 16000, **params)


def frames(ms: int) -> Iterator[bytes]:
    """Yield marked audio in frames of 100 ms."""
    audio = marked(ms)
    yield from (audio[begin : begin + 3200] for begin in range(0, len(audio), 3200))


def test_a_lost_connection(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drops lose and repeat nothing, for streams and files, and times stay those of the audio."""
    use(monkeypatch, start_server(faults=[Drop(after_ms=1500), Drop(after_ms=900)]))
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    for frame in frames(4000):
        stream.send_audio_frame(frame)
    stream.stop()
    assert notes.marks == list(range(200))
    assert notes.calls == ["open", "complete", "close"]


def test_a_lost_connection_of_a_file(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file is read again; its sentences are complete, with the times of the file."""
    use(monkeypatch, start_server(faults=[Drop(after_ms=1500), Drop(after_ms=900)]))
    path = tmp_path / "marked.pcm"
    path.write_bytes(marked(4000))
    result = recognition().call(str(path))
    sentences = result.get_sentence()
    assert [int(mark) for one in sentences for mark in one["text"].split()] == list(range(200))
    for one in sentences:
        assert one["begin_time"] == pytest.approx(20 * int(one["text"].split()[0]), abs=40)
        assert one["words"][0]["begin_time"] == one["begin_time"]


def wav(ms: int, **options: int) -> bytes:
    """Return a WAV file of marked audio."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(options.get("channels", 1))
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(marked(ms))
    return file.getvalue()


def test_a_wav_file_as_pcm(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The header of a WAV file that is declared as pcm is no audio, and no failure."""
    server = start_server(faults=[None, Drop(after_ms=900)])
    use(monkeypatch, server)
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(wav(1000)[:3200])
    stream.send_audio_frame(wav(1000)[3200:])
    stream.stop()
    assert notes.marks == list(range(50))
    assert server.received[0].audio == marked(1000)
    path = tmp_path / "marked.wav"
    path.write_bytes(wav(4000))
    sentences = recognition().call(str(path)).get_sentence()
    assert [int(mark) for one in sentences for mark in one["text"].split()] == list(range(200))


def test_audio_that_is_not_of_its_format(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is a failure of the recognition, also of a file: a loop over many goes on."""
    server = start_server()
    use(monkeypatch, server)
    audio = wav(1000, channels=2)
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(audio)
    stream.stop()
    path = tmp_path / "marked.wav"
    path.write_bytes(audio)
    result = recognition().call(str(path))
    assert notes.error is not None
    for one in (notes.error, result):
        assert (one.status_code, one.code, one.get_sentence()) == (-1, "Unknown", None)
        assert "declared as pcm and begins as WAV" in one.message
    assert [task.audio for task in server.received if task.audio] == []


@posix
def test_a_named_pipe(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A pipe, which has no size, is no empty file: it is recognized as it is written."""
    use(monkeypatch, start_server())
    path = tmp_path / "marked.pcm"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(marked(400),))
    writer.start()
    (sentence,) = recognition().call(str(path)).get_sentence()
    writer.join()
    assert list(range(20)) == [int(mark) for mark in sentence["text"].split()]


def test_what_is_no_audio_is_not_sent(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples in an array are converted; what is no buffer is refused, not sent as zeros."""
    server = start_server()
    use(monkeypatch, server)
    stream = recognition(Notes())
    stream.start()
    for wrong in (5, [1, 2], "text", None, array("i", [1])):
        with pytest.raises(InvalidOptionError, match="audio: "):
            stream.send_audio_frame(wrong)  # type: ignore[arg-type]
    stream.send_audio_frame(array("f", [0.5] * 1600))  # type: ignore[arg-type]
    stream.stop()
    assert (16384).to_bytes(2, "little") * 1600 == server.received[0].audio


@pytest.mark.parametrize("fault", [NeverStart(), NeverFinish()])
def test_a_service_that_does_not_answer(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, fault: NeverStart | NeverFinish
) -> None:
    """`stop` returns all the same, after the time limits, with an error."""
    use(monkeypatch, start_server(forever=fault))
    brief = Timeouts(started=0.2, finish=0.2, close=0.2)
    monkeypatch.setattr(facade, "options", {"timeouts": brief, "reconnect": None})
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(marked(1000))
    stream.stop()
    assert notes.calls == ["open", "error", "close"]
    assert notes.error is not None
    assert (notes.error.status_code, notes.error.code) == (-1, "Unknown")
    assert "DeadlineError" in notes.error.message


@pytest.mark.parametrize("moment", ["finish", "finished"])
def test_a_failure_while_stop_waits(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, moment: Any
) -> None:
    """`on_close` is called once, after `on_error`, when the task fails at its end."""
    use(monkeypatch, start_server(faults=[FailTask("InvalidParameter", "no", at=moment)]))
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(marked(1000))
    stream.stop()
    assert notes.calls == ["open", "error", "close"]
    assert notes.error is not None
    assert (notes.error.status_code, notes.error.code) == (44, "InvalidParameter")


def test_audio_that_another_thread_sends_while_stop_is_called(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes too late, and is no failure of the recognition."""
    use(monkeypatch, start_server())
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(marked(1000))
    run = stream._run
    assert run is not None
    run.finish_soon()  # as `stop` does, while `send_audio_frame` is about to
    run.send_or_drop(marked(100), wait=False)
    stream.stop()
    assert notes.marks == list(range(50))
    assert notes.calls == ["open", "complete", "close"]


def test_a_quiet_source(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recognition does not end by itself while its source is quiet: `heartbeat` sends silence."""
    server = start_server(clocks=Clocks(message=0.5, silence=0.5))
    use(monkeypatch, server)
    interval = [lambda: Heartbeat(interval=0.1)]
    monkeypatch.setattr(facade, "options", {"middleware": interval, "reconnect": None})
    notes = Notes()
    stream = recognition(notes, heartbeat=True)
    stream.start()
    stream.send_audio_frame(marked(400))
    time.sleep(1.2)
    stream.send_audio_frame(marked(400, first=20))
    stream.stop()
    assert notes.calls == ["open", "complete", "close"]
    assert notes.marks == list(range(40))


def test_a_failure_while_nothing_is_sent(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is reported at once, not with the next frame."""
    use(monkeypatch, start_server(faults=[FailTask("InvalidParameter", "no", after_ms=400)]))
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(marked(400))
    assert notes.is_closed.wait(BOUND)
    with pytest.raises(InvalidParameter, match="stopped"):
        stream.send_audio_frame(marked(400))


def test_a_service_that_takes_no_audio(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the buffer, `send_audio_frame` waits, until the recognition goes on or fails."""
    use(monkeypatch, start_server(forever=NeverStart()))
    brief = Timeouts(started=1.0, close=0.2)
    monkeypatch.setattr(facade, "options", {"timeouts": brief, "reconnect": None, "buffer": 1.0})
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    began = time.monotonic()
    with pytest.raises(InvalidParameter, match="stopped"):
        while True:
            stream.send_audio_frame(marked(1000))
    assert time.monotonic() - began < BOUND
    assert notes.is_closed.wait(BOUND)
    assert notes.calls == ["open", "error", "close"]


def test_a_refused_handshake_that_may_pass(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is overloaded is tried again; a refused key is not."""
    use(monkeypatch, start_server(faults=[Refuse(503), None, Refuse(403)]))
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(marked(1000))
    stream.stop()
    assert notes.marks == list(range(50))


def test_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is not there is an error of the recognition, as with the vendor's SDK."""
    monkeypatch.setattr(facade, "base_websocket_api_url", "ws://127.0.0.1:1/")
    monkeypatch.setattr(facade, "options", {"reconnect": None})
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    assert notes.is_closed.wait(BOUND)
    assert notes.error is not None
    assert (notes.error.status_code, notes.error.code) == (-1, "ClientConnectorError")


@pytest.mark.parametrize(
    ("stops", "order"),
    [(False, ["open", "error", "close"]), (True, ["error", "close", "open"])],
)
def test_on_open_comes_first(
    monkeypatch: pytest.MonkeyPatch, *, stops: bool, order: list[str]
) -> None:
    """No callback is called before `on_open` returns, unless that waits for them, in `stop`."""
    monkeypatch.setattr(facade, "base_websocket_api_url", "ws://127.0.0.1:1/")
    monkeypatch.setattr(facade, "options", {"reconnect": None})

    class Slow(Notes):
        def on_open(self) -> None:
            if stops:
                stream.stop()
            time.sleep(0.2)
            super().on_open()

    notes = Slow()
    stream = recognition(notes)
    stream.start()
    assert notes.is_closed.wait(BOUND)
    assert order == notes.calls


def test_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing key is an error of the recognition, not one that a thread prints; `call` raises."""
    monkeypatch.setattr(facade, "api_key", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    monkeypatch.delenv("DASHSCOPE_API_KEY_FILE_PATH", raising=False)
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    assert notes.is_closed.wait(BOUND)
    assert notes.error is not None
    assert "DASHSCOPE_API_KEY" in notes.error.message
    path = tmp_path / "marked.pcm"
    path.write_bytes(marked(400))
    with pytest.raises(InvalidOptionError, match="DASHSCOPE_API_KEY"):
        recognition().call(str(path))


@pytest.mark.parametrize("how", ["argument", "attribute", "vendor", "file"])
def test_the_key(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    """The key is an argument, an attribute of this or the vendor's package, or in a file."""
    server = start_server()
    use(monkeypatch, server)
    path = tmp_path / "key"
    path.write_text("sk-file\n", encoding="utf-8")
    has_attribute = how in ("argument", "attribute")
    monkeypatch.setattr(facade, "api_key", "sk-attribute" if has_attribute else None)
    monkeypatch.setattr(vendor, "api_key", "sk-vendor" if how == "vendor" else None)
    monkeypatch.setattr(facade, "api_key_file_path", str(path))
    stream = recognition(Notes(), api_key="sk-argument" if how == "argument" else None)
    stream.start()
    stream.stop()
    (headers,) = server.headers
    assert headers["Authorization"].lower() == f"bearer sk-{how}"


def test_a_callback_that_raises(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of a callback is reported like that of a thread, and ends nothing."""
    use(monkeypatch, start_server())
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    class Failing(Notes):
        def on_event(self, result: RecognitionResult) -> None:
            super().on_event(result)
            raise LookupError("mine")

    notes = Failing()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(marked(1000))
    stream.stop()
    assert notes.marks == list(range(50))
    assert notes.calls == ["open", "complete", "close"]
    assert {str(one.exc_value) for one in reported} == {"mine"}


def test_calls_in_a_callback(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback may send, stop and start; the vendor's SDK cannot join its own thread there."""
    use(monkeypatch, start_server())
    notes, later = Notes(), Notes()

    class Stopping(Notes):
        def on_event(self, result: RecognitionResult) -> None:
            notes.on_event(result)
            if not self.calls:
                self.calls.append("stopping")
                stream.send_audio_frame(marked(1000, first=50))
                stream.stop()
                stream.start()
                stream.send_audio_frame(marked(400))
                stream.stop()
                later.on_close()

        def on_open(self) -> None:
            """Nothing."""

        def on_close(self) -> None:
            notes.on_close()

    stream = recognition(Stopping())
    stream.start()
    stream.send_audio_frame(marked(1000))
    assert later.is_closed.wait(BOUND)
    assert notes.marks == [*range(100), *range(20)]
    assert notes.calls == ["close", "close"]


def test_started_again_in_on_error(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recognition may be started again by the callback that receives its failure."""
    use(monkeypatch, start_server(faults=[FailTask("InvalidParameter", "no", at="run-task")]))
    notes = Notes()

    class Again(Notes):
        def on_error(self, result: RecognitionResult) -> None:
            stream.start()
            super().on_error(result)

    stream = recognition(Again())
    stream._callback.on_event = notes.on_event  # type: ignore[method-assign,union-attr]
    stream.start()
    deadline = time.monotonic() + BOUND
    while not stream._callback.error:  # type: ignore[union-attr,attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stream.send_audio_frame(marked(400))
    stream.stop()
    assert notes.marks == list(range(20))


def test_delays_are_never_negative(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delay that is not known is 0."""
    use(monkeypatch, start_server())
    stream = recognition(Notes())
    for _ in range(2):
        assert stream.get_first_package_delay() == stream.get_last_package_delay() == 0
        stream.start()
        stream.stop()
        assert stream.get_first_package_delay() == 0
        assert stream.get_last_package_delay() > 0
        stream = recognition(Notes())


def test_each_task_has_an_id_of_its_own(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that is started again does not use the id of its first task again."""
    server = start_server()
    use(monkeypatch, server)
    stream = recognition(Notes())
    ids = []
    for _ in range(3):
        stream.start()
        stream.stop()
        ids.append(stream.get_last_request_id())
    assert ids == [task.task_id for task in server.received]
    assert len(set(ids)) == 3
    assert server.violations == []


def test_a_result_as_text_and_as_a_dict() -> None:
    """A result is shown as JSON, which the vendor's raises at, and its items are attributes."""
    sentence = {"begin_time": 0, "end_time": 9, "text": "你好"}
    usages = [{"end_time": 9, "usage": {"duration": 1}}]
    result = RecognitionResult(request_id="1", output={"sentence": sentence}, usages=usages)
    assert json.loads(str(result)) == {
        "status_code": 200,
        "request_id": "1",
        "code": "",
        "message": "",
        "output": {"sentence": sentence},
        "usage": {"duration": 1},
    }
    assert "你好" in str(result)
    assert "你好" in repr(result)
    assert result["output"] is result.output
    result.message = "changed"
    assert result["message"] == "changed"
    with pytest.raises(AttributeError, match="nothing"):
        _ = result.nothing
    assert not result.is_sentence_end({**sentence, "sentence_end": False})
    assert not result.is_sentence_end(None)
    assert RecognitionResult().get_sentence() is None


def test_an_option_that_cannot_work() -> None:
    """What can never work is raised by the call, before anything is sent; the object stays free."""
    stream = recognition(Notes(), headers="none")
    with pytest.raises(InvalidOptionError, match="headers"):
        stream.start()
    with pytest.raises(InvalidParameter, match="stopped"):
        stream.stop()


def test_options_of_all_recognitions(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`options` takes what concerns all recognitions together, too, such as limits."""
    use(monkeypatch, start_server())
    monkeypatch.setattr(facade, "options", {"pool": PoolLimits(connections=1, wait=0.2)})
    first, second = Notes(), Notes()
    streams = [recognition(first), recognition(second)]
    streams[0].start()
    streams[0].send_audio_frame(marked(400))
    streams[1].start()
    assert second.is_closed.wait(BOUND)
    streams[0].stop()
    assert (first.calls, second.calls) == (
        ["open", "complete", "close"],
        ["open", "error", "close"],
    )


def test_options_that_change_meanwhile(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A recognition that runs goes on with the options with which it has started."""
    use(monkeypatch, start_server())
    notes = Notes()
    running = recognition(notes)
    running.start()
    monkeypatch.setattr(facade, "options", {"pool": PoolLimits(connections=7)})
    recording = tmp_path / "recording.pcm"
    recording.write_bytes(marked(400))
    assert recognition().call(str(recording)).status_code == 200
    gc.collect()
    running.send_audio_frame(marked(400))
    running.stop()
    assert notes.calls == ["open", "complete", "close"]


def test_names() -> None:
    """The names are those of the vendor's package; what is not here says what to use."""
    assert all(hasattr(facade, name) for name in facade.__all__)
    assert {"Recognition", "RecognitionCallback", "RecognitionResult"} <= set(facade.__all__)
    with pytest.raises(AttributeError, match="gummy"):
        _ = facade.TranslationRecognizerRealtime
    with pytest.raises(AttributeError, match="no attribute"):
        _ = facade.Nothing


def test_a_callback_that_waits(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that waits delays the callbacks of its own recognition, and no others."""
    use(monkeypatch, start_server())
    is_free = threading.Event()
    waiting = threading.Semaphore(0)

    class Waiting(Notes):
        def on_event(self, result: RecognitionResult) -> None:
            waiting.release()
            assert is_free.wait(BOUND)
            super().on_event(result)

    blocked = [Waiting() for _ in range(5)]
    streams = [recognition(notes) for notes in blocked]
    for stream in streams:
        stream.start()
        stream.send_audio_frame(marked(400))
    for _ in streams:
        assert waiting.acquire(timeout=BOUND)
    notes = Notes()
    stream = recognition(notes)
    stream.start()
    stream.send_audio_frame(marked(400))
    stream.stop()
    assert notes.marks == list(range(20))
    is_free.set()
    for stream in streams:
        stream.stop()
    assert [list(range(20))] * 5 == [one.marks for one in blocked]


def test_a_recognition_that_a_callback_of_another_stops(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A callback may wait for another recognition, whose callbacks run meanwhile."""
    use(monkeypatch, start_server())
    inner = Notes()

    class Outer(Notes):
        def on_event(self, result: RecognitionResult) -> None:
            if not self.marks:
                stream = recognition(inner)
                stream.start()
                stream.send_audio_frame(marked(400))
                stream.stop()
            super().on_event(result)

    outer = Outer()
    stream = recognition(outer)
    stream.start()
    stream.send_audio_frame(marked(1000))
    stream.stop()
    assert inner.marks[:20] == list(range(20))
    assert outer.marks == list(range(50))


def test_threads(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of recognitions need one thread for the loop, and one for quick callbacks."""
    use(monkeypatch, start_server())
    warm = recognition(Notes())
    warm.start()
    warm.stop()
    before = threading.active_count()
    all_notes = [Notes() for _ in range(15)]
    streams = [recognition(notes) for notes in all_notes]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.send_audio_frame(marked(400))
    assert threading.active_count() == before
    for stream in streams:
        stream.stop()
    assert all(notes.marks == list(range(20)) for notes in all_notes)
