"""Errors of clients that neither the protocol's table nor the service itself refuses."""

import re
from collections.abc import Iterator

from paraformer_async.options.service import LARGEST_FRAME

__all__ = ["flaws_of_audio", "is_task_id"]


def flaws_of_audio(frame: bytes, *, is_pcm: bool) -> Iterator[str]:
    """Yield what is wrong with a frame of audio."""
    if not frame:
        yield "an empty frame of audio"
    if len(frame) > LARGEST_FRAME:
        yield f"a frame of {len(frame)} bytes: more than 16 KB"
    if is_pcm and len(frame) % 2:
        yield f"a frame of {len(frame)} bytes: it ends within a sample"


def is_task_id(text: str) -> bool:
    """Return whether *text* is a UUID: 32 hex digits, with or without dashes."""
    return re.fullmatch(r"[0-9a-fA-F]{32}", text.replace("-", "")) is not None
