"""The channels of a file, transcribed apart."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from paraformer_async import AsyncRecognizer, AudioError, InvalidOptionError, Reconnect, Transcript
from paraformer_async.server import LocalServer
from paraformer_async.testing import Drop, ScriptedServer, marked, marks
from tests.audio.making import make
from tests.integration.conftest import AUDIO
from tests.integration.marked import BLOCKS, LENGTH, recognizer_for
from tests.integration.test_speech import spoken_words

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LITTLE = Reconnect(backoff=lambda _: 0.01, keep=1.0)
MARKS = np.frombuffer(marked(LENGTH), "<i2")
BOTH = np.stack([MARKS, MARKS], axis=1)


def words_of(transcript: Transcript, channel: int) -> list[int]:
    """Return the marks of one channel, each of which must have its own time."""
    sentences = [one for one in transcript.sentences if one.channel_id == channel]
    words = [word for sentence in sentences for word in sentence.words]
    assert all(abs(word.begin_time - 20 * int(word.text)) <= 40 for word in words)
    return [int(word.text) for word in words]


def written(path: Path, format: str, subtype: str | None = None) -> Path:
    """Write marks on both channels to *path*."""
    soundfile.write(path, BOTH, 16_000, format=format, subtype=subtype)
    return path


def call(path: Path) -> Path:
    """Write a call of two speakers to *path*: the second one begins when the first has ended."""
    left, rate = soundfile.read(AUDIO / "goforward.wav", dtype="int16")
    right, _ = soundfile.read(
        AUDIO / "sense_and_sensibility_01_austen_64kb-0880.wav", dtype="int16"
    )
    samples = np.zeros((len(left) + len(right), 2), np.int16)
    samples[: len(left), 0] = left
    samples[len(left) :, 1] = right
    soundfile.write(path, samples, rate)
    return path


@pytest.mark.parametrize("fault", [None, Drop(after_ms=8000)], ids=["good", "drop"])
@pytest.mark.parametrize(
    "file",
    [
        lambda folder: written(folder / "a.wav", "WAV"),
        lambda folder: written(folder / "a.flac", "FLAC"),
        lambda folder: written(folder / "a.wav", "WAV").read_bytes(),
        lambda folder: io.BytesIO(written(folder / "a.flac", "FLAC").read_bytes()),
        lambda folder: iter([written(folder / "a.wav", "WAV").read_bytes()]),
        lambda folder: make(folder / "a.m4a", BOTH.T, "", "alac", layout="stereo"),
    ],
    ids=["wav", "flac", "bytes", "file object", "iterable", "m4a"],
)
async def test_split(file: Callable[[Path], Any], fault: Drop | None, tmp_path: Path) -> None:
    """Each mark comes once on each channel; after a drop, only that channel is read again."""
    async with ScriptedServer(marks(sentence_ms=5000), faults=[None, fault]) as server:
        async with recognizer_for(server, reconnect=LITTLE, channels="split") as recognizer:
            transcript = await recognizer.transcribe(file(tmp_path))
    assert BLOCKS == words_of(transcript, 0) == words_of(transcript, 1)
    assert 10.0 == transcript.duration
    times = [one.begin_time for one in transcript.sentences]
    assert sorted(times) == times
    assert len(server.received) == (2 if fault is None else 3) == len(transcript.request_ids)
    assert transcript.usage is not None
    assert 20 <= transcript.usage.duration


async def test_open_file_that_is_dropped_on_both_channels(tmp_path: Path) -> None:
    """An open file is read from several positions at once, and its own position stays."""
    path = written(tmp_path / "a.wav", "WAV", "PCM_24")
    faults = [Drop(after_ms=3000), Drop(after_ms=8000), Drop(after_ms=2000)]
    async with ScriptedServer(marks(sentence_ms=2500), faults=faults) as server:
        async with recognizer_for(server, reconnect=LITTLE) as recognizer:
            with path.open("rb") as file:
                transcript = await recognizer.transcribe(file, channels="split")
    assert BLOCKS == words_of(transcript, 0) == words_of(transcript, 1)


@pytest.mark.parametrize("channel", [0, 1])
async def test_one_channel(channel: int, tmp_path: Path) -> None:
    """One channel of a file is sent alone, sample by sample."""
    samples = np.random.default_rng(3).integers(-9000, 9000, (16_000, 2), np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        await recognizer.transcribe(tmp_path / "a.wav", channels=channel)
    assert [samples[:, channel].tobytes()] == [task.audio for task in server.received]


async def test_mono(tmp_path: Path) -> None:
    """A mono file has one channel, and all files have a mix."""
    soundfile.write(tmp_path / "a.wav", MARKS, 16_000)
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        split = await recognizer.transcribe(tmp_path / "a.wav", channels="split")
        mixed = await recognizer.transcribe(written(tmp_path / "b.wav", "WAV"))
    assert BLOCKS == words_of(split, 0)
    assert {None} == {one.channel_id for one in mixed.sentences}
    assert BLOCKS == [int(word.text) for word in mixed.words]


@pytest.mark.parametrize("number", [1, 7])
async def test_no_such_channel(number: int, tmp_path: Path) -> None:
    """A channel that the file does not have is one error, and nothing is sent."""
    soundfile.write(tmp_path / "a.wav", MARKS, 16_000)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(InvalidOptionError, match=f"no channel {number}, only channel 0"):
            await recognizer.transcribe(tmp_path / "a.wav", channels=number)
    assert server.received == []


@pytest.mark.parametrize("encoding", [None, "mulaw"])
async def test_samples_without_a_header(encoding: str | None) -> None:
    """Interleaved samples, and arrays of channels, are split, mixed, or one is used."""
    samples = np.stack([MARKS, np.zeros_like(MARKS)], axis=1)
    file = io.BytesIO()
    subtype = "ULAW" if encoding else "PCM_16"
    soundfile.write(file, samples, 16_000, format="RAW", subtype=subtype)
    declared: Any = {"sample_rate": 16_000, "input_channels": 2}
    declared |= {"encoding": encoding} if encoding else {"format": "pcm"}
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        await recognizer.transcribe(file.getvalue(), channels=0, **declared)
        await recognizer.transcribe(file.getvalue(), channels="mix", **declared)
        await recognizer.transcribe(samples, channels="split", sample_rate=16_000)
    one, mix, *split = (np.frombuffer(task.audio, "<i2") for task in server.received)
    assert np.abs(mix - one / 2).max() <= 1
    assert encoding or np.array_equal(MARKS, one)
    assert {True, False} == {bool(channel.any()) for channel in split}


async def test_a_rate_that_is_converted(tmp_path: Path) -> None:
    """Each channel of a file is converted to the model's rate by itself."""
    tone = np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000) * 9000
    samples = np.stack([tone, np.zeros_like(tone)], axis=1).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 16_000)
    model = "paraformer-realtime-8k-v2"
    async with ScriptedServer() as server, recognizer_for(server, model=model) as recognizer:
        await recognizer.transcribe(tmp_path / "a.wav", channels="split")
    assert {(8000, 16_000)} == {(one.sample_rate, len(one.audio)) for one in server.received}
    left, right = sorted(server.received, key=lambda one: not any(one.audio))
    assert not any(right.audio)
    assert 8900 < np.frombuffer(left.audio, "<i2").max() < 9100


async def test_a_file_that_changes(tmp_path: Path) -> None:
    """A file that was cut before it is read again ends the recognition with an error."""
    path = tmp_path / "a.wav"  # too long to be kept in memory
    soundfile.write(path, np.concatenate([BOTH] * 3), 16_000)

    def shorten(_: object) -> None:
        path.write_bytes(path.read_bytes()[:100_000])

    async with ScriptedServer(marks(sentence_ms=1000), faults=[Drop(after_ms=8000)]) as server:
        async with recognizer_for(server, reconnect=LITTLE, channels="split") as recognizer:
            with pytest.raises(AudioError, match=r"a\.wav"):
                await recognizer.transcribe(path, on_result=shorten)


async def test_speech(tmp_path: Path) -> None:
    """Each speaker of a call is on their own channel, with the right words and times."""
    path = call(tmp_path / "call.wav")
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any", channels="split") as recognizer,
    ):
        transcript = await recognizer.transcribe(path)
        samples, _ = soundfile.read(path, dtype="int16")
        results = [one async for one in recognizer.stream(samples)]
    streamed = [one.sentence for one in results if one.is_final and one.text]
    for sentences in (transcript.sentences, streamed):
        left, right = ([one for one in sentences if one.channel_id == n] for n in (0, 1))
        assert "go forward ten meters" == spoken_words(" ".join(one.text for one in left))
        assert "he was not an ill disposed young man" == spoken_words(
            " ".join(one.text for one in right)
        )
        assert all(one.begin_time < 2787 for one in left)
        assert all(one.begin_time >= 2700 for one in right)
    lines = transcript.text.splitlines()
    assert [True, True] == [lines[n].startswith(f"[{n}] ") for n in (0, 1)]
    assert "\n[0] Go forward" in transcript.to_srt()
    assert "\n[1] He was" in transcript.to_srt()
