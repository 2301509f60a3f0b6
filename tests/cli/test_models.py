"""The command `models`: what it prints is the tables."""

import pytest

from paraformer_async.options.models import MODELS
from paraformer_async.options.parameters import PARAMETERS
from tests.cli.conftest import Call


def test_every_model_has_a_line(call: Call) -> None:
    """Each model of the table is printed with its facts, and needs no key."""
    done = call("models")
    heading, *lines = done.stdout.splitlines()
    assert (0, "") == (done.returncode, done.stderr)
    assert heading.startswith("model ")
    assert list(MODELS) == [line.split()[0] for line in lines]
    (streaming,) = (one for one in lines if one.startswith("qwen-audio-3.1-asr-flash-streaming"))
    facts = "any any cn-beijing ap-southeast-1 600 tokens yes"
    assert facts == " ".join(streaming.split()[1:])
    (v1,) = (one for one in lines if one.startswith("paraformer-realtime-v1 "))
    assert "16000 zh cn-beijing 1200 seconds -" == " ".join(v1.split()[1:])


@pytest.mark.parametrize("model", MODELS)
def test_the_page_of_a_model(call: Call, model: str) -> None:
    """Of one model, the parameters that it takes are printed, and no others."""
    done = call("models", model)
    first, second = done.stdout.split("\n\n")
    assert model == first.splitlines()[1].split()[0]
    listed = [line.split()[0] for line in second.splitlines()[1:]]
    assert [name for name in PARAMETERS if name in MODELS[model].parameters] == listed


def test_an_unknown_model(call: Call) -> None:
    """A model that is in neither table is an error that says what to do."""
    done = call("models", "a-model-of-tomorrow")
    assert (2, "") == (done.returncode, done.stdout)
    assert "paraformer-async: MODEL: 'a-model-of-tomorrow' is not in the table" in done.stderr
    assert "paraformer-async models" in done.stderr
