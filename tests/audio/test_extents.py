"""Whatever bytes a file has, where it ends is found, or not, and never an error."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.packets.paging import make_page
from paraformer_async.audio.containers.extents import scan_extents
from paraformer_async.audio.containers.ogg import scan_ogg

BEGINNINGS = (
    b".snd",
    b"FORM\0\0\0\x40AIFF",
    b"caff\0\1\0\0",
    b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0",
    b"Creative Voice File\x1a\x1a\0",
    b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67",
    b"RIFF\x40\0\0\0AVI LIST",
    bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    b"\0\0\0\x10ftypM4A \0\0\0\0",
    b"FLV\x01\5\0\0\0\x09\0\0\0\0",
    b"TTA1\1\0\1\0\x10\0",
    b"wvpk",
)


@given(data=st.binary(max_size=300), beginning=st.sampled_from(BEGINNINGS), times=st.integers(1, 3))
def test_any_bytes(data: bytes, beginning: bytes, times: int) -> None:
    """The sections of any bytes cover all of them, in order, and a share of them is kept."""
    content = (beginning + data) * times
    scan = scan_extents(io.BytesIO(content), len(content))
    places = [place for section in scan.sections for place in (section.start, section.end)]
    assert places == sorted(places)
    assert (0, len(content)) == (places[0], places[-1]) or scan.remark
    assert all(places[at] == places[at + 1] for at in range(1, len(places) - 1, 2))
    assert 0 <= scan.kept <= 1


@pytest.mark.parametrize("length", [(1 << 64) - 1, 1 << 63, 1 << 62])
@pytest.mark.parametrize(
    "header",
    [
        b"\0\0\0\x10ftypM4A \0\0\0\0\0\0\0\1mdat",
        b"caff\0\1\0\0data",
        b"\x1a\x45\xdf\xa3\x01",
    ],
)
def test_lengths_beyond_any_file(header: bytes, length: int) -> None:
    """A length that no file has is not looked for."""
    content = header + struct.pack(">Q", length) + bytes(100)
    scan = scan_extents(io.BytesIO(content), len(content))
    assert (0, len(content)) == (scan.sections[0].start, scan.sections[-1].end)


VORBIS = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 1, 16_000, 0, 0, 0, 0xA8, 1)  # up to 1024
OPUS = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 16_000, 0, 0)
SPEEX = b"Speex   ".ljust(36, b"\0") + struct.pack("<i", 16_000)
OPUS_PACKET = bytes((1 << 3, 0))  # 20 ms


@pytest.mark.parametrize(
    ("head", "packet", "step", "has_gaps"),
    [
        (VORBIS, b"\0", 10 * 1024, False),
        (VORBIS, b"\0", 10 * 1024 + 3201, True),
        (VORBIS[:20], b"\0", 1 << 20, False),
        (OPUS, OPUS_PACKET, 10 * 960, False),
        (OPUS, OPUS_PACKET + bytes(400), 10 * 960, False),
        (OPUS, OPUS_PACKET + bytes(400), 10 * 960 + 9601, True),
        (SPEEX, b"\0", 1 << 20, False),
    ],
)
def test_gaps_in_ogg(head: bytes, packet: bytes, step: int, *, has_gaps: bool) -> None:
    """A page of Ogg that is later than its packets may last is behind a gap."""
    pages = [make_page([head], 0, 0)]
    pages += [make_page([packet] * 10, number, number * step) for number in (1, 2, 3)]
    data = b"".join(pages)
    assert has_gaps is scan_ogg(io.BytesIO(data), len(data)).has_gaps
