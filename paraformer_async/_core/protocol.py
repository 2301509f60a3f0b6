"""
The protocol as a table.

Two rules, after h11: everything that changes a phase stands in this file, and the table does not
know which side it serves. A task is one turn through it; a recognition takes one turn or more:

    NEW ─connected→ IDLE ─run-task→ STARTING ─task-started→ RUNNING ─finish-task→ FINISHING ─┐
                     ↑  ↑                                    audio, results ↺   results ↺    │
              connected └──────────────────────── task-finished ←────────────────────────────┘
                     │    at a seam the next turn begins; otherwise IDLE ─completed→ DONE
                  WAITING ←─again─ any phase in which something failed ─given up→ GIVEN_UP

`task-finished` leads back to IDLE: that *is* the reuse of a connection. `task-failed` leads to
FAILED, and only a decision leads out of it: to try again, on another connection, or to give up.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum, StrEnum
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

__all__ = ["TRANSITIONS", "ClientProtocol", "Move", "Phase", "ServerProtocol"]

Sent = TypeVar("Sent", bound=Command | Event)
Received = TypeVar("Received", bound=Command | Event)

_logger = logging.getLogger("paraformer_async.protocol")


class Phase(StrEnum):
    """
    Where a connection's current task is, or a recognition. A string, whose hash is cached.

    A connection alone knows IDLE to FINISHING, and FAILED; the others are between connections.
    """

    NEW = "new"
    WAITING = "waiting"
    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    FINISHING = "finishing"
    DONE = "done"
    FAILED = "failed"
    GIVEN_UP = "given up"


class Move(Enum):
    """What changes the phase of a recognition and is no message."""

    CONNECTED = "there is a connection for the next task"
    AGAIN = "the task or its connection failed, and another attempt follows"
    COMPLETED = "all results have been received"
    GIVEN_UP = "no further attempt follows"


TRANSITIONS: Mapping[tuple[Phase, type[Struct] | Move], Phase] = {
    (Phase.NEW, Move.CONNECTED): Phase.IDLE,
    (Phase.WAITING, Move.CONNECTED): Phase.IDLE,
    (Phase.IDLE, RunTask): Phase.STARTING,
    (Phase.STARTING, TaskStarted): Phase.RUNNING,
    (Phase.RUNNING, Audio): Phase.RUNNING,
    (Phase.RUNNING, ResultGenerated): Phase.RUNNING,
    (Phase.RUNNING, FinishTask): Phase.FINISHING,
    (Phase.FINISHING, ResultGenerated): Phase.FINISHING,
    (Phase.FINISHING, TaskFinished): Phase.IDLE,
    (Phase.IDLE, Move.COMPLETED): Phase.DONE,
    (Phase.IDLE, TaskFailed): Phase.FAILED,
    (Phase.STARTING, TaskFailed): Phase.FAILED,
    (Phase.RUNNING, TaskFailed): Phase.FAILED,
    (Phase.FINISHING, TaskFailed): Phase.FAILED,
    # The message about it, when a breach of the protocol was the failure.
    (Phase.FAILED, TaskFailed): Phase.FAILED,
    **{
        (phase, move): after
        for phase in Phase
        if phase not in (Phase.DONE, Phase.GIVEN_UP)
        for move, after in (
            (Move.AGAIN, Phase.WAITING),
            (Move.GIVEN_UP, Phase.GIVEN_UP),
        )
    },
    # Nothing was missing but the end of the last task.
    **{
        (phase, Move.COMPLETED): Phase.DONE
        for phase in (Phase.STARTING, Phase.RUNNING, Phase.FINISHING, Phase.FAILED, Phase.WAITING)
    },
}
# What can have been on its way when the task failed. Accepted from a peer, never sent.
UNDER_WAY: frozenset[tuple[Phase, type[Struct]]] = frozenset(
    {(Phase.FAILED, Audio), (Phase.FAILED, FinishTask)}
)


# The service ends a task that it was not asked to end. Another task can go on where it stopped.
UNASKED: frozenset[tuple[Phase, type[Struct]]] = frozenset({(Phase.RUNNING, TaskFinished)})
# Events that are out of place and say nothing about the text: skipped by the client.
HARMLESS: frozenset[tuple[Phase, type[Struct]]] = frozenset(
    {
        (Phase.IDLE, ResultGenerated),
        (Phase.IDLE, TaskFinished),
        (Phase.IDLE, TaskStarted),
        (Phase.STARTING, ResultGenerated),
        (Phase.STARTING, TaskFinished),
        (Phase.RUNNING, TaskStarted),
        (Phase.FINISHING, TaskStarted),
    }
)


class _Protocol(ABC, Generic[Sent, Received]):
    """
    The protocol on one connection; what both sides share.

    The caller moves frames: what `send` returns is to be written in that order, what was read goes
    to `receive`.

    Attributes:
        phase: Where the current task is.
        task_id: Id of the current or last task; empty before the first.
    """

    _skips_foreign = False
    _skipped: frozenset[tuple[Phase, type[Struct]]] = frozenset()

    def __init__(self, phase: Phase = Phase.IDLE) -> None:
        self.phase = phase
        self.task_id = ""

    def move(self, move: Move) -> None:
        """Change the phase by what is no message. Raises `LocalProtocolError`."""
        phase = TRANSITIONS.get((self.phase, move))
        if phase is None:
            raise LocalProtocolError(f"{move.value}, which may not be while {self.phase.value}")
        self.phase = phase

    def send(self, message: Sent, *, task_id: str = "") -> str | bytes | memoryview:
        """
        Record that *message* is sent, and return its frame.

        Args:
            message: What is to be sent.
            task_id: The id of the new task; for `RunTask` only.

        Raises:
            LocalProtocolError: The message may not be sent now. The phase is unchanged.
            TypeError: A parameter of `RunTask` cannot be JSON. The phase is unchanged.
        """
        if self.phase is Phase.RUNNING and isinstance(message, Audio):
            return message.data  # the row of the table that is used most
        phase = TRANSITIONS.get((self.phase, type(message)))
        if phase is None:
            raise LocalProtocolError(f"cannot send {name_of(message)} while {self.phase.value}")
        current = task_id if isinstance(message, RunTask) else self.task_id
        frame = encode(message, current)  # may refuse a parameter: the phase is unchanged then
        self.phase, self.task_id = phase, current
        return frame

    def receive(self, frame: str | bytes) -> Received | None:
        """
        Take a frame from the peer.

        Args:
            frame: A message. A client takes text as `str` or in UTF-8; a service takes text as
                `str`, and audio as `bytes`.

        Returns:
            The message; `None` for what is to be skipped: events of unknown kinds, late events
            of an earlier task, and events that are out of place and say nothing about the text.

        Raises:
            RemoteProtocolError: The frame cannot be decoded, or may not come now. The phase is
                FAILED then, and the connection of no more use.
        """
        try:
            task_id, message = self._decode(frame)
        except (UnknownEvent, RemoteProtocolError) as error:
            self.refuse(error)
            return None
        return message if self.accept(task_id, message) else None

    def refuse(self, error: UnknownEvent | RemoteProtocolError) -> None:
        """Skip what was received and is of an unknown kind, or raise that it cannot be decoded."""
        if isinstance(error, RemoteProtocolError):
            raise self._violation(error.message) from error
        _logger.warning("skipped an event of unknown kind: %s", error)

    def accept(self, task_id: str, message: Received) -> bool:
        """
        Take a message that was received, of the task that it names.

        Returns:
            Whether it counts; see `receive` for what is skipped, and what is raised.
        """
        is_foreign = self._is_foreign(task_id, message)
        if is_foreign and self._skips_foreign:
            _logger.info("skipped a late %s of task %s", name_of(message), task_id)
            return False
        move = (self.phase, type(message))
        phase = TRANSITIONS.get(move)
        if phase is None:
            if move in self._skipped:
                _logger.info("skipped a %s that came while %s", name_of(message), self.phase.value)
                return False
            if move not in UNDER_WAY:
                what = f"{name_of(message)} may not come while {self.phase.value}"
                raise self._violation(what, retryable=move in UNASKED)
            phase = self.phase
        if isinstance(message, RunTask):
            self.task_id = task_id
        elif is_foreign:
            raise self._violation(f"{name_of(message)} names another task than the running one")
        self.phase = phase
        return True

    def is_of_another(self, task_id: str) -> bool:
        """Whether *task_id* names another task. A peer may spell an id in another way, or not."""
        return task_id not in ("", self.task_id) and _spelled(task_id) != _spelled(self.task_id)

    @abstractmethod
    def _decode(self, frame: str | bytes) -> tuple[str, Received]:
        """Return the task id that *frame* names (it may name none), and its message."""

    def _is_foreign(self, task_id: str, message: Command | Event) -> bool:
        # The failure of a task is the end of the connection: no matter of which task.
        return self.is_of_another(task_id) and not isinstance(message, TaskFailed)

    def _violation(self, what: str, *, retryable: bool = False) -> RemoteProtocolError:
        self.phase = Phase.FAILED
        return RemoteProtocolError(what, request_id=self.task_id, retryable=retryable)


class ClientProtocol(_Protocol[Command, Event]):
    """The client's side: sends commands, receives events."""

    _skips_foreign = True  # late events of an earlier task
    _skipped = HARMLESS

    def _decode(self, frame: str | bytes) -> tuple[str, Event]:
        return decode_event(frame)


class ServerProtocol(_Protocol[Event, Command]):
    """The service's side: sends events, receives commands."""

    def _decode(self, frame: str | bytes) -> tuple[str, Command]:
        if isinstance(frame, str):
            return decode_command(frame)
        return self.task_id, Audio(frame)


def _spelled(task_id: str) -> str:
    return task_id.replace("-", "").lower()
