"""What callbacks and `Recognition.call` receive."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

__all__ = ["RecognitionCallback", "RecognitionResult"]


class _Attributes(dict[str, Any]):
    """A dict whose items are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class RecognitionOutput(_Attributes):
    """`{"sentence": …}`, as an attribute, too."""


class RecognitionResult(_Attributes):
    """
    One result, or all results of a file: a dict whose items are attributes, too.

    Attributes:
        status_code: 200; of a failure, the status of the handshake, 44 if the service has ended the
            task, or -1.
        request_id: Id of the task.
        code: Code of the failure, or an empty string.
        message: What the service says about the failure, or an empty string.
        output: `{"sentence": …}`: the sentence as the service sent it, with times in ms from the
            start of the audio, or a list of all final ones; `None` if there is none.
        usages: What is billed, as `{"end_time": …, "usage": …}` for each sentence; `None` if the
            service did not say.
        usage: The last of them.
    """

    def __init__(
        self,
        status_code: int = HTTPStatus.OK,
        request_id: str = "",
        code: str | int = "",
        message: str = "",
        output: Mapping[str, Any] | None = None,
        usages: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(
            status_code=status_code,
            request_id=request_id,
            code=code,
            message=message,
            usages=usages,
            output=None if output is None else RecognitionOutput(output),
            usage=usages[-1]["usage"] if usages else None,
        )

    def __str__(self) -> str:
        names = ("status_code", "request_id", "code", "message", "output", "usage")
        return json.dumps({name: self[name] for name in names}, ensure_ascii=False)

    def get_sentence(self) -> Any:
        """Return the sentence, a list of sentences for a file, or `None`."""
        return self.output["sentence"] if self.output and "sentence" in self.output else None

    def get_request_id(self) -> str:
        """Return the id of the task."""
        return str(self.request_id)

    def get_usage(self, sentence: Mapping[str, Any] | None) -> Any:
        """Return what is billed up to the end of a final *sentence*; `None` if it is not known."""
        if not isinstance(sentence, Mapping) or sentence.get("end_time") is None:
            return None  # also of a list, as `call` returns
        for one in self.usages or ():
            if one["end_time"] == sentence["end_time"]:
                return one["usage"]
        return None

    @staticmethod
    def is_sentence_end(sentence: Mapping[str, Any] | None) -> bool:
        """Return whether a sentence is final: as the service says, or because it has an end."""
        if not isinstance(sentence, Mapping):
            return False
        said = sentence.get("sentence_end")
        return said if isinstance(said, bool) else sentence.get("end_time") is not None


class RecognitionCallback:
    """
    What a recognition calls. Override what is needed.

    `on_open` runs in the thread that calls `start`, and `on_close` in the one that calls `stop`;
    the others, and `on_close` after a failure, in a thread for callbacks. Those of one recognition
    are called one after another; one that waits does not delay other recognitions.
    """

    def on_open(self) -> None:
        """Called when the recognition begins."""

    def on_event(self, result: RecognitionResult) -> None:
        """Called with each result, partial or final."""

    def on_complete(self) -> None:
        """Called when all results were passed on."""

    def on_error(self, result: RecognitionResult) -> None:
        """Called when the recognition has failed; `on_close` follows."""

    def on_close(self) -> None:
        """Called when the recognition is over."""
