"""How the client behaves: what of it can never work is refused when it is made."""

from typing import Any

import pytest

from paraformer_async import InvalidOptionError
from paraformer_async.options.policies import Reconnect, full_jitter


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"backoff": 3}, "reconnect.backoff"),
        ({"backoff": None}, "reconnect.backoff"),
        ({"on_retry": 3}, "reconnect.on_retry"),
        ({"on_retry": "print"}, "reconnect.on_retry"),
        ({"backoff": 3, "on_retry": 3}, "reconnect.backoff"),
    ],
)
def test_what_is_called_must_be_callable(given: dict[str, Any], option: str) -> None:
    """What is no function is refused at once, not when the first connection breaks."""
    with pytest.raises(InvalidOptionError, match="must be a function of") as caught:
        Reconnect(**given)
    assert option == caught.value.option


def test_functions_are_accepted() -> None:
    """Functions are kept as they were given; a hook may be left out."""
    made = Reconnect(backoff=float, on_retry=print)
    assert (float, print) == (made.backoff, made.on_retry)
    assert (full_jitter, None) == (Reconnect().backoff, Reconnect(on_retry=None).on_retry)
