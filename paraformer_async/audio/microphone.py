"""Record from a microphone, by PortAudio (extra `mic`)."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Any, Self

import anyio
from anyio import to_thread

from paraformer_async.audio.portaudio import open_device
from paraformer_async.errors import AudioError, InvalidOptionError, UsageError
from paraformer_async.options.checks import is_whole, require_seconds, require_text, shown
from paraformer_async.options.kinds import Rate

__all__ = ["Microphone", "microphone"]

_FRAME_MS = range(10, 1001)
_CLOSE_TIMEOUT = 2.0  # seconds
_log = logging.getLogger("paraformer_async")


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
    what opens it closes it, also when it is canceled.

    Args:
        device: Its number, or a part of its name; `None` for the system's default. The command
            `python -m sounddevice` lists them.
        sample_rate: In Hz. For a model that does not take the rate of the device, there is
            `stream(…, resample_from=…)`.
        frame_ms: Length of a frame, 10 to 1000 ms.
        buffer: Seconds of audio that wait to be read. What is recorded while so much is waiting is
            dropped: the log says how much, and so does `Microphone.dropped`.

    Raises:
        InvalidOptionError: An argument cannot be.
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
        dropped: Seconds of audio that were dropped, because they were not read in time.
        overflows: How often the system has lost audio before it got here; how much, is not known.

    Raises:
        MissingExtraError: On opening, if the extra `mic` is not installed.
        AudioError: On opening, if there is no PortAudio library, no such device, no permission, or
            the device is in use or does not take the rate; later, if it stops.
        UsageError: It is open already.
    """

    def __init__(
        self, device: int | str | None, *, sample_rate: int, frame_ms: int, buffer: float
    ) -> None:
        self.name: str = ""
        self.sample_rate: int = sample_rate
        self.dropped: float = 0.0
        self.overflows: int = 0
        self._device = device
        self._frame = sample_rate * frame_ms // 1000
        self._limit = max(1, round(buffer * 1000 / frame_ms))
        self._frames: deque[bytes] = deque()
        self._lock = threading.Lock()  # of what the thread of PortAudio changes
        self._stream: Any = None
        self._is_open = self._has_stopped = False
        self._reported = 0.0  # of `dropped`
        self._reported_overflows = 0

    def __repr__(self) -> str:
        """Show the device and its state."""
        state = "open" if self._is_open else "closed"
        return f"<Microphone {self.name or self._device or 'default'!r} {state}>"

    async def __aenter__(self) -> Self:
        if self._is_open:
            raise UsageError("this microphone is open already")
        self._is_open = True
        self._has_stopped = False
        self._frames.clear()
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        try:
            await to_thread.run_sync(self._open)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return an iterator over the frames; it opens and closes a microphone that is closed."""
        return self._recorded() if self._is_open else self._opened_and_recorded()

    async def _opened_and_recorded(self) -> AsyncGenerator[bytes, None]:
        async with self:
            async for frame in self._recorded():
                yield frame

    async def _recorded(self) -> AsyncGenerator[bytes, None]:
        while True:
            while not self._frames:
                if not self._is_open:
                    return
                if self._has_stopped:
                    raise AudioError(
                        f"the microphone {self.name} has stopped", hint="is it still connected?"
                    )
                self._arrived.clear()
                if not self._frames:
                    await self._arrived.wait()
            frame = self._frames.popleft()
            if self.dropped > self._reported or self.overflows > self._reported_overflows:
                self._report()
            yield frame

    def _open(self) -> None:
        self.name, self._stream = open_device(
            self._device,
            sample_rate=self.sample_rate,
            frame=self._frame,
            callback=self._recorded_frame,
            stopped=self._stopped,
        )

    async def _close(self) -> None:
        self._is_open = False
        stream, self._stream = self._stream, None
        if stream is not None:
            with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True):
                await to_thread.run_sync(stream.close, True, abandon_on_cancel=True)
        self._arrived.set()
        self._report()

    def _report(self) -> None:
        """Log what was dropped since the last report."""
        with self._lock:
            dropped = self.dropped - self._reported
            overflows = self.overflows - self._reported_overflows
            self._reported, self._reported_overflows = self.dropped, self.overflows
        if dropped:
            _log.warning(
                "the microphone dropped %.2f s of audio, which was not read in time", dropped
            )
        if overflows:
            _log.warning("the system lost audio of the microphone, %d time(s)", overflows)

    # In the thread of PortAudio.

    def _recorded_frame(self, data: Any, frames: int, _time: object, status: Any) -> None:
        with self._lock:
            self.overflows += bool(status.input_overflow)
            if len(self._frames) >= self._limit:
                self.dropped += frames / self.sample_rate
                return
            self._frames.append(bytes(data))
        self._wake()

    def _stopped(self) -> None:
        self._has_stopped = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._arrived.set)
