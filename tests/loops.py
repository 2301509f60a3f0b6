"""
The event loops on which tests with real sockets run.

    from tests.loops import both_loops

    anyio_backend = both_loops  # for all tests in the file, or in a conftest.py for the folder
"""

import pytest


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"debug": True}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    ],
)
def both_loops(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run on asyncio in debug mode, and on uvloop if it is installed."""
    backend: tuple[str, dict[str, bool]] = request.param
    if "use_uvloop" in backend[1]:
        pytest.importorskip("uvloop")
    return backend
