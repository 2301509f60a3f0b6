"""SubRip (.srt) captions from timed sentences."""

from collections.abc import Iterable

from paraformer_async.captions.layout import lay_out, timestamp
from paraformer_async.results import Sentence

__all__ = ["to_srt"]


def to_srt(sentences: Iterable[Sentence]) -> str:
    """
    Return *sentences* as SubRip (.srt) text; times are those of the sentences, in ms.

    Each sentence becomes one caption of up to two lines of 42 columns, in which full-width
    characters take two. A sentence too long for the screen is split between words, at the times of
    the words. Captions are in order of time, never overlap, and always last at least 1 ms. Text is
    cleaned of line breaks and control characters; sentences without text are left out.
    """
    blocks = [
        f"{number}\n{timestamp(caption.begin_time)} --> {timestamp(caption.end_time)}\n"
        f"{caption.text.replace('-->', '->')}\n"  # players look for the arrow
        for number, caption in enumerate(lay_out(sentences), 1)
    ]
    return "\n".join(blocks)
