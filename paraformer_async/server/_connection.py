"""
One connection of the local service: moves its frames and runs its tasks.

One coroutine reads, and passes audio to the running task; the task writes its results; a third
coroutine watches the clocks. Any failure ends as task-failed and a closed connection.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import anyio
from aiohttp import WSCloseCode, WSMsgType, web
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint_if_cancelled

from paraformer_async._core.clocks import Clocks
from paraformer_async._core.messages import (
    Audio,
    Command,
    Event,
    FinishTask,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.service import (
    Closing,
    ConnectionEnded,
    ServiceConnection,
    TaskFailure,
)
from paraformer_async.engines.base import Engine
from paraformer_async.results import Sentence
from paraformer_async.server._task import LocalTask

__all__ = ["LocalConnection"]

_logger = logging.getLogger("paraformer_async.server")
_INTERNAL_ERROR = TaskFailed("InternalError", "the local service failed; see its log")
# The clocks are looked at this often at most, in seconds.
_SHORTEST_LOOK = 0.01


class LocalConnection:
    """
    Serves one WebSocket. The context of a conversation is checked, and not used: engines take none.

    Args:
        socket: The WebSocket.
        transport: The TCP connection below it; `None` if that is already lost.
        engine: Recognizes the audio.
        clocks: The time limits.
        decoding: Bounds the threads of all decoders.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        engine: Engine,
        clocks: Clocks,
        decoding: anyio.CapacityLimiter,
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._engine = engine
        self._clocks = clocks
        self._decoding = decoding
        self._service = ServiceConnection(clocks, time.monotonic())
        self._task: LocalTask | None = None
        self._closing: Closing | None = None
        self._scope = anyio.CancelScope()

    async def serve(self) -> None:
        """Serve until the client leaves, fails or idles; release everything that its task held."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._watch_clocks)
                    await self._guarded(self._read, tasks)
        finally:
            with anyio.CancelScope(shield=True):
                await self._leave()

    def stop(self) -> None:
        """End what runs, and close: the server is closing."""
        self._stop(Closing(code=WSCloseCode.GOING_AWAY))

    async def _read(self, tasks: TaskGroup) -> None:
        while True:
            self._service.wait(time.monotonic())
            message = await self._socket.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                raise ConnectionEnded
            await self._handle(self._service.receive(message.data, time.monotonic()), tasks)

    async def _handle(self, command: Command, tasks: TaskGroup) -> None:
        task = cast("LocalTask", self._task)  # without one, the protocol allows only run-task
        match command:
            case RunTask():
                await self._begin(command, tasks)
            case Audio(data=data):
                await task.put(bytes(data))
            case FinishTask():
                task.finish()

    async def _begin(self, request: RunTask, tasks: TaskGroup) -> None:
        task = self._task = await LocalTask.open(request, self._engine, self._emit, self._decoding)
        await self._send(TaskStarted())
        tasks.start_soon(self._guarded, self._run, task)

    async def _run(self, task: LocalTask) -> None:
        await task.run()
        # Released before the client is notified, so that its next task finds a free stream.
        await task.aclose()
        self._task = None
        await self._send(TaskFinished())

    async def _guarded(self, work: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Do *work*; its failure ends the connection. The only place that catches everything."""
        try:
            await work(*args)
        except TaskFailure as failure:
            self._stop(Closing(failure.event))
        except ConnectionEnded:
            self._stop(Closing())
        except Exception:
            _logger.exception("the task failed because of an error in the engine or in the service")
            self._stop(Closing(_INTERNAL_ERROR))

    def _stop(self, closing: Closing) -> None:
        self._closing = self._closing or closing
        self._scope.cancel()

    async def _emit(self, sentence: Sentence, seconds: float) -> None:
        await self._send(self._service.result(sentence, seconds, time.monotonic()))

    async def _send(self, event: Event) -> None:
        # A canceled task continues up to its next wait; by then, the protocol has moved on.
        await checkpoint_if_cancelled()
        frame = self._service.send(event, time.monotonic())
        is_taken = False
        try:
            with anyio.fail_after(self._clocks.send):
                await self._socket.send_str(frame)
            is_taken = True
        except OSError as error:  # a timeout is one, too
            raise ConnectionEnded from error
        finally:
            # aiohttp's next write after a canceled one would end in a cancellation that nobody
            # requested (its drain waiter stays canceled): so nothing is written.
            if not is_taken:
                self._abort()

    async def _leave(self) -> None:
        """Release what the task held, send why it failed, and close; all in bounded time."""
        if self._task:
            await self._guarded(self._task.aclose)
        try:
            with anyio.move_on_after(self._clocks.close):
                await self._close(self._closing or Closing())
        finally:
            self._abort()

    async def _close(self, closing: Closing) -> None:
        if closing.failure is not None:
            await self._guarded(self._send, closing.failure)
        await self._socket.close(code=closing.code)

    def _abort(self) -> None:
        # asyncio raises this itself after a connection that was closing has sent the rest.
        with suppress(AttributeError):
            if self._transport is not None:
                self._transport.abort()

    async def _watch_clocks(self) -> None:
        clocks = self._clocks
        # No clock that starts during a sleep expires before its end.
        longest = max(_SHORTEST_LOOK, min(clocks.message, clocks.silence, clocks.idle))
        while True:
            now = time.monotonic()
            closing = self._service.expired(now)
            if closing is not None:
                self._stop(closing)
            await anyio.sleep(max(0.0, min(self._service.deadline() - now, longest)))
