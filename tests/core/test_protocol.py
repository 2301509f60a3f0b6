"""The protocol: the whole table walked from both sides, and whatever a peer may send."""

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.protocol import TRANSITIONS, ClientProtocol, ServerProtocol, State
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    encode,
    name_of,
)
from paraformer_async.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from paraformer_async.results import Sentence

T = "0123456789abcdef0123456789abcdef"
DASHED = "01234567-89ab-cdef-0123-456789abcdef"
OTHER = "f" * 32

COMMANDS: list[Command] = [RunTask("m"), Audio(b"\x01\x00"), FinishTask()]
EVENTS: list[Event] = [
    TaskStarted(),
    ResultGenerated(Sentence(text="x")),
    TaskFinished(),
    TaskFailed("E", "m"),
]
# A way to every state, as the messages of both sides in their order.
WAYS: dict[State, Sequence[Command | Event]] = {
    State.IDLE: (),
    State.STARTING: (RunTask("m"),),
    State.RUNNING: (RunTask("m"), TaskStarted()),
    State.FINISHING: (RunTask("m"), TaskStarted(), FinishTask()),
    State.FAILED: (RunTask("m"), TaskFailed()),
}
# What can have been on its way when the service failed the task.
UNDER_WAY = {(State.FAILED, Audio), (State.FAILED, FinishTask)}


def client_in(state: State) -> ClientProtocol:
    """Give a client that came to *state* by legal messages."""
    client = ClientProtocol()
    walk_client(client, WAYS[state])
    assert state is client.state
    return client


def server_in(state: State) -> ServerProtocol:
    """Give a server that came to *state* by legal messages."""
    server = ServerProtocol()
    walk_server(server, WAYS[state])
    assert state is server.state
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
    """Give the frame of *message*, as it is read from a socket."""
    sent = encode(message, task)
    return bytes(sent) if isinstance(sent, memoryview) else sent


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_client_sends(state: State, command: Command) -> None:
    """A client's command moves as the table says, or is refused and changes nothing."""
    client = client_in(state)
    before = client.task_id
    if expected := TRANSITIONS.get((state, type(command))):
        assert frame(command) == client.send(command, task_id=T)
        assert expected is client.state
    else:
        said = f"cannot send {name_of(command)} while {state.value}"
        with pytest.raises(LocalProtocolError, match=said):
            client.send(command, task_id=OTHER)
        assert (state, before) == (client.state, client.task_id)


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_client_receives(state: State, event: Event) -> None:
    """An event moves the client as the table says, or fails the connection."""
    client = client_in(state)
    received = frame(event, client.task_id)
    if expected := TRANSITIONS.get((state, type(event))):
        assert event == client.receive(received)
        assert expected is client.state
    else:
        said = f"{name_of(event)} may not come while {state.value}"
        with pytest.raises(RemoteProtocolError, match=said) as caught:
            client.receive(received)
        assert State.FAILED is client.state
        assert client.task_id == caught.value.request_id


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("event", EVENTS, ids=name_of)
def test_server_sends(state: State, event: Event) -> None:
    """A server's event moves as the table says, or is refused and changes nothing."""
    server = server_in(state)
    before = server.task_id
    if expected := TRANSITIONS.get((state, type(event))):
        assert frame(event, before) == server.send(event)
        assert expected is server.state
    else:
        with pytest.raises(LocalProtocolError, match=f"cannot send {name_of(event)}"):
            server.send(event)
        assert (state, before) == (server.state, server.task_id)


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_server_receives(state: State, command: Command) -> None:
    """A command moves the server as the table says; what a failure overtook leaves it failed."""
    server = server_in(state)
    expected = TRANSITIONS.get((state, type(command)))
    if (state, type(command)) in UNDER_WAY:
        expected = state
    if expected:
        assert command == server.receive(frame(command))
        assert expected is server.state
    else:
        with pytest.raises(RemoteProtocolError, match=f"{name_of(command)} may not come"):
            server.receive(frame(command))
        assert State.FAILED is server.state


def test_nothing_leads_out_of_failed() -> None:
    """A connection whose task failed is never used again."""
    assert {State.FAILED} == {to for (state, _), to in TRANSITIONS.items() if state is State.FAILED}


def test_parameters_that_are_no_json_change_nothing() -> None:
    """A parameter that cannot be sent is the user's TypeError, and the connection stays idle."""
    client = ClientProtocol()
    with pytest.raises(TypeError):
        client.send(RunTask("m", {"x": object()}), task_id=T)
    assert (State.IDLE, "") == (client.state, client.task_id)


def test_several_tasks_on_a_connection() -> None:
    """A finished task leaves the connection free for another one, with an id of its own."""
    client, server = ClientProtocol(), ServerProtocol()
    for task in (T, OTHER, T.replace("0", "5")):
        way = (*WAYS[State.FINISHING], TaskFinished())
        walk_client(client, way, task)
        walk_server(server, way, task)
        assert (State.IDLE, State.IDLE) == (client.state, server.state)
        assert (task, task) == (client.task_id, server.task_id)


@pytest.mark.parametrize(
    "late", [event for event in EVENTS if not isinstance(event, TaskFailed)], ids=name_of
)
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_late_events_are_skipped(
    state: State, late: Event, caplog: pytest.LogCaptureFixture
) -> None:
    """An event of an earlier task is skipped in every state, and a line of the log tells."""
    caplog.set_level(logging.INFO, "paraformer_async.protocol")
    client = client_in(state)
    assert client.receive(frame(late, OTHER)) is None
    assert state is client.state
    assert [f"skipped a late {name_of(late)} of task {OTHER}"] == caplog.messages


def test_a_failure_is_told_whatever_task_it_names() -> None:
    """After `task-failed` the connection is lost in any case, so its reason is never skipped."""
    client = client_in(State.RUNNING)
    assert TaskFailed("E", "m") == client.receive(frame(TaskFailed("E", "m"), OTHER))
    assert State.FAILED is client.state


@pytest.mark.parametrize(("ours", "theirs"), [(T, DASHED), (DASHED, T), (T, T), (DASHED, DASHED)])
def test_dashes_of_an_id_do_not_matter(ours: str, theirs: str) -> None:
    """A peer that adds or drops the dashes of an id still speaks of the same task."""
    client, server = ClientProtocol(), ServerProtocol()
    client.send(RunTask("m"), task_id=ours)
    assert TaskStarted() == client.receive(frame(TaskStarted(), theirs))
    server.receive(frame(RunTask("m"), ours))
    server.send(TaskStarted())
    assert FinishTask() == server.receive(frame(FinishTask(), theirs))


def test_an_event_without_an_id_is_of_the_current_task() -> None:
    """A failure that names no task is not lost."""
    client = client_in(State.RUNNING)
    assert TaskFailed("E", "m") == client.receive(frame(TaskFailed("E", "m"), ""))


def test_server_refuses_a_command_for_another_task() -> None:
    """A client that finishes a task that does not run breaks the protocol."""
    server = server_in(State.RUNNING)
    with pytest.raises(RemoteProtocolError, match="names another task") as caught:
        server.receive(frame(FinishTask(), OTHER))
    assert (State.FAILED, T) == (server.state, caught.value.request_id)


def test_server_tells_of_a_breach() -> None:
    """After the client broke the protocol, the server can still say that the task failed."""
    server = server_in(State.IDLE)
    with pytest.raises(RemoteProtocolError):
        server.receive(b"\x00\x00")
    failed = json.loads(server.send(TaskFailed("InvalidParameter", "run-task first")))
    assert "task-failed" == failed["header"]["event"]


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize(
    "unknown",
    [b"", b"\x00\x01", '{"header":{"event":"context-updated"}}'],
    ids=["empty binary", "binary", "event"],
)
def test_client_skips_what_it_does_not_know(
    state: State, unknown: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Unknown events and binary frames are logged and skipped in every state."""
    client = client_in(state)
    assert client.receive(unknown) is None
    assert state is client.state
    assert ["WARNING"] == [record.levelname for record in caplog.records]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"header":{"event":[]}}'])
def test_what_cannot_be_read_fails_the_connection(broken: str) -> None:
    """A frame that cannot be read fails both sides, and the error names the task."""
    for side in (client_in(State.RUNNING), server_in(State.RUNNING)):
        with pytest.raises(RemoteProtocolError) as caught:
            side.receive(broken)
        assert (State.FAILED, T) == (side.state, caught.value.request_id)


FRAMES = st.text() | st.binary() | st.sampled_from([*COMMANDS, *EVENTS]).map(frame)


@given(st.sampled_from(State), st.lists(FRAMES, max_size=8), st.booleans())
def test_arbitrary_frames(state: State, frames: list[str | bytes], is_text: bool) -> None:
    """Whatever a peer sends, both sides raise nothing but the library's own errors."""
    for side in (client_in(state), server_in(state)):
        for received in frames:
            before = side.state
            try:
                side.receive(received, is_text=is_text)
            except RemoteProtocolError:
                assert State.FAILED is side.state
            else:
                assert before is not State.FAILED or side.state is State.FAILED


@given(st.lists(st.sampled_from(EVENTS)), st.sampled_from([T, DASHED, OTHER, ""]))
def test_arbitrary_order_of_events(events: list[Event], task: str) -> None:
    """Events in any order move the client along the table, are skipped, or fail it for good."""
    client = client_in(State.STARTING)
    for event in events:
        move = TRANSITIONS.get((client.state, type(event)))
        if task == OTHER and not isinstance(event, TaskFailed):
            move = client.state
        try:
            client.receive(frame(event, task))
        except ProtocolError:
            assert move is None
            move = State.FAILED
        assert move is client.state


@pytest.mark.parametrize("message", [TaskStarted(), RunTask("model")], ids=["event", "command"])
def test_text_as_bytes(message: Command | Event) -> None:
    """Text may come as bytes, when it is said to be text; otherwise they are a binary frame."""
    text = frame(message)
    assert isinstance(text, str)
    if isinstance(message, Command):
        server = server_in(State.IDLE)
        assert message == server.receive(text.encode(), is_text=True)
        assert Audio(text.encode()) == server_in(State.RUNNING).receive(text.encode())
    else:
        client = client_in(State.STARTING)
        assert client.receive(text.encode()) is None
        assert message == client.receive(text.encode(), is_text=True)


@given(st.data())
def test_both_sides_agree(data: Any) -> None:
    """A client and a server that are wired to each other agree on every legal sequence."""
    client, server = ClientProtocol(), ServerProtocol()
    for turn in range(data.draw(st.integers(0, 30))):
        allowed = [
            message
            for message in (*COMMANDS, *EVENTS)
            if (client.state, type(message)) in TRANSITIONS
        ]
        message = data.draw(st.sampled_from(allowed))
        if isinstance(message, Command):
            sent = client.send(message, task_id=f"{turn:032x}")
            assert message == server.receive(bytes(sent) if isinstance(message, Audio) else sent)
        else:
            assert message == client.receive(server.send(message))
        assert (client.state, client.task_id) == (server.state, server.task_id)
