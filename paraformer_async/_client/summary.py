"""The latencies of all recognitions of a recognizer, in bounded memory."""

from collections import deque
from collections.abc import Sequence
from math import ceil

from paraformer_async.observing import Ended, LatencySummary, Percentiles

__all__ = ["Summary"]

# Measurements of each kind that percentiles are taken of: the latest ones.
_LATEST = 1000
_NAMES = LatencySummary.__struct_fields__


class Summary:
    """
    Collects the latencies of recognitions that have ended.

    Attributes:
        ended: Recognitions that have ended.
        failed: Those of them that have failed.
    """

    def __init__(self) -> None:
        self.ended: int = 0
        self.failed: int = 0
        self._counts = dict.fromkeys(_NAMES, 0)
        self._latest: dict[str, deque[float]] = {name: deque(maxlen=_LATEST) for name in _NAMES}

    def add(self, event: Ended) -> None:
        """Add what was measured of a recognition."""
        measured = event.latency
        self.ended += 1
        self.failed += event.has_failed
        for name, latest in self._latest.items():
            value = getattr(measured, name)
            if value is None:
                continue
            if name != "utterance":
                self._counts[name] += 1
                latest.append(value)
            else:  # the latest of several
                self._counts[name] += len(measured.utterances)
                latest.extend(measured.utterances)

    def latency(self) -> LatencySummary:
        """Return the percentiles."""
        return LatencySummary(
            **{name: _percentiles(self._counts[name], self._latest[name]) for name in _NAMES}
        )


def _percentiles(count: int, values: Sequence[float]) -> Percentiles | None:
    """Return the percentiles of *values*, the latest of *count*; `None` if there are none."""
    if not values:
        return None
    ranked = sorted(values)
    p50, p90, p99 = (ranked[ceil(len(ranked) * share) - 1] for share in (0.5, 0.9, 0.99))
    return Percentiles(count, p50, p90, p99, ranked[-1])
