"""The protocol: the whole table walked from both sides, and whatever a peer may send."""

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.messages import (
    Audio,
    Command,
    ContinueTask,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    name_of,
)
from paraformer_async._core.protocol import (
    HARMLESS,
    IN_TRANSIT,
    TRANSITIONS,
    UNREQUESTED,
    ClientProtocol,
    Move,
    Phase,
    ServerProtocol,
)
from paraformer_async._core.wire import encode
from paraformer_async.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from paraformer_async.results import Sentence

T = "0123456789abcdef0123456789abcdef"
DASHED = "01234567-89ab-cdef-0123-456789abcdef"
OTHER = "f" * 32

COMMANDS: list[Command] = [RunTask("m"), Audio(b"\x01\x00"), ContinueTask(), FinishTask()]
EVENTS: list[Event] = [
    TaskStarted(),
    ResultGenerated(Sentence(text="x")),
    TaskFinished(),
    TaskFailed("E", "m"),
]
# A way to every phase, as the messages of both sides in their order.
WAYS: dict[Phase, Sequence[Command | Event]] = {
    Phase.IDLE: (),
    Phase.STARTING: (RunTask("m"),),
    Phase.RUNNING: (RunTask("m"), TaskStarted()),
    Phase.FINISHING: (RunTask("m"), TaskStarted(), FinishTask()),
    Phase.FAILED: (RunTask("m"), TaskFailed()),
}
# The phases that a connection alone knows; a recognition has others between its connections.
ON_A_CONNECTION = tuple(WAYS)
each_phase = pytest.mark.parametrize("phase", ON_A_CONNECTION, ids=str)


def client_in(phase: Phase) -> ClientProtocol:
    """Return a client that came to *phase* by legal messages."""
    client = ClientProtocol()
    walk_client(client, WAYS[phase])
    assert phase is client.phase
    return client


def server_in(phase: Phase) -> ServerProtocol:
    """Return a server that came to *phase* by legal messages."""
    server = ServerProtocol()
    walk_server(server, WAYS[phase])
    assert phase is server.phase
    return server


def walk_client(client: ClientProtocol, messages: Iterable[Command | Event], task: str = T) -> None:
    """Let *client* send commands and receive events of *task*."""
    for message in messages:
        if isinstance(message, Command):
            client.send(message, task_id=task)
        else:
            assert message == client.receive(frame(message, task))


def walk_server(server: ServerProtocol, messages: Iterable[Command | Event], task: str = T) -> None:
    """Let *server* receive commands of *task* and send events."""
    for message in messages:
        if isinstance(message, Command):
            assert message == server.receive(frame(message, task))
        else:
            server.send(message)


def frame(message: Command | Event, task: str = T) -> str | bytes:
    """Return the frame of *message*, as it is read from a socket."""
    sent = encode(message, task)
    return bytes(sent) if isinstance(sent, memoryview) else sent


@each_phase
@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_client_sends(phase: Phase, command: Command) -> None:
    """A client's command changes the phase as in the table, or is refused without effect."""
    client = client_in(phase)
    before = client.task_id
    if expected := TRANSITIONS.get((phase, type(command))):
        assert frame(command) == client.send(command, task_id=T)
        assert expected is client.phase
    else:
        said = f"cannot send {name_of(command)} while {phase.value}"
        with pytest.raises(LocalProtocolError, match=said):
            client.send(command, task_id=OTHER)
        assert (phase, before) == (client.phase, client.task_id)


@each_phase
@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_client_receives(phase: Phase, event: Event) -> None:
    """An event changes the client's phase as in the table, is skipped, or fails the connection."""
    client = client_in(phase)
    received = frame(event, client.task_id)
    move = (phase, type(event))
    if expected := TRANSITIONS.get(move):
        assert event == client.receive(received)
        assert expected is client.phase
    elif move in HARMLESS:
        assert client.receive(received) is None
        assert phase is client.phase
    else:
        said = f"{name_of(event)} is not allowed while {phase.value}"
        with pytest.raises(RemoteProtocolError, match=said) as caught:
            client.receive(received)
        assert Phase.FAILED is client.phase
        assert client.task_id == caught.value.request_id
        assert caught.value.retryable == (move in UNREQUESTED)


@each_phase
@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_server_sends(phase: Phase, event: Event) -> None:
    """A server's event changes the phase as in the table, or is refused without effect."""
    server = server_in(phase)
    before = server.task_id
    if expected := TRANSITIONS.get((phase, type(event))):
        assert frame(event, before) == server.send(event)
        assert expected is server.phase
    else:
        with pytest.raises(LocalProtocolError, match=f"cannot send {name_of(event)}"):
            server.send(event)
        assert (phase, before) == (server.phase, server.task_id)


@each_phase
@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_server_receives(phase: Phase, command: Command) -> None:
    """A command changes the server's phase as in the table; in transit, it leaves it failed."""
    server = server_in(phase)
    expected = TRANSITIONS.get((phase, type(command)))
    if (phase, type(command)) in IN_TRANSIT:
        expected = phase
    if expected:
        assert command == server.receive(frame(command))
        assert expected is server.phase
    else:
        with pytest.raises(RemoteProtocolError, match=f"{name_of(command)} is not allowed"):
            server.receive(frame(command))
        assert Phase.FAILED is server.phase


def test_no_message_leads_out_of_failed() -> None:
    """A connection whose task failed is never used again."""
    led = {
        after
        for (phase, by), after in TRANSITIONS.items()
        if phase is Phase.FAILED and not isinstance(by, Move)
    }
    assert {Phase.FAILED} == led


def test_nothing_leads_out_of_the_end() -> None:
    """A complete recognition stays complete, and one that was given up stays given up."""
    assert not [move for move in TRANSITIONS if move[0] in (Phase.DONE, Phase.GIVEN_UP)]


@pytest.mark.parametrize("phase", Phase, ids=str)
@pytest.mark.parametrize("move", Move, ids=lambda move: move.name)
def test_moves(phase: Phase, move: Move) -> None:
    """A move changes the phase as in the table, or is refused without effect."""
    protocol = ClientProtocol(phase)
    if after := TRANSITIONS.get((phase, move)):
        protocol.move(move)
        assert after is protocol.phase
    else:
        with pytest.raises(LocalProtocolError, match=f"is not allowed while {phase.value}"):
            protocol.move(move)
        assert phase is protocol.phase


def test_what_is_out_of_place_is_told_apart() -> None:
    """An event is in one list only: what is legal, harmless, unasked for, or under way."""
    lists = [set(TRANSITIONS), set(HARMLESS), set(UNREQUESTED), set(IN_TRANSIT)]
    assert sum(map(len, lists)) == len(set.union(*lists))


@pytest.mark.parametrize("phase", [Phase.NEW, Phase.WAITING, Phase.DONE, Phase.GIVEN_UP], ids=str)
@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_between_connections_nothing_is_received(phase: Phase, event: Event) -> None:
    """Where there is no connection, an event is a breach."""
    protocol = ClientProtocol(phase)
    with pytest.raises(RemoteProtocolError):
        protocol.receive(frame(event, ""))


def test_parameters_that_are_no_json_change_nothing() -> None:
    """A parameter that cannot be sent is the user's TypeError, and the connection stays idle."""
    client = ClientProtocol()
    with pytest.raises(TypeError):
        client.send(RunTask("m", {"x": object()}), task_id=T)
    assert (Phase.IDLE, "") == (client.phase, client.task_id)


def test_several_tasks_on_a_connection() -> None:
    """A finished task leaves the connection free for another one, with an id of its own."""
    client, server = ClientProtocol(), ServerProtocol()
    for task in (T, OTHER, T.replace("0", "5")):
        way = (*WAYS[Phase.FINISHING], TaskFinished())
        walk_client(client, way, task)
        walk_server(server, way, task)
        assert (Phase.IDLE, Phase.IDLE) == (client.phase, server.phase)
        assert (task, task) == (client.task_id, server.task_id)


@pytest.mark.parametrize(
    "late", [event for event in EVENTS if not isinstance(event, TaskFailed)], ids=name_of
)
@each_phase
def test_late_events_are_skipped(
    phase: Phase, late: Event, caplog: pytest.LogCaptureFixture
) -> None:
    """An event of an earlier task is skipped in every phase, and logged."""
    caplog.set_level(logging.INFO, "paraformer_async.recognition")
    client = client_in(phase)
    assert client.receive(frame(late, OTHER)) is None
    assert phase is client.phase
    assert [f"skipped a late {name_of(late)} of task {OTHER}"] == caplog.messages


def test_a_failure_is_told_whatever_task_it_names() -> None:
    """After `task-failed` the connection is lost in any case, so its reason is never skipped."""
    client = client_in(Phase.RUNNING)
    assert TaskFailed("E", "m") == client.receive(frame(TaskFailed("E", "m"), OTHER))
    assert Phase.FAILED is client.phase


SPELLINGS = (T, DASHED, T.upper(), DASHED.upper())


@pytest.mark.parametrize("ours", SPELLINGS)
@pytest.mark.parametrize("theirs", SPELLINGS)
def test_the_spelling_of_an_id_does_not_matter(ours: str, theirs: str) -> None:
    """A peer that changes the dashes or the case of an id still names the same task."""
    client, server = ClientProtocol(), ServerProtocol()
    client.send(RunTask("m"), task_id=ours)
    assert TaskStarted() == client.receive(frame(TaskStarted(), theirs))
    server.receive(frame(RunTask("m"), ours))
    server.send(TaskStarted())
    assert FinishTask() == server.receive(frame(FinishTask(), theirs))


def test_an_event_without_an_id_is_of_the_current_task() -> None:
    """A failure that names no task is not lost."""
    client = client_in(Phase.RUNNING)
    assert TaskFailed("E", "m") == client.receive(frame(TaskFailed("E", "m"), ""))


def test_server_refuses_a_command_for_another_task() -> None:
    """A client that finishes a task that does not run breaks the protocol."""
    server = server_in(Phase.RUNNING)
    with pytest.raises(RemoteProtocolError, match="names another task") as caught:
        server.receive(frame(FinishTask(), OTHER))
    assert (Phase.FAILED, T) == (server.phase, caught.value.request_id)


def test_server_tells_of_a_breach() -> None:
    """After a violation by the client, the server can still send task-failed."""
    server = server_in(Phase.IDLE)
    with pytest.raises(RemoteProtocolError):
        server.receive(b"\x00\x00")
    failed = json.loads(server.send(TaskFailed("InvalidParameter", "run-task first")))
    assert "task-failed" == failed["header"]["event"]


def test_the_log_shows_no_secret_of_what_is_skipped(caplog: pytest.LogCaptureFixture) -> None:
    """What the service quotes of the credentials in an event that is skipped is not logged."""
    caplog.set_level(logging.INFO, "paraformer_async.recognition")
    client = client_in(Phase.RUNNING)
    client.hide = lambda text: text.replace("sk-secret", "…")
    assert client.receive(frame(TaskStarted(), "of sk-secret")) is None
    unknown = json.dumps({"header": {"event": "sk-secret-refused", "task_id": ""}})
    assert client.receive(unknown) is None
    assert [
        "skipped a late task-started of task of …",
        "skipped an event of unknown kind: …-refused",
    ] == caplog.messages


@each_phase
def test_client_skips_what_it_does_not_know(phase: Phase, caplog: pytest.LogCaptureFixture) -> None:
    """Events of unknown kinds are logged and skipped in every phase."""
    client = client_in(phase)
    assert client.receive('{"header":{"event":"context-updated"}}') is None
    assert phase is client.phase
    assert ["WARNING"] == [record.levelname for record in caplog.records]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"header":{"event":[]}}'])
def test_what_cannot_be_read_fails_the_connection(broken: str) -> None:
    """A frame that cannot be read fails both sides, and the error names the task."""
    for side in (client_in(Phase.RUNNING), server_in(Phase.RUNNING)):
        with pytest.raises(RemoteProtocolError) as caught:
            side.receive(broken)
        assert (Phase.FAILED, T) == (side.phase, caught.value.request_id)


FRAMES = st.text() | st.binary() | st.sampled_from([*COMMANDS, *EVENTS]).map(frame)


@given(st.sampled_from(ON_A_CONNECTION), st.lists(FRAMES, max_size=8))
def test_arbitrary_frames(phase: Phase, frames: list[str | bytes]) -> None:
    """Whatever a peer sends, both sides raise nothing but the library's own errors."""
    for side in (client_in(phase), server_in(phase)):
        for received in frames:
            before = side.phase
            try:
                side.receive(received)
            except RemoteProtocolError:
                assert Phase.FAILED is side.phase
            else:
                assert before is not Phase.FAILED or side.phase is Phase.FAILED


@given(st.lists(st.sampled_from(EVENTS)), st.sampled_from([T, DASHED, OTHER, ""]))
def test_arbitrary_order_of_events(events: list[Event], task: str) -> None:
    """Events in any order move the client along the table, are skipped, or fail it for good."""
    client = client_in(Phase.STARTING)
    for event in events:
        move = TRANSITIONS.get((client.phase, type(event)))
        is_late = task == OTHER and not isinstance(event, TaskFailed)
        if is_late or (client.phase, type(event)) in HARMLESS:
            move = client.phase
        try:
            client.receive(frame(event, task))
        except ProtocolError:
            assert move is None
            move = Phase.FAILED
        assert move is client.phase


def test_text_as_bytes() -> None:
    """A client takes text in UTF-8 as well; to a service, bytes are audio."""
    text = frame(TaskStarted())
    assert isinstance(text, str)
    assert TaskStarted() == client_in(Phase.STARTING).receive(text.encode())
    assert Audio(text.encode()) == server_in(Phase.RUNNING).receive(text.encode())


def test_a_commanded_id_is_the_clients_own() -> None:
    """A server repeats the id as the client spelled it."""
    server = ServerProtocol()
    server.receive(frame(RunTask("m"), DASHED.upper()))
    assert DASHED.upper() in str(server.send(TaskStarted()))


@given(st.data())
def test_both_sides_agree(data: Any) -> None:
    """A client and a server that are wired to each other agree on every legal sequence."""
    client, server = ClientProtocol(), ServerProtocol()
    for turn in range(data.draw(st.integers(0, 30))):
        allowed = [
            message
            for message in (*COMMANDS, *EVENTS)
            if (client.phase, type(message)) in TRANSITIONS
        ]
        message = data.draw(st.sampled_from(allowed))
        if isinstance(message, Command):
            sent = client.send(message, task_id=f"{turn:032x}")
            assert message == server.receive(bytes(sent) if isinstance(message, Audio) else sent)
        else:
            assert message == client.receive(server.send(message))
        assert (client.phase, client.task_id) == (server.phase, server.task_id)
