"""
Many files: `AsyncRecognizer.transcribe_many`, and what it returns.

Knows how files are taken, counted and resumed; not how one is transcribed.
"""

from paraformer_async.batch.outcomes import BatchOutcome, BatchProgress
from paraformer_async.batch.running import Batch

__all__ = ["Batch", "BatchOutcome", "BatchProgress"]
