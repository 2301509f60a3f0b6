"""Compressed audio by its packets: found however the bytes arrive, joined to a stream again."""

import struct
import tracemalloc
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.packets import (
    Packet,
    PacketFramer,
    Packets,
    cutter_of,
    joiner_of,
)
from paraformer_async._core.packets.mpeg import parse_header
from paraformer_async._core.packets.paging import make_page
from paraformer_async.errors import AudioError
from tests.core.packet_streams import (
    FORMATS,
    adts_frame,
    mp3_frame,
    ogg,
    opus_head,
    packets_of,
    seeded,
    speex_head,
    stream_of,
)

SIZES = st.lists(st.integers(1, 3000), min_size=1, max_size=12)
SAMPLES = {"mp3": 576, "aac": 1024, "amr": 160, "opus": 960, "speex": 320}
RATES = {"mp3": 16000, "aac": 16000, "amr": 8000, "opus": 48000, "speex": 16000}


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut *data* into pieces of these sizes, again and again."""
    pieces, at, number = list[bytes](), 0, 0
    while at < len(data):
        pieces.append(data[at : at + sizes[number % len(sizes)]])
        at += len(pieces[-1])
        number += 1
    return pieces


def found(format: str, pieces: list[bytes]) -> list[Packet]:
    """Return the packets of a stream that arrives in pieces."""
    cutter = cutter_of(format)
    return [packet for piece in pieces for packet in cutter.feed(piece)]


@pytest.mark.parametrize("format", FORMATS)
@given(sizes=SIZES, count=st.integers(0, 40))
def test_packets_are_found_however_the_bytes_arrive(
    format: str, sizes: list[int], count: int
) -> None:
    """Any chunking gives the same packets: those that were put in, with their durations."""
    packets = packets_of(format, count)
    cutter = cutter_of(format)
    pieces = cut(stream_of(format, packets), sizes)
    cut_out = [packet for piece in pieces for packet in cutter.feed(piece)]
    assert packets == [packet.data for packet in cut_out]
    assert {SAMPLES[format]} >= {packet.samples for packet in cut_out}
    assert (RATES[format] if count else cutter.rate) == cutter.rate
    assert (0, b"") == (cutter.skipped, bytes(cutter.rest))


@pytest.mark.parametrize("format", FORMATS)
@given(st.binary(max_size=4000), SIZES)
def test_any_bytes_are_packets_or_an_error(format: str, data: bytes, sizes: list[int]) -> None:
    """No bytes make a cutter fail in another way, and none are invented."""
    cutter = cutter_of(format)
    try:
        packets = [packet for piece in cut(data, sizes) for packet in cutter.feed(piece)]
    except AudioError:
        return
    assert sum(len(packet.data) for packet in packets) + cutter.skipped <= len(data)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("begin", [0, 1, 17])
def test_a_stream_can_begin_at_any_packet(format: str, begin: int) -> None:
    """What is joined from any packet on is a stream of these packets, again and again."""
    cutter = cutter_of(format)
    packets = cutter.feed(stream_of(format, packets_of(format, 40)))
    joiner = joiner_of(cutter)
    for _ in range(2):
        joiner.begin()
        joined = joiner.join(Packets(packets[begin:30])) + joiner.join(Packets(packets[30:]))
        again = found(format, [joined])
        assert [packet.data for packet in packets[begin:]] == [packet.data for packet in again]


def test_pages_have_no_more_than_their_segments() -> None:
    """Many or large packets of Opus are put on as many pages as they need."""
    cutter = cutter_of("opus")
    large = [b"\x48" + bytes(20_000)] * 4
    packets = cutter.feed(ogg(opus_head(), large, of_a_page=1))
    joined = joiner_of(cutter).join(Packets(packets))
    assert large == [packet.data for packet in found("opus", [joined])]


@pytest.mark.parametrize("format", ["mp3", "aac", "opus"])
@pytest.mark.parametrize("mark", [b"\xff", b"\xff\xfb", b"OggS", b"ID", b"TA"])
def test_damage_takes_linear_time(format: str, mark: bytes) -> None:
    """Damage that looks like the beginning of a packet everywhere is passed over in one pass."""
    frames = packets_of(format, 6)
    whole = stream_of(format, frames)
    damage = mark * ((1 << 22) // len(mark))  # if each place took a look at the rest: minutes
    cutter = cutter_of(format)
    packets = cutter.feed(whole + damage + whole)
    assert frames[:5] == [packet.data for packet in packets][:5]
    assert frames[1:] == [packet.data for packet in packets][-5:]
    assert cutter.skipped >= len(damage)


@pytest.mark.parametrize("format", ["mp3", "aac"])
def test_damage_in_any_pieces(format: str) -> None:
    """The frame after damage is found, also if its header arrives in two pieces."""
    frames = packets_of(format, 6)
    for length, size in product(range(1, 12), range(1, 8)):
        cutter = cutter_of(format)
        data = b"".join(frames[:3]) + bytes(length) + b"".join(frames[3:])
        packets = [packet for piece in cut(data, [size]) for packet in cutter.feed(piece)]
        assert frames == [packet.data for packet in packets]
        assert length == cutter.skipped


def _endless(*, is_continued: bool = True) -> bytes:
    """Return a page that is a part of one packet, which has not ended."""
    body = bytes(255 * 255)
    page = bytearray(make_page([body[1:]], 1, 0)[: 27 + 255] + body)
    page[5], page[26 + 255] = is_continued, 255
    return _sealed(page)


def test_comments_of_any_length() -> None:
    """A picture among the comments of a stream, on many pages, is passed over."""
    packets = packets_of("opus", 4)
    audio = ogg(opus_head(), packets)
    begin = len(make_page([opus_head()], 0, 0))
    end = begin + len(make_page([b"comments of any length"], 1, 0))
    stream = audio[:begin] + _endless(is_continued=False) + 50 * _endless()
    last = bytearray(make_page([b"the end"], 50, 0))
    last[5] = 1
    cutter = cutter_of("opus")
    cut_out = cutter.feed(stream + _sealed(last) + audio[end:])
    assert packets == [packet.data for packet in cut_out]
    assert sum(map(len, cutter.head)) < 1000


def test_a_packet_without_end_takes_no_memory() -> None:
    """What continues on page after page is no packet, and is not kept; those after it are found."""
    packets = packets_of("opus", 4)
    cutter = cutter_of("opus")
    assert cutter.feed(ogg(opus_head(), packets))
    page = _endless()
    tracemalloc.start()
    try:
        for _ in range(20):
            assert cutter.feed(page) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(page)
    cut_out = cutter.feed(ogg(opus_head(), packets))
    assert packets == [packet.data for packet in cut_out]


class TestMpeg:
    """What is special about MP3."""

    def test_tags_are_left_out(self) -> None:
        """ID3 tags at both ends and the tag of the encoder are not sent: they are no audio."""
        content = seeded(1)
        frames = packets_of("mp3", 5)
        info = bytearray(mp3_frame(content))
        info[13:17] = b"Info"
        picture = b"ID3\x04\x00\x00\x00\x00\x02\x00" + b"\xff\xf3\x48\xc4" * 64
        data = picture + bytes(info) + b"".join(frames) + b"TAG".ljust(128, b"\0")
        for sizes in ([len(data)], [1], [7]):
            assert frames == [packet.data for packet in found("mp3", cut(data, sizes))]

    def test_damage_is_passed_over(self) -> None:
        """After damage, the next frame that another one follows is found; the rest is counted."""
        frames = packets_of("mp3", 6)
        junk = b"damage, and \xff\xf3\x48\xc4 no frame: none follows \xff\xff"
        data = b"".join(frames[:3]) + junk + b"".join(frames[3:])
        for sizes in ([len(data)], [1], [50]):
            cutter = cutter_of("mp3")
            packets = [packet for piece in cut(data, sizes) for packet in cutter.feed(piece)]
            assert frames == [packet.data for packet in packets]
            assert len(junk) == cutter.skipped

    def test_what_is_no_mp3_is_refused(self) -> None:
        """Without any frame in 64 KB, the stream is refused by its declared name."""
        with pytest.raises(AudioError, match="declared as mp3 and has no frames of MP3"):
            found("mp3", [bytes(70_000)])

    def test_a_frame_brings_what_it_needs_of_earlier_ones(self) -> None:
        """Where frames are missing, a silent one with the bytes that are used leads the next."""
        content = seeded(3)
        first, second = mp3_frame(content), mp3_frame(content, uses=100)
        _, packet = found("mp3", [first + second])
        header = parse_header(packet.lead)
        assert header is not None
        assert (len(packet.lead), 576, 16000) == (header.size, header.samples, header.rate)
        assert not any(packet.lead[4:13])  # the side information: no audio, nothing before it
        assert first[-100:] == packet.lead[-100:]

    def test_a_large_reservoir_needs_a_large_frame(self) -> None:
        """As many bytes as a frame can use are brought by a frame of a higher bit rate."""
        content = seeded(3)
        frames = [mp3_frame(content, 1) for _ in range(20)]
        packet = found("mp3", [b"".join(frames) + mp3_frame(content, 1, uses=255)])[-1]
        assert len(packet.lead) > 255
        bodies = b"".join(frame[13:] for frame in frames)
        assert bodies[-255:] == packet.lead[-255:]

    def test_nothing_is_brought_where_nothing_was(self) -> None:
        """A stream that begins in the middle has no bytes for its first frame: none are made."""
        (packet,) = found("mp3", [mp3_frame(seeded(3), uses=100)])
        assert b"" == packet.lead

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (b"\xff\xfb\x90\x00", (417, 1152, 44100, False)),  # MPEG 1, layer III
            (b"\xff\xfa\x92\xc0", (418, 1152, 44100, True)),  # with a checksum, and padding
            (b"\xff\xfd\x90\x00", (522, 1152, 44100, False)),  # layer II
            (b"\xff\xff\x90\x00", (312, 384, 44100, False)),  # layer I
            (b"\xff\xe3\x90\x00", (522, 576, 11025, False)),  # MPEG 2.5
            (b"\xff\xfb\x00\x00", None),  # no bit rate
            (b"\xff\xfb\xf0\x00", None),
            (b"\xff\xfb\x9c\x00", None),  # no sample rate
            (b"\xff\xf9\x90\x00", None),  # no layer
            (b"\xff\xeb\x90\x00", None),  # no version
            (b"\xfe\xfb\x90\x00", None),
            (b"\xff", None),
        ],
    )
    def test_headers(self, header: bytes, expected: tuple[object, ...] | None) -> None:
        """Every version and layer has its sizes; what is reserved is no header."""
        parsed = parse_header(header)
        shown = parsed and (parsed.size, parsed.samples, parsed.rate, parsed.is_mono)
        assert expected == shown

    def test_other_layers_have_no_reservoir(self) -> None:
        """Frames of layer II stand for themselves."""
        frame = b"\xff\xfd\x90\x00" + bytes(518)
        assert [(frame, b"")] == [(one.data, one.lead) for one in found("mp3", [frame])]

    def test_frames_of_version_1_bring_their_reservoir(self) -> None:
        """The position of the bytes that are used is another one in MPEG 1, with a checksum too."""
        first = b"\xff\xfa\x90\xc0" + b"\1\1" + bytes(17) + bytes(range(200)) + bytes(194)
        second = b"\xff\xfa\x90\xc0" + b"\1\1" + b"\x20\x80" + bytes(409)
        packet = found("mp3", [first + second])[-1]
        assert b"\xff\xfb" == packet.lead[:2]  # without a checksum
        assert first[-65:] == packet.lead[-65:]


class TestAdts:
    """What is special about AAC."""

    def test_frames_of_several_blocks(self) -> None:
        """A frame may contain up to four blocks of 1024 samples."""
        frame = bytearray(adts_frame(seeded(1), 50))
        frame[6] |= 2
        assert [3072] == [packet.samples for packet in found("aac", [bytes(frame)])]

    @pytest.mark.parametrize(
        "wrong", [{1: 0xF7}, {2: 0x7C}, {3: 0, 4: 0, 5: 0x3F}], ids=["layer", "rate", "size"]
    )
    def test_what_is_no_header(self, wrong: dict[int, int]) -> None:
        """A reserved value is no header: the frame after it is found."""
        content = seeded(1)
        first, *others = [adts_frame(content, 40) for _ in range(3)]
        broken = bytearray(first)
        for place, byte in wrong.items():
            broken[place] = byte
        cutter = cutter_of("aac")
        assert others[:1] == [one.data for one in cutter.feed(bytes(broken) + b"".join(others))][:1]
        assert 40 == cutter.skipped

    def test_a_frame_of_another_rate_is_damage(self) -> None:
        """The rate is that of the first frame: a header with another one is passed over."""
        content = seeded(1)
        first, other, *last = [adts_frame(content, 40) for _ in range(4)]
        changed = bytes((*other[:2], 1 << 6 | 4 << 2, *other[3:]))
        packets = found("aac", [first + changed + b"".join(last)])
        assert [first, *last] == [packet.data for packet in packets]


class TestAmr:
    """What is special about AMR."""

    def test_the_magic_may_be_missing(self) -> None:
        """Frames alone are a stream, too; a task receives the magic."""
        frames = packets_of("amr", 5)
        cutter = cutter_of("amr")
        packets = cutter.feed(b"".join(frames))
        assert frames == [packet.data for packet in packets]
        assert joiner_of(cutter).join(Packets(packets)).startswith(b"#!AMR\n")

    @pytest.mark.parametrize("data", [b"#!AMR-WB\n\x04", b"#!AMR_MC1.0\n", b"RIFF....", b"\x4c"])
    def test_other_kinds_are_refused(self, data: bytes) -> None:
        """Wide-band, several channels, or anything else, is refused."""
        with pytest.raises(AudioError, match="declared as amr and does not begin"):
            found("amr", [data])

    def test_files_that_follow_each_other(self) -> None:
        """The magic of another file may follow a frame, wherever it is cut."""
        frames = packets_of("amr", 5)
        data = stream_of("amr", frames) * 3
        for size in (1, 5, len(data)):
            pieces = [data[at : at + size] for at in range(0, len(data), size)]
            assert frames * 3 == [packet.data for packet in found("amr", pieces)]

    def test_damage_is_an_error(self) -> None:
        """Frames have no mark: after damage, all that follows would be noise."""
        with pytest.raises(AudioError, match=r"the amr stream is damaged after 0.10 s"):
            found("amr", [stream_of("amr", packets_of("amr", 5)) + b"\xff"])


class TestOgg:
    """What is special about Ogg."""

    def test_a_page_that_is_damaged_is_left_out(self) -> None:
        """A wrong checksum shows damage: the packets of that page are left out, and no others."""
        packets = packets_of("opus", 9)
        data = bytearray(stream_of("opus", packets))
        data[data.index(packets[4]) + 5] ^= 1
        cutter = cutter_of("opus")
        kept = [packet.data for packet in cutter.feed(bytes(data))]
        assert packets[:3] + packets[6:] == kept
        assert cutter.skipped > 0

    def test_what_is_no_page_is_passed_over(self) -> None:
        """Bytes between pages are left out and counted."""
        packets = packets_of("opus", 3)
        data, heads = stream_of("opus", packets), len(stream_of("opus", []))
        cutter = cutter_of("opus")
        assert packets == [
            one.data for one in cutter.feed(data[:heads] + bytes(100) + b"Ogg" + data[heads:])
        ]
        assert 103 == cutter.skipped

    def test_packets_go_on_over_pages(self) -> None:
        """A packet that continues on the next page is one packet, unless its begin is missing."""
        packet = b"\x48" + bytes(range(250)) * 4
        halves = [packet[:510], packet[510:]]
        pages = [bytearray(make_page([half], number, 0)) for number, half in enumerate(halves, 2)]
        del pages[0][27 + 2]  # the segment of 0 bytes: the packet goes on
        pages[0][26] -= 1
        pages[1][5] |= 1
        whole = [_sealed(page) for page in pages]
        heads = stream_of("opus", [])
        assert [packet] == [one.data for one in found("opus", [heads + whole[0] + whole[1]])]
        damaged = bytes(whole[0][:-1])
        other = make_page([b"\x48 another"], 4, 0)
        found_after = found("opus", [heads + damaged + whole[1] + other])
        assert [b"\x48 another"] == [one.data for one in found_after]

    def test_one_stream_after_the_other(self) -> None:
        """Chained streams are one; their further headers are no audio."""
        packets = packets_of("opus", 6)
        second = bytearray(stream_of("opus", packets[3:]))
        chained = stream_of("opus", packets[:3]) + _with_serial(bytes(second), 9)
        assert packets == [packet.data for packet in found("opus", [chained])]

    def test_streams_beside_each_other(self) -> None:
        """Of several streams at once, the first is read."""
        packets = packets_of("opus", 3)
        heads, audio = stream_of("opus", []), stream_of("opus", packets)
        first_page = len(make_page([opus_head()], 0, 0))
        beside = _with_serial(heads[:first_page], 9)
        mixed = audio[:first_page] + beside + audio[first_page:]
        mixed += _with_serial(make_page([b"\x48 beside"], 5, 0), 9)
        assert packets == [packet.data for packet in found("opus", [mixed])]

    @pytest.mark.parametrize(
        ("format", "name"), [("opus", "Opus in Ogg"), ("speex", "Speex in Ogg")]
    )
    def test_other_codecs_are_refused(self, format: str, name: str) -> None:
        """Ogg with another codec, or no Ogg at all, is refused by its declared name."""
        for data in (make_page([b"\x01vorbis"], 0, 0), bytes(70_000)):
            with pytest.raises(AudioError, match=f"declared as {format} and is not {name}"):
                found(format, [data])

    def test_speex_that_changes_is_refused(self) -> None:
        """A second stream of another rate cannot continue the first."""
        first = ogg(speex_head(), [b"a"])
        second = _with_serial(ogg(speex_head(8000, 160), [b"b"]), 9)
        with pytest.raises(AudioError, match="changes its format"):
            found("speex", [first + second])

    @pytest.mark.parametrize(
        ("packet", "samples"),
        [
            (b"\x48", 960),  # SILK, 20 ms
            (b"\x18x", 2880),  # 60 ms
            (b"\x60x", 480),  # hybrid, 10 ms
            (b"\xe0x", 120),  # CELT, 2.5 ms
            (b"\x49x", 1920),  # two frames
            (b"\x4ax", 1920),
            (b"\x4b\x03", 2880),  # three
            (b"\x4b", None),  # without its count
        ],
    )
    def test_lengths_of_opus(self, packet: bytes, samples: int | None) -> None:
        """The first bytes of a packet give its length; one without a length is no audio."""
        expected = [] if samples is None else [samples]
        assert expected == [one.samples for one in found("opus", [stream_of("opus", [packet])])]

    def test_a_packet_of_speex_has_several_frames(self) -> None:
        """The header says how many."""
        data = ogg(speex_head(8000, 160, 3), [b"a", b"b"])
        assert [480, 480] == [packet.samples for packet in found("speex", [data])]


def _sealed(page: bytearray) -> bytes:
    """Return a page with its checksum, bit by bit as RFC 3533 describes it."""
    page[22:26] = bytes(4)
    register = 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
    page[22:26] = struct.pack("<I", register)
    return bytes(page)


def _with_serial(stream: bytes, serial: int) -> bytes:
    """Return the pages of a stream under another serial number."""
    pages, at = list[bytes](), 0
    while at < len(stream):
        segments = stream[at + 26]
        size = 27 + segments + sum(stream[at + 27 : at + 27 + segments])
        page = bytearray(stream[at : at + size])
        page[14:18] = struct.pack("<I", serial)
        pages.append(_sealed(page))
        at += size
    return b"".join(pages)


class TestPackets:
    """Packets as a piece of audio."""

    PACKETS = Packets([Packet(bytes((number,)), 10) for number in range(5)])

    def test_they_are_as_long_as_their_pcm(self) -> None:
        """Two bytes for each sample; the bytes themselves are joined."""
        assert 100 == len(self.PACKETS)
        assert bytes(range(5)) == bytes(self.PACKETS)

    @pytest.mark.parametrize(
        ("begin", "end", "expected", "size"),
        [
            (0, 100, b"\0\1\2\3\4", 100),
            (20, 60, b"\1\2", 40),
            (25, 60, b"\1\2", 35),
            (20, 61, b"\1\2\3", 41),
            (100, 100, b"", 0),
            (60, None, b"\3\4", 40),
        ],
    )
    def test_a_part_has_every_packet_of_which_it_has_a_part(
        self, begin: int, end: int | None, expected: bytes, size: int
    ) -> None:
        """A part is as long as it was asked for, and contains no half of a packet."""
        part = self.PACKETS[begin:end]
        assert (expected, size) == (bytes(part), len(part))

    def test_frames_are_what_the_service_takes(self) -> None:
        """What a chunk completes is passed on at once, in frames of at most 16 KB."""
        cutter = cutter_of("mp3")
        framer = PacketFramer(cutter, joiner_of(cutter))
        framer.align(7)  # of no use: packets are whole
        packets = packets_of("mp3", 400)
        pieces = list(framer.feed(b"".join(packets)))
        assert packets == [packet.data for piece in pieces for packet in piece.packets]
        assert all(len(bytes(piece)) <= 15 * 1024 for piece in pieces)
        assert framer.is_begun
        assert (b"", []) == (framer.flush(), list(framer.feed(b"")))
