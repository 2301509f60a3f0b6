"""
Programs as users of the vendor's SDK write them, to be run with it and with the facade.

Each is a function of a `World`; what it notes, what it raises, and what the service receives must
be the same for both.
"""

import threading
import time
import wave
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from paraformer_async.testing import FailTask, Fault, Refuse, ScriptedServer, marked

MODEL = "paraformer-realtime-v2"
NAMES = [{"role": "user", "content": [{"type": "input_text", "text": "names"}]}]
FAILURE = ("InvalidParameter", "The audio is not what was announced.")
SCRIPTS: dict[str, Callable[["World"], None]] = {}
FAULTS: dict[str, list[Fault | None]] = {}


class World:
    """What a script can use: an SDK, a service, a folder, and a log."""

    def __init__(self, asr: Any, errors: Any, server: ScriptedServer, folder: Path) -> None:
        self.asr = asr
        self.errors = errors
        self.server = server
        self.folder = folder
        self.log: list[Any] = []
        self.main = threading.get_ident()

    def note(self, *facts: object) -> None:
        """Add a line to the log."""
        self.log.append(facts)

    def recognition(self, callback: Any = None, **given: Any) -> Any:
        """Return a recognition of the service."""
        given = {"model": MODEL, "format": "pcm", "sample_rate": 16000} | given
        return self.asr.Recognition(
            callback=callback, base_address=self.server.url, api_key="any", **given
        )

    def callback(self, **overrides: Callable[..., object]) -> Any:
        """Return a callback that logs its calls, the thread, and final results."""
        world = self

        def where() -> str:
            return "caller" if threading.get_ident() == world.main else "another thread"

        class Notes(self.asr.RecognitionCallback):  # type: ignore[name-defined,misc]
            def on_open(self) -> None:
                world.note("open", where())

            def on_complete(self) -> None:
                world.note("complete", where())

            def on_error(self, result: Any) -> None:
                world.note("error", where(), *failure_of(result))

            def on_close(self) -> None:
                world.note("close", where())

            def on_event(self, result: Any) -> None:
                sentence = result.get_sentence()
                if result.is_sentence_end(sentence):
                    world.note("final", where(), *facts_of(result))

        for name, function in overrides.items():
            setattr(Notes, name, function)
        return Notes()

    def pcm(self, ms: int = 800) -> str:
        """Return the path of a file of marked PCM."""
        path = self.folder / "marked.pcm"
        path.write_bytes(marked(ms))
        return str(path)

    def attempt(self, call: Callable[[], object]) -> object:
        """Log what *call* raises, or return what it returns."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - whatever it raises is compared
            self.note("raised", type(error).__name__, str(error).replace(str(self.folder), "…"))
            return None


def facts_of(result: Any) -> tuple[object, ...]:
    """Return all that a result says, except its id."""
    sentence = result.get_sentence()
    return (
        sentence,
        result.output == {"sentence": sentence},
        (result.status_code, result.code, result.message),
        (result.usages, result.usage),
        result["output"]["sentence"] == sentence,
        sorted(result.keys() - {"headers"}),
    )


def failure_of(result: Any) -> tuple[object, ...]:
    """Return all that a failure says, except its id."""
    return result.status_code, result.code, result.message, result.get_sentence(), result.output


def script(*faults: Fault | None) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
    """Register a script, and the faults of the service that it meets."""

    def register(function: Callable[[World], None]) -> Callable[[World], None]:
        SCRIPTS[function.__name__] = function
        FAULTS[function.__name__] = list(faults)
        return function

    return register


def send(recognition: Any, ms: int = 1200, size: int = 3200) -> None:
    """Send marked audio in frames."""
    audio = marked(ms)
    for begin in range(0, len(audio), size):
        recognition.send_audio_frame(audio[begin : begin + size])


def stream(recognition: Any, ms: int = 1200, **params: Any) -> None:
    """Run a recognition from start to stop."""
    recognition.start(**params)
    send(recognition, ms)
    recognition.stop()


def note_call(world: World, result: Any) -> None:
    """Log the result of a file."""
    world.note(
        result.status_code,
        result.code,
        result.message,
        result.get_sentence(),
        result.usages,
        result.usage,
    )


@script()
def a_file(world: World) -> None:
    """Call with a file of PCM."""
    recognition = world.recognition()
    result = recognition.call(world.pcm())
    note_call(world, result)
    world.note(result.get_request_id() == recognition.get_last_request_id())
    for sentence in result.get_sentence():
        world.note(result.is_sentence_end(sentence), result.get_usage(sentence))
    world.note(result.get_usage({"end_time": 1}), result.get_usage({"end_time": None}))
    world.note(recognition.get_first_package_delay() >= 0)


@script()
def a_wav_file(world: World) -> None:
    """Call with a WAV file."""
    path = world.folder / "marked.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(marked(800))
    result = world.recognition(format="wav").call(str(path))
    world.note(result.status_code, len(result.get_sentence()))


@script()
def two_files(world: World) -> None:
    """Call twice with one object."""
    recognition = world.recognition(callback=None)
    for ms in (400, 600):
        note_call(world, recognition.call(world.pcm(ms)))


@script()
def an_empty_file(world: World) -> None:
    """Call with an empty file."""
    path = world.folder / "empty.wav"
    path.touch()
    world.attempt(lambda: world.recognition().call(str(path)))


@script()
def no_file(world: World) -> None:
    """Call with a path where nothing is."""
    path = world.folder / "nothing.wav"
    world.attempt(lambda: world.recognition().call(str(path)))


@script()
def a_folder(world: World) -> None:
    """Call with a folder."""
    world.attempt(lambda: world.recognition().call(str(world.folder)))


@script()
def paths_of_other_types(world: World) -> None:
    """Call with a path object, with bytes, and with an empty name."""
    for path in (Path(world.pcm(400)), world.pcm(400).encode(), ""):
        note = lambda path=path: note_call(world, world.recognition().call(path))  # noqa: E731
        world.attempt(note)


@script()
def a_stream(world: World) -> None:
    """Send frames, and stop."""
    recognition = world.recognition(world.callback())
    world.note(len(recognition.get_last_request_id()))
    before = recognition.get_last_request_id()
    stream(recognition)
    world.note(recognition.get_last_request_id() == before)
    world.note(recognition.get_first_package_delay() > 0)
    world.note(recognition.get_last_package_delay() > 0)


@script()
def the_id_of_a_result(world: World) -> None:
    """The id of each result is that of the task, known before it begins."""
    ids: list[str] = []
    callback = world.callback(on_event=lambda _, result: ids.append(result.get_request_id()))
    recognition = world.recognition(callback)
    expected = recognition.get_last_request_id()
    stream(recognition)
    world.note(set(ids) == {expected}, world.server.received[0].task_id == expected)


@script()
def a_result_by_its_attributes(world: World) -> None:
    """The output of a result has attributes, too, and other keys than the sentence."""

    def note(_: object, result: Any) -> None:
        if result.is_sentence_end(result.get_sentence()):
            world.note(result.output.sentence["text"], result.output.get("sentence") is None)
            world.note(getattr(result.output, "nothing", "nothing"))

    stream(world.recognition(world.callback(on_event=note)))


@script()
def what_is_asked_about_all_sentences(world: World) -> None:
    """A list of sentences has no end and no usage, whatever a program takes it for."""
    result = world.recognition().call(world.pcm())
    world.note(result.is_sentence_end(result.get_sentence()))
    world.note(result.get_usage(result.get_sentence()))


@script()
def one_large_frame(world: World) -> None:
    """Send all audio as one frame."""
    recognition = world.recognition(world.callback())
    recognition.start()
    recognition.send_audio_frame(marked(1000))
    recognition.stop()


@script()
def frames_of_other_types(world: World) -> None:
    """Send a bytearray, which changes afterward, and a memoryview."""
    recognition = world.recognition(world.callback())
    recognition.start()
    recognition.send_audio_frame(memoryview(marked(400)))
    recognition.send_audio_frame(bytearray(marked(400, first=20)))
    recognition.stop()


@script()
def an_odd_frame(world: World) -> None:
    """Send frames that end in the middle of a sample."""
    recognition = world.recognition(world.callback())
    recognition.start()
    send(recognition, 800, 1001)
    recognition.stop()


@script()
def no_audio(world: World) -> None:
    """Stop without having sent anything."""
    recognition = world.recognition(world.callback())
    recognition.start()
    recognition.stop()


@script()
def hot_words_of_v1(world: World) -> None:
    """Use a list of hot words of a v1 model."""
    recognition = world.recognition(world.callback(), model="paraformer-realtime-v1")
    stream(recognition, phrase_id="phrases")


@script()
def hot_words_of_v1_for_a_file(world: World) -> None:
    """Use a list of hot words of a v1 model in a call."""
    recognition = world.recognition(model="paraformer-realtime-v1")
    note_call(world, recognition.call(world.pcm(), phrase_id="phrases"))


def _with(name: str, value: object, model: str = MODEL) -> None:
    def run(world: World) -> None:
        stream(world.recognition(world.callback(), model=model, **{name: value}), 400)

    run.__name__ = f"parameter_{name}"
    run.__doc__ = f"Set {name}."
    script()(run)


PARAMETERS: Mapping[str, object] = {
    "vocabulary_id": "vocab-words-123",
    "disfluency_removal_enabled": True,
    "language_hints": ["zh", "en"],
    "semantic_punctuation_enabled": True,
    "max_sentence_silence": 1200,
    "multi_threshold_mode_enabled": True,
    "punctuation_prediction_enabled": False,
    "heartbeat": True,
    "inverse_text_normalization_enabled": False,
    "diarization_enabled": True,
    "speaker_count": 2,
    "timestamp_alignment_enabled": True,
    "audio_event_detection_enabled": True,
    "something_new": {"nested": [1, None]},
}
for _name, _value in PARAMETERS.items():
    _with(_name, _value)


@script()
def words_to_replace(world: World) -> None:
    """Set special_word_filter, of models that take it."""
    words = '{"system_reserved_filter": true}'
    model = "fun-asr-realtime"
    stream(world.recognition(world.callback(), model=model, special_word_filter=words))


@script()
def parameters_of_start(world: World) -> None:
    """Parameters of `start` replace those of the object; those that are None are not sent."""
    recognition = world.recognition(
        world.callback(), max_sentence_silence=1200, language_hints=None
    )
    stream(recognition, 400, max_sentence_silence=600, vocabulary_id=None)


@script()
def parameters_of_a_call(world: World) -> None:
    """Parameters of `call` stay for the next one."""
    recognition = world.recognition(disfluency_removal_enabled=False)
    for params in ({"disfluency_removal_enabled": True}, {}):
        note_call(world, recognition.call(world.pcm(400), **params))


@script()
def the_input(world: World) -> None:
    """`raw_input` is the input of the task."""
    model = "fun-asr-realtime"
    recognition = world.recognition(world.callback(), model=model, raw_input={"context": NAMES})
    stream(recognition, 400)


@script()
def a_workspace_and_headers(world: World) -> None:
    """The workspace and further headers are those of the handshake."""
    recognition = world.recognition(world.callback(), workspace="llm-1", headers={"X-Trace": "7"})
    stream(recognition, 400)
    (headers,) = world.server.headers
    world.note(headers["X-DashScope-WorkSpace"], headers["X-Trace"], headers["Authorization"])


@script()
def an_empty_workspace(world: World) -> None:
    """An empty workspace, as of a variable that is not set, is the default one."""
    stream(world.recognition(world.callback(), workspace=""), 400)


@script()
def a_context(world: World) -> None:
    """The context changes while a task runs."""
    model = "fun-asr-realtime"
    recognition = world.recognition(world.callback(), model=model)
    recognition.start()
    recognition.send_audio_frame(marked(400))
    recognition.update_context({"context": NAMES})
    recognition.send_audio_frame(marked(400, first=20))
    recognition.stop()
    world.note(len(world.server.received))


@script()
def no_context(world: World) -> None:
    """A context is needed, and a recognition that runs."""
    recognition = world.recognition(world.callback())
    world.attempt(lambda: recognition.update_context({"context": NAMES}))
    recognition.start()
    world.attempt(lambda: recognition.update_context(None))
    recognition.stop()


@script()
def started_twice(world: World) -> None:
    """Start what is running."""
    recognition = world.recognition(world.callback())
    recognition.start()
    world.attempt(recognition.start)
    send(recognition)
    recognition.stop()


@script()
def called_while_it_runs(world: World) -> None:
    """Call what is running."""
    recognition = world.recognition(world.callback())
    recognition.start()
    world.attempt(lambda: recognition.call(world.pcm()))
    send(recognition)
    recognition.stop()


@script()
def sent_before_start(world: World) -> None:
    """Send to what was not started."""
    recognition = world.recognition(world.callback())
    world.attempt(lambda: recognition.send_audio_frame(bytes(3200)))


@script()
def sent_after_stop(world: World) -> None:
    """Send to what was stopped."""
    recognition = world.recognition(world.callback())
    stream(recognition)
    world.attempt(lambda: recognition.send_audio_frame(bytes(3200)))


@script()
def stopped_twice(world: World) -> None:
    """Stop what was stopped."""
    recognition = world.recognition(world.callback())
    stream(recognition)
    world.attempt(recognition.stop)


@script()
def stopped_before_start(world: World) -> None:
    """Stop what was not started."""
    world.attempt(world.recognition(world.callback()).stop)


@script()
def no_callback(world: World) -> None:
    """Start without a callback."""
    world.attempt(world.recognition().start)


@script()
def nothing_given(world: World) -> None:
    """Leave out what is needed."""
    for name in ("model", "format", "sample_rate"):
        world.attempt(lambda name=name: world.recognition(**{name: None}))


@script()
def several_threads(world: World) -> None:
    """Run a recognition in each of several threads."""

    def run(number: int) -> list[object]:
        texts: list[object] = []

        def keep(_: object, result: Any) -> None:
            if result.is_sentence_end(result.get_sentence()):
                texts.append(result.get_sentence()["text"])

        def ignore(*_: object) -> None:
            pass

        quiet = dict.fromkeys(("on_open", "on_complete", "on_close"), ignore)
        recognition = world.recognition(world.callback(on_event=keep, **quiet))
        recognition.start()
        recognition.send_audio_frame(marked(400, first=number * 20))
        recognition.stop()
        return texts

    with ThreadPoolExecutor(4) as executor:
        world.note(*executor.map(run, range(4)))


@script(FailTask(*FAILURE, at="run-task"))
def failed_at_the_start(world: World) -> None:
    """The task fails before it has started."""
    recognition = world.recognition(world.callback())
    recognition.start()
    _wait_for(world, "close")
    world.attempt(recognition.stop)
    world.attempt(lambda: recognition.send_audio_frame(bytes(3200)))


@script()
def parameters_by_position(world: World) -> None:
    """Pass parameters by their position, and None for those of an earlier call."""
    callback, access = world.callback(), {"base_address": world.server.url, "api_key": "any"}
    recognition = world.asr.Recognition(
        MODEL, callback, "pcm", 16000, None, True, False, speaker_count=2, **access
    )
    stream(recognition, disfluency_removal_enabled=None, speaker_count=None)
    recognition.start(None, False, None, 3)
    send(recognition)
    recognition.stop()
    note_call(world, recognition.call(world.pcm(), None, None, True, None, True))


@script(None, FailTask(*FAILURE, at="run-task"))
def whether_it_is_running(world: World) -> None:
    """Look whether a recognition is running, as programs do, though no public name says it."""
    recognition = world.recognition(world.callback())
    world.note(recognition._running)
    recognition.start()
    world.note(recognition._running)
    send(recognition)
    recognition.stop()
    world.note(recognition._running)
    recognition.start()
    _wait_for(world, "error")
    world.note(recognition._running)
    _wait_for(world, "close")


@script(FailTask(*FAILURE, after_ms=800))
def failed_in_mid_speech(world: World) -> None:
    """The task fails while audio is sent."""
    recognition = world.recognition(world.callback())
    recognition.start()
    send(recognition)
    for _ in range(500):  # the vendor's SDK receives nothing while it is not sent anything
        if any(line[0] == "close" for line in world.log):
            break
        with suppress(world.errors.InvalidParameter):
            recognition.send_audio_frame(bytes(3200))
        time.sleep(0.02)
    world.attempt(recognition.stop)


@script(FailTask(*FAILURE, after_ms=400))
def a_file_that_fails(world: World) -> None:
    """The task of a call fails."""
    result = world.recognition().call(world.pcm())
    world.note(*failure_of(result), result.usages)


@script(FailTask(*FAILURE, at="run-task"), None)
def restarted_after_a_failure(world: World) -> None:
    """Start once more after a failure."""
    recognition = world.recognition(world.callback())
    recognition.start()
    _wait_for(world, "close")
    stream(recognition)


@script(Refuse(401))
def a_refused_key_for_a_file(world: World) -> None:
    """The handshake of a call is refused."""
    result = world.recognition().call(world.pcm())
    world.note(result.status_code, result.code, result.get_sentence())


@script(Refuse(401))
def a_refused_key(world: World) -> None:
    """The handshake is refused."""
    errors: list[Any] = []
    recognition = world.recognition(world.callback(on_error=lambda _, one: errors.append(one)))
    recognition.start()
    _wait_for(world, "close")
    world.note([(one.status_code, one.code) for one in errors])


def _wait_for(world: World, name: str) -> None:
    """Wait until the log has a line that begins with *name*."""
    deadline = time.monotonic() + 10
    while not any(line[0] == name for line in world.log):
        assert time.monotonic() < deadline, world.log
        time.sleep(0.01)
    time.sleep(0.05)
