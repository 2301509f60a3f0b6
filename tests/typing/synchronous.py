"""The blocking client and the drop-in, as a program sees them. Checked for types, never run."""

from collections.abc import Iterator
from typing import assert_type

from paraformer_async import BatchOutcome, Latency, RecognitionResult, Transcript
from paraformer_async.dashscope import Recognition, RecognitionCallback
from paraformer_async.dashscope import RecognitionResult as FacadeResult
from paraformer_async.sync import BlockingBatch, BlockingStream, Recognizer


def results(recognizer: Recognizer) -> None:
    """Everything returns what the async client returns."""
    assert_type(recognizer.transcribe("a.wav", language_hints=["en"]), Transcript)
    stream = recognizer.stream()
    assert_type(stream, BlockingStream)
    with stream as entered:
        assert_type(entered, BlockingStream)
        entered.send(b"")
        entered.update(language_hints=["en"])
        assert_type(entered.receive(timeout=1), RecognitionResult | None)
        assert_type(iter(entered), Iterator[RecognitionResult])
        assert_type(entered.latency, Latency)
    batch = recognizer.transcribe_many(["a.wav"], checkpoint="run.jsonl", skip_done=True)
    assert_type(batch, BlockingBatch)
    for outcome in batch:
        assert_type(outcome, BatchOutcome)


def options() -> None:
    """The model may be an argument by position, and names are checked."""
    assert_type(Recognizer("paraformer-realtime-8k-v2", heartbeat=True), Recognizer)
    Recognizer(speed=2)  # type: ignore[call-arg]


def drop_in(callback: RecognitionCallback) -> None:
    """The drop-in has the vendor's arguments; parameters are not checked."""
    recognition = Recognition("model", callback, "pcm", 16000, anything=1)
    assert_type(recognition.call("a.wav"), FacadeResult)
    assert_type(recognition.get_last_request_id(), str)
