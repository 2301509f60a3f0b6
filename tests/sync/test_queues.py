"""The queue between threads and the event loop."""

import asyncio
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from paraformer_async.sync.queues import Inlet

if TYPE_CHECKING:
    from concurrent.futures import Future

SOON = 30.0  # seconds, on a busy machine


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run a loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SOON)
        loop.close()


@contextmanager
def handled(handler: Callable[..., None]) -> Iterator[None]:
    """Have *handler* handle SIGINT."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


async def take(inlet: Inlet, number: int) -> list[Any]:
    """Return the next items."""
    return [await inlet.get() for _ in range(number)]


def test_a_signal_handler_may_wait_for_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that interrupts `put` at any moment can itself put, and wait until it is taken."""
    with running_loop() as loop:
        inlet = Inlet(loop, 1000)
        taken: list[bool] = []
        call_soon = loop.call_soon_threadsafe

        def interrupted(*given: Any, **more: Any) -> Any:
            patched.undo()
            signal.raise_signal(signal.SIGINT)
            return call_soon(*given, **more)

        def handler(*_: object) -> None:
            inlet.put("last", wait=False)
            done = threading.Event()
            second.add_done_callback(lambda _: done.set())
            taken.append(done.wait(SOON))

        first = asyncio.run_coroutine_threadsafe(take(inlet, 1), loop)
        inlet.put("first")
        assert ["first"] == first.result(SOON)
        waited = inlet._waiter
        second = asyncio.run_coroutine_threadsafe(take(inlet, 2), loop)
        while inlet._waiter is waited:  # until the loop waits
            threading.Event().wait(0.001)
        with handled(handler), monkeypatch.context() as patched:
            patched.setattr(loop, "call_soon_threadsafe", interrupted)
            inlet.put("interrupted")
        assert [True] == taken
        assert ["interrupted", "last"] == second.result(SOON)


@pytest.mark.skipif(sys.platform == "win32", reason="there, no signal interrupts a wait for a lock")
def test_a_signal_handler_does_not_wait_for_its_own_thread() -> None:
    """A handler that interrupts a thread in line can put without waiting for a turn after it."""
    with running_loop() as loop:
        inlet = Inlet(loop, 1)
        inlet.put("first", 1)
        results: list[Future[list[Any]]] = []

        def handler(*_: object) -> None:
            inlet.put("handler", 1)
            results.append(asyncio.run_coroutine_threadsafe(take(inlet, 3), loop))

        def interrupt() -> None:
            while not inlet._line:  # until the main thread waits
                threading.Event().wait(0.001)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        with handled(handler):
            interrupter = threading.Thread(target=interrupt)
            interrupter.start()
            assert inlet.put("interrupted", 1)
            interrupter.join(SOON)
        assert ["first", "handler", "interrupted"] == results[0].result(SOON)


@pytest.mark.parametrize("closes", [False, True])
def test_many_threads(closes: bool) -> None:
    """What is put is taken once, in each thread's order, or returned by `close` or refused."""
    each, threads = 300, 4
    with running_loop() as loop:
        inlet = Inlet(loop, 10)
        accepted: list[list[int]] = [[] for _ in range(threads)]

        def fill(number: int) -> None:
            for item in range(each):
                if inlet.put((number, item), random.randint(1, 9)):  # noqa: S311 - no secret
                    accepted[number].append(item)

        senders = [threading.Thread(target=fill, args=(number,)) for number in range(threads)]
        for sender in senders:
            sender.start()
        wanted = each if closes else each * threads
        future = asyncio.run_coroutine_threadsafe(take(inlet, wanted), loop)
        got = future.result(SOON)

        async def close() -> list[Any]:
            return inlet.close()

        if closes:
            got += asyncio.run_coroutine_threadsafe(close(), loop).result(SOON)
        for sender in senders:
            sender.join(SOON)
            assert not sender.is_alive()
        for number in range(threads):
            assert accepted[number] == [item for sender, item in got if sender == number]
        assert closes is (len(got) < each * threads)
