"""
The protocol as a table.

Two rules, after h11: everything that changes a phase is in this file, and client and service share
the table. A task is one pass through it; a recognition takes one pass or more:

    NEW ─connected→ IDLE ─run-task→ STARTING ─task-started→ RUNNING ─finish-task→ FINISHING ─┐
                     ↑  ↑            audio, continue-task, results ↺           results ↺    │
              connected └──────────────────────── task-finished ←────────────────────────────┘
                     │    at a seam the next pass begins; otherwise IDLE ─completed→ DONE
                  WAITING ←─again─ any phase in which something failed ─given up→ GIVEN_UP

`task-finished` leads back to IDLE: that *is* the reuse of a connection. `task-failed` leads to
FAILED, and only a decision leads out of it: to retry on another connection, or to give up.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Generic, TypeVar

from msgspec import Struct

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
from paraformer_async._core.packets import Packets
from paraformer_async._core.task_log import TaskLog
from paraformer_async._core.wire import UnknownEvent, decode_command, decode_event, encode
from paraformer_async.errors import LocalProtocolError, RemoteProtocolError
from paraformer_async.text import clean

__all__ = ["ENDS", "TRANSITIONS", "ClientProtocol", "Move", "Phase", "ServerProtocol"]

Sent = TypeVar("Sent", bound=Command | Event)
Received = TypeVar("Received", bound=Command | Event)

# Characters of the name of an unknown event that are logged.
_LONGEST_KIND = 100


class Phase(StrEnum):
    """
    The phase of a connection's current task, or of a recognition.

    A connection has the phases IDLE to FINISHING, and FAILED; a recognition has the others, too,
    which are between connections. Members are strings because their hashes are cached.
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
    """A change of a recognition's phase that is not caused by a message."""

    CONNECTED = "there is a connection for the next task"
    AGAIN = "the task or its connection failed, and another attempt follows"
    COMPLETED = "all results have been received"
    GIVEN_UP = "no further attempt follows"


# The phases in which a recognition has ended.
ENDS = (Phase.DONE, Phase.GIVEN_UP)

TRANSITIONS: Mapping[tuple[Phase, type[Struct] | Move], Phase] = {
    (Phase.NEW, Move.CONNECTED): Phase.IDLE,
    (Phase.WAITING, Move.CONNECTED): Phase.IDLE,
    (Phase.IDLE, RunTask): Phase.STARTING,
    (Phase.STARTING, TaskStarted): Phase.RUNNING,
    (Phase.RUNNING, Audio): Phase.RUNNING,
    (Phase.RUNNING, ContinueTask): Phase.RUNNING,
    (Phase.RUNNING, ResultGenerated): Phase.RUNNING,
    (Phase.RUNNING, FinishTask): Phase.FINISHING,
    (Phase.FINISHING, ResultGenerated): Phase.FINISHING,
    (Phase.FINISHING, TaskFinished): Phase.IDLE,
    (Phase.IDLE, Move.COMPLETED): Phase.DONE,
    (Phase.IDLE, TaskFailed): Phase.FAILED,
    (Phase.STARTING, TaskFailed): Phase.FAILED,
    (Phase.RUNNING, TaskFailed): Phase.FAILED,
    (Phase.FINISHING, TaskFailed): Phase.FAILED,
    # The service reports a violation of the protocol that has led to FAILED already.
    (Phase.FAILED, TaskFailed): Phase.FAILED,
    **{
        (phase, move): after
        for phase in Phase
        if phase not in ENDS
        for move, after in (
            (Move.AGAIN, Phase.WAITING),
            (Move.GIVEN_UP, Phase.GIVEN_UP),
        )
    },
    # The connection was lost, and only the end of the last task was missing.
    **{
        (phase, Move.COMPLETED): Phase.DONE
        for phase in (Phase.STARTING, Phase.RUNNING, Phase.FINISHING, Phase.FAILED, Phase.WAITING)
    },
}
# Messages that can have been in transit when the task failed: accepted from a peer, never sent.
IN_TRANSIT: frozenset[tuple[Phase, type[Struct]]] = frozenset(
    {(Phase.FAILED, Audio), (Phase.FAILED, ContinueTask), (Phase.FAILED, FinishTask)}
)

# The service ends a task without finish-task; another task can continue where it ended.
UNREQUESTED: frozenset[tuple[Phase, type[Struct]]] = frozenset({(Phase.RUNNING, TaskFinished)})
# Events in the wrong phase that do not affect the text: skipped by the client.
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
    The protocol on one connection, as far as both sides share it.

    The caller moves frames: it writes what `send` returns, in that order, and passes what it reads
    to `receive`.

    Attributes:
        phase: Phase of the current task.
        task_id: Id of the current or last task; empty before the first.
        hide: Returns a text of the peer without secrets; applied to what is logged.
        log: What is skipped goes here.
    """

    _skips_foreign = False
    _skipped: frozenset[tuple[Phase, type[Struct]]] = frozenset()

    def __init__(self, phase: Phase = Phase.IDLE, log: TaskLog | None = None) -> None:
        self.phase = phase
        self.log: TaskLog = TaskLog() if log is None else log
        self.task_id = ""
        self.hide: Callable[[str], str] = str

    def move(self, move: Move) -> None:
        """Make a transition without a message. Raises `LocalProtocolError` if it is not allowed."""
        phase = TRANSITIONS.get((self.phase, move))
        if phase is None:
            raise LocalProtocolError(f"{move.value}, which is not allowed while {self.phase.value}")
        self.phase = phase

    def send(self, message: Sent, *, task_id: str = "") -> str | bytes | memoryview:
        """
        Record that *message* is sent, and return its frame.

        Args:
            message: The message to send.
            task_id: The id of the new task; for `RunTask` only.

        Raises:
            LocalProtocolError: The message is not allowed now. The phase is unchanged.
            TypeError: A parameter or the input cannot be encoded as JSON. The phase is unchanged.
        """
        if self.phase is Phase.RUNNING and isinstance(message, Audio):
            data = message.data  # shortcut for the most frequent transition
            return bytes(data) if isinstance(data, Packets) else data
        phase = TRANSITIONS.get((self.phase, type(message)))
        if phase is None:
            raise LocalProtocolError(f"cannot send {name_of(message)} while {self.phase.value}")
        current = task_id if isinstance(message, RunTask) else self.task_id
        frame = encode(message, current)  # may raise; the phase must be unchanged then
        self.phase, self.task_id = phase, current
        return frame

    def receive(self, frame: str | bytes) -> Received | None:
        """
        Decode a frame from the peer, and change the phase.

        Args:
            frame: A message. A client accepts text as `str` or in UTF-8; a service accepts text as
                `str`, and audio as `bytes`.

        Returns:
            The message; `None` for events to skip: those of unknown kinds, late ones of an earlier
            task, and those in the wrong phase that do not affect the text.

        Raises:
            RemoteProtocolError: The frame cannot be decoded, or is not allowed now. The phase is
                FAILED then, and the connection cannot be used any longer.
        """
        try:
            task_id, message = self._decode(frame)
        except (UnknownEvent, RemoteProtocolError) as error:
            self.refuse(error)
            return None
        return message if self.accept(task_id, message) else None

    def refuse(self, error: UnknownEvent | RemoteProtocolError) -> None:
        """Log an event of a new unknown kind; raise any other error of decoding as a violation."""
        if isinstance(error, RemoteProtocolError):
            raise self._violation(error.message) from error
        kind = clean(self.hide(str(error)))[:_LONGEST_KIND]
        self.log.once(kind, "skipped an event of unknown kind: %s", kind)

    def accept(self, task_id: str, message: Received) -> bool:
        """
        Change the phase by a message that was received, with the task id in it.

        Returns:
            `False` if the message is to be skipped; see `receive`, also for what is raised.
        """
        is_foreign = self._is_foreign(task_id, message)
        if is_foreign and self._skips_foreign:
            self.log.info("skipped a late %s of task %s", name_of(message), self.hide(task_id))
            return False
        move = (self.phase, type(message))
        phase = TRANSITIONS.get(move)
        if phase is None:
            if move in self._skipped:
                self.log.info("skipped a %s received while %s", name_of(message), self.phase.value)
                return False
            if move not in IN_TRANSIT:
                what = f"{name_of(message)} is not allowed while {self.phase.value}"
                raise self._violation(what, retryable=move in UNREQUESTED)
            phase = self.phase
        if isinstance(message, RunTask):
            self.task_id = task_id
        elif is_foreign:
            raise self._violation(f"{name_of(message)} names another task than the running one")
        self.phase = phase
        return True

    def is_of_another(self, task_id: str) -> bool:
        """Whether *task_id* names another task. A peer may omit an id, or spell it differently."""
        return task_id not in ("", self.task_id) and _spelled(task_id) != _spelled(self.task_id)

    @abstractmethod
    def _decode(self, frame: str | bytes) -> tuple[str, Received]:
        """Return the task id in *frame* (it may be empty), and its message."""

    def _is_foreign(self, task_id: str, message: Command | Event) -> bool:
        # Whichever task failed, the connection has ended.
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
