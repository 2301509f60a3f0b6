"""The end of a file is where its bytes end, whatever its header and its decoder say."""

import contextlib
import io
import os
import socket
import struct
import sys
import threading
import tracemalloc
from itertools import pairwise
from pathlib import Path
from traceback import walk_tb
from typing import IO

import anyio
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.packets.paging import _checksum
from paraformer_async.audio import files, seekable
from paraformer_async.audio.containers import riff
from paraformer_async.audio.containers.mpeg import _frames, scan_mpeg
from paraformer_async.audio.containers.riff import scan_wav
from paraformer_async.audio.files import AudioFile, open_audio
from paraformer_async.errors import AudioError, InvalidOptionError

pytestmark = pytest.mark.anyio

RATE = 16_000
NOISE = np.random.default_rng(7).normal(0, 3000, 4 * RATE).astype(np.int16)
LONG = np.tile(NOISE, 10)  # longer than what is read into memory at once


def encode(samples: np.ndarray, format: str, rate: int = RATE, **options: object) -> bytes:
    """Return *samples* as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, **options)
    return file.getvalue()


async def read(path: Path, position: int = 0) -> tuple[np.ndarray, AudioFile]:
    """Return the samples of a file, and the file."""
    async with open_audio(path, chunk_ms=300) as audio:
        pcm = b"".join([chunk async for chunk in audio.read_from(position)])
        return np.frombuffer(pcm, "<i2"), audio


def without_tag(mp3: bytes) -> bytes:
    """Return an MP3 file without the tag of its encoder: without its first frame."""
    (section,) = scan_mpeg(io.BytesIO(mp3), len(mp3)).sections
    second = mp3.index(mp3[section.start : section.start + 2], section.start + 4)
    return mp3[second:]


def header(*, riff: int, data: int, extra: bytes = b"") -> bytes:
    """Return a WAV header with these sizes."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVE"
        + fmt
        + extra
        + struct.pack("<4sI", b"data", data)
    )


async def test_mp3_without_a_tag(tmp_path: Path) -> None:
    """An MP3 of variable bit rate is read to its end, though its length can only be estimated."""
    quiet = np.zeros(20 * RATE, np.int16)
    mp3 = encode(np.concatenate([NOISE, quiet]), "MP3", bitrate_mode="VARIABLE")
    path = tmp_path / "a.mp3"
    path.write_bytes(without_tag(mp3))
    samples, audio = await read(path)
    assert 24 == pytest.approx(len(samples) / RATE, abs=0.2)
    assert 24 == pytest.approx(audio.duration, abs=0.2)


EXACT = ("FLAC", "WAV", "RF64", "AIFF", "AU", "CAF", "W64", "VOC")


@pytest.mark.parametrize("format", ["MP3", "OGG", *EXACT])
async def test_joined_files(tmp_path: Path, format: str) -> None:
    """Files that were joined are read to the end of the last one."""
    subtype = "PCM_16" if format in EXACT else None
    first, second = (encode(NOISE[: n * RATE], format, subtype=subtype) for n in (1, 3))
    path = tmp_path / "a"
    path.write_bytes(first + second)
    samples, audio = await read(path)
    assert 4.0 == pytest.approx(audio.duration, abs=0.01)
    assert 4 * RATE == pytest.approx(len(samples), abs=160)
    assert () == audio.remarks
    if format in EXACT:
        assert np.array_equal(samples, np.concatenate([NOISE[:RATE], NOISE[: 3 * RATE]]))


@pytest.mark.parametrize("format", ["AIFF", "AU", "CAF", "W64", "VOC"])
async def test_another_file_behind(tmp_path: Path, format: str) -> None:
    """What is behind the end of a file and is not of its kind is not read; a remark names it."""
    path = tmp_path / "a"
    path.write_bytes(encode(NOISE, format, subtype="PCM_16") + encode(NOISE, "FLAC"))
    samples, audio = await read(path)
    assert np.array_equal(samples, NOISE)
    assert ("is followed by another file, FLAC, which was not read",) == audio.remarks


@pytest.mark.parametrize("format", ["MP3", "FLAC", "OGG", "WAV"])
async def test_joined_files_of_several_rates(tmp_path: Path, format: str) -> None:
    """A file whose sample rate changes in the middle is refused before any of it is read."""
    path = tmp_path / "a"
    path.write_bytes(encode(NOISE, format) + encode(NOISE, format, 48_000))
    with pytest.raises(AudioError, match=r"changes its format.*16000 Hz.*48000 Hz") as caught:
        await read(path)
    assert "ffmpeg" not in caught.value.hint  # which converts only the first of them


async def test_mp3_whose_tag_declares_too_little(tmp_path: Path) -> None:
    """An MP3 file that grew after its tag was written is read to its end."""
    mp3 = encode(NOISE, "MP3")
    place = mp3.index(b"Xing" if b"Xing" in mp3 else b"Info") + 8
    path = tmp_path / "a.mp3"
    path.write_bytes(mp3[:place] + struct.pack(">I", 3) + mp3[place + 4 :])
    samples, _ = await read(path)
    assert 4 * RATE == pytest.approx(len(samples), abs=0.2 * RATE)


async def test_damage_within_an_mp3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is no frame of an MP3 file is skipped, with a remark unless it is tag or padding."""
    mp3 = encode(NOISE, "MP3")
    junk = np.random.default_rng(1).integers(0, 255, 5000, np.uint8).tobytes()
    tags = b"TAG" + bytes(125) + b"ID3\4\0\0\0\0\1\0" + bytes(128)
    path = tmp_path / "a.mp3"
    places = [position for position, *_ in _frames(io.BytesIO(mp3))]
    half = places[len(places) // 2]
    for gap, is_damage in ((tags, False), (bytes(3000), False), (junk, True)):
        path.write_bytes(mp3[:half] + gap + mp3[half:])
        samples, audio = await read(path)
        assert 4 == pytest.approx(len(samples) / RATE, abs=0.3)
        assert ["is damaged after"] * is_damage == [one[:16] for one in audio.remarks]
    path.write_bytes(mp3[: len(mp3) // 2])
    (remark,) = (await read(path))[1].remarks
    assert remark.startswith("ends early: it declares 4.")
    assert ("", "") == capfd.readouterr()


async def test_ogg_that_was_cut_off(tmp_path: Path) -> None:
    """An Ogg file that ends within a page is remarked on."""
    ogg = encode(NOISE, "OGG")
    path = tmp_path / "a.ogg"
    path.write_bytes(ogg + ogg[: len(ogg) // 2])
    _, audio = await read(path)
    assert 4 <= audio.duration
    assert ("was cut off in its last page",) == audio.remarks


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW"])
async def test_rf64_that_was_cut_off(tmp_path: Path, magic: bytes, subtype: str) -> None:
    """A file of a large variant of WAV is read; a remark says if it was cut off."""
    rf64 = magic + encode(NOISE, "RF64", subtype=subtype)[4:]
    path = tmp_path / "a.wav"
    path.write_bytes(rf64)
    samples, audio = await read(path)
    assert subtype == "ULAW" or np.array_equal(samples, NOISE)
    assert (len(NOISE), ()) == (len(samples), audio.remarks)
    path.write_bytes(rf64[: len(rf64) // 2])
    (remark,) = (await read(path))[1].remarks
    assert remark.startswith("ends early: it declares 4.00 s")


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
async def test_sizes_beyond_32_bits(tmp_path: Path, magic: bytes, subtype: str) -> None:
    """A large variant of WAV is read where its size takes more than 32 bits."""
    rf64 = encode(NOISE, "RF64", subtype=subtype)
    data, sizes, size = rf64.index(b"data") + 8, rf64.index(b"ds64") + 8, 5 << 30
    declared = struct.pack("<QQ", data + size - 8, size)
    path = tmp_path / "a.wav"
    with path.open("wb") as file:
        file.write(magic + rf64[4:sizes] + declared + rf64[sizes + 16 :])
        file.truncate(data + size)
    async with open_audio(path) as audio:
        assert size / RATE / (3 if subtype == "PCM_24" else 2) == pytest.approx(audio.duration, 1)
        async for chunk in audio:
            assert np.array_equal(np.frombuffer(chunk, "<i2"), NOISE[:RATE])
            break


async def test_flac_of_unknown_length(tmp_path: Path) -> None:
    """A FLAC file that declares no length is read to its end, and its duration is that."""
    flac = bytearray(encode(NOISE, "FLAC"))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    path = tmp_path / "a.flac"
    path.write_bytes(flac)
    samples, audio = await read(path)
    assert np.array_equal(samples, NOISE)
    assert 4.0 == audio.duration
    assert () == audio.remarks
    path.write_bytes(flac[: len(flac) // 2])
    samples, audio = await read(path)
    assert np.array_equal(samples, NOISE[: len(samples)])
    assert ("was cut off in its last frame",) == audio.remarks


BEHIND = {
    "nothing": b"",
    "ID3v1": b"TAG".ljust(128, b"\0"),
    "a new line": b"\r\n",
    "a picture": b"APETAGEX" + np.random.default_rng(3).bytes(300_000),
}


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("small", [1 << 20, 0])
async def test_what_follows_the_last_frame_of_flac(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int, behind: str
) -> None:
    """A tag behind a FLAC file costs none of its samples, nor those of a file joined to it."""
    monkeypatch.setattr(seekable, "_SMALL", small)
    flac = encode(NOISE[:50_007], "FLAC") + BEHIND[behind]
    path = tmp_path / "a.flac"
    for count in (1, 2):
        path.write_bytes(flac * count)
        samples, audio = await read(path)
        assert np.array_equal(samples, np.tile(NOISE[:50_007], count))
        assert () == audio.remarks


@pytest.mark.parametrize("riff", [0, 8, 36, 4088, 0xFFFF_FFFF])
@pytest.mark.parametrize("data", [0, 4000, 0x7FFF_FFFF, 0xFFFF_FFFF])
async def test_wav_that_was_never_completed(tmp_path: Path, riff: int, data: int) -> None:
    """A WAV file whose recorder was killed is read to its end, whatever sizes it declares."""
    path = tmp_path / "a.wav"
    path.write_bytes(header(riff=riff, data=data) + NOISE.tobytes())
    samples, audio = await read(path)
    assert np.array_equal(samples, NOISE)
    assert 4.0 == audio.duration
    assert ("not completed" in "".join(audio.remarks)) is (data < 5000)


async def test_padding_before_the_samples(tmp_path: Path) -> None:
    """Chunks before the samples, as recorders leave them for later use, are skipped."""
    path = tmp_path / "a.wav"
    junk = struct.pack("<4sI", b"FLLR", 4044) + bytes(4044)
    path.write_bytes(header(riff=4088, data=0, extra=junk) + NOISE.tobytes())
    assert np.array_equal((await read(path))[0], NOISE)


@pytest.mark.parametrize("odd", [0, 1])
async def test_chunks_after_the_samples(tmp_path: Path, odd: int) -> None:
    """Chunks and tags after the samples are not read as samples."""
    path = tmp_path / "a.wav"
    tags = struct.pack("<4sI", b"LIST", 1000) + b"INFO" + b"\x7f" * 996 + b"TAG" + b"x" * 125
    size = len(NOISE) * 2 + odd
    path.write_bytes(
        header(riff=36 + size, data=size) + NOISE.tobytes() + b"\1\0"[: 2 * odd] + tags
    )
    assert np.array_equal((await read(path))[0], NOISE)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=2000))
async def test_any_sizes(riff: int, data: int, tail: bytes) -> None:
    """Whatever the sizes in a WAV header: the sections lie in the file and cover its beginning."""
    file = header(riff=riff, data=data) + tail
    for size in (len(file), 44, 20, 3):
        sections = scan_wav(io.BytesIO(file[:size]), size).sections
        assert 0 == sections[0].start
        assert all(one.start < one.end <= size for one in sections)


@given(st.binary(max_size=3000))
async def test_any_bytes_for_mp3(data: bytes) -> None:
    """Whatever the bytes: the sections of an MP3 file lie in the file, in order."""
    frame = bytes.fromhex("fff340c4") + bytes(140)
    file = data[:100] + frame * 3 + data
    sections = scan_mpeg(io.BytesIO(file), len(file)).sections
    places = [place for one in sections for place in (one.start, one.end)]
    assert sorted(places) == places
    assert places[-1] <= len(file)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("FLAC", "PCM_16"),
        ("AIFF", "PCM_16"),
    ],
)
@pytest.mark.parametrize("position", [0, 2, 9601, 64_000, 128_000, 999_999])
async def test_reading_again(tmp_path: Path, format: str, subtype: str, position: int) -> None:
    """Reading again from a position yields the bytes from there on, exactly."""
    path = tmp_path / "a"
    path.write_bytes(encode(NOISE, format, subtype=subtype))
    async with open_audio(path) as audio:
        whole = b"".join([chunk async for chunk in audio])
        for _ in range(2):
            again = b"".join([chunk async for chunk in audio.read_from(position)])
            assert whole[position:] == again
        assert 4.0 == audio.duration


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("offset", [0, 20_000])
@pytest.mark.parametrize("change", ["none", "joined", "cut", "unfinished"])
async def test_pcm_without_a_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int, offset: int, change: str
) -> None:
    """16-bit PCM, which needs no decoder, gives the very samples that libsndfile returns."""
    wav = encode(
        (NOISE[: 48_000 // channels * channels] // 4 + offset).reshape(-1, channels), "WAV"
    )
    data = wav.index(b"data") + 4
    changed = {
        "none": wav,
        "joined": wav + wav,
        "cut": wav[:-3001],
        "unfinished": wav[:data] + bytes(4) + wav[data + 4 :],
    }
    path = tmp_path / "a.wav"
    path.write_bytes(changed[change])
    found = []
    for _ in range(2):
        async with open_audio(path, chunk_ms=70) as audio:
            whole = b"".join([chunk async for chunk in audio])
            again = b"".join([chunk async for chunk in audio.read_from(10_000)])
            found.append(
                (whole, again, audio.duration, audio.format, audio.subtype, audio.channels)
            )
        monkeypatch.setattr(riff, "_pcm", lambda *_: None)
    assert found[0] == found[1]
    assert found[0][0][10_000:] == found[0][1]


@pytest.mark.parametrize(
    "wrong",
    [
        *[{"tag": tag} for tag in (0, 3, 6, 7)],
        *[{"bits": bits} for bits in (8, 12, 24)],
        *[{"channels": channels} for channels in (0, 65, 1025)],
        *[{"rate": rate, "byte_rate": 0} for rate in (0, 1 << 31)],
        *[{"size": size} for size in (12, 14, 18, 40)],
        {"byte_rate": 1},
        {"width": 4},
    ],
    ids=str,
)
async def test_headers_of_pcm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, int]
) -> None:
    """Whatever a header declares, its samples are those of libsndfile, and its errors as well."""
    fields = {"tag": 1, "channels": 1, "rate": RATE, "bits": 16, "size": 16} | wrong
    width = fields["bits"] * fields["channels"] // 8
    fields = {"width": width, "byte_rate": width * fields["rate"]} | fields
    names = ("tag", "channels", "rate", "byte_rate", "width", "bits")
    fmt = struct.pack("<HHIIHH", *[fields[name] for name in names])
    data = NOISE[:RATE].tobytes()
    path = tmp_path / "a.wav"
    path.write_bytes(
        struct.pack("<4sI4s", b"RIFF", fields["size"] + len(data) + 20, b"WAVE")
        + struct.pack("<4sI", b"fmt ", fields["size"])
        + fmt[: fields["size"]].ljust(fields["size"], b"\0")
        + struct.pack("<4sI", b"data", len(data))
        + data
    )
    found: list[object] = []
    for _ in range(2):
        try:
            samples, audio = await read(path)
            found.append((samples.tobytes(), audio.sample_rate, audio.channels, audio.subtype))
        except AudioError as error:
            found.append(str(error))
        monkeypatch.setattr(riff, "_pcm", lambda *_: None)
    assert found[0] == found[1]


@pytest.mark.parametrize(("rate", "channels"), [(1 << 26, 1), (1 << 20, 64)])
async def test_a_rate_that_cannot_be(tmp_path: Path, rate: int, channels: int) -> None:
    """The memory that a file takes is that of its samples, whatever its header declares."""
    wav = header(riff=36 + 2 * len(NOISE), data=2 * len(NOISE)) + NOISE.tobytes()
    declared = struct.pack("<HIIH", channels, rate, 2 * channels * rate % (1 << 32), 2 * channels)
    path = tmp_path / "a.wav"
    path.write_bytes(wav[:22] + declared + wav[34:])
    await read(path)  # imports
    tracemalloc.start()
    try:
        _, audio = await read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (rate, channels) == (audio.sample_rate, audio.channels)
    assert peak < 20_000_000


@pytest.mark.parametrize(("byte_rate", "width"), [(4 * RATE, 2), (1, 2), (2 * RATE, 4), (0, 0)])
async def test_a_wrong_rate_of_bytes(tmp_path: Path, byte_rate: int, width: int) -> None:
    """A rate of bytes that a recorder has miscalculated does not change the declared duration."""
    wav = header(riff=36 + 4 * len(NOISE), data=4 * len(NOISE)) + NOISE.tobytes()  # half is there
    path = tmp_path / "a.wav"
    path.write_bytes(wav[:28] + struct.pack("<IH", byte_rate, width) + wav[34:])
    async with open_audio(path) as audio:
        assert 8.0 == audio.duration
        await audio.measure()
    assert ("ends early: it declares 8.00 s of audio but contains 4.00 s",) == audio.remarks


async def test_reading_again_from_a_deleted_file(tmp_path: Path) -> None:
    """A file that was deleted or replaced meanwhile is still read again: it is held open."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(LONG, "WAV"))
    async with open_audio(path) as audio:
        assert await anext(aiter(audio))
        if os.name != "nt":
            path.unlink()
            path.write_bytes(b"something else")
        again = b"".join([chunk async for chunk in audio.read_from(64_000)])
    assert LONG[32_000:].tobytes() == again


@pytest.mark.parametrize("change", ["cut", "rewritten"])
async def test_a_file_that_changes_cannot_be_read_again(tmp_path: Path, change: str) -> None:
    """If a file was cut or rewritten meanwhile, reading it again raises a clear error."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(LONG, "WAV"))
    async with open_audio(path) as audio:
        assert await anext(aiter(audio))
        if change == "cut":
            os.truncate(path, 1000)
        else:
            path.write_bytes(encode(LONG[::-1], "WAV"))
            os.utime(path, (1, 1))
        with pytest.raises(AudioError, match=r"a\.wav has changed"):
            await anext(audio.read_from(2))


async def test_a_small_file_may_change(tmp_path: Path) -> None:
    """A small file is in memory once it was opened: what becomes of it on disk is all the same."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(NOISE, "WAV"))
    async with open_audio(path) as audio:
        os.truncate(path, 1000)
        for _ in range(2):
            assert NOISE.tobytes() == b"".join([chunk async for chunk in audio])


@pytest.mark.parametrize("size", [1000, 3 * len(NOISE)])
async def test_a_file_that_changes_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A small file that was cut, or has grown, since its size was known is read from the disk."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(NOISE, "WAV"))

    def status_of(file: IO[bytes]) -> tuple[int, int]:
        before = true_status_of(file)
        os.truncate(path, size)
        return before

    true_status_of = seekable.status_of
    monkeypatch.setattr(seekable, "status_of", status_of)
    samples, _ = await read(path)
    expected = np.frombuffer(path.read_bytes()[44:], "<i2")
    assert np.array_equal(expected, samples)


@pytest.mark.parametrize("chunk_ms", [300, 2000])
@pytest.mark.parametrize("small", [1 << 20, 0])
async def test_damage_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_ms: int, small: int
) -> None:
    """Without FFmpeg, what is intact before damage is yielded, however much is read at once."""
    monkeypatch.setitem(sys.modules, "av.error", None)
    monkeypatch.setattr(seekable, "_SMALL", small)
    flac = bytearray(encode(NOISE, "FLAC"))
    flac[len(flac) // 2 : len(flac) // 2 + 20_000] = bytes(20_000)
    path = tmp_path / "a.flac"
    path.write_bytes(flac)
    pcm = b""
    async with open_audio(path, chunk_ms=chunk_ms) as audio:
        message = r"is damaged after 1\.\d\d s of 4\.00 s of audio"
        with pytest.raises(AudioError, match=message) as caught:
            async for chunk in audio:
                pcm += chunk
    assert NOISE.tobytes().startswith(pcm)
    assert intact_samples(path) - 1024 <= len(pcm) // 2
    # Its frames would be a cycle with the buffers of libsndfile, which crashes when collected.
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__traceback__ is None


@pytest.mark.parametrize("chunk_ms", [300, 2000])
async def test_what_follows_damage(tmp_path: Path, chunk_ms: int) -> None:
    """FFmpeg reads on where libsndfile cannot; a remark says so, and all can be read again."""
    flac = bytearray(encode(NOISE, "FLAC"))
    flac[len(flac) // 2 : len(flac) // 2 + 20_000] = bytes(20_000)
    path = tmp_path / "a.flac"
    path.write_bytes(flac)
    async with open_audio(path, chunk_ms=chunk_ms) as audio:
        pcm = b"".join([chunk async for chunk in audio])
        for position in (3001, 0, len(pcm) - 99):
            again = b"".join([chunk async for chunk in audio.read_from(position)])
            assert pcm[position:] == again
    intact = NOISE.tobytes()
    size = 2 * (intact_samples(path) - 1024)
    assert pcm[:size] == intact[:size]
    assert pcm[-RATE:] == intact[-RATE:]
    assert "cannot be decoded by libsndfile after 1." in audio.remarks[0]


async def test_a_gap_in_the_timestamps_of_opus(tmp_path: Path) -> None:
    """What follows a gap, as packets that were lost leave it, is read (RFC 7845, section 4.1)."""
    ogg = bytearray(encode(NOISE, "OGG", subtype="OPUS"))
    pages = [place for place in range(len(ogg)) if ogg.startswith(b"OggS", place)]
    for start, end in pairwise([*pages[len(pages) // 2 :], len(ogg)]):
        (granule,) = struct.unpack_from("<q", ogg, start + 6)
        struct.pack_into("<q", ogg, start + 6, granule + 5 * 48_000)
        struct.pack_into("<I", ogg, start + 22, 0)
        struct.pack_into("<I", ogg, start + 22, _checksum(bytes(ogg[start:end])))
    path = tmp_path / "a.opus"
    path.write_bytes(ogg)
    samples, _ = await read(path)
    assert len(samples) >= 4 * RATE


def intact_samples(path: Path) -> int:
    """Return the number of samples before the damage in a file, a multiple of 32."""
    intact = 0
    with soundfile.SoundFile(path) as sound, contextlib.suppress(soundfile.LibsndfileError):
        sound.seekable = lambda: False
        while sound.buffer_read_into(bytearray(64), "int16"):
            intact += 32
    return intact


async def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read error of the disk is not the end of the audio, but an error that names the file."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(LONG, "WAV"))
    async with open_audio(path, chunk_ms=300) as audio:

        class Failing(io.FileIO):
            def readinto(self, buffer: object) -> int:
                raise OSError(5, "Input/output error")

        chunks = aiter(audio)
        assert await anext(chunks)
        with Failing(path) as failing:
            monkeypatch.setattr(audio._reader._section._region, "_file", failing)
            with pytest.raises(
                AudioError, match=r"a\.wav cannot be read after \d\.\d0 s: Input"
            ) as it:
                [None async for _ in chunks]
    # No frame that holds the memory of a decoder is kept: see `Region.readinto`.
    error: BaseException | None = it.value
    while error is not None:
        frames = [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]
        assert "readinto" not in frames
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("format", ["WAV", "FLAC"])
async def test_a_file_that_is_cut_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    """If a file is cut while it is being read, what is missing is not taken for its end."""
    monkeypatch.setattr(seekable, "_SMALL", 0)
    path = tmp_path / "a"
    path.write_bytes(encode(LONG, format))
    async with open_audio(path) as audio:
        chunks = aiter(audio)
        assert await anext(chunks)
        os.truncate(path, 1000)
        with pytest.raises(AudioError, match=r"a cannot be read after \d+\.\d\d s: it was cut"):
            [None async for _ in chunks]


async def test_sockets_and_devices_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read like a file is refused at once, with what to do."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.wav")  # the length of a path to a socket is limited
        with anyio.fail_after(2):
            with pytest.raises(AudioError, match="is a socket"):
                await read(tmp_path / "socket.wav")
            with pytest.raises(AudioError, match="is a device"):
                await read(Path("/dev/null"))


async def test_slow_disks_starve_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that wait for a slow disk hold up neither other files nor other worker threads."""
    path = tmp_path / "a.wav"
    path.write_bytes(encode(NOISE, "WAV"))
    slow = tmp_path / "slow.wav"
    slow.write_bytes(path.read_bytes())
    released = threading.Event()
    open_file = files.open_reader

    def open_slowly(file: IO[bytes], path: Path, *others: object, **named: object) -> object:
        if path == slow:
            released.wait(10)
        return open_file(file, path, *others, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "open_reader", open_slowly)
    async with anyio.create_task_group() as tasks:
        try:
            for _ in range(60):
                tasks.start_soon(read, slow)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(5):
                assert 4.0 == (await read(path))[1].duration
                await anyio.to_thread.run_sync(released.is_set)
        finally:
            released.set()


@pytest.mark.parametrize("path", ["", "a\0b"])
async def test_impossible_path(path: str) -> None:
    """A path that cannot exist is refused with an error of ours."""
    with pytest.raises(InvalidOptionError, match="not a path"):
        async with open_audio(path):
            pass


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("AIFF", "PCM_16"),
        ("AIFF", "PCM_24"),
        ("AU", "ULAW"),
        ("CAF", "PCM_16"),
        ("W64", "PCM_16"),
        ("VOC", "PCM_16"),
        ("WAV", "MS_ADPCM"),
        ("WAV", "IMA_ADPCM"),
        ("WAV", "GSM610"),
    ],
)
async def test_cut_off(tmp_path: Path, format: str, subtype: str) -> None:
    """A file that was cut off is read as far as it goes; a remark says how much is missing."""
    data = encode(NOISE, format, subtype=subtype)
    path = tmp_path / "a"
    path.write_bytes(data)
    samples, audio = await read(path)
    assert () == audio.remarks
    assert len(NOISE) == pytest.approx(len(samples), abs=320)  # a block of GSM
    path.write_bytes(data[: len(data) // 2])
    samples, audio = await read(path)
    assert 2.0 == pytest.approx(audio.duration, abs=0.15)
    (remark,) = audio.remarks
    declared = remark.removeprefix("ends early: it declares ").partition(" s")[0]
    assert 4.0 == pytest.approx(float(declared), abs=0.3)
