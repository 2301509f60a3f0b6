"""Streams of several links, one after the other: every link is decoded, to its end."""

import logging
import threading
from collections.abc import Iterator

import anyio
import numpy as np
import pytest

from paraformer_async.audio.decoding import StreamDecoder, UndecodableAudio
from tests.audio.test_decoding import RATE, SPEECHLIKE, cut, decode, encode, whole
from tests.audio.test_file_ends import BEHIND

pytestmark = pytest.mark.anyio

KINDS = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}
KINDS["flac"] = ("FLAC", "PCM_16")
NOTHING = SPEECHLIKE[:0]
FORMATS = pytest.mark.parametrize("format", KINDS)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """No decoder's thread is left behind, of whichever link."""
    yield
    assert not [one for one in threading.enumerate() if one.name.startswith("decode-")]


def link(format: str, seconds: float = 1.0, rate: int = RATE) -> bytes:
    """Return a stream of one link."""
    return encode(*KINDS[format], SPEECHLIKE[: int(seconds * rate)], rate)


def pcm_of(format: str, data: bytes) -> np.ndarray:
    """Return what soundfile reads of a stream of one link."""
    return np.frombuffer(whole(data, KINDS[format][1]), "<i2").astype(int)


@FORMATS
@pytest.mark.parametrize("size", [100, 5000, 1 << 20])
async def test_every_link_is_decoded(format: str, size: int) -> None:
    """The samples are those of each link as a file of its own, however the stream is cut."""
    links = [link(format, seconds) for seconds in (1.0, 0.5, 2.0)]
    got = np.frombuffer(await decode(format, cut(b"".join(links), [size])), "<i2")
    expected = np.concatenate([pcm_of(format, one) for one in links])
    assert len(expected) == len(got)
    assert np.abs(got - expected).max() <= 1


@FORMATS
async def test_links_of_several_rates(format: str) -> None:
    """A link of another rate, or of two channels, is converted to the rate that is asked for."""
    stereo = encode(*KINDS[format], np.stack([SPEECHLIKE[:RATE]] * 2, axis=1))
    chain = link(format) + link(format, rate=48_000) + stereo + link(format, rate=24_000)
    for target in (RATE, 8000):
        pcm = await decode(format, cut(chain, [1000]), target=target)
        assert 4.0 == pytest.approx(len(pcm) / 2 / target, abs=0.15)
        loud = np.abs(np.frombuffer(pcm, "<i2").reshape(-1, target // 100).astype(int)).max(1)
        assert (loud > 2000).mean() > 0.95


@pytest.mark.parametrize("count", [0, 3, 1 << 20])
async def test_what_a_tag_declares_is_not_the_end(count: int) -> None:
    """MP3 that goes on behind the end that its tag declares loses nothing of it."""
    tagged = bytearray(link("mp3", 2.0))
    place = tagged.index(b"Xing" if b"Xing" in tagged else b"Info") + 8
    tagged[place : place + 4] = count.to_bytes(4, "big")
    pcm = await decode("mp3", cut(bytes(tagged), [300]))
    assert 2.0 == pytest.approx(len(pcm) / 2 / RATE, abs=0.1)
    assert len(pcm) >= 4 * RATE


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("size", [700, 1 << 20])
async def test_what_follows_the_last_frame_of_flac(size: int, behind: str) -> None:
    """A tag behind a link of FLAC costs none of its samples, nor those of the next link."""
    samples = SPEECHLIKE[:30_007]
    flac = encode("FLAC", "PCM_16", samples) + BEHIND[behind]
    pcm = await decode("flac", cut(flac * 2, [size]))
    assert samples.tobytes() * 2 == pcm


async def test_bytes_that_a_decoder_does_not_take(caplog: pytest.LogCaptureFixture) -> None:
    """What is left when a decoder has reached the declared end is counted in the log."""
    flac = bytearray(encode("FLAC", "PCM_16", SPEECHLIKE))
    flac[22:26] = RATE.to_bytes(4, "big")
    with caplog.at_level(logging.WARNING, "paraformer_async"):
        pcm = await decode("flac", cut(bytes(flac), [700]))
    assert SPEECHLIKE[:RATE].tobytes() == pcm
    (message,) = caplog.messages
    assert "bytes of the flac stream follow the end that it declares: left out" in message


async def test_no_more_than_padding_is_held_back() -> None:
    """What is decoded of a live stream is returned at once, also behind its declared end."""
    data = link("mp3", 2.0)
    decoder = StreamDecoder("mp3", RATE, RATE)
    got = len(await decoder.feed(data + data[-4000:]))
    await decoder.aclose()
    assert got > 4 * RATE


@pytest.mark.parametrize("format", ["ogg", "opus", "mp3"])
async def test_links_without_audio(format: str, caplog: pytest.LogCaptureFixture) -> None:
    """A link without audio ends nothing, wherever it is; one without any is an error."""
    one = link(format)
    empty = one[: one.index(one[:2], 4)] if format == "mp3" else encode(*KINDS[format], NOTHING)
    with caplog.at_level(logging.WARNING, "paraformer_async"):
        pcm = await decode(format, cut(empty + one + empty + one + empty, [700]))
    assert 2 * len(pcm_of(format, one)) == len(pcm) // 2
    with pytest.raises(UndecodableAudio, match=f"declared as {format}"):
        await decode(format, [empty[:60]])


@pytest.mark.parametrize("format", ["ogg", "mp3"])
async def test_damage_between_links(format: str, caplog: pytest.LogCaptureFixture) -> None:
    """What belongs to no link is passed over, and the log says how much it was."""
    one = link(format)
    with caplog.at_level(logging.WARNING, "paraformer_async"):
        pcm = await decode(format, cut(one + b"damage" * 100 + one, [700]))
    assert 2 * len(pcm_of(format, one)) == len(pcm) // 2
    (message,) = caplog.messages
    assert f"the {format} stream is damaged: 600 bytes could not be decoded" == message


async def test_a_damaged_link_is_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """If the decoder gives up on a link at its end, the next one is decoded; the log says so."""
    one = link("flac")
    with caplog.at_level(logging.WARNING, "paraformer_async"):
        pcm = await decode("flac", [one[:60] + one])
    assert 2 * RATE == len(pcm)
    assert "a part of a stream is left out" in caplog.text


@FORMATS
@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
async def test_closed_within_any_link(format: str, share: float) -> None:
    """A stream that is closed, or whose feed is canceled, leaves no decoder behind."""
    one = link(format)
    chain = one + one
    decoder = StreamDecoder(format, RATE, 8000)
    await decoder.feed(chain[: int(len(chain) * share)])
    with anyio.CancelScope() as scope:
        scope.cancel()
        await decoder.feed(one + one)
    await decoder.aclose()


async def test_many_links_expand_within_bounds() -> None:
    """Links that expand beyond measure are decoded in bounded parts, and none is lost."""
    silence = encode("FLAC", "PCM_16", np.zeros(4 << 20, np.int16))
    decoder = StreamDecoder("flac", RATE, RATE)
    sizes = [len(await decoder.feed(silence * 8))]
    while rest := await decoder.finish():
        sizes.append(len(rest))
    await decoder.aclose()
    assert max(sizes) < 24 << 20
    assert sum(sizes) == 64 << 20


async def test_many_links_take_time_and_threads_of_one() -> None:
    """A stream of hundreds of links has one decoder at a time."""
    one = link("opus", 0.05)
    decoder = StreamDecoder("opus", RATE, RATE)
    pcm = 0
    for piece in cut(one * 200, [4000]):
        pcm += len(await decoder.feed(piece))
        assert 1 >= sum(thread.name == "decode-ogg" for thread in threading.enumerate())
    while rest := await decoder.finish():
        pcm += len(rest)
    await decoder.aclose()
    assert 200 * len(pcm_of("opus", one)) == pcm // 2
