"""Reports of one recognition to the log and to the user's observer."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from paraformer_async._client.failing import as_failure
from paraformer_async._core.recognition import Again, Recognition
from paraformer_async._core.task_log import TaskLog
from paraformer_async._core.verdict import RaisedByUser
from paraformer_async._net.contract import OutgoingFrame
from paraformer_async.errors import ParaformerError, ServiceError
from paraformer_async.observing import (
    Ended,
    EndpointSwitched,
    MessageReceived,
    MessageSent,
    Observation,
    Observer,
    RetryScheduled,
)
from paraformer_async.results import Latency
from paraformer_async.text import clean

if TYPE_CHECKING:
    from paraformer_async._net.redaction import Secrets

__all__ = ["Reporter"]


class Reporter:
    """
    Reports; raises what the observer raises.

    Args:
        observer: The user's observer, if any.
        with_messages: Whether raw messages are reported.
        clock: Seconds, monotonic.
        log: The log of the recognition, which has its id.

    Attributes:
        has_messages: Whether raw messages are reported.
        secrets: What they are reported without: that of the current connection.
    """

    def __init__(
        self,
        observer: Observer | None,
        *,
        with_messages: bool,
        clock: Callable[[], float],
        log: TaskLog,
    ) -> None:
        self.has_messages: bool = observer is not None and with_messages
        self.secrets: Secrets | None = None
        self._observe = observer
        self._clock = clock
        self._log = log
        self._has_retried = False
        self._began = clock()

    def emit(self, observation: Observation) -> None:
        """Report an observation."""
        try:
            self._call(observation)
        except ServiceError as error:
            raise RaisedByUser(error) from None

    def sent(self, frames: Sequence[OutgoingFrame], recognition: str) -> None:
        """Report frames that were written."""
        for frame in frames:
            message = frame if isinstance(frame, str) else bytes(frame)
            self.emit(MessageSent(recognition, message))

    def received(self, frame: str | bytes, recognition: str) -> None:
        """Report a frame that was received."""
        if self.secrets is not None:
            frame = self.secrets.hidden_in(frame)
        self.emit(MessageReceived(recognition, frame))

    def switched(
        self, previous: tuple[str, ServiceError | None], url: str, recognition: str
    ) -> None:
        """Report that an address has taken the place of another one."""
        old, new = urlsplit(previous[0]).netloc, urlsplit(url).netloc
        self._log.info("the endpoint is %s now, in place of %s", new, old)
        self.emit(EndpointSwitched(recognition, old, new, previous[1]))

    def retry(self, again: Again, replayed: float | None) -> None:
        """
        Report a failure that is followed by another attempt; the first one is a warning.

        Args:
            again: What follows.
            replayed: Seconds of audio that are sent again; `None` if that is not known.
        """
        failure = again.failure
        if failure is None:
            return
        self._log.log(
            logging.INFO if self._has_retried else logging.WARNING,
            "another attempt in %.2f s; %s will be sent and billed again; the reason: %s",
            again.after,
            "audio" if replayed is None else f"{replayed:.1f} s of audio",
            clean(str(failure)),
        )
        self._has_retried = True
        self.emit(
            RetryScheduled(self._log.recognition, failure, again.failures, again.after, replayed)
        )

    def end(
        self,
        machine: Recognition,
        ids: tuple[str, ...],
        latency: Latency,
        failure: BaseException | None,
    ) -> Ended:
        """
        Report the end of the recognition, and return the observation.

        An error of the observer goes to the log: nothing is left that it could end. Only what ends
        the program (`SystemExit`, `KeyboardInterrupt`) is raised, in the only thread that can.
        """
        seconds = self._clock() - self._began
        if failure is None:
            self._log.debug("done after %.2f s, with %d final results", seconds, machine.finals)
        else:
            known = isinstance(failure, ParaformerError)
            reason = clean(str(failure)) if known else type(failure).__name__
            self._log.info("ended after %.2f s: %s", seconds, reason)
        cost = machine.usage, machine.overhead
        ended = Ended(ids[0], ids, seconds, machine.finals, *cost, failure, latency)
        try:
            self._call(ended)
        except BaseException as error:
            ends_program = isinstance(error, SystemExit | KeyboardInterrupt)
            if ends_program and threading.current_thread() is threading.main_thread():
                raise
            self._log.exception("the observer failed at the end of a recognition")
        return ended

    def _call(self, observation: Observation) -> None:
        if self._observe is not None:
            try:
                self._observe(observation)
            except StopIteration as error:  # in a coroutine, it would become a RuntimeError
                raise as_failure(error, "the observer") from error
