"""Entering what needs asyncio."""

import asyncio

import pytest

from paraformer_async import AsyncRecognizer, UsageError
from paraformer_async.server import LocalServer


def test_without_asyncio() -> None:
    """Where no asyncio loop runs, as under trio, the error says that asyncio is needed."""
    entering = AsyncRecognizer(api_key="any").__aenter__()
    with pytest.raises(UsageError, match="needs asyncio"):
        entering.send(None)


@pytest.mark.anyio
async def test_without_async_with() -> None:
    """A recognizer may be opened and closed by calls, in different tasks, and opened again."""
    async with LocalServer("scripted") as server:
        recognizer = AsyncRecognizer(endpoint=server.url, api_key="any")
        for _ in range(2):
            assert recognizer is await asyncio.create_task(recognizer.open())
            texts = [one.text async for one in recognizer.stream(bytes(32_000)) if one.is_final]
            assert texts[0].startswith("word-0001")
            await asyncio.create_task(recognizer.aclose())
            await recognizer.aclose()
            with pytest.raises(UsageError, match="not open"):
                recognizer.statistics()


@pytest.mark.anyio
async def test_closing_ends_what_is_running() -> None:
    """`aclose` ends a recognition that waits for audio, and closes its connection."""
    async with LocalServer("scripted") as server:
        recognizer = await AsyncRecognizer(endpoint=server.url, api_key="any").open()
        async with recognizer.stream() as stream:
            await stream.send(bytes(3200))
            await recognizer.aclose()
            with pytest.raises(UsageError):
                await anext(aiter(stream))


@pytest.mark.anyio
async def test_closing_inside_of_async_with() -> None:
    """`aclose` in an `async with` ends it early; leaving it then does nothing."""
    async with AsyncRecognizer(api_key="any") as recognizer:
        await recognizer.aclose()
        with pytest.raises(UsageError, match="not open"):
            recognizer.statistics()


@pytest.mark.anyio
async def test_open_twice() -> None:
    """What is open cannot be opened again, in whichever way."""
    recognizer = await AsyncRecognizer(api_key="any").open()
    with pytest.raises(UsageError, match="already been entered"):
        await recognizer.open()
    with pytest.raises(UsageError, match="already been entered"):
        async with recognizer:
            pass
    await recognizer.aclose()
    async with recognizer:
        with pytest.raises(UsageError, match="already been entered"):
            await recognizer.open()


@pytest.mark.anyio
async def test_an_opening_that_is_canceled() -> None:
    """After an opening that was canceled, the recognizer can be opened."""
    recognizer = AsyncRecognizer(api_key="any")
    opening = asyncio.create_task(recognizer.open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await recognizer.open()
    await recognizer.aclose()
