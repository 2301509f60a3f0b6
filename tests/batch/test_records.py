"""The lines of a checkpoint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async import Latency, Overhead, Sentence, Transcript, Usage, Word
from paraformer_async.batch.records import Header, Identity, Record, decoded, encoded

TEXTS = st.text(st.characters(), max_size=9)  # with halves of surrogate pairs
TIMES = st.integers(0, 10**9)
WORDS = st.builds(Word, TIMES, TIMES, TEXTS, TEXTS, st.none() | st.booleans())
SENTENCES = st.builds(Sentence, TIMES, st.none() | TIMES, TEXTS, st.lists(WORDS).map(tuple))
SECONDS = st.floats(0, 10**6)
TRANSCRIPTS = st.builds(
    Transcript,
    st.lists(SENTENCES, max_size=3).map(tuple),
    SECONDS,
    st.builds(Latency, SECONDS, st.none() | SECONDS),
    TEXTS,
    st.none() | st.builds(Usage, st.integers(0, 10**6) | SECONDS),
    st.builds(Overhead, SECONDS, SECONDS),
)


@given(TEXTS, TIMES, TIMES, SECONDS, TRANSCRIPTS)
def test_a_record(path: str, size: int, changed: int, seconds: float, made: Transcript) -> None:
    """A record is one line, and the same when it is read again, whatever its texts."""
    record = Record(path, size, changed, seconds, made)
    line = encoded(record)
    assert 1 == line.count(b"\n") == line.endswith(b"\n")
    assert record == decoded(line, Record)
    assert record.identity == decoded(line, Identity) == Identity(path, size, changed)


@pytest.mark.parametrize(
    "line", [b"", b"\0\0", b"[", b"7", b"{}", b'{"path":"\\ud83d"}', b"\xff", b"[" * 99_999]
)
def test_what_is_no_record(line: bytes) -> None:
    """A line that is damaged in any way is no record, and no error."""
    assert decoded(line, Record) is decoded(line, Identity) is decoded(line, Header) is None


@given(st.binary())
def test_any_bytes(line: bytes) -> None:
    """No bytes make reading fail."""
    assert decoded(line, Record) is None
