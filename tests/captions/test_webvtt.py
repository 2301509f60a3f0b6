"""WebVTT captions: those of SubRip, in the other format."""

from paraformer_async import Latency, Sentence, Transcript
from paraformer_async.captions import to_vtt


def test_format() -> None:
    """A file begins with its signature; hours are always given, and ms follow a point."""
    sentences = [Sentence(170, 920, "好，我知道了。"), Sentence(1000, 3_601_001, "Yes.")]
    expected = (
        "WEBVTT\n\n00:00:00.170 --> 00:00:00.920\n好，我知道了。\n\n"
        "00:00:01.000 --> 01:00:01.001\nYes.\n"
    )
    assert expected == to_vtt(sentences)
    assert expected == Transcript(tuple(sentences), 1.0, Latency(), "t").to_vtt()


def test_nothing() -> None:
    """Without sentences, there is only the signature."""
    assert "WEBVTT\n" == to_vtt([])


def test_text_that_would_break_the_file() -> None:
    """Markup and arrows in a text are escaped, and blank lines do not end a caption."""
    text = to_vtt([Sentence(0, 1000, "a < b & <c>\n\n1 --> 2"), Sentence(5, 5, "same")])
    assert "a &lt; b &amp; &lt;c&gt; 1 --&gt; 2\n" in text
    assert 2 == text.count(" --> ")
    assert 3 == text.count("\n\n") + 1
