"""
Middleware: one behavior of a recognition per module.

Sans-I/O: nothing here waits, or uses an event loop, a socket or a clock. `Heartbeat` and
`LatencyMeter` are built in, but use only the public interface. The types of the messages are
exported for middleware of your own.
"""

from paraformer_async._core.messages import (
    Audio,
    Command,
    ContinueTask,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.middleware import Middleware, Stack
from paraformer_async._core.packets import Packet, Packets
from paraformer_async.middleware.heartbeat import Heartbeat
from paraformer_async.middleware.latency import LatencyMeter

__all__ = [
    "Audio",
    "Command",
    "ContinueTask",
    "Event",
    "FinishTask",
    "Heartbeat",
    "LatencyMeter",
    "Middleware",
    "Packet",
    "Packets",
    "ResultGenerated",
    "RunTask",
    "Stack",
    "TaskFailed",
    "TaskFinished",
    "TaskStarted",
]
