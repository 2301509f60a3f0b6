"""What the service quotes of the credentials, after it has accepted them, is shown nowhere."""

import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Iterator

import pytest

from paraformer_async import (
    AsyncRecognizer,
    InvalidOptionError,
    Reconnect,
    ServiceError,
    TaskFailedError,
)
from paraformer_async._client.failing import forget_frames
from paraformer_async._core.messages import TaskFailed
from paraformer_async._core.wire import encode
from paraformer_async.observing import Ended, MessageReceived, Observation, RetryScheduled
from paraformer_async.sync import Recognizer
from tests.client.conftest import Open
from tests.client.peer import Peer

pytestmark = pytest.mark.anyio

KEY, QUERY, HEADER, PASSWORD = "sk-very-secret", "query/secret", "header-secret", "proxy-secret"
QUOTED = f"Bearer {KEY.upper()}, {QUERY}, {HEADER}, {PASSWORD}"


def fail_task(peer: Peer) -> None:
    """Fail the task, with a code that is worth another attempt."""
    peer.send_frame(str(encode(TaskFailed("InternalError", f"wrong: {QUOTED}"), "")))


def fail_with_code(peer: Peer) -> None:
    """Fail the task with a code that quotes."""
    peer.send_frame(str(encode(TaskFailed(QUOTED, "wrong"), "")))


def close(peer: Peer) -> None:
    """Close the connection with a reason."""
    peer.drop(1011, QUOTED)


def send_unreadable(peer: Peer) -> None:
    """Send an event of an unknown kind, a late one, and one that cannot be decoded."""
    for event in (QUOTED, "task-started"):
        peer.send_frame(json.dumps({"header": {"event": event, "task_id": QUOTED}}))
    peer.send_frame(json.dumps({"header": {"event": QUOTED}})[:-1])


def locals_of(error: BaseException | None) -> Iterator[object]:
    """Yield the local variables of our frames in the tracebacks of *error* and its causes."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "/paraformer_async/" in frame.f_code.co_filename:
                yield from (one for name, one in frame.f_locals.items() if name != "self")
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("act", [fail_task, fail_with_code, close, send_unreadable])
async def test_no_failure_of_a_task_shows_a_secret(
    open_stream: Open,
    peers: list[Peer],
    act: Callable[[Peer], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    Neither errors, their causes, observations nor the log show what the service quotes.

    Nor do tools that show the local variables of a traceback.
    """
    caplog.set_level(logging.DEBUG)
    observed: list[Observation] = []
    for peer in peers:
        act(peer)
    stream = open_stream(
        bytes(3200),
        endpoint=f"ws://service.example/?token={QUERY}",
        api_key=KEY,
        headers={"X-Token": HEADER},
        proxy=f"http://user:{PASSWORD}@proxy.example:3128",
        reconnect=Reconnect(attempts=1, backoff=lambda _: 0.0),
        observe=observed.append,
    )
    with pytest.raises(ServiceError) as caught:
        _ = [result async for result in stream]
    failures = [one.failure for one in observed if isinstance(one, RetryScheduled)]
    failures += [one.error for one in observed if isinstance(one, Ended) if one.error]  # type: ignore[misc]
    shown = repr(observed) + caplog.text
    for error in (caught.value, *failures):
        shown += "".join(map(repr, locals_of(error)))
        shown += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert "…" in str(caught.value)
    assert [] == [each for each in (KEY, QUERY, HEADER, PASSWORD) if each in shown.lower()]


@pytest.mark.parametrize("encoding", [str, str.encode])
@pytest.mark.parametrize(("key", "shown"), [(KEY, "…"), ("any", "any")])
async def test_no_raw_message_shows_the_key(
    open_stream: Open, peer: Peer, encoding: Callable[[str], str | bytes], key: str, shown: str
) -> None:
    """A raw message is observed as it is, but without a key of more than a few characters."""
    observed: list[Observation] = []
    frame = str(encode(TaskFailed("InvalidApiKey", f"wrong: {key}"), ""))
    peer.send_frame(encoding(frame))
    stream = open_stream(bytes(3200), api_key=key, observe=observed.append, observe_messages=True)
    with pytest.raises(TaskFailedError, match=f"wrong: {shown}"):
        _ = [result async for result in stream]
    (received,) = (one.message for one in observed if isinstance(one, MessageReceived))
    assert encoding(frame.replace(key, shown)) == received


@pytest.mark.parametrize("quoted", ["in/header", r"in\/header", "IN/HEADER", "in query"])
async def test_no_raw_message_shows_a_key_given_elsewhere(
    open_stream: Open, peer: Peer, quoted: str
) -> None:
    """A key in `headers=` or the address is not shown, in whatever spelling."""
    observed: list[Observation] = []
    frame = str(encode(TaskFailed("InvalidApiKey", "wrong: KEY"), "")).replace("KEY", quoted)
    peer.send_frame(frame)
    stream = open_stream(
        bytes(3200),
        endpoint="ws://service.example/?api_key=in%20query",
        headers={"authorization": "Bearer in/header", "X-Kind": "wrong"},
        observe=observed.append,
        observe_messages=True,
    )
    with pytest.raises(TaskFailedError):
        _ = [result async for result in stream]
    (received,) = (one.message for one in observed if isinstance(one, MessageReceived))
    assert frame.replace(quoted, "…") == received


async def transcribe(recognizer: AsyncRecognizer) -> None:
    """Transcribe what is not there."""
    await recognizer.transcribe("no file", api_key=KEY)


async def stream(recognizer: AsyncRecognizer) -> None:
    """Use an option that cannot work."""
    recognizer.stream(b"", api_key=KEY, frame_ms=0)


async def transcribe_many(recognizer: AsyncRecognizer) -> None:
    """Use what are no paths."""
    recognizer.transcribe_many("a path", api_key=KEY)


async def create(_: AsyncRecognizer) -> None:
    """Use an option that cannot work."""
    AsyncRecognizer(api_key=KEY, frame_ms=0)


async def create_blocking(_: AsyncRecognizer) -> None:
    """Use an option that cannot work."""
    Recognizer(api_key=KEY, frame_ms=0)


async def block_in_stream(_: AsyncRecognizer) -> None:
    """Use an option that cannot work."""
    Recognizer().stream(b"", api_key=KEY, frame_ms=0)


async def block_in_stream_many(_: AsyncRecognizer) -> None:
    """Use no source."""
    Recognizer().stream_many([], api_key=KEY)


async def block_in_transcribe(_: AsyncRecognizer) -> None:
    """Transcribe what is not there."""
    Recognizer().transcribe("no file", api_key=KEY)


async def block_in_transcribe_many(_: AsyncRecognizer) -> None:
    """Use what are no paths."""
    Recognizer().transcribe_many("a path", api_key=KEY)


@pytest.mark.parametrize(
    "act",
    [
        *(transcribe, stream, transcribe_many, create, create_blocking),
        *(block_in_stream, block_in_stream_many, block_in_transcribe, block_in_transcribe_many),
    ],
)
async def test_a_key_of_one_call_is_not_in_the_locals_of_our_frames(
    act: Callable[[AsyncRecognizer], Awaitable[None]],
) -> None:
    """Tools that show the local variables of a traceback do not show a key given as an option."""
    async with AsyncRecognizer() as recognizer:
        with pytest.raises((InvalidOptionError, FileNotFoundError)) as caught:
            await act(recognizer)
    ours = list(locals_of(caught.value))
    assert ours
    assert KEY not in repr(ours)


def test_causes_in_a_circle() -> None:
    """Failures that are each other's causes end the search for frames, too."""
    one, other = ServiceError("one"), ServiceError("other")
    one.__cause__, other.__cause__ = other, one
    with pytest.raises(ServiceError):
        raise one
    forget_frames(one)
    assert one.__traceback__ is other.__traceback__ is None
