"""The one counter of an account that all processes of a cluster share, as each of them sees it."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paraformer_async.errors import UsageError
from paraformer_async.integrations.ray.counter import Counter, CounterKey
from paraformer_async.integrations.ray.loading import load

__all__ = ["CounterActor", "SharedCounter"]

_NAMESPACE = "paraformer_async"
# Requests that wait at once: one for each event loop and model.
_REQUESTS = 10_000


class CounterActor(Counter):
    """A `Counter` that notices when Ray has started it again."""

    def __init__(self, is_successor: bool) -> None:
        with warnings.catch_warnings(action="ignore"):  # Ray uses a deprecated part of its own
            context = load().get_runtime_context()
            was_restarted: bool = context.was_current_actor_reconstructed
        super().__init__(is_successor or was_restarted)


class SharedCounter:
    """
    The counter of an account, as seen by one process; see `Counter`.

    Args:
        name: Name of the actor.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._actor: Any = None
        self._was_lost = False

    def ask(
        self, key: CounterKey, wanted: int, answered: Callable[[list[int] | Exception], None]
    ) -> None:
        """
        Ask for grants.

        Args:
            key: What is counted.
            wanted: How many there may be.
            answered: Called with their ids, or with a failure, in some thread.

        Raises:
            UsageError: Ray is not running.
            Exception: Ray cannot start the actor.
        """
        future = self._found().take.remote(key, wanted).future()
        future.add_done_callback(lambda done: answered(done.exception() or done.result()))

    def used(self, one: int) -> None:
        """Report the use of a grant, without waiting. Never raises."""
        with suppress(Exception):  # a use that is not known counts for longer, not for less
            self._actor.used.options(num_returns=0).remote([one])

    def give_back(self, ids: list[int]) -> None:
        """Give grants back, without waiting. Never raises."""
        with suppress(Exception):  # they expire
            self._actor.give_back.options(num_returns=0).remote(ids)

    def is_lost(self, failure: Exception) -> bool:
        """Whether *failure* is that of the actor or of its node, so that it may be asked again."""
        is_lost = isinstance(failure, load("ray.exceptions").RayActorError)
        if is_lost:
            self._actor, self._was_lost = None, True
        return is_lost

    def _found(self) -> Any:
        """Return the actor; start it if there is none."""
        ray = load()
        if not ray.is_initialized():
            raise UsageError("Ray is not running in this process", hint="ray.init()")
        if self._actor is None:
            # It survives the job that started it, because others of the account may go on.
            options = {
                "name": self._name,
                "namespace": _NAMESPACE,
                "lifetime": "detached",
                "get_if_exists": True,
                "max_restarts": -1,
                "max_concurrency": _REQUESTS,
                "num_cpus": 0,
            }
            self._actor = ray.remote(CounterActor).options(**options).remote(self._was_lost)
        return self._actor
