"""
The examples that are services, as they are started by their users.

Not a part of the usual run: `nox -s examples` has what they need.
"""

from tests.frameworks.conftest import start
from tests.sync.conftest import start_server

__all__ = ["start", "start_server"]
