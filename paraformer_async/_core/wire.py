"""From messages to frames, and back."""

from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict, replace

from paraformer_async._core.envelopes import (
    COMMANDS,
    EVENTS,
    KNOWN_EVENTS,
    NOTHING,
    UNREADABLE,
    ContinueTaskHeader,
    EventEnvelope,
    EventPayload,
    FinishedHeader,
    FinishTaskHeader,
    Output,
    ResultHeader,
    StartedHeader,
)
from paraformer_async._core.lenient import parse, usable
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
from paraformer_async.errors import RemoteProtocolError
from paraformer_async.results import Sentence, Translation, Usage

__all__ = [
    "UnknownEvent",
    "decode_command",
    "decode_event",
    "encode",
    "result_of",
]

AnySentence = TypeVar("AnySentence", bound=Sentence)

# Fields that only some models send.
_TURNS = frozenset(
    {
        "sentence_begin",
        "vad_pre_end",
        "pre_end_failed",
        "pre_end_timemillis",
        "pre_end_start_time",
        "pre_end_end_time",
    }
)


class UnknownEvent(ValueError):
    """A well-formed event of an unknown kind, to be skipped."""


def encode(message: Command | Event, task_id: str) -> str | bytes | memoryview:
    """Return the frame that carries *message*: binary for audio, text for all others."""
    match message:
        case Audio(data=data):
            return bytes(data) if isinstance(data, Packets) else data
        case RunTask() | ContinueTask() | FinishTask():
            return _encode_command(message, task_id)
        case _:
            return _encode_event(message, task_id)


def decode_event(frame: str | bytes) -> tuple[str, Event]:
    """
    Decode a text frame of the service.

    Returns:
        The task id in the frame, and the event.

    Raises:
        UnknownEvent: It is an event of an unknown kind.
        RemoteProtocolError: It is not an event.
    """
    try:
        envelope = EVENTS.decode(frame)
    except UNREADABLE as error:
        envelope = _decode_leniently(frame, error)
    header, payload = envelope.header, envelope.payload or NOTHING
    match header:
        case ResultHeader():
            return header.task_id, result_of(payload)
        case StartedHeader():
            return header.task_id, TaskStarted()
        case FinishedHeader():
            return header.task_id, TaskFinished(payload.usage)
        case _:
            return header.task_id, TaskFailed(header.error_code, header.error_message)


def result_of(payload: "EventPayload") -> ResultGenerated:
    """Return the result in a *payload*."""
    output = payload.output
    if output is None:
        return ResultGenerated(None, payload.usage)
    sentence = output.sentence
    if sentence is None:
        return _result_of_gummy(output, payload.usage)
    if sentence.stash is not None:
        sentence = _flat(sentence)
    return ResultGenerated(sentence, payload.usage)


def _result_of_gummy(output: "Output", usage: Usage | None) -> ResultGenerated:
    """Return a result in the form of Gummy models, or one without a sentence."""
    sentence = output.transcription
    if sentence is None and output.translations is None:
        return ResultGenerated(None, usage)
    translations = tuple(map(_flat, output.translations or ()))
    if sentence is not None:
        sentence = _flat(sentence)
    elif translations:
        sentence = _translated_only(translations)
    return ResultGenerated(sentence, usage, translations)


def _translated_only(translations: tuple[Translation, ...]) -> Sentence:
    """Return a sentence for translations without one: final once all are."""
    first = translations[0]
    return Sentence(
        first.begin_time,
        first.end_time,
        sentence_end=all(one.is_final for one in translations),
        sentence_id=first.sentence_id,
        vad_pre_end=first.vad_pre_end,
        pre_end_failed=first.pre_end_failed,
    )


def _flat(sentence: AnySentence) -> AnySentence:
    """Return a sentence whose stash has none of its own, which would be a level of recursion."""
    if sentence.stash is None or sentence.stash.stash is None:
        return sentence
    return replace(sentence, stash=replace(sentence.stash, stash=None))


def decode_command(frame: str | bytes) -> tuple[str, Command]:
    """
    Decode a text frame of a client.

    Returns:
        The task id in the frame, and the command.

    Raises:
        RemoteProtocolError: It is not a command; the message gives the reason.
    """
    try:
        envelope = COMMANDS.decode(frame)
    except UNREADABLE as error:
        raise RemoteProtocolError(f"cannot decode the message: {error}") from error
    header, payload = envelope.header, envelope.payload
    if isinstance(header, FinishTaskHeader):
        return header.task_id, FinishTask()
    if isinstance(header, ContinueTaskHeader):
        return header.task_id, ContinueTask(payload.input)
    if header.streaming != "duplex" or (payload.task, payload.function) != ("asr", "recognition"):
        raise RemoteProtocolError("run-task must ask for a duplex audio/asr/recognition task")
    resources = payload.resources or ()
    return header.task_id, RunTask(payload.model, payload.parameters, resources, payload.input)


def _encode_command(command: RunTask | ContinueTask | FinishTask, task_id: str) -> str:
    header = {"action": name_of(command), "task_id": task_id, "streaming": "duplex"}
    payload: dict[str, Any] = {"input": {}}
    if isinstance(command, ContinueTask):
        payload = {"input": command.input}
    if isinstance(command, RunTask):
        payload = {
            "task_group": "audio",
            "task": "asr",
            "function": "recognition",
            "model": command.model,
            "parameters": command.parameters,
            "input": command.input,
        }
        if command.resources:
            payload["resources"] = command.resources
    return msgspec.json.encode({"header": header, "payload": payload}).decode()


def _encode_event(event: Event, task_id: str) -> str:
    header: dict[str, Any] = {"event": name_of(event), "task_id": task_id, "attributes": {}}
    payload: dict[str, Any] = {}
    match event:
        case ResultGenerated(sentence=sentence, usage=usage, translations=translations):
            output: dict[str, Any] = {"sentence": _sent(sentence)}
            if translations is not None:
                output = {
                    "transcription": _sent(sentence),
                    "translations": list(map(_sent, translations)),
                }
            payload = {"output": output, "usage": _reported(usage)}
        case TaskFinished(usage=usage):
            payload = {"output": {}, "usage": _reported(usage)}
        case TaskFailed(error_code=code, error_message=text):
            header |= {"error_code": code, "error_message": text}
    return msgspec.json.encode({"header": header, "payload": payload}).decode()


def _sent(sentence: Sentence | None) -> dict[str, Any] | None:
    """Return a sentence as the service sends it: turn events only where it has any."""
    if sentence is None:
        return None
    fields = asdict(sentence)
    return {
        name: value for name, value in fields.items() if value is not None or name not in _TURNS
    }


def _reported(usage: Usage | None) -> dict[str, int | float] | None:
    """Return a usage as the service reports it: tokens only where they are billed."""
    if usage is None:
        return None
    billed = {name: amount for name, amount in asdict(usage).items() if amount}
    return billed or {"duration": 0}


def _decode_leniently(frame: str | bytes, error: Exception) -> EventEnvelope:
    """Decode an event that the strict decoder refused; unusable fields count as missing."""
    try:
        document = parse(frame)
        event = document["header"]["event"]
    except (ValueError, LookupError, TypeError):
        raise RemoteProtocolError(
            f"the service sent a message that is not an event: {error}"
        ) from error
    if not isinstance(event, str):
        raise RemoteProtocolError(
            f"the service sent a message that is not an event: {error}"
        ) from error
    if event not in KNOWN_EVENTS:
        raise UnknownEvent(event)
    try:
        return msgspec.convert(usable(document), EventEnvelope)
    except RemoteProtocolError as reason:
        raise RemoteProtocolError(f"the service sent a malformed {event}: {reason}") from error
