"""A quota of the user: what a recognizer promises an implementation, and what it bears."""

import asyncio
from typing import Any

import anyio
import pytest

from paraformer_async import (
    AsyncRecognizer,
    ConnectError,
    DeadlineError,
    InvalidOptionError,
    PoolLimits,
    RecognitionStream,
    Timeouts,
    UsageError,
)
from paraformer_async.options.endpoint import shown_address
from paraformer_async.quota import QuotaKey
from paraformer_async.testing import Drop, Refuse, ScriptedServer, marked, marks_of
from tests.integration.marked import connections_of, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


class Grant:
    """Notes what becomes of it."""

    def __init__(self, quota: "Noting", *, is_valid: bool) -> None:
        self.is_valid = is_valid
        self._ends = quota.ends

    def use(self) -> None:
        """Note it."""
        assert self.is_valid
        self._ends.append("used")

    def give_back(self) -> None:
        """Note it."""
        self._ends.append("given back")


class Noting:
    """
    A quota that grants at once, or as long as the test holds it up.

    Args:
        expired: How many grants have expired by the time they could be used.
        failures: What is raised instead of the first grants.
    """

    def __init__(self, expired: int = 0, failures: tuple[Exception, ...] = ()) -> None:
        self.keys: list[QuotaKey] = []
        self.ends: list[str] = []
        self.waiting = 0
        self.may_pass = anyio.Event()
        self.may_pass.set()
        self._expired = expired
        self._failures = list(failures)

    async def take(self, key: QuotaKey) -> Grant:
        """Wait until the test lets it pass."""
        self.keys.append(key)
        self.waiting += 1
        try:
            await self.may_pass.wait()
        finally:
            self.waiting -= 1
        if self._failures:
            raise self._failures.pop(0)
        self._expired -= 1
        return Grant(self, is_valid=self._expired < 0)


async def marks_in(stream: RecognitionStream) -> list[int]:
    """Return the marks in all results."""
    return marks_of([result async for result in stream])


async def test_each_task_uses_one_grant() -> None:
    """Every task, also after a drop and after a seam, is submitted with a grant of its own."""
    quota = Noting()
    async with (
        ScriptedServer(faults=[Drop(after_ms=500)]) as server,
        recognizer_for(server, quota=quota) as recognizer,
    ):
        assert list(range(50)) == await marks_in(recognizer.stream(marked(1000)))
        async with recognizer.stream() as stream:
            await stream.send(marked(400)[:6400])
            await stream.flush()
            await stream.send(marked(400)[6400:])
            await stream.finish()
            assert list(range(20)) == await marks_in(stream)
        assert 4 == len(server.received) == recognizer.statistics().tasks
    assert ["used"] * 4 == quota.ends


async def test_the_key_names_what_is_counted() -> None:
    """Model, rate and address are in the key; the API key and secrets of the address are not."""
    quota = Noting()
    async with (
        ScriptedServer() as server,
        recognizer_for(server, quota=quota, api_key="sk-secret") as recognizer,
    ):
        other = f"{server.url}?token=sk-hidden"
        await marks_in(recognizer.stream(marked(100)))
        await marks_in(recognizer.stream(marked(100), model="fun-asr-realtime"))
        await marks_in(recognizer.stream(marked(100), api_key="sk-other"))
        await marks_in(recognizer.stream(marked(100), endpoint=other))
        assert shown_address(server.url) == quota.keys[0].endpoint
    one, model, account, address = quota.keys
    assert ("paraformer-realtime-v2", 20) == (one.model, one.per_second)
    assert ("fun-asr-realtime", one.account) == (model.model, model.account)
    assert one.account not in (account.account, address.account)
    assert "sk-" not in repr(quota.keys)


async def test_without_a_grant_nothing_is_sent() -> None:
    """The quota's own error ends the recognition as it is; there was no connection."""
    failure = RuntimeError("the counter is gone")
    quota = Noting(failures=(failure,))
    async with (
        ScriptedServer() as server,
        recognizer_for(server, quota=quota) as recognizer,
    ):
        with pytest.raises(RuntimeError) as caught:
            await marks_in(recognizer.stream(marked(100)))
        assert failure is caught.value
        assert 0 == server.connections.accepted
    assert [] == quota.ends


async def test_a_failure_that_may_pass_is_retried() -> None:
    """A retryable `ServiceError` of the quota counts like a connection that cannot be opened."""
    quota = Noting(failures=(ConnectError("no counter", retryable=True),))
    async with (
        ScriptedServer() as server,
        recognizer_for(server, quota=quota) as recognizer,
    ):
        assert list(range(5)) == await marks_in(recognizer.stream(marked(100)))
    assert ["used"] == quota.ends


async def test_a_quota_that_never_grants() -> None:
    """The wait is bounded by `PoolLimits.wait`, whatever the quota does, and nothing is sent."""
    quota = Noting()
    quota.may_pass = anyio.Event()
    async with (
        ScriptedServer() as server,
        recognizer_for(server, quota=quota, pool=PoolLimits(wait=0.05)) as recognizer,
    ):
        with anyio.fail_after(10), pytest.raises(DeadlineError) as caught:
            await marks_in(recognizer.stream(marked(100)))
        assert ("quota", 0.05) == (caught.value.phase, caught.value.seconds)
        assert 0 == server.connections.accepted
    assert (0, []) == (quota.waiting, quota.ends)


async def test_who_is_canceled_waits_no_longer() -> None:
    """Leaving a stream that waits for the quota cancels the wait."""
    quota = Noting()
    quota.may_pass = anyio.Event()
    async with (
        ScriptedServer() as server,
        recognizer_for(server, quota=quota) as recognizer,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(marks_in, recognizer.stream(marked(100)))
        with anyio.fail_after(10):
            while not quota.waiting:
                await anyio.wait_all_tasks_blocked()
        assert 1 == recognizer.statistics().waiting_for_quota
        tasks.cancel_scope.cancel()
    assert (0, []) == (quota.waiting, quota.ends)


async def test_a_grant_without_a_connection_is_given_back() -> None:
    """If no connection can be opened, the grant is another one's, and the retry takes its own."""
    quota = Noting()
    async with (
        ScriptedServer(faults=[Refuse(503)]) as server,
        recognizer_for(server, quota=quota) as recognizer,
    ):
        assert list(range(5)) == await marks_in(recognizer.stream(marked(100)))
    assert ["given back", "used"] == quota.ends


async def test_a_grant_that_has_expired_is_replaced() -> None:
    """If a grant expires while the connection is opened, the task waits for another one."""
    quota = Noting(expired=2)
    async with (
        ScriptedServer() as server,
        recognizer_for(server, quota=quota, timeouts=Timeouts(connect=5)) as recognizer,
    ):
        assert list(range(5)) == await marks_in(recognizer.stream(marked(100)))
        assert (1, 1) == (server.connections.accepted, len(server.received))
    assert ["given back", "given back", "used"] == quota.ends


async def test_a_quota_whose_grants_never_count() -> None:
    """Grants that have expired on their way are waited for as long as any, and nothing else is."""
    quota = Noting(expired=10_000)
    async with (
        ScriptedServer() as server,
        recognizer_for(server, quota=quota, pool=PoolLimits(wait=0.2)) as recognizer,
    ):
        with anyio.fail_after(10), pytest.raises(DeadlineError) as caught:
            await marks_in(recognizer.stream(marked(100)))
        assert "quota" == caught.value.phase
        assert 0 == server.connections.accepted
    assert {"given back"} == set(quota.ends)


async def test_a_quota_that_grants_nothing() -> None:
    """A quota that forgets to return its grant ends the recognition with an error that says so."""

    class Forgetful:
        async def take(self, key: QuotaKey) -> Any:
            del key

    async with ScriptedServer() as server, recognizer_for(server, quota=Forgetful()) as recognizer:
        with anyio.fail_after(10), pytest.raises(UsageError, match="returned None"):
            await marks_in(recognizer.stream(marked(100)))
        assert 0 == server.connections.accepted


@pytest.mark.parametrize("kind", [RuntimeError, asyncio.CancelledError, StopIteration])
@pytest.mark.parametrize("method", ["use", "give_back"])
async def test_a_grant_that_raises_ends_its_recognition_alone(
    method: str, kind: type[BaseException]
) -> None:
    """Whatever a grant raises, no other recognition ends, and the recognizer is of use."""

    class Raising:
        is_valid = True

        def use(self) -> None:
            if method == "use":
                raise kind

        def give_back(self) -> None:
            raise kind

    class Quota:
        async def take(self, key: QuotaKey) -> Any:
            return grants.pop(0) if grants else Grant(good, is_valid=True)

    grants, good = [Raising()], Noting()
    async with (
        ScriptedServer(faults=[Refuse(400)] if method == "give_back" else []) as server,
        recognizer_for(server, quota=Quota()) as recognizer,
    ):
        with pytest.raises(RuntimeError):  # a UsageError is one, too
            await marks_in(recognizer.stream(marked(100)))
        assert list(range(5)) == await marks_in(recognizer.stream(marked(100)))
        assert (0, 1, 0) == connections_of(recognizer)


@pytest.mark.parametrize("quota", [5, "20", Noting, object()])
async def test_what_is_no_quota_is_refused(quota: object) -> None:
    """An object without `take`, or the class in place of an object, is refused on creation."""
    with pytest.raises(InvalidOptionError, match=r"quota: .* is no Quota \(pass an object with"):
        AsyncRecognizer(quota=quota)  # type: ignore[arg-type]
