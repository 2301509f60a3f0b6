"""WebVTT (.vtt) captions from timed sentences: https://www.w3.org/TR/webvtt1/."""

from collections.abc import Iterable
from html import escape

from paraformer_async.captions.layout import lay_out, timestamp
from paraformer_async.results import Sentence

__all__ = ["to_vtt"]


def to_vtt(sentences: Iterable[Sentence]) -> str:
    """
    Return *sentences* as WebVTT (.vtt) text; times are those of the sentences, in ms.

    The captions are those of `to_srt`. Characters that mean something in WebVTT are escaped.
    """
    cues = [
        f"\n{timestamp(caption.begin_time, '.')} --> {timestamp(caption.end_time, '.')}\n"
        f"{escape(caption.text, quote=False)}\n"
        for caption in lay_out(sentences)
    ]
    return "".join(["WEBVTT\n", *cues])
