"""
The contract of a quota: when a task may be submitted, as far as the account allows it.

    recognizer ─QuotaKey→ Quota.take ─→ QuotaGrant: use, or give back

The service counts the tasks that an account submits within a second, whichever process submits
them. By default, a process counts its own. An implementation that several processes share is passed
as `quota=`; `paraformer_async.integrations.ray` has one for the processes of a Ray cluster:

    class SharedQuota:
        async def take(self, key: QuotaKey) -> QuotaGrant: ...

    AsyncRecognizer(quota=SharedQuota())

What the service counts is when a task arrives. Between the grant and that moment, a connection may
have to be opened, which takes up to `Timeouts.connect`. A grant must count all of that time, and
then for a second after its use.

Imports nothing of this package.
"""

from typing import Protocol

from msgspec import Struct

__all__ = ["Quota", "QuotaGrant", "QuotaKey"]


class QuotaKey(Struct, frozen=True):
    """
    What the service counts together, and how much of it is allowed.

    Attributes:
        account: Stands for the API key and the address, without showing them. It is the same for
            all recognizers of this process that have the same, and means nothing in another one.
        endpoint: The preferred address of the service, without its query.
        model: The model of the task.
        per_second: Tasks that may be submitted within any second; how many others are counted does
            not depend on it.
    """

    account: int
    endpoint: str
    model: str
    per_second: int


class QuotaGrant(Protocol):
    """
    Permission to submit one task.

    It is either used or given back, once, by the event loop that took it; only after the death of
    its process is it neither. Neither call waits or raises.
    """

    @property
    def is_valid(self) -> bool:
        """Whether it may still be used. One that has expired is given back, and taken again."""
        ...

    def use(self) -> None:
        """Count the task from now on: it is submitted in this moment."""
        ...

    def give_back(self) -> None:
        """Count nothing: the task is not submitted. The next one that waits may be granted."""
        ...


class Quota(Protocol):
    """Grants the submission of tasks. Used by recognizers of any event loop, in any thread."""

    async def take(self, key: QuotaKey) -> QuotaGrant:
        """
        Wait until another task may be submitted.

        Those that wait for the same are granted in the order of arrival, at least within one event
        loop. The wait need not be bounded: it is canceled after `PoolLimits.wait`.

        Cancellation is safe: nothing is granted, or what was granted is given back.

        Raises:
            Exception: Whatever prevents a grant. Nothing is submitted without one: the recognition
                ends with this error; a `ServiceError` that is retryable is retried as if no
                connection could be opened.
        """
        ...
