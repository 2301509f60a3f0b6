"""How the client behaves: what of it can never work is refused when it is made."""

from functools import partial
from typing import Any

import pytest

from paraformer_async import InvalidOptionError
from paraformer_async.options.options import Options
from paraformer_async.options.policies import Reconnect, full_jitter


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"backoff": 3}, "reconnect.backoff"),
        ({"backoff": None}, "reconnect.backoff"),
    ],
)
def test_what_is_called_must_be_callable(given: dict[str, Any], option: str) -> None:
    """What is no function is refused at once, not when the first connection breaks."""
    with pytest.raises(InvalidOptionError, match="must be a function of") as caught:
        Reconnect(**given)
    assert option == caught.value.option


async def late(_: object) -> None:
    """Stand for a coroutine function."""


class Late:
    """An object whose call is a coroutine."""

    async def __call__(self, _: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize("hook", [late, partial(late), Late()])
def test_coroutine_functions_are_refused(hook: Any) -> None:
    """A coroutine function would never be awaited, so it is refused at once."""
    with pytest.raises(InvalidOptionError, match="is called, not awaited") as caught:
        Reconnect(backoff=hook)
    assert "reconnect.backoff" == caught.value.option
    with pytest.raises(InvalidOptionError, match="observe: is called, not awaited"):
        Options(observe=hook)


def test_functions_are_accepted() -> None:
    """Functions are kept as they were given."""
    assert float is Reconnect(backoff=float).backoff
    assert full_jitter is Reconnect().backoff
    assert print is Options(observe=print).observe


@pytest.mark.parametrize(("attempt", "bound"), [(1, 0.5), (2, 1.0), (5, 8.0), (10_000, 8.0)])
def test_the_jitter_has_a_bound(attempt: int, bound: float) -> None:
    """The wait doubles with each consecutive failure up to 8 s, however many there were."""
    waits = [full_jitter(attempt) for _ in range(200)]
    assert 0 <= min(waits)
    assert bound / 2 < max(waits) <= bound


@pytest.mark.parametrize("lost", ["maybe", None, 5, []])
def test_what_is_done_with_lost_audio(lost: Any) -> None:
    """Lost audio raises, or leaves a gap; there is no third way."""
    with pytest.raises(InvalidOptionError, match="is not one of raise, gap"):
        Reconnect(lost=lost)
