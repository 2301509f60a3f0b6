"""What runs in the actors of a dataset: one recognizer for all threads of the actor."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from paraformer_async import errors
from paraformer_async.errors import (
    AuthenticationError,
    ConnectError,
    DeadlineError,
    InvalidOptionError,
    ParaformerError,
    UsageError,
)
from paraformer_async.sync.recognizer import Recognizer, RecognizerOptions

__all__ = ["COLUMNS", "Transcriber", "WorkerSettings"]

COLUMNS = ("text", "transcript", "error")
"""The columns that are added to a dataset."""

_ONLY_CONNECT_FAILURES = 3  # consecutive files after which there is no network


class WorkerSettings:
    """
    What an actor needs. Ray shows it in its logs and its dashboard, so it shows no option.

    Args:
        column: Name of the column with the files.
        options: Options of the recognizer.
    """

    def __init__(self, column: str, options: RecognizerOptions) -> None:
        self.column = column
        self.options = options

    def __repr__(self) -> str:
        return f"<WorkerSettings of column {self.column!r}>"


class Transcriber:
    """
    Transcribes rows. Ray Data creates one in each actor, and calls it in several threads at once.

    Args:
        settings: What it needs.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._column = settings.column
        self._recognizer = Recognizer(**settings.options)
        self._lock = Lock()
        self._connect_failures = 0

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return *row* with the text of its file, or with its error.

        Raises:
            UsageError: There is no file in the row, but something else.
            ParaformerError: What would fail all other files, too.
        """
        audio = self._audio_of(row)
        kept = dict(row)
        if not isinstance(audio, str):
            del kept[self._column]
        text = transcript = failure = ""
        try:
            recognized = self._recognizer.transcribe(audio)
        except (OSError, ParaformerError) as error:
            if self._is_fatal(error):
                raise
            failure = f"{_kind(error)}: {error}"
        else:
            self._connect_failures = 0
            text, transcript = recognized.text, recognized.to_json()
        return {**kept, "text": text, "transcript": transcript, "error": failure}

    def _audio_of(self, row: Mapping[str, Any]) -> str | bytes:
        audio = row[self._column]
        if isinstance(audio, str | bytes):
            return audio
        raise UsageError(
            f"the column {self._column!r} has a value of type {type(audio).__name__}",
            hint="it must contain paths, or the bytes of files",
        )

    def _is_fatal(self, error: Exception) -> bool:
        if isinstance(error, AuthenticationError):
            return True
        if isinstance(error, InvalidOptionError):
            return error.option == "api_key"
        if isinstance(error, ConnectError) or _is_connect(error):
            with self._lock:
                self._connect_failures += 1
                return self._connect_failures >= _ONLY_CONNECT_FAILURES
        return False


def _kind(error: Exception) -> str:
    """Return the name of the error's type, as far as it is public."""
    names = (kind.__name__ for kind in type(error).__mro__ if _is_public(kind))
    return next(names)


def _is_public(kind: type) -> bool:
    return kind.__module__ == "builtins" or kind.__name__ in errors.__all__


def _is_connect(error: Exception) -> bool:
    return isinstance(error, DeadlineError) and error.phase == "connect"
