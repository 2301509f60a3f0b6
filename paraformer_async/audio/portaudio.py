"""What is needed of PortAudio, through sounddevice: open a device for recording, or say why not."""

from collections.abc import Callable
from typing import Any

from paraformer_async.errors import AudioError, MissingExtraError

__all__ = ["input_devices", "open_device"]

# https://portaudio.com/docs/v19-doxydocs/portaudio_8h.html: PaErrorCode
_HOST_ERROR = -9999
_INVALID_RATE = -9997
_UNAVAILABLE = -9985


def open_device(
    device: int | str | None,
    *,
    sample_rate: int,
    frame: int,
    callback: Callable[[Any, int, Any, Any], None],
    stopped: Callable[[], None],
) -> tuple[str, Any]:
    """
    Return the name of a device, and a running stream of it. Blocks.

    Args:
        device: Its number, or a part of its name; `None` for the default.
        sample_rate: In Hz.
        frame: Samples of a frame.
        callback: Called with each frame of s16le mono, in a thread of PortAudio; see
            https://python-sounddevice.readthedocs.io/en/latest/api/raw-streams.html
        stopped: Called there when the stream has ended.

    Raises:
        MissingExtraError: sounddevice is not installed.
        AudioError: It cannot be recorded from.
    """
    sounddevice = _sounddevice()
    name, own_rate = _look_up(sounddevice, device)
    try:
        stream: Any = sounddevice.RawInputStream(
            samplerate=sample_rate,
            blocksize=frame,
            device=device,
            channels=1,
            dtype="int16",
            callback=callback,
            finished_callback=stopped,
        )
        try:
            stream.start()
        except BaseException:
            stream.close(True)
            raise
    except sounddevice.PortAudioError as error:
        raise _refused(error, name, sample_rate, own_rate) from error
    return name, stream


def input_devices() -> list[str]:
    """
    Return the numbers and names of all devices that record. Blocks.

    Raises:
        MissingExtraError: sounddevice is not installed.
        AudioError: PortAudio is not installed.
    """
    return _inputs(_sounddevice())


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise MissingExtraError("recording from a microphone", "mic") from error
    except OSError as error:
        raise AudioError(
            "recording needs the PortAudio library, which is not installed",
            hint="apt install libportaudio2, or: brew install portaudio",
        ) from error
    return sounddevice


def _inputs(sounddevice: Any) -> list[str]:
    return [
        f"{number}: {one['name']}"
        for number, one in enumerate(sounddevice.query_devices())
        if one["max_input_channels"] > 0
    ]


def _look_up(sounddevice: Any, device: int | str | None) -> tuple[str, int]:
    """Return the name of a device, and the rate that it prefers."""
    try:
        found = sounddevice.query_devices(device, "input")
    except (ValueError, sounddevice.PortAudioError) as error:
        inputs = _inputs(sounddevice)
        if not inputs:
            raise AudioError(
                "there is no microphone", hint="connect one; a container sees none of its host"
            ) from error
        several = "Multiple" in str(error)
        wanted = "default microphone" if device is None else f"microphone {device!r}"
        raise AudioError(
            f"several microphones match {device!r}" if several else f"there is no {wanted}",
            hint=f"pass the number of one of these: {', '.join(inputs)}",
        ) from error
    return str(found["name"]), round(found["default_samplerate"])


def _refused(error: Exception, name: str, rate: int, own_rate: int) -> AudioError:
    """Return the error for a device that cannot be opened."""
    code = error.args[1] if len(error.args) > 1 else 0
    if code == _INVALID_RATE:
        return AudioError(
            f"the microphone {name} does not record at {rate} Hz",
            hint=f"it does at {own_rate}: microphone(sample_rate={own_rate}), and "
            f"stream(…, resample_from={own_rate})",
        )
    if code in (_UNAVAILABLE, _HOST_ERROR):
        return AudioError(
            f"the microphone {name} cannot be opened: {error}",
            hint="another program may be using it, or this one is not allowed to: see the privacy "
            "settings of the system, and on Linux the group audio",
        )
    return AudioError(f"the microphone {name} cannot be opened: {error}")
