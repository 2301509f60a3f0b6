"""
The messages of both directions, and their names.

A message is a small frozen struct; the client and the local service use the same structs, and so
does middleware. Types that cannot be part of a reference cycle are not tracked by the garbage
collector (`gc=False`). Source: Model Studio, "WebSocket API for Paraformer real-time speech
recognition".
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from paraformer_async._core.packets.packet import Packets
from paraformer_async.results import Sentence, Translation, Usage

__all__ = [
    "Audio",
    "Command",
    "ContinueTask",
    "Event",
    "FinishTask",
    "OutgoingFrame",
    "Resource",
    "ResultGenerated",
    "RunTask",
    "TaskFailed",
    "TaskFinished",
    "TaskStarted",
    "name_of",
]


class Resource(Struct, frozen=True):
    """A resource that a task uses: the hot words of v1 models."""

    resource_id: str
    resource_type: str = "asr_phrase"


class RunTask(Struct, frozen=True):
    """Client: begin a task."""

    model: str
    parameters: Mapping[str, Any] = {}
    resources: tuple[Resource, ...] = ()
    input: Mapping[str, Any] = {}


class ContinueTask(Struct, frozen=True):
    """Client: replace the input of the running task, such as its context. It has no answer."""

    input: Mapping[str, Any] = {}


class Audio(Struct, frozen=True, gc=False):
    """
    Client: audio of the running task, a binary frame.

    Attributes:
        data: The audio, in the task's format; `Packets` if it is compressed, and can be resumed.
        injected: Whether middleware added it, so that it is not the user's audio.
    """

    data: bytes | memoryview | Packets
    injected: bool = False


class FinishTask(Struct, frozen=True, gc=False):
    """Client: the audio has ended."""


class TaskStarted(Struct, frozen=True, gc=False):
    """Service: the task accepts audio now."""


class ResultGenerated(Struct, frozen=True, gc=False):
    """
    Service: a partial or final result; `sentence` can be missing.

    Attributes:
        sentence: The sentence. That of translations alone has their times, but no text.
        usage: What is billed for the task so far.
        translations: Translations, by a model that translates, perhaps none; `None` by all others.
        replaces: Whether it corrects an earlier final result. Not a part of the message: the client
            concludes it from `sentence_id`.
    """

    sentence: Sentence | None = None
    usage: Usage | None = None
    translations: tuple[Translation, ...] | None = None
    replaces: bool = False


class TaskFinished(Struct, frozen=True, gc=False):
    """Service: all results have been sent; the connection is free for another task."""

    usage: Usage | None = None


class TaskFailed(Struct, frozen=True, gc=False):
    """Service: the task has failed, and the connection ends with it."""

    error_code: str = ""
    error_message: str = ""


Command: TypeAlias = RunTask | Audio | ContinueTask | FinishTask
Event: TypeAlias = TaskStarted | ResultGenerated | TaskFinished | TaskFailed

OutgoingFrame: TypeAlias = str | bytes | memoryview
"""A frame to send: text as `str`, binary as the others. The bytes of a view must not change."""


_NAMES: Mapping[type[Command | Event], str] = {
    RunTask: "run-task",
    Audio: "audio",
    ContinueTask: "continue-task",
    FinishTask: "finish-task",
    TaskStarted: "task-started",
    ResultGenerated: "result-generated",
    TaskFinished: "task-finished",
    TaskFailed: "task-failed",
}


def name_of(message: Command | Event) -> str:
    """Return the protocol's own name of a message."""
    return _NAMES[type(message)]
