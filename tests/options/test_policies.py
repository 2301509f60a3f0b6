"""How the client behaves: what of it can never work is refused when it is made."""

from functools import partial
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


async def late(_: object) -> None:
    """Stand for a coroutine function."""


class Late:
    """An object whose call is a coroutine."""

    async def __call__(self, _: object) -> None:
        """Do nothing."""


@pytest.mark.parametrize("hook", [late, partial(late), Late()])
@pytest.mark.parametrize("name", ["backoff", "on_retry"])
def test_coroutine_functions_are_refused(name: str, hook: Any) -> None:
    """A coroutine function would never be awaited, so it is refused at once."""
    with pytest.raises(InvalidOptionError, match="is called, not awaited") as caught:
        Reconnect(**{name: hook})
    assert f"reconnect.{name}" == caught.value.option


def test_functions_are_accepted() -> None:
    """Functions are kept as they were given; a hook may be left out."""
    made = Reconnect(backoff=float, on_retry=print)
    assert (float, print) == (made.backoff, made.on_retry)
    assert (full_jitter, None) == (Reconnect().backoff, Reconnect(on_retry=None).on_retry)


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
