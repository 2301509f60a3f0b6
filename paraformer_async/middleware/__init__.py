"""
Behaviors of a recognition, one a file.

Sans-I/O: nothing here waits, or knows a loop, a socket or a clock. `Heartbeat`, `LatencyMeter` are
built in; they are ordinary middleware that anyone could have written. The messages that pass are
exported here for those who write their own.
"""

from paraformer_async._core.middleware import Middleware, Stack
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async.middleware.heartbeat import Heartbeat
from paraformer_async.middleware.latency import LatencyMeter

__all__ = [
    "Audio",
    "Command",
    "Event",
    "FinishTask",
    "Heartbeat",
    "LatencyMeter",
    "Middleware",
    "ResultGenerated",
    "RunTask",
    "Stack",
    "TaskFailed",
    "TaskFinished",
    "TaskStarted",
]
