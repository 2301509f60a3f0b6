"""Several channels of one stream, each a recognition of its own, as one stream of results."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import numpy as np
import pytest
import soundfile

from paraformer_async import (
    AsyncRecognizer,
    AudioError,
    AudioGap,
    InvalidOptionError,
    PoolLimits,
    RecognitionResult,
    Reconnect,
    TaskFailedError,
    Timeouts,
    Usage,
    UsageError,
)
from paraformer_async.audio.companding import expander
from paraformer_async.middleware import Heartbeat
from paraformer_async.testing import (
    Clocks,
    Drop,
    FailTask,
    NeverStart,
    ScriptedServer,
    Stall,
    marked,
    marks,
    marks_of,
)
from tests.integration.marked import BLOCKS, LENGTH, assert_complete, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LITTLE = Reconnect(backoff=lambda _: 0.01, keep=1.0)
LEFT = np.frombuffer(marked(LENGTH), "<i2")
BOTH = np.stack([LEFT, LEFT], axis=1)
# Servers recognize nothing in it: `ScriptedServer([])`. Looking for marks would take seconds.
NOISE = np.random.default_rng(7).integers(-9000, 9000, (32_000, 2), np.int16)


def of_channel(results: list[RecognitionResult], channel: int | str) -> list[RecognitionResult]:
    """Return the results of one channel."""
    assert all(one.sentence.channel_id == one.channel_id for one in results)
    return [one for one in results if one.channel_id == channel]


def wav(samples: np.ndarray, subtype: str = "PCM_16") -> bytes:
    """Return *samples* as a WAV file."""
    file = io.BytesIO()
    scaled = samples / 32_768 if subtype in ("FLOAT", "DOUBLE") else samples
    soundfile.write(file, scaled, 16_000, format="WAV", subtype=subtype)
    return file.getvalue()


def read_wav(audio: bytes) -> np.ndarray:
    """Return the samples of a mono WAV file, in the scale of int16."""
    samples, rate = soundfile.read(io.BytesIO(audio))
    assert (1, 16_000) == (samples.ndim, rate)
    return np.asarray(samples) * 32_768


async def cut(audio: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield *audio* in pieces of *size* bytes, which end anywhere within a sample."""
    for start in range(0, len(audio), size):
        yield audio[start : start + size]
        await asyncio.sleep(0)


async def collect(
    recognizer: AsyncRecognizer, audio: Any, **options: Any
) -> list[RecognitionResult]:
    """Recognize *audio*."""
    return [one async for one in recognizer.stream(audio, **options)]


@pytest.mark.parametrize("fault", [None, Drop(after_ms=6000)], ids=["good", "drop"])
@pytest.mark.parametrize(
    "given",
    [
        BOTH.tobytes,
        lambda: BOTH,
        lambda: BOTH.astype(np.float32) / 32768,
        lambda: [BOTH[:5001].tobytes(), BOTH[5001:]],
        lambda: cut(BOTH.tobytes(), 997),
        lambda: iter([BOTH[start : start + 333] for start in range(0, len(BOTH), 333)]),
    ],
    ids=["bytes", "array", "floats", "list", "pieces", "arrays"],
)
async def test_split(given: Callable[[], Any], fault: Drop | None) -> None:
    """Each mark comes once on each channel, at its time, also if one channel is dropped."""
    async with ScriptedServer(marks(sentence_ms=2000), faults=[fault]) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            results = await collect(recognizer, given())
    for channel in (0, 1):
        assert_complete(of_channel(results, channel))
    assert server.violations == []
    assert len(server.received) == (2 if fault is None else 3)


@pytest.mark.parametrize("kind", [bytes, io.BytesIO, list], ids=["bytes", "file", "list"])
async def test_a_dropped_channel_is_read_again(kind: Callable[[Any], Any]) -> None:
    """Of audio that can be read again, only the channel that was dropped is, however far back."""
    audio = BOTH.tobytes()
    source = [audio[:70_000], audio[70_000:]] if kind is list else kind(audio)
    faults = [None, Drop(after_ms=8000)]
    async with ScriptedServer(marks(sentence_ms=5000), faults=faults) as server:
        async with recognizer_for(server, reconnect=LITTLE, channels="split") as recognizer:
            results = await collect(recognizer, source, input_channels=2)
    assert_complete(of_channel(results, 0))
    assert_complete(of_channel(results, 1))
    assert 3 == len(server.received)
    assert faults[1:] == server.happened


async def test_a_file_on_disk_is_read_again_while_it_is_read(tmp_path: Any) -> None:
    """An open file is read from two positions at once: each channel receives its own audio."""
    path = tmp_path / "a.raw"
    path.write_bytes(b"header" + BOTH.tobytes())
    faults = [Drop(after_ms=3000), Drop(after_ms=8000)]
    async with ScriptedServer(marks(sentence_ms=2500), faults=faults) as server:
        async with recognizer_for(server, reconnect=LITTLE, channels="split") as recognizer:
            with path.open("rb") as file:
                file.read(6)
                results = await collect(recognizer, file, input_channels=2)
    assert_complete(of_channel(results, 0))
    assert_complete(of_channel(results, 1))


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
async def test_split_of_wav(subtype: str) -> None:
    """A WAV stream of any encoding becomes a WAV stream for each channel, sample by sample."""
    audio = wav(NOISE, subtype)
    expected = soundfile.read(io.BytesIO(audio))[0] * 32_768
    options: dict[str, Any] = {"format": "wav", "channels": "split", "input_channels": 2}
    async with ScriptedServer([], faults=[None, Drop(after_ms=500)]) as server:
        async with recognizer_for(server) as recognizer:
            await collect(recognizer, audio, **options)
            await collect(recognizer, cut(audio, 777), **options)
    received = [task for task in server.received if task.has_finish]
    whole = [one for one in received if len(read_wav(one.audio)) == len(NOISE)]
    assert len(whole) >= 3
    assert {0, 1} == {
        channel
        for one in whole
        for channel in (0, 1)
        if np.array_equal(read_wav(one.audio), expected[:, channel])
    }
    for again in received:
        samples = read_wav(again.audio)
        assert any(
            np.array_equal(samples, expected[len(expected) - len(samples) :, channel])
            for channel in (0, 1)
        )


async def test_wav_is_read_again() -> None:
    """Of a WAV stream in memory, a dropped channel is read again from its header on."""
    samples = np.random.default_rng(8).integers(-9000, 9000, (128_000, 2), np.int16)
    options: dict[str, Any] = {"format": "wav", "channels": "split", "input_channels": 2}
    async with ScriptedServer([], faults=[None, Drop(after_ms=6000)]) as server:
        async with recognizer_for(server, reconnect=LITTLE) as recognizer:
            await collect(recognizer, wav(samples), **options)
    done = [read_wav(task.audio) for task in server.received if task.has_finish]
    assert 3 == len(server.received)
    for channel in (0, 1):
        assert any(np.array_equal(samples[:, channel], one) for one in done)


@pytest.mark.parametrize("channel", [0, 1])
async def test_one_channel(channel: int) -> None:
    """One channel alone is one recognition, whose results carry its number."""
    samples = np.stack([LEFT, LEFT], axis=1)
    samples[:, 1 - channel] = 0
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        results = await collect(recognizer, samples, channels=channel)
    assert_complete(of_channel(results, channel))
    assert [LEFT.tobytes()] == [task.audio for task in server.received]


async def test_mono() -> None:
    """A stream of one channel is its channel 0, and all of it when it is split."""
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        for options in ({"channels": 0}, {"channels": "split", "input_channels": 1}):
            assert_complete(of_channel(await collect(recognizer, LEFT, **options), 0))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW", ""])
async def test_mix(subtype: str) -> None:
    """Declared channels are mixed; where they cancel each other out, the loudest is used."""
    samples = NOISE.copy()
    samples[16_000:, 1] = -samples[16_000:, 0]
    audio = wav(samples, subtype) if subtype else samples.tobytes()
    format = "wav" if subtype else "pcm"
    async with ScriptedServer([]) as server, recognizer_for(server, buffer=1.0) as recognizer:
        results = await collect(recognizer, cut(audio, 6400), input_channels=2, format=format)
    (task,) = server.received
    mono = read_wav(task.audio) if subtype else np.frombuffer(task.audio, "<i2")
    original = 32_768 * soundfile.read(io.BytesIO(audio))[0] if subtype else samples.astype(float)
    mean = original[:12_000].mean(axis=1)
    assert np.abs(mono[:12_000] - mean).max() <= 1
    assert np.abs(np.abs(mono[20_000:]) - np.abs(original[20_000:, 0])).max() <= 256
    assert [] == [one for one in results if one.channel_id is not None]


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
async def test_telephony(encoding: str) -> None:
    """Interleaved frames of G.711 are divided, or mixed, at 8000 Hz; codes stay in step."""
    codes = np.random.default_rng(5).integers(0, 256, (4 * 8000, 2), np.uint8)
    frames = [codes[start : start + 160] for start in range(0, len(codes), 160)]
    async with ScriptedServer([], faults=[Drop(after_ms=2000)]) as server:
        async with recognizer_for(
            server, encoding=encoding, channels="split", input_channels=2
        ) as recognizer:
            await collect(recognizer, iter(frames))
            await collect(recognizer, codes.tobytes(), channels="mix")
    expand = expander(encoding)
    *split, mix = server.received
    channels = [expand(codes[:, channel].tobytes()) for channel in (0, 1)]
    assert all(8000 == task.sample_rate for task in server.received)
    assert {0, 1} == {n for n in (0, 1) for task in split if task.audio == channels[n]} or any(
        channels[0].endswith(task.audio) for task in split
    )
    both = np.stack([np.frombuffer(one, "<i2") for one in channels], axis=1)
    assert np.abs(np.frombuffer(mix.audio, "<i2") - both.mean(axis=1)).max() <= 1


async def test_other_options_are_for_each_channel() -> None:
    """Each channel is converted to another rate, and paced, as a stream of its own."""
    options: dict[str, Any] = {"resample_from": 16_000, "sample_rate": 8000, "pace": 20.0}
    async with ScriptedServer([], faults=[None, None, None, Drop(after_ms=500)]) as server:
        async with recognizer_for(server, **options) as recognizer:
            for channel in (0, 1):
                await collect(recognizer, NOISE[:, channel].copy())
            await collect(recognizer, NOISE, channels="split")
            async with recognizer.stream(channels="split", input_channels=2) as stream:
                await stream.send(NOISE)
                await stream.finish()
                [_ async for _ in stream]
    left, right, *split = (task.audio for task in server.received)
    assert 5 == len(split)
    assert {left, right} == {audio for audio in split if len(audio) == len(left)}
    assert all(audio in left or audio in right for audio in split)


async def test_push() -> None:
    """Audio that is pushed in any pieces is divided; flush, update and finish are for all."""
    audio = BOTH.tobytes()
    async with ScriptedServer(marks(sentence_ms=1000)) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            async with recognizer.stream() as stream:
                for start in range(0, 160_000, 999):
                    await stream.send(audio[start : min(start + 999, 160_000)])
                await stream.flush()
                await stream.send(audio[160_000:320_000])
                await stream.update(language_hints=["en"])
                await stream.send(audio[320_000:])
                await stream.finish()
                await stream.finish()
                with pytest.raises(UsageError):
                    await stream.send(audio)
                results = [one async for one in stream]
    for channel in (0, 1):
        assert_complete(of_channel(results, channel))
    hints = [task.parameters.get("language_hints") for task in server.received]
    assert 6 == len(stream.request_ids) == len(server.received)
    assert [4, 2] == [hints.count(None), hints.count(["en"])]  # the channels are independent


async def test_a_canceled_send_is_for_all_channels_or_none() -> None:
    """A send that is canceled while it waits leaves the channels in step."""
    audio = BOTH.tobytes()
    async with ScriptedServer(marks(), faults=[NeverStart()]) as server:
        async with recognizer_for(
            server,
            channels="split",
            input_channels=2,
            buffer=0.5,
            timeouts=Timeouts(started=1.0, close=0.3),
        ) as recognizer:
            async with recognizer.stream() as stream:
                sent = 0
                while sent < len(audio):
                    piece = audio[sent : sent + 6401]
                    with anyio.move_on_after(0.05) as scope:
                        await stream.send(piece)
                    sent += 0 if scope.cancelled_caught else len(piece)
                await stream.finish()
                results = [one async for one in stream]
    assert BLOCKS == marks_of(of_channel(results, 0)) == marks_of(of_channel(results, 1))


@pytest.mark.parametrize(
    ("audio", "options", "message"),
    [
        (BOTH.tobytes(), {"channels": "split"}, "the number of its channels must be known"),
        (BOTH.tobytes(), {"channels": 1}, "there is no channel 1, only channel 0"),
        (BOTH, {"channels": 2}, "there is no channel 2, only channels 0 to 1"),
        (b"", {"channels": 2, "input_channels": 2}, "there is no channel 2"),
        (b"", {"channels": "left"}, "neither 'mix', 'split' nor the number of a channel"),
        (b"", {"channels": -1}, "neither 'mix', 'split' nor the number of a channel"),
        (b"", {"channels": True}, "neither 'mix', 'split' nor the number of a channel"),
        (b"", {"input_channels": 0}, "not a number of channels, 1 to 64"),
        (b"", {"input_channels": "2"}, "not a number of channels, 1 to 64"),
        (b"", {"input_channels": 2, "format": "mp3"}, "channels of a stream of mp3"),
        (b"", {"channels": "split", "format": "opus"}, "channels of a stream of opus"),
        (BOTH, {"channels": "split", "input_channels": 3}, r"not of shape \[samples, 3\]"),
        (BOTH.T, {"channels": "split", "input_channels": 2}, r"not of shape \[samples, 2\]"),
        (BOTH, {"input_channels": 2, "encoding": "mulaw"}, "mulaw has one byte a sample"),
        (BOTH * 1.0, {"input_channels": 2}, r"floats must be in \[-1, 1\]"),
    ],
)
async def test_options_that_cannot_work(audio: Any, options: dict[str, Any], message: str) -> None:
    """What cannot be divided is refused before anything is sent."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(InvalidOptionError, match=message):
            await collect(recognizer, audio, **options)
    assert server.received == []


@pytest.mark.parametrize(
    ("audio", "format", "message"),
    [
        (wav(BOTH), "pcm", "declared as pcm and begins as WAV"),
        (wav(LEFT), "wav", r"declared with 2 channel\(s\), and has 1"),
        (wav(NOISE, "MS_ADPCM"), "wav", "WAV of encoding 2 with 4 bits cannot be divided"),
        (BOTH.tobytes(), "wav", "declared as WAV and does not begin as one"),
    ],
    ids=["a header", "mono", "adpcm", "no header"],
)
@pytest.mark.parametrize("channels", ["split", "mix", 1])
async def test_streams_that_are_not_as_declared(
    audio: bytes, format: str, message: str, channels: Any
) -> None:
    """A stream that is not as declared is refused, from a source and pushed; none of it is sent."""
    options: dict[str, Any] = {"format": format, "channels": channels, "input_channels": 2}
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(AudioError, match=message):
            await collect(recognizer, audio, **options)
        with pytest.raises(AudioError, match=message):
            async with recognizer.stream(**options) as stream:
                await stream.send(audio)
    assert not any(task.audio for task in server.received)


async def test_wav_of_undeclared_channels() -> None:
    """The error for a WAV stream of two channels says how to declare them."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(AudioError, match="the stream has 2 channels") as caught:
            await collect(recognizer, wav(BOTH), format="wav")
    assert "input_channels=2" in caught.value.hint


async def test_incomplete_samples(caplog: pytest.LogCaptureFixture) -> None:
    """Bytes at the end that are no whole sample of all channels are left out, with a warning."""
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        results = await collect(
            recognizer, BOTH.tobytes() + b"abc", input_channels=2, channels="split"
        )
    assert_complete(of_channel(results, 1))
    assert "3 bytes at the end of the stream are no whole sample" in caplog.text


async def test_more_channels_than_connections() -> None:
    """Channels that could only wait for each other's connections are refused."""
    async with ScriptedServer() as server:
        async with recognizer_for(server, pool=PoolLimits(connections=1)) as recognizer:
            with pytest.raises(InvalidOptionError, match="2 recognitions at once need as many"):
                recognizer.stream(BOTH, channels="split")


@pytest.mark.parametrize("is_pushed", [False, True], ids=["pull", "push"])
async def test_failure_of_one_channel(is_pushed: bool) -> None:
    """The failure of one channel is that of the whole, and ends the others."""
    faults = [None, FailTask("InvalidParameter", "no", after_ms=1000)]
    async with ScriptedServer(marks(), faults=faults) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            with anyio.fail_after(10), pytest.raises(TaskFailedError) as caught:
                if not is_pushed:
                    await collect(recognizer, endless())
                async with recognizer.stream() as stream:
                    async for chunk in endless():
                        await stream.send(chunk)
            assert (0, 0) == (recognizer.statistics().active, recognizer.statistics().recognitions)
    assert "InvalidParameter" == caught.value.error_code
    assert any("in channel " in note for note in caught.value.__notes__)


async def endless() -> AsyncIterator[bytes]:
    """Yield audio for ever."""
    while True:
        yield BOTH[:16_000].tobytes()
        await asyncio.sleep(0.001)


async def test_failure_of_the_source() -> None:
    """The user's own exception ends all channels, and comes out as itself."""

    async def source() -> AsyncIterator[bytes]:
        yield BOTH[:16_000].tobytes()
        raise ZeroDivisionError

    async with ScriptedServer(marks()) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            with anyio.fail_after(10), pytest.raises(ZeroDivisionError):
                await collect(recognizer, source())
            assert 0 == recognizer.statistics().recognitions


@pytest.mark.parametrize("code", ["NO_VALID_AUDIO_ERROR", "NO_INPUT_AUDIO_ERROR"])
async def test_a_silent_channel(code: str) -> None:
    """A channel without speech is no failure, whatever the service calls it."""
    samples = np.stack([np.zeros_like(LEFT), LEFT], axis=1)
    fault = FailTask(code, at="finish")
    async with ScriptedServer(marks(), faults=[fault, None, fault]) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            results = await collect(recognizer, samples)
            assert_complete(of_channel(results, 1))
            async with recognizer.stream() as stream:
                await stream.send(samples)
                await stream.finish()
                results = [one async for one in stream]
            assert_complete(of_channel(results, 1))
    assert [fault, fault] == server.happened


async def test_no_speech_at_all() -> None:
    """If no channel has any speech, the service's error is raised, as for a mono stream."""
    fault = FailTask("NO_VALID_AUDIO_ERROR", at="finish")
    async with ScriptedServer(marks(), forever=fault) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            with pytest.raises(TaskFailedError, match="NO_VALID_AUDIO_ERROR"):
                await collect(recognizer, np.zeros_like(BOTH))


async def test_one_side_of_silence() -> None:
    """A channel of silence only has no results, and the other one has all of them."""
    samples = np.stack([LEFT, np.zeros_like(LEFT)], axis=1)
    async with ScriptedServer(marks()) as server:
        async with recognizer_for(server, channels="split") as recognizer:
            results = await collect(recognizer, samples)
    assert_complete(of_channel(results, 0))
    assert [] == of_channel(results, 1)


@pytest.mark.parametrize("heartbeat", [None, True])
async def test_a_channel_that_is_silent_for_long(heartbeat: bool | None) -> None:
    """A party that says nothing for longer than the service waits for speech loses no task."""
    samples = np.stack([LEFT, np.zeros_like(LEFT)], axis=1)

    async def source() -> AsyncIterator[np.ndarray]:
        for start in range(0, len(samples), 16_000):
            await asyncio.sleep(0.1)
            yield samples[start : start + 16_000]

    async with ScriptedServer(marks(), clocks=Clocks(silence=1.0)) as server:
        async with recognizer_for(
            server, channels="split", input_channels=2, heartbeat=heartbeat
        ) as recognizer:
            results = await collect(recognizer, source())
    assert_complete(of_channel(results, 0))
    assert [True, True] == [task.parameters.get("heartbeat") for task in server.received]


async def test_a_heartbeat_that_is_given_twice() -> None:
    """A heartbeat sets its parameter; it may be among the further parameters, too."""
    further = {"heartbeat": True, "other": 1}
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        await collect(recognizer, BOTH, channels=1, middleware=[Heartbeat], parameters=further)
    (task,) = server.received
    assert further == {name: task.parameters[name] for name in further}


@pytest.mark.parametrize("middleware", [[], [Heartbeat]])
async def test_patience_with_silence_lasts(middleware: list[Any]) -> None:
    """A channel may be silent whatever heartbeat sends silence, and with other options, too."""
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        async with recognizer.stream(
            channels="split", input_channels=2, middleware=middleware
        ) as stream:
            await stream.send(BOTH)
            await stream.update(parameters={"other": 1})
            await stream.send(BOTH)
            await stream.finish()
            async for _ in stream:
                pass
    assert 4 == len(server.received)
    assert all(task.parameters["heartbeat"] is True for task in server.received)


async def test_heartbeat_that_is_not_wanted() -> None:
    """A heartbeat is not sent if it is turned off, or if the model does not take it."""
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        await collect(recognizer, BOTH, channels="split", heartbeat=False)
        await collect(recognizer, BOTH, channels="split", model="paraformer-realtime-v1")
        await collect(recognizer, BOTH, channels=1)
    sent = [task.parameters.get("heartbeat") for task in server.received]
    assert [False, False, None, None, None] == sent


async def test_gap_of_a_channel() -> None:
    """Live audio that is lost on one channel is a gap of that channel."""
    options: dict[str, Any] = {
        "reconnect": Reconnect(backoff=lambda _: 0.01, keep=1.0, lost="gap"),
        "channels": "split",
        "input_channels": 2,
    }
    audio = BOTH[:64_000].tobytes()
    async with ScriptedServer(marks(sentence_ms=3000), faults=[Drop(after_ms=2500)]) as server:
        async with recognizer_for(server, **options) as recognizer:
            results = await collect(recognizer, cut(audio, 16_000))
    dropped = {one.channel_id for one in results if isinstance(one, AudioGap)}
    assert 1 == len(dropped)
    (other,) = {0, 1} - dropped
    assert_complete(of_channel(results, other), BLOCKS[:200])


async def test_a_slow_channel_holds_the_source_back() -> None:
    """While one channel is not read by the service, no more of the source than fits is taken."""
    taken = 0

    async def source() -> AsyncIterator[bytes]:
        nonlocal taken
        async for chunk in endless():
            taken += len(chunk)
            yield chunk

    async with ScriptedServer(marks(), faults=[Stall(at="started")]) as server:
        async with recognizer_for(
            server,
            channels="split",
            input_channels=2,
            buffer=1.0,
            reconnect=None,
            timeouts=Timeouts(send=0.5, close=0.2),
        ) as recognizer:
            with anyio.fail_after(20), pytest.raises(Exception, match="send"):
                await collect(recognizer, source())
    assert taken < 40_000_000  # most of it in the system's socket buffers


async def test_unread_partial_results_of_each_channel() -> None:
    """Unread partial results are replaced by newer ones of their own channel, and finals kept."""
    async with ScriptedServer(marks(sentence_ms=5000)) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            async with recognizer.stream() as stream:
                await stream.send(BOTH)
                await stream.finish()
                while recognizer.statistics().recognitions == 0:  # noqa: ASYNC110 - a counter
                    await anyio.sleep(0.01)
                while recognizer.statistics().recognitions:  # noqa: ASYNC110 - only a counter
                    await anyio.sleep(0.01)
                results = [one async for one in stream]
    for channel in (0, 1):
        assert_complete(of_channel(results, channel))
        assert all(one.is_final for one in of_channel(results, channel))


async def test_sums() -> None:
    """Usage and overhead are those of all channels, and the ids those of all tasks."""
    faults = [Drop(after_ms=6000)]
    async with ScriptedServer(marks(sentence_ms=2000), faults=faults) as server:
        async with recognizer_for(server, channels="split") as recognizer:
            stream = recognizer.stream(BOTH)
            assert 2 == len(set(stream.request_ids))
            assert (None, None) == (stream.usage, stream.latency.first_packet)
            results = [one async for one in stream]
    assert {task.task_id for task in server.received} == set(stream.request_ids)
    assert {one.request_id for one in results} <= set(stream.request_ids)
    assert isinstance(stream.usage, Usage)
    assert 2 * LENGTH / 1000 <= stream.usage.duration
    assert 0 < stream.overhead.replayed
    assert stream.latency.last_packet is not None
    assert stream.latency.first_packet is not None


async def test_early_exit() -> None:
    """Leaving the loop ends all recognitions, and closes the source."""
    is_closed = asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            async for chunk in endless():
                yield chunk
        finally:
            is_closed.set()

    async with ScriptedServer(marks()) as server:
        async with recognizer_for(server, channels="split", input_channels=2) as recognizer:
            async for _ in recognizer.stream(source()):
                break
            with anyio.fail_after(10):
                await is_closed.wait()
                while recognizer.statistics().recognitions:  # noqa: ASYNC110 - only a counter
                    await anyio.sleep(0.01)


async def test_streams_that_share_too_small_a_pool() -> None:
    """No stream loses the place of a lost connection to one that needs a further one to get on."""

    async def live() -> AsyncIterator[bytes]:
        for start in range(0, BOTH.nbytes, 12_800):
            yield BOTH.tobytes()[start : start + 12_800]
            await asyncio.sleep(0.001)

    complete: list[int] = []

    async def split() -> None:
        results = await collect(recognizer, live(), channels="split", input_channels=2)
        assert_complete(of_channel(results, 0))
        assert_complete(of_channel(results, 1))
        complete.append(len(results))

    pool = PoolLimits(connections=3, wait=20)
    async with ScriptedServer(
        marks(), faults=[None, Drop(after_ms=700), Drop(after_ms=0)]
    ) as server:
        async with recognizer_for(server, pool=pool, buffer=0.5) as recognizer:
            with anyio.fail_after(15):
                async with anyio.create_task_group() as tasks:
                    for _ in range(4):
                        tasks.start_soon(split)
            assert (0, 0) == (recognizer.statistics().active, recognizer.statistics().waiting)
    assert 4 == len(complete)
