"""Sentences as lines of JSON."""

import json
from typing import Any

from paraformer_async.results import Sentence

__all__ = ["json_line"]


def json_line(sentence: Sentence) -> str:
    """Return a sentence as one line of JSON, without the fields that say nothing."""
    text = json.dumps(_telling(sentence.to_dict()), ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode() + "\n"  # half a surrogate pair


def _telling(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _telling(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one or (one == 0 and one is not False)}
    return [_telling(one) for one in value] if isinstance(value, list) else value
