"""The blocking client, over real sockets."""

import asyncio
import gc
import inspect
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from paraformer_async import (
    AsyncRecognizer,
    AudioError,
    AuthenticationError,
    DeadlineError,
    InvalidOptionError,
    RecognitionResult,
    RecognitionStream,
    Reconnect,
    TaskFailedError,
    Timeouts,
    UsageError,
)
from paraformer_async.batch import Batch
from paraformer_async.middleware import Event, Middleware, ResultGenerated
from paraformer_async.observing import Connected, Ended, Observation, PoolWaited
from paraformer_async.options.options import Options
from paraformer_async.server import LocalServer
from paraformer_async.sync import BlockingBatch, BlockingStream, Recognizer
from paraformer_async.sync.recognizer import RecognizerOptions
from paraformer_async.testing import (
    Drop,
    FailTask,
    NeverStart,
    Refuse,
    ScriptedServer,
    marked,
    marks,
    marks_of,
)
from tests.sync.conftest import AUDIO, StartServer

LENGTH = 4000
BLOCKS = list(range(LENGTH // 20))
BOUND = 10.0  # seconds until a test fails that would hang


def recognizer_for(server: ScriptedServer, **options: object) -> Recognizer:
    """Return a recognizer that uses *server*."""
    options = {"api_key": "any", "reconnect": Reconnect(backoff=lambda _: 0.01)} | options
    return Recognizer(endpoint=server.url, **options)  # type: ignore[arg-type]


def frames(audio: bytes, size: int = 3200) -> Iterator[bytes]:
    """Yield *audio* in frames."""
    for begin in range(0, len(audio), size):
        yield audio[begin : begin + size]


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Call *work* with the numbers of so many threads at once; raise what one raises."""
    with ThreadPoolExecutor(count) as executor:
        list(executor.map(work, range(count), timeout=60))


def test_a_file(local_server: LocalServer) -> None:
    """A file is transcribed as by the async client; progress is reported in this thread."""
    seen: list[tuple[int, RecognitionResult]] = []
    with Recognizer(endpoint=local_server.url, api_key="any") as recognizer:
        transcript = recognizer.transcribe(
            AUDIO / "goforward.wav",
            on_result=lambda result: seen.append((threading.get_ident(), result)),
        )
        assert recognizer.transcribe(AUDIO / "goforward.wav").text == transcript.text
    assert transcript.text
    assert transcript.duration == pytest.approx(2.786, abs=0.01)
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    assert [result.text for _, result in seen if result.is_final]


@pytest.mark.parametrize("kind", ["generator", "bytes", "list"])
def test_a_source(start_server: StartServer, kind: str) -> None:
    """A stream of any source returns each word once, across a lost connection."""
    server = start_server(faults=[Drop(after_ms=1500)])
    audio = marked(LENGTH)
    sources = {"generator": frames(audio), "bytes": audio, "list": list(frames(audio))}
    with recognizer_for(server) as recognizer:
        stream = recognizer.stream(sources[kind])  # type: ignore[arg-type]
        assert marks_of(list(stream)) == BLOCKS
        assert len(stream.request_ids) == 2
        assert stream.request_id == stream.request_ids[-1]
        assert stream.latency.first_packet is not None
        assert stream.overhead.replayed >= 0
    assert server.violations == []


def test_audio_that_is_sent(start_server: StartServer) -> None:
    """Audio may be sent, flushed and updated in one thread, and read in another."""
    server = start_server(faults=[Drop(after_ms=1500)])
    results: list[RecognitionResult] = []
    with recognizer_for(server) as recognizer, recognizer.stream() as stream:
        reader = threading.Thread(target=lambda: results.extend(stream))
        reader.start()
        for number, frame in enumerate(frames(marked(LENGTH))):
            stream.send(bytearray(frame))
            if number == 12:
                stream.flush()
            if number == 25:
                stream.update(language_hints=["en"])
        stream.finish()
        stream.finish()
        reader.join(BOUND)
        assert not reader.is_alive()
    assert marks_of(results) == BLOCKS
    assert server.received[-1].parameters["language_hints"] == ["en"]
    assert server.violations == []


def test_one_thread_for_both(start_server: StartServer) -> None:
    """One thread can send in real time and take what has been recognized so far."""
    server = start_server()
    results = []
    with recognizer_for(server) as recognizer, recognizer.stream() as stream:
        for frame in frames(marked(LENGTH)):
            stream.send(frame)
            try:
                while (result := stream.receive(timeout=0)) is not None:
                    results.append(result)
            except TimeoutError:
                pass
        with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
            while True:
                results.append(stream.receive(timeout=0.01))
        stream.finish()
        results += stream
        assert stream.receive() is None
        assert next(stream, None) is None
    assert marks_of(results) == BLOCKS


def test_samples_are_sent(start_server: StartServer) -> None:
    """Arrays are converted, and a chunk that is no audio is refused at once."""
    server = start_server()
    with recognizer_for(server) as recognizer, recognizer.stream() as stream:
        stream.send(np.frombuffer(marked(200), "<i2"))
        with pytest.raises(InvalidOptionError):
            stream.send("text")  # type: ignore[arg-type]
        stream.finish()
        assert marks_of(list(stream)) == list(range(10))


def test_calls_of_many_threads_are_served_in_order(start_server: StartServer) -> None:
    """Calls that wait for room are served in the order in which they were made."""
    server = start_server(faults=[Drop(at="run-task")])
    late = Reconnect(backoff=lambda _: 1.0)
    with (
        recognizer_for(server, buffer=0.2, reconnect=late) as recognizer,
        recognizer.stream() as stream,
    ):

        def send(number: int) -> None:
            stream.send(marked(1000, first=50 * number))

        threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
        finishing = threading.Thread(target=stream.finish)
        finishing.start()
        assert marks_of(list(stream)) == list(range(600))
        for thread in [*threads, finishing]:
            thread.join(BOUND)
            assert not thread.is_alive()


def test_a_failure(start_server: StartServer) -> None:
    """A failure is raised by the loop over the results, and by all calls after it."""
    server = start_server(faults=[FailTask(code="InvalidParameter", message="no", after_ms=100)])
    with recognizer_for(server, reconnect=None) as recognizer, recognizer.stream() as stream:
        stream.send(marked(1000))
        with pytest.raises(TaskFailedError, match="InvalidParameter") as raised:
            list(stream)
        for call in (lambda: stream.send(bytes(2)), stream.flush, stream.finish, stream.receive):
            with pytest.raises(TaskFailedError) as again:
                call()
            assert again.value is raised.value


def test_a_failure_that_nobody_has_seen(start_server: StartServer) -> None:
    """A failure that no call has raised is raised on leaving the `with`, unless another one is."""
    server = start_server(forever=FailTask(code="InvalidParameter", message="no", after_ms=0))
    with recognizer_for(server, reconnect=None) as recognizer:
        with pytest.raises(TaskFailedError), recognizer.stream() as stream:
            stream.send(marked(1000))
            stream._ended.result(BOUND)
        with pytest.raises(KeyError), recognizer.stream() as stream:
            stream.send(marked(1000))
            stream._ended.result(BOUND)
            raise KeyError


def test_a_failure_behind_results_that_are_not_read(start_server: StartServer) -> None:
    """It is raised by `send`, and on leaving, also if the results before it are never read."""
    faults = [FailTask("InvalidParameter", "no", after_ms=15_000)] * 2
    server = start_server(marks(sentence_ms=200), faults=faults)
    with recognizer_for(server) as recognizer:
        with pytest.raises(TaskFailedError), recognizer.stream() as stream:
            until = time.monotonic() + BOUND
            while time.monotonic() < until:
                stream.send(marked(1000))
        with pytest.raises(TaskFailedError), recognizer.stream() as stream:
            stream.send(marked(20_000))
            while server.happened != faults:
                time.sleep(0.01)
            time.sleep(0.1)


def test_a_failure_that_a_call_has_raised(start_server: StartServer) -> None:
    """It is not raised again on leaving, also if the results before it were never read."""
    server = start_server(
        marks(sentence_ms=200), faults=[FailTask("InvalidParameter", "no", after_ms=15_000)]
    )
    with recognizer_for(server) as recognizer, recognizer.stream() as stream:
        until = time.monotonic() + BOUND
        with pytest.raises(TaskFailedError):
            stream.send(marked(20_000))
            while time.monotonic() < until:
                stream.update(language_hints=["zh"])
                time.sleep(0.01)


def test_an_exception_of_a_hook_while_audio_is_sent(start_server: StartServer) -> None:
    """It is raised by `send` as it is, also while the results before it are not read."""

    class Broken(Middleware):
        def incoming(self, event: Event, now: float) -> Event:
            sentence = event.sentence if isinstance(event, ResultGenerated) else None
            if sentence is not None and sentence.begin_time > 15_000:
                raise ZeroDivisionError
            return event

    server = start_server(marks(sentence_ms=200))
    with (
        recognizer_for(server, middleware=[Broken]) as recognizer,
        pytest.raises(ZeroDivisionError),
        recognizer.stream() as stream,
    ):
        until = time.monotonic() + BOUND
        while time.monotonic() < until:
            stream.send(marked(1000))


def test_closed_while_it_opens(start_server: StartServer) -> None:
    """A recognizer that is closed by one thread while another one opens it does not stay open."""
    server = start_server()
    for number in range(30):
        recognizer = recognizer_for(server, timeouts=Timeouts(close=0.3))

        def use(recognizer: Recognizer = recognizer) -> None:
            with pytest.raises(UsageError), recognizer.stream() as stream:
                until = time.monotonic() + BOUND
                while time.monotonic() < until:
                    stream.send(marked(100))
                    time.sleep(0.001)

        with ThreadPoolExecutor(2) as threads:
            used = [threads.submit(use) for _ in range(2)]
            time.sleep(number / 10_000)
            recognizer.close()
            for one in used:
                one.result(BOUND)


def test_a_source_that_raises(start_server: StartServer) -> None:
    """The exception of a source is raised as it is."""

    def source() -> Iterator[bytes]:
        yield marked(1000)
        raise LookupError("mine")

    with (
        recognizer_for(start_server()) as recognizer,
        pytest.raises(LookupError, match="mine"),
    ):
        list(recognizer.stream(source()))


def test_wrong_order(start_server: StartServer) -> None:
    """Calls that are out of order raise one clear error, and send nothing."""
    server = start_server()
    recognizer = recognizer_for(server)
    with recognizer, pytest.raises(UsageError, match="not open"):
        recognizer.stream().send(bytes(2))
    with recognizer, pytest.raises(UsageError, match="no source"):
        iter(recognizer.stream())
    with recognizer, recognizer.stream() as stream:
        with pytest.raises(UsageError, match="entered before"), stream:
            pass
        stream.finish()
        with pytest.raises(UsageError, match=r"after finish\(\)"):
            stream.send(bytes(2))
    with recognizer, recognizer.stream([marked(100)]) as stream:
        for call in (lambda: stream.send(bytes(2)), stream.flush, stream.finish, stream.update):
            with pytest.raises(UsageError, match="has a source"):
                call()
    with pytest.raises(UsageError, match="closed"):
        recognizer.stream()
    with pytest.raises(UsageError, match="closed"):
        recognizer.transcribe(AUDIO / "goforward.wav")
    with pytest.raises(InvalidOptionError, match="sample_rate"):
        Recognizer(sample_rate=-1)
    with recognizer, pytest.raises(InvalidOptionError, match="no such option"):
        recognizer.stream(speed=2)  # type: ignore[call-arg]


def test_errors_are_those_of_the_async_client(start_server: StartServer) -> None:
    """A refused key, a missing file and a silent service raise what the async client raises."""
    server = start_server(faults=[Refuse(401)])
    with recognizer_for(server, timeouts=Timeouts(started=0.2, close=0.2)) as recognizer:
        with pytest.raises(AuthenticationError):
            recognizer.warm()
        with pytest.raises(FileNotFoundError):
            recognizer.transcribe("no such file.wav")
        with pytest.raises(AudioError):
            recognizer.transcribe(__file__)
    silent = start_server(forever=NeverStart())
    brief = Timeouts(started=0.2, close=0.2)
    with (
        recognizer_for(silent, timeouts=brief, reconnect=None) as recognizer,
        pytest.raises(DeadlineError),
    ):
        list(recognizer.stream([marked(100)]))


def test_a_loop_that_is_left_early(start_server: StartServer) -> None:
    """Leaving the loop over a source ends that recognition, also with a source that is blocked."""
    blocked = threading.Event()

    def source() -> Iterator[bytes]:
        yield marked(1000)
        blocked.wait(60)

    with recognizer_for(start_server()) as recognizer:
        for _ in recognizer.stream(source()):
            break
        gc.collect()
        deadline = time.monotonic() + BOUND
        while recognizer.statistics().recognitions:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    blocked.set()


def test_closing_wakes_all_that_wait(start_server: StartServer) -> None:
    """Closing a stream ends a call that waits for room, and one that waits for results."""
    server = start_server(forever=NeverStart())
    outcomes: queue.Queue[object] = queue.Queue()

    def noting(call: Callable[[], object]) -> None:
        try:
            outcomes.put(call())
        except UsageError as error:
            outcomes.put(error)

    with recognizer_for(server, timeouts=Timeouts(close=0.2)) as recognizer:
        stream = recognizer.stream().__enter__()

        def send() -> None:
            while True:
                stream.send(marked(1000))

        threads = [threading.Thread(target=noting, args=(one,)) for one in (send, stream.receive)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        stream.close()
        stream.close()
        for thread in threads:
            thread.join(BOUND)
            assert not thread.is_alive()
        assert [str(outcomes.get_nowait()) for _ in threads] == [
            "the stream was closed before it was done"
        ] * 2


def test_many_threads_share_a_recognizer(start_server: StartServer) -> None:
    """A recognizer that is global serves all threads, over one loop thread, without `with`."""
    server = start_server()
    recognizer = recognizer_for(server)
    before = threading.active_count()
    seen: list[int] = []

    def work(number: int) -> None:
        with recognizer.stream() as stream:
            for frame in frames(marked(1000, first=50 * number)):
                stream.send(frame)
            seen.append(threading.active_count())
            stream.finish()
            assert marks_of(list(stream)) == list(range(50 * number, 50 * number + 50))

    in_threads(30, work)
    assert max(seen) <= before + 30 + 1
    recognizer.close()
    assert server.violations == []


def test_a_call_in_the_thread_of_the_loop(start_server: StartServer) -> None:
    """A hook that makes a blocking call gets an error, instead of waiting for itself."""
    server = start_server()
    errors: list[Exception] = []

    def key() -> str:
        for call in (recognizer.statistics, lambda: recognizer.transcribe("a.wav")):
            with pytest.raises(UsageError, match="thread of the event loop") as raised:
                call()
            errors.append(raised.value)
        return "any"

    recognizer = recognizer_for(server, api_key=key)
    with recognizer:
        assert marks_of(list(recognizer.stream([marked(200)]))) == list(range(10))
    assert len(errors) == 2


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_ends_a_program(start_server: StartServer, kind: type[BaseException]) -> None:
    """What is to end the program, raised in the thread of the loop, ends one recognition alone."""
    server = start_server(marks(sentence_ms=200))
    tasks = set[asyncio.Task[None]]()

    def observe(event: Observation) -> None:
        async def leave() -> None:
            raise kind

        if type(event) is PoolWaited:
            tasks.add(asyncio.create_task(leave()))
        if type(event) in (Connected, Ended):
            raise kind

    def at_end(event: Observation) -> None:
        if type(event) is Ended:
            raise kind

    recognizer = recognizer_for(server)
    with recognizer, recognizer.stream() as other:
        other.send(marked(200))
        with pytest.raises(kind):
            list(recognizer.stream([marked(200)], observe=observe))
        assert marks_of(list(recognizer.stream([marked(200)], observe=at_end))) == list(range(10))
        other.send(marked(200, first=10))
        other.finish()
        assert marks_of(list(other)) == list(range(20))


def test_an_exception_of_a_callback(local_server: LocalServer) -> None:
    """The exception of `on_result` ends the recognition, and is raised as it is."""

    def fail(result: RecognitionResult) -> None:
        raise LookupError(result.text)

    with Recognizer(endpoint=local_server.url, api_key="any") as recognizer:
        with pytest.raises(LookupError):
            recognizer.transcribe(AUDIO / "goforward.wav", on_result=fail)
        assert recognizer.statistics().recognitions == 0


def test_a_callback_that_would_not_be_awaited(local_server: LocalServer) -> None:
    """An async function as `on_result` is refused at once."""

    async def show(result: RecognitionResult) -> None:
        raise LookupError(result.text)

    with Recognizer(endpoint=local_server.url, api_key="any") as recognizer:
        with pytest.raises(InvalidOptionError, match="on_result"):
            recognizer.transcribe(AUDIO / "goforward.wav", on_result=show)


@pytest.mark.parametrize("timeout", [-1, math.inf, math.nan, 10**400, True, "1"])
def test_a_timeout_that_is_none(start_server: StartServer, timeout: Any) -> None:
    """What is no number of seconds is refused; the stream goes on."""
    url = start_server().url
    with Recognizer(endpoint=url, api_key="any") as recognizer:
        with recognizer.stream(marked(200)) as stream:
            with pytest.raises(InvalidOptionError, match="timeout"):
                stream.receive(timeout)
            assert [*range(10)] == marks_of(iter(lambda: stream.receive(1e300), None))


def test_a_recognizer_that_nothing_else_refers_to(start_server: StartServer) -> None:
    """What runs keeps its recognizer open, also a temporary one, which is closed after it."""
    server = start_server()
    with recognizer_for(server).stream() as stream:
        gc.collect()
        for frame in frames(marked(LENGTH)):
            stream.send(frame)
        stream.finish()
        assert BLOCKS == marks_of(list(stream))
    assert BLOCKS == marks_of(list(recognizer_for(server).stream(frames(marked(LENGTH)))))
    assert BLOCKS == marks_of(list(recognizer_for(server).stream_many([marked(LENGTH)])))
    paths = [AUDIO / "goforward.wav"] * 3
    batch = recognizer_for(server).transcribe_many(paths, concurrency=1)
    gc.collect()
    assert [None] * 3 == [outcome.error for outcome in batch]
    del stream, batch
    gc.collect()
    until = time.monotonic() + 10
    while server.connections.open:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_many_files(local_server: LocalServer) -> None:
    """Files are transcribed several at a time; one that fails spoils nothing; a loop may end."""
    paths = [AUDIO / "goforward.wav", "missing.wav", *[AUDIO / "goforward.wav"] * 6]
    done: list[int] = []
    with Recognizer(endpoint=local_server.url, api_key="any") as recognizer:
        outcomes = list(
            recognizer.transcribe_many(
                paths,
                ordered=True,
                concurrency=4,
                on_progress=lambda progress: done.append(progress.done),
            )
        )
        assert [outcome.path for outcome in outcomes] == paths
        assert [type(outcome.error) for outcome in outcomes].count(FileNotFoundError) == 1
        assert done == list(range(1, 9))
        for outcome in recognizer.transcribe_many(paths):
            assert outcome.path in paths
            break
        gc.collect()
        with recognizer.transcribe_many(paths) as batch:
            assert batch.receive(timeout=BOUND) is not None
        deadline = time.monotonic() + BOUND
        while recognizer.statistics().recognitions:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_unread_results_hold_nothing_up(start_server: StartServer) -> None:
    """Results that are not read at once are all there later."""
    server = start_server()
    with recognizer_for(server) as recognizer, recognizer.stream() as stream:
        for frame in frames(marked(20_000)):
            stream.send(frame)
        stream.finish()
        time.sleep(0.2)
        assert marks_of(list(stream)) == list(range(1000))


def test_all_options_are_taken() -> None:
    """The blocking client takes the options of the async client, no more and no fewer."""
    options = set(inspect.signature(AsyncRecognizer).parameters)
    assert options == set(RecognizerOptions.__optional_keys__)
    assert Recognizer("gummy-realtime-v1").options.model == "gummy-realtime-v1"
    assert isinstance(Recognizer(model="gummy-realtime-v1").options, Options)


@pytest.mark.parametrize(
    ("asynchronous", "blocking"),
    [(AsyncRecognizer, Recognizer), (RecognitionStream, BlockingStream), (Batch, BlockingBatch)],
)
def test_methods_are_the_same(asynchronous: type, blocking: type) -> None:
    """What the async client can do, the blocking one can do, too, with the same arguments."""

    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if name[0] != "_"}

    assert public(asynchronous) - {"aclose", "open"} <= public(blocking)
    for name in public(asynchronous) & public(blocking):
        method, other = getattr(asynchronous, name), getattr(blocking, name)
        if callable(method):
            assert inspect.signature(method).parameters == inspect.signature(other).parameters


def test_channels(start_server: StartServer) -> None:
    """The channels of a stream, pulled or pushed, and of several sources are those of the async."""
    mono = np.frombuffer(marked(LENGTH), np.int16)
    both = np.stack([mono, mono], axis=1)
    server = start_server(marks(sentence_ms=1000), faults=[Drop(after_ms=2000)])
    with recognizer_for(server, channels="split", input_channels=2) as recognizer:
        results = [list(recognizer.stream(iter([both[:999], both[999:]])))]
        with recognizer.stream() as stream:
            stream.send(both[:5000])
            stream.send(both[5000:].tobytes())
            stream.finish()
            results.append(list(stream))
    with recognizer_for(server) as recognizer:
        results.append(list(recognizer.stream_many([mono, iter([mono])])))
    for each in results:
        for channel in (0, 1):
            assert BLOCKS == marks_of([one for one in each if one.channel_id == channel])
