"""
Everything this library raises, as one tree.

    ParaformerError
    ├── InvalidOptionError (ValueError)     an option or parameter is wrong; nothing was sent
    ├── MissingExtraError (ImportError)     an optional dependency is not installed
    ├── UsageError (RuntimeError)           the API was used out of order
    ├── AudioError (ValueError)             the audio cannot be used as it is
    ├── BatchStoppedError                   many files: there is no connection for any of them
    └── ServiceError                        something went wrong on the way to or at the service
        ├── ConnectError                    no connection could be made
        │   └── HandshakeError              the service answered, but refused the WebSocket
        │       └── AuthenticationError     … because of the key (401, 403)
        ├── RequestError                    the service refused an HTTP request beside the socket
        ├── ConnectionLostError             an open connection was lost during the task
        ├── DeadlineError (TimeoutError)    a bounded wait ran out (see `Timeouts`)
        ├── TaskFailedError                 the service ended the task with an error
        ├── AudioLostError                  the connection was lost for longer than audio is kept
        └── ProtocolError
            ├── LocalProtocolError          this side was about to break it: a bug of this library
            └── RemoteProtocolError         the peer broke the protocol

Errors store facts as attributes; the text is built from them when it is shown. `hint` is what to do
next. `retryable`, `is_throttled` and `hint` of a failure of the service come from one table, the
catalogue. Exceptions raised by the user's own code (an audio source, the body of a loop) are never
wrapped.

Imports nothing else of this package.
"""

from paraformer_async.errors.base import (
    AudioError,
    BatchStoppedError,
    InvalidOptionError,
    MissingExtraError,
    ParaformerError,
    UsageError,
)
from paraformer_async.errors.service import (
    AudioLostError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    RequestError,
    ServiceError,
    TaskFailedError,
)

__all__ = [
    "AudioError",
    "AudioLostError",
    "AuthenticationError",
    "BatchStoppedError",
    "ConnectError",
    "ConnectionLostError",
    "DeadlineError",
    "HandshakeError",
    "InvalidOptionError",
    "LocalProtocolError",
    "MissingExtraError",
    "ParaformerError",
    "ProtocolError",
    "RemoteProtocolError",
    "RequestError",
    "ServiceError",
    "TaskFailedError",
    "UsageError",
]
