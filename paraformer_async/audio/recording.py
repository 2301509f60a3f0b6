"""
One recording of a microphone, from the opening of its device to the close.

    thread of PortAudio ─frames→ Recording.next ─→ Microphone

A call of PortAudio takes as long as the device or a sound server makes it wait, which may be for
ever. So each is made in a daemon thread of its own, which can be given up.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import anyio

from paraformer_async.audio.portaudio import open_device
from paraformer_async.errors import AudioError, UsageError

__all__ = ["Recording"]

_T = TypeVar("_T")
_CLOSE_TIMEOUT = 2.0  # seconds
_log = logging.getLogger("paraformer_async")


class Recording:
    """
    The frames that a device records. Opened once, and closed once.

    Args:
        device: Its number, or a part of its name; `None` for the default.
        sample_rate: In Hz.
        frame: Samples of a frame.
        limit: Frames that wait to be read; further ones are dropped.

    Attributes:
        name: The name of the device; empty before it was opened.
        dropped: Seconds of audio that were dropped.
        overflows: How often the system has lost audio.
    """

    def __init__(
        self, device: int | str | None, *, sample_rate: int, frame: int, limit: int
    ) -> None:
        self.name: str = ""
        self.dropped: float = 0.0
        self.overflows: int = 0
        self._device = device
        self._sample_rate = sample_rate
        self._frame = frame
        self._limit = limit
        self._frames: deque[bytes] = deque()
        self._lock = threading.Lock()  # of what threads change
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._stream: Any = None
        self._is_closed = self._has_stopped = self._is_awaited = False
        self._reported = 0.0  # of `dropped`
        self._reported_overflows = 0

    async def open(self) -> None:
        """
        Open the device. If this is canceled, it is closed as soon as it opens.

        Raises:
            MissingExtraError: sounddevice is not installed.
            AudioError: It cannot be recorded from.
        """
        await _in_daemon(self._open)

    async def next(self) -> bytes | None:
        """
        Return the next frame; `None` when the recording was closed. Cancellation loses nothing.

        Raises:
            AudioError: The device has stopped.
            UsageError: Another task is waiting for a frame.
        """
        while not self._frames:
            if self._is_closed:
                return None
            if self._has_stopped:
                raise AudioError(
                    f"the microphone {self.name} has stopped", hint="is it still connected?"
                )
            await self._wait()
        frame = self._frames.popleft()
        if self.dropped > self._reported or self.overflows > self._reported_overflows:
            self._report()
        return frame

    async def close(self) -> None:
        """Close the device, within 2 s."""
        with self._lock:
            self._is_closed = True
            stream, self._stream = self._stream, None
        try:
            if stream is not None:
                with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True):
                    await _in_daemon(partial(stream.close, True))
        finally:
            self._arrived.set()
            self._report()

    async def _wait(self) -> None:
        """Wait until something has arrived."""
        if self._is_awaited:
            raise UsageError(
                "another task is reading this microphone, and each would miss what the other reads",
                hint="for several streams, open a microphone() for each",
            )
        self._is_awaited = True
        self._arrived.clear()
        try:
            if not self._frames:
                await self._arrived.wait()
        finally:
            self._is_awaited = False

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

    # In other threads.

    def _open(self) -> None:
        name, stream = open_device(
            self._device,
            sample_rate=self._sample_rate,
            frame=self._frame,
            callback=self._recorded,
            stopped=self._stopped,
        )
        with self._lock:
            self.name = name
            if not self._is_closed:
                self._stream = stream
                return
        stream.close(True)

    def _recorded(self, data: Any, frames: int, _time: object, status: Any) -> None:
        with self._lock:
            self.overflows += bool(status.input_overflow)
            if len(self._frames) >= self._limit:
                self.dropped += frames / self._sample_rate
                return
            self._frames.append(bytes(data))
        self._wake()

    def _stopped(self) -> None:
        self._has_stopped = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._arrived.set)


async def _in_daemon(call: Callable[[], _T]) -> _T:
    """Return what *call* returns in a daemon thread; it goes on alone if this is canceled."""
    ended: Future[_T] = Future()
    ended.set_running_or_notify_cancel()

    def run() -> None:
        try:
            ended.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised below
            ended.set_exception(error)

    threading.Thread(target=run, name="microphone", daemon=True).start()
    return await asyncio.wrap_future(ended)
