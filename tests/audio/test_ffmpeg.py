"""Files that only FFmpeg's libraries can read: all of the audio in them, or one clear error."""

import contextlib
import errno
import io
import logging
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from paraformer_async.audio.files import AudioFile, open_audio
from paraformer_async.audio.readers import open_reader
from paraformer_async.errors import AudioError, MissingExtraError
from tests.audio.making import RATE, RECORDED, make, make_silent_video

pytestmark = pytest.mark.anyio

SECONDS = 3
_TIMES = np.arange(SECONDS * RATE) / RATE
# A tone that becomes louder: where it is in time can be measured after any codec.
RISING = (np.sin(2 * np.pi * 440 * _TIMES) * 20_000 * _TIMES / SECONDS).astype(np.int16)

FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a.m4a": ("ipod", "aac", {}),
    "alac.m4a": ("ipod", "alac", {}),
    "5.1.m4a": ("ipod", "aac", {"rate": 48_000, "layout": "5.1"}),
    "7.1.m4a": ("ipod", "aac", {"rate": 48_000, "layout": "7.1"}),
    "a.mp4": ("mp4", "aac", {"video": True}),
    "a.mov": ("mov", "pcm_s16be", {"video": True}),
    "a.3gp": ("3gp", "aac", {}),
    "a.webm": ("webm", "libopus", {"rate": 48_000, "layout": "stereo"}),
    "a.mkv": ("matroska", "flac", {"video": True}),
    "s32.mka": ("matroska", "pcm_s32le", {}),
    "f64.mka": ("matroska", "pcm_f64le", {}),
    "a.aac": ("adts", "aac", {}),
    "a.avi": ("avi", "libmp3lame", {"video": True}),
    "a.ts": ("mpegts", "aac", {"video": True}),
    "a.vob": ("vob", "mp2", {"rate": 48_000, "video": True}),
    "a.wv": ("wv", "wavpack", {}),
    "g722.wav": ("wav", "g722", {}),
}


async def read(path: Path, **options: Any) -> tuple[np.ndarray, AudioFile]:
    """Return the samples of a file, and the file."""
    async with open_audio(path, chunk_ms=300, **options) as audio:
        pcm = b"".join([chunk async for chunk in audio])
        return np.frombuffer(pcm, "<i2"), audio


def loudness(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return the loudness of each tenth of a second."""
    size = rate // 10
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(float)
    return np.sqrt(np.square(blocks).mean(axis=1))


@pytest.mark.parametrize("name", FORMATS)
async def test_formats(tmp_path: Path, name: str) -> None:
    """Every format returns the audio, in its place, at its rate, without a remark."""
    container, codec, options = FORMATS[name]
    path = make(tmp_path / name, RISING, container, codec, **options)
    samples, audio = await read(path)
    rate = options.get("rate", RATE)
    assert rate == audio.sample_rate
    assert SECONDS == pytest.approx(audio.duration, abs=0.1)
    assert len(samples) == round(audio.duration * rate)
    found = loudness(samples, rate)[: 10 * SECONDS]
    assert np.corrcoef(found, loudness(RISING, RATE)[: len(found)])[0, 1] > 0.98
    assert () == audio.remarks


@pytest.mark.parametrize(("name", "rate"), [("amr", 8000), ("amr-wb", RATE), ("speex", RATE)])
async def test_recorded_formats(name: str, rate: int) -> None:
    """A format that was made elsewhere returns the audio, in its place, without a remark."""
    samples, audio = await read(RECORDED[name])
    original, wav = await read(Path(__file__).parents[2] / "examples/audio/goforward.wav")
    assert (rate, round(audio.duration * rate)) == (audio.sample_rate, len(samples))
    assert wav.duration == pytest.approx(audio.duration, abs=0.05)
    expected = loudness(original, RATE)
    found = loudness(samples, rate)[: len(expected)]
    assert np.corrcoef(found, expected[: len(found)])[0, 1] > 0.9  # a tenth beside: below 0.5
    assert () == audio.remarks


async def test_amr(tmp_path: Path) -> None:
    """The duration of AMR is that of its frames, whatever the average rate would make of it."""
    path = tmp_path / "a.amr"
    frames = [b"\x3c" + bytes(31)] * 50 + [b"\x04" + bytes(12)] * 100  # 12.2 and 4.75 kbit/s
    path.write_bytes(b"#!AMR\n" + b"".join(frames))
    samples, audio = await read(path)
    assert ("AMR-NB", 8000, 3.0) == (audio.format, audio.sample_rate, audio.duration)
    assert 3 * 8000 == len(samples)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mka", "pcm_s16le"), ("a.mka", "pcm_s32le"), ("a.m4a", "alac")]
)
async def test_lossless(tmp_path: Path, name: str, codec: str) -> None:
    """A lossless codec returns exactly the samples that were written."""
    samples, _ = await read(make(tmp_path / name, RISING, "", codec))
    assert np.array_equal(samples, RISING)


async def test_the_content_decides_not_the_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file is read whatever its name, colons included, and the log says what it is."""
    caplog.set_level(logging.INFO)
    for name in ("a.wav", "2026-11-28T10:30.mp3", "http:a.aac"):
        samples, audio = await read(
            make(tmp_path / "x", RISING, "mp4", "aac").rename(tmp_path / name)
        )
        assert SECONDS * RATE == pytest.approx(len(samples), abs=2048)
        assert "MP4/M4A" == audio.format
        assert f"{name} is MP4/M4A, whatever its name" in caplog.text


async def test_read_again(tmp_path: Path) -> None:
    """What is read again, from any position, equals what was read at first."""
    path = make(tmp_path / "a.m4a", RISING, "", "aac")
    async with open_audio(path, chunk_ms=70) as audio:
        whole = b"".join([chunk async for chunk in audio])
        for position in (0, 2000, len(whole) - 10):
            rest = b"".join([chunk async for chunk in audio.read_from(position)])
            assert rest == whole[position:]


async def test_a_file_that_changes(tmp_path: Path) -> None:
    """A file that changed since it was opened is not read again."""
    long = np.tile(RISING, 12)  # longer than what is read into memory at once
    path = make(tmp_path / "a.mka", long, "matroska", "pcm_s16le")
    async with open_audio(path) as audio:
        first = [chunk async for chunk in audio]
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(AudioError, match="has changed"):
            [chunk async for chunk in audio.read_from(0)]
    assert first


@pytest.mark.parametrize(
    ("name", "container", "codec", "options", "remark"),
    [
        ("a.m4a", "mp4", "aac", {"movflags": "faststart"}, "declares 3.0"),
        ("a.mka", "matroska", "pcm_s16le", {}, "declares 3.00 s of audio but contains 1."),
        ("a.aac", "adts", "aac", {}, "was cut off in its last packet"),
    ],
)
async def test_cut_off(
    tmp_path: Path,
    name: str,
    container: str,
    codec: str,
    options: dict[str, str],
    remark: str,
) -> None:
    """A file that was cut off returns what is there; a remark says how much is missing."""
    path = make(tmp_path / name, RISING, container, codec, **options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    samples, audio = await read(path)
    assert 1 < len(samples) / RATE < 2.5
    assert remark in audio.remarks[0]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mkv", "libmp3lame"),
        ("a.avi", "libmp3lame"),
        ("a.avi", "pcm_s16le"),
        ("a.tta", "tta"),
    ],
)
async def test_cut_off_by_its_structure(tmp_path: Path, name: str, codec: str) -> None:
    """A container, with a picture or not, declares its duration: a remark says what is missing."""
    has_picture = name.endswith(("mkv", "avi"))
    path = make(tmp_path / name, RISING, "", codec, video=has_picture, video_seconds=SECONDS)
    _, audio = await read(path)
    assert () == audio.remarks
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    _, audio = await read(path)
    assert 0.2 < audio.duration < 0.8 * SECONDS
    remark = audio.remarks[0]
    declared = remark.removeprefix("ends early: it declares ").partition(" s")[0]
    assert float(declared) == pytest.approx(SECONDS, abs=0.3)


@pytest.mark.parametrize("name", FORMATS)
async def test_joined(tmp_path: Path, name: str) -> None:
    """Files that were joined are read to the end of the last one, and again."""
    container, codec, options = FORMATS[name]
    path = make(tmp_path / name, RISING, container, codec, **options)
    _, one = await read(path)
    path.write_bytes(path.read_bytes() * 2)
    async with open_audio(path, chunk_ms=300) as audio:
        whole = b"".join([chunk async for chunk in audio])
        assert 2 * one.duration == pytest.approx(audio.duration, abs=0.05)
        assert () == audio.remarks
        again = b"".join([chunk async for chunk in audio.read_from(len(whole) // 4 * 2)])
        assert again == whole[len(whole) // 4 * 2 :]


@pytest.mark.parametrize("name", ["amr", "amr-wb"])
async def test_joined_amr(tmp_path: Path, name: str) -> None:
    """Files of AMR that were joined are read to the end of the last; their magic is no frame."""
    alone, _ = await read(RECORDED[name])
    path = tmp_path / "a"
    path.write_bytes(RECORDED[name].read_bytes() * 3)
    samples, audio = await read(path)
    assert np.array_equal(np.tile(alone, 3), samples)
    assert () == audio.remarks


async def test_joined_files_of_several_rates(tmp_path: Path) -> None:
    """Of joined files, all are read at the rate of the first one."""
    paths = [
        make(tmp_path / f"{rate}.m4a", RISING, "", "aac", rate=rate) for rate in (RATE, 44_100)
    ]
    path = tmp_path / "a.m4a"
    path.write_bytes(b"".join(one.read_bytes() for one in paths))
    samples, audio = await read(path)
    assert RATE == audio.sample_rate
    assert 2 * SECONDS == pytest.approx(audio.duration, abs=0.15)
    assert loudness(samples, RATE)[-5:].mean() == pytest.approx(13_000, rel=0.1)


async def test_a_first_part_without_audio(tmp_path: Path) -> None:
    """Where nothing of the first of joined files can be decoded, the others are read."""
    data = make(tmp_path / "a.m4a", RISING, "", "aac").read_bytes()
    path = tmp_path / "b.m4a"
    path.write_bytes(data.replace(b"mp4a", b"xxxx").replace(b"esds", b"xxxx") + data)
    _, audio = await read(path)
    assert "aac (LC)" == audio.subtype
    assert SECONDS == pytest.approx(audio.duration, abs=0.1)
    assert audio.remarks


async def test_a_part_that_cannot_be_read(tmp_path: Path) -> None:
    """A joined file that is damaged is left out, with a remark; those around it are read."""
    data = make(tmp_path / "a.m4a", RISING, "", "aac").read_bytes()
    damaged = data.replace(b"moov", b"xxxx")
    path = tmp_path / "b.m4a"
    path.write_bytes(data + damaged + data)
    _, audio = await read(path)
    assert 2 * SECONDS == pytest.approx(audio.duration, abs=0.1)
    assert ("has a part that cannot be decoded",) == audio.remarks


async def test_another_file_behind(tmp_path: Path) -> None:
    """What is behind a file and is not of its kind is not read; a remark names it."""
    data = make(tmp_path / "a.m4a", RISING, "", "aac").read_bytes()
    path = tmp_path / "b.m4a"
    path.write_bytes(data + make(tmp_path / "a.mkv", RISING, "", "flac").read_bytes())
    _, audio = await read(path)
    assert SECONDS == pytest.approx(audio.duration, abs=0.1)
    assert ("is followed by another file, WebM/Matroska, which was not read",) == audio.remarks


async def test_the_padding_of_a_last_packet(tmp_path: Path) -> None:
    """A file whose last packet is padded has no remark: it is complete."""
    path = make(tmp_path / "a.caf", RISING[: 17 * 4096 // 8], "caf", "alac")
    samples, audio = await read(path)
    assert np.array_equal(samples, RISING[: 17 * 4096 // 8])
    assert () == audio.remarks


async def test_an_estimated_duration(tmp_path: Path) -> None:
    """A duration that FFmpeg estimates from the size of a file is not a declared one."""
    path = make(tmp_path / "a.mkv", RISING, "", "ac3", rate=48_000, video=True, live="1")
    _, audio = await read(path)
    assert SECONDS == pytest.approx(audio.duration, abs=0.1)
    assert () == audio.remarks


async def test_damage_in_the_middle(tmp_path: Path) -> None:
    """What cannot be decoded is silence of the same length; a remark says how much it is."""
    path = make(tmp_path / "a.m4a", RISING, "", "alac")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = b"\xff" * 3000
    path.write_bytes(data)
    samples, audio = await read(path)
    assert SECONDS * RATE == len(samples)
    found = np.abs(loudness(samples, RATE) - loudness(RISING, RATE))
    assert 0.5 < np.count_nonzero(found < 1) / len(found) < 1
    (remark,) = audio.remarks
    assert "s of audio could not be decoded" in remark


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "aac", {}),
        ("a.mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mov", "alac", {}),
        ("a.mkv", "aac", {}),
        ("a.mkv", "libopus", {"rate": 48_000}),
        ("a.ts", "aac", {}),
        ("a.vob", "mp2", {"rate": 48_000}),
    ],
)
async def test_sound_is_in_its_place(
    tmp_path: Path, name: str, codec: str, options: dict[str, Any]
) -> None:
    """Sound that begins after the picture, and pauses, is where a player plays it."""
    pauses = {0.0: 1.5, 2.0: 3.0}
    path = make(tmp_path / name, RISING, "", codec, video=True, pauses=pauses, **options)
    samples, audio = await read(path)
    rate = audio.sample_rate
    assert SECONDS + 4.5 == pytest.approx(audio.duration, abs=0.15)
    late, pause = (np.zeros(int(seconds * RATE), np.int16) for seconds in pauses.values())
    parts = (late, RISING[: 2 * RATE], pause, RISING[2 * RATE :])
    found = loudness(samples, rate)[:75]
    assert np.corrcoef(found, loudness(np.concatenate(parts), RATE)[: len(found)])[0, 1] > 0.95
    assert not samples[int(0.1 * rate) : int(1.4 * rate)].any()
    assert not samples[int(3.6 * rate) : int(6.4 * rate)].any()
    (remark,) = audio.remarks
    assert "has gaps between its packets" in remark


async def test_gaps_in_ogg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps in the times of Ogg are silence, also when it is read again; libsndfile joins them."""
    pauses = {1.0: 2.0, 2.0: 3.0}
    options = {"rate": 48_000, "pauses": pauses, "page_duration": "20000"}
    path = make(tmp_path / "a.ogg", RISING, "", "libopus", **options)
    async with open_audio(path) as audio:
        pcm = b"".join([chunk async for chunk in audio])
        assert pcm == b"".join([chunk async for chunk in audio.read_from(0)])
    samples, rate = np.frombuffer(pcm, "<i2"), audio.sample_rate
    assert pytest.approx(SECONDS + 5, abs=0.15) == audio.duration
    assert not samples[int(1.2 * rate) : int(2.8 * rate)].any()
    assert not samples[int(4.2 * rate) : int(6.8 * rate)].any()
    (remark,) = audio.remarks
    assert "has gaps between its packets" in remark
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setitem(sys.modules, "av.error", None)
    samples, audio = await read(path)
    assert pytest.approx(SECONDS, abs=0.15) == len(samples) / rate
    (remark,) = audio.remarks
    assert "has gaps between its packets, which only the extra av keeps" in remark


async def test_spliced_recordings(tmp_path: Path) -> None:
    """Transport streams that were joined have clocks of their own: the second follows at once."""
    parts = [
        make(tmp_path / f"{at}.ts", RISING, "mpegts", "aac", output_ts_offset=at).read_bytes()
        for at in ("0", "500")
    ]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(parts))
    _, audio = await read(path)
    assert 2 * SECONDS == pytest.approx(audio.duration, abs=0.3)
    (remark,) = audio.remarks
    assert "has a gap of 49" in remark


async def test_a_gap_of_hours(tmp_path: Path) -> None:
    """A gap that is too long to be true is left out, and a remark says so."""
    path = make(tmp_path / "a.mkv", RISING, "", "aac", video=True, pauses={2.0: 7200.0})
    samples, audio = await read(path)
    assert SECONDS == pytest.approx(len(samples) / RATE, abs=0.1)
    assert ("has a gap of 7200 s, which was left out",) == audio.remarks


async def test_sound_in_its_place_read_again(tmp_path: Path) -> None:
    """What is read again, from within silence, too, equals what was read at first."""
    pauses = {0.0: 1.5, 2.0: 3.0}
    path = make(
        tmp_path / "a.mkv",
        np.tile(RISING, (2, 1)),
        "",
        "aac",
        layout="stereo",
        video=True,
        pauses=pauses,
    )
    async with open_audio(path, chunk_ms=70) as audio:
        whole = b"".join([chunk async for chunk in audio])
        for seconds in (0, 1, 2, 4, 7):
            position = seconds * 2 * RATE
            assert (
                b"".join([chunk async for chunk in audio.read_from(position)]) == whole[position:]
            )


async def test_a_disk_that_fails(tmp_path: Path) -> None:
    """If the disk fails, what was read before is returned, and then an error that says where."""
    path = make(tmp_path / "a.mka", RISING, "", "pcm_s16le")
    file = path.open("rb", buffering=0)
    is_failing = False

    class Failing(io.RawIOBase):
        def fileno(self) -> int:
            return file.fileno()

        def seek(self, *place: int) -> int:
            return file.seek(*place)

        def tell(self) -> int:
            return file.tell()

        def read(self, size: int = -1) -> bytes | None:
            if is_failing:
                raise OSError(errno.EIO, "Input/output error")
            return file.read(size)

    with contextlib.closing(open_reader(Failing(), path)) as reader, file:
        assert reader.read(100)
        is_failing = True
        with pytest.raises(AudioError, match=r"cannot be read after \d\.\d\d s: Input/output"):
            while reader.read(100):
                pass


async def test_a_size_that_cannot_be(tmp_path: Path) -> None:
    """A damaged size that leads beyond any file is no failure of the disk."""
    path = make(tmp_path / "a.caf", RISING, "caf", "pcm_s16be")
    data = bytearray(path.read_bytes())
    data[data.index(b"chan") + 5] = 0xA2
    path.write_bytes(data)
    samples, _ = await read(path)
    assert np.array_equal(samples, RISING)


async def test_mp4_without_its_index(tmp_path: Path) -> None:
    """A recording whose index was never written, because it comes last, is named as such."""
    path = make(tmp_path / "a.m4a", RISING, "", "aac")
    data = path.read_bytes()
    index = data.index(b"moov")
    for size in (9000, index + 50, index + 400, (index + len(data)) // 2):  # within it, too
        path.write_bytes(data[:size])
        with pytest.raises(AudioError, match=r"no index.*cut off.*copy it again"):
            await read(path)


@pytest.mark.parametrize("entry", [b"enca", b"drms", b"aavd"])
async def test_protected_mp4(tmp_path: Path, entry: bytes) -> None:
    """An MP4 file with protection against copying is named as such."""
    path = make(tmp_path / "a.m4b", RISING, "ipod", "aac")
    path.write_bytes(path.read_bytes().replace(b"mp4a", entry, 1))
    with pytest.raises(AudioError, match=r"protected against copying"):
        await read(path)


async def test_protected_wma(tmp_path: Path) -> None:
    """A WMA file with protection against copying is named as such."""
    path = tmp_path / "a.wma"
    path.write_bytes(
        bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
        + bytes(40)
        + bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")
    )
    with pytest.raises(AudioError, match=r"protected against copying"):
        await read(path)


async def test_video_without_sound(tmp_path: Path) -> None:
    """A video without sound is named as such."""
    with pytest.raises(AudioError, match=r"contains no audio.*without an audio track"):
        await read(make_silent_video(tmp_path / "a.mp4"))


async def test_a_track_that_begins_later(tmp_path: Path) -> None:
    """Of a file whose codec changes in the middle, what is before is read; a remark says so."""
    first = make(tmp_path / "a.flv", np.tile(RISING, 3), "", "libmp3lame", rate=44_100)
    second = make(tmp_path / "b.flv", np.tile(RISING, 5), "", "aac")
    path = tmp_path / "c.flv"
    path.write_bytes(first.read_bytes() + second.read_bytes()[13:])  # without its header
    _, audio = await read(path)
    assert 3 * SECONDS == pytest.approx(audio.duration, abs=0.1)
    assert "has a track that begins later, which was not read" in audio.remarks


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.mp4", {"movflags": "frag_keyframe+empty_moov+dash"}), ("a.webm", {"live": "1"})],
)
async def test_a_part_of_a_recording(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    """A part of MP4 or WebM, as browsers record them, is told from the whole, and refused."""
    codec = {"a.mp4": "aac", "a.webm": "libopus"}[name]
    path = make(tmp_path / name, RISING, "", codec, rate=48_000, **options)
    assert pytest.approx(SECONDS, abs=0.1) == (await read(path))[1].duration
    data = path.read_bytes()
    part = data.index(b"moof") - 4 if name == "a.mp4" else data.index(b"\x1f\x43\xb6\x75")
    path.write_bytes(data[part:])
    with pytest.raises(AudioError, match=r"a part of .* without its beginning") as caught:
        await read(path)
    assert "join" in caught.value.hint


async def test_several_tracks(tmp_path: Path) -> None:
    """Of several audio tracks, one is read; a remark says which."""
    samples, audio = await read(make(tmp_path / "a.mkv", RISING, "", "flac", tracks=2))
    assert np.array_equal(samples, RISING)
    assert "has 2 audio tracks; only number 1 was read" in audio.remarks[0]


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:3,\n{}\n",
        "[playlist]\nFile1={}\n",
        "ffconcat version 1.0\nfile '{}'\n",
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\na={}\r\n",
    ],
)
async def test_no_other_file_is_opened(tmp_path: Path, text: str) -> None:
    """Text that names other files or addresses is refused; none of them is opened."""
    other = make(tmp_path / "other.m4a", RISING, "", "aac")
    path = tmp_path / "a.wav"
    path.write_text(text.format(other), encoding="utf-8")
    with pytest.raises(AudioError, match=r"playlist|a list of files|session"):
        await read(path)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x1f\x8b\x08" + bytes(60), "gzip.*unpack it"),
        (b"%PDF-1.7\n", "PDF"),
        (b"MThd" + bytes(20), "MIDI"),
        ("\ufeff录音一 transcript".encode("utf-16-le"), "UTF-16 text"),
        ("\ufeff录音一 transcript".encode("utf-16-be"), "UTF-16 text"),
    ],
)
async def test_no_audio(tmp_path: Path, head: bytes, name: str) -> None:
    """What is no audio is named, and what to do about it."""
    path = tmp_path / "a.mp3"
    path.write_bytes(head)
    with pytest.raises(AudioError, match=name):
        await read(path)


@pytest.mark.parametrize(
    ("head", "error", "text"),
    [
        (b"\0\0\0\x20ftypM4A " + bytes(20) + b"\0\0\0\x08moov", MissingExtraError, "MP4/M4A"),
        (b"caff\0\1\0\0", AudioError, "CAF"),
    ],
)
async def test_without_pyav(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    head: bytes,
    error: type[Exception],
    text: str,
) -> None:
    """Without PyAV, a file that needs it is refused with an error that names the extra."""
    for module in ("av", "av.error"):
        monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "a"
    path.write_bytes(head)
    with pytest.raises(error, match=rf"{text}.*paraformer-async\[av\]"):
        await read(path)


async def test_large_packets_in_avi(tmp_path: Path) -> None:
    """Packets of AVI that are larger than its header declares are no gaps."""
    path, rate = tmp_path / "a.avi", 32_000
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libmp3lame", rate=rate, layout="stereo")
        stream.bit_rate = 320_000
        noise = np.random.default_rng(1).integers(-9000, 9000, (1, 2 * SECONDS * rate), np.int16)
        frame = av.AudioFrame.from_ndarray(noise, "s16", "stereo")
        frame.sample_rate = rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    samples, audio = await read(path)
    assert pytest.approx(SECONDS, abs=0.2) == len(samples) / rate
    assert () == audio.remarks


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64le", "pcm_alaw"])
async def test_wave64_of_the_extensible_format(tmp_path: Path, codec: str) -> None:
    """Floats and G.711 in Wave64 are themselves if its header is of the extensible format, too."""
    path = make(tmp_path / "a.w64", np.tile(RISING, (4, 1)), "w64", codec, layout="quad")
    samples, audio = await read(path)
    assert "W64" == audio.format
    assert len(RISING) == len(samples)
    assert np.abs(samples.astype(int) - RISING).max() < 600
