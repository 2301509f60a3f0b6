"""
The local service: the protocol in the server's role, over a recognition engine of this machine.

For work without a network and for tests. It speaks from the same table as the client, and knows
nothing of the client's rooms (session, middleware, door).
"""

from paraformer_async.engines import make_engine
from paraformer_async.engines.base import Engine, EngineBusy, Listener, ListenerSettings
from paraformer_async.server.clocks import Clocks
from paraformer_async.server.local import LocalServer

__all__ = [
    "Clocks",
    "Engine",
    "EngineBusy",
    "Listener",
    "ListenerSettings",
    "LocalServer",
    "make_engine",
]
