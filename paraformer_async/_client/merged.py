"""
Several recognitions as one: of the channels of one source, or of several sources.

    source ─Fanout─┬→ run 0 ─┬→ inbox        source 0 ─→ run 0 ─┬→ inbox
                   └→ run 1 ─┘               source 1 ─→ run 1 ─┘

All of them run in one task group. The first failure is that of the whole, and ends the others. A
channel without speech is no failure, whatever the service calls it, unless there is no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio

from paraformer_async._client.failing import as_failure, is_ours
from paraformer_async._client.merged_inbox import Lane, MergedInbox
from paraformer_async._client.run import Run
from paraformer_async._client.seats import Seats
from paraformer_async._client.sender import Sender
from paraformer_async._core.protocol import Phase
from paraformer_async._core.verdict import found_no_speech
from paraformer_async.audio.channels import Divider
from paraformer_async.audio.samples import immutable
from paraformer_async.errors import AudioError, UsageError
from paraformer_async.options.options import Overrides
from paraformer_async.results import Latency, Overhead, Usage

__all__ = ["MergedRun", "MergedSender"]

# Which of the latencies of several channels is that of the whole.
_PICKS: Mapping[str, Callable[..., float | None]] = {
    "first_packet": min,
    "first_partial": min,
    "first_final": min,
    "last_packet": max,
    "utterance": max,
    "connect": max,
    "started": max,
    "real_time_factor": max,
}


class MergedRun:
    """
    Several recognitions from their first byte to their last result; see `Run`.

    Args:
        runs: The recognitions, at least one.
        inbox: Where their results are read.
        seats: Their places in the pool.
        read: Reads the source whose parts are theirs; `None` if each has its own.
        take: Returns a chunk of the user as bytes, or raises.
        divider: Divides what the user sends; `None` if there are sources.
        on_begin: Called when they begin.

    Attributes:
        inbox: Unread results.
        has_source: Whether the audio comes from a source, not from `send`.
        close_timeout: Time limit of closing, in seconds.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        inbox: MergedInbox,
        seats: Seats,
        *,
        read: Callable[[], Awaitable[None]] | None = None,
        take: Callable[[object], bytes] = immutable,
        divider: Divider | None = None,
        on_begin: Callable[[], object] = int,
    ) -> None:
        self.inbox: MergedInbox = inbox
        self.has_source: bool = divider is None
        self.close_timeout: float = max(run.close_timeout for run in runs)
        self._runs = runs
        self._seats = seats
        self._read_source = read
        self._on_begin = on_begin
        self._sender: MergedSender | None = None
        if divider is not None:
            self._sender = MergedSender([run.sender for run in runs], take, divider, self.end)
        self._failure: BaseException | None = None
        self._tasks = anyio.create_task_group()
        self._is_over = asyncio.Event()

    @property
    def sender(self) -> "MergedSender":
        """What takes the user's audio. Raises `UsageError` if that comes from a source."""
        if self._sender is None:
            raise UsageError("this stream has a source; its audio comes from there")
        return self._sender

    @property
    def is_ended(self) -> bool:
        """Whether no further results follow; unread ones can still be read."""
        return self.inbox.is_ended

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Ids of all tasks, channel by channel; never empty."""
        return tuple(one for run in self._runs for one in run.request_ids)

    @property
    def usage(self) -> Usage | None:
        """What the service bills for all channels; `None` until it has reported any usage."""
        known = [run.usage for run in self._runs if run.usage is not None]
        if not known:
            return None
        names = Usage.__struct_fields__
        return Usage(**{name: sum(getattr(one, name) for one in known) for name in names})

    @property
    def overhead(self) -> Overhead:
        """Audio that was sent in addition to the user's own, on all channels."""
        each = [run.overhead for run in self._runs]
        return Overhead(sum(one.replayed for one in each), sum(one.injected for one in each))

    @property
    def latency(self) -> Latency:
        """The first first result, the last last packet, the slowest else, and all utterances."""
        each = [run.latency for run in self._runs]
        utterances = tuple(seconds for one in each for seconds in one.utterances)
        return Latency(
            utterances=utterances,
            **{name: pick(_known(each, name), default=None) for name, pick in _PICKS.items()},
        )

    @property
    def failure(self) -> BaseException | None:
        """Why the recognition ended early: the failure of the first channel that failed."""
        if self._failure is None:
            failures = map(_failure_of, self._runs)
            self._failure = next((one for one in failures if one is not None), None)
        return self._failure

    async def run(self) -> None:
        """Recognize. Raise nothing but cancellation; `failure` is set to any other error."""
        try:
            async with self._tasks as tasks:
                self._on_begin()
                if self._read_source is not None:
                    tasks.start_soon(self._read, self._read_source)
                async with anyio.create_task_group() as recognitions:
                    for run in self._runs:
                        recognitions.start_soon(self._run_one, run)
                if all(found_no_speech(run.failure) for run in self._runs):
                    self._failure = self._runs[0].failure
                tasks.cancel_scope.cancel()
        finally:
            self.end(UsageError("the recognizer was closed while this recognition was running"))
            self._seats.leave_all()
            self.inbox.end()
            self._is_over.set()

    async def wait(self) -> None:
        """Wait until all tasks of all recognitions have ended. It must have been started."""
        await self._is_over.wait()

    def end(self, reason: BaseException) -> None:
        """End all recognitions with *reason* as the failure, unless they are done or have one."""
        if all(
            run.machine.phase is Phase.DONE or found_no_speech(run.failure) for run in self._runs
        ):
            return
        failed = self.failure
        if failed is None:
            self._failure = reason
        else:
            reason = UsageError("another channel of this recognition has failed")
            reason.__cause__ = failed
        for run in self._runs:
            run.end(reason)
        self._tasks.cancel_scope.cancel()

    async def _run_one(self, run: Run) -> None:
        await run.run()
        if (failure := self.failure) is not None:
            self.end(failure)

    async def _read(self, read: Callable[[], Awaitable[None]]) -> None:
        """Read the user's source; a failure of it is that of the recognition."""
        try:
            await read()
        except BaseException as error:
            if is_ours(error):
                raise
            self.end(as_failure(error, "the audio source"))


def _failure_of(run: Run) -> BaseException | None:
    """Return the failure of one recognition, with a note of its channel."""
    failure = None if found_no_speech(run.failure) else run.failure
    if failure is not None and isinstance(run.inbox, Lane) and run.inbox.label is not None:
        failure.add_note(f"in channel {run.inbox.label}")
    return failure


class MergedSender:
    """
    Sends the audio of one stream to the recognitions of its channels; see `Sender`.

    Each call is for all of them, or none.

    Args:
        senders: Those of the recognitions.
        take: Returns a chunk of the user as bytes, or raises.
        divider: Divides the chunks.
        fail: Ends the recognition.
    """

    def __init__(
        self,
        senders: Sequence[Sender],
        take: Callable[[object], bytes],
        divider: Divider,
        fail: Callable[[BaseException], None],
    ) -> None:
        self.take: Callable[[object], bytes] = take
        self._senders = senders
        self._divider = divider
        self._fail = fail
        self._turn = asyncio.Lock()  # in the order of the calls

    async def send(self, chunk: bytes) -> None:
        """Accept audio; wait while one of the recognitions is full. See `Sender.send`."""
        async with self._turn:
            for sender in self._senders:
                await sender.wait_for_room()
            try:
                parts = self._divider.feed(chunk)
            except AudioError as error:
                self._fail(error)
                raise
            for sender, part in zip(self._senders, parts, strict=True):
                if part and sender in self._open:
                    sender.accept(part)

    async def finish(self) -> None:
        """Mark the end of the audio, after all waiting calls of `send`."""
        async with self._turn:
            self._divider.end()
            for sender in self._open:
                await sender.finish()

    async def flush_task(self) -> None:
        """End the tasks here; the next ones continue with the same options."""
        async with self._turn:
            for sender in self._open:
                await sender.flush_task()

    async def update(self, overrides: Overrides) -> None:
        """Continue with *overrides* of the latest options; see `Sender.update`."""
        async with self._turn:
            for sender in self._open:
                await sender.update(overrides)

    @property
    def _open(self) -> Sequence[Sender]:
        """Those that take audio: not those of channels that ended without speech, if others do."""
        return [sender for sender in self._senders if sender.is_open] or self._senders


def _known(each: Sequence[Latency], name: str) -> list[float]:
    return [value for one in each if (value := getattr(one, name)) is not None]
