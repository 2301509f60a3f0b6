"""The vendor's own SDK as a client of the local service: it takes it for the real one."""

import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from paraformer_async._core.messages import Command, ContinueTask, RunTask
from paraformer_async._core.service import ServiceConnection
from paraformer_async.engines import ScriptedEngine
from paraformer_async.results import Sentence, Word
from paraformer_async.server import LocalServer

dashscope = pytest.importorskip("dashscope")
asr = pytest.importorskip("dashscope.audio.asr")
InvalidParameter = pytest.importorskip("dashscope.common.error").InvalidParameter

pytestmark = [
    pytest.mark.anyio,
    # The vendor's SDK calls what Python 3.14 has deprecated.
    pytest.mark.filterwarnings("ignore:'asyncio.get_event_loop_policy' is:DeprecationWarning"),
]

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
GO_FORWARD = AUDIO / "goforward.wav"
AUSTEN = AUDIO / "sense_and_sensibility_01_austen_64kb-0880.wav"
MODEL = "paraformer-realtime-v2"
HELLO = Sentence(
    begin_time=100,
    end_time=900,
    text="Hello, world.",
    words=(Word(100, 400, "Hello", ","), Word(500, 800, "world", ".")),
)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[LocalServer], None]]:
    """Point the SDK's globals to a server, for one test, and let it leave no thread behind."""

    def point(server: LocalServer, key: str = "any") -> None:
        monkeypatch.setattr(dashscope, "base_websocket_api_url", server.url)
        monkeypatch.setattr(dashscope, "api_key", key)

    before = set(threading.enumerate())
    yield point
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("AnyIO"):
            thread.join(10)
            assert not thread.is_alive()


class Notes(asr.RecognitionCallback):  # type: ignore[name-defined,misc]
    """A callback that records its calls."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.results: list[Any] = []
        self.is_over = threading.Event()

    def on_open(self) -> None:
        """Note it."""
        self.notes.append("open")

    def on_event(self, result: Any) -> None:
        """Note the result."""
        self.results.append(result)

    def on_complete(self) -> None:
        """Note it."""
        self.notes.append("complete")

    def on_error(self, result: Any) -> None:
        """Note the failure."""
        self.notes.append("error")
        self.results.append(result)

    def on_close(self) -> None:
        """Note it."""
        self.notes.append("close")
        self.is_over.set()


def recognition(callback: Any = None, **options: Any) -> Any:
    """Make the SDK's client."""
    options = {"model": MODEL, "format": "wav", "sample_rate": 16000} | options
    return asr.Recognition(callback=callback, **options)


@pytest.mark.parametrize(
    ("file", "text"),
    [(GO_FORWARD, "Go forward 10 meters."), (AUSTEN, "He was not an ill disposed young man.")],
)
async def test_a_file(use: Any, file: Path, text: str) -> None:
    """`call` returns the words of a file with their times, and what they would be billed."""
    pytest.importorskip("sherpa_onnx")
    async with LocalServer("moonshine") as server:
        use(server)
        client = recognition(language_hints=["en"])
        result = await to_thread.run_sync(client.call, str(file))
    assert (result.status_code, result.code, result.message) == (200, "", "")
    (sentence,) = result.get_sentence()
    assert plain(sentence["text"]) == plain(text)
    with wave.open(str(file)) as audio:
        length = audio.getnframes() * 1000 // audio.getframerate()
    assert 0 <= sentence["begin_time"] < sentence["end_time"] <= length
    words = sentence["words"]
    assert plain("".join(word["text"] + word["punctuation"] for word in words)) == plain(text)
    assert words[0]["begin_time"] == sentence["begin_time"]
    assert asr.RecognitionResult.is_sentence_end(sentence)
    assert result.get_usage(sentence)["duration"] == -(-length // 1000)
    assert result.get_request_id() == client.get_last_request_id()
    assert 0 < client.get_first_package_delay() <= client.get_last_package_delay() + 1000


def plain(text: str) -> str:
    """The letters of a text, as most would write it."""
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    return letters.replace("metres", "meters").replace("ten", "10")


async def test_frame_by_frame(use: Any) -> None:
    """`start`, `send_audio_frame` and `stop` bring results as they come, then the end."""
    callback = Notes()
    client = recognition(callback, format="pcm")

    def talk() -> None:
        client.start()
        for _ in range(10):
            client.send_audio_frame(bytes(3200))
        client.stop()

    async with LocalServer(ScriptedEngine((HELLO,))) as server:
        use(server)
        await to_thread.run_sync(talk)
    assert callback.notes == ["open", "complete", "close"]
    sentences = [result.get_sentence() for result in callback.results]
    assert [sentence["text"] for sentence in sentences][-1] == "Hello, world."
    assert [asr.RecognitionResult.is_sentence_end(sentence) for sentence in sentences] == [
        *[False] * (len(sentences) - 1),
        True,
    ]
    final = callback.results[-1]
    assert final.get_usage(sentences[-1]) == {"duration": 1}
    assert final.get_request_id() == client.get_last_request_id()
    assert client.get_first_package_delay() > 0


async def test_a_context(use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The context of `raw_input` and of `update_context` is accepted, and ends nothing."""
    callback = Notes()
    first, second = (
        {"context": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]}
        for text in ("Paraformer", "Moonshine")
    )
    client = recognition(callback, format="pcm", model="fun-asr-realtime", raw_input=first)
    inputs: list[Any] = []
    receive = ServiceConnection.receive

    def record(service: ServiceConnection, frame: str | bytes, now: float) -> Command:
        command = receive(service, frame, now)
        if isinstance(command, RunTask | ContinueTask):
            inputs.append(command.input)
        return command

    monkeypatch.setattr(ServiceConnection, "receive", record)

    def talk() -> None:
        client.start()
        client.send_audio_frame(bytes(3200))
        client.update_context(second)
        for _ in range(9):
            client.send_audio_frame(bytes(3200))
        client.stop()

    async with LocalServer(ScriptedEngine((HELLO,))) as server:
        use(server)
        await to_thread.run_sync(talk)
    assert callback.notes == ["open", "complete", "close"]
    assert inputs == [first, second]


async def test_heartbeats_are_not_shown(use: Any) -> None:
    """The SDK takes the signs of life for what they are."""
    callback = Notes()
    client = recognition(callback, format="pcm", heartbeat=True)

    def talk() -> None:
        client.start()
        for _ in range(50):
            client.send_audio_frame(bytes(3200))
        client.stop()

    async with LocalServer(ScriptedEngine(())) as server:
        use(server)
        await to_thread.run_sync(talk)
    assert callback.notes == ["open", "complete", "close"]
    assert callback.results == []


async def test_a_failure(use: Any) -> None:
    """A task that fails is reported as the SDK reports failures of the real service."""
    async with LocalServer("scripted") as server:
        use(server)
        client = recognition(format="mp5")
        result = await to_thread.run_sync(client.call, str(GO_FORWARD))
    assert (result.status_code, result.code) == (44, "UNSUPPORTED_FORMAT")
    assert result.message.startswith("'mp5' cannot be decoded here")
    assert result.get_request_id() == client.get_last_request_id()
    assert result.get_sentence() is None


async def test_a_failure_in_the_middle(use: Any) -> None:
    """A failure after the start reaches the callback's `on_error`, then `on_close`."""
    callback = Notes()
    client = recognition(callback, format="wav")

    def talk() -> None:
        client.start()
        # The SDK waits for audio with its loop blocked: it receives only while it sends.
        while not callback.is_over.wait(0.01):
            with suppress(InvalidParameter):  # it has stopped meanwhile
                client.send_audio_frame(b"nonsense" * 400)

    async with LocalServer("scripted") as server:
        use(server)
        await to_thread.run_sync(talk)
    client._silence_timer.cancel()  # the SDK leaves it running, and its thread with it
    assert callback.notes == ["open", "error", "close"]
    (failure,) = callback.results
    assert (failure.status_code, failure.code) == (44, "UNSUPPORTED_FORMAT")
    assert failure.message.startswith("Failed to decode audio: ")


async def test_a_wrong_key(use: Any) -> None:
    """A key that is refused in the handshake is an error of authentication."""
    async with LocalServer("scripted", api_key="right") as server:
        use(server, key="wrong")
        client = recognition()
        result = await to_thread.run_sync(client.call, str(GO_FORWARD))
        assert (result.status_code, result.code) == (401, 401)
        assert result.message == "Unauthorized, your api-key is invalid!"
        use(server, key="right")
        result = await to_thread.run_sync(client.call, str(GO_FORWARD))
        assert result.status_code == 200


async def test_one_after_another(use: Any) -> None:
    """One client can be used for one file after another."""
    async with LocalServer(ScriptedEngine((HELLO,))) as server:
        use(server)
        client = recognition()
        for _ in range(3):
            result = await to_thread.run_sync(client.call, str(GO_FORWARD))
            assert [sentence["text"] for sentence in result.get_sentence()] == [HELLO.text]


async def test_lists_of_hot_words(use: Callable[[LocalServer], None]) -> None:
    """The SDK's service of vocabularies creates, lists, queries, updates and deletes a list."""
    words = [{"text": "云", "weight": 4, "lang": "zh"}]

    def life(base: str) -> None:
        service = asr.VocabularyService(base_address=base)
        name = service.create_vocabulary(target_model=MODEL, prefix="sdk", vocabulary=words)
        (listed,) = service.list_vocabularies(prefix="sdk")
        assert (name, "OK") == (listed["vocabulary_id"], listed["status"])
        assert words == service.query_vocabulary(name)["vocabulary"]
        service.update_vocabulary(name, [{"text": "a", "weight": 1}])
        service.delete_vocabulary(name)
        assert [] == service.list_vocabularies()
        with pytest.raises(asr.VocabularyServiceException, match=r"BadRequest\.ResourceNotExist"):
            service.query_vocabulary(name)

    async with LocalServer("scripted") as server:
        use(server)
        base = server.url.replace("ws://", "http://").replace("/api-ws/v1/inference", "/api/v1")
        await to_thread.run_sync(life, base)
