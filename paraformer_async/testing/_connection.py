"""
One connection of the scripted service: task after task, with the faults in between.

One coroutine reads, responds and fails, so everything happens in the order of the audio. A second
one writes only what `Late` holds back.
"""

from typing import NoReturn, cast

import anyio
from aiohttp import WebSocketError, WSMsgType

from paraformer_async._core.clocks import Clocks
from paraformer_async._core.messages import (
    Audio,
    Command,
    ContinueTask,
    FinishTask,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.service import ConnectionEnded, ServiceConnection, TaskFailure
from paraformer_async.testing._flaws import flaws_of_audio
from paraformer_async.testing._link import Link
from paraformer_async.testing._responder import Responder
from paraformer_async.testing._task import ScriptedTask
from paraformer_async.testing.faults import Late, NeverFinish, NeverStart, SlowClose
from paraformer_async.testing.records import Records
from paraformer_async.testing.scripts import Script, begin_run

__all__ = ["ScriptedConnection"]


class ScriptedConnection:
    """
    Serves one WebSocket.

    Args:
        link: The WebSocket.
        records: What is recorded, and the faults to come.
        script: What to recognize.
        clocks: The time limits.
    """

    def __init__(self, link: Link, records: Records, script: Script, clocks: Clocks) -> None:
        self._link = link
        self._records = records
        self._script = script
        self._number = records.connections.accepted - 1
        self._service = ServiceConnection(clocks, anyio.current_time())
        self._responder = Responder(link, self._service, records.happened)
        self._task: ScriptedTask | None = None
        self._slow_close: SlowClose | None = None
        self._scope = anyio.CancelScope()

    async def serve(self) -> None:
        """Serve until the client leaves, a fault ends the connection, or `stop`."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._responder.run)
                    try:
                        await self._read()
                    except ConnectionEnded:
                        tasks.cancel_scope.cancel()
        finally:
            await self._link.leave()

    def stop(self) -> None:
        """End the connection: the server is closing."""
        self._scope.cancel()

    async def _read(self) -> NoReturn:
        while True:
            frame = await self._receive()
            self._inspect(frame)
            try:
                command = self._service.receive(frame, anyio.current_time())
            except TaskFailure as failure:
                self._records.violations.append(failure.event.error_message)
                await self._responder.fail(failure.event)
            try:
                await self._handle(command)
            except ConnectionEnded:
                raise
            except ConnectionError as error:  # the client has left
                raise ConnectionEnded from error
            except Exception as error:  # noqa: BLE001 - whatever a script raises
                self._records.raised.append(error)
                raised = f"the script has raised {error!r}"
                await self._responder.fail(TaskFailed("ScriptError", raised))

    async def _receive(self) -> str | bytes:
        self._service.wait(anyio.current_time())
        while (message := await self._link.receive(self._service.deadline())) is None:
            await self._expire()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            if isinstance(message.data, WebSocketError):
                self._records.violations.append(str(message.data))
            await self._answer_close()
        data: str | bytes = message.data
        return data

    async def _expire(self) -> None:
        """End the connection if a clock has expired; a loop's timer may be a little early."""
        closing = self._service.expired(anyio.current_time())
        if closing is None:
            return
        if closing.failure is not None:
            await self._responder.fail(closing.failure)
        await self._link.close(closing.code)
        raise ConnectionEnded

    def _inspect(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            task = self._task
            is_pcm = task is not None and task.record.parameters["format"] == "pcm"
            self._records.violations.extend(flaws_of_audio(frame, is_pcm=is_pcm))

    async def _handle(self, command: Command) -> None:
        task = cast("ScriptedTask", self._task)  # without one, the protocol allows only run-task
        match command:
            case RunTask():
                await self._begin(command)
            case Audio(data=data):
                await self._feed(bytes(data), task)
            case ContinueTask(input=new):
                task.record.inputs.append(new)
            case FinishTask():
                await self._finish(task)

    async def _begin(self, request: RunTask) -> None:
        record = self._records.add_task(self._service.task_id, request, self._number)
        run = begin_run(self._script, request.parameters)
        task = self._task = ScriptedTask(record, run, self._records.next_fault())
        self._slow_close = task.fault if isinstance(task.fault, SlowClose) else None
        if isinstance(task.fault, NeverStart | Late):
            self._records.happened.append(task.fault)
        if isinstance(task.fault, NeverStart):
            return
        await self._responder.reach("run-task", task)
        await self._responder.send(TaskStarted())
        await self._responder.reach("started", task)

    async def _feed(self, audio: bytes, task: ScriptedTask) -> None:
        before, audio = task.cut(audio)
        if before is not None:
            await self._responder.send_results(task.feed(before), task)
            await self._responder.strike_or_wait(task)
        await self._responder.send_results(task.feed(audio), task)

    async def _finish(self, task: ScriptedTask) -> None:
        task.record.has_finish = True
        await self._responder.reach("finish", task)
        await self._responder.send_results(task.run.finish(), task)
        await self._responder.reach("finished", task)
        if isinstance(task.fault, NeverFinish):
            self._records.happened.append(task.fault)
            return
        await self._responder.send_in_time(TaskFinished(), task)
        await self._responder.reach("idle", task)
        self._task = None

    async def _answer_close(self) -> NoReturn:
        if self._slow_close:
            self._records.happened.append(self._slow_close)
            await anyio.sleep(self._slow_close.seconds)
        await self._link.close()
        raise ConnectionEnded
