"""Time limits of the service, as settings, so that tests need not wait for minutes."""

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.service import IDLE_TIMEOUT, MESSAGE_TIMEOUT, SILENCE_TIMEOUT

__all__ = ["Clocks"]

_LONGEST = 365 * 24 * 3600


class Clocks(Struct, frozen=True, kw_only=True):
    """
    Time limits of the service, in seconds. The defaults are the real service's.

    The first three are measured while the service waits for the client, not while it is busy.

    Attributes:
        message: A running task fails after this time without a message from the client.
        silence: A running task fails after this time without speech; with `heartbeat`, audio of
            any kind is enough.
        idle: A connection is closed after this time without a task.
        send: A client that accepts no result for this time is disconnected.
        close: Time limit of a closing handshake.

    Raises:
        InvalidOptionError: A time is not a number of seconds from 0 to a year.
    """

    message: float = MESSAGE_TIMEOUT
    silence: float = SILENCE_TIMEOUT
    idle: float = IDLE_TIMEOUT
    send: float = 10.0
    close: float = 2.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            seconds = getattr(self, name)
            is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
            if not is_number or not 0 <= seconds <= _LONGEST:
                raise InvalidOptionError(
                    f"clocks.{name}", "must be a number of seconds, from 0 to a year"
                )
