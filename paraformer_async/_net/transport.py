"""What the session needs of a connection."""

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["Frame", "Listener", "Transport"]

# A frame to send: text as `str`, binary as the others.
Frame = str | bytes | memoryview
# Takes a text frame, in UTF-8, and gives whether it is the last that it wants. Raises nothing.
Listener = Callable[[bytes], bool | None]


class Transport(Protocol):
    """A connection that carries frames. One writer and one reader at a time."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        ...

    def unsent(self) -> int:
        """Give how many bytes of what was sent have not left."""
        ...

    def listen(self, listener: Listener | None) -> None:
        """
        Let *listener* have text in the step in which it comes, if the connection knows how.

        Frames that are not given to it come through `receive`, in which the reader waits anyway:
        for the end of the connection, if for nothing else. The last that it wants does, too, so
        that the reader goes on. `None`: all of them do.
        """
        ...

    def send_now(self, frame: Frame) -> None:
        """
        Write a frame without waiting. It makes a queue when something is `unsent`.

        Raises:
            ConnectionLostError: The connection has ended.
        """
        ...

    async def send(self, frames: Sequence[Frame]) -> None:
        """
        Write frames; waits before it while the peer takes nothing.

        Cancellation is safe: all are written, or none.

        Raises:
            ConnectionLostError: The connection has ended.
        """
        ...

    async def receive(self) -> str | bytes:
        """
        Read the next frame: text as `str`, binary as `bytes`.

        Raises:
            ConnectionLostError: The connection has ended, with the close code and reason.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection in bounded time. May be called twice, and while others use it."""
        ...
