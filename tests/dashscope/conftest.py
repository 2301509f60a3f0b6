"""The service of the tests of the blocking client."""

from tests.sync.conftest import local_server, start_server

__all__ = ["local_server", "start_server"]
