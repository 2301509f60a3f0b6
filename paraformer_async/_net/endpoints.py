"""
Which of several addresses of the service is used.

The first one is preferred. One that fails rests for a while; then one connection tries it again,
while the others stay where they are. Sans-I/O: the time comes from a clock, failures from the pool.
"""

from collections.abc import Callable
from math import inf

from paraformer_async._core.retries import is_of_silence
from paraformer_async.errors import (
    ConnectError,
    HandshakeError,
    ServiceError,
)

__all__ = ["REST", "Endpoints"]

REST = 30.0
"""Seconds for which an address that has failed is not preferred."""
# HTTP statuses with which every address would answer the same request.
_OF_REQUEST = (400, 401, 403)
_TOLERATED = 2  # tasks in a row that may fail at an address; a connection may not


class Endpoints:
    """
    Remembers how addresses have done.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._alternatives: set[str] = set()  # the addresses that are one of several
        self._rests_until: dict[str, float] = {}
        self._failed_tasks: dict[str, int] = {}
        self._reasons: dict[str, ServiceError] = {}
        self._current: dict[tuple[str, ...], str] = {}

    def in_order(self, urls: tuple[str, ...]) -> tuple[str, ...]:
        """Return *urls* in the order in which to try them: those that rest come last."""
        if len(urls) == 1:
            return urls
        self._alternatives.update(urls)
        now = self._clock()
        ready = [url for url in urls if self._rests_until.get(url, -inf) <= now]
        resting = [url for url in urls if url not in ready]
        for url in ready:
            if url in self._rests_until:  # the caller tries it; nobody else waits for the outcome
                self._rests_until[url] = now + REST
        return (*ready, *sorted(resting, key=self._rests_until.__getitem__))

    def connected(self, url: str) -> None:
        """Note that a connection was made."""
        self._rests_until.pop(url, None)
        self._reasons.pop(url, None)

    def not_connected(self, url: str, failure: ServiceError) -> bool:
        """Note that no connection was made; return whether another address may do better."""
        if not _is_of_endpoint(failure):
            return False
        self._rest(url, failure)
        return True

    def ended(self, url: str, failure: BaseException | None, *, is_excused: bool) -> None:
        """
        Note how a task has ended.

        Args:
            url: The address.
            failure: Why it failed; `None` if it is complete.
            is_excused: Whether that is no evidence against the address.
        """
        if url not in self._alternatives or is_excused:
            return
        if failure is None:
            self._failed_tasks.pop(url, None)
        elif isinstance(failure, ServiceError) and _is_of_endpoint(failure):
            self._failed_tasks[url] = self._failed_tasks.get(url, 0) + 1
            if self._failed_tasks[url] >= _TOLERATED:
                self._rest(url, failure)

    def switched(self, urls: tuple[str, ...], url: str) -> tuple[str, ServiceError | None] | None:
        """Return the address that *url* takes the place of, and why that failed, if it has."""
        previous = self._current.get(urls, urls[0])
        self._current[urls] = url
        return None if previous == url else (previous, self._reasons.pop(previous, None))

    def _rest(self, url: str, failure: ServiceError) -> None:
        self._rests_until[url] = self._clock() + REST
        self._reasons[url] = failure
        self._failed_tasks.pop(url, None)


def _is_of_endpoint(failure: ServiceError) -> bool:
    """Whether the address is at fault, and not the request, the account, or the audio."""
    if isinstance(failure, HandshakeError):
        return failure.status not in _OF_REQUEST and not failure.is_throttled
    if isinstance(failure, ConnectError):
        return True  # also if it cannot pass by itself, such as an unknown host
    if is_of_silence(failure):
        return False
    return failure.retryable and not failure.is_throttled
