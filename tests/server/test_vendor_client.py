"""The second client of the vendor's SDK (2.0): it takes the local service for the real one."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from paraformer_async.engines import ScriptedEngine
from paraformer_async.results import Sentence, Word
from paraformer_async.server import LocalServer

dashscope = pytest.importorskip("dashscope", minversion="2.0")

pytestmark = pytest.mark.anyio

MODEL = "fun-asr-realtime"
HELLO = Sentence(
    begin_time=100,
    end_time=900,
    text="Hello, world.",
    words=(Word(100, 400, "Hello", ","), Word(500, 800, "world", ".")),
)
CONTEXT = {"context": [{"role": "user", "content": [{"type": "input_text", "text": "Moonshine"}]}]}
Work = Callable[[Any, str], Any]


async def run(work: Work) -> Any:
    """Run *work* in a thread, with a client and the address of a local service."""

    def with_client(url: str) -> Any:
        with dashscope.Client(api_key="any", workspace="any") as client, warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # "a preview"
            return work(client, url)

    async with LocalServer(ScriptedEngine((HELLO,))) as server:
        return await to_thread.run_sync(with_client, server.url)


def finals(events: Iterator[dict[str, Any]]) -> list[str]:
    """Return the texts of the final results."""
    sentences = (
        event.get("payload", event).get("output", {}).get("sentence") or {} for event in events
    )
    return [sentence["text"] for sentence in sentences if sentence.get("sentence_end")]


async def test_frame_by_frame() -> None:
    """Audio, a new context and the end are sent; the results arrive, and the session ends."""

    def talk(client: Any, url: str) -> list[str]:
        with client.audio.asr.recognize(model=MODEL, ws_url=url, input=CONTEXT) as session:
            for _ in range(10):
                session.send_audio_frame(bytes(3200))
            session.update_context(CONTEXT)
            session.stop()
            return [result.get_sentence()["text"] for result in session.results()]

    assert ["Hello, world."] == (await run(talk))[-1:]


async def test_a_file(tmp_path: Path) -> None:
    """A file is recognized to its end."""
    path = tmp_path / "audio.pcm"
    path.write_bytes(bytes(32000))

    def read(client: Any, url: str) -> list[str]:
        return finals(client.audio.asr.recognize_file(str(path), model=MODEL, ws_url=url))

    assert ["Hello, world."] == await run(read)


async def test_one_task_after_another() -> None:
    """Two sessions, one after the other, share a connection."""

    def talk(client: Any, url: str) -> list[list[str]]:
        texts = []
        with closing(client.ws_connection(url=url)) as connection:
            for _ in range(2):
                with client.audio.asr.recognize(model=MODEL, connection=connection) as session:
                    for _ in range(10):
                        session.send_audio_frame(bytes(3200))
                    session.stop()
                    texts.append(finals(session.events()))
        return texts

    assert [["Hello, world."]] * 2 == await run(talk)


async def test_a_refused_parameter() -> None:
    """What the model does not take is refused, and the client raises the service's reason."""

    def talk(client: Any, url: str) -> None:
        refused = {"vad_model": "near_meeting_16k"}
        with client.audio.asr.recognize(model=MODEL, ws_url=url, parameters=refused):
            pass

    with pytest.raises(Exception, match="vad_model"):
        await run(talk)
