"""Settings and fixtures for all tests."""

import gc

import pytest
from hypothesis import settings

# No deadline: the duration of an example says more about the machine than about the library.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """Exempt what is loaded from garbage collection: many tests collect, to find what is left."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    """Run `pytest.mark.anyio` tests on asyncio."""
    return "asyncio"
