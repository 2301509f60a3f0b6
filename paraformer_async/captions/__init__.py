"""
Caption files from sentences: whole, or while a recognition runs.

`to_srt` and `to_vtt` return the text of a file. `CaptionWriter` writes one that grows with each
sentence and is complete at any moment. Depends only on results; knows nothing of how the sentences
were recognized.
"""

from paraformer_async.captions.clocks import WallClock
from paraformer_async.captions.subrip import to_srt
from paraformer_async.captions.webvtt import to_vtt
from paraformer_async.captions.writer import CaptionFormat, CaptionWriter

__all__ = ["CaptionFormat", "CaptionWriter", "WallClock", "to_srt", "to_vtt"]
