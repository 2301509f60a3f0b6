"""The pool, over connections that are nothing but a switch."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from paraformer_async import ConnectionLostError, DeadlineError, PoolLimits, UsageError
from paraformer_async._net.contract import OutgoingFrame, Receiver
from paraformer_async._net.pool import Pool, PooledConnection
from paraformer_async.options.options import Options
from tests.client.clock import Clock

pytestmark = pytest.mark.anyio


class Line:
    """A connection that is open or not; nothing goes over it."""

    def __init__(self) -> None:
        self.is_open = True
        self.is_full = False
        self.waiting = 0  # bytes that have not left
        self.closed = anyio.Event()

    def unsent(self) -> int:
        """How much has not left."""
        return self.waiting

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """Never used."""

    async def receive(self, receiver: Receiver) -> None:
        """Wait: nothing ever comes."""
        del receiver
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        """Note that the pool closed it."""
        self.is_open = False
        self.closed.set()


class Exchange:
    """Makes lines, and remembers them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.answers = True

    async def dial(self, _: Options) -> Line:
        """Make a line, if there is an answer."""
        await checkpoint()
        if not self.answers:
            await anyio.sleep_forever()
        self.lines.append(Line())
        return self.lines[-1]


HERE = Options(endpoint="ws://here", api_key="one")


@pytest.fixture
def clock() -> Clock:
    """The pool's clock."""
    return Clock()


@pytest.fixture
async def exchange() -> Exchange:
    """Where the pool dials."""
    return Exchange()


@pytest.fixture
async def pool(exchange: Exchange, clock: Clock) -> AsyncIterator[Pool]:
    """A pool of 3 places, with room for 2 idle connections, that closes what it retires."""
    pool = Pool(exchange.dial, PoolLimits(connections=3, wait=0.05, idle=2), clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.run)
        yield pool
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def lent(pool: Pool, options: Options = HERE) -> AsyncIterator[PooledConnection]:
    """Borrow a connection as a recognition does; it is clean unless something is raised."""
    await pool.take_places()
    is_clean = False
    try:
        connection = await pool.connect(options)
        try:
            yield connection
            is_clean = True
        finally:
            pool.release(connection, is_clean=is_clean)
    finally:
        pool.leave()


async def borrow(pool: Pool, options: Options = HERE) -> PooledConnection:
    """Borrow a connection, and give it back at once."""
    async with lent(pool, options) as connection:
        return connection


async def return_many(pool: Pool, count: int) -> list[PooledConnection]:
    """Borrow *count* connections at once; the last one is given back first."""
    async with AsyncExitStack() as stack:
        return [await stack.enter_async_context(lent(pool)) for _ in range(count)]


async def test_a_connection_is_used_again(pool: Pool, exchange: Exchange) -> None:
    """A connection that was given back is lent again, and says that it has waited."""
    first = await borrow(pool)
    async with lent(pool) as again:
        assert first is again
        assert again.is_reused
    assert 1 == len(exchange.lines)


async def test_no_connection_is_lent_twice_at_a_time(exchange: Exchange, clock: Clock) -> None:
    """However many borrow at once, none gets a connection that another one has."""
    pool = Pool(exchange.dial, PoolLimits(connections=5, idle=3), clock)
    in_use: set[int] = set()
    done = 0

    async def work(pauses: int) -> None:
        nonlocal done
        for _ in range(5):
            async with lent(pool) as connection:
                assert id(connection) not in in_use
                in_use.add(id(connection))
                for _ in range(pauses):
                    await checkpoint()
                in_use.remove(id(connection))
                done += 1

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(work, number % 4)
    assert 100 == done
    assert "<Pool: 0 active, 3 idle, 0 waiting>" == repr(pool)


async def test_the_one_that_waited_least_is_lent_first(pool: Pool) -> None:
    """The connection that was given back last is lent first: it is the freshest."""
    first, second = await return_many(pool, 2)
    async with lent(pool) as one, lent(pool) as two:
        assert [first, second] == [one, two]


async def test_one_that_waited_too_long_is_not_lent(
    pool: Pool, exchange: Exchange, clock: Clock
) -> None:
    """A connection that has waited for `idle_seconds` is closed, and another one is made."""
    stale = await borrow(pool)
    clock.now = 49.9
    assert stale is await borrow(pool)
    clock.now += 50
    assert stale is not await borrow(pool)
    await exchange.lines[0].closed.wait()
    assert 2 == len(exchange.lines)


async def test_one_that_waits_too_long_is_closed_in_time(exchange: Exchange) -> None:
    """A connection that nobody borrows is closed when its time is over."""
    limits = PoolLimits(idle_seconds=0.01)
    pool = Pool(exchange.dial, limits, anyio.current_time)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.run)
        await borrow(pool)
        with anyio.fail_after(5):
            await exchange.lines[0].closed.wait()
        assert "<Pool: 0 active, 0 idle, 0 waiting>" == repr(pool)
        tasks.cancel_scope.cancel()


async def test_one_that_the_peer_closed_is_not_lent(pool: Pool, exchange: Exchange) -> None:
    """A connection that ended while it waited is noticed before it is lent."""
    stale = await borrow(pool)
    exchange.lines[0].is_open = False
    assert stale is not await borrow(pool)


async def test_one_on_which_something_waits_is_not_lent(pool: Pool, exchange: Exchange) -> None:
    """A connection that has not sent all of its last task is not free for another one."""
    async with lent(pool) as stale:
        exchange.lines[0].waiting = 1
    assert stale is not await borrow(pool)
    await exchange.lines[0].closed.wait()


async def test_one_whose_task_is_not_over_is_not_kept(pool: Pool, exchange: Exchange) -> None:
    """A connection that is not clean is closed: its next task would be a breach."""
    await pool.take_places()
    pool.release(await pool.connect(HERE), is_clean=False)
    pool.leave()
    await exchange.lines[0].closed.wait()
    assert "<Pool: 0 active, 0 idle, 0 waiting>" == repr(pool)


@pytest.mark.parametrize("failure", [ZeroDivisionError(), ConnectionLostError(1006)])
async def test_one_that_failed_is_thrown_away(
    pool: Pool, exchange: Exchange, failure: Exception
) -> None:
    """After a failure the place is free at once, and the connection is closed behind it."""
    with pytest.raises(type(failure)):
        async with lent(pool):
            raise failure
    assert "<Pool: 0 active, 0 idle, 0 waiting>" == repr(pool)
    await exchange.lines[0].closed.wait()


async def test_a_stale_one_takes_its_kind_with_it(pool: Pool, exchange: Exchange) -> None:
    """When one that waited breaks before its task starts, those that waited with it are closed."""
    there = Options(endpoint="ws://there", api_key="one")
    other = await borrow(pool, there)
    await pool.warm(HERE, 1)
    await pool.take_places()
    broken = await pool.connect(HERE)
    assert broken.is_reused
    await borrow(pool)
    assert "<Pool: 1 active, 2 idle, 0 waiting>" == repr(pool)
    pool.release(broken, is_clean=False, was_stale=True)
    pool.leave()
    await exchange.lines[1].closed.wait()
    await exchange.lines[2].closed.wait()
    assert other is await borrow(pool, there)
    assert "<Pool: 0 active, 1 idle, 0 waiting>" == repr(pool)


async def test_a_new_one_that_breaks_says_nothing_of_others(pool: Pool) -> None:
    """A failure of a connection that never waited leaves those that wait alone."""
    await pool.take_places()
    broken = await pool.connect(HERE)
    assert not broken.is_reused
    await borrow(pool)
    pool.release(broken, is_clean=False)
    pool.leave()
    assert "<Pool: 0 active, 1 idle, 0 waiting>" == repr(pool)


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "ws://there"},
        {"api_key": "two"},
        {"api_key": lambda: "two"},
        {"workspace": "ws-1"},
        {"headers": {"X-Trace": "1"}},
        {"proxy": "http://proxy:3128"},
    ],
)
async def test_who_connects_and_where_separates(pool: Pool, changes: dict[str, object]) -> None:
    """A connection is lent only to one with the same address, key, workspace, headers and proxy."""
    options = {"endpoint": "ws://here", "api_key": "one"} | changes
    there = Options(**options)  # type: ignore[arg-type]
    here = await borrow(pool)
    other = await borrow(pool, there)
    assert here is not other
    assert here is await borrow(pool)
    assert other is await borrow(pool, there)


async def test_the_environments_key_separates(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key from the environment counts like one that was given."""
    options = Options(endpoint="ws://here")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "one")
    first = await borrow(pool, options)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "two")
    assert first is not await borrow(pool, options)
    assert first is await borrow(pool)


async def test_the_key_of_a_file_separates(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A key that was replaced in its file is not lent the connection of the previous one."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", str(tmp_path / "key"))
    options = Options(endpoint="ws://here")
    (tmp_path / "key").write_text("one\n", encoding="ascii")
    first = await borrow(pool, options)
    (tmp_path / "key").write_text("two\n", encoding="ascii")
    assert first is not await borrow(pool, options)
    assert first is await borrow(pool)


async def test_other_options_do_not_separate(pool: Pool) -> None:
    """What belongs to a task and not to the connection may differ."""
    first = await borrow(pool)
    options = Options(endpoint="ws://here", api_key="one", sample_rate=8000, model="other")
    assert first is await borrow(pool, options)


async def test_what_is_opened_while_the_pool_closes(pool: Pool, exchange: Exchange) -> None:
    """A connection that `warm` was opening is closed, as nobody would do that later."""
    async with anyio.create_task_group() as tasks:

        async def warm() -> None:
            with pytest.raises(UsageError):
                await pool.warm(HERE, 2)

        tasks.start_soon(warm)
        await checkpoint()
        assert [] == exchange.lines
        await pool.aclose()
    assert [True] == [line.closed.is_set() for line in exchange.lines]
    assert 0 == pool.counts.idle


async def test_more_than_may_wait_are_closed(pool: Pool, exchange: Exchange) -> None:
    """Of more connections than may wait, the ones that wait longest are closed."""
    first, second, _ = await return_many(pool, 3)
    await exchange.lines[2].closed.wait()
    assert "<Pool: 0 active, 2 idle, 0 waiting>" == repr(pool)
    async with lent(pool) as one, lent(pool) as two:
        assert [first, second] == [one, two]


async def test_who_comes_late_waits_for_a_place(pool: Pool) -> None:
    """When all places are taken, the next one waits, and gets the first that becomes free."""
    async with anyio.create_task_group() as tasks, AsyncExitStack() as others:
        async with lent(pool) as first:
            for _ in range(2):
                await others.enter_async_context(lent(pool))
            got: list[PooledConnection] = []

            async def late() -> None:
                got.append(await borrow(pool))

            tasks.start_soon(late)
            await anyio.wait_all_tasks_blocked()
            assert "<Pool: 3 active, 0 idle, 1 waiting>" == repr(pool)
        await anyio.wait_all_tasks_blocked()
        assert [first] == got


async def test_who_waits_too_long_is_told(pool: Pool) -> None:
    """After `PoolLimits.wait` without a place, `DeadlineError` names the pool; nothing is taken."""
    async with AsyncExitStack() as others:
        for _ in range(3):
            await others.enter_async_context(lent(pool))
        with pytest.raises(DeadlineError) as caught:
            await borrow(pool)
        assert "pool" == caught.value.phase
        assert not caught.value.retryable
        assert "<Pool: 3 active, 0 idle, 0 waiting>" == repr(pool)


async def test_cancelled_dialling_frees_the_place(pool: Pool, exchange: Exchange) -> None:
    """Who is canceled while the connection is made leaves no place taken."""
    exchange.answers = False
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(borrow, pool)
        await anyio.wait_all_tasks_blocked()
        assert "<Pool: 3 active, 0 idle, 0 waiting>" == repr(pool)
        tasks.cancel_scope.cancel()
    assert "<Pool: 0 active, 0 idle, 0 waiting>" == repr(pool)


async def test_cancelled_waiting_takes_no_place(pool: Pool) -> None:
    """Who is canceled while waiting for a place does not get one later."""
    async with AsyncExitStack() as others:
        for _ in range(3):
            await others.enter_async_context(lent(pool))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(borrow, pool)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert "<Pool: 0 active, 2 idle, 0 waiting>" == repr(pool)


async def test_cancellation_closes_what_was_lent(pool: Pool, exchange: Exchange) -> None:
    """Who is canceled with a connection in hand has it closed, in the background."""
    async with anyio.create_task_group() as tasks:

        async def work() -> None:
            async with lent(pool):
                await anyio.sleep_forever()

        tasks.start_soon(work)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    await exchange.lines[0].closed.wait()
    assert "<Pool: 0 active, 0 idle, 0 waiting>" == repr(pool)


async def test_failed_dialling_frees_the_place(clock: Clock) -> None:
    """When no connection can be made, its reason goes out, and the place is free."""

    async def dial(_: Options) -> Line:
        raise ConnectionRefusedError

    pool = Pool(dial, PoolLimits(connections=1), clock)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            await borrow(pool)
    assert "<Pool: 0 active, 0 idle, 0 waiting>" == repr(pool)


async def test_warming_makes_what_is_missing(pool: Pool, exchange: Exchange) -> None:
    """`warm` makes connections up to the number, and up to what may wait, and no more."""
    await borrow(pool)
    await pool.warm(HERE, 2)
    assert 2 == len(exchange.lines)
    await pool.warm(HERE, 1)
    await pool.warm(HERE, 9)
    assert 2 == len(exchange.lines)
    assert "<Pool: 0 active, 2 idle, 0 waiting>" == repr(pool)


async def test_warming_does_not_dial_for_ever(clock: Clock) -> None:
    """A peer that ends each connection at once is not dialled again and again."""
    dialled = 0

    async def dial(_: Options) -> Line:
        nonlocal dialled
        dialled += 1
        assert dialled <= 2
        line = Line()
        line.is_open = False
        return line

    await Pool(dial, PoolLimits(), clock).warm(HERE, 2)
    assert 2 == dialled


async def test_closing_closes_all_that_wait(exchange: Exchange, clock: Clock) -> None:
    """`aclose` closes idle connections, and those that were retired and not closed yet."""
    pool = Pool(exchange.dial, PoolLimits(idle=2), clock)
    await return_many(pool, 3)
    await pool.aclose()
    assert [True] * 3 == [line.closed.is_set() for line in exchange.lines]
    assert "<Pool: 0 active, 0 idle, 0 waiting>" == repr(pool)


async def test_closing_does_not_wait_for_one_after_another(
    exchange: Exchange, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retired connections are closed side by side, also those whose closing is canceled."""
    closing = anyio.Event()

    async def close_slowly(line: Line) -> None:
        closing.set()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.01)
        line.closed.set()

    monkeypatch.setattr(Line, "aclose", close_slowly)
    pool = Pool(exchange.dial, PoolLimits(idle=1), clock)
    await return_many(pool, 4)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.run)
        await closing.wait()
        tasks.cancel_scope.cancel()
    assert 3 == sum(line.closed.is_set() for line in exchange.lines)
    await pool.aclose()
    assert 4 == sum(line.closed.is_set() for line in exchange.lines)


async def test_a_connection_that_cannot_be_closed_affects_no_other(
    pool: Pool, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What closing raises, in use or at the end, goes to the log, and the pool works on."""

    async def fail(_: Line) -> None:
        raise LookupError("of the transport")

    monkeypatch.setattr(Line, "aclose", fail)
    first = await borrow(pool)
    clock.now += 60.0
    second = await borrow(pool)
    assert second is not first
    await anyio.wait_all_tasks_blocked()
    assert 1 == caplog.text.count("LookupError: of the transport")
    await pool.aclose()
    assert 2 == caplog.text.count("LookupError: of the transport")
