"""WebVTT (.vtt) captions from timed sentences: https://www.w3.org/TR/webvtt1/."""

from collections.abc import Iterable
from html import escape

from paraformer_async.captions.layout import Caption, lay_out, timestamp
from paraformer_async.results import Sentence

__all__ = ["SIGNATURE", "to_vtt", "webvtt_cue"]

SIGNATURE = "WEBVTT\n"


def to_vtt(sentences: Iterable[Sentence]) -> str:
    """
    Return *sentences* as WebVTT (.vtt) text; times are those of the sentences, in ms.

    The captions are those of `to_srt`. Characters that mean something in WebVTT are escaped.
    """
    return SIGNATURE + "".join(map(webvtt_cue, lay_out(sentences)))


def webvtt_cue(caption: Caption) -> str:
    """Return a caption as it is written after what comes before it."""
    times = f"{timestamp(caption.begin_time, '.')} --> {timestamp(caption.end_time, '.')}"
    return f"\n{times}\n{escape(caption.text, quote=False)}\n"
