"""The context of a conversation: what is accepted, how it is sent, and what can be sent when."""

from typing import Any

import pytest

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.context import context_received, context_to_send
from paraformer_async.options.models import MODELS, taking
from paraformer_async.options.options import CHANGEABLE, CHANGEABLE_IN_TASK, Options
from paraformer_async.options.parameters import check

MODEL = "fun-asr-realtime"
PARAFORMER = "paraformer-realtime-v2"
ASKS = {"role": "user", "content": "Which model?"}
ANSWERS = {"role": "assistant", "content": "Paraformer.\nIt is fast."}
ROUND = [ASKS, ANSWERS]


def test_terms_are_a_message_of_the_user() -> None:
    """A text is sent as the only message, and nothing else is added."""
    assert {
        "context": [
            {"role": "user", "content": [{"type": "input_text", "text": "Paraformer, ASR"}]}
        ]
    } == Options(model=MODEL, context="Paraformer, ASR").task_input()


def test_messages_have_the_types_of_their_roles() -> None:
    """Messages are sent in order: text of the user as input_text, of the assistant as text."""
    assert [
        {"role": "user", "content": [{"type": "input_text", "text": "Which model?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Paraformer.\nIt is fast."}]},
    ] == Options(model=MODEL, context=ROUND).task_input()["context"]


def test_without_a_context_the_input_is_empty() -> None:
    """The input is an empty object, or whatever else was given for it."""
    assert {} == Options().task_input()
    assert {"more": 1} == Options(input={"more": 1}).task_input()
    assert ["more", "context"] == [
        *Options(model=MODEL, context="a", input={"more": 1}).task_input()
    ]


@pytest.mark.parametrize(
    "context", [ROUND * 5, [ASKS] * 5, [{"role": "user", "content": "字" * 400}], [ASKS, *ROUND]]
)
def test_what_is_within_the_limits(context: list[dict[str, str]]) -> None:
    """Five messages of each role, 400 characters each, and several of the user in a row."""
    assert len(context) == len(Options(model=MODEL, context=context).task_input()["context"])


REFUSED: list[tuple[Any, str]] = [
    ("", "is not text, or is blank"),
    (" \n", "is not text, or is blank"),
    ([], "is empty"),
    (5, "must be text, or a list of messages"),
    (b"terms", "must be text, or a list of messages"),
    (["terms"], "must be made of dicts"),
    ([{"content": "a"}], "the role None is not one of user, assistant"),
    ([{"role": "system", "content": "a"}], "the role 'system' is not one of user, assistant"),
    ([{"role": ["user"], "content": "a"}], "is not one of user, assistant"),
    ([{"role": "user"}], "the content None is not text"),
    ([{"role": "user", "content": ["a"]}], "is not text, or is blank"),
    ([{**ASKS, "name": "Ann"}], "has role and content only, not 'name'"),
    ("half a pair \ud800", "cannot be sent as JSON"),
]


@pytest.mark.parametrize(("context", "reason"), REFUSED)
def test_what_is_no_context(context: Any, reason: str) -> None:
    """What has another form is refused, for unknown models, too."""
    for model in (MODEL, "a-model-of-tomorrow"):
        with pytest.raises(InvalidOptionError, match=r"^context: ") as caught:
            Options(model=model, context=context)
        assert reason in caught.value.reason


BEYOND: list[tuple[Any, str]] = [
    (ROUND * 6, "has 6 messages of the user; only the latest 5 count"),
    ([ASKS, *ROUND * 5], "has 6 messages of the user"),
    ("字" * 401, "has 401 characters; the service cuts off what follows the first 400"),
    ([ANSWERS], "a message of the assistant has no message of the user before it"),
    ([ASKS, ANSWERS, ANSWERS], "a message of the assistant has no message of the user before it"),
]


@pytest.mark.parametrize(("context", "reason"), BEYOND)
def test_what_is_beyond_the_limits(context: Any, reason: str) -> None:
    """What the service would cut or not count is refused for known models, with what to do."""
    with pytest.raises(InvalidOptionError) as caught:
        Options(model=MODEL, context=context)
    assert reason in caught.value.reason
    assert Options(model="a-model-of-tomorrow", context=context).task_input()["context"]


@pytest.mark.parametrize("model", [name for name in MODELS if name not in taking("context")])
def test_models_that_take_none(model: str) -> None:
    """The error names the models that take a context."""
    with pytest.raises(InvalidOptionError, match="does not take it") as caught:
        Options(model=model, context="terms")
    assert all(name in caught.value.hint for name in taking("context"))


def test_the_models_that_take_one() -> None:
    """These five are documented."""
    assert {
        "qwen-audio-3.1-asr-flash-streaming",
        "qwen-audio-3.1-asr-flash-message",
        "qwen-audio-3.0-asr-flash-streaming",
        "fun-asr-realtime",
        "fun-asr-realtime-2025-11-07",
    } == set(taking("context"))


def test_a_context_is_not_given_twice() -> None:
    """As an option and in the input, it is refused; the input alone is passed on unchecked."""
    with pytest.raises(InvalidOptionError, match="given twice"):
        Options(model=MODEL, context="a", input={"context": []})
    assert {"context": 5} == Options(input={"context": 5}).task_input()
    with pytest.raises(InvalidOptionError, match="a dict of names"):
        Options(input=["a"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(model=MODEL, context="a"), True),
        (Options(model=MODEL, input={"more": 1}), True),
        (Options(model="a-model-of-tomorrow", context="a"), True),
        (Options(model=MODEL), False),
        (Options(input={"more": 1}), False),
    ],
)
def test_what_can_be_sent_in_mid_task(options: Options, *, expected: bool) -> None:
    """Only an input that is there, of a model that takes a context, or of an unknown one."""
    assert expected is options.can_continue_task
    assert CHANGEABLE > CHANGEABLE_IN_TASK


@pytest.mark.parametrize("context", ["terms", ROUND, [ASKS, *ROUND * 2]])
def test_the_service_reads_what_is_sent(context: Any) -> None:
    """The form on the wire, read back, is the same context."""
    sent = context_to_send(context)
    assert sent == context_to_send(context_received(sent))


def message(role: object = "user", kind: object = "input_text", text: object = "a") -> object:
    """Return a message as it is on the wire."""
    return {"role": role, "content": [{"type": kind, "text": text}]}


@pytest.mark.parametrize(
    "received",
    [
        "terms",
        [],
        ["terms"],
        [{"role": "user", "content": "terms"}],
        [{"role": "user", "content": ["terms"]}],
        [message("system")],
        [message("assistant")],
        [message(kind="text")],
        [message(text=None)],
        [message(text="")],
        [message()] * 6,
    ],
)
def test_the_service_refuses_what_the_client_does(received: object) -> None:
    """A context of another form, or beyond the limits, is refused by the local service, too."""
    with pytest.raises(InvalidOptionError) as caught:
        context = context_received(received)
        check(MODEL, {"format": "pcm", "sample_rate": 16000, "context": context})
    assert "context" == caught.value.option
