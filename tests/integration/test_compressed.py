"""Compressed streams and files: nothing of them is lost, whichever way they are sent."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from paraformer_async import AsyncRecognizer, RecognitionResult, Reconnect, Timeouts
from paraformer_async._core.packets import cutter_of
from paraformer_async.audio import decoded as decoding
from paraformer_async.errors import AudioError, MissingExtraError, UsageError
from paraformer_async.server import LocalServer
from paraformer_async.testing import Drop, NeverStart, ScriptedServer
from tests.integration.compressed import (
    FORMATS,
    PIECE_MS,
    SPEECH,
    PcmPieces,
    decoded,
    groups_of,
    names_of,
    opus_of_varying_packets,
    packet_pieces,
    recorded,
)
from tests.integration.marked import recognizer_for
from tests.loops import one_loop

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]
anyio_backend = one_loop  # hundreds of recognitions
WAYS = ("pulled", "pushed", "in memory")


async def recognized(
    server: ScriptedServer, data: bytes, way: str, size: int = 300, **options: object
) -> list[RecognitionResult]:
    """Recognize a stream that arrives in pieces."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    async def arriving() -> AsyncIterator[bytes]:
        for piece in pieces:
            await anyio.lowlevel.checkpoint()
            yield piece

    async with recognizer_for(server, **options) as recognizer:
        if way != "pushed":
            source = data if way == "in memory" else arriving()
            return [result async for result in recognizer.stream(source) if result.is_final]
        async with recognizer.stream() as stream:
            for piece in pieces:
                await stream.send(piece)
            await stream.finish()
            return [result async for result in stream if result.is_final]


def drops(length_ms: float) -> list[Drop]:
    """Return a drop at each tenth of audio but the last ones: pages may become smaller."""
    return [Drop(after_ms=round(length_ms * tenth / 10)) for tenth in range(1, 8)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("format", FORMATS)
async def test_a_stream_that_is_decoded_loses_nothing(
    format: str, way: str, tmp_path: Path
) -> None:
    """By default, a compressed stream is sent as PCM, and every sample of it arrives once."""
    data = recorded(format, tmp_path)
    pcm = await decoded(format, data)
    for drop in drops(len(pcm) / 32):
        async with ScriptedServer(script=PcmPieces, faults=[drop]) as server:
            results = await recognized(server, data, way, format=format)
            assert ([drop], []) == (server.happened, server.violations)
        assert names_of(pcm) == [result.text for result in results]
        begins = [result.sentence.begin_time for result in results]
        assert list(range(0, len(begins) * PIECE_MS, PIECE_MS)) == begins


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("format", FORMATS)
async def test_a_stream_that_is_passed_through_loses_nothing(
    format: str, way: str, tmp_path: Path
) -> None:
    """Every packet arrives once, at its time, and every task decodes from its first packet on."""
    data = recorded(format, tmp_path)
    cutter = cutter_of(format)
    packets = cutter.feed(data)
    samples = sum(packet.samples for packet in packets)
    for drop in drops(len(data) / 32):
        async with ScriptedServer(script=packet_pieces(format), faults=[drop]) as server:
            results = await recognized(server, data, way, format=format, passthrough=True)
            assert ([drop], []) == (server.happened, server.violations)
            assert sum(len(task.audio) for task in server.received) < 2.5 * len(data)
            last = server.received[-1].audio
        assert groups_of(format, packets) == [result.text for result in results]
        assert_continuous(results)
        rest = await decoded(format, last)
        assert len(rest) / 32_000 <= samples / cutter.rate + 0.1
        assert_same(rest, await decoded(format, data))


async def test_packets_of_varying_length_are_passed_through() -> None:
    """A stream whose packets last 10, 20 and 60 ms is continued at the very packet that is due."""
    data = opus_of_varying_packets()
    packets = cutter_of("opus").feed(data)
    assert {480, 960, 2880} == {packet.samples for packet in packets}
    drops = [Drop(after_ms=1, before_final=False)] * 5  # after a final of each task
    async with ScriptedServer(script=packet_pieces("opus"), faults=drops) as server:
        results = await recognized(server, data, "pulled", format="opus", passthrough=True)
        assert drops == server.happened
        received = [task.audio for task in server.received]
    assert groups_of("opus", packets) == [result.text for result in results]
    assert_continuous(results)
    for audio in received[1:3]:
        assert_same(await decoded("opus", audio), await decoded("opus", data))


def assert_continuous(results: list[RecognitionResult]) -> None:
    """Assert that each sentence begins where the one before it has ended."""
    end = 0
    for result in results:
        assert abs(result.sentence.begin_time - end) <= 1
        assert result.sentence.end_time is not None
        end = result.sentence.end_time


def assert_same(rest: bytes, whole: bytes) -> None:
    """Assert that the end of a recording is the end of the whole; codecs need a moment."""
    one, other = (np.frombuffer(pcm, "<i2").astype(float) for pcm in (rest, whole))
    tail = min(len(one), len(other)) // 2
    if tail < 8000:
        return
    piece = one[len(one) - tail :][:4000]
    piece -= piece.mean()
    # The delays that encoders declare, of up to 1200 samples, are cut off or not.
    near = other[len(other) - tail - 1200 :][:6400]
    squares, sums = (np.convolve(each, np.ones(4000), "valid") for each in (near**2, near))
    spread = np.sqrt(squares - sums**2 / 4000)
    best = (np.correlate(near, piece) / spread).max() / np.linalg.norm(piece)
    assert best > 0.99


@pytest.mark.parametrize("format", FORMATS)
async def test_a_file_is_passed_through(format: str, tmp_path: Path) -> None:
    """`transcribe(passthrough=True)` sends a file by its packets, whatever its name is."""
    data = recorded(format, tmp_path)
    path = tmp_path / "speech.wav"
    path.write_bytes(data)
    packets = cutter_of(format).feed(data)
    for drop in drops(len(data) / 32):
        async with (
            ScriptedServer(script=packet_pieces(format), faults=[drop]) as server,
            recognizer_for(server) as recognizer,
        ):
            transcript = await recognizer.transcribe(path, passthrough=True)
            assert ([drop], []) == (server.happened, server.violations)
        assert groups_of(format, packets) == [one.text for one in transcript.sentences]
        assert abs(transcript.duration - len(SPEECH) / 16_000) < 0.15


async def test_passing_through_saves_traffic(tmp_path: Path) -> None:
    """A file that is passed through needs a fraction of the bytes of the same, decoded."""
    data = recorded("amr", tmp_path)
    path = tmp_path / "speech.amr"
    sent = []
    for passthrough in (True, False):
        async with ScriptedServer() as server, recognizer_for(server) as recognizer:
            await recognizer.transcribe(path, passthrough=passthrough)
            sent.append(len(server.received[0].audio))
    assert sent[0] < 1.1 * len(data)
    assert sent[0] * 4 < sent[1]


async def test_what_cannot_be_passed_through_is_decoded(tmp_path: Path) -> None:
    """A file of another format, or of a rate that the model does not take, is sent as PCM."""
    recorded("amr", tmp_path)
    cases = [
        (tmp_path / "speech.amr", "paraformer-realtime-v1"),
        (Path(__file__).parents[2] / "examples" / "audio" / "goforward.wav", "any"),
    ]
    for path, model in cases:
        async with ScriptedServer() as server, recognizer_for(server, model=model) as recognizer:
            await recognizer.transcribe(path, passthrough=True)
            parameters = server.received[0].parameters
            assert ("pcm", 16_000) == (parameters["format"], parameters["sample_rate"])


async def test_a_rate_that_opus_can_be_decoded_to_is_declared(tmp_path: Path) -> None:
    """Opus has no rate of its own: it is declared as what it was made from, or the model's."""
    recorded("opus", tmp_path)
    for model in ("any", "paraformer-realtime-v1"):
        async with ScriptedServer() as server, recognizer_for(server, model=model) as recognizer:
            await recognizer.transcribe(tmp_path / "speech.opus", passthrough=True)
            assert 16_000 == server.received[0].sample_rate


@pytest.mark.parametrize("missing", [("soxr",), ("av",), ("av", "soxr")])
async def test_without_the_decoder_it_is_passed_through(
    missing: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without the extra, a stream is resumed all the same: by its packets, as the log says."""
    data = recorded("aac", tmp_path)

    def find(name: str) -> object:
        return None if name in missing else object()

    monkeypatch.setattr(decoding, "find_spec", find)
    drop = Drop(after_ms=200)
    async with ScriptedServer(script=packet_pieces("aac"), faults=[drop]) as server:
        with caplog.at_level(logging.INFO, "paraformer_async"):
            results = await recognized(server, data, "pushed", format="aac")
        assert [drop] == server.happened
    assert groups_of("aac", cutter_of("aac").feed(data)) == [result.text for result in results]
    assert 1 == sum("sent as with passthrough=True" in text for text in caplog.messages)


@pytest.mark.parametrize("option", ["heartbeat", "pace"])
async def test_what_needs_samples_needs_the_decoder(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence and pace need samples: without the extra, they are refused, and it is named."""
    monkeypatch.setattr(decoding, "find_spec", lambda _: None)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(MissingExtraError, match=f"{option}= in a stream of mp3.*av"):
            recognizer.stream(format="mp3", **{option: True if option == "heartbeat" else 1.0})
        assert [] == server.received


@pytest.mark.parametrize("way", WAYS)
async def test_what_needs_samples_works_where_it_is_decoded(way: str, tmp_path: Path) -> None:
    """A paced stream is decoded first; what is sent, and marks in it, have the sender's pace."""
    data = recorded("mp3", tmp_path)
    pcm = await decoded("mp3", data)
    async with ScriptedServer(script=PcmPieces) as server:
        results = await recognized(server, data, way, format="mp3", pace=100.0)
        assert [] == server.violations
    assert names_of(pcm) == [result.text for result in results]


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("format", FORMATS)
async def test_what_is_not_of_the_format_is_one_error(
    format: str, way: str, passthrough: bool
) -> None:
    """Noise that was declared as a format is refused, and the error names the format."""
    noise = bytes(range(1, 255)) * 400
    async with ScriptedServer() as server:
        with pytest.raises(AudioError, match=f"declared as {format}"):
            await recognized(server, noise, way, format=format, passthrough=passthrough)
        assert b"" == b"".join(task.audio for task in server.received)


async def test_marks_keep_their_place_in_a_stream_that_is_decoded(tmp_path: Path) -> None:
    """What is flushed is what was sent before, although it is decoded later."""
    data = recorded("amr", tmp_path)
    half = 6 + (len(data) - 6) // 64 * 32
    pcm = await decoded("amr", data)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        async with recognizer.stream(format="amr") as stream:
            await stream.send(data[:half])
            await stream.flush()
            await stream.update(language_hints=["en"])
            await stream.send(data[half:])
            await stream.finish()
            await stream.finish()
            with pytest.raises(UsageError, match="after finish"):
                await stream.send(b"more")
            with pytest.raises(UsageError, match="after finish"):
                await stream.flush()
            async for _ in stream:
                pass
        audio = [task.audio for task in server.received]
        assert ["en"] == server.received[1].parameters["language_hints"]
    assert pcm == b"".join(audio)
    assert 2 == len(audio)
    assert abs(len(audio[0]) - len(pcm) // 2) < 3200


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("format", FORMATS)
async def test_a_live_stream_waits_for_nothing(
    format: str, passthrough: bool, tmp_path: Path
) -> None:
    """What has arrived of a live stream is sent at once, but for a tenth of a second."""
    data = recorded(format, tmp_path)
    half = data[: len(data) // 2]
    expected = await decoded(format, half)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        async with recognizer.stream(format=format, passthrough=passthrough) as stream:
            for at in range(0, len(half), 100):
                await stream.send(half[at : at + 100])
            with anyio.fail_after(10):
                size = len(expected) - 3200
                while not is_sent(server, format, passthrough, size):  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            await stream.finish()


def is_sent(server: ScriptedServer, format: str, passthrough: bool, size: int) -> bool:
    """Return whether so many bytes of PCM have arrived, or packets that are decoded to them."""
    audio = server.received[0].audio if server.received else b""
    if not passthrough:
        return len(audio) >= size
    cutter = cutter_of(format)
    samples = sum(packet.samples for packet in cutter.feed(audio))
    return samples * 32_000 >= size * (cutter.rate or 1)


@pytest.mark.parametrize("way", ["in memory", "on disk"])
@pytest.mark.parametrize("format", FORMATS)
async def test_what_can_be_read_again_is_decoded_again(
    format: str, way: str, tmp_path: Path
) -> None:
    """However little is kept, audio that is decoded is taken from where it was not final."""
    data = recorded(format, tmp_path)
    pcm = await decoded(format, data)
    little = Reconnect(backoff=lambda _: 0.01, keep=0.2)
    with (tmp_path / f"speech.{format}").open("rb") as file:
        source = data if way == "in memory" else file
        drops = [Drop(after_ms=700), Drop(after_ms=900)]
        async with (
            ScriptedServer(script=PcmPieces, faults=drops) as server,
            recognizer_for(server, reconnect=little) as recognizer,
        ):
            stream = recognizer.stream(source, format=format)
            results = [result async for result in stream if result.is_final]
            assert drops == server.happened
    assert names_of(pcm) == [result.text for result in results]


async def test_a_buffer_that_is_full_makes_the_sender_wait(tmp_path: Path) -> None:
    """While the service takes nothing, `send` waits; what a canceled call had is not sent."""
    data = recorded("mp3", tmp_path)
    pieces = [data[at : at + 300] for at in range(0, len(data), 300)]
    accepted = 0
    async with (
        ScriptedServer(script=PcmPieces, faults=[NeverStart()]) as server,
        recognizer_for(server, timeouts=Timeouts(started=1, close=0.3)) as recognizer,
        recognizer.stream(format="mp3", buffer=0.1) as stream,
    ):
        with anyio.move_on_after(0.3) as waiting:
            for piece in pieces:
                await stream.send(piece)
                accepted += 1
        assert waiting.cancelled_caught
        for piece in pieces[accepted:]:
            await stream.send(piece)
        await stream.finish()
        results = [result async for result in stream if result.is_final]
    assert names_of(await decoded("mp3", data)) == [result.text for result in results]


@pytest.mark.parametrize("format", FORMATS)
async def test_the_local_service_takes_every_format(format: str, tmp_path: Path) -> None:
    """What is passed through is decoded by the local service, to its end."""
    recorded(format, tmp_path)
    async with LocalServer("scripted") as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            transcript = await recognizer.transcribe(
                tmp_path / f"speech.{format}", passthrough=True
            )
    end = transcript.sentences[-1].end_time
    assert end is not None
    assert abs(end - len(SPEECH) / 16) < 150


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("format", ["mp3", "opus", "speex"])
async def test_a_stream_of_several_links_is_recognized_to_its_end(
    format: str, passthrough: bool, tmp_path: Path
) -> None:
    """Radio begins a new link at each title: all of them arrive, whoever decodes them."""
    data = recorded(format, tmp_path) * 3
    async with LocalServer("scripted") as server:
        options = {"format": format, "passthrough": passthrough}
        results = await recognized(server, data, "pulled", **options)
    end = results[-1].sentence.end_time
    assert end is not None
    assert abs(end - 3 * len(SPEECH) / 16) < 450
