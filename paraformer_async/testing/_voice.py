"""What the scripted service says in a connection, and the faults that come between."""

from collections.abc import Iterable
from math import ceil
from typing import NoReturn, cast

import anyio

from paraformer_async._core.protocol import ServerProtocol
from paraformer_async._core.wire import Event, ResultGenerated, TaskFailed
from paraformer_async.results import Sentence, Usage
from paraformer_async.testing._delay import Delay
from paraformer_async.testing._link import Gone, Link
from paraformer_async.testing._task import Task
from paraformer_async.testing.faults import (
    Drop,
    FailTask,
    Fault,
    HalfClose,
    Late,
    Malformed,
    Moment,
    Stall,
    Unknown,
)

__all__ = ["Voice"]

_UNKNOWN = '{"header": {"event": "unknown-event", "task_id": "", "unknown": 1}, "payload": null}'


class Voice:
    """
    Says events and results.

    Args:
        link: Where to.
        protocol: The state of the connection.
        happened: Where to note the faults that happen.

    Attributes:
        spoken_at: When a result was said last, or a task was started.
    """

    def __init__(self, link: Link, protocol: ServerProtocol, happened: list[Fault]) -> None:
        self.spoken_at = anyio.current_time()
        self._link = link
        self._protocol = protocol
        self._happened = happened
        self._delay = Delay(self.send)

    async def say_late(self) -> None:
        """Send what `Late` holds back, until canceled."""
        await self._delay.run()

    async def say(self, sentences: Iterable[Sentence], task: Task) -> None:
        """Send results; a fault that waits for a final one happens before or after that."""
        for sentence in sentences:
            is_last_straw = task.is_armed and sentence.is_final
            if is_last_straw and task.before_final:
                await self._strike(task)
            usage = Usage(ceil(task.record.audio_ms / 1000)) if sentence.is_final else None
            self.spoken_at = anyio.current_time()
            await self.send_in_time(ResultGenerated(sentence, usage), task)
            if is_last_straw and not task.before_final:
                await self._strike(task)

    async def reach(self, moment: Moment, task: Task) -> None:
        """The task has come to *moment*: does its fault happen now?"""
        if task.moment == moment:
            await self.strike_or_wait(task)
        if task.is_armed and moment == "finished":
            await self._strike(task)

    async def strike_or_wait(self, task: Task) -> None:
        """The moment of the fault has come: it happens, or waits for a final sentence."""
        if task.before_final is None:
            await self._strike(task)
        else:
            task.is_armed = True

    async def fail(self, code: str, message: str) -> NoReturn:
        """Send task-failed, and close."""
        await self.send(TaskFailed(code, message))
        await self._link.close()
        raise Gone

    async def send_in_time(self, event: Event, task: Task) -> None:
        """Send an event, late if the task's fault says so."""
        if isinstance(task.fault, Late):
            self._delay.put(event, task.fault.seconds)
        else:
            await self.send(event)

    async def send(self, event: Event) -> None:
        """Send an event now."""
        await self._link.write(cast("str", self._protocol.send(event)))

    async def _strike(self, task: Task) -> None:
        """Let the fault of the task happen. Most of them are the end: `Gone`."""
        task.is_armed = False
        self._happened.append(cast("Fault", task.fault))
        match task.fault:
            case Malformed(text=text):
                return await self._link.write_raw(text)
            case Unknown():
                self._link.is_strange = True
                return await self._link.write_raw(_UNKNOWN)
            case FailTask(code=code, message=message):
                await self.fail(code, message)
            case Drop(code=None):
                self._link.abort()
            case Drop(code=int(code), reason=reason):
                await self._link.close(code, reason)
            case HalfClose():
                await self._link.half_close()
            case Stall():
                await self._link.stall()
        raise Gone
