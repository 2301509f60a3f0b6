"""A running task of the scripted service: who speaks in it, and what goes wrong with it."""

from collections.abc import Iterable

from paraformer_async.results import Sentence
from paraformer_async.testing.faults import Fault, Moment, TimedFault
from paraformer_async.testing.records import ReceivedTask
from paraformer_async.testing.scripts import Speaker

__all__ = ["Task"]


class Task:
    """
    One task.

    Attributes:
        record: What is remembered of it.
        speaker: Who speaks in it.
        fault: Its fault.
        is_armed: Whether the fault waits for the next final sentence.
    """

    def __init__(self, record: ReceivedTask, speaker: Speaker, fault: Fault | None) -> None:
        self.record = record
        self.speaker = speaker
        self.fault = fault
        self.is_armed = False
        self._timed = fault if isinstance(fault, TimedFault) else None
        self._strikes_after = self._timed.after_ms if self._timed else None

    @property
    def moment(self) -> Moment | None:
        """The moment of the fault, when it is not a length of audio."""
        return self._timed.moment if self._timed else None

    @property
    def before_final(self) -> bool | None:
        """What the fault has to do with a final sentence; see `TimedFault`."""
        return self._timed.before_final if self._timed else None

    def cut(self, audio: bytes) -> tuple[bytes | None, bytes]:
        """Cut audio where the fault strikes: what is before (`None`: it does not), and the rest."""
        if self._strikes_after is None:
            return None, audio
        until = self.record.bytes_until(self._strikes_after)
        if until > len(audio):
            return None, audio
        self._strikes_after = None
        until = max(0, until)
        return audio[:until], audio[until:]

    def hear(self, audio: bytes) -> Iterable[Sentence]:
        """Take audio, and say what is to be said now."""
        self.record.add(audio)
        return self.speaker.hear(audio)
