"""Captions from timed sentences: which text is on screen when, and on how many lines."""

import re
from collections.abc import Iterable, Iterator, Sequence
from unicodedata import category

from msgspec import Struct

from paraformer_async.results import Sentence, Word
from paraformer_async.text import clean, is_unspaced, width

__all__ = ["Caption", "lay_out", "timestamp"]

# Two lines of 42 columns, on screen for at most 7 s: what broadcasters require of captions.
_LINE = 42
_MAX_MS = 7000
# A caption that overlaps with the next one is cut to this, if it was longer.
_READABLE_MS = 1000
_MIN_MS = 1
_NEAR = 20  # characters in which a word of a sentence is looked for, for each that was not found
_READING_SPEED = 20  # columns a second, where nothing tells how long a sentence was spoken
# Categories of characters between which and the next or the previous one no line is broken. The
# last ones change the character before them: accents, joiners, skin tones, marks of long vowels.
_OPENING = ("Ps", "Pi")
_CLOSING = ("Pe", "Pf", "Po", "Zs", "Mn", "Me", "Cf", "Sk", "Lm")
_SMALL_KANA = "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ"  # which do not begin a line either
_JOINER = "\u200d"  # of emoji


class Caption(Struct, frozen=True):
    """
    Text that is on screen for a while.

    Attributes:
        begin_time: In ms.
        end_time: In ms, after `begin_time`.
        text: One line or several, none of them empty, of up to 42 columns where the text allows.
    """

    begin_time: int
    end_time: int
    text: str


def lay_out(
    sentences: Iterable[Sentence],
    *,
    earliest: int = 0,
    labeled: bool | None = None,
    reading_speed: float | None = None,
) -> list[Caption]:
    """
    Return the captions of *sentences*, by time: none is empty, and none overlaps with another.

    Each sentence becomes one caption, or several if it is too long for the screen: it is split
    between words, at their times, or in proportion if there are none. One whose end is unknown is
    shown until it can be read, or the next one begins. Sentences without text are left out. If
    there are several channels, each caption begins with its own: `[0] Hello.`

    Args:
        sentences: The sentences.
        earliest: In ms, when the first caption may begin: the end of one that is written already.
        labeled: Whether captions begin with their channels; `None` if there are several.
        reading_speed: Columns a second that can be read: a caption stays that long, if the next one
            begins late enough. `None` to stay as long as it is spoken.
    """
    in_order = sorted(sentences, key=lambda sentence: sentence.begin_time)
    if labeled is None:
        labeled = len({sentence.channel_id for sentence in in_order}) > 1
    parts = [
        screen
        for sentence in in_order
        for screen in _screens(sentence, _label(sentence) if labeled else "")
    ]
    parts.sort(key=lambda part: part[0])
    captions: list[Caption] = []
    for number, (begin, end, text) in enumerate(parts):
        start = max(begin, earliest)
        read = begin + round(1000 * width(text) / reading_speed) if reading_speed else end
        wanted = max(end, read)
        following = parts[number + 1][0] if number + 1 < len(parts) else wanted
        least = start + max(_MIN_MS, min(end - begin, _READABLE_MS))
        earliest = max(min(wanted, max(following, start)), least)
        captions.append(Caption(start, earliest, text))
    return captions


def timestamp(ms: int, separator: str = ",") -> str:
    """Return a time as hours, minutes, seconds and, after *separator*, ms."""
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{ms:03}"


def _parts(sentence: Sentence, columns: int) -> Iterator[tuple[int, int, str]]:
    """Yield the times and texts of a sentence; times do not go back within it."""
    text = clean(sentence.text)
    if not text:
        return
    words = sentence.words
    begin, end = sentence.begin_time, sentence.end_time
    if end is None:
        end = words[-1].end_time if words else begin
    if end <= begin:
        end = begin + max(_READABLE_MS, 1000 * width(text) // _READING_SPEED)
    if not words or (_fits(text, columns) and end - begin <= _MAX_MS):
        yield begin, end, text
        return
    for part, part_text in _split_evenly(text, words, columns):
        begin = max(begin, part[0].begin_time)
        yield begin, max(begin, part[-1].end_time), part_text


def _split_evenly(text: str, words: Sequence[Word], columns: int) -> list[tuple[list[Word], str]]:
    """Split *text* between words so that no last word or two are on screen for only a moment."""
    parts = list(_split(text, words, columns))
    for narrower in range(columns - 2, columns * 2 // 3, -2):
        if len(parts) < 2 or width(parts[-1][1]) >= _LINE // 2:
            break
        even = list(_split(text, words, narrower))
        parts = even if len(even) == len(parts) else parts
    return parts


def _split(text: str, words: Sequence[Word], columns: int) -> Iterator[tuple[list[Word], str]]:
    """Split *text* between words wherever a caption is full, without changing the text."""
    part: list[Word] = []
    begin = at = missed = 0
    lower = text.lower() if len(text.lower()) == len(text) else text
    for word in words:
        word_text = clean(word.text)
        found = _find(lower, word_text.lower(), at, _NEAR * (1 + missed))
        missed = missed + 1 if found < 0 else 0
        where = place = at if found < 0 else found
        while where > begin and _is_opening(text[begin:where]):
            where -= 1
        end = place + len(word_text)
        while end < len(text) and not text[end].isspace() and category(text[end]) in _CLOSING:
            end += 1
        is_full = part and (
            not _fits(text[begin:end], columns) or word.end_time - part[0].begin_time > _MAX_MS
        )
        # Words may not occur in the text as spoken ("1999"): never leave a caption empty.
        if is_full and text[begin:where].strip() and text[where:].strip():
            yield part, text[begin:where].strip()
            part, begin = [], where
        part.append(word)
        at = place + len(word_text) if found >= 0 else at
    yield part, text[begin:].strip()


def _find(text: str, word: str, at: int, near: int) -> int:
    """
    Return where *word* begins in *text* from *at* on, so *near* and not within another word.

    Returns:
        The position; -1 if the text has another spelling there, as "3" for "three".
    """
    found = text.find(word, at, at + near + len(word))
    while found >= 0:
        end = found + len(word)
        edges = text[max(found - 1, 0) : found + 1], text[end - 1 : end + 1]
        if not (word and any(map(_is_joined, edges))):
            return found
        found = text.find(word, found + 1, at + near + len(word))
    return -1


def _is_joined(pair: str) -> bool:
    """Return whether two characters are of one word, in scripts with cases; or digits."""
    return len(pair) > 1 and all(one.isdigit() or one.lower() != one.upper() for one in pair)


def _fits(text: str, columns: int) -> bool:
    """Return whether *text* is on one screen, which has two lines of so many columns."""
    return width(text) <= columns or len(_wrap(text, columns)) <= 2


def _is_opening(text: str) -> bool:
    """Return whether *text* ends in a bracket or a quotation mark that opens."""
    return category(text[-1]) in _OPENING or text.endswith((' "', " '"))


def _label(sentence: Sentence) -> str:
    return clean(f"[{sentence.channel_id}]") + " "


def _screens(sentence: Sentence, label: str) -> Iterator[tuple[int, int, str]]:
    """Yield what is on screen of a sentence, in its order, even if its words overlap in time."""
    latest = 0
    columns = max(_LINE - width(label), _LINE // 2)
    for part in _parts(sentence, columns):
        for begin, end, text in _pairs(*part, label, columns):
            latest = max(latest, begin)
            yield latest, max(latest, end), text


def _pairs(
    begin: int, end: int, text: str, label: str, columns: int
) -> Iterator[tuple[int, int, str]]:
    """Yield two lines at a time; each pair has a share of the time according to its width."""
    lines = _wrap(text, columns)
    total = sum(map(width, lines)) or 1
    start, shown = begin, 0
    for place in range(0, len(lines), 2):
        pair = lines[place : place + 2]
        shown += sum(map(width, pair))
        stop = begin + (end - begin) * shown // total
        yield start, stop, label + "\n".join(pair)
        start = stop


def _wrap(text: str, columns: int) -> list[str]:
    """Break *text* into lines of so many columns, at spaces and between unspaced characters."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if line.strip() and width((line + piece).rstrip()) > columns:
            lines.append(line.strip())
            line = ""
        line += piece
    return [line for line in (*lines, line.strip()) if line]


def _pieces(text: str) -> list[str]:
    """Split *text* wherever a line may be broken."""
    pieces: list[str] = []
    for word in re.findall(r"\S+\s*|\s+", text):
        start = 0
        for place in range(1, len(word)):
            if _may_break(word[place - 1], word[place]):
                pieces.append(word[start:place])
                start = place
        pieces.append(word[start:])
    return pieces


def _may_break(before: str, after: str) -> bool:
    """Return whether a line may end between two characters without a space between them."""
    return (
        (is_unspaced(before) or is_unspaced(after))
        and category(before) not in _OPENING
        and before != _JOINER
        and category(after) not in _CLOSING
        and after not in _SMALL_KANA
    )
