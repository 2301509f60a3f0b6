"""The inbox alone."""

import asyncio

import anyio
import pytest
from msgspec.structs import replace

from paraformer_async import RemoteProtocolError
from paraformer_async._client import inbox as module
from paraformer_async._client.inbox import Inbox
from paraformer_async.results import AudioGap, RecognitionResult, Sentence, Translation

pytestmark = pytest.mark.anyio


def result(text: str, *, is_final: bool = False) -> RecognitionResult:
    """Make a result."""
    return RecognitionResult(Sentence(text=text, sentence_end=is_final), "id")


async def read(inbox: Inbox) -> RecognitionResult | None:
    """Wait for the next result, as the user's loop does; `None` at the end."""
    while not inbox.results and not inbox.is_ended:
        await inbox.changed.wait()
    return inbox.take() if inbox.results else None


def texts(inbox: Inbox) -> list[str]:
    """Read all that waits in an inbox that has ended."""
    assert inbox.is_ended
    found = [one.text for one in inbox.results]
    inbox.results.clear()
    return found


async def test_finals_are_kept_and_partials_replaced() -> None:
    """Every final result waits; of partial ones only the newest, also before a final one."""
    inbox = Inbox(lambda _: None)
    for text, is_final in (("a", 0), ("ab", 0), ("ab.", 1), ("c.", 1), ("d", 0), ("de", 0)):
        inbox.put(result(text, is_final=bool(is_final)))
    inbox.end()
    assert ["ab.", "c.", "de"] == texts(inbox)


async def test_a_sentence_begins_once() -> None:
    """If the first result of a sentence is replaced, the one in its place begins it."""
    inbox = Inbox(lambda _: None)
    inbox.put(replace(result("a"), begins=True))
    inbox.put(result("ab"))
    inbox.put(result("abc", is_final=True))
    inbox.put(replace(result("d"), begins=True))
    assert [("abc", True), ("d", True)] == [(one.text, one.begins) for one in inbox.results]
    inbox.results.clear()
    inbox.put(result("de"))
    assert [("de", False)] == [(one.text, one.begins) for one in inbox.results]


async def test_another_sentence_replaces_nothing() -> None:
    """A correction, or a late final of another sentence, does not take a partial's place."""
    inbox = Inbox(lambda _: None)

    def numbered(number: int, *, is_final: bool, **more: bool) -> RecognitionResult:
        sentence = Sentence(sentence_id=number, sentence_end=is_final)
        return RecognitionResult(sentence, request_id="r", **more)

    partial = numbered(2, is_final=False, begins=True)
    late, corrected = numbered(1, is_final=True), numbered(1, is_final=True, replaces=True)
    for one in (partial, late, partial, corrected, partial):
        inbox.put(one)
    assert [partial, late, partial, corrected, partial] == list(inbox.results)
    inbox.put(numbered(2, is_final=False))
    assert [partial, late, partial, corrected, partial] == list(inbox.results)


async def test_a_final_translation_is_kept() -> None:
    """A translation that is final before its sentence is not replaced."""
    inbox = Inbox(lambda _: None)
    final = Translation(text="A", sentence_end=True, lang="en")
    inbox.put(replace(result("a"), translations=(final,)))
    inbox.put(replace(result("ab"), translations=(Translation(text="B", lang="en"),)))
    inbox.put(result("abc"))
    assert ["a", "abc"] == [one.text for one in inbox.results]


async def test_a_gap_is_kept() -> None:
    """A gap counts as final: it is not replaced by what comes after it."""
    inbox = Inbox(lambda _: None)
    inbox.put(AudioGap.between(0, 100))
    inbox.put(result("a"))
    inbox.end()
    assert ["", "a"] == texts(inbox)


async def test_what_waits_is_read_after_the_end() -> None:
    """Unread results are still returned after the end; only then nothing is."""
    inbox = Inbox(lambda _: None)
    inbox.put(result("a", is_final=True))
    inbox.end()
    assert ["a"] == texts(inbox)
    assert await read(inbox) is None


@pytest.mark.parametrize("readers", [1, 3])
async def test_readers_are_woken(readers: int) -> None:
    """A reader is woken by a result or by the end; each result goes to one reader."""
    inbox = Inbox(lambda _: None)
    found: list[str | None] = []

    async def reader() -> None:
        one = await read(inbox)
        found.append(one.text if one else None)

    async with anyio.create_task_group() as tasks:
        for _ in range(readers):
            tasks.start_soon(reader)
        await anyio.wait_all_tasks_blocked()
        inbox.put(result("a", is_final=True))
        await anyio.wait_all_tasks_blocked()
        assert ["a"] == found
        inbox.end()
    assert ["a"] + [None] * (readers - 1) == found


async def test_cancelled_reading_takes_nothing() -> None:
    """A reader that is canceled in the moment of an arrival has taken nothing."""
    inbox = Inbox(lambda _: None)
    reading = asyncio.create_task(read(inbox))
    await anyio.wait_all_tasks_blocked()
    inbox.put(result("a", is_final=True))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    inbox.end()
    assert ["a"] == texts(inbox)


async def test_too_many_unread_results_hold_audio_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the limit, the inbox is full until half has been read; none is lost."""
    monkeypatch.setattr(module, "_LIMIT", 10)
    changes: list[bool] = []
    inbox = Inbox(changes.append)
    numbers = iter(range(100))
    texts: list[str] = []

    def put(count: int) -> None:
        for _ in range(count):
            inbox.put(result(str(next(numbers)), is_final=True))

    for _ in range(2):
        put(9)
        assert changes[-1:] in ([], [False])
        put(3)
        assert changes[-1]
        texts += [inbox.take().text for _ in range(6)]
        assert changes[-1]
        texts += [inbox.take().text]
        assert not changes[-1]
        texts += [inbox.take().text for _ in range(5)]
    assert [True, False, True, False] == changes
    assert [str(number) for number in range(24)] == texts


async def test_results_without_end_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that sends as many results again after the limit breaks the protocol."""
    monkeypatch.setattr(module, "_LIMIT", 10)
    inbox = Inbox(lambda _: None)
    with pytest.raises(RemoteProtocolError, match="20 results came"):
        for _ in range(100):
            inbox.put(result("a", is_final=True))
    assert 20 == len(inbox.results)
