"""
The service's side of one connection, as far as the local and the scripted service share it.

It runs one task after another by the protocol's table, with the three time limits of the real
service and its checks of run-task. Sans-I/O: the caller moves frames and passes the time.
"""

from collections.abc import Callable, Mapping
from math import ceil, inf
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import asdict, replace

from paraformer_async._core.clocks import Clocks
from paraformer_async._core.messages import (
    Command,
    ContinueTask,
    Event,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.protocol import Phase, ServerProtocol
from paraformer_async.errors import InvalidOptionError, RemoteProtocolError
from paraformer_async.options.context import context_received
from paraformer_async.options.models import MODELS
from paraformer_async.options.parameters import check
from paraformer_async.results import Sentence, Translation, Usage

__all__ = [
    "LARGEST_MESSAGE",
    "PATH",
    "Closing",
    "ConnectionEnded",
    "ServiceConnection",
    "TaskFailure",
    "flaw_of",
]

PATH = "/api-ws/v1/inference"
# Up to 16 KB are recommended; the vendor's SDK sends 12,800 bytes. Larger messages are refused.
LARGEST_MESSAGE = 1024 * 1024


class Closing(Struct, frozen=True):
    """
    How a connection ends.

    Attributes:
        failure: Event sent before the close frame; `None` for none.
        code: Code of the close frame.
    """

    failure: TaskFailed | None = None
    code: int = 1000


class TaskFailure(Exception):
    """The task cannot continue: the client receives task-failed, and the connection is closed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.event = TaskFailed(code, message)


class ConnectionEnded(Exception):
    """The connection has ended: nothing can be sent any longer."""


def flaw_of(request: RunTask) -> str | None:
    """
    Check a run-task by the tables of models and parameters; unknown ones are accepted.

    Returns:
        Why the task cannot be started; `None` if it can.
    """
    if not request.model:
        return "model is missing"
    parameters = dict(request.parameters)
    if isinstance(parameters.get("format"), str):
        parameters["format"] = "pcm"  # the decoder decides which formats it supports
    if request.resources:
        parameters["phrase_id"] = request.resources[0].resource_id
    try:
        if "context" in request.input:
            parameters["context"] = context_received(request.input["context"])
        check(request.model, parameters)
    except InvalidOptionError as error:
        return str(error)
    return None


class ServiceConnection:
    """
    State and time limits of one connection.

    The clocks run from `wait` to the next `receive`: the client is not late while the service is
    busy.

    Args:
        clocks: The time limits.
        now: The time, in seconds, like every `now` below.
        check: Returns why a run-task is refused, or `None`.

    Attributes:
        request: The run-task of the current task, with its newest input; `None` between tasks.
    """

    def __init__(
        self, clocks: Clocks, now: float, *, check: Callable[[RunTask], str | None] = flaw_of
    ) -> None:
        self.request: RunTask | None = None
        self._clocks = clocks
        self._check = check
        self._protocol = ServerProtocol()
        self._is_waiting = False
        self._message_at = now  # the latest message of the client
        self._speech_at = now  # the latest result

    @property
    def task_id(self) -> str:
        """Id of the current or the last task; empty before the first."""
        return self._protocol.task_id

    def wait(self, now: float) -> None:
        """Start the clocks: the service waits for the client from now on."""
        self._speech_at = min(now, self._speech_at + now - self._message_at)
        self._message_at = now
        self._is_waiting = True

    def receive(self, frame: str | bytes, now: float) -> Command:
        """
        Stop the clocks, and decode a frame of the client.

        Raises:
            TaskFailure: The frame cannot be decoded or is not allowed now, or its run-task or
                continue-task is refused.
        """
        self._is_waiting = False
        self._message_at = now
        try:
            command = cast("Command", self._protocol.receive(frame))
        except RemoteProtocolError as error:
            raise TaskFailure("CLIENT_ERROR", error.message) from error
        if isinstance(command, RunTask):
            self._accept(command)
        elif isinstance(command, ContinueTask) and self.request is not None:
            self._continue(self.request, command)
        return command

    def _accept(self, request: RunTask) -> None:
        self.request = request
        flaw = self._check(request)
        if flaw is not None:
            raise TaskFailure("InvalidParameter", flaw)

    def _continue(self, request: RunTask, command: ContinueTask) -> None:
        """Check a continue-task like the run-task that would have had its input."""
        model = MODELS.get(request.model)
        if model is not None and "context" not in model.parameters:
            raise TaskFailure("InvalidParameter", f"{request.model} takes no continue-task")
        self._accept(replace(request, input=command.input))

    def result(self, sentence: Sentence, seconds: float, now: float) -> ResultGenerated:
        """
        Return the event of a sentence, and reset the silence clock if it is speech.

        In a task of a model that translates, it has the form of such models. Nothing is translated:
        the translations have the text of the sentence.

        Args:
            sentence: The sentence, partial or final.
            seconds: Length of the audio that the task has received so far, which is billed.
            now: The time.
        """
        if not sentence.heartbeat:
            self._speech_at = now
        usage = Usage(ceil(seconds)) if sentence.is_final else None
        request = cast("RunTask", self.request)
        model = MODELS.get(request.model)
        if model is None or not model.translations:
            return ResultGenerated(sentence, usage)
        is_transcribed = request.parameters.get("transcription_enabled", True)
        translations = _translations(sentence, request.parameters)
        return ResultGenerated(sentence if is_transcribed else None, usage, translations)

    def send(self, event: Event, now: float) -> str:
        """
        Return the frame of an event that is being sent.

        Raises:
            LocalProtocolError: The event is not allowed now.
        """
        frame = cast("str", self._protocol.send(event))
        if isinstance(event, TaskStarted):
            self._speech_at = now
        elif isinstance(event, TaskFinished):
            self.request = None
            self._message_at = now
        return frame

    def deadline(self) -> float:
        """Return when the first clock expires unless a frame is received; infinity if none runs."""
        return self._next_expiry()[0]

    def expired(self, now: float) -> Closing | None:
        """Return how the connection ends if a clock has expired; otherwise `None`."""
        when, closing = self._next_expiry()
        return closing if when <= now else None

    def _next_expiry(self) -> tuple[float, Closing]:
        clocks, phase = self._clocks, self._protocol.phase
        if self._is_waiting and phase is Phase.IDLE:
            return self._message_at + clocks.idle, Closing()
        if not self._is_waiting or phase is not Phase.RUNNING or self.request is None:
            return inf, Closing()
        seconds = f"{clocks.message:g}"
        message = TaskFailed("CLIENT_ERROR", f"request timeout after {seconds} seconds.")
        has_heartbeat = self.request.parameters.get("heartbeat")
        silent_since = self._message_at if has_heartbeat else self._speech_at
        return min(
            (self._message_at + clocks.message, Closing(message)),
            (
                silent_since + clocks.silence,
                Closing(TaskFailed("ResponseTimeout", "Response timeout!")),
            ),
            key=lambda expiry: expiry[0],
        )


def _translations(sentence: Sentence, parameters: Mapping[str, Any]) -> tuple[Translation, ...]:
    if sentence.heartbeat or not parameters.get("translation_enabled"):
        return ()
    languages = parameters.get("translation_target_languages") or ()
    return tuple(Translation(**asdict(sentence), lang=language) for language in languages)
