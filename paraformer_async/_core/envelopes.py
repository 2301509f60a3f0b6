"""
What messages look like as JSON, and the decoders for it.

The header carries the tag (`action` or `event`), so the types of a message are unions of *headers*.
Undeclared fields are skipped while decoding; the service adds fields without notice.
"""

from typing import Any

import msgspec
from msgspec import Struct

from paraformer_async._core.messages import Resource
from paraformer_async.results import Sentence, Translation, Usage

__all__ = [
    "COMMANDS",
    "EVENTS",
    "KNOWN_EVENTS",
    "NOTHING",
    "UNREADABLE",
    "CommandEnvelope",
    "CommandPayload",
    "ContinueTaskHeader",
    "EventEnvelope",
    "EventPayload",
    "FailedHeader",
    "FinishTaskHeader",
    "FinishedHeader",
    "Output",
    "ResultHeader",
    "RunTaskHeader",
    "StartedHeader",
]


class ResultHeader(Struct, gc=False, tag_field="event", tag="result-generated"):
    """The header of a result."""

    task_id: str = ""


class StartedHeader(Struct, tag_field="event", tag="task-started"):
    """The header of task-started."""

    task_id: str = ""


class FinishedHeader(Struct, tag_field="event", tag="task-finished"):
    """The header of task-finished."""

    task_id: str = ""


class FailedHeader(Struct, tag_field="event", tag="task-failed"):
    """The header of task-failed."""

    task_id: str = ""
    error_code: str = ""
    error_message: str = ""


class Output(Struct, gc=False):
    """The output of a result; the last two in place of the first, by Gummy models."""

    sentence: Sentence | None = None
    transcription: Sentence | None = None
    translations: tuple[Translation, ...] | None = None


class EventPayload(Struct, gc=False):
    """The payload of an event."""

    output: Output | None = None
    usage: Usage | None = None


class EventEnvelope(Struct, gc=False):
    """A message of the service."""

    header: ResultHeader | StartedHeader | FinishedHeader | FailedHeader
    payload: EventPayload | None = None


class RunTaskHeader(Struct, tag_field="action", tag="run-task"):
    """The header of run-task."""

    task_id: str
    streaming: str = ""


class ContinueTaskHeader(Struct, tag_field="action", tag="continue-task"):
    """The header of continue-task."""

    task_id: str


class FinishTaskHeader(Struct, tag_field="action", tag="finish-task"):
    """The header of finish-task."""

    task_id: str


class CommandPayload(Struct):
    """The payload of a command."""

    input: dict[str, Any]  # the service refuses a payload without it
    task: str = ""
    function: str = ""
    model: str = ""
    parameters: dict[str, Any] = {}
    resources: tuple[Resource, ...] | None = None


class CommandEnvelope(Struct):
    """A text message of a client."""

    header: RunTaskHeader | ContinueTaskHeader | FinishTaskHeader
    payload: CommandPayload


EVENTS = msgspec.json.Decoder(EventEnvelope, strict=False)
COMMANDS = msgspec.json.Decoder(CommandEnvelope)
# What the decoders raise: RecursionError for JSON nested too deep, UnicodeError for broken text.
UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
KNOWN_EVENTS = frozenset({"result-generated", "task-started", "task-finished", "task-failed"})
NOTHING = EventPayload()
