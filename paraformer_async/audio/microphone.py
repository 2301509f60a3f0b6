"""Record from a microphone, by PortAudio (extra `mic`)."""

from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Self

from paraformer_async.audio.recording import Recording
from paraformer_async.errors import InvalidOptionError, UsageError
from paraformer_async.options.checks import is_whole, require_seconds, require_text, shown
from paraformer_async.options.kinds import Rate

__all__ = ["Microphone", "microphone"]

_FRAME_MS = range(10, 1001)


def microphone(
    device: int | str | None = None,
    *,
    sample_rate: int = 16_000,
    frame_ms: int = 100,
    buffer: float = 30.0,
) -> "Microphone":
    """
    Return a microphone: an async iterable of the frames that it records, s16le mono.

        async for result in recognizer.stream(microphone()):
            print(result.text)

    Nothing is opened before the iteration begins, or the microphone is entered with `async with`;
    what opens it closes it, also when it is canceled. A device that hangs holds nothing else up.

    Args:
        device: Its number, or a part of its name; `None` for the system's default. The command
            `python -m sounddevice` lists them.
        sample_rate: In Hz. For a model that does not take the rate of the device, there is
            `stream(…, resample_from=…)`.
        frame_ms: Length of a frame, 10 to 1000 ms.
        buffer: Seconds of audio that wait to be read. What is recorded while so much is waiting is
            dropped: the log says how much, and so does `Microphone.dropped`.

    Raises:
        InvalidOptionError: An argument is invalid.
    """
    if device is not None and not is_whole(device):
        require_text("device", device)
    Rate().check_type("sample_rate", sample_rate)
    if not is_whole(frame_ms) or frame_ms not in _FRAME_MS:
        raise InvalidOptionError("frame_ms", f"{shown(frame_ms)} is not a number of ms, 10 to 1000")
    require_seconds("buffer", buffer)
    return Microphone(device, sample_rate=sample_rate, frame_ms=frame_ms, buffer=buffer)


class Microphone:
    """
    The frames of a microphone, made by `microphone`. May be opened again after it was closed.

    Attributes:
        name: The name of the device; empty before it was opened.
        sample_rate: In Hz.

    Raises:
        MissingExtraError: On opening, if the extra `mic` is not installed.
        AudioError: On opening, if there is no PortAudio library, no such device, no permission, or
            the device is in use or does not take the rate; later, if it stops.
        UsageError: It is open already; or several tasks wait for its frames.
    """

    def __init__(
        self, device: int | str | None, *, sample_rate: int, frame_ms: int, buffer: float
    ) -> None:
        self.name: str = ""
        self.sample_rate: int = sample_rate
        self._device = device
        self._make_recording = partial(
            Recording,
            device,
            sample_rate=sample_rate,
            frame=sample_rate * frame_ms // 1000,
            limit=max(1, round(buffer * 1000 / frame_ms)),
        )
        self._recording: Recording | None = None  # while it is open
        self._dropped = 0.0  # before
        self._overflows = 0

    def __repr__(self) -> str:
        """Show the device and its state."""
        state = "open" if self._recording else "closed"
        return f"<Microphone {self.name or self._device or 'default'!r} {state}>"

    @property
    def dropped(self) -> float:
        """Seconds of audio that were dropped, because they were not read in time."""
        return self._dropped + (self._recording.dropped if self._recording else 0.0)

    @property
    def overflows(self) -> int:
        """How often the system has lost audio before it got here; how much, is not known."""
        return self._overflows + (self._recording.overflows if self._recording else 0)

    async def __aenter__(self) -> Self:
        if self._recording is not None:
            raise UsageError("this microphone is open already")
        self._recording = recording = self._make_recording()
        try:
            await recording.open()
        except BaseException:
            await self._close()
            raise
        self.name = recording.name
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return an iterator over the frames; it opens and closes a microphone that is closed."""
        recording = self._recording
        return self._opened_and_recorded() if recording is None else _frames_of(recording)

    async def _opened_and_recorded(self) -> AsyncGenerator[bytes, None]:
        async with self:
            async for frame in self:
                yield frame

    async def _close(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            try:
                await recording.close()
            finally:
                self._dropped += recording.dropped
                self._overflows += recording.overflows


async def _frames_of(recording: Recording) -> AsyncGenerator[bytes, None]:
    while (frame := await recording.next()) is not None:
        yield frame
