"""What all tests share."""

import pytest
from hypothesis import settings

# No deadline: how long an example takes says more of the machine than of the library.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture
def anyio_backend() -> str:
    """Run `pytest.mark.anyio` tests on asyncio."""
    return "asyncio"
