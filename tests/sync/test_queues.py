"""The queue between threads and the event loop."""

import asyncio
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from paraformer_async.sync.queues import Inlet

SOON = 10.0


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


async def take(inlet: Inlet, number: int) -> list[Any]:
    """Return the next items."""
    return [await inlet.get() for _ in range(number)]


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no such signal")
def test_a_signal_handler_may_wait_for_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that interrupts `put` at any moment can itself put, and wait until it is taken."""
    with running_loop() as loop:
        inlet = Inlet(loop, 1000)
        taken: list[bool] = []
        call_soon = loop.call_soon_threadsafe

        def interrupted(*given: Any, **more: Any) -> Any:
            monkeypatch.undo()
            signal.raise_signal(signal.SIGUSR1)
            return call_soon(*given, **more)

        def handler(*_: object) -> None:
            inlet.put("last", wait=False)
            done = threading.Event()
            second.add_done_callback(lambda _: done.set())
            taken.append(done.wait(SOON))

        first = asyncio.run_coroutine_threadsafe(take(inlet, 1), loop)
        inlet.put("first")
        assert ["first"] == first.result(SOON)
        second = asyncio.run_coroutine_threadsafe(take(inlet, 2), loop)
        while inlet._waiter is None:  # until the loop waits
            threading.Event().wait(0.001)
        before = signal.signal(signal.SIGUSR1, handler)
        try:
            monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
            inlet.put("interrupted")
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert [True] == taken
        assert ["interrupted", "last"] == second.result(SOON)


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
