"""Sentences as lines of JSON."""

import json

from paraformer_async.jsonable import informative
from paraformer_async.results import Sentence
from paraformer_async.text import inert

__all__ = ["json_line"]


def json_line(sentence: Sentence) -> str:
    """Return a sentence as one line of JSON, without the fields that say nothing."""
    return inert(json.dumps(informative(sentence.to_dict()), ensure_ascii=False)) + "\n"
