"""
The contract of a connection that carries frames, for a transport of your own.

Pass a callable that returns a `TransportFactory` as `transport=`:

    class Tunnel:
        async def connect(self, handshake: Handshake) -> Transport: ...
        async def aclose(self) -> None: ...

    AsyncRecognizer(transport=Tunnel)

`paraformer_async.testing.check_transport` verifies that an implementation fulfills the contract.
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
