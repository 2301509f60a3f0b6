"""The door, as a program sees it. Checked for its types only, never run."""

import io
from array import array
from collections.abc import AsyncIterator, Iterator
from os import PathLike
from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from paraformer_async import (
    AsyncRecognizer,
    AudioProbe,
    Batch,
    BatchOutcome,
    BatchProgress,
    Overhead,
    PoolLimits,
    RecognitionResult,
    RecognitionStream,
    Reconnect,
    Timeouts,
    Transcript,
    Translation,
    Usage,
    probe,
)
from paraformer_async.middleware import Heartbeat, LatencyMeter
from paraformer_async.sync import Recognizer


async def microphone() -> AsyncIterator[bytes]:
    """Stand for a source of audio."""
    yield b""


def blocks() -> Iterator[bytes]:
    """Stand for a source of audio that blocks."""
    yield b""


async def arrays() -> AsyncIterator[NDArray[np.float32]]:
    """Stand for a source of arrays."""
    yield np.zeros(1600, np.float32)


async def of_numpy(recognizer: AsyncRecognizer, blocking: Recognizer) -> None:
    """Arrays are taken wherever audio is, on each version of Python."""
    samples = np.zeros((1600, 2), np.int16)
    assert_type(await recognizer.transcribe(samples, sample_rate=8000), Transcript)
    assert_type(recognizer.stream(samples), RecognitionStream)
    assert_type(recognizer.stream(arrays()), RecognitionStream)
    assert_type(recognizer.stream(iter([samples])), RecognitionStream)
    async with recognizer.stream() as stream:
        await stream.send(samples)
    with blocking.stream() as other:
        other.send(samples)


async def opened_by_calls() -> None:
    """The recognizer is known, however it is opened."""
    recognizer = await AsyncRecognizer().open()
    assert_type(recognizer, AsyncRecognizer)
    assert_type(await recognizer.aclose(), None)
    async with AsyncRecognizer() as entered:
        assert_type(entered, AsyncRecognizer)


async def a_file(recognizer: AsyncRecognizer) -> None:
    """A file becomes a transcript."""
    transcript = await recognizer.transcribe("meeting.wav", language_hints=["zh"])
    assert_type(transcript, Transcript)
    assert_type(transcript.text, str)
    assert_type(transcript.usage, Usage | None)
    assert_type(transcript.overhead, Overhead)
    for audio in (b"RIFF", blocks(), microphone(), io.BytesIO(), Path("meeting.wav"), array("h")):
        assert_type(await recognizer.transcribe(audio, sample_rate=16000), Transcript)
        assert_type(await probe(audio, format="pcm", sample_rate=16000), AudioProbe)


async def paths() -> AsyncIterator[Path]:
    """Stand for a source of paths."""
    yield Path("meeting.wav")


async def many_files(recognizer: AsyncRecognizer) -> None:
    """Many files become outcomes, in a loop or in a context."""

    def report(progress: BatchProgress) -> None:
        assert_type(progress.total, int | None)
        assert_type(progress.latest, BatchOutcome)

    async for outcome in recognizer.transcribe_many(["a.wav"], concurrency=2, on_progress=report):
        assert_type(outcome, BatchOutcome)
        assert_type(outcome.path, str | PathLike[str])
        assert_type(outcome.transcript, Transcript | None)
        assert_type(outcome.error, BaseException | None)
        assert_type(outcome.real_time_factor, float | None)
    async with recognizer.transcribe_many(paths(), language_hints=["zh"]) as batch:
        assert_type(batch, Batch)
        assert_type(await anext(batch), BatchOutcome)


async def pulled(recognizer: AsyncRecognizer) -> None:
    """A stream of a source is iterated for results."""
    async for result in recognizer.stream(microphone(), model="fun-asr-realtime", buffer=1.0):
        assert_type(result, RecognitionResult)
        assert_type(result.text, str)
        assert_type(result.is_final, bool)
        assert_type(result.begins, bool)
        assert_type(result.pre_end, bool)
        assert_type(result.stable_text, str)
        assert_type(result.translations, tuple[Translation, ...])
        assert_type(result.replaces, bool)
    assert_type(recognizer.stream(blocks()), RecognitionStream)
    assert_type(recognizer.stream(b"audio"), RecognitionStream)


async def pushed(recognizer: AsyncRecognizer) -> None:
    """A stream takes audio, and is left when all is recognized."""
    async with recognizer.stream(sample_rate=None) as stream:
        assert_type(stream, RecognitionStream)
        await stream.send(b"audio")
        await stream.finish()
        assert_type([result async for result in stream], list[RecognitionResult])
    assert_type(stream.request_id, str)
    assert_type(stream.latency.first_packet, float | None)
    assert_type(stream.latency.utterance, float | None)
    assert_type(stream.usage, Usage | None)
    assert_type(stream.overhead.replayed, float)


async def channels(recognizer: AsyncRecognizer) -> None:
    """Channels, and several sources, are streams like any other."""
    transcript = await recognizer.transcribe("call.wav", channels="split")
    assert_type(transcript.sentences[0].channel_id, int | str | None)
    assert_type(transcript.request_ids, tuple[str, ...])
    stream = recognizer.stream(channels=1, input_channels=2)
    assert_type(stream, RecognitionStream)
    many = recognizer.stream_many({"agent": microphone(), "customer": blocks()})
    assert_type(many, RecognitionStream)
    assert_type(recognizer.stream_many([microphone(), b"audio"]), RecognitionStream)
    async for result in many:
        assert_type(result.channel_id, int | str | None)


async def every_option() -> None:
    """Every option is typed, and the recognizer is its own context."""
    recognizer = AsyncRecognizer(
        "qwen-audio-3.1-asr-flash-streaming",
        format="pcm",
        sample_rate=16000,
        vocabulary_id="v",
        phrase_id=None,
        disfluency_removal_enabled=True,
        language_hints=("zh", "en"),
        semantic_punctuation_enabled=False,
        max_sentence_silence=800,
        multi_threshold_mode_enabled=False,
        punctuation_prediction_enabled=True,
        heartbeat=True,
        inverse_text_normalization_enabled=True,
        vocabulary={"Paraformer": 4},
        speech_noise_threshold=0.1,
        special_word_filter={"filter_with_empty": {"word_list": ["word"]}},
        vad_model="near_meeting_16k",
        keep_dialect=False,
        intermediate_result_enabled=None,
        parameters={"speaker_count": 2},
        api_key=lambda: "key",
        endpoint="wss://h/x",
        endpoints=["wss://h2/x"],
        region="cn-beijing",
        workspace="w",
        headers={"a": "b"},
        proxy=None,
        pool=PoolLimits(connections=10),
        middleware=[LatencyMeter, Heartbeat, lambda: Heartbeat(3.0)],
        reconnect=Reconnect(lost="gap"),
        timeouts=Timeouts(ping=None),
        buffer=2.0,
        channels="split",
        input_channels=2,
    )
    async with recognizer as entered:
        assert_type(entered, AsyncRecognizer)
        assert_type(entered.options.sample_rate, int)


async def mistakes(recognizer: AsyncRecognizer) -> None:
    """A wrong name or type is found by the type checker: each of these is an error of its own."""
    AsyncRecognizer(sample_rate="16000")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    AsyncRecognizer("m", "pcm")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    recognizer.stream(heartbeats=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    recognizer.stream(heartbeat="yes")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    recognizer.stream(channels="left")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Reconnect(lost="maybe")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
