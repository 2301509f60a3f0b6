"""
What processes hold of a quota that they share. Knows no clock, no Ray, and no process.

A grant counts from when it is made until its use has been reported, and then for as long as the
service may count the task. One that is neither used nor given back, because its process has died,
counts until it can no longer be used, and then as if it had been used in that moment.

So what the service counts is never more: the task of a grant arrives after the grant is made, and
before its use is reported, or before the grant has expired.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from itertools import count

from paraformer_async._client.submissions import WINDOW

__all__ = ["LEASE", "Leases"]

LEASE = 10.0
"""Seconds after which a grant must no longer be used."""


class Leases:
    """
    Grants of several quotas, each with a key.

    Args:
        lease: Seconds after which a grant must no longer be used.
        window: Seconds for which a task counts.
        first: Id of the first grant. Ids of other counters mean nothing here.
    """

    def __init__(self, lease: float = LEASE, window: float = WINDOW, first: int = 1) -> None:
        self._lease = lease
        self._window = window
        self._ids = count(first)
        self._ends: defaultdict[Hashable, dict[int, float]] = defaultdict(dict)
        self._keys: dict[int, Hashable] = {}  # of the grants whose use was not reported

    def free(self, key: Hashable, per_second: int, now: float) -> int:
        """Return how many grants are possible now, if *per_second* may count at once."""
        return max(0, per_second - len(self._counting(key, now)))

    def grant(self, key: Hashable, number: int, now: float) -> list[int]:
        """Return the ids of so many new grants."""
        ids = [next(self._ids) for _ in range(number)]
        for one in ids:
            self._ends[key][one] = now + self._lease + self._window
            self._keys[one] = key
        return ids

    def next(self, key: Hashable, per_second: int, now: float) -> float:
        """Return when another grant is possible, if nothing is given back before; or *now*."""
        ends = sorted(self._counting(key, now).values())
        return ends[-per_second] if len(ends) >= per_second else now

    def used(self, ids: Iterable[int], now: float) -> None:
        """Note that tasks were submitted with these grants, now or before."""
        for one in ids:
            key = self._keys.pop(one, None)
            if key is not None:
                self._ends[key][one] = now + self._window

    def give_back(self, ids: Iterable[int]) -> None:
        """Forget grants that will not be used."""
        for one in ids:
            key = self._keys.pop(one, None)
            if key is not None:
                del self._ends[key][one]

    def _counting(self, key: Hashable, now: float) -> dict[int, float]:
        ends = self._ends[key]
        for one in [one for one, end in ends.items() if end <= now]:
            del ends[one]
            self._keys.pop(one, None)
        return ends
