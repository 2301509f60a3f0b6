"""The records of the scripted service: handshakes, tasks, violations, and the faults to come."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from paraformer_async._core.messages import Resource, RunTask
from paraformer_async.testing._flaws import is_task_id
from paraformer_async.testing.faults import Fault, Refuse

__all__ = ["Connections", "ReceivedTask", "Records"]


class ReceivedTask:
    """
    A task as the service received it. Grows while the task runs.

    Attributes:
        task_id: Its id.
        model: The model in run-task.
        parameters: The parameters in run-task.
        resources: The resources in run-task: hot words of v1 models.
        inputs: The input in run-task, and in each continue-task.
        connection: Number of its connection, from 0; equal numbers mean a reused connection.
        has_finish: Whether finish-task was received.
    """

    def __init__(self, task_id: str, request: RunTask, connection: int) -> None:
        self.task_id = task_id
        self.model: str = request.model
        self.parameters: Mapping[str, Any] = request.parameters
        self.resources: tuple[Resource, ...] = request.resources
        self.inputs: list[Mapping[str, Any]] = [request.input]
        self.connection = connection
        self.has_finish = False
        self._audio = bytearray()

    def __repr__(self) -> str:
        return f"<ReceivedTask {self.task_id}: {self.audio_ms:g} ms, has_finish={self.has_finish}>"

    @property
    def sample_rate(self) -> int:
        """The task's sample rate in Hz."""
        rate: int = self.parameters["sample_rate"]
        return rate

    @property
    def audio(self) -> bytes:
        """The received audio, silence injected by the client included."""
        return bytes(self._audio)

    @property
    def audio_ms(self) -> float:
        """Length of `audio` in ms; any format is counted as if it were PCM."""
        return len(self._audio) * 500 / self.sample_rate

    def add(self, audio: bytes) -> None:
        """Add received audio."""
        self._audio += audio

    def bytes_until(self, ms: int) -> int:
        """Return the bytes from here to *ms* of the audio; negative if that is over."""
        return self.sample_rate * ms // 1000 * 2 - len(self._audio)


class Connections:
    """
    Numbers of WebSocket connections.

    Attributes:
        accepted: Handshakes accepted so far.
        open: Connections open now.
    """

    def __init__(self) -> None:
        self.accepted = 0
        self.open = 0

    def __repr__(self) -> str:
        return f"<Connections accepted={self.accepted} open={self.open}>"


class Records:
    """
    All records, and the faults that have not happened yet.

    Attributes:
        raised: What scripts have raised.

    Args:
        faults: One entry for each task or handshake to come.
        forever: The fault of all after them.

    Raises:
        TypeError: One of them is not a fault.
    """

    def __init__(self, faults: Iterable[Fault | None], forever: Fault | None) -> None:
        self.received: list[ReceivedTask] = []
        self.connections: Connections = Connections()
        self.violations: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.happened: list[Fault] = []
        self.raised: list[Exception] = []
        if not isinstance(faults, Iterable):
            raise TypeError(f"faults: must be a list of faults, not {faults!r}")
        self._faults = deque(_fault("faults", fault) for fault in faults)
        self._forever = _fault("forever", forever)

    def add_task(self, task_id: str, request: RunTask, connection: int) -> ReceivedTask:
        """Add a task, and record what is wrong with its id."""
        if not is_task_id(task_id):
            self.violations.append(f"the task id {task_id!r} is not a UUID")
        if any(task.task_id == task_id for task in self.received):
            self.violations.append(f"the task id {task_id} was used before")
        task = ReceivedTask(task_id, request, connection)
        self.received.append(task)
        return task

    def next_refusal(self) -> Refuse | None:
        """Return the next fault if it is a refusal, for a handshake."""
        following = self._faults[0] if self._faults else self._forever
        if not isinstance(following, Refuse):
            return None
        if self._faults:
            self._faults.popleft()
        self.happened.append(following)
        return following

    def next_fault(self) -> Fault | None:
        """Return the next fault for a task; a refusal waits for the next handshake."""
        following = self._faults[0] if self._faults else self._forever
        if isinstance(following, Refuse):
            return None
        if self._faults:
            self._faults.popleft()
        return following


def _fault(name: str, fault: Fault | None) -> Fault | None:
    if fault is None or isinstance(fault, Fault):
        return fault
    raise TypeError(f"{name}: {fault!r} is not a fault, like Drop(after_ms=2300)")
