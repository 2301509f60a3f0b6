"""
Caption files from sentences: one format per module.

Depends only on results; knows nothing of how the sentences were recognized.
"""

from paraformer_async.captions.subrip import to_srt
from paraformer_async.captions.webvtt import to_vtt

__all__ = ["to_srt", "to_vtt"]
