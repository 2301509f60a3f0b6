"""What one recognition logs: with its ids, and each cost once as a warning."""

import logging

import anyio
import pytest

from paraformer_async import Reconnect
from paraformer_async._client import inbox as inbox_module
from paraformer_async._core.messages import FinishTask, RunTask
from tests.client.conftest import Open
from tests.client.peer import Peer

pytestmark = pytest.mark.anyio

FRAME = b"\x01" * 3200
AGAIN = Reconnect(backoff=lambda _: 0.0)
UNKNOWN = '{"header": {"event": "weather-report", "task_id": ""}, "payload": {}}'


async def test_the_first_retry_is_a_warning_with_its_cost(
    open_stream: Open, peers: list[Peer], caplog: pytest.LogCaptureFixture
) -> None:
    """The first retry of a stream is a warning with the audio that it costs, others are INFO."""
    caplog.set_level(logging.INFO, "paraformer_async")
    async with open_stream(10 * FRAME, reconnect=AGAIN) as stream:
        for end, peer in ((400, peers[0]), (300, peers[1]), (300, peers[2])):
            await peer.wait_for(RunTask)
            peer.start()
            await peer.wait_for(FinishTask)
            peer.send_final("some", end)
            await anyio.wait_all_tasks_blocked()
            if peer is not peers[2]:
                peer.drop(1011)
        peers[2].finish()
        assert 3 == len([result async for result in stream])

    lines = [one for one in caplog.records if "another attempt" in one.getMessage()]
    assert ["WARNING", "INFO"] == [one.levelname for one in lines]
    cost = [one.getMessage().partition("; ")[2].partition(";")[0] for one in lines]
    again = "s of audio will be sent and billed again"
    assert [f"0.6 {again}", f"0.3 {again}"] == cost


async def test_every_line_has_the_ids(
    open_stream: Open,
    peers: list[Peer],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is logged of a recognition has its id, and that of the current task."""
    monkeypatch.setattr(inbox_module, "_LIMIT", 4)
    caplog.set_level(logging.DEBUG, "paraformer_async")
    async with open_stream(FRAME + b"\x01", reconnect=AGAIN) as stream:
        for peer in peers[:2]:
            await peer.wait_for(RunTask)
            peer.send_frame(UNKNOWN)
            peer.start()
            peer.send_frame('{"header": {"event": "task-started", "task_id": "another"}}')
            await peer.wait_for(FinishTask)
            if peer is peers[0]:
                peer.drop(1011)
        for end in (10, 20, 30, 40):
            peers[1].send_final("one", end)
        peers[1].finish()
        _ = [result async for result in stream]

    first, second = stream.request_ids
    found = {"unknown": 0, "late": 0, "another attempt": 0, "within a sample": 0, "unread": 0}
    for record in caplog.records:
        facts = vars(record)
        assert first == facts["recognition"]
        assert facts["request_id"] in (first, second)
        ids = f"[{first}]" if facts["request_id"] == first else f"[{first} task {second}]"
        assert record.getMessage().startswith(f"{ids} ")
        for one in found:
            found[one] += one in record.getMessage()
    assert all(found.values()), found
    assert 1 == len(
        [
            one
            for one in caplog.records
            if "unknown kind" in one.getMessage() and one.levelno == logging.WARNING
        ]
    )
