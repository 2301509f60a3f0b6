"""
The site as it is built. Not a part of the usual run: `nox -s docs`.

`SITE` is the folder in which it has been built; by default, build/site.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the site."""
    folder = Path(os.environ.get("SITE", ROOT / "build" / "site"))
    assert (folder / "objects.inv").exists(), "build the site first: nox -s docs"
    return folder
