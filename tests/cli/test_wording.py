"""What the library advises is said in the words of a shell."""

import re

import pytest

from paraformer_async.cli.wording import in_shell_words
from paraformer_async.errors import AudioLostError, BatchStoppedError, DeadlineError
from paraformer_async.errors.catalogue import CATALOGUE
from paraformer_async.options.endpoint import key_hint


@pytest.mark.parametrize("hint", sorted({row.hint for row in CATALOGUE if row.hint}))
def test_the_catalogue(hint: str) -> None:
    """No advice for a failure of the service names an argument of the library."""
    assert not re.search(r"(?<!--param )\b[a-z_]+=", in_shell_words(hint))


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        ("pass api_key= or set DASHSCOPE_API_KEY", "set DASHSCOPE_API_KEY"),
        ('pass its credentials: proxy="http://u:p@h:1"', "set HTTPS_PROXY=http://u:p@h:1"),
        ("check endpoint= and proxy=", "check --endpoint and HTTPS_PROXY"),
        (DeadlineError("connect", 1).hint, "`paraformer-async doctor` checks the way"),
        ("resample_from=16000 converts a stream of that rate", "leave it out"),
        (BatchStoppedError(3, 0, 4).hint, "with --resume, the same command continues"),
        (AudioLostError(0, 1).hint, "try again"),
        ("use http:// instead of https:// in proxy=", "instead of https:// in HTTPS_PROXY"),
        (key_hint("wss://dashscope.aliyuncs.com/"), "pass --region ap-southeast-1"),
    ],
)
def test_words(hint: str, words: str) -> None:
    """Flags and variables take the place of arguments."""
    assert words in in_shell_words(hint)
    assert not re.search(r"(?<!--param )\b[a-z_]+=", in_shell_words(hint))
