"""What is iterated over ends with the loop, whatever holds the iterator; not with one `anext`."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import soundfile

from paraformer_async import AsyncRecognizer, RecognitionResult, UsageError
from paraformer_async.testing import NeverFinish, ScriptedServer, marked

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

Use = Callable[[AsyncRecognizer], AsyncIterator[Any]]
Consume = Callable[[AsyncIterator[Any]], Awaitable[object]]


@pytest.fixture
async def recognizer() -> AsyncIterator[AsyncRecognizer]:
    """A recognizer whose recognitions do not end by themselves."""
    async with (
        ScriptedServer(forever=NeverFinish()) as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        yield recognizer


async def source() -> AsyncIterator[bytes]:
    """Yield audio without end."""
    while True:
        yield marked(20)
        await asyncio.sleep(0.005)


@pytest.fixture(params=["stream", "channels", "sources", "batch"])
def use(request: pytest.FixtureRequest, tmp_path: Path) -> Use:
    """Return what makes an iterator that is not entered."""
    path = tmp_path / "speech.wav"
    soundfile.write(path, [0.1] * 1600, 16000)
    uses: dict[str, Use] = {
        "stream": lambda recognizer: recognizer.stream(source()),
        "channels": lambda recognizer: recognizer.stream(
            source(), channels="split", input_channels=2
        ),
        "sources": lambda recognizer: recognizer.stream_many([source(), source()]),
        "batch": lambda recognizer: recognizer.transcribe_many([path] * 9),
    }
    return uses[request.param]


async def by_statement(iterable: AsyncIterator[Any]) -> None:
    """Iterate as most do."""
    async for _ in iterable:
        pass


async def by_comprehension(iterable: AsyncIterator[Any]) -> list[Any]:
    """Iterate in an expression, whose frame has the iterator as a variable in Python 3.11."""
    return [one async for one in iterable]


async def by_variable(iterable: AsyncIterator[Any]) -> None:
    """Iterate with the iterator in a local variable."""
    iterator = aiter(iterable)
    while True:
        await anext(iterator)


async def by_short_waits(iterable: AsyncIterator[Any]) -> None:
    """Wait for each element only so long; in Python 3.11, each wait is a task of its own."""
    iterator = aiter(iterable)
    while True:
        try:
            await asyncio.wait_for(anext(iterator), 0.01)
        except TimeoutError:
            continue


async def until_running(recognizer: AsyncRecognizer, expected: bool) -> None:
    """Wait until recognitions run, or none does."""
    with anyio.fail_after(2):
        while bool(recognizer.statistics().recognitions) != expected:  # noqa: ASYNC110 - statistics have no events
            await asyncio.sleep(0.005)


async def has_ended(recognizer: AsyncRecognizer) -> None:
    """Wait until no recognition runs."""
    await until_running(recognizer, False)


async def has_begun(recognizer: AsyncRecognizer) -> None:
    """Wait until a recognition runs."""
    await until_running(recognizer, True)


@pytest.mark.parametrize("consume", [by_statement, by_comprehension, by_variable, by_short_waits])
async def test_a_canceled_task_ends_it(
    recognizer: AsyncRecognizer, use: Use, consume: Consume
) -> None:
    """A canceled task that is still referenced ends what it iterated over."""
    task = asyncio.ensure_future(consume(use(recognizer)))
    await has_begun(recognizer)
    task.cancel()
    await asyncio.wait([task])
    await has_ended(recognizer)
    assert task.cancelled()


async def test_a_failed_task_ends_it(recognizer: AsyncRecognizer, use: Use) -> None:
    """A task that fails ends what it iterated over; that nobody has seen its failure is logged."""
    unseen: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: unseen.append(context))

    async def fail() -> None:
        iterator = aiter(use(recognizer))
        await has_begun(recognizer)
        raise ZeroDivisionError(iterator)

    task = asyncio.ensure_future(fail())
    await asyncio.wait([task])
    await has_ended(recognizer)
    del task
    gc.collect()
    loop.set_exception_handler(before)
    assert [ZeroDivisionError] == [type(context["exception"]) for context in unseen]


async def test_one_canceled_anext_ends_nothing(recognizer: AsyncRecognizer) -> None:
    """Waits for one result may be canceled, and may be tasks; the next one continues."""

    async def quiet() -> AsyncIterator[bytes]:
        await more.wait()
        yield marked(1000)
        await anyio.sleep_forever()

    more = asyncio.Event()
    iterator = aiter(recognizer.stream(quiet()))
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(iterator), 0.01)
        with anyio.move_on_after(0.01):
            await anext(iterator)
        waiting = asyncio.ensure_future(_next_of(iterator))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
    more.set()
    assert isinstance(await asyncio.wait_for(anext(iterator), 2), RecognitionResult)
    del iterator, waiting  # the canceled task has it, too
    await has_ended(recognizer)


async def test_a_task_may_return_an_iterator(recognizer: AsyncRecognizer) -> None:
    """An iterator that a task has made and returned belongs to whoever has it now."""

    async def make() -> AsyncIterator[RecognitionResult]:
        return aiter(recognizer.stream(source()))

    iterator = await asyncio.ensure_future(make())
    await asyncio.sleep(0)
    assert isinstance(await anext(iterator), RecognitionResult)
    del iterator
    await has_ended(recognizer)


async def test_the_end_of_the_task_is_named(recognizer: AsyncRecognizer) -> None:
    """Whoever else iterates after the task was canceled is told why there is nothing more."""
    made: list[AsyncIterator[RecognitionResult]] = []

    async def make() -> None:
        made.append(aiter(recognizer.stream(source())))
        await anyio.sleep_forever()

    task = asyncio.ensure_future(make())
    await has_begun(recognizer)
    task.cancel()
    await asyncio.wait([task])
    await has_ended(recognizer)
    with pytest.raises(UsageError, match="was canceled") as caught:
        await by_statement(made[0])
    assert "async with" in (caught.value.hint or "")


async def test_a_task_keeps_nothing_of_its_loops(recognizer: AsyncRecognizer) -> None:
    """A task that goes on keeps nothing of what it has iterated over, without the collector."""
    task = asyncio.current_task()
    assert task is not None
    callbacks = task._callbacks  # type: ignore[attr-defined]
    gc.disable()
    try:
        iterator = aiter(recognizer.stream(source()))
        await anext(iterator)
        kept = weakref.ref(iterator)
        del iterator
        assert kept() is None
    finally:
        gc.enable()
    await has_ended(recognizer)
    assert callbacks == task._callbacks  # type: ignore[attr-defined]


async def _next_of(iterator: AsyncIterator[RecognitionResult]) -> RecognitionResult:
    return await anext(iterator)
