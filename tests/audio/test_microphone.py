"""
The microphone, with a stand-in for sounddevice, and with PortAudio itself.

The stand-in has the documented calls and errors of sounddevice, and calls back in a thread of its
own. The real one records from a device of ALSA that reads a file.
"""

import gc
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from ctypes.util import find_library
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from anyio import to_thread

from paraformer_async import (
    AudioError,
    InvalidOptionError,
    MissingExtraError,
    UsageError,
    microphone,
)
from paraformer_async.testing import ScriptedServer, marked, marks
from tests.integration.marked import assert_complete, recognizer_for

pytestmark = pytest.mark.anyio

AUDIO = marked(1000)
FINE = SimpleNamespace(input_overflow=False)
LOST = SimpleNamespace(input_overflow=True)


class PortAudioError(Exception):
    """The error of sounddevice: a text, the code of PortAudio, and what the host says."""


class Device:
    """A stand-in for the module sounddevice, and for its only device."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.devices: list[dict[str, Any]] = [
            {"name": "Loudspeaker", "max_input_channels": 0, "default_samplerate": 48_000.0},
            {"name": "Headset", "max_input_channels": 1, "default_samplerate": 44_100.0},
            {"name": "Webcam, left", "max_input_channels": 2, "default_samplerate": 48_000.0},
            {"name": "Webcam, right", "max_input_channels": 2, "default_samplerate": 48_000.0},
        ]
        self.refusal: PortAudioError | None = None
        self.is_refused_late = False
        self.opened: list[dict[str, Any]] = []
        self.is_running = False

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        """Return a device, or all."""
        if device is None and kind is None:
            return self.devices
        assert kind == "input"
        if device is None:
            inputs = [one for one in self.devices if one["max_input_channels"]]
            if not inputs:
                raise PortAudioError("Error querying device -1")
            return inputs[0]
        if isinstance(device, int):
            if device >= len(self.devices):
                raise PortAudioError(f"Error querying device {device}")
            if not self.devices[device]["max_input_channels"]:
                raise ValueError("Not an input device: 'Loudspeaker'")
            return self.devices[device]
        found = [one for one in self.devices if device.lower() in one["name"].lower()]
        if len(found) != 1:
            raise ValueError(f"{'Multiple' if found else 'No'} input devices found for {device!r}")
        return found[0]

    def RawInputStream(self, **options: Any) -> "Device":  # noqa: N802 - its name
        """Open the device."""
        if self.refusal and not self.is_refused_late:
            raise self.refusal
        assert (1, "int16") == (options["channels"], options["dtype"])
        self.opened.append(options)
        return self

    def start(self) -> None:
        """Start."""
        self.is_running = True
        if self.refusal:
            raise self.refusal

    def close(self, ignore_errors: bool) -> None:
        """Close; as PortAudio does, call back."""
        assert ignore_errors
        self.stop()

    def stop(self) -> None:
        """End the stream, as when the device is unplugged."""
        if self.is_running:
            self.is_running = False
            self._in_thread(self.opened[-1]["finished_callback"])

    def record(self, audio: bytes, status: object = FINE) -> None:
        """Record frames of *audio*, from a buffer that is used again."""
        options = self.opened[-1]
        size = options["blocksize"] * 2

        def run() -> None:
            buffer = bytearray(size)
            for start in range(0, len(audio), size):
                buffer[:] = audio[start : start + size]
                options["callback"](buffer, options["blocksize"], None, status)
            buffer[:] = bytes(size)

        self._in_thread(run)

    def _in_thread(self, call: Callable[[], None]) -> None:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    """Put the stand-in in place of sounddevice."""
    one = Device()
    monkeypatch.setitem(sys.modules, "sounddevice", one)  # type: ignore[arg-type]
    return one


async def take(audio: AsyncIterator[bytes], size: int) -> bytes:
    """Take so many bytes."""
    taken = b""
    with anyio.fail_after(5):
        while len(taken) < size:
            taken += await anext(audio)
    return taken


async def test_frames(device: Device) -> None:
    """What the device records is returned in its frames, unchanged and in order."""
    async with microphone("headset", sample_rate=8000, frame_ms=20) as source:
        device.record(AUDIO)
        frames = aiter(source)
        assert AUDIO == await take(frames, len(AUDIO))
        device.record(AUDIO[:320])
        assert AUDIO[:320] == await anext(frames)
        assert ("Headset", 0.0, 0) == (source.name, source.dropped, source.overflows)
    (options,) = device.opened
    assert (8000, 160, "headset") == (
        options["samplerate"],
        options["blocksize"],
        options["device"],
    )
    assert not device.is_running
    assert [] == [frame async for frame in frames]


async def test_a_recognition(device: Device) -> None:
    """A microphone is recognized as a stream; leaving that closes the device."""
    source = microphone()
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        results = []
        with anyio.fail_after(5):
            async with recognizer.stream(source) as stream:
                while not device.is_running:  # noqa: ASYNC110 - the stand-in has no events
                    await anyio.sleep(0.001)
                device.record(AUDIO + bytes(32_000))
                async for result in stream:
                    results.append(result)
                    if result.is_final:
                        break
        assert_complete(results, list(range(50)))
        assert "closed" in repr(source)
        assert not device.is_running


async def test_nothing_is_opened_before_it_is_read(device: Device) -> None:
    """A microphone that is made, and not read, opens nothing; one can be opened again and again."""
    source = microphone()
    assert [] == device.opened
    for count in range(1, 4):
        frames = source.__aiter__()
        reading = frames.__anext__()
        async with anyio.create_task_group() as tasks:

            async def record(count: int = count) -> None:
                while len(device.opened) < count or not device.is_running:  # noqa: ASYNC110
                    await anyio.sleep(0.001)
                device.record(AUDIO[:3200])

            tasks.start_soon(record)
            assert AUDIO[:3200] == await reading
        await frames.aclose()  # type: ignore[attr-defined]
        assert not device.is_running


async def test_what_is_not_read_is_dropped_and_reported(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    """Beyond the buffer, audio is dropped, and the log and an attribute say how much."""
    async with microphone(buffer=0.3) as source:
        device.record(AUDIO)
        assert 0.7 == pytest.approx(source.dropped)
        frames = aiter(source)
        assert AUDIO[:9600] == await take(frames, 9600)
        assert caplog.text.count("dropped 0.70 s of audio") == 1
        device.record(AUDIO[:3200], status=LOST)
        assert AUDIO[:3200] == await anext(frames)
        assert 1 == source.overflows
        assert caplog.text.count("the system lost audio of the microphone, 1 time(s)") == 1
        device.record(AUDIO)
    assert 1.4 == pytest.approx(source.dropped)
    assert caplog.text.count("dropped 0.70 s of audio") == 2


async def test_a_device_that_stops(device: Device) -> None:
    """What was recorded before the device was unplugged is returned; then there is an error."""
    async with microphone("Headset") as source:
        frames = aiter(source)
        device.record(AUDIO[:3200])
        device.stop()
        assert AUDIO[:3200] == await anext(frames)
        with pytest.raises(AudioError, match=r"Headset has stopped.*connected"):
            await anext(frames)


async def test_canceled_while_it_waits(device: Device) -> None:
    """A read of a silent microphone can be canceled, which closes the device."""
    with anyio.move_on_after(0.05) as scope:
        async for _ in microphone():
            pass
    assert scope.cancelled_caught
    gc.collect()
    await anyio.wait_all_tasks_blocked()
    assert not device.is_running


@pytest.mark.parametrize("step", ["query_devices", "RawInputStream", "start"])
async def test_a_device_that_hangs(
    device: Device, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A device that hangs while it is opened is given up, and is closed should it ever open."""
    may_open = threading.Event()
    call = getattr(device, step)

    def hang(*args: Any, **options: Any) -> Any:
        may_open.wait(10)
        return call(*args, **options)

    monkeypatch.setattr(device, step, hang)
    closed = threading.Event()
    monkeypatch.setattr(device, "close", lambda _: (Device.close(device, True), closed.set()))
    with anyio.fail_after(5):
        async with ScriptedServer() as server, recognizer_for(server) as recognizer:
            async with recognizer.stream(microphone()):
                await anyio.wait_all_tasks_blocked()
    assert not device.is_running
    may_open.set()
    assert await to_thread.run_sync(closed.wait, 5)
    assert not device.is_running


async def test_what_is_late_of_an_earlier_opening(device: Device) -> None:
    """A device that calls back after it was closed changes nothing in what is recorded now."""
    source = microphone()
    async with source:
        earlier = device.opened[-1]
    async with source:
        earlier["callback"](AUDIO[-3200:], 1600, None, LOST)
        earlier["finished_callback"]()
        device.record(AUDIO[:3200])
        assert AUDIO[:3200] == await take(aiter(source), 3200)
    assert (0.0, 0) == (source.dropped, source.overflows)


async def test_two_readers(device: Device) -> None:
    """Two tasks that read one microphone would each lose what the other has: one is refused."""
    async with microphone() as source, anyio.create_task_group() as tasks:
        frames: list[bytes] = []

        async def read() -> None:
            frames.append(await anext(aiter(source)))

        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(UsageError, match=r"another task is reading .* microphone\(\) for each"):
            await anext(aiter(source))
        device.record(AUDIO[:3200])
    assert [AUDIO[:3200]] == frames


async def test_opened_twice(device: Device) -> None:
    """A microphone that is open cannot be opened."""
    async with microphone() as source:
        with pytest.raises(UsageError, match="open already"):
            async with source:
                pass
        assert device.is_running


def nothing_to_record_from(device: Device) -> None:
    """Let there be loudspeakers only."""
    del device.devices[1:]


HOST = PortAudioError("Unanticipated host error", -9999, (0, -13, "Permission denied"))
UNAVAILABLE = PortAudioError("Device unavailable", -9985)
RATE = PortAudioError("Invalid sample rate", -9997)


@pytest.mark.parametrize(
    ("wanted", "refusal", "message"),
    [
        ("Webcam", None, "several microphones match 'Webcam'.*2: Webcam, left, 3: Webcam, right"),
        ("Phone", None, "there is no microphone 'Phone'.*1: Headset"),
        (0, None, "there is no microphone 0.*1: Headset"),
        (17, None, "there is no microphone 17.*1: Headset"),
        (1, RATE, r"Headset does not record at 16000 Hz.*resample_from=44100"),
        (1, UNAVAILABLE, "cannot be opened.*another program may be using it.*privacy"),
        (1, HOST, "cannot be opened.*not allowed to.*group audio"),
        (1, PortAudioError("Illegal combination", -9000), "cannot be opened.*Illegal combination"),
    ],
)
async def test_what_cannot_be_opened(
    device: Device, wanted: int | str, refusal: PortAudioError | None, message: str
) -> None:
    """A device that cannot be recorded from is refused, with the choice there is."""
    device.refusal = refusal
    with pytest.raises(AudioError, match=message):
        async with microphone(wanted):
            pass
    assert not device.is_running


async def test_a_device_that_does_not_start(device: Device) -> None:
    """A device that is refused when it starts is closed again."""
    device.refusal, device.is_refused_late = UNAVAILABLE, True
    with pytest.raises(AudioError, match=r"Headset cannot be opened: .*Device unavailable"):
        async with microphone():
            pass
    assert 1 == len(device.opened)
    assert not device.is_running


async def test_no_device(device: Device) -> None:
    """Without any microphone, the error says so, also that of a recognition."""
    nothing_to_record_from(device)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(AudioError, match=r"there is no microphone.*container"):
            async for _ in recognizer.stream(microphone()):
                pass


async def test_no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the PortAudio library, or without sounddevice, the error says what to install."""
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AudioError, match="apt install libportaudio2"):
        async with microphone():
            pass
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtraError, match=r"paraformer-async\[mic\]"):
        async with microphone():
            pass


@pytest.mark.parametrize(
    "options",
    [
        {"device": ""},
        {"device": 1.5},
        {"device": True},
        {"sample_rate": 0},
        {"sample_rate": "16000"},
        {"frame_ms": 5},
        {"frame_ms": 20.0},
        {"buffer": 0},
        {"buffer": "1"},
    ],
)
def test_wrong_arguments(options: dict[str, Any]) -> None:
    """An argument that cannot be is refused at once."""
    with pytest.raises(InvalidOptionError, match=next(iter(options))):
        microphone(**options)


ALSA = """
</usr/share/alsa/alsa.conf>
pcm.recording {{ type file, slave.pcm "null", file "/dev/null", infile "{0}", format "raw" }}
pcm.!default {{ type plug, slave {{ pcm "recording", format S16_LE, rate 16000, channels 1 }} }}
"""
RECORD = """
import sys
import anyio
from paraformer_async import AudioError, microphone

async def main():
    async with microphone("default", buffer=0.5) as source:
        async for frame in source:
            sys.stdout.buffer.write(frame)
            break
        with anyio.fail_after(30):
            while not source.dropped:  # the device is faster than real time
                await anyio.sleep(0.01)
    try:
        async with microphone("no such device"):
            pass
    except AudioError as error:
        print(error, file=sys.stderr)

anyio.run(main)
"""


@pytest.mark.skipif(
    not find_library("portaudio") or not Path("/usr/share/alsa/alsa.conf").exists(),
    reason="needs libportaudio2 and libasound2-data",
)
def test_portaudio(tmp_path: Path) -> None:
    """PortAudio itself records the first frame of a device of ALSA, which reads a file."""
    (tmp_path / "in.raw").write_bytes(AUDIO)
    (tmp_path / "alsa.conf").write_text(ALSA.format(tmp_path / "in.raw"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RECORD],
        env={"ALSA_CONFIG_PATH": str(tmp_path / "alsa.conf"), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert AUDIO[:3200] == done.stdout
    assert b"there is no microphone 'no such device'" in done.stderr
    assert b"default" in done.stderr
