"""Streams of a rate that the model does not take, and streams at the pace of real time."""

import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import numpy as np
import pytest

from paraformer_async import AsyncRecognizer, InvalidOptionError, MissingExtraError, Reconnect
from paraformer_async.audio.companding import expander
from paraformer_async.audio.decoding.pcm import Resampler
from paraformer_async.testing import Drop, ScriptedServer, marked, marks
from tests.integration.marked import LENGTH, assert_complete, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

# Servers recognize nothing in it: `ScriptedServer([])`. Looking for marks would take seconds.
NOISE = np.random.default_rng(4).integers(-20_000, 20_000, 60_000, np.int16).tobytes()
CODES = np.random.default_rng(5).integers(0, 256, 20_000, np.uint8).tobytes()
TO_8K = {"model": "paraformer-realtime-8k-v2", "resample_from": 16_000}
TO_16K = {"model": "paraformer-realtime-v1", "resample_from": 8000}
LITTLE = Reconnect(backoff=lambda _: 0.01, keep=1.0)


def resampled(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Return *pcm* at another rate, resampled at once."""
    return Resampler(from_rate, to_rate, is_live=True).resample(pcm, last=True)


async def frames(audio: bytes, size: int = 640) -> AsyncIterator[bytes]:
    """Yield *audio* in frames."""
    for start in range(0, len(audio), size):
        yield audio[start : start + size]


@pytest.mark.parametrize(
    ("options", "audio", "sent"),
    [
        (TO_8K, NOISE, resampled(NOISE, 16_000, 8000)),
        (TO_16K, NOISE, resampled(NOISE, 8000, 16_000)),
        (TO_16K | {"encoding": "alaw"}, CODES, resampled(expander("alaw")(CODES), 8000, 16_000)),
        ({"resample_from": 44_100}, NOISE, resampled(NOISE, 44_100, 16_000)),
        ({"resample_from": 16_000}, NOISE, NOISE),
    ],
    ids=["16k to 8k", "8k to 16k", "alaw to 16k", "44.1k to 16k", "no change"],
)
async def test_what_is_sent(options: dict[str, Any], audio: bytes, sent: bytes) -> None:
    """Sources and pushed audio, in whatever pieces, are sent at the rate of the model."""
    async with ScriptedServer([]) as server, recognizer_for(server, **options) as recognizer:
        for source in (audio, frames(audio), iter([audio[:777], audio[777:]])):
            [_ async for _ in recognizer.stream(source)]
        async with recognizer.stream() as stream:
            async for frame in frames(audio, 999):
                await stream.send(frame)
            await stream.finish()
            [_ async for _ in stream]
    assert 4 == len(server.received)
    rate = {"paraformer-realtime-8k-v2": 8000}.get(options.get("model", ""), 16_000)
    for task in server.received:
        assert (rate, sent) == (task.sample_rate, task.audio)
        assert not {"resample_from", "pace"} & task.parameters.keys()


async def test_a_flush_sends_all_of_the_utterance() -> None:
    """What the filter holds back is sent at `flush` and at an update, before the task ends."""
    async with ScriptedServer([]) as server, recognizer_for(server, **TO_8K) as recognizer:
        async with recognizer.stream() as stream:
            await stream.send(NOISE[:32_001])
            await stream.flush()
            await stream.send(NOISE[32_001:64_000])
            await stream.update(max_sentence_silence=500)
            await stream.send(NOISE[64_000:])
            await stream.finish()
            await stream.finish()
            [_ async for _ in stream]
    pieces = (NOISE[:32_000], NOISE[32_000:64_000], NOISE[64_000:])
    expected = [resampled(piece, 16_000, 8000) for piece in pieces]
    assert expected == [task.audio for task in server.received]


@pytest.mark.parametrize(
    ("options", "given_rate"), [(TO_8K, 16_000), (TO_16K, 8000)], ids=["to 8k", "to 16k"]
)
@pytest.mark.parametrize("is_live", [True, False])
@pytest.mark.parametrize("after_ms", [100, 3000, 8000])
async def test_a_drop(
    options: dict[str, Any], given_rate: int, is_live: bool, after_ms: int
) -> None:
    """After a drop, nothing is lost or repeated, at the times of what was given."""
    audio = marked(LENGTH, sample_rate=given_rate)
    script, faults = marks(sentence_ms=1000 if is_live else 5000), [Drop(after_ms=after_ms)]
    async with ScriptedServer(script, faults=faults) as server:
        kept = {} if is_live else {"reconnect": LITTLE}
        async with recognizer_for(server, **options, **kept) as recognizer:
            source = frames(audio) if is_live else audio
            results = [result async for result in recognizer.stream(source)]
    assert_complete(results)
    assert 2 <= len(server.received)


async def test_every_seam_keeps_the_times() -> None:
    """Many utterances, each resampled by itself, do not move the times."""
    async with ScriptedServer(marks()) as server, recognizer_for(server, **TO_8K) as recognizer:
        async with recognizer.stream() as stream:
            for first in range(0, LENGTH // 20, 50):
                await stream.send(marked(1000, first=first))
                await stream.flush()
            await stream.finish()
            results = [result async for result in stream]
    finals = [result.sentence for result in results if result.is_final]
    assert [1000.0] * 10 == pytest.approx([task.audio_ms for task in server.received], abs=0.2)
    ends = [sentence.end_time or 0 for sentence in finals]
    for second in range(1, 11):
        assert min(abs(end - 1000 * second) for end in ends) <= 20


async def test_a_model_of_another_rate_says_how() -> None:
    """A rate that the model does not take is refused with how it is converted; `send` works on."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(InvalidOptionError, match="resample_from=16000 converts"):
            recognizer.stream(model="paraformer-realtime-8k-v2", sample_rate=16_000)
        with pytest.raises(InvalidOptionError, match="is for samples without a header, not wav"):
            recognizer.stream(format="wav", resample_from=8000)
        with pytest.raises(InvalidOptionError, match="is for streams: files are converted"):
            await recognizer.transcribe(NOISE, format="pcm", sample_rate=8000, resample_from=8000)
        for wrong in (0, 8000.0, "8k", True):
            with pytest.raises(InvalidOptionError, match="resample_from"):
                recognizer.stream(resample_from=wrong)  # type: ignore[arg-type]
    assert [] == server.received


async def test_without_soxr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without soxr, the error names the extra, before anything is sent."""
    async with ScriptedServer() as server, recognizer_for(server, **TO_8K) as recognizer:
        monkeypatch.setitem(sys.modules, "soxr", None)  # type: ignore[arg-type]
        with pytest.raises(MissingExtraError, match=r"paraformer-async\[av\]"):
            recognizer.stream(NOISE)
        assert 0 == server.connections.accepted


async def test_files_ignore_the_rate_of_streams() -> None:
    """`resample_from` of a recognizer is the rate of arrays, and of no file."""
    async with ScriptedServer([]) as server, recognizer_for(server, **TO_8K) as recognizer:
        samples = np.frombuffer(NOISE, np.int16)
        transcript = await recognizer.transcribe(samples)
        assert 60_000 / 16_000 == pytest.approx(transcript.duration, abs=0.001)
    assert 60_000 / 16 == pytest.approx(server.received[0].audio_ms, abs=1)


@pytest.mark.parametrize("options", [{}, {"resample_from": 8000}], ids=["plain", "resampled"])
async def test_pace(options: dict[str, Any]) -> None:
    """A source and a file take no less time than their pace allows, and arrive whole."""
    rate = options.get("resample_from", 16_000)
    audio = marked(1000, sample_rate=rate)
    async with ScriptedServer(marks()) as server, recognizer_for(server, pace=4.0) as recognizer:
        began = time.monotonic()
        results = [result async for result in recognizer.stream(audio, **options)]
        assert time.monotonic() - began >= 0.25
        assert_complete(results, list(range(50)))
        began = time.monotonic()
        await recognizer.transcribe(audio, format="pcm", sample_rate=rate)
        assert time.monotonic() - began >= 0.25
        assert 1000 == pytest.approx(server.received[-1].audio_ms, abs=1)


async def test_a_drop_in_a_paced_stream() -> None:
    """A paced source is read again after a drop, without waiting for what was due already."""
    async with ScriptedServer(marks(sentence_ms=5000), faults=[Drop(after_ms=2000)]) as server:
        async with recognizer_for(server, reconnect=LITTLE, pace=20.0) as recognizer:
            results = [result async for result in recognizer.stream(marked(LENGTH))]
    assert_complete(results)


async def test_a_paced_stream_can_be_left() -> None:
    """Leaving a stream that waits for its pace takes no longer than another one."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with anyio.fail_after(5):
            async with recognizer.stream(bytes(32_000_000), pace=0.01):
                while not server.received:  # noqa: ASYNC110 - the server only has a list
                    await anyio.sleep(0.01)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(transcribe, recognizer)
                while len(server.received) < 2:  # noqa: ASYNC110 - the same
                    await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()


async def transcribe(recognizer: AsyncRecognizer) -> None:
    """Transcribe for hours."""
    await recognizer.transcribe(bytes(32_000_000), format="pcm", sample_rate=16_000, pace=0.01)


@pytest.mark.parametrize("pace", [0, -1, "1", True, float("nan"), float("inf"), 1001])
async def test_wrong_pace(pace: Any) -> None:
    """A pace that cannot be is refused, and so is one of audio that is sent as it is."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(InvalidOptionError, match=r"pace.*is not a multiple of real time"):
            recognizer.stream(NOISE, pace=pace)
        with pytest.raises(InvalidOptionError, match="a stream of mp3 that is sent as it is"):
            recognizer.stream(NOISE, format="mp3", passthrough=True, pace=1.0)


@pytest.mark.parametrize("channels", ["split", "mix", 1])
@pytest.mark.parametrize("is_pushed", [False, True])
async def test_channels_of_another_rate(channels: str | int, is_pushed: bool) -> None:
    """The channels of a stream are divided or mixed first, and each is converted, and paced."""
    left, right = np.frombuffer(NOISE, np.int16)[:32_000].reshape(2, -1) // 2
    both = np.stack([left, right], axis=1)
    options: dict[str, Any] = TO_8K | {"channels": channels, "input_channels": 2, "pace": 20.0}
    async with ScriptedServer([]) as server, recognizer_for(server) as recognizer:
        source = None if is_pushed else frames(both.tobytes())
        async with recognizer.stream(source, **options) as stream:
            if is_pushed:
                await stream.send(both.tobytes()[:9999])
                await stream.send(both.tobytes()[9999:])
                await stream.finish()
            [_ async for _ in stream]
    mixed = np.rint(both.mean(axis=1)).astype("<i2")
    parts = {"split": [left, right], "mix": [mixed], 1: [right]}[channels]
    expected = [resampled(part.tobytes(), 16_000, 8000) for part in parts]
    if channels == "mix":
        (sent,) = [np.frombuffer(task.audio, "<i2") for task in server.received]
        assert np.abs(sent - np.frombuffer(expected[0], "<i2").astype(int)).max() <= 1
    else:
        assert sorted(expected) == sorted(task.audio for task in server.received)
