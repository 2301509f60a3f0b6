"""
The log of one recognition: each line begins with its ids.

    [3f2a…] the audio ends within a sample: its last 1 byte(s) are left out
    [3f2a… task 91c0…] skipped a late task-started of task 3f2a…

The first id is that of the recognition, as in observations, which is that of its first task; the
second one that of the current task, once it is another one. Records have both as attributes, for
formatters that write fields: `recognition` and `request_id`.
"""

import logging
from collections.abc import MutableMapping
from typing import Any

__all__ = ["TaskLog"]

_LOGGER = logging.getLogger("paraformer_async.recognition")
# A service could invent kinds without end.
_MOST_KINDS = 100


class TaskLog(logging.LoggerAdapter[logging.Logger]):
    """
    Logs with the ids of a recognition.

    Args:
        kinds: What was logged once and for all; shared by the recognitions of a recognizer.
        is_remarked: Whether the transcript says what was left out of the audio: the log need not
            warn of it then.

    Attributes:
        recognition: Id of the recognition; empty until it is known.
        request_id: Id of the current task; empty before the first.
    """

    def __init__(self, kinds: set[str] | None = None, *, is_remarked: bool = False) -> None:
        super().__init__(_LOGGER)
        self.recognition: str = ""
        self.request_id: str = ""
        self._kinds = set[str]() if kinds is None else kinds
        self._is_remarked = is_remarked

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Return the line with its ids."""
        recognition, task = self.recognition, self.request_id
        ids = {"recognition": recognition, "request_id": task or recognition}
        if recognition:
            others = f" task {task}" if task not in ("", recognition) else ""
            msg = f"[{recognition}{others}] {msg}"
        return msg, {**kwargs, "extra": ids}

    def left_out(self, msg: str, *args: object) -> None:
        """Log what was left out of the audio."""
        self.log(logging.INFO if self._is_remarked else logging.WARNING, msg, *args)

    def once(self, kind: str, msg: str, *args: object) -> None:
        """Log a warning for the first of its *kind*, and the others at DEBUG."""
        is_new = kind not in self._kinds and len(self._kinds) < _MOST_KINDS
        if is_new:
            self._kinds.add(kind)
        self.log(logging.WARNING if is_new else logging.DEBUG, msg, *args)
