"""Captions from sentences with times."""

from collections.abc import Iterable, Iterator, Sequence

from paraformer_async.results import Sentence, Word

__all__ = ["to_srt"]

# Two lines of 42 characters, at most 7 s on the screen: what broadcasters ask of captions.
_LONGEST_TEXT = 84
_LONGEST_MS = 7000
_SHORTEST_MS = 1


def to_srt(sentences: Iterable[Sentence]) -> str:
    """
    Give *sentences* as SubRip (.srt) text.

    A sentence is one caption; one that is too long for the screen is split between words, by the
    words' own times. Captions never overlap and never have an empty time span.
    """
    captions = (caption for sentence in sentences for caption in _captions(sentence))
    blocks = []
    earliest = 0
    for number, (begin_time, end_time, text) in enumerate(captions, 1):
        begin = max(begin_time, earliest)
        earliest = max(end_time, begin + _SHORTEST_MS)
        blocks.append(f"{number}\n{_clock(begin)} --> {_clock(earliest)}\n{text}\n")
    return "\n".join(blocks)


def _captions(sentence: Sentence) -> Iterator[tuple[int, int, str]]:
    text = sentence.text.strip()
    if not text:
        return
    words = sentence.words
    end = sentence.end_time
    if end is None:
        end = words[-1].end_time if words else sentence.begin_time
    if not words or (len(text) <= _LONGEST_TEXT and end - sentence.begin_time <= _LONGEST_MS):
        yield sentence.begin_time, end, text
        return
    for part, said in _parts(text, words):
        yield part[0].begin_time, part[-1].end_time, said


def _parts(text: str, words: Sequence[Word]) -> Iterator[tuple[list[Word], str]]:
    """Cut *text* between words where a caption is full. The text itself is kept as it is."""
    part: list[Word] = []
    begin = at = 0
    for word in words:
        found = text.find(word.text, at)
        where = at if found < 0 else found
        is_full = part and (
            where + len(word.text + word.punctuation.strip()) - begin > _LONGEST_TEXT
            or word.end_time - part[0].begin_time > _LONGEST_MS
        )
        # The words of a number ("1999") may not stand in the text as said: no caption is empty.
        if is_full and text[begin:where].strip() and text[where:].strip():
            yield part, text[begin:where].strip()
            part, begin = [], where
        part.append(word)
        at = where + len(word.text) if found >= 0 else at
    yield part, text[begin:].strip()


def _clock(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{ms:03}"
