"""
What a transport of your own needs: the contract of a connection that carries frames.

Pass a callable that returns a `TransportFactory` as `transport=`:

    class Tunnel:
        async def connect(self, handshake: Handshake) -> Transport: ...
        async def aclose(self) -> None: ...

    AsyncRecognizer(transport=Tunnel)

`paraformer_async.testing.check_transport` verifies that an implementation keeps the contract.
"""

from paraformer_async._net.choose import TransportOption
from paraformer_async._net.contract import (
    Handshake,
    OutgoingFrame,
    Receiver,
    Transport,
    TransportFactory,
)

__all__ = [
    "Handshake",
    "OutgoingFrame",
    "Receiver",
    "Transport",
    "TransportFactory",
    "TransportOption",
]
