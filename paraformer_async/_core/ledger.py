"""
The account of the audio of one recognition.

The service counts milliseconds of all audio that it was sent. The user counts milliseconds of the
audio they gave. Injected silence lies between the two: the ledger knows where, and translates.
"""

from collections import deque

from msgspec.structs import replace

from paraformer_async._core.wire import Audio, ResultGenerated
from paraformer_async.results import Sentence, Word

__all__ = ["Ledger"]


class Ledger:
    """
    How much was sent, what is settled, and what time of the service is what time of the user.

    Args:
        bytes_per_second: Of the audio, to turn bytes into time; `None` for compressed audio, which
            has no injected silence and needs no translation.
    """

    def __init__(self, bytes_per_second: int | None) -> None:
        self._bytes_per_ms = bytes_per_second / 1000 if bytes_per_second else None
        self._given = 0
        self._injected = 0
        # Stretches of injected silence in bytes of the service's audio: (begin, length), in order.
        # Those before the last final sentence are only counted, so the list stays short.
        self._silences: deque[tuple[int, int]] = deque()
        self._silence_before = 0
        self._settled = 0

    @property
    def given(self) -> float | None:
        """Milliseconds of the user's audio that were sent; `None` for compressed audio."""
        return self._given / self._bytes_per_ms if self._bytes_per_ms else None

    @property
    def injected(self) -> float:
        """Milliseconds of injected silence that were sent."""
        return self._injected / self._bytes_per_ms if self._bytes_per_ms else 0.0

    @property
    def settled(self) -> int:
        """End of the last final sentence, in ms of the user's audio."""
        return self._settled

    def record(self, audio: Audio) -> None:
        """Enter audio that is being sent."""
        size = len(audio.data)
        if audio.injected:
            self._enter_silence(size)
        else:
            self._given += size

    def settle(self, result: ResultGenerated) -> ResultGenerated:
        """Translate a result to the user's time, and note what it settles."""
        said = result.sentence
        if said is None or said.heartbeat:
            return result
        sentence = self._translated(said) if self._injected else said
        if sentence.is_final:
            self._settled = max(self._settled, _end_of(sentence))
            self._forget_silences(_end_of(said))
        return result if sentence is said else ResultGenerated(sentence, result.usage)

    def to_user(self, service_ms: int) -> int:
        """Give the user's time of a time of the service; all of a silence is where it began."""
        if not self._bytes_per_ms:
            return service_ms
        at = service_ms * self._bytes_per_ms
        shift: float = self._silence_before
        for begin, length in self._silences:
            if at <= begin:
                break
            shift += min(length, at - begin)
        return round((at - shift) / self._bytes_per_ms)

    def _enter_silence(self, size: int) -> None:
        begin, length = self._given + self._injected, size
        self._injected += size
        if self._silences and sum(self._silences[-1]) == begin:
            begin, before = self._silences.pop()
            length += before
        self._silences.append((begin, length))

    def _forget_silences(self, service_ms: int) -> None:
        at = service_ms * (self._bytes_per_ms or 0)
        while self._silences and sum(self._silences[0]) <= at:
            self._silence_before += self._silences.popleft()[1]

    def _translated(self, sentence: Sentence) -> Sentence:
        end = sentence.end_time
        moved = {
            "begin_time": self.to_user(sentence.begin_time),
            "end_time": None if end is None else self.to_user(end),
            "words": tuple(self._translated_word(word) for word in sentence.words),
            "stash": self._translated(sentence.stash) if sentence.stash else None,
        }
        return replace(sentence, **moved)

    def _translated_word(self, word: Word) -> Word:
        return replace(
            word, begin_time=self.to_user(word.begin_time), end_time=self.to_user(word.end_time)
        )


def _end_of(sentence: Sentence) -> int:
    if sentence.end_time is not None:
        return sentence.end_time
    return sentence.words[-1].end_time if sentence.words else sentence.begin_time
