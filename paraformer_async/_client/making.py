"""Make recognitions from their options: middleware, decoding, and what becomes of the channels."""

import logging
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from paraformer_async._client.hub import Hub
from paraformer_async._client.inbox import Inbox
from paraformer_async._client.merged import MergedRun
from paraformer_async._client.merging import labeled_sources, merge_channels, merge_sources
from paraformer_async._client.run import Run
from paraformer_async._client.seats import Seats
from paraformer_async.audio.decoded import Decoding, missing_extra
from paraformer_async.audio.dividing import channels_to_divide
from paraformer_async.audio.source import Chunks, Source, chunks, taker
from paraformer_async.errors import InvalidOptionError, MissingExtraError
from paraformer_async.middleware import Heartbeat, LatencyMeter, Middleware, Stack
from paraformer_async.options.options import Options
from paraformer_async.options.service import UNCOMPRESSED

__all__ = ["RunMaker"]

_log = logging.getLogger("paraformer_async")


class RunMaker:
    """
    Makes the recognitions of a recognizer.

    Args:
        hub: What they share.
        connections: How many of them can run at once.
    """

    def __init__(self, hub: Hub, connections: int) -> None:
        self._hub = hub
        self._connections = connections

    def of_source(
        self, audio: Source | None, options: Options, *, first_id: str | None = None
    ) -> Run | MergedRun:
        """
        Make the recognition of one source, or of each of its channels.

        Args:
            audio: The source; `None` if the user calls `send`.
            options: Its options.
            first_id: Id of the first task; by default a new one.

        Raises:
            InvalidOptionError: An option or the source cannot work.
            MissingExtraError: It has to be decoded, and cannot be.
        """
        count = channels_to_divide(audio, options)
        if count is not None:
            return merge_channels(self._run, self._seats, audio, options, count)
        joins = options.format in UNCOMPRESSED
        source = None if audio is None else chunks(audio, taker(options.encoding), joins=joins)
        return self._run(options, source, first_id=first_id)

    def of_sources(
        self, sources: Mapping[str, Source] | Sequence[Source], options: Options
    ) -> MergedRun:
        """
        Make the recognitions of several sources.

        Raises:
            InvalidOptionError: An option or a source cannot work.
        """
        labeled = labeled_sources(sources, options)
        return merge_sources(self._run, self._seats, labeled, options)

    def _seats(self, count: int) -> Seats:
        if count > self._connections:
            raise InvalidOptionError(
                "channels",
                f"{count} recognitions at once need as many connections, and pool= allows "
                f"{self._connections}",
            )
        return Seats(self._hub.pool, count)

    def _run(
        self,
        options: Options,
        source: Chunks | None,
        make_inbox: Callable[[Callable[[bool], object]], Inbox] = Inbox,
        *,
        first_id: str | None = None,
        seats: Seats | None = None,
    ) -> Run:
        given = [_made(factory) for factory in options.middleware]
        if any(isinstance(one, Heartbeat) for one in given):
            # It sets the parameter by itself.
            further = {name: one for name, one in options.parameters.items() if name != "heartbeat"}
            options = replace(options, heartbeat=True, parameters=further)
        elif options.heartbeat:
            given.append(Heartbeat())
        meter = LatencyMeter()
        decoding = _decoding(options)
        if decoding is not None:
            options = replace(options, format="pcm")
        return self._hub.make_run(
            options,
            Stack([*given, meter]),
            source,
            first_id=first_id,
            decoding=decoding,
            make_inbox=make_inbox,
            meter=meter,
            seats=seats,
        )


def _decoding(options: Options) -> Decoding | None:
    """Return how a compressed stream is decoded on the way in; `None` if it is not."""
    if not options.is_decoded:
        return None
    extra = missing_extra(options.format)
    if not extra:
        return Decoding(options.format, options.sample_rate)
    if options.heartbeat or options.pace:
        name = "heartbeat" if options.heartbeat else "pace"
        raise MissingExtraError(f"{name}= in a stream of {options.format}", extra)
    _log.info(
        "the stream of %s is sent as with passthrough=True: decoding it needs the extra %s",
        options.format,
        extra,
    )
    return None


def _made(factory: Callable[[], Middleware]) -> Middleware:
    middleware = factory()
    if not isinstance(middleware, Middleware):
        raise InvalidOptionError(
            "middleware", f"{factory!r} returns no Middleware of paraformer_async.middleware"
        )
    return middleware
