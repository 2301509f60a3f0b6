"""SubRip (.srt) captions from timed sentences."""

from collections.abc import Iterable, Iterator, Sequence

from paraformer_async.results import Sentence, Word

__all__ = ["to_srt"]

# Two lines of 42 characters, on screen for at most 7 s: what broadcasters require of captions.
_MAX_CHARACTERS = 84
_MAX_MS = 7000
_MIN_MS = 1


def to_srt(sentences: Iterable[Sentence]) -> str:
    """
    Return *sentences* as SubRip (.srt) text; times are those of the sentences, in ms.

    Each sentence becomes one caption. A sentence too long for the screen is split between words, at
    the times of the words. Captions never overlap and always last at least 1 ms. Sentences without
    text are left out.
    """
    captions = (caption for sentence in sentences for caption in _captions(sentence))
    blocks = []
    earliest = 0
    for number, (begin_time, end_time, text) in enumerate(captions, 1):
        begin = max(begin_time, earliest)
        earliest = max(end_time, begin + _MIN_MS)
        blocks.append(f"{number}\n{_timestamp(begin)} --> {_timestamp(earliest)}\n{text}\n")
    return "\n".join(blocks)


def _captions(sentence: Sentence) -> Iterator[tuple[int, int, str]]:
    text = sentence.text.strip()
    if not text:
        return
    words = sentence.words
    end = sentence.end_time
    if end is None:
        end = words[-1].end_time if words else sentence.begin_time
    if not words or (len(text) <= _MAX_CHARACTERS and end - sentence.begin_time <= _MAX_MS):
        yield sentence.begin_time, end, text
        return
    for part, part_text in _split(text, words):
        yield part[0].begin_time, part[-1].end_time, part_text


def _split(text: str, words: Sequence[Word]) -> Iterator[tuple[list[Word], str]]:
    """Split *text* between words wherever a caption is full, without changing the text."""
    part: list[Word] = []
    begin = at = 0
    for word in words:
        found = text.find(word.text, at)
        where = at if found < 0 else found
        is_full = part and (
            where + len(word.text + word.punctuation.strip()) - begin > _MAX_CHARACTERS
            or word.end_time - part[0].begin_time > _MAX_MS
        )
        # Words may not occur in the text as spoken ("1999"): never leave a caption empty.
        if is_full and text[begin:where].strip() and text[where:].strip():
            yield part, text[begin:where].strip()
            part, begin = [], where
        part.append(word)
        at = where + len(word.text) if found >= 0 else at
    yield part, text[begin:].strip()


def _timestamp(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{ms:03}"
