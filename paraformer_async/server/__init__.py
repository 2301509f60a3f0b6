"""
The local service: the protocol in the server's role, with a recognition engine on this machine.

For work without a network and for tests. It shares the protocol's table with the client, and
imports none of the client's modules.
"""

from paraformer_async._core.clocks import Clocks
from paraformer_async.engines import make_engine
from paraformer_async.engines.base import Engine, EngineBusy, EngineStream, StreamSettings
from paraformer_async.server.local import LocalServer

__all__ = [
    "Clocks",
    "Engine",
    "EngineBusy",
    "EngineStream",
    "LocalServer",
    "StreamSettings",
    "make_engine",
]
