"""Parameters of the service on the command line."""

from pathlib import Path
from typing import Any

import pytest

from paraformer_async import InvalidOptionError
from paraformer_async.cli.given import given_parameters
from tests.cli.conftest import Call
from tests.cli.test_transcribe import assert_one_line


@pytest.mark.parametrize(
    ("pairs", "options"),
    [
        ([], {}),
        (["max_sentence_silence=800"], {"max_sentence_silence": 800}),
        (["heartbeat=TRUE"], {"heartbeat": True}),
        (["vocabulary_id=123"], {"vocabulary_id": "123"}),
        (
            ["new_one=[1, 2]", "other=a=b"],
            {"parameters": {"new_one": [1, 2], "other": "a=b"}},
        ),
    ],
)
def test_values(pairs: list[str], options: dict[str, Any]) -> None:
    """A value has the type of its parameter; what is not in the table is JSON, or else text."""
    assert options == given_parameters(pairs)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["heartbeat"], "--param: 'heartbeat' is not of the form NAME=VALUE"),
        (["=1"], "--param: '=1' is not of the form"),
        (["heartbeat=true", "heartbeat=false"], "--param: heartbeat is given twice"),
        (["language_hints=en"], "--param: language_hints .*use --language"),
        (["format=opus"], "--param: format .*leave it out"),
    ],
)
def test_what_is_no_parameter(pairs: list[str], message: str) -> None:
    """Anything else is refused, with what to do."""
    with pytest.raises(InvalidOptionError, match=message):
        given_parameters(pairs)


@pytest.mark.parametrize("command", ["transcribe", "listen"])
@pytest.mark.parametrize(
    ("pair", "parts"),
    [
        ("max_sentence_silence=9", ("--param max_sentence_silence: 9 ms", "200 to 6000")),
        ("heartbeat=x", ("--param heartbeat: 'x' is neither true nor false",)),
        ("vocabulary_id=", ("--param vocabulary_id: ",)),
    ],
)
def test_they_are_checked(
    call: Call, one_second: Path, command: str, pair: str, parts: tuple[str, ...]
) -> None:
    """A value that cannot be is refused before anything is sent, by the name that was typed."""
    source = ("--source",) if command == "listen" else ()
    done = call(command, *source, one_second, "--local", "--engine", "scripted", "--param", pair)
    assert (2, "") == (done.returncode, done.stdout)
    assert_one_line(done.stderr, *parts)
