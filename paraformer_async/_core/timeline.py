"""
The two clocks of a task.

The service counts milliseconds of all audio that the task was sent. The user counts milliseconds of
the audio they gave. Injected silence lies between the two, and a task that takes over from a broken
one begins somewhere in the user's audio.
"""

from msgspec.structs import replace

from paraformer_async.results import Sentence, Word

__all__ = ["Timeline"]


class Timeline:
    """
    Translates times of one task of the service to times of the user.

    Args:
        bytes_per_ms: Of the audio.
        begin: Where in the user's audio, in bytes, the task begins.

    Attributes:
        is_shifted: Whether the two clocks differ at all.
    """

    def __init__(self, bytes_per_ms: float, begin: int = 0) -> None:
        self.is_shifted = begin > 0
        self._bytes_per_ms = bytes_per_ms
        self._begin = begin
        # Stretches of injected silence in bytes of the service's audio: (begin, length), in order.
        # Those before the last final sentence are only counted, so the list stays short.
        self._silences: list[tuple[int, int]] = []
        self._silence_before = 0

    def inject(self, begin: int, length: int) -> None:
        """Enter *length* bytes of silence that lie at *begin* in the service's audio."""
        if self._silences and sum(self._silences[-1]) == begin:
            begin, before = self._silences.pop()
            length += before
        self._silences.append((begin, length))
        self.is_shifted = True

    def to_user(self, service_ms: int) -> int:
        """Give the user's time; a time within injected silence is where the silence began."""
        at = service_ms * self._bytes_per_ms
        shift = float(self._silence_before)
        for begin, length in self._silences:
            if at <= begin:
                break
            shift += min(length, at - begin)
        return round((self._begin + at - shift) / self._bytes_per_ms)

    def forget_before(self, service_ms: int) -> None:
        """No earlier time will be asked for."""
        at = service_ms * self._bytes_per_ms
        while self._silences and sum(self._silences[0]) <= at:
            self._silence_before += self._silences.pop(0)[1]

    def translated(self, sentence: Sentence) -> Sentence:
        """Give *sentence* with all its times as the user's."""
        end = sentence.end_time
        return replace(
            sentence,
            begin_time=self.to_user(sentence.begin_time),
            end_time=None if end is None else self.to_user(end),
            words=tuple(self._translated_word(word) for word in sentence.words),
            stash=self.translated(sentence.stash) if sentence.stash else None,
        )

    def _translated_word(self, word: Word) -> Word:
        return replace(
            word, begin_time=self.to_user(word.begin_time), end_time=self.to_user(word.end_time)
        )
