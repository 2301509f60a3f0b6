"""`BlockingStream`: one recognition, for code without an event loop."""

from __future__ import annotations  # `help()` shows the names of types

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, NoReturn, Unpack

import anyio

from paraformer_async._client.portal import PORTAL
from paraformer_async.audio.samples import taker
from paraformer_async.audio.source import Chunk
from paraformer_async.errors import UsageError
from paraformer_async.options.options import Overrides
from paraformer_async.results import Latency, Overhead, RecognitionResult, Usage
from paraformer_async.stream import RecognitionStream
from paraformer_async.sync.queues import Inlet
from paraformer_async.sync.serving import Served

__all__ = ["BlockingStream"]

# What waits on its way into the loop, in bytes; the recognition has a buffer of its own.
_BYTES = 1 << 15


class BlockingStream(Served[RecognitionResult]):
    """
    One recognition: an iterator of results, and a context manager.

    With a source, iterate over it; leaving the loop early ends the recognition:

        for result in recognizer.stream(microphone):
            print(result.text)

    Without a source, send the audio, in this thread or in another one:

        with recognizer.stream() as stream:
            for frame in frames:
                stream.send(frame)      # waits when the buffer is full
            stream.finish()             # no more audio; results continue
            for result in stream:
                print(result.text)

    All methods may be called in any thread, and calls are served in order. Each result is returned
    once, to whichever thread asks first. A failure is raised by the loop, by `send` and the other
    methods, or at the latest on leaving the `with`. Every wait has a bound: the time limits of the
    recognition apply. A wait that is interrupted (KeyboardInterrupt) has no effect.
    """

    def __init__(
        self,
        stream: RecognitionStream,
        encoding: str | None,
        *,
        owner: object,
        has_source: bool,
        channels: int | None = None,
    ) -> None:
        super().__init__("stream", "stream()", owner)
        self._stream = stream
        self._has_source = has_source
        self._take = taker(encoding, channels)
        self._inlet = Inlet(PORTAL.loop, _BYTES)
        self._is_finished = False

    @property
    def request_id(self) -> str:
        """Id of the current task, set from the beginning; quote it to the service's support."""
        return self._stream.request_id

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Ids of all tasks, the current one last. A reconnection or `flush` begins a new one."""
        return self._stream.request_ids

    @property
    def latency(self) -> Latency:
        """Latencies in seconds: of connecting, of the first and last packet, of utterances."""
        return self._stream.latency

    @property
    def usage(self) -> Usage | None:
        """What the service bills so far for all tasks; `None` until it has reported any usage."""
        return self._stream.usage

    @property
    def overhead(self) -> Overhead:
        """Audio that was sent, and is billed, in addition to your own: repetitions and silence."""
        return self._stream.overhead

    def send(self, audio: Chunk) -> None:
        """
        Send audio. Wait while the buffer is full: the service sets the pace.

        Args:
            audio: Any number of bytes, in the stream's format; PCM is s16le mono.

        Raises:
            InvalidOptionError: *audio* is no buffer of bytes or samples; nothing is sent.
            UsageError: The stream is not open, has a source, or was finished.
            ParaformerError: The recognition has failed.
        """
        self._require_push()
        chunk = self._take(audio)
        if self._is_finished:
            self._raise_end("no audio can be sent after finish()")
        if not self._inlet.put(chunk, len(chunk)):
            self._raise_end("the recognition has ended")

    def flush(self) -> None:
        """
        End the utterance here: the audio so far is recognized to the end; the stream continues.

        Raises:
            UsageError: The stream is not open, has a source, or was finished.
            ParaformerError: The recognition has failed.
        """
        self._call(RecognitionStream.flush)

    def update(self, **overrides: Unpack[Overrides]) -> None:
        """
        Use other options for all further audio; see `RecognitionStream.update`.

        Raises:
            InvalidOptionError: An option cannot work, or cannot change within a stream.
            UsageError: The stream is not open, has a source, or was finished.
            ParaformerError: The recognition has failed.
        """
        self._call(lambda stream: stream.update(**overrides))

    def finish(self) -> None:
        """
        Mark the end of the audio, after all earlier calls of `send`. May be called twice.

        It does not wait for results; they continue until the service has sent the last.

        Raises:
            UsageError: The stream is not open, or has a source.
            ParaformerError: The recognition has failed.
        """
        self._require_push()
        if self._is_finished:
            return
        self._is_finished = True
        done: Future[None] = Future()
        try:
            self._call(RecognitionStream.finish, done)
        except BaseException:
            self._is_finished = not done.cancel()  # unless it was interrupted in time
            raise

    def __iter__(self) -> Iterator[RecognitionResult]:
        """Return an iterator over the results; without `with`, it owns the recognition."""
        if not self._has_source and not self._is_entered:
            raise UsageError(
                "this stream has no source, and was not entered to send audio to it",
                hint="stream(audio), or: with recognizer.stream() as stream: …",
            )
        return super().__iter__()

    def _call(
        self,
        call: Callable[[RecognitionStream], Coroutine[Any, Any, None]],
        done: Future[None] | None = None,
    ) -> None:
        """Call a method of the stream, after all audio that was sent before; then set *done*."""
        self._require_push()
        done = done or Future()
        if not self._inlet.put((call, done)):
            self._raise_end("the recognition has ended")
        try:
            done.result()
        except BaseException as error:
            done.cancel()
            self._is_seen = self._is_seen or error is (self._failure or self._unread_failure)
            raise

    def _require_push(self) -> None:
        if self._has_source:
            raise UsageError("this stream has a source; its audio comes from there")
        self._require_begun()
        if PORTAL.is_here:
            raise UsageError("a blocking call was made in the thread of the event loop")

    def _raise_end(self, reason: str) -> NoReturn:
        """Raise the failure, or the *reason* why nothing more is accepted."""
        if self._failure is not None:
            self._is_seen = True
            raise self._failure
        raise UsageError(reason)

    async def _run(self) -> None:
        async with self._stream as stream:
            if self._has_source:
                await self._read(stream)
            else:
                await self._exchange(stream)

    async def _exchange(self, stream: RecognitionStream) -> None:
        failure: BaseException | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._feed, stream)
            try:
                await self._read(stream)
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError):
                    raise
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:  # not in the group, which would wrap it
            raise failure

    async def _read(self, stream: RecognitionStream) -> None:
        async for result in stream:
            await self._outlet.put(result)

    @property
    def _unread_failure(self) -> BaseException | None:
        return self._stream._run.failure  # noqa: SLF001 - both classes are one stream

    def _note_refused(self) -> None:
        """
        Let `send` raise the failure, also while the results before it are not read.

        If there is none, another thread has called `finish` while this audio was on its way.
        """
        self._failure = self._failure or self._unread_failure
        if self._failure is not None:
            self._close_inlet()

    def _close_inlet(self) -> None:
        for item in self._inlet.close():
            self._refuse(item)

    def _conclude(self) -> None:
        self._close_inlet()
        super()._conclude()

    async def _feed(self, stream: RecognitionStream) -> None:
        while True:
            item = await self._inlet.get()
            if type(item) is bytes:
                try:
                    await stream.send(item)
                except asyncio.CancelledError:
                    raise
                except BaseException:  # noqa: BLE001 - it may be that of a hook
                    self._note_refused()
                continue
            call, done = item
            if not done.set_running_or_notify_cancel():  # the wait was interrupted
                continue
            try:
                await call(stream)
            except asyncio.CancelledError:
                done.set_exception(self._end_of_calls)
                raise
            except BaseException as error:  # noqa: BLE001 - raised in the thread that has called
                done.set_exception(error)
            else:
                done.set_result(None)

    @property
    def _end_of_calls(self) -> BaseException:
        return self._failure or UsageError("the recognition has ended")

    def _refuse(self, item: Any) -> None:
        if type(item) is not bytes and item[1].set_running_or_notify_cancel():
            item[1].set_exception(self._end_of_calls)
