"""Streams of several links: cut where each begins, however the bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.packets.links import LinkPart, Links, links_of
from paraformer_async._core.packets.mpeg import MpegTag, parse_tag, without_end
from paraformer_async._core.packets.paging import make_page
from paraformer_async.errors import AudioError
from tests.core.packet_streams import mp3_frame, ogg, opus_head, packets_of, seeded

SIZES = st.lists(st.integers(1, 3000), min_size=1, max_size=12)
FLAC = b"fLaC\0\0\0\x22" + bytes(34)
ENDLESS = (1 << 31) - 1


def taken(links: Links, data: bytes, sizes: list[int]) -> list[LinkPart]:
    """Return the links of a stream that arrives in pieces, each as one part."""
    whole: list[LinkPart] = []
    at = number = 0
    while at < len(data):
        for part in links.take(data[at : at + sizes[number % len(sizes)]]):
            if part.begins or not whole:
                whole.append(part)
            else:
                whole[-1].data += part.data
        at += sizes[number % len(sizes)]
        number += 1
    return whole


def tagged(
    frame: bytes, *, flags: int = 15, count: int = 100, delay: int = 576, padding: int = 900
) -> bytes:
    """Return a frame as the tag of an encoder."""
    fields = {1: count.to_bytes(4, "big"), 2: b"size", 4: b"t" * 100, 8: b"good"}
    tag = b"".join(field for flag, field in fields.items() if flags & flag)
    encoder = b"LAME3.100".ljust(21) + (delay << 12 | padding).to_bytes(3, "big")
    whole = frame[:4] + bytes(9) + b"Xing" + flags.to_bytes(4, "big") + tag + encoder
    return whole.ljust(len(frame), b"\0")


@given(sizes=SIZES, counts=st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_a_chain_of_ogg(sizes: list[int], counts: list[int]) -> None:
    """Each link is cut out as it is; one may have several streams, which begin together."""
    chain = []
    for number, count in enumerate(counts):
        beside = make_page([b"another stream"], 0, 0) if number % 2 else b""
        chain.append(beside + ogg(opus_head(), packets_of("opus", count)))
    links = links_of("ogg")
    parts = taken(links, b"".join(chain), sizes)
    assert chain == [part.data for part in parts]
    assert [False] + [True] * (len(chain) - 1) == [part.begins for part in parts]
    assert ([], 0) == (links.last(), links.skipped)


def test_pages_within_a_damaged_one() -> None:
    """If a damaged page seems to be longer than the rest, the pages in it are found at the end."""
    one = ogg(opus_head(), packets_of("opus", 9))
    damaged = bytearray(one)
    second = damaged.index(b"OggS", 1)
    damaged[second + 26 : second + 28] = b"\xff\xff"
    links = links_of("ogg")
    (part,) = taken(links, bytes(damaged), [100])
    assert one[:second] == part.data
    (part,) = links.last()
    third = one.index(b"OggS", second + 1)
    assert one[third:] == part.data
    assert third - second == links.skipped


def test_damage_in_a_chain_of_ogg() -> None:
    """What is no page, or a damaged one, is left out and counted, and the next link is found."""
    one = ogg(opus_head(), packets_of("opus", 9))
    damaged = bytearray(one)
    damaged[-5] ^= 1
    last = damaged.rindex(b"OggS")
    links = links_of("ogg")
    parts = taken(links, bytes(damaged) + b"a tag" + one, [100])
    assert [one[:last], one] == [part.data for part in parts]
    assert len(one) - last + len(b"a tag") == links.skipped


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    bodies=st.lists(st.text("fLaC\0\x22", max_size=40), min_size=1, max_size=4),
)
def test_joined_flac(sizes: list[int], bodies: list[str]) -> None:
    """Each file is cut out as it is, and what may become a marker is kept, and not lost."""
    files = [FLAC + body.encode().replace(FLAC[:8], b"") for body in bodies]
    links = links_of("flac")
    tag = b"ID3\4\0\0\0\0\0\2\0\0"
    parts = taken(links, tag + b"".join(files), sizes)
    for part in (*links.last(), *links.last()):
        parts[-1].data += part.data
    assert [tag + files[0], *files[1:]] == [part.data for part in parts]


class TestMpeg:
    """What is special about MP3."""

    @given(sizes=SIZES)
    def test_a_link_begins_with_the_tag_of_its_encoder(self, sizes: list[int]) -> None:
        """The tag declares no end to a decoder; what it has declared is known all the same."""
        frames = packets_of("mp3", 6)
        tag = tagged(mp3_frame(seeded(1), 8))
        id3 = b"ID3\4\0\0\0\0\0\2\0\0"
        data = id3 + tag + b"".join(frames) + b"TAG".ljust(128, b"\0")
        links = links_of("mp3")
        parts = taken(links, data + data + b"".join(frames), sizes)
        whole = without_end(tag) + b"".join(frames)
        assert [whole, whole + b"".join(frames)] == [part.data for part in parts]
        assert [MpegTag(100 * 576 - 576 - 900, 900)] * 2 == [part.tag for part in parts]
        assert ([], 0) == (links.last(), links.skipped)

    @pytest.mark.parametrize("size", [1, 7, 5000])
    def test_a_link_begins_where_the_kind_of_frames_changes(self, size: int) -> None:
        """Frames of another rate, or of other channels, take a decoder of their own."""
        first = packets_of("mp3", 4)
        faster = [frame[:2] + bytes((frame[2] & 0xF3 | 4,)) + frame[3:] for frame in first]
        faster = [frame[: len(frame) * 16 // 24] for frame in faster]
        stereo = [frame[:3] + b"\x04" + frame[4:] for frame in first]
        chain = [b"".join(frames) for frames in (first, faster, stereo, first)]
        links = links_of("mp3")
        parts = taken(links, b"".join(chain), [size])
        assert chain == [part.data for part in parts]
        assert all(part.begins and part.tag is None for part in parts)
        assert 0 == links.skipped

    def test_what_is_no_link(self) -> None:
        """Tags without audio, or that no decoder reads, are left out; a single frame is counted."""
        frames = packets_of("mp3", 4)
        stereo = frames[0][:3] + b"\x04" + frames[0][4:]
        tag = tagged(mp3_frame(seeded(1), 8))
        vbri = bytearray(mp3_frame(seeded(1), 8))
        vbri[36:40] = b"VBRI"
        links = links_of("mp3")
        chain = [tag, tag, *frames[:2], bytes(vbri), *frames[2:], stereo, *frames]
        parts = taken(links, b"".join(chain), [50])
        expected = [without_end(tag) + b"".join(frames), b"".join(frames)]
        assert expected == [part.data for part in parts]
        assert len(stereo) == links.skipped

    def test_other_layers_are_no_mp3(self) -> None:
        """Frames of layer II are passed over."""
        links = links_of("mp3")
        frames = [frame[:1] + b"\xf5" + frame[2:] for frame in packets_of("mp3", 8)]
        assert [] == links.take(b"".join(frames))

    def test_what_has_no_frames_is_refused_soon(self) -> None:
        """A stream may begin within a frame, which is not longer than 4 KB."""
        frames = b"".join(packets_of("mp3", 4))
        (part,) = links_of("mp3").take(bytes(4096) + frames)
        assert frames == part.data
        with pytest.raises(AudioError, match="declared as mp3 and has no frames of MP3"):
            links_of("mp3").take(bytes(4097))

    @pytest.mark.parametrize("flags", range(16))
    def test_tags_with_any_fields(self, flags: int) -> None:
        """The tag loses its end, and keeps its other fields and its size."""
        frame = mp3_frame(seeded(1), 8)
        tag = tagged(frame, flags=flags)
        changed = without_end(tag)
        assert tagged(frame, flags=flags & ~2, count=ENDLESS) == changed
        assert MpegTag(57600 - 576 - 900 if flags & 1 else 0, 900) == parse_tag(tag)
        assert parse_tag(frame) is None
        assert parse_tag(b"\xff\xe3\0\xc0" + tag[4:]) is None
