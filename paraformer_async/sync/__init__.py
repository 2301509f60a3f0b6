"""
The blocking client, for code without an event loop: scripts, Flask, Django, Celery, plain threads.

    from paraformer_async.sync import Recognizer

    with Recognizer() as recognizer:
        transcript = recognizer.transcribe("meeting.mp3")

All recognitions of a process run in one event loop, in one thread. Options, results and errors are
those of `AsyncRecognizer`.
"""

from paraformer_async.sync.batch import BlockingBatch
from paraformer_async.sync.recognizer import Recognizer
from paraformer_async.sync.stream import BlockingStream

__all__ = ["BlockingBatch", "BlockingStream", "Recognizer"]
