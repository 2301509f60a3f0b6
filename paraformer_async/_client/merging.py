"""Put recognitions together: of the channels of one stream, or of several sources."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from msgspec.structs import replace

from paraformer_async._client.begin import Begin, Start
from paraformer_async._client.inbox import Inbox
from paraformer_async._client.merged import MergedRun
from paraformer_async._client.merged_inbox import Lane, MergedInbox
from paraformer_async._client.run import Run
from paraformer_async._client.seats import Seats
from paraformer_async.audio.dividing import make_divider
from paraformer_async.audio.fanout import Fanout
from paraformer_async.audio.source import Chunks, Source, chunks, taker
from paraformer_async.errors import InvalidOptionError
from paraformer_async.middleware import Command, Middleware, RunTask
from paraformer_async.options.checks import require_sequence, require_text
from paraformer_async.options.models import MODELS
from paraformer_async.options.options import Options

__all__ = ["MakeRun", "labeled_sources", "merge_channels", "merge_sources"]


class MakeRun(Protocol):
    """Makes one recognition."""

    def __call__(
        self,
        options: Options,
        source: Chunks | None,
        make_inbox: Callable[[Callable[[bool], object]], Inbox],
        *,
        seats: Seats,
    ) -> Run:
        """Make a recognition of *source*, or of what is sent, whose results go to the inbox."""
        ...


def merge_channels(
    make_run: MakeRun,
    make_seats: Callable[[int], Seats],
    audio: Source | None,
    options: Options,
    count: int,
) -> MergedRun:
    """
    Recognize the channels of one stream, or a mix of them.

    Args:
        make_run: Makes one recognition.
        make_seats: Makes places for so many of them, or raises.
        audio: The source; `None` if the user calls `send`.
        options: Options of the stream.
        count: Number of channels in it.
    """
    take = taker(options.encoding, count)
    divider = make_divider(options, count)
    seats = make_seats(len(divider.labels))
    fanout = None
    parts: tuple[Chunks | None, ...] = (None,) * len(divider.labels)
    if audio is not None:
        fanout = Fanout(chunks(audio, take), take, partial(make_divider, options, count))
        parts = fanout.parts
    mono = replace(
        options,
        channels="mix",
        input_channels=None,
        sample_rate=int(options.sample_rate),
        encoding=None if divider.is_mix else options.encoding,
    )
    if len(divider.labels) > 1 and options.heartbeat is None:
        mono = replace(mono, middleware=(*mono.middleware, _Patience))
    inbox = MergedInbox()
    runs = [
        make_run(mono, part, partial(Lane, merged=inbox, label=label), seats=seats)
        for label, part in zip(divider.labels, parts, strict=True)
    ]
    return MergedRun(
        runs,
        inbox,
        seats,
        read=fanout.run if fanout else None,
        take=take,
        divider=None if fanout else divider,
    )


class _Patience(Middleware):
    """Has the service wait for a channel that is silent while others speak: it is no failure."""

    hurries = False
    uses_context = False

    def outgoing(self, command: Command, now: float) -> Command:
        """Set `heartbeat` in run-task, unless it was set, or the model does not take it."""
        del now
        if isinstance(command, RunTask):
            model = MODELS.get(command.model)
            if model is not None and "heartbeat" in model.parameters:
                return replace(command, parameters={"heartbeat": True, **command.parameters})
        return command


def labeled_sources(sources: object, options: Options) -> dict[int | str, Source]:
    """
    Return several sources by their labels, or by their numbers if they have none.

    Raises:
        InvalidOptionError: They are not several sources, or each of them has several channels.
    """
    if options.channels != "mix" or options.input_channels not in (None, 1):
        raise InvalidOptionError(
            "channels",
            "each of several sources is one channel",
            hint='for one source of several channels, use stream(audio, channels="split")',
        )
    labeled: dict[int | str, Any] = {}
    if isinstance(sources, Mapping):
        for label, source in sources.items():
            require_text("sources", label)
            labeled[label] = source
    else:
        kind = "a dict of labels and sources, or a list of sources"
        labeled.update(enumerate(require_sequence("sources", sources, kind)))
    if not labeled:
        raise InvalidOptionError("sources", "there is none")
    return labeled


def merge_sources(
    make_run: MakeRun,
    make_seats: Callable[[int], Seats],
    sources: Mapping[int | str, Source],
    options: Options,
) -> MergedRun:
    """
    Recognize several sources, on one timeline.

    Args:
        make_run: Makes one recognition.
        make_seats: Makes places for so many of them, or raises.
        sources: The sources, by their labels; at least one.
        options: Options of each.
    """
    inbox, start, seats = MergedInbox(), Start(), make_seats(len(sources))
    runs = []
    is_one_here = False
    for label, source in sources.items():
        begin = Begin(start)
        audio = chunks(source, taker(options.encoding))
        if audio.rewound is None:
            audio = begin.noted(audio)
        else:
            is_one_here = True
        make_inbox = partial(Lane, merged=inbox, label=label, begin=begin)
        runs.append(make_run(options, audio, make_inbox, seats=seats))
    on_begin = start.elapsed if is_one_here else int
    return MergedRun(runs, inbox, seats, on_begin=on_begin)
