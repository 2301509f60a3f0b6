"""The complete result of a recognition."""

import msgspec
import pytest

from paraformer_async import (
    InvalidOptionError,
    Latency,
    Overhead,
    Sentence,
    Transcript,
    Usage,
    Word,
)
from paraformer_async.transcript import join


def transcript(*sentences: Sentence) -> Transcript:
    """Return a transcript of *sentences*."""
    return Transcript(sentences, 3.5, Latency(0.5, 1.0), "t")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], ""),
        ([""], ""),
        (["", " ", ""], ""),
        (["One."], "One."),
        (["One.", "Two."], "One. Two."),
        ([" One. ", "", "\nTwo."], "One. Two."),
        (["你好。", "再见。"], "你好。再见。"),
        (["你好", "再见"], "你好再见"),
        (["你好，", "world."], "你好，world."),
        (["Hello.", "你好。"], "Hello.你好。"),
        (["こんにちは。", "さようなら。"], "こんにちは。さようなら。"),
        (["안녕하세요.", "감사합니다."], "안녕하세요. 감사합니다."),
        (["안녕", "하세요"], "안녕 하세요"),
        (["Ça va ?", "Oui."], "Ça va ? Oui."),
        (["Привет.", "Пока."], "Привет. Пока."),
    ],
)
def test_sentences_are_joined(texts: list[str], expected: str) -> None:
    """Sentences are separated by a space, except next to Chinese or Japanese characters."""
    assert expected == join(texts)


def test_text_and_words() -> None:
    """A transcript has the text and the words of all its sentences, in order."""
    first = Sentence(0, 500, "One.", (Word(0, 500, "One", "."),))
    second = Sentence(600, 900, "Two.", (Word(600, 900, "Two", "."),))
    whole = transcript(first, second)
    assert "One. Two." == whole.text
    assert (Word(0, 500, "One", "."), Word(600, 900, "Two", ".")) == whole.words
    assert (3.5, Latency(0.5, 1.0), "t", None) == (
        whole.duration,
        whole.latency,
        whole.request_id,
        whole.billed,
    )


def test_usage() -> None:
    """A transcript has what was billed: the seconds, too, and what was sent in addition."""
    whole = Transcript((), 3.5, Latency(), "t", Usage(4, 1, 2, 3), Overhead(0.5, 0.0))
    assert (Usage(4, 1, 2, 3), 4, 0.5) == (whole.usage, whole.billed, whole.overhead.replayed)
    data = whole.to_dict()
    assert {"duration": 4, "input_tokens": 1, "output_tokens": 2, "total_tokens": 3} == data[
        "usage"
    ]
    assert (4, {"replayed": 0.5, "injected": 0.0}) == (data["billed"], data["overhead"])


def test_silence() -> None:
    """A transcript of silence is empty, not an error."""
    assert ("", (), "") == (transcript().text, transcript().words, transcript().to_srt())
    assert transcript().is_silent
    assert transcript().to_dict()["is_silent"]


def test_captions() -> None:
    """A transcript can be exported as SubRip captions."""
    expected = "1\n00:00:00,000 --> 00:00:00,500\nOne.\n"
    assert expected == transcript(Sentence(0, 500, "One.")).to_srt()


def test_transcript_as_data() -> None:
    """A transcript as data has its text and all its sentences, and round-trips through JSON."""
    whole = transcript(Sentence(0, 500, "One."), Sentence(500, 900, "Two."))
    data = whole.to_dict()
    assert "One. Two." == data["text"]
    assert ["One.", "Two."] == [sentence["text"] for sentence in data["sentences"]]
    assert (0.5, 1.0, None) == tuple(data["latency"].values())[:3]
    assert whole == msgspec.json.decode(whole.to_json(), type=Transcript)
    assert whole == Transcript.from_json(whole.to_json()) == Transcript.from_dict(data)
    half = transcript(Sentence(0, 500, "half \ud83d"))
    assert half == Transcript.from_json(half.to_json())


@pytest.mark.parametrize("text", ["", "[", "7", "[1]", "{}", '{"sentences": 7}', b"\xff", "null"])
def test_what_is_no_transcript(text: str | bytes) -> None:
    """Anything but a transcript is refused with one clear error."""
    with pytest.raises(InvalidOptionError, match="is no"):
        Transcript.from_json(text)


def test_text_of_several_channels() -> None:
    """The text of several channels has a labeled line for each turn; one channel has no label."""
    hello = Sentence(0, 500, "Hello.", channel_id=0)
    there = Sentence(500, 900, "Who is there?", channel_id=0)
    silent = Sentence(900, 950, "", channel_id=1)
    answer = Sentence(950, 2000, "你好。", channel_id=1)
    assert "[0] Hello. Who is there?\n[1] 你好。" == transcript(hello, there, silent, answer).text
    assert "Hello. Who is there?" == transcript(hello, there).text
    labeled = Sentence(950, 2000, "Yes.", channel_id="customer")
    assert "[0] Hello.\n[customer] Yes." == transcript(hello, labeled).text
    assert "customer" == transcript(labeled).to_dict()["sentences"][0]["channel_id"]
