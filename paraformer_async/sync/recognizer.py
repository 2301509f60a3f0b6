"""`Recognizer`, the client for code without an event loop."""

from __future__ import annotations  # `help()` shows the names of types

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self, Unpack

from paraformer_async._client.portal import PORTAL
from paraformer_async._net.choose import TransportOption
from paraformer_async._net.redaction import hide_key
from paraformer_async.audio.dividing import channels_to_divide
from paraformer_async.audio.given import AnyAudio
from paraformer_async.audio.source import Source
from paraformer_async.batch.outcomes import BatchProgress
from paraformer_async.batch.paths import AnyPath, Paths
from paraformer_async.batch.running import Batch
from paraformer_async.errors import UsageError
from paraformer_async.observing import Statistics
from paraformer_async.options.checks import require_function
from paraformer_async.options.options import Options, Overrides
from paraformer_async.options.policies import PoolLimits
from paraformer_async.quota import Quota
from paraformer_async.recognizer import AsyncRecognizer
from paraformer_async.results import RecognitionResult
from paraformer_async.stream import RecognitionStream
from paraformer_async.sync.batch import BlockingBatch
from paraformer_async.sync.stream import BlockingStream
from paraformer_async.transcript import Transcript

if TYPE_CHECKING:
    from aiohttp import BaseConnector

__all__ = ["Recognizer", "RecognizerOptions"]


class RecognizerOptions(Overrides, total=False):
    """The options of `AsyncRecognizer`, all optional, as keyword arguments."""

    connector: Callable[[], BaseConnector] | None
    transport: TransportOption
    pool: PoolLimits
    quota: Quota | None


class Recognizer:
    """
    A client of the Paraformer real-time service, for code without an event loop.

        with Recognizer() as recognizer:
            transcript = recognizer.transcribe("meeting.mp3")

            for result in recognizer.stream(microphone):
                print(result.text)

    It opens with its first use, in each process, and may be a global: all threads of a process
    share it, and its connections; after a fork, the child opens its own. It is closed by `with`, by
    `close`, or with the process. It may be used where an event loop is running, which it blocks.

    Args:
        name: The model; also `model=`.
        options: The options of `AsyncRecognizer`. Callables among them run in the event loop that
            all recognitions of the process share, so they must not block.

    Raises:
        InvalidOptionError: A value cannot work; the message names what is allowed.
    """

    def __init__(self, name: str | None = None, /, **options: Unpack[RecognizerOptions]) -> None:
        hide_key(options)
        self._given = options
        if name is not None:
            self._given["model"] = name
        self._recognizer = AsyncRecognizer(**self._given)
        self._made_in = os.getpid()
        self._process = 0  # in which it was used last
        self._opening = asyncio.Lock()  # and closing
        self._is_open = self._is_closed = False

    def __repr__(self) -> str:
        return f"<Recognizer {self.options!r}>"

    @property
    def options(self) -> Options:
        """The options of recognitions that do not override them."""
        return self._recognizer.options

    def statistics(self) -> Statistics:
        """Return the current numbers, and percentiles of latencies; see `AsyncRecognizer`."""

        async def count() -> Statistics:
            return (await self._opened()).statistics()

        return PORTAL.run(count())

    def warm(self, connections: int = 1) -> None:
        """
        Open connections in advance, so that the next recognitions start at once.

        Raises:
            InvalidOptionError: *connections* is no number of connections.
            UsageError: The recognizer is closed.
            ServiceError: A connection could not be opened.
        """

        async def warm() -> None:
            await (await self._opened()).warm(connections)

        PORTAL.run(warm())

    def stream(self, audio: Source | None = None, **overrides: Unpack[Overrides]) -> BlockingStream:
        """
        Recognize audio as it arrives. Nothing is sent before the stream is entered or iterated.

        Args:
            audio: Where the audio comes from: any iterable of bytes (read in a thread of its own),
                a binary file, the bytes themselves, or what else `AsyncRecognizer.stream` takes.
                `None` to call `send`.
            overrides: Options that differ for this recognition.

        Raises:
            UsageError: The recognizer is closed.
            InvalidOptionError: An option cannot work.
        """
        stream = self._open_stream(audio, overrides)
        options = self._recognizer._with(overrides)  # noqa: SLF001 - both classes are one client
        return BlockingStream(
            stream,
            options.encoding,
            owner=self,
            has_source=audio is not None,
            channels=channels_to_divide(audio, options),
        )

    def stream_many(
        self, sources: Mapping[str, Source] | Sequence[Source], **overrides: Unpack[Overrides]
    ) -> BlockingStream:
        """
        Recognize several sources at once; see `AsyncRecognizer.stream_many`.

        Args:
            sources: The sources by their labels, or without labels; each as for `stream`.
            overrides: Options that differ for these recognitions.

        Raises:
            UsageError: The recognizer is closed.
            InvalidOptionError: An option or a source cannot work.
        """
        hide_key(overrides)

        async def make() -> RecognitionStream:
            return (await self._opened()).stream_many(sources, **overrides)

        return BlockingStream(PORTAL.run(make()), None, owner=self, has_source=True)

    def _open_stream(
        self, audio: Source | None, overrides: Overrides, request_id: str | None = None
    ) -> RecognitionStream:
        """
        Return a stream of the async client, to be used in the loop of `PORTAL`; see `stream`.

        Args:
            audio: The source.
            overrides: Options that differ.
            request_id: Id of the first task; by default a new one.
        """

        async def make() -> RecognitionStream:
            recognizer = await self._opened()
            options = recognizer._with(overrides)  # noqa: SLF001 - both classes are one client
            return recognizer._open(audio, options, first_id=request_id)  # noqa: SLF001

        return PORTAL.run(make())

    def transcribe(
        self,
        audio: AnyAudio,
        *,
        on_result: Callable[[RecognitionResult], object] | None = None,
        **overrides: Unpack[Overrides],
    ) -> Transcript:
        """
        Recognize an audio or video file, or what else contains audio from start to end.

        Args:
            audio: The path of a file, bytes, an open file, and more; see
                `AsyncRecognizer.transcribe`.
            on_result: Called with each result, in this thread, to show progress.
            overrides: Options that differ for this recognition.

        Raises:
            OSError: The file cannot be opened (FileNotFoundError and others).
            AudioError: The file cannot be read as audio.
            MissingExtraError: The file needs an extra that is not installed.
            UsageError: The recognizer is closed.
            ParaformerError: The recognition failed.
        """
        hide_key(overrides)
        if on_result is not None:
            require_function("on_result", on_result, "a result")
        results: SimpleQueue[RecognitionResult | None] = SimpleQueue()

        async def transcribe() -> Transcript:
            put = results.put if on_result else None
            try:
                recognizer = await self._opened()
                return await recognizer.transcribe(audio, on_result=put, **overrides)
            finally:
                results.put(None)

        def call_on_results() -> None:
            for result in iter(results.get, None):
                if on_result is not None:
                    on_result(result)

        return PORTAL.run(transcribe(), call_on_results)

    def transcribe_many(
        self,
        paths: Paths,
        *,
        concurrency: int = 8,
        ordered: bool = False,
        on_progress: Callable[[BatchProgress], object] | None = None,
        on_result: Callable[[AnyPath, RecognitionResult], object] | None = None,
        checkpoint: AnyPath | None = None,
        skip_done: bool = False,
        **overrides: Unpack[Overrides],
    ) -> BlockingBatch:
        """
        Transcribe any number of files, several at a time; see `AsyncRecognizer.transcribe_many`.

        Args:
            paths: The files.
            concurrency: Files that are transcribed at once.
            ordered: Whether the outcomes are returned in the order of the paths.
            on_progress: Called when a file is done, in the thread of the event loop.
            on_result: Called with the path and each result of each file, in the same thread.
            checkpoint: A file of JSON lines, with which the same call continues where an earlier
                one was stopped or killed.
            skip_done: Whether to pass over the files that earlier runs have done, instead of
                returning their transcripts again.
            overrides: Options that differ for this batch.

        Returns:
            An iterator of `BatchOutcome`, which is a context manager, too.

        Raises:
            InvalidOptionError: An option cannot work, or *paths* is a single path.
            UsageError: The recognizer is closed.
        """
        hide_key(overrides)

        async def make() -> Batch:
            return (await self._opened()).transcribe_many(
                paths,
                concurrency=concurrency,
                ordered=ordered,
                on_progress=on_progress,
                on_result=on_result,
                checkpoint=checkpoint,
                skip_done=skip_done,
                **overrides,
            )

        return BlockingBatch(PORTAL.run(make()), self)

    def close(self) -> None:
        """End all recognitions and close all connections, in bounded time."""
        self._is_closed = True
        if self._process == os.getpid() and not sys.is_finalizing():
            PORTAL.run(self._close())

    def __enter__(self) -> Self:
        self._is_closed = False
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _require_open(self) -> None:
        if self._is_closed:
            raise UsageError("the recognizer is closed", hint="with Recognizer() as recognizer: …")

    async def _opened(self) -> AsyncRecognizer:
        """Return the recognizer of this process, open; in the loop."""
        if self._made_in != os.getpid():  # that of the parent belongs to another loop
            self._made_in = os.getpid()
            self._recognizer, self._opening = AsyncRecognizer(**self._given), asyncio.Lock()
            self._is_open = False
        self._process = os.getpid()  # before the check: `close` does both in the other order
        self._require_open()
        if not self._is_open:
            async with self._opening:
                self._require_open()
                if not self._is_open:
                    await self._recognizer.__aenter__()
                    self._is_open = True
        return self._recognizer

    async def _close(self) -> None:
        async with self._opening:
            if self._is_open:
                self._is_open = False
                await self._recognizer.__aexit__(None, None, None)
