"""Entering what needs asyncio."""

import pytest

from paraformer_async import AsyncRecognizer, UsageError


def test_without_asyncio() -> None:
    """Where no asyncio loop runs, as under trio, the error says that asyncio is needed."""
    entering = AsyncRecognizer(api_key="any").__aenter__()
    with pytest.raises(UsageError, match="needs asyncio"):
        entering.send(None)
