"""What all tests share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run `pytest.mark.anyio` tests on asyncio."""
    return "asyncio"
