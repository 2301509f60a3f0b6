"""When to give a batch up: no file can be transcribed without a network."""

from paraformer_async.batch.outcomes import BatchOutcome
from paraformer_async.errors import ConnectError, DeadlineError, ServiceError

__all__ = ["FILES_WITHOUT_CONNECTION", "ConnectFailures"]

FILES_WITHOUT_CONNECTION = 3
"""Consecutive files without a connection after which a batch is given up."""


class ConnectFailures:
    """
    Counts consecutive files for which no connection could be made, after all retries.

    A file that needed no connection, because it cannot be read, says nothing about the network.
    """

    def __init__(self) -> None:
        self._count = 0

    def add(self, outcome: BatchOutcome) -> bool:
        """Count the outcome of a file; return whether it is time to give up."""
        if outcome.is_restored:
            return False
        error = outcome.error
        if isinstance(error, ConnectError) or _is_connect(error):
            self._count += 1
        elif error is None or isinstance(error, ServiceError):
            self._count = 0
        return self._count >= FILES_WITHOUT_CONNECTION


def _is_connect(error: BaseException | None) -> bool:
    return isinstance(error, DeadlineError) and error.phase == "connect"
