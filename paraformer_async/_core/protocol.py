"""
The protocol as a table.

Two rules, after h11: everything that changes the state stands in this file, and the table does not
know which side it serves. A task is one turn through it:

    IDLE ─run-task→ STARTING ─task-started→ RUNNING ─finish-task→ FINISHING ─task-finished→ IDLE
                                            audio, results ↺       results ↺

`task-finished` leads back to IDLE: that *is* the reuse of a connection. `task-failed` leads to
FAILED, and nothing leads out of it.
"""

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

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
    UnknownEvent,
    decode_command,
    decode_event,
    encode,
    name_of,
)
from paraformer_async.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["TRANSITIONS", "ClientProtocol", "ServerProtocol", "State"]

Sent = TypeVar("Sent", bound=Command | Event)
Received = TypeVar("Received", bound=Command | Event)

_logger = logging.getLogger("paraformer_async.protocol")


class State(StrEnum):
    """Where the connection's current task is. A text, whose hash costs nothing."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    FINISHING = "finishing"
    FAILED = "failed"


TRANSITIONS: Mapping[tuple[State, type[Struct]], State] = {
    (State.IDLE, RunTask): State.STARTING,
    (State.STARTING, TaskStarted): State.RUNNING,
    (State.RUNNING, Audio): State.RUNNING,
    (State.RUNNING, ResultGenerated): State.RUNNING,
    (State.RUNNING, FinishTask): State.FINISHING,
    (State.FINISHING, ResultGenerated): State.FINISHING,
    (State.FINISHING, TaskFinished): State.IDLE,
    (State.IDLE, TaskFailed): State.FAILED,
    (State.STARTING, TaskFailed): State.FAILED,
    (State.RUNNING, TaskFailed): State.FAILED,
    (State.FINISHING, TaskFailed): State.FAILED,
    # The news of it, when a breach of the protocol was the failure.
    (State.FAILED, TaskFailed): State.FAILED,
}
# What can have been under way when the task failed. Taken from a peer, never sent.
UNDER_WAY: frozenset[tuple[State, type[Struct]]] = frozenset(
    {(State.FAILED, Audio), (State.FAILED, FinishTask)}
)


class _Protocol(Generic[Sent, Received]):
    """
    The state of one connection; what both sides share.

    The caller moves frames: what `send` returns is to be written in that order, what was read goes
    to `receive`.

    Args:
        decode: Gives the task id that a text frame names (it may name none), and its message.
        from_binary: Gives the message that is a binary frame.

    Attributes:
        state: Where the current task is.
        task_id: Id of the current or last task; empty before the first.
    """

    _skips_foreign = False

    def __init__(
        self,
        decode: Callable[[str | bytes], tuple[str, Received]],
        from_binary: Callable[[bytes], Received],
    ) -> None:
        self._decode = decode
        self._from_binary = from_binary
        self.state = State.IDLE
        self.task_id = ""

    def send(self, message: Sent, *, task_id: str = "") -> str | bytes | memoryview:
        """
        Record that *message* is sent, and give its frame.

        Args:
            message: What is to be sent.
            task_id: The id of the new task; for `RunTask` only.

        Raises:
            LocalProtocolError: The message may not be sent now. The state is as before.
            TypeError: A parameter of `RunTask` cannot be JSON. The state is as before.
        """
        if self.state is State.RUNNING and isinstance(message, Audio):
            return message.data  # the row of the table that is walked most
        state = TRANSITIONS.get((self.state, type(message)))
        if state is None:
            raise LocalProtocolError(f"cannot send {name_of(message)} while {self.state.value}")
        current = task_id if isinstance(message, RunTask) else self.task_id
        frame = encode(message, current)  # may refuse a parameter: the state is as before
        self.state, self.task_id = state, current
        return frame

    def receive(self, frame: str | bytes, *, is_text: bool = False) -> Received | None:
        """
        Take a frame from the peer.

        Args:
            frame: Text as `str`, a binary frame as `bytes`.
            is_text: Whether bytes are text, in UTF-8.

        Returns:
            The message; `None` for what is to be skipped: events of unknown kinds and late events
            of an earlier task.

        Raises:
            RemoteProtocolError: The frame cannot be decoded, or may not come now. The connection
                is FAILED then, and of no more use.
        """
        try:
            if is_text or isinstance(frame, str):
                task_id, message = self._decode(frame)
            else:
                task_id, message = self.task_id, self._from_binary(frame)
        except UnknownEvent as event:
            _logger.warning("skipped an event of unknown kind: %s", event)
            return None
        except RemoteProtocolError as error:
            raise self._violation(error.message) from error
        is_foreign = task_id not in (self.task_id, "") and self._is_foreign(task_id, message)
        if is_foreign and self._skips_foreign:
            _logger.info("skipped a late %s of task %s", name_of(message), task_id)
            return None
        move = (self.state, type(message))
        state = TRANSITIONS.get(move)
        if state is None:
            if move not in UNDER_WAY:
                raise self._violation(f"{name_of(message)} may not come while {self.state.value}")
            state = self.state
        if isinstance(message, RunTask):
            self.task_id = task_id
        elif is_foreign:
            raise self._violation(f"{name_of(message)} names another task than the running one")
        self.state = state
        return message

    def _is_foreign(self, task_id: str, message: Command | Event) -> bool:
        """Whether *message* is of another task. A peer may drop the dashes of an id."""
        # The failure of a task is the end of the connection: no matter of which task.
        is_other = task_id.replace("-", "") != self.task_id.replace("-", "")
        return is_other and not isinstance(message, TaskFailed)

    def _violation(self, what: str) -> RemoteProtocolError:
        self.state = State.FAILED
        return RemoteProtocolError(what, request_id=self.task_id)


class ClientProtocol(_Protocol[Command, Event]):
    """The client's side: sends commands, receives events."""

    _skips_foreign = True  # late events of an earlier task

    def __init__(self) -> None:
        super().__init__(decode_event, _no_event)


class ServerProtocol(_Protocol[Event, Command]):
    """The service's side: sends events, receives commands."""

    def __init__(self) -> None:
        super().__init__(decode_command, Audio)


def _no_event(frame: bytes) -> Event:
    del frame
    raise UnknownEvent("binary frame")
