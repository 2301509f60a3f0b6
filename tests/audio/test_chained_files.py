"""Ogg files of several links, and damaged ones: what is intact is read, the rest remarked on."""

import io
from pathlib import Path

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.packets.paging import make_page
from paraformer_async.audio.containers.ogg import scan_ogg
from tests.audio.making import RECORDED
from tests.audio.test_file_ends import BEHIND, NOISE, RATE, encode, read
from tests.core.packet_streams import ogg, opus_head, packets_of

pytestmark = pytest.mark.anyio

CODECS = pytest.mark.parametrize("codec", ["VORBIS", "OPUS", "speex"])
TAG = BEHIND["ID3v1"]


def link(codec: str) -> bytes:
    """Return an Ogg file of one link."""
    if codec == "speex":
        return RECORDED["speex"].read_bytes()
    return encode(NOISE, "OGG", subtype=codec)


async def samples_of(path: Path, data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the samples of a file, and the remarks on it."""
    await anyio.Path(path).write_bytes(data)
    samples, audio = await read(path)
    return samples, audio.remarks


@CODECS
async def test_a_tag_between_links(tmp_path: Path, codec: str) -> None:
    """A tag behind a link hides neither the next link, nor is it damage."""
    one = link(codec)
    samples, _ = await samples_of(tmp_path / "a.ogg", one)
    for data in (one + TAG + one, one + one + TAG):
        joined, remarks = await samples_of(tmp_path / "a.ogg", data)
        assert 2 * len(samples) == pytest.approx(len(joined), abs=400)
        assert () == remarks


@CODECS
async def test_a_link_behind_one_that_was_cut_off(tmp_path: Path, codec: str) -> None:
    """A recorder that was killed, and has appended another link: both are read, with a remark."""
    one = link(codec)
    whole, _ = await samples_of(tmp_path / "a.ogg", one)
    half = one[: len(one) * 2 // 3]
    cut, _ = await samples_of(tmp_path / "a.ogg", half)
    joined, remarks = await samples_of(tmp_path / "a.ogg", half + one)
    assert len(whole) + len(cut) == pytest.approx(len(joined), abs=700)
    assert "is damaged after" in " ".join(remarks)


@CODECS
async def test_a_damaged_page(tmp_path: Path, codec: str) -> None:
    """A page of which a bit has changed is left out, and the remark says where it was."""
    one = bytearray(link(codec))
    places = [at for at in range(len(one)) if one.startswith(b"OggS", at)]
    middle = places[len(places) // 2]
    last = places[len(places) // 2 - 1]
    granule = int.from_bytes(one[last + 6 : last + 14], "little", signed=True)
    one[middle + 100] ^= 1
    _, remarks = await samples_of(tmp_path / "a.ogg", bytes(one))
    seconds = max(0, granule) / (48_000 if codec == "OPUS" else RATE)
    assert remarks[0].startswith(f"is damaged after {seconds:.2f} s")
    assert codec == "speex" or "s of audio are missing" in remarks[0]


def test_a_damaged_page_of_a_running_stream() -> None:
    """Where a recording began with a stream that ran before, the place is within the recording."""
    pages = [make_page([opus_head()], 0, 0), make_page([b"OpusTags"], 1, 0)]
    pages += [
        make_page([packet], number, 48_000 * (1000 + number))
        for number, packet in enumerate(packets_of("opus", 9), 2)
    ]
    data = b"".join((*pages[:6], b"damage", *pages[6:]))
    assert "is damaged after 3.00 s" == scan_ogg(io.BytesIO(data), len(data)).remark


@given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
def test_any_bytes(junk: bytes, more: bytes, whole: bool) -> None:
    """Whatever is between pages: the sections lie in the file, in order, and begin with pages."""
    pages = ogg(opus_head(), packets_of("opus", 9))
    data = b"OggS" + junk + pages[: None if whole else -20] + more + pages + junk
    sections = scan_ogg(io.BytesIO(data), len(data)).sections
    places = [place for one in sections for place in (one.start, one.end)]
    assert sorted(places) == places
    assert places[-1] <= len(data)
    assert all(data.startswith(b"OggS", one.start) for one in sections)
