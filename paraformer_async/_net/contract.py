"""
The contract of a connection that carries frames, for those who bring a transport of their own.

    dialer ─Handshake→ TransportFactory.connect ─→ Transport ⇄ Receiver

Everything a transport does for its user happens in calls that neither wait nor lose anything: a
frame is written, or it is an error; a frame is received, or the connection is lost. Only `receive`
and `aclose` wait. `paraformer_async.testing.check_transport` proves an implementation.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from paraformer_async._core.wire import OutgoingFrame

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Handshake", "OutgoingFrame", "Receiver", "Transport", "TransportFactory"]


class Handshake(Struct, frozen=True, kw_only=True):
    """
    Everything that is needed to open a connection.

    Attributes:
        url: Address of the service, `ws://` or `wss://`.
        headers: Headers of the handshake, credentials included.
        proxy: Address of an HTTP proxy for CONNECT, maybe with credentials; `None` for none.
        ssl: TLS settings; `None` for the system's, with certificates verified.
        ping: Seconds without anything received after which the peer is pinged, or up to an eighth
            earlier; a peer that sends nothing within half of that is lost. `None`: no pings.
        close: Seconds that closing may take before the connection is cut.
        largest_message: Bytes of the largest message that is taken; a larger one ends the
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
        """Show nothing: headers, proxy and address carry secrets."""
        return "<Handshake>"


class Receiver(Protocol):
    """What a transport calls, in the step in which something happens. Nothing here raises."""

    def frame_received(self, frame: str | bytes) -> bool:
        """
        Take a message: text as `str` or in UTF-8 that was not validated, binary as `bytes`.

        Returns:
            Whether `receive` is to return: this was the last message that is wanted for now.
        """
        ...

    def writable(self) -> None:
        """`is_full` has become false: writing can go on."""
        ...


class Transport(Protocol):
    """An open connection. One user at a time."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether the peer takes less than it is sent, so that a frame written now has to wait."""
        ...

    def unsent(self) -> int:
        """Return how many bytes were written and have not left, as far as can be known."""
        ...

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """
        Send frames, in order. Never waits: what cannot leave at once leaves later, in order.

        Raises:
            ConnectionLostError: The connection has ended. How many of the frames were sent is not
                known; `receive` raises the reason.
        """
        ...

    async def receive(self, receiver: Receiver) -> None:
        """
        Pass messages to *receiver* as they come, until it wants no more.

        `receiver.writable` is called only while this runs. Messages that come while it does not run
        wait for the next call, in bounded memory. Cancellation is safe: each message was passed on,
        or waits.

        Raises:
            ConnectionLostError: The connection has ended, with the close code and reason; 1006 when
                it ended without a close frame, or a write failed.
        """
        ...

    async def aclose(self) -> None:
        """Close within `Handshake.close` seconds. May be called twice, and while `receive` runs."""
        ...


class TransportFactory(Protocol):
    """Opens connections for one recognizer; made and used in its event loop."""

    async def connect(self, handshake: Handshake) -> Transport:
        """
        Open a connection. Cancellation is safe: nothing is left open.

        Raises:
            ServiceError: There is no connection: `ConnectError`, or `HandshakeError` with the HTTP
                status and the beginning of the body when the service answered. Redirects are not
                followed. Nothing raised here may show a header's value, credentials or a query.
        """
        ...

    async def aclose(self) -> None:
        """Free what the connections share. Open connections are closed by those who hold them."""
        ...
