"""What `paraformer-async listen` does."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from paraformer_async import InvalidOptionError
from paraformer_async.captions import CaptionWriter, WallClock
from paraformer_async.cli.live import CaptionDisplay
from paraformer_async.cli.output import printable, write_message
from paraformer_async.cli.progress import ProgressDisplay
from paraformer_async.cli.recognizers import Service, open_recognizer
from paraformer_async.cli.running import on_signals
from paraformer_async.cli.sources import open_source

__all__ = ["listen_to"]

_INTERRUPTED = 130


async def listen_to(
    options: Mapping[str, Any],
    service: Service,
    *,
    source: Path | None,
    device: str | None,
    output: Path | None,
    is_on_wall_clock: bool,
) -> int:
    """
    Show live captions until the source ends, or until interrupted; save them as they come.

    The first SIGINT or SIGTERM ends the audio, and the last results are awaited. A further one ends
    the command at once; the saved file is complete all the same.

    Returns:
        The exit code: 130 after the second signal.

    Raises:
        InvalidOptionError: An option is invalid.
        OSError: The source cannot be read, or the captions cannot be written.
        ParaformerError: The source cannot be used, or the recognition failed.
    """
    if source is not None and device is not None:
        raise InvalidOptionError("--device", "cannot be combined with --source")
    progress, display = ProgressDisplay(), CaptionDisplay()
    clock = WallClock(time.monotonic)
    with ExitStack() as stack:
        captions = _writer(output, clock if is_on_wall_clock else None)
        if captions is not None:
            stack.enter_context(captions)
        async with open_recognizer(service, options, progress) as recognizer:
            rate = recognizer.options.sample_rate
            async with open_source(source, device, rate) as frames:
                audio = _Audio(frames, rate, clock, display)
                with _politely(audio.stop) as everything, display.show():
                    async for result in recognizer.stream(audio.frames()):
                        display.add(result)
                        if captions is not None:
                            captions.add(result)
    if output is not None:
        write_message(f"the captions are in {printable(output)}")
    return _INTERRUPTED if everything.cancelled_caught else 0


class _Audio:
    """The frames of a source, until it ends or is stopped."""

    def __init__(
        self, source: AsyncIterator[bytes], rate: int, clock: WallClock, display: CaptionDisplay
    ) -> None:
        self._source = source
        self._rate = rate
        self._clock = clock
        self._display = display
        self._waiting = anyio.CancelScope()
        self._is_stopped = False

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the frames, and show their level."""
        seconds = 0.0
        while (frame := await self._next()) is not None:
            length = len(frame) / (2 * self._rate)
            seconds += length
            self._clock.arrived(1000 * length)
            self._display.received(frame, seconds)
            yield frame
        self._display.finishing()

    def stop(self) -> None:
        """End the frames here."""
        self._is_stopped = True
        self._waiting.cancel()

    async def _next(self) -> bytes | None:
        if not self._is_stopped:
            with anyio.CancelScope() as self._waiting, suppress(StopAsyncIteration):
                return await anext(self._source)
        return None


def _writer(output: Path | None, clock: WallClock | None) -> CaptionWriter | None:
    """Open the file of the captions, if there is one."""
    if output is None:
        return None
    try:
        return CaptionWriter(output, clock=clock)
    except InvalidOptionError as error:
        raise InvalidOptionError("--output", error.reason, hint=error.hint) from None


@contextmanager
def _politely(stop: Callable[[], None]) -> Iterator[anyio.CancelScope]:
    """Call *stop* at the first signal, and cancel the body at the next one."""
    is_stopped = False

    def signaled() -> None:
        nonlocal is_stopped
        if is_stopped:
            everything.cancel()
        is_stopped = True
        stop()

    with anyio.CancelScope() as everything, on_signals(signaled):
        yield everything
