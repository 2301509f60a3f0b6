"""What the service quotes of the credentials, after it has accepted them, is shown nowhere."""

import json
import logging
import traceback
from collections.abc import Callable

import pytest

from paraformer_async import Reconnect, ServiceError, TaskFailedError
from paraformer_async._core.messages import TaskFailed
from paraformer_async._core.wire import encode
from paraformer_async.observing import Ended, MessageReceived, Observation, RetryScheduled
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


@pytest.mark.parametrize("act", [fail_task, fail_with_code, close, send_unreadable])
async def test_no_failure_of_a_task_shows_a_secret(
    open_stream: Open,
    peers: list[Peer],
    act: Callable[[Peer], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither errors, their causes, observations nor the log show what the service quotes."""
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
