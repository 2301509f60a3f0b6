"""
The contract of a connection that carries frames, for transports of any origin.

    dialer ─Handshake→ TransportFactory.connect ─→ Transport ⇄ Receiver

What a transport does for its user happens in calls that neither wait nor lose anything: a frame
is written, or an error is raised; a frame is received, or the connection is lost. Only `receive`
and `aclose` wait. `paraformer_async.testing.check_transport` verifies implementations.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from paraformer_async._core.messages import OutgoingFrame

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Handshake", "OutgoingFrame", "Receiver", "Transport", "TransportFactory"]


class Handshake(Struct, frozen=True, kw_only=True):
    """
    Everything that is needed to open a connection.

    Attributes:
        url: Address of the service, `ws://` or `wss://`.
        headers: Headers of the handshake, credentials included.
        proxy: Address of an HTTP proxy for CONNECT, possibly with credentials; `None` for none.
        ssl: TLS settings; `None` for the system's, with certificates verified.
        ping: Seconds without receiving anything after which the peer is pinged, or up to an eighth
            earlier; a peer that neither sends nor reads anything within half of that is lost. A
            ping waits behind what the peer has not read yet. `None`: no pings.
        close: Seconds that closing may take before the connection is cut.
        largest_message: Bytes of the largest message that is accepted; a larger one ends the
            connection.
    """

    url: str
    headers: Mapping[str, str]
    proxy: str | None = None
    ssl: "SSLContext | None" = None
    ping: float | None = 20.0
    close: float = 2.0
    largest_message: int = 4 * 1024 * 1024

    def __repr__(self) -> str:
        """Show nothing: headers, proxy and address contain secrets."""
        return "<Handshake>"


class Receiver(Protocol):
    """What a transport calls, in the step in which something happens. No method raises."""

    def frame_received(self, frame: str | bytes, *, is_binary: bool = False) -> bool:
        """
        Receive a message.

        Args:
            frame: Text as `str`, or as `bytes` of UTF-8 that was not validated; binary as `bytes`.
            is_binary: Whether the message is binary.

        Returns:
            Whether `receive` must return, because no more messages are wanted for now.
        """
        ...

    def writable(self) -> None:
        """Continue writing: `is_full` has become false."""
        ...


class Transport(Protocol):
    """An open connection. One user at a time."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether the peer reads less than it is sent, so that a frame written now has to wait."""
        ...

    def unsent(self) -> int:
        """Return how many bytes were written but not sent yet, as far as is known."""
        ...

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """
        Send frames, in order, without waiting: what cannot be sent at once is sent later, in order.

        Raises:
            ConnectionLostError: The connection has ended. How many of the frames were sent is not
                known; `receive` raises the reason.
        """
        ...

    async def receive(self, receiver: Receiver) -> None:
        """
        Pass messages to *receiver* as they arrive, until it wants no more.

        `receiver.writable` is called only while this runs. Messages that arrive while it does not
        run wait for the next call, in bounded memory. Cancellation is safe: each message was passed
        on, or waits.

        Raises:
            ConnectionLostError: The connection has ended, with the close code and reason; 1006 if
                it ended without a close frame, or if a write failed.
            RemoteProtocolError: A message is larger than `Handshake.largest_message`, which the
                error names, and has ended the connection.
        """
        ...

    async def aclose(self) -> None:
        """Close within `Handshake.close` seconds. May be called twice, and while `receive` runs."""
        ...


class TransportFactory(Protocol):
    """Opens connections for one recognizer; created and used in its event loop."""

    async def connect(self, handshake: Handshake) -> Transport:
        """
        Open a connection. Cancellation is safe: nothing is left open.

        Raises:
            ServiceError: There is no connection: `ConnectError`, or, if the service responded,
                `HandshakeError` with the HTTP status and the beginning of the body. Redirects are
                not followed. No error may show a header's value, credentials or a query.
        """
        ...

    async def aclose(self) -> None:
        """Free what the connections share. Open connections are closed by those who hold them."""
        ...
