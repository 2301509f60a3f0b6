"""The tasks of a recognizer, and hooks of the user that cancel them."""

import asyncio
from contextlib import suppress

import anyio
import pytest

from paraformer_async._client import supervisor as supervisors
from paraformer_async._client.supervisor import Supervisor
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop


async def no_cleanup() -> None:
    """There is nothing to clean up."""


def cancel_current() -> None:
    """Cancel the current task, as a hook of the user may."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def test_work_that_is_canceled_by_a_hook_ends_alone() -> None:
    """Other work goes on, and more can be started, also if the last step was a cancellation."""
    supervisor = Supervisor(no_cleanup)
    await supervisor.start()
    is_released = asyncio.Event()
    ends: list[str] = []

    async def other() -> None:
        await is_released.wait()
        ends.append("other")

    async def canceled() -> None:
        try:
            cancel_current()
            await asyncio.sleep(0)
        finally:
            cancel_current()
            ends.append("canceled")

    async def canceled_last() -> None:
        cancel_current()
        ends.append("canceled last")

    supervisor.start_soon(other)
    supervisor.start_soon(canceled)
    supervisor.start_soon(canceled_last)
    await asyncio.sleep(0.01)
    supervisor.start_soon(other)
    is_released.set()
    await asyncio.sleep(0.01)
    await supervisor.aclose()
    assert ["canceled", "canceled last", "other", "other"] == sorted(ends)


async def test_work_of_the_recognizer_itself_is_run_again() -> None:
    """What all recognitions depend on continues after a hook has canceled it."""
    supervisor = Supervisor(no_cleanup)
    await supervisor.start()
    runs: list[int] = []
    is_last = asyncio.Event()

    async def timer() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            cancel_current()
        else:
            is_last.set()
        await asyncio.sleep(60)

    supervisor.start_soon(timer, restart=True)
    with anyio.fail_after(5):
        await is_last.wait()
    await supervisor.aclose()
    assert [0, 1, 2] == runs


async def test_work_that_never_ends_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Code that goes on after its cancellation does not keep a recognizer open; it is reported."""
    monkeypatch.setattr(supervisors, "_PATIENCE", 0.1)
    cleanups: list[str] = []
    may_end = asyncio.Event()

    async def clean_up() -> None:
        cleanups.append("done")

    async def go_on() -> None:
        while not may_end.is_set():
            with suppress(asyncio.CancelledError):
                await may_end.wait()

    supervisor = Supervisor(clean_up)
    await supervisor.start()
    supervisor.start_soon(go_on)
    await asyncio.sleep(0)
    await asyncio.wait_for(supervisor.aclose(), 5)
    assert ["done"] == cleanups
    assert caplog.text.count("goes on after it was canceled, and is left alone") == 1
    may_end.set()
    await asyncio.wait([supervisor._host])
    assert ["done"] == cleanups
