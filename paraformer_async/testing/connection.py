"""
One connection of a client to the scripted service: task after task, with the faults in between.

One coroutine reads, speaks and fails, so everything happens in the order of the audio. Only what
`Late` holds back is written by a second one.
"""

from math import inf
from typing import NoReturn, cast

import anyio
from aiohttp import WebSocketError, WSMsgType

from paraformer_async._core.clocks import Clocks
from paraformer_async._core.protocol import ServerProtocol, State
from paraformer_async._core.wire import (
    Audio,
    Command,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async.errors import RemoteProtocolError
from paraformer_async.testing._flaws import flaw_of_request, flaws_of_audio
from paraformer_async.testing._link import Gone, Link
from paraformer_async.testing._task import Task
from paraformer_async.testing._voice import Voice
from paraformer_async.testing.faults import Late, NeverFinish, NeverStart, SlowClose
from paraformer_async.testing.records import Records
from paraformer_async.testing.scripts import Script, speaker_of

__all__ = ["Connection"]


class Connection:
    """Serves one WebSocket."""

    def __init__(self, link: Link, records: Records, script: Script, clocks: Clocks) -> None:
        self._link = link
        self._records = records
        self._script = script
        self._clocks = clocks
        self._number = records.connections.accepted - 1
        self._protocol = ServerProtocol()
        self._voice = Voice(link, self._protocol, records.happened)
        self._task: Task | None = None
        self._slow_close: SlowClose | None = None
        self._heard_at = anyio.current_time()
        self._scope = anyio.CancelScope()

    async def serve(self) -> None:
        """Serve until the client leaves, a fault ends it, or `stop`."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._voice.say_late)
                    try:
                        await self._converse()
                    except Gone:
                        tasks.cancel_scope.cancel()
        finally:
            await self._link.leave()

    def stop(self) -> None:
        """The server leaves."""
        self._scope.cancel()

    async def _converse(self) -> NoReturn:
        while True:
            frame = await self._receive()
            self._inspect(frame)
            try:
                command = self._protocol.receive(frame)
            except RemoteProtocolError as error:
                self._records.violations.append(error.message)
                await self._voice.fail("CLIENT_ERROR", error.message)
            await self._obey(command)

    async def _receive(self) -> str | bytes:
        deadline, failure = self._next_clock()
        message = await self._link.receive(deadline)
        if message is None:
            await self._lose_patience(failure)
        self._heard_at = anyio.current_time()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            if isinstance(message.data, WebSocketError):
                self._records.violations.append(str(message.data))
            await self._answer_close()
        data: str | bytes = message.data
        return data

    def _inspect(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            task = self._task
            is_pcm = task is not None and task.record.parameters["format"] == "pcm"
            self._records.violations.extend(flaws_of_audio(frame, is_pcm=is_pcm))

    async def _obey(self, command: Command | None) -> None:
        task = cast("Task", self._task)  # the protocol lets nothing but run-task through without
        match command:
            case RunTask():
                await self._begin(command)
            case Audio(data=data):
                await self._hear(bytes(data), task)
            case _:
                await self._finish(task)

    async def _begin(self, request: RunTask) -> None:
        wrong = flaw_of_request(request)
        if wrong:
            self._records.violations.append(wrong)
            await self._voice.fail("InvalidParameter", wrong)
        record = self._records.enter(self._protocol.task_id, request, self._number)
        speaker = speaker_of(self._script, request.parameters)
        task = self._task = Task(record, speaker, self._records.next_fault())
        self._slow_close = task.fault if isinstance(task.fault, SlowClose) else None
        if isinstance(task.fault, NeverStart | Late):
            self._records.happened.append(task.fault)
        if isinstance(task.fault, NeverStart):
            return
        await self._voice.reach("run-task", task)
        await self._voice.send(TaskStarted())
        self._voice.spoken_at = anyio.current_time()
        await self._voice.reach("started", task)

    async def _hear(self, audio: bytes, task: Task) -> None:
        before, audio = task.cut(audio)
        if before is not None:
            await self._voice.say(task.hear(before), task)
            await self._voice.strike_or_wait(task)
        await self._voice.say(task.hear(audio), task)

    async def _finish(self, task: Task) -> None:
        task.record.has_finish = True
        await self._voice.reach("finish", task)
        await self._voice.say(task.speaker.finish(), task)
        await self._voice.reach("finished", task)
        if isinstance(task.fault, NeverFinish):
            self._records.happened.append(task.fault)
            return
        await self._voice.send_in_time(TaskFinished(), task)
        await self._voice.reach("idle", task)
        self._task = None

    async def _answer_close(self) -> NoReturn:
        if self._slow_close:
            self._records.happened.append(self._slow_close)
            await anyio.sleep(self._slow_close.seconds)
        await self._link.close()
        raise Gone

    def _next_clock(self) -> tuple[float, TaskFailed | None]:
        """Give when the first clock runs out if the client sends nothing, and what it is told."""
        clocks = self._clocks
        if self._protocol.state is State.IDLE:
            return self._heard_at + clocks.idle, None
        if self._task is None or self._protocol.state is not State.RUNNING:
            return inf, None
        seconds = f"{clocks.message:g}"
        message = TaskFailed("CLIENT_ERROR", f"request timeout after {seconds} seconds.")
        lives_on = self._task.record.parameters.get("heartbeat")
        silent_since = self._heard_at if lives_on else self._voice.spoken_at
        return min(
            (self._heard_at + clocks.message, message),
            (silent_since + clocks.silence, TaskFailed("ResponseTimeout", "Response timeout!")),
            key=lambda clock: clock[0],
        )

    async def _lose_patience(self, failure: TaskFailed | None) -> NoReturn:
        if failure:
            await self._voice.fail(failure.error_code, failure.error_message)
        await self._link.close()
        raise Gone
