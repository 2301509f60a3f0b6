"""
The two timelines of a task.

The service counts the milliseconds of all audio that the task received, the user those of their own
audio. Injected silence makes the two differ; a task that continues after a failure begins somewhere
in the user's audio, and leaves out settled parts.
"""

from bisect import bisect_left, bisect_right
from math import inf
from typing import TypeVar

from msgspec.structs import replace

from paraformer_async.results import Sentence, Word

__all__ = ["Timeline", "end_of", "overlap", "span_of"]

Placed = TypeVar("Placed", bound=Sentence)

# Positions that are kept; the oldest are dropped, because results do not go back that far.
_LONGEST = 4096
# How much earlier than its word a begin can lie, in ms.
_PADDING = 500
# Longest valid time in ms: 31 years.
_LATEST = 1e12


class Timeline:
    """
    Translates the service's times in one task to the user's times.

    Positions are in bytes: *at* in the service's audio, *user* in the user's.

    Args:
        bytes_per_ms: Of the audio.
        begin: Position in the user's audio at which the task begins.

    Attributes:
        is_shifted: Whether the two timelines differ at all.
    """

    def __init__(self, bytes_per_ms: float, begin: int = 0) -> None:
        self.is_shifted = begin > 0
        self._bytes_per_ms = bytes_per_ms
        # Where a section begins, on both timelines, and whether the user's time advances in it.
        self._at = [0]
        self._user = [begin]
        self._runs = [True]
        self._jumps: list[int] = []

    def inject(self, at: int, length: int) -> None:
        """Record *length* bytes of injected silence at *at*, after everything recorded before."""
        self.is_shifted = True
        user = self._position(at, is_end=False)  # even if a jump leads to this very position
        if self._at[-1] == at and len(self._at) > 1 and not self._runs[-2]:
            self._at[-1] = at + length  # extend the silence before
            return
        self._add(at, user, runs=False)
        self._add(at + length, user, runs=True)

    def jump(self, at: int, user: int) -> None:
        """Record that the audio from *at* on is the user's from *user* on; in order of both."""
        if user == self._position(at, is_end=False):
            return
        self.is_shifted = True
        self._jumps.append(at)
        self._add(at, user, runs=True)

    def to_user(self, service_ms: float, *, is_end: bool = False) -> int:
        """
        Return the user's time in ms; within injected silence, that at which the silence began.

        Args:
            service_ms: The service's time in ms.
            is_end: Whether it is an end, which belongs to the audio before it, not after it.
        """
        return round(self.position(service_ms, is_end=is_end) / self._bytes_per_ms)

    def position(self, service_ms: float, *, is_end: bool = False) -> float:
        """Return the position in the user's audio; see `to_user`."""
        at = max(0.0, min(service_ms, _LATEST)) * self._bytes_per_ms
        return self._position(at, is_end=is_end)

    def forget_before(self, user: int) -> None:
        """Drop what is needed only before a position in the user's audio."""
        first = bisect_left(self._user, user) - 1
        if first > 0:
            self._forget(first)

    def translated(self, sentence: Placed, latest: float = inf) -> Placed:
        """Return *sentence* with all times on the user's timeline, none later than *latest* ms."""
        end = sentence.end_time
        first_end = sentence.words[0].end_time if sentence.words else end_of(sentence)
        return replace(
            sentence,
            begin_time=self._begin(sentence.begin_time, first_end, latest),
            end_time=None if end is None else self._time(end, latest, is_end=True),
            words=tuple(self._translated_word(word, latest) for word in sentence.words),
            stash=self.translated(sentence.stash, latest) if sentence.stash else None,
            pre_end_start_time=self._guessed(sentence.pre_end_start_time, latest),
            pre_end_end_time=self._guessed(sentence.pre_end_end_time, latest),
        )

    def _guessed(self, service_ms: int | None, latest: float) -> int | None:
        """Return the user's time of a guess; the service may send a negative one for none."""
        return (
            service_ms if service_ms is None or service_ms < 0 else self._time(service_ms, latest)
        )

    def _translated_word(self, word: Word, latest: float) -> Word:
        begin = self._begin(word.begin_time, word.end_time, latest)
        return replace(
            word, begin_time=begin, end_time=self._time(word.end_time, latest, is_end=True)
        )

    def _begin(self, begin_ms: int, end_ms: int, latest: float) -> int:
        """
        Return the user's time of the begin of a word that ends at *end_ms*.

        If it begins just before a jump and ends after it, it begins at the jump: services pad.
        """
        if self._jumps:
            place = bisect_right(self._jumps, begin_ms * self._bytes_per_ms)
            jump_ms = self._jumps[place] / self._bytes_per_ms if place < len(self._jumps) else inf
            if jump_ms < min(end_ms, begin_ms + _PADDING):
                return self._time(jump_ms, latest)
        return self._time(begin_ms, latest)

    def _time(self, service_ms: float, latest: float, *, is_end: bool = False) -> int:
        time = self.to_user(service_ms, is_end=is_end)
        return time if time <= latest else int(latest)

    def _position(self, at: float, *, is_end: bool) -> float:
        find = bisect_left if is_end else bisect_right
        index = max(0, find(self._at, at) - 1)
        return max(0, self._user[index] + (at - self._at[index] if self._runs[index] else 0))

    def _add(self, at: int, user: float, *, runs: bool) -> None:
        if self._at[-1] == at:  # the last section is empty
            self._at.pop()
            self._user.pop()
            self._runs.pop()
        self._at.append(at)
        self._user.append(int(user))
        self._runs.append(runs)
        if len(self._at) > _LONGEST:
            self._forget(_LONGEST // 2)

    def _forget(self, count: int) -> None:
        del self._at[:count], self._user[:count], self._runs[:count]


def end_of(sentence: Sentence) -> int:
    """Return the end of *sentence*, or the latest known time in it, on its own timeline in ms."""
    if sentence.end_time is not None:
        return sentence.end_time
    return sentence.words[-1].end_time if sentence.words else sentence.begin_time


def span_of(sentence: Sentence) -> tuple[int, int]:
    """Return the begin and the end of *sentence*, as far as it is known, on its own timeline."""
    return sentence.begin_time, end_of(sentence)


def overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """
    Return whether two spans on one timeline begin at once, or have half of the shorter in common.

    Those of two sentences may have less in common: services pad.
    """
    (begin, end), (begin_of_other, end_of_other) = one, other
    common = min(end, end_of_other) - max(begin, begin_of_other)
    is_most = 2 * common >= min(end - begin, end_of_other - begin_of_other)
    is_any = begin < end_of_other and begin_of_other < end
    return begin == begin_of_other or (is_any and is_most)
