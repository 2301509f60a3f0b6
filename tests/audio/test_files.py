"""Audio files as sources: exact samples, clear errors, no open files left."""

import errno
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import soundfile

from paraformer_async.audio import files
from paraformer_async.audio.files import AudioFile, open_audio
from paraformer_async.audio.hints import conversion
from paraformer_async.errors import AudioError, MissingExtraError

pytestmark = pytest.mark.anyio

RATE = 16_000
RAMP = np.arange(-32768, 32768, 3).astype(np.int16)
TONE = (np.sin(np.arange(3 * RATE) * 0.07) * 12_000).astype(np.int16)


def write(path: Path, samples: np.ndarray, subtype: str, format: str = "WAV") -> Path:
    """Write `samples` to `path`."""
    soundfile.write(path, samples, RATE, subtype=subtype, format=format)
    return path


async def read(path: Path, **options: int) -> np.ndarray:
    """Read all of a file as int16."""
    return (await read_all(path, **options))[0]


async def read_all(path: Path, **options: int) -> tuple[np.ndarray, str]:
    """Read all of a file as int16, and return the remarks on it, too."""
    async with open_audio(path, **options) as audio:
        samples = np.frombuffer(b"".join([chunk async for chunk in audio]), "<i2")
        return samples, "; ".join(audio.remarks)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "PCM_24"),
        ("WAV", "PCM_32"),
        ("WAVEX", "PCM_16"),
        ("WAV", "FLOAT"),
        ("WAV", "DOUBLE"),
        ("FLAC", "PCM_16"),
        ("FLAC", "PCM_24"),
        ("AIFF", "PCM_16"),
    ],
)
async def test_lossless(tmp_path: Path, format: str, subtype: str) -> None:
    """Every encoding of 16 bits or more returns exactly the samples that were written."""
    samples = RAMP / 32768.0 if subtype in {"FLOAT", "DOUBLE"} else RAMP
    assert np.array_equal(await read(write(tmp_path / "a", samples, subtype, format)), RAMP)


@pytest.mark.parametrize(("subtype", "error"), [("PCM_U8", 256), ("ULAW", 1024), ("ALAW", 1024)])
async def test_eight_bits(tmp_path: Path, subtype: str, error: int) -> None:
    """8-bit encodings are decoded at full scale, off by no more than their quantization step."""
    got = await read(write(tmp_path / "a.wav", RAMP, subtype))
    assert np.abs(got.astype(int) - RAMP).max() <= error


@pytest.mark.parametrize(
    ("format", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
)
async def test_lossy(tmp_path: Path, format: str, subtype: str) -> None:
    """Reading a lossy file in short chunks equals decoding all of it at once, at full scale."""
    path = write(tmp_path / "a", TONE, subtype, format)
    whole, _ = soundfile.read(path, dtype="float32")
    expected = np.clip(np.rint(whole * 32768.0), -32768, 32767)
    got = await read(path, chunk_ms=70)
    assert len(got) == len(expected)
    assert np.abs(got - expected).max() <= (1 if format == "MP3" else 0)  # mpg123's last float bit
    assert np.corrcoef(got, TONE)[0, 1] > 0.99


async def test_float_clips(tmp_path: Path) -> None:
    """Float samples beyond full scale are clipped, not wrapped."""
    samples = np.array([1.5, -1.5, 1.0, -1.0, np.nan, np.inf, -np.inf])
    got = await read(write(tmp_path / "a.wav", samples, "FLOAT"))
    assert got.tolist() == [32767, -32768, 32767, -32768, 0, 32767, -32768]


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("bits", [16, 24, 32])
async def test_floats_of_another_scale(tmp_path: Path, subtype: str, bits: int) -> None:
    """Float samples of the scale of integers are scaled, quiet ones too; a remark says so."""
    samples = np.concatenate([np.zeros(RATE), RAMP]) * float(1 << bits - 16)
    got, remarks = await read_all(write(tmp_path / "a.wav", samples, subtype))
    assert np.array_equal(got[RATE:], RAMP)
    assert f"divided by {1 << bits - 1}" in remarks


async def test_attributes_and_chunks(tmp_path: Path) -> None:
    """An open file has its properties as attributes, and chunks have the requested length."""
    async with open_audio(write(tmp_path / "a.wav", TONE, "PCM_16"), chunk_ms=700) as audio:
        assert (audio.sample_rate, audio.channels, audio.frames) == (RATE, 1, len(TONE))
        assert (audio.duration, audio.format, audio.subtype) == (3.0, "WAV", "PCM_16")
        lengths = [len(chunk) async for chunk in audio]
    assert lengths == [22_400] * 4 + [6_400]


async def test_visits_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread opens a file and reads 16 chunks in one visit: a batch lives on short files."""
    visits = 0
    run_sync = anyio.to_thread.run_sync

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal visits
        visits += 1
        return await run_sync(*arguments, **options)

    monkeypatch.setattr(files.to_thread, "run_sync", counted)
    monkeypatch.setattr(files, "_WITH_OPENING", 60)
    path = write(tmp_path / "a.wav", TONE, "PCM_16")
    for ms, expected in ((1000, 1), (150, 2)):
        visits = 0
        assert np.array_equal(TONE, await read(path, chunk_ms=ms))
        assert visits == expected


async def test_channels_are_mixed(tmp_path: Path) -> None:
    """Several channels are mixed to their mean, and rounded."""
    for channels in (np.stack([TONE, TONE]), np.stack([RAMP, RAMP // 3]), np.stack([RAMP] * 6)):
        path = write(tmp_path / "a.wav", channels.T, "PCM_16")
        got = await read(path, chunk_ms=70)
        assert np.array_equal(got, np.rint(channels.mean(axis=0)))


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
async def test_opposite_phases(tmp_path: Path, subtype: str) -> None:
    """Where channels cancel each other out, the loudest is read; a remark says so."""
    tone = TONE / 32768
    stereo = np.stack([tone, tone], axis=1)  # the first second is alike in both
    stereo[RATE : 2 * RATE, 1] *= -0.7
    stereo[2 * RATE :, 0] *= -0.7
    if subtype == "FLOAT":
        stereo[[RATE + 5, 2 * RATE + 5], [1, 0]] = np.nan  # silence
    async with open_audio(write(tmp_path / "a.wav", stereo, subtype)) as audio:
        pcm = b"".join([chunk async for chunk in audio])
        again = b"".join([chunk async for chunk in audio.read_from(0)])
    got = np.frombuffer(pcm, "<i2")
    assert np.array_equal(got, TONE)
    assert pcm == again
    (remark,) = audio.remarks
    assert "opposite phases" in remark


@pytest.mark.parametrize("scale", [1.0, 32768.0, float(1 << 31)])
@pytest.mark.parametrize("wrong", [70.0, 1e10, 3e38, np.inf, np.nan])
@pytest.mark.parametrize("channels", [1, 2])
async def test_damaged_floats(tmp_path: Path, scale: float, wrong: float, channels: int) -> None:
    """A few damaged samples spoil no other sample, whatever full scale is."""
    samples = np.repeat((TONE / 32768 * scale)[:, np.newaxis], channels, axis=1)
    samples[[7, 20_000], 0] = wrong
    got, _ = await read_all(write(tmp_path / "a.wav", samples, "FLOAT"))
    intact = np.delete(np.arange(len(TONE)), [7, 20_000])
    assert np.abs(got[intact] - TONE[intact].astype(float)).max() <= 1


@pytest.mark.parametrize("chunk_ms", [20, 100, 1000])
@pytest.mark.parametrize("noise", ["hum", "clicks", "hiss"])
async def test_opposite_phases_under_noise(tmp_path: Path, noise: str, chunk_ms: int) -> None:
    """Opposite phases are found even if something else is in phase, and louder than a trace."""
    place = np.arange(len(TONE))
    in_phase = {
        "hum": np.sin(place * 0.02) * 3000,
        "clicks": np.where(place % RATE < RATE // 20, np.sin(place * 0.2) * 15_000, 0),
        "hiss": np.random.default_rng(1).standard_normal(len(TONE)) * 2000,
    }[noise]
    stereo = np.stack([TONE * 0.9 + in_phase, in_phase - TONE * 0.9], axis=1).astype(np.int16)
    path = write(tmp_path / "a.wav", stereo, "PCM_16")
    got, remarks = await read_all(path, chunk_ms=chunk_ms)
    sure = slice(RATE // 2, None)  # until then, short blocks may be like this by chance
    voice = TONE[sure] / 12_000.0
    kept = [abs(np.vdot(one[sure].astype(float), voice)) for one in (got, stereo[:, 0])]
    assert kept[0] == pytest.approx(kept[1], rel=0.01)
    assert "opposite phases" in remarks


@pytest.mark.parametrize("channels", [2, 6])
async def test_independent_channels(tmp_path: Path, channels: int) -> None:
    """Different sounds on the channels are all in their mean."""
    noise = np.random.default_rng(1).standard_normal((len(TONE), channels)) * 3000
    noise[RATE : 2 * RATE, 1:] = 0
    got, remarks = await read_all(write(tmp_path / "a.wav", noise.astype(np.int16), "PCM_16"))
    assert np.abs(got - noise.astype(np.int16).mean(axis=1)).max() <= 0.6
    assert "" == remarks


@pytest.mark.parametrize(
    ("format", "subtype"), [("WAV", "FLOAT"), ("WAV", "PCM_16"), ("FLAC", "PCM_24")]
)
@pytest.mark.parametrize("channels", [1, 2])
async def test_samples_around_another_middle(
    tmp_path: Path, format: str, subtype: str, channels: int
) -> None:
    """A constant offset, which would hide the words, is removed; a remark says so."""
    samples = np.repeat((TONE / 32768 * 0.2 + 0.75)[:, np.newaxis], channels, axis=1)
    got, remarks = await read_all(write(tmp_path / "a", samples, subtype, format), chunk_ms=70)
    assert np.abs(got - TONE * 0.2).max() < 20
    assert "has samples around 0.75 of full scale instead of 0: that was removed" == remarks


@pytest.mark.parametrize("seconds", [1, 3])
async def test_an_offset_that_passes(tmp_path: Path, seconds: int) -> None:
    """While a sound card settles, there is an offset; what follows is read as it is."""
    settling = np.full(RATE, 0.5) + np.random.default_rng(1).standard_normal(RATE) * 0.01
    speech = np.resize(TONE, seconds * RATE)
    path = write(tmp_path / "a.wav", np.concatenate([settling, speech / 32768]), "PCM_16")
    got, remarks = await read_all(path)
    assert np.array_equal(got[RATE:], speech)
    assert "" == remarks


async def test_one_silent_channel(tmp_path: Path) -> None:
    """Speech on one channel is kept beside silent ones, without a remark."""
    left = np.zeros((len(TONE), 6), np.int16)
    left[:, 2] = TONE
    got, remarks = await read_all(write(tmp_path / "a.wav", left, "PCM_16"))
    assert np.abs(got - TONE / 6).max() <= 0.5
    assert "" == remarks


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
async def test_resampled(tmp_path: Path, rate: int) -> None:
    """A file is converted to the rate that is asked for; any chunks give the same samples."""
    path = write(tmp_path / "a.wav", TONE, "PCM_16")
    whole, in_chunks = [await read(path, sample_rate=rate, chunk_ms=ms) for ms in (60_000, 37)]
    assert np.array_equal(whole, in_chunks)
    assert 3 * rate == pytest.approx(len(whole), abs=1)
    expected = np.sin(np.arange(len(whole)) * 0.07 * RATE / rate) * 12_000
    middle = slice(rate, 2 * rate)
    assert np.abs(whole[middle] - expected[middle]).max() < 20
    async with open_audio(path, sample_rate=rate, chunk_ms=90) as audio:
        first = b"".join([chunk async for chunk in audio])
        assert first == whole.tobytes()
        assert first[5001:] == b"".join([chunk async for chunk in audio.read_from(5001)])
        assert (rate, 3.0) == (audio.sample_rate, pytest.approx(audio.duration, abs=1e-3))


async def test_resampling_without_soxr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without soxr, a file of another rate is refused with an error that names the extra."""
    monkeypatch.setitem(sys.modules, "soxr", None)
    path = write(tmp_path / "a.wav", TONE, "PCM_16")
    assert len(TONE) == len(await read(path, sample_rate=RATE))
    with pytest.raises(MissingExtraError, match=r"paraformer-async\[av\]"):
        await read(path, sample_rate=8000)


async def test_missing(tmp_path: Path) -> None:
    """A missing file and a folder raise the same errors as `open`."""
    with pytest.raises(FileNotFoundError):
        await read(tmp_path / "none.wav")
    with pytest.raises(IsADirectoryError if sys.platform != "win32" else PermissionError):
        await read(tmp_path)


async def test_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable file raises PermissionError, unchanged."""
    path = write(tmp_path / "a.wav", TONE, "PCM_16")

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError) as caught:
        await read(path)
    assert str(path) == caught.value.filename


@pytest.mark.parametrize("name", ["https://example.com/a.mp3", "file:///a.wav", "s3://a/b.wav"])
async def test_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An address is no path, and the error says so, unless there is a file of this name."""
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    with pytest.raises(AudioError, match="is an address") as caught:
        await read(path)
    assert "download" in caught.value.hint
    if sys.platform != "win32":
        path.parent.mkdir(parents=True)
        assert len(TONE) == len(await read(write(path, TONE, "PCM_16")))


async def test_empty(tmp_path: Path) -> None:
    """An empty file and a header without samples are both reported to contain no audio."""
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match="no audio"):
        await read(tmp_path / "empty.wav")
    with pytest.raises(AudioError, match="no audio"):
        await read(write(tmp_path / "a.wav", TONE[:0], "PCM_16"))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"#!AMR\n", "AMR-NB"),
        (b"#!AMR-WB\n", "AMR-WB"),
        (b"\xff\xf1\x50\x80\x02\x1f\xfc", "ADTS"),
        (b"ID3\4\0\0\0\0\0\4tags\xff\xf1\x50\x80\x02\x1f\xfc", "ADTS"),
        (b"OggS" + bytes(24) + b"Speex   ", "Speex"),
        (b"\x1a\x45\xdf\xa3", "Matroska"),
        (b"ID3\x04" + bytes(20), "ID3"),
        (b"\xff\xfb\x90\x64", "MP3, damaged"),
    ],
)
async def test_undecodable_audio(tmp_path: Path, head: bytes, name: str) -> None:
    """Audio that not even FFmpeg can decode is named; no command is offered that would fail."""
    path = tmp_path / "my speech.m4a"
    path.write_bytes(head)
    with pytest.raises(AudioError, match=name) as caught:
        await read(path)
    assert caught.type is AudioError  # a traceback shows the documented name
    assert "an intact copy" in caught.value.hint
    assert "ffmpeg -i" not in caught.value.hint


@pytest.mark.parametrize(
    ("head", "name", "hint"),
    [
        (b"<!DOCTYPE html><html>", "HTML", ""),
        ("你好，世界".encode()[:-1], "text", ""),
        (b"PK\x03\x04" + bytes(60), "ZIP", ""),
        (b"\xff\xd8\xff\xe0" + bytes(60), "JPEG", ""),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer", "git lfs pull"),
        (b"\x80\x81\x82\x83\x84\x85" * 9, "unknown", "raw 16-bit"),
    ],
)
async def test_no_audio(tmp_path: Path, head: bytes, name: str, hint: str) -> None:
    """What is no audio is named, and no command that converts audio is offered for it."""
    path = tmp_path / "speech.wav"
    path.write_bytes(head)
    with pytest.raises(AudioError, match=name) as caught:
        await read(path)
    assert caught.type is AudioError  # a traceback shows the documented name
    assert hint in caught.value.hint
    assert "ffmpeg" not in caught.value.hint


@pytest.mark.parametrize("name", ["-x.amr", "2026-11-28T10:30.amr", "it's; rm *.amr", "a.wav"])
def test_the_command_can_be_run_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The command is quoted, takes a name for no option or URL, and never overwrites a file."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"#!AMR\n")
    Path(name).with_suffix(".wav").write_bytes(b"#!AMR\n")
    _, _, source, *_, target = shlex.split(conversion(Path(name)))
    assert Path(source).samefile(name)
    assert not Path(target).exists()
    for argument in (source, target):
        assert not argument.startswith("-")
        assert ":" not in argument.split("/")[0]


@pytest.mark.parametrize("name", ["a.raw", "a.wav", "a.pcm", "a"])
async def test_raw(tmp_path: Path, name: str) -> None:
    """Samples without a header are refused with a hint about how to declare them."""
    (tmp_path / name).write_bytes(TONE[50:].tobytes())
    with pytest.raises(AudioError, match=r'raw 16-bit.*format="pcm", sample_rate='):
        await read(tmp_path / name)


async def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    """A WAV file is read whatever its name, which may not even be text."""
    names: list[str] = ["a.raw", "a.mp3", "a.flac", "你好", "a:b"]
    if sys.platform == "linux":
        names.append(os.fsdecode(b"\xff.wav"))
    for name in names:
        path = tmp_path / name
        path.write_bytes(write(tmp_path / "x", TONE, "PCM_16").read_bytes())
        assert np.array_equal(TONE, await read(path))


@pytest.mark.parametrize("format", ["WAV", "FLAC", "MP3", "OGG"])
async def test_truncated(tmp_path: Path, format: str) -> None:
    """A truncated file yields its intact part, with a remark if its header declares more."""
    path = tmp_path / "a"
    noise = np.random.default_rng(3).normal(0, 3000, 9 * RATE).astype(np.int16)
    soundfile.write(path, noise, RATE, format=format)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    got, remarks = await read_all(path, chunk_ms=100)
    assert ("ends early" in remarks) is (format != "OGG")
    if format == "WAV":
        assert "declares 9.00 s of audio but contains 4.50 s" in remarks
    assert len(got) > len(noise) * 3 // 8


async def test_closed(tmp_path: Path) -> None:
    """The file is closed after an exception in the body and after cancellation."""
    path = write(tmp_path / "a.wav", np.tile(TONE, 12), "PCM_16")  # not read into memory at once
    kept: list[AudioFile] = []

    async def fail() -> None:
        async with open_audio(path) as audio:
            kept.append(audio)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    with anyio.CancelScope() as scope:
        async with open_audio(path) as audio:
            kept.append(audio)
            async for _ in audio:
                scope.cancel()
    assert scope.cancelled_caught
    for audio in kept:
        assert audio._reader._raw.closed
