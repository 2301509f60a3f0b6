"""
The conversation that a model may know: `context=`, and its form in `payload.input.context`.

Imports only checks, kinds and facts of this package. Source: [CONTEXT] in `service`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_mapping, require_sequence, shown
from paraformer_async.options.kinds import Kind
from paraformer_async.options.service import CONTEXT_CHARACTERS, CONTEXT_MESSAGES

__all__ = ["Conversation", "context_received", "context_to_send"]

_USER, _ASSISTANT = "user", "assistant"
# The type of the part of a message that holds the text of a role.
_PARTS: Mapping[str, str] = {_USER: "input_text", _ASSISTANT: "text"}
_EXAMPLE = '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'
_EXPECTED = f"text, or a list of messages like {_EXAMPLE}"


class Conversation(Kind, frozen=True):
    """
    The conversation so far: the terms that are expected, or messages of user and assistant.

    A text stands for one message of the user.
    """

    annotation: ClassVar[str] = "str | Sequence[Mapping[str, str]]"

    @property
    def limits(self) -> str:
        """The number of messages, and the length of each."""
        return (
            f"{CONTEXT_MESSAGES} messages of each role, "
            f"{CONTEXT_CHARACTERS} characters each, user before assistant"
        )

    def check_type(self, name: str, value: object) -> None:
        """Check that it is text, or a list of messages that have a role and a text."""
        _messages(name, value)

    def check_limits(self, name: str, value: object) -> None:
        """Check the number of messages, their lengths, and their order."""
        messages = _messages(name, value)
        roles = [role for role, _ in messages]
        for role in _PARTS:
            if (count := roles.count(role)) > CONTEXT_MESSAGES:
                raise InvalidOptionError(
                    name,
                    f"has {count} messages of the {role}; only the latest {CONTEXT_MESSAGES} count",
                    hint="pass the latest messages only",
                )
        for _, text in messages:
            if len(text) > CONTEXT_CHARACTERS:
                raise InvalidOptionError(
                    name,
                    f"{shown(text)} has {len(text)} characters; the service cuts off what "
                    f"follows the first {CONTEXT_CHARACTERS}",
                    hint="shorten it, or divide it into several messages",
                )
        for before, role in zip([_ASSISTANT, *roles], roles, strict=False):
            if before == role == _ASSISTANT:
                raise InvalidOptionError(
                    name,
                    "a message of the assistant has no message of the user before it",
                    hint="begin with the user, and join consecutive messages of the assistant",
                )


def context_to_send(context: str | Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return a checked *context* as `payload.input.context` of run-task and continue-task."""
    return [
        {"role": role, "content": [{"type": _PARTS[role], "text": text}]}
        for role, text in _messages("context", context)
    ]


def context_received(context: object) -> list[Mapping[str, str]]:
    """
    Return `payload.input.context` in the form of the option, to check it like the option.

    Raises:
        InvalidOptionError: It has another form than `context_to_send` returns.
    """
    return [
        {"role": role, "content": _text(role, part)}
        for message in require_sequence("context", context, "a list of messages")
        for role in [_role("context", message)]
        for part in require_sequence("context", _field(message, "content"), "a list of parts")
    ]


def _messages(name: str, value: object) -> list[tuple[str, str]]:
    """Return the role and the text of each message."""
    if isinstance(value, str):
        value = [{"role": _USER, "content": value}]
    messages = require_sequence(name, value, _EXPECTED)
    if not messages:
        raise InvalidOptionError(name, "is empty", hint=f"pass {_EXPECTED}, or None for no context")
    return [(_role(name, message), _content(name, message)) for message in messages]


def _role(name: str, message: object) -> str:
    role = require_mapping(name, message, f"made of dicts, like {_EXAMPLE}").get("role")
    if not isinstance(role, str) or role not in _PARTS:
        raise InvalidOptionError(name, f"the role {shown(role)} is not one of {', '.join(_PARTS)}")
    return role


def _content(name: str, message: object) -> str:
    fields = require_mapping(name, message, f"made of dicts, like {_EXAMPLE}")
    content = fields.get("content")
    if not isinstance(content, str) or not content.strip():
        raise InvalidOptionError(name, f"the content {shown(content)} is not text, or is blank")
    if further := fields.keys() - {"role", "content"}:
        raise InvalidOptionError(
            name, f"a message has role and content only, not {shown(min(further, key=str))}"
        )
    return content


def _text(role: str, part: object) -> str:
    fields = require_mapping("context", part, "made of messages with parts")
    if fields.get("type") != _PARTS[role]:
        raise InvalidOptionError(
            "context", f"a part of the {role} must have the type {_PARTS[role]}, not {shown(part)}"
        )
    text = fields.get("text")
    return text if isinstance(text, str) else ""


def _field(message: object, field: str) -> object:
    return require_mapping("context", message, "made of messages").get(field)
