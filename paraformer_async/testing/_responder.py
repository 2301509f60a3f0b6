"""The events that the scripted service sends on a connection, and the faults between them."""

from collections.abc import Iterable
from typing import NoReturn, cast

import anyio

from paraformer_async._core.messages import Event, TaskFailed
from paraformer_async._core.service import ConnectionEnded, ServiceConnection
from paraformer_async.results import Sentence
from paraformer_async.testing._delay import Delay
from paraformer_async.testing._link import Link
from paraformer_async.testing._task import ScriptedTask
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

__all__ = ["Responder"]

_UNKNOWN = '{"header": {"event": "unknown-event", "task_id": "", "unknown": 1}, "payload": null}'


class Responder:
    """
    Sends events and results.

    Args:
        link: The WebSocket.
        service: The state of the connection.
        happened: Where to record the faults that happen.
    """

    def __init__(self, link: Link, service: ServiceConnection, happened: list[Fault]) -> None:
        self._link = link
        self._service = service
        self._happened = happened
        self._delay = Delay(self.send)

    async def run(self) -> None:
        """Send what `Late` holds back, until canceled."""
        await self._delay.run()

    async def send_results(self, sentences: Iterable[Sentence], task: ScriptedTask) -> None:
        """Send results; a fault that waits for a final one happens before or after it."""
        for sentence in sentences:
            strikes = task.is_armed and sentence.is_final
            if strikes and task.before_final:
                await self._strike(task)
            seconds = task.record.audio_ms / 1000
            result = self._service.result(sentence, seconds, anyio.current_time())
            await self.send_in_time(result, task)
            if strikes and not task.before_final:
                await self._strike(task)

    async def reach(self, moment: Moment, task: ScriptedTask) -> None:
        """Let the fault of the task happen if this is its moment."""
        if task.moment == moment:
            await self.strike_or_wait(task)
        if task.is_armed and moment == "finished":
            await self._strike(task)

    async def strike_or_wait(self, task: ScriptedTask) -> None:
        """Let the fault of the task happen, now or at the next final sentence."""
        if task.before_final is None:
            await self._strike(task)
        else:
            task.is_armed = True

    async def fail(self, failure: TaskFailed) -> NoReturn:
        """Send task-failed, and close."""
        await self.send(failure)
        await self._link.close()
        raise ConnectionEnded

    async def send_in_time(self, event: Event, task: ScriptedTask) -> None:
        """Send an event, late if the fault of the task is `Late`."""
        if isinstance(task.fault, Late):
            self._delay.put(event, task.fault.seconds)
        else:
            await self.send(event)

    async def send(self, event: Event) -> None:
        """Send an event now."""
        await self._link.write(self._service.send(event, anyio.current_time()))

    async def _strike(self, task: ScriptedTask) -> None:
        """Let the fault of the task happen. Most faults end the connection."""
        task.is_armed = False
        self._happened.append(cast("Fault", task.fault))
        match task.fault:
            case Malformed(text=text):
                return await self._link.write_raw(text)
            case Unknown():
                self._link.has_unknown_fields = True
                return await self._link.write_raw(_UNKNOWN)
            case FailTask(code=code, message=message):
                await self.fail(TaskFailed(code, message))
            case Drop(code=None):
                self._link.abort()
            case Drop(code=int(code), reason=reason):
                await self._link.close(code, reason)
            case HalfClose():
                await self._link.half_close()
            case Stall():
                await self._link.stall()
        raise ConnectionEnded
