"""A task of the scripted service: its script, and what goes wrong with it."""

from collections.abc import Iterable

from paraformer_async.results import Sentence
from paraformer_async.testing.faults import Fault, Moment, TimedFault
from paraformer_async.testing.records import ReceivedTask
from paraformer_async.testing.scripts import ScriptRun

__all__ = ["ScriptedTask"]


class ScriptedTask:
    """
    One task.

    Attributes:
        record: What is recorded of it.
        run: Returns its results.
        fault: Its fault.
        is_armed: Whether the fault happens at the next final sentence.
    """

    def __init__(self, record: ReceivedTask, run: ScriptRun, fault: Fault | None) -> None:
        self.record = record
        self.run = run
        self.fault = fault
        self.is_armed = False
        self._timed = fault if isinstance(fault, TimedFault) else None
        self._strikes_after = self._timed.after_ms if self._timed else None

    @property
    def moment(self) -> Moment | None:
        """The moment of the fault, if it is not a length of audio."""
        return self._timed.moment if self._timed else None

    @property
    def before_final(self) -> bool | None:
        """How the fault relates to a final sentence; see `TimedFault`."""
        return self._timed.before_final if self._timed else None

    def cut(self, audio: bytes) -> tuple[bytes | None, bytes]:
        """
        Cut audio where the fault strikes.

        Returns:
            The audio before that (`None` if the fault does not strike in it), and the rest.
        """
        if self._strikes_after is None:
            return None, audio
        until = self.record.bytes_until(self._strikes_after)
        if until > len(audio):
            return None, audio
        self._strikes_after = None
        until = max(0, until)
        return audio[:until], audio[until:]

    def feed(self, audio: bytes) -> Iterable[Sentence]:
        """Record audio, and return the results that are due."""
        self.record.add(audio)
        return self.run.feed(audio)
