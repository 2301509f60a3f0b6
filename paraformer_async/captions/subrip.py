"""SubRip (.srt) captions from timed sentences."""

import re
from collections.abc import Iterable

from paraformer_async.captions.layout import Caption, lay_out, timestamp
from paraformer_async.results import Sentence

__all__ = ["subrip_block", "to_srt"]

_ARROW = re.compile("-{2,}>")  # players look for it


def to_srt(sentences: Iterable[Sentence]) -> str:
    """
    Return *sentences* as SubRip (.srt) text; times are those of the sentences, in ms.

    Each sentence becomes one caption of up to two lines of 42 columns, in which full-width
    characters take two. A sentence too long for the screen is split between words, at the times of
    the words. Captions are in order of time, never overlap, and always last at least 1 ms. Text is
    cleaned of line breaks and control characters; sentences without text are left out.
    """
    return "".join(
        subrip_block(number, caption) for number, caption in enumerate(lay_out(sentences), 1)
    )


def subrip_block(number: int, caption: Caption) -> str:
    """Return a caption as it is written after the one before it; numbers begin at 1."""
    times = f"{timestamp(caption.begin_time)} --> {timestamp(caption.end_time)}"
    text = _ARROW.sub("->", caption.text)
    separator = "\n" if number > 1 else ""
    return f"{separator}{number}\n{times}\n{text}\n"
