"""
One connection of a client to the local service: task after task, from the protocol's table.

The reader is the only one that reads, and hands audio to the running task; the task writes results.
The clocks look on. Whatever the client does wrong ends as `task-failed` and a closed connection.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, cast

import anyio
from aiohttp import WSCloseCode, WSMsgType, web
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint_if_cancelled

from paraformer_async._core.protocol import ServerProtocol, State
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    ResultGenerated,
    RunTask,
    TaskFinished,
    TaskStarted,
)
from paraformer_async.engines.base import Engine
from paraformer_async.errors import RemoteProtocolError
from paraformer_async.server.clocks import Clocks
from paraformer_async.server.task import Task, TaskFailure

__all__ = ["Connection"]


_logger = logging.getLogger("paraformer_async.server")


class _Gone(Exception):
    """The connection is over, and there is nothing to be told."""

    def __init__(self, code: WSCloseCode = WSCloseCode.OK) -> None:
        super().__init__(code)
        self.code = code


class Connection:
    """Serves one WebSocket."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        engine: Engine,
        clocks: Clocks,
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._engine = engine
        self._clocks = clocks
        self._protocol = ServerProtocol()
        self._task: Task | None = None
        self._heard_at = self._spoken_at = time.monotonic()
        self._is_reading = False
        self._end: TaskFailure | _Gone | None = None
        self._scope = anyio.CancelScope()

    async def serve(self) -> None:
        """Serve until the client leaves, fails or idles; no task or listener is left behind."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._watch_clocks)
                    await self._guarded(self._read, tasks)
        finally:
            with anyio.CancelScope(shield=True):
                await self._leave()

    def stop(self) -> None:
        """The server goes down: end what runs, and close."""
        self._stop(_Gone(WSCloseCode.GOING_AWAY))

    async def _read(self, tasks: TaskGroup) -> None:
        while True:
            message = await self._receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                raise _Gone
            try:
                command = self._protocol.receive(message.data)
            except RemoteProtocolError as error:
                raise TaskFailure("CLIENT_ERROR", error.message) from error
            await self._obey(command, tasks)

    async def _receive(self) -> Any:
        """Wait for the client's next message. The clocks stand still while nobody waits here."""
        now = time.monotonic()
        self._spoken_at = min(now, self._spoken_at + now - self._heard_at)
        self._heard_at = now
        self._is_reading = True
        message = await self._socket.receive()
        self._is_reading = False
        self._heard_at = time.monotonic()
        return message

    async def _obey(self, command: Command | None, tasks: TaskGroup) -> None:
        task = cast("Task", self._task)  # the protocol lets nothing but run-task through without
        match command:
            case RunTask():
                await self._begin(command, tasks)
            case Audio(data=data):
                await task.put(bytes(data))
            case _:
                task.finish()

    async def _begin(self, request: RunTask, tasks: TaskGroup) -> None:
        task = self._task = await Task.open(request, self._engine, self._say)
        await self._send(TaskStarted())
        self._spoken_at = time.monotonic()
        tasks.start_soon(self._guarded, self._run, task)

    async def _run(self, task: Task) -> None:
        await task.run()
        # All is given back before the client knows, so that its next task finds a free listener.
        await task.aclose()
        self._task = None
        self._heard_at = time.monotonic()
        await self._send(TaskFinished())

    async def _guarded(self, work: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Do *work*; its failure is the end of the connection. The one place that catches all."""
        try:
            await work(*args)
        except (TaskFailure, _Gone) as end:
            self._stop(end)
        except Exception:
            _logger.exception("the task failed by an error of the engine or of the service")
            self._stop(TaskFailure("InternalError", "the local service failed; see its log"))

    def _stop(self, end: "TaskFailure | _Gone") -> None:
        self._end = self._end or end
        self._scope.cancel()

    async def _say(self, result: ResultGenerated) -> None:
        if result.sentence and not result.sentence.heartbeat:
            self._spoken_at = time.monotonic()
        await self._send(result)

    async def _send(self, event: Event) -> None:
        # A task hears of its end at its next wait only; the protocol has gone on without it.
        await checkpoint_if_cancelled()
        frame = cast("str", self._protocol.send(event))
        is_taken = False
        try:
            with anyio.fail_after(self._clocks.send):
                await self._socket.send_str(frame)
            is_taken = True
        except OSError as error:  # a timeout is one, too
            raise _Gone from error
        finally:
            # After a write that was given up, aiohttp's next one would end in a cancellation that
            # nobody asked for (its drain waiter stays canceled): there is none.
            if not is_taken:
                self._cut_off()

    async def _leave(self) -> None:
        """Give back what the task held, tell why it failed, and close; all in bounded time."""
        if self._task:
            await self._guarded(self._task.aclose)
        try:
            with anyio.move_on_after(self._clocks.close):
                await self._part()
        finally:
            self._cut_off()

    def _cut_off(self) -> None:
        """End the connection, whatever the client thinks of it."""
        if self._transport is not None:
            self._transport.abort()

    async def _part(self) -> None:
        end = self._end
        if isinstance(end, TaskFailure):
            await self._guarded(self._send, end.event)
        await self._socket.close(code=end.code if isinstance(end, _Gone) else WSCloseCode.OK)

    async def _watch_clocks(self) -> None:
        clocks = self._clocks
        # No clock that is set while this sleeps runs out before it wakes.
        longest_sleep = min(clocks.message, clocks.silence, clocks.idle)
        while True:
            now = time.monotonic()
            when, end = self._next_clock()
            if when <= now:
                self._stop(end)
            await anyio.sleep(max(0.0, min(when - now, longest_sleep)))

    def _next_clock(self) -> "tuple[float, TaskFailure | _Gone]":
        """Give when the first clock runs out if nothing happens, and what that means."""
        clocks, task = self._clocks, self._task
        if not self._is_reading or self._protocol.state is State.FINISHING:
            return inf, _Gone()
        if task is None:
            return self._heard_at + clocks.idle, _Gone()
        message = (
            self._heard_at + clocks.message,
            TaskFailure("CLIENT_ERROR", f"request timeout after {clocks.message:g} seconds."),
        )
        silent_since = self._heard_at if task.heartbeat else self._spoken_at
        silence = (
            silent_since + clocks.silence,
            TaskFailure("ResponseTimeout", "Response timeout!"),
        )
        return min(message, silence, key=lambda clock: clock[0])
