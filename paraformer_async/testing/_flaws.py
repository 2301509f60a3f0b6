"""What clients do wrong that the protocol's table does not know."""

import re
from collections.abc import Iterator

from paraformer_async._core.wire import RunTask
from paraformer_async.options.service import LARGEST_FRAME

__all__ = ["flaw_of_request", "flaws_of_audio", "is_task_id"]

_LOWEST_RATE = 1000


def flaws_of_audio(frame: bytes, *, is_pcm: bool) -> Iterator[str]:
    """Say what is wrong with a frame of audio."""
    if not frame:
        yield "an empty frame of audio"
    if len(frame) > LARGEST_FRAME:
        yield f"a frame of {len(frame)} bytes: more than 16 KB"
    if is_pcm and len(frame) % 2:
        yield f"a frame of {len(frame)} bytes: it ends within a sample"


def flaw_of_request(request: RunTask) -> str | None:
    """Say what is wrong with run-task, so that its task cannot begin."""
    rate, name = request.parameters.get("sample_rate"), request.parameters.get("format")
    if not request.model:
        return "run-task without a model"
    if not isinstance(name, str):
        return "run-task without a format"
    if not isinstance(rate, int) or rate < _LOWEST_RATE:
        return "run-task without a sample_rate in Hz"
    return None


def is_task_id(text: str) -> bool:
    """Whether *text* is a UUID: 32 hex digits, with or without dashes."""
    return re.fullmatch(r"[0-9a-fA-F]{32}", text.replace("-", "")) is not None
