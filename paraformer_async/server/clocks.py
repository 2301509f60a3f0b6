"""The clocks of the service, settable so that tests need not wait for minutes."""

from msgspec import Struct

from paraformer_async.options.service import IDLE_TIMEOUT, MESSAGE_TIMEOUT, SILENCE_TIMEOUT

__all__ = ["Clocks"]


class Clocks(Struct, frozen=True, kw_only=True):
    """
    When the service loses patience, in seconds. The defaults are the real service's.

    The first three count while the service waits for the client, not while it is busy itself.

    Attributes:
        message: A running task without a message from the client fails after this.
        silence: A running task without speech fails after this; with `heartbeat`, it is enough that
            audio comes.
        idle: A connection without a task is closed after this.
        send: A client that takes no result for this long is cut off.
        close: How long a closing handshake may take.
    """

    message: float = MESSAGE_TIMEOUT
    silence: float = SILENCE_TIMEOUT
    idle: float = IDLE_TIMEOUT
    send: float = 10.0
    close: float = 2.0
