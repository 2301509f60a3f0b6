"""Real speech through the real protocol and a real engine."""

import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import jiwer
import numpy as np
import pytest

from paraformer_async import AsyncRecognizer, RecognitionResult, TaskFailedError
from paraformer_async.middleware import Heartbeat
from paraformer_async.server import Clocks, LocalServer
from tests.audio.making import make
from tests.integration.conftest import AUDIO
from tests.loops import one_loop

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]
anyio_backend = one_loop  # the engine takes most of the time

BYTES_PER_MS = 32
SPOKEN = {
    "goforward.wav": "go forward ten meters",
    "sense_and_sensibility_01_austen_64kb-0870.wav": (
        "and mister john dashwood had then leisure to consider how much there might be prudently "
        "in his power to do for them"
    ),
    "sense_and_sensibility_01_austen_64kb-0880.wav": "he was not an ill disposed young man",
    "sense_and_sensibility_01_austen_64kb-0890.wav": (
        "unless to be rather cold hearted and rather selfish is to be ill disposed"
    ),
}


@pytest.fixture
async def recognizer() -> AsyncIterator[AsyncRecognizer]:
    """Return a recognizer that uses the local service with its default engine."""
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        yield recognizer


def spoken_words(text: str) -> str:
    """Normalize *text*: words only, without punctuation or abbreviations."""
    words = re.sub(r"[^\w\s']", " ", text.lower()).split()
    return " ".join("mister" if word == "mr" else word for word in words)


async def paced(audio: bytes) -> AsyncIterator[bytes]:
    """Yield *audio* like a microphone: 100 ms at a time, in real time."""
    begin = anyio.current_time()
    for number, start in enumerate(range(0, len(audio), 3200), 1):
        await anyio.sleep_until(begin + number * 0.1)
        yield audio[start : start + 3200]


def samples(name: str) -> bytes:
    """Return the samples of a wav file."""
    return (AUDIO / name).read_bytes()[44:]


async def test_words_of_all_clips(recognizer: AsyncRecognizer) -> None:
    """The bundled recordings are transcribed with an overall word error rate of at most 10 %."""
    transcripts = {name: await recognizer.transcribe(AUDIO / name) for name in SPOKEN}

    rate = jiwer.wer(
        list(SPOKEN.values()), [spoken_words(transcripts[name].text) for name in SPOKEN]
    )
    assert rate <= 0.10
    for transcript in transcripts.values():
        assert transcript.words
        assert transcript.sentences[-1].end_time <= transcript.duration * 1000 + 1
        assert transcript.billed == pytest.approx(transcript.duration, abs=1)


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp4", "aac", {"video": True}),
        ("adts", "aac", {"rate": 44_100, "layout": "stereo"}),
        ("webm", "libopus", {"rate": 48_000}),
        ("wav", "pcm_s16le", {"rate": 48_000, "layout": "5.1"}),
    ],
)
async def test_words_of_every_format(
    recognizer: AsyncRecognizer, tmp_path: Path, container: str, codec: str, options: dict[str, Any]
) -> None:
    """Speech is recognized whatever the container, the codec, the rate and the channels."""
    speech = np.frombuffer(samples("goforward.wav"), np.int16)
    path = make(tmp_path / "speech", speech, container, codec, **options)
    transcript = await recognizer.transcribe(path)
    assert SPOKEN["goforward.wav"] == spoken_words(transcript.text)


async def test_a_model_of_another_rate(recognizer: AsyncRecognizer) -> None:
    """A file is converted to the only rate that the model accepts."""
    transcript = await recognizer.transcribe(
        AUDIO / "goforward.wav", model="paraformer-realtime-8k-v2"
    )
    assert SPOKEN["goforward.wav"] == spoken_words(transcript.text)


async def test_partials_come_while_the_speech_goes_on(recognizer: AsyncRecognizer) -> None:
    """In real time, partial results arrive before the speech ends, followed by a final result."""
    speech = samples("sense_and_sensibility_01_austen_64kb-0870.wav")
    begin = anyio.current_time()
    stream = recognizer.stream(paced(speech))
    results = [(anyio.current_time() - begin, result) async for result in stream]

    first_at, first = results[0]
    assert not first.is_final
    assert first_at < len(speech) / BYTES_PER_MS / 1000
    assert results[-1][1].is_final
    assert "dashwood" in results[-1][1].text.lower()
    assert stream.latency.first_packet is not None
    assert stream.latency.last_packet is not None
    assert 0.2 < stream.latency.first_packet < first_at
    assert stream.latency.last_packet > 0


async def test_push_gives_the_same_as_pull(recognizer: AsyncRecognizer, speech: bytes) -> None:
    """Pushed audio yields the same final words as the same audio from a source."""
    pulled = [result async for result in recognizer.stream(speech) if result.is_final]
    pushed: list[RecognitionResult] = []
    async with recognizer.stream() as stream, anyio.create_task_group() as tasks:

        async def read() -> None:
            pushed.extend([result async for result in stream if result.is_final])

        tasks.start_soon(read)
        async for chunk in paced(speech):
            await stream.send(chunk)
        await stream.finish()

    assert [result.text for result in pulled] == [result.text for result in pushed]
    assert [result.sentence.words for result in pulled] == [
        result.sentence.words for result in pushed
    ]


async def test_a_long_silence_is_survived_and_moves_no_time() -> None:
    """A stream stays alive through a silence beyond both limits; its words keep their times."""
    clip = samples("sense_and_sensibility_01_austen_64kb-0880.wav")
    clip_ms = len(clip) // BYTES_PER_MS
    finals: list[RecognitionResult] = []

    async def speak_wait_speak() -> AsyncIterator[bytes]:
        yield clip
        await anyio.sleep(2.5)
        yield clip

    async with (
        LocalServer(clocks=Clocks(message=0.5, silence=1.2)) as server,
        AsyncRecognizer(
            endpoint=server.url,
            api_key="any",
            heartbeat=True,
            middleware=[partial(Heartbeat, interval=0.2)],
        ) as recognizer,
    ):
        finals.extend(
            [result async for result in recognizer.stream(speak_wait_speak()) if result.is_final]
        )

    first, second = finals
    # How much silence was sent shifts the windows of the engine, which may turn one of 8 words.
    assert jiwer.wer(spoken_words(first.text), spoken_words(second.text)) <= 1 / 8
    assert second.sentence.begin_time == pytest.approx(first.sentence.begin_time + clip_ms, abs=150)
    assert second.sentence.end_time == pytest.approx(first.sentence.end_time + clip_ms, abs=150)


async def test_silent_audio_without_heartbeat_dies_with_a_hint() -> None:
    """Without heartbeat, a minute (scaled) of silent audio ends with an error and a hint."""
    async with (
        LocalServer(clocks=Clocks(message=0.5, silence=1.2)) as server,
        AsyncRecognizer(endpoint=server.url, api_key="any", reconnect=None) as recognizer,
    ):
        with pytest.raises(TaskFailedError, match=r"Response timeout!.*heartbeat=True"):
            async for _ in recognizer.stream(paced(bytes(32000 * 5))):
                pass
