"""`AsyncRecognizer`, the client of the service."""

from __future__ import annotations  # `help()` shows the names of types

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self, Unpack

from msgspec.structs import replace

from paraformer_async._client.entering import Enterable
from paraformer_async._client.hub import Hub, not_open
from paraformer_async._client.making import RunMaker
from paraformer_async._client.quota import require_quota
from paraformer_async._core.framing import FRAME_MS
from paraformer_async._net.choose import TransportOption, factory_of, require_transport
from paraformer_async._net.redaction import Hidden, hide_key
from paraformer_async.audio.files import open_audio
from paraformer_async.audio.given import AnyAudio, Declared, declared
from paraformer_async.audio.source import Source
from paraformer_async.batch.checkpoint import Checkpoint
from paraformer_async.batch.outcomes import BatchProgress
from paraformer_async.batch.paths import AnyPath, Paths
from paraformer_async.batch.records import options_that_matter
from paraformer_async.batch.running import Batch
from paraformer_async.errors import InvalidOptionError
from paraformer_async.finals import FinalSentences, FinalTranslations
from paraformer_async.middleware import Middleware
from paraformer_async.observing import Observer, Statistics
from paraformer_async.options.checks import require_count, require_function, require_kind, snapshot
from paraformer_async.options.models import MODELS
from paraformer_async.options.options import (
    ABOUT_SAMPLES,
    RATE_OF_MODEL,
    ApiKey,
    Channels,
    Options,
    Overrides,
    is_of_model,
)
from paraformer_async.options.policies import PoolLimits, Reconnect, Rollover, Timeouts
from paraformer_async.quota import Quota
from paraformer_async.results import RecognitionResult
from paraformer_async.stream import RecognitionStream
from paraformer_async.transcript import Transcript

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp import BaseConnector

__all__ = ["AsyncRecognizer"]


class AsyncRecognizer(Enterable):
    """
    A client of the Paraformer real-time service. Runs any number of recognitions at once.

        async with AsyncRecognizer() as recognizer:
            transcript = await recognizer.transcribe("meeting.mp3")

            async for result in recognizer.stream(microphone()):
                print(result.text)

    Leaving the `async with` ends every recognition that is still running, and closes all
    connections, in bounded time. Options that cannot work are refused on creation. Parameters that
    are not given are not sent, so that the service's defaults apply.

    Args:
        model: The model. The parameters of an unknown one are passed on; only types are checked.
        format: Format of streamed audio: pcm (s16le mono), wav, mp3, opus, speex, aac or amr.
        sample_rate: Rate of streamed audio in Hz; by default that of the model, or 16000. Files
            are sent at their own rate.
        vocabulary_id: Id of a list of hot words, of v2 and later models.
        phrase_id: Id of a list of hot words, of v1 models.
        disfluency_removal_enabled: Drop filler words. Default: False.
        language_hints: Languages that may be spoken; detected if not given.
        semantic_punctuation_enabled: End sentences by meaning, not at pauses. Default: False.
        max_sentence_silence: The pause in ms that ends a sentence, 200 to 6000. Default: 800.
        multi_threshold_mode_enabled: Keep sentences that end at pauses from growing long.
            Default: False.
        punctuation_prediction_enabled: Add punctuation. Default: True.
        heartbeat: Keep the stream alive while its source is quiet, by sending silence that also
            ends the last sentence. Default: False.
        inverse_text_normalization_enabled: Write numbers in digits. Default: True.
        vocabulary: Hot words with their weights, 1 to 5, or 50.
        speech_noise_threshold: From -1.0 to 1.0; toward 1.0, more of the audio is taken for noise.
        special_word_filter: Words to replace with symbols, or to leave out.
        vad_model: The VAD: far_field_meeting_16k or near_meeting_16k.
            Default: far_field_meeting_16k.
        keep_dialect: Write dialect as it is spoken, not as Mandarin. Default: False.
        intermediate_result_enabled: Send partial results, too. Default: False.
        context: The conversation so far: text with the terms to expect, or messages with role
            (user, assistant) and content.
        parameters: Further parameters for the service, passed on unchecked.
        input: Further content of `payload.input`, passed on unchecked.
        api_key: The key, or a callable (sync or async) that returns it for each attempt. A
            connection is reused only for the key that opened it.
            Default: the environment variable DASHSCOPE_API_KEY, or the file that
            DASHSCOPE_API_KEY_FILE_PATH names, or `~/.dashscope/api_key`.
        endpoint: Address of the service, ws:// or wss://. Default: that of *region*; then the
            environment variable DASHSCOPE_WEBSOCKET_BASE_URL; then that of *workspace*; then the
            gateway that all workspaces share.
        endpoints: Further addresses, in order of preference, for the same key. If one cannot be
            connected to, or two tasks in a row fail at it for no fault of the request, the next one
            is used, by all recognitions; after 30 s, one connection tries it again.
        region: Region of the service, `cn-beijing` or `ap-southeast-1`. Default: the environment
            variable DASHSCOPE_REGION or DASHSCOPE_API_REGION, or Beijing.
        workspace: Id of the workspace to use; without *endpoint*, its own domain is connected to.
            Default: the environment variable DASHSCOPE_WORKSPACE or DASHSCOPE_WORKSPACE_ID, if
            there is no *endpoint*.
        headers: Further headers of the handshake.
        proxy: Address of an HTTP proxy. Default: from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
        ssl: TLS settings. Default: certificates are verified with those of the system.
        connector: Returns aiohttp's connector, for another resolver, address family or local
            address: `lambda: aiohttp.TCPConnector(limit=0, family=socket.AF_INET)`.
        transport: Opens connections: `"aiohttp"`, `"picows"` (extra `fast`), or a callable that
            returns a `TransportFactory` of your own; see `paraformer_async.transports`.
        pool: Limits of connections and of the submission of tasks.
        quota: Grants the submission of tasks, for processes that share the quota of an account; see
            `paraformer_async.quota`. Default: those of this process are counted.
        encoding: Encoding of streamed PCM: `"mulaw"` or `"alaw"` for the frames of telephony
            (G.711; by default at 8000 Hz), which are converted; `None` for s16le.
        passthrough: Send compressed audio (mp3, opus, speex, aac, amr; streams and files) by its
            own packets: less traffic. A task that takes over begins at a packet. Otherwise, such
            streams are decoded on the way in, so that they can be resumed, to *sample_rate*; and
            sent byte by byte as they are if *reconnect* is `None`.
        channels: What becomes of the channels of a file, or of a stream with *input_channels*:
            `"mix"` them to mono, `"split"` them into one recognition each, whose results are
            merged and carry their `channel_id`, or recognize one alone, by its number from 0.
        input_channels: Number of interleaved channels of streamed PCM, WAV or *encoding*.
            Default: 1, or those of an array of shape [samples, channels].
        resample_from: Rate in Hz of streamed PCM that is converted to `sample_rate`, for models
            that do not take it (extra `av`). Files are converted without this.
        pace: Send sources and files at this multiple of real time (1.0, like a microphone), from a
            schedule without drift; `None` for as fast as the service takes them. What is slower is
            not delayed, and `send` is not.
        middleware: Factories of middleware, outermost first; the built-in ones are innermost. If
            one handles outgoing audio, no source is read again after a lost connection.
        reconnect: How lost connections are replaced; `None` to fail at once.
        rollover: When a stream continues in a fresh task, for streams of hours; `None` for never.
            It needs *reconnect*.
        timeouts: Time limits of all waits.
        buffer: Seconds of unsent audio beyond which `send` and sources wait.
        frame_ms: Length of the frames in which streamed PCM is sent, 20 to 200 ms. Shorter frames
            cost CPU and save delay. Audio that does not fill a frame is sent after that time.
        observe: Called with each event of `paraformer_async.observing`: connections, waits,
            attempts, retries, ends. It must not block.
        observe_messages: Whether raw messages are among the events.

    Raises:
        InvalidOptionError: A value cannot work; the message names what is allowed.
    """

    def __init__(
        self,
        model: str = "paraformer-realtime-v2",
        *,
        # Task
        format: str = "pcm",
        sample_rate: int | None = None,
        vocabulary_id: str | None = None,
        phrase_id: str | None = None,
        disfluency_removal_enabled: bool | None = None,
        language_hints: Sequence[str] | None = None,
        semantic_punctuation_enabled: bool | None = None,
        max_sentence_silence: int | None = None,
        multi_threshold_mode_enabled: bool | None = None,
        punctuation_prediction_enabled: bool | None = None,
        heartbeat: bool | None = None,
        inverse_text_normalization_enabled: bool | None = None,
        vocabulary: Mapping[str, int] | None = None,
        speech_noise_threshold: float | None = None,
        special_word_filter: Mapping[str, Any] | str | None = None,
        vad_model: str | None = None,
        keep_dialect: bool | None = None,
        intermediate_result_enabled: bool | None = None,
        context: str | Sequence[Mapping[str, str]] | None = None,
        parameters: Mapping[str, Any] = {},
        input: Mapping[str, Any] = {},
        # Connection
        api_key: ApiKey | None = None,
        endpoint: str | None = None,
        endpoints: Sequence[str] = (),
        region: str | None = None,
        workspace: str | None = None,
        headers: Mapping[str, str] = {},
        proxy: str | None = None,
        ssl: SSLContext | None = None,
        connector: Callable[[], BaseConnector] | None = None,
        transport: TransportOption = "aiohttp",
        pool: PoolLimits = PoolLimits(),
        quota: Quota | None = None,
        # Behavior
        encoding: str | None = None,
        passthrough: bool = False,
        channels: Channels = "mix",
        input_channels: int | None = None,
        resample_from: int | None = None,
        pace: float | None = None,
        middleware: Sequence[Callable[[], Middleware]] = (),
        reconnect: Reconnect | None = Reconnect(),
        rollover: Rollover | None = None,
        timeouts: Timeouts = Timeouts(),
        buffer: float = 5.0,
        frame_ms: int = FRAME_MS,
        observe: Observer | None = None,
        observe_messages: bool = False,
    ) -> None:
        if isinstance(api_key, str):
            api_key = Hidden(api_key)
        self._options = Options(
            model=model,
            format=format,
            sample_rate=RATE_OF_MODEL if sample_rate is None else sample_rate,
            vocabulary_id=vocabulary_id,
            phrase_id=phrase_id,
            disfluency_removal_enabled=disfluency_removal_enabled,
            language_hints=language_hints,
            semantic_punctuation_enabled=semantic_punctuation_enabled,
            max_sentence_silence=max_sentence_silence,
            multi_threshold_mode_enabled=multi_threshold_mode_enabled,
            punctuation_prediction_enabled=punctuation_prediction_enabled,
            heartbeat=heartbeat,
            inverse_text_normalization_enabled=inverse_text_normalization_enabled,
            vocabulary=vocabulary,
            speech_noise_threshold=speech_noise_threshold,
            special_word_filter=special_word_filter,
            vad_model=vad_model,
            keep_dialect=keep_dialect,
            intermediate_result_enabled=intermediate_result_enabled,
            context=context,
            parameters=parameters,
            input=input,
            api_key=api_key,
            endpoint=endpoint,
            endpoints=endpoints,
            region=region,
            workspace=workspace,
            headers=headers,
            proxy=proxy,
            ssl=ssl,
            encoding=encoding,
            passthrough=passthrough,
            channels=channels,
            input_channels=input_channels,
            resample_from=resample_from,
            pace=pace,
            middleware=middleware,
            reconnect=reconnect,
            rollover=rollover,
            timeouts=timeouts,
            buffer=buffer,
            frame_ms=frame_ms,
            observe=observe,
            observe_messages=observe_messages,
        )
        require_kind("pool", pool, PoolLimits, "PoolLimits(…)")
        self._limits = pool
        if quota is not None:
            require_quota(quota)
        self._quota = quota
        require_transport(transport, connector)
        self._make_factory = partial(factory_of, transport, connector)
        self._client: Hub | None = None

    def __repr__(self) -> str:
        return f"<AsyncRecognizer {'open' if self._client else 'closed'} {self._options!r}>"

    @property
    def options(self) -> Options:
        """The options of recognitions that do not override them."""
        return self._options

    async def open(self) -> Self:
        """
        Open the recognizer where `async with` cannot be used, and return it; see `aclose`.

            recognizer = await AsyncRecognizer().open()  # when a service starts
            await recognizer.aclose()  # when it stops, in whatever task

        Cancellation is safe: nothing is left running.

        Raises:
            UsageError: It is open already, or no asyncio event loop is running.
        """
        self._claim()
        try:
            await self._start()
        except BaseException:
            self._loop = None
            raise
        return self

    async def aclose(self) -> None:
        """
        End every recognition that is still running, and close all connections, in bounded time.

        That is what leaving the `async with` does; in it, `aclose` ends it early. May be called
        twice. Afterwards, the recognizer may be opened again. Cancellation does not interrupt it.

        Raises:
            UsageError: This is another event loop.
        """
        self._require_own_loop()
        try:
            await self._stop()
        finally:
            self._loop = None

    def statistics(self) -> Statistics:
        """
        Return how many recognitions, connections and waits there are, and percentiles of latencies.

        Raises:
            UsageError: The recognizer is not open.
        """
        return self._opened().statistics()

    async def warm(self, connections: int = 1) -> None:
        """
        Open connections in advance, so that the next recognitions start at once.

        Cancellation is safe: no connection is left half open.

        Raises:
            InvalidOptionError: *connections* is no number of connections.
            UsageError: The recognizer is not open, or was closed meanwhile.
            ServiceError: A connection could not be opened.
        """
        require_count("connections", connections)
        client = self._opened()
        client.require_open()
        await client.pool.warm(self._options, connections)

    def stream(
        self, audio: Source | None = None, **overrides: Unpack[Overrides]
    ) -> RecognitionStream:
        """
        Recognize audio as it arrives. Nothing is sent before the stream is entered or iterated.

        Args:
            audio: Where the audio comes from: an async iterable of bytes, an async reader such as
                the `stdout` of an asyncio process, any iterable of bytes (read in a thread, a
                little ahead), a binary file, or the bytes themselves. In place of bytes: arrays of
                int16 or of floats in [-1, 1], mono, or of shape [samples, channels]. Bytes of
                several interleaved channels need `input_channels=`. `None` to call `send`. After a
                lost connection, files on disk and audio in memory are read again as far as
                necessary; of any other source, `Reconnect.keep` seconds are kept.
            overrides: Options that differ for this recognition.

        Raises:
            InvalidOptionError: An option or the source cannot work.
            MissingExtraError: A compressed stream with `heartbeat` has to be decoded, and the extra
                `av` is not installed.
            UsageError: The recognizer is not open.
        """
        return self._open(audio, self._with(overrides))

    def stream_many(
        self,
        sources: Mapping[str, Source] | Sequence[Source],
        **overrides: Unpack[Overrides],
    ) -> RecognitionStream:
        """
        Recognize several sources at once, such as the two parties of a call.

            sources = {"agent": agent, "customer": customer}
            async for result in recognizer.stream_many(sources):
                print(result.channel_id, result.text)

        Each source is a recognition of its own; their results are merged in the order of arrival.
        `channel_id` of a result and its sentence is the label of the source, or its number.

        All times are on one timeline, that begins when the first source does. Audio in memory and
        files on disk begin with the stream; any other source begins when its first audio arrives,
        so that what was said at the same time has the same time.

        The first failure is raised, after all recognitions have ended. All other properties are as
        for `stream` with `channels="split"`.

        Args:
            sources: The sources by their labels, or without labels; each as for `stream`.
            overrides: Options that differ for these recognitions.

        Raises:
            InvalidOptionError: An option or a source cannot work.
            UsageError: The recognizer is not open.
        """
        client = self._opened()
        client.require_open()
        return RecognitionStream(self._maker.of_sources(sources, self._with(overrides)), client)

    async def transcribe(
        self,
        audio: AnyAudio,
        *,
        on_result: Callable[[RecognitionResult], object] | None = None,
        **overrides: Unpack[Overrides],
    ) -> Transcript:
        """
        Recognize an audio or video file, or whatever else contains audio from start to end.

        Reads wav, flac, ogg (Vorbis, Opus), mp3, aiff and caf; with the extra `av` also m4a, mp4,
        webm, mkv, aac, amr, speex, wma, and more. The content decides, not the name. Channels are
        mixed to mono, unless `channels=` says otherwise. Audio is sent at the rate of the file, or
        at the only one that the model accepts; with `passthrough=True`, compressed audio that the
        service can read is not decoded. A file that was cut off is recognized as far as it goes;
        `Transcript.remarks` says how much is missing.

            await recognizer.transcribe("call.wav", channels="split")
            await recognizer.transcribe(upload)  # FastAPI's UploadFile
            await recognizer.transcribe(samples, sample_rate=44100)  # an array of numpy
            await recognizer.transcribe("call.raw", format="pcm", sample_rate=8000)

        After a lost connection, audio is read again as far as necessary. Cancellation ends the
        recognition and closes what was opened here.

        Args:
            audio: The path of a file or named pipe, `-` for standard input, or what `stream` takes:
                bytes, an open file (from its position on), an async reader, an (async) iterable of
                bytes; arrays of int16 or of floats in [-1, 1], mono or [samples, channels]. What
                can be read only once is copied first, to its end: to memory, or from 1 MiB on to a
                temporary file. Audio that is recognized as it arrives goes to `stream`.
            on_result: Called with each result, including partial ones, as it is received, to show
                progress.
            overrides: Options that differ for this recognition. `format="pcm"` with `sample_rate`
                declares s16le mono samples without a header, and `encoding` codes of G.711.
                Arrays need `sample_rate`, here or of the recognizer.

        Raises:
            InvalidOptionError: An option cannot work, *audio* contains no bytes and no samples, or
                the rate of samples is not known.
            OSError: The file cannot be opened (FileNotFoundError and others).
            AudioError: The file cannot be read as audio.
            MissingExtraError: The file needs the extra `av`: its format, or to convert its rate.
            ParaformerError: The recognition failed.
        """
        self._opened().require_open()
        options, given = self._of_file(overrides)
        if on_result is not None:
            require_function("on_result", on_result, "a result")
        model = MODELS.get(options.model)
        rate = model.sample_rate if model else None
        is_mixed = options.channels == "mix"
        async with open_audio(
            audio,
            sample_rate=rate,
            declared=given,
            passthrough=options.passthrough and is_mixed,
            is_mixed=is_mixed,
        ) as file:
            options = options.adapted(
                format=file.sent_format,
                sample_rate=file.sent_rate,
                encoding=None,
                input_channels=None if is_mixed else file.lanes,
                resample_from=None,
            )
            stream = self._open(file, options)
            finals = FinalSentences()
            translations = FinalTranslations()
            async with stream:
                async for result in stream:
                    if on_result is not None:
                        on_result(result)
                    translations.add(result)
                    if result.translations and not result.text:
                        continue  # translations alone: the sentence has only their times
                    finals.add(result)
        return Transcript(
            finals.with_unsettled(),
            file.duration,
            stream.latency,
            stream.request_id,
            stream.usage,
            stream.overhead,
            translations.in_order,
            stream.request_ids,
            file.remarks,
        )

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
    ) -> Batch:
        """
        Transcribe any number of files, several at a time. One that fails does not stop the others.

            async for outcome in recognizer.transcribe_many(paths, concurrency=20):
                print(outcome.path, outcome.transcript or outcome.error)

        Each file is transcribed as by `transcribe`; its error is in its outcome. Connections and
        quota are those of the recognizer, which may be in use for others meanwhile. If the iterable
        of the paths or *on_progress* raises, no further file is begun, the ones that were begun are
        returned, and then the exception is raised.

        Nothing is begun before the batch is entered or iterated. Leaving the loop or the `async
        with` early ends it in bounded time, and so does cancellation.

        Args:
            paths: The files: an iterable of paths, async or not. An iterator that blocks, such as
                `Path.rglob`, is read in a thread, a little ahead.
            concurrency: Files that are transcribed at once, up to `PoolLimits.connections`.
            ordered: Whether the outcomes are returned in the order of the paths, not as files are
                done.
            on_progress: Called when a file is done.
            on_result: Called with the path and each result, including partial ones, of each file.
            checkpoint: A file of JSON lines, to which the transcript of each file is added when it
                is done; created if there is none. The same call with it continues where an earlier
                one was stopped or killed: what is done is returned from there, and files that have
                failed are tried again. A file is known by its path, size and time of change.
            skip_done: Whether to pass over the files that earlier runs have done, instead of
                returning their transcripts again.
            overrides: Options that differ for this batch.

        Returns:
            An async iterator of `BatchOutcome`, which is an async context manager, too. It raises
            `BatchStoppedError` if no connection can be made for three consecutive files.

        Raises:
            InvalidOptionError: An option cannot work, or *paths* is a single path. Raised by the
                iteration: the checkpoint is another kind of file, or was made with other options.
            UsageError: The recognizer is not open. Raised by the iteration: another batch, perhaps
                of another process, uses the checkpoint.
        """
        client = self._opened()
        client.require_open()
        options, _ = self._of_file(overrides)
        matter = options_that_matter(options, overrides)
        return Batch(
            paths,
            partial(self.transcribe, **snapshot(overrides)),
            client,
            concurrency=concurrency,
            limit=self._limits.connections,
            ordered=ordered,
            on_progress=on_progress,
            on_result=on_result,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint, matter),
            skip_done=skip_done,
            close_timeout=options.timeouts.close,
        )

    # The same as that of the mixin, which declares it as final. Only jedi needs it: it completes
    # `async with … as` by a class that is named here, and does not know `Self`.
    async def __aenter__(self) -> AsyncRecognizer:  # type: ignore[misc]  # noqa: PYI034
        return await super().__aenter__()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        await self._start()
        try:
            yield self
        finally:
            await self._stop()

    async def _start(self) -> None:
        client = Hub(self._limits, self._make_factory, self._quota)
        await client.start()
        self._client = client

    async def _stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _with(self, overrides: Overrides) -> Options:
        if not overrides:
            return self._options
        hide_key(overrides)
        unknown = overrides.keys() - set(Options.__struct_fields__)
        if unknown:
            name = min(unknown)
            raise InvalidOptionError(
                name, "there is no such option", hint="parameters={…} passes on further ones"
            )
        return replace(self._options, **overrides)

    def _of_file(self, overrides: Overrides) -> tuple[Options, Declared]:
        """Return the options of a file, and what is declared about samples without a header."""
        hide_key(overrides)
        if overrides.get("resample_from") is not None:
            raise InvalidOptionError(
                "resample_from",
                "is for streams: files are converted without it",
                hint="for samples without a header, sample_rate is their own rate",
            )
        default = self._options.sample_rate
        given = declared(
            overrides.get("format"),
            overrides.get("sample_rate"),
            overrides.get("encoding"),
            array_rate=self._options.resample_from or (None if is_of_model(default) else default),
            channels=overrides.get("input_channels"),
        )
        others: Any = {name: one for name, one in overrides.items() if name not in ABOUT_SAMPLES}
        return self._with(others), given

    def _open(
        self, audio: Source | None, options: Options, *, first_id: str | None = None
    ) -> RecognitionStream:
        run = self._maker.of_source(audio, options, first_id=first_id)
        return RecognitionStream(run, self._opened())

    @property
    def _maker(self) -> RunMaker:
        return RunMaker(self._opened(), self._limits.connections)

    def _opened(self) -> Hub:
        if self._client is None:
            raise not_open()
        return self._client
