"""
Reads the user's source into the sender, and once more from further back after a lost connection.

Nothing else touches the source: a deadline on the user's `anext()` would end an async generator and
lose its audio.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import anyio

from paraformer_async._client.failing import as_failure, is_ours
from paraformer_async._client.inbox import Signal
from paraformer_async._client.sender import Sender
from paraformer_async._core.recognition import Recognition
from paraformer_async.audio.decoded import Marker
from paraformer_async.audio.pacing import Feeder
from paraformer_async.audio.source import Chunks

__all__ = ["Pump"]

# After this many chunks, a source that never waits yields to other tasks.
_TURN = 32


class Pump:
    """
    Reads the user's audio, in a task of its own.

    Args:
        source: The user's audio.
        sender: Takes it.
        machine: Says when it is full.
        feeder: Hands it over at a pace, or in pieces; `None` for neither.
        fail: Ends the recognition when the source has failed.
    """

    def __init__(
        self,
        source: Chunks,
        sender: Sender,
        machine: Recognition,
        feeder: Feeder | None,
        fail: Callable[[BaseException], object],
    ) -> None:
        self._source = source
        self._sender = sender
        self._machine = machine
        self._feeder = feeder
        self._fail = fail
        self._reading: anyio.CancelScope | None = None
        self._rewind_to: int | None = None
        self._changed = Signal()
        self._is_at_end = self._is_released = False

    async def run(self) -> None:
        """Read the user's audio; after a rewind, read it again from there."""
        source = self._source
        try:
            while source.rewound is not None:
                with anyio.CancelScope() as self._reading:
                    await self._read(source)
                self._is_at_end = True
                while self._rewind_to is None:
                    if self._is_released:
                        return
                    await self._changed.wait()
                self._is_at_end = False
                source, self._rewind_to = source.rewound(self._rewind_to), None
            await self._read(source)
        except BaseException as error:
            if is_ours(error):
                raise
            self._fail(as_failure(error, "the audio source"))

    def rewind(self, position: int) -> None:
        """Read the source again from *position*, in bytes that were sent."""
        position = self._sender.restart(position)
        if self._feeder is not None:
            self._feeder.restart(position)
        self._rewind_to = position
        if self._reading is not None:
            self._reading.cancel()
        self._changed.notify()

    def release(self) -> bool:
        """End if it only waits for a rewind; return whether it does."""
        self._is_released = True
        self._changed.notify()
        return self._is_at_end and self._rewind_to is None

    async def _read(self, source: Chunks) -> None:
        """Read *source* to its end, or until a rewind."""
        taken = 0
        sender, machine = self._sender, self._machine
        turns, unsent = sender.turns, machine.waiting
        audio = source if self._feeder is None else self._feeder.feed(source)
        async with aclosing(audio):
            async for given in audio:
                if type(given) is Marker:
                    await sender.mark(given.mark)
                    continue
                if sender.joinable and type(given) is bytes:  # most of what does not wait
                    sender.join(given)
                else:
                    chunk = given if type(given) is bytes else sender.take(given)
                    if turns.waiting or machine.is_paused or (unsent and machine.is_full):
                        await turns.wait()
                    if self._rewind_to is not None:
                        return
                    sender.accept(chunk)  # raises after the end: a source may never wait
                taken += 1
                if taken % _TURN == 0:
                    await asyncio.sleep(0)
        if self._rewind_to is None:  # otherwise the source has ended in the step of the rewind
            await sender.mark_end()
