"""Events of a recognition, as the payloads that the service has sent."""

from collections.abc import Callable
from typing import Any

import msgspec

from paraformer_async._core.messages import Event, ResultGenerated
from paraformer_async.middleware import Middleware
from paraformer_async.observing import MessageReceived, Observation
from paraformer_async.results import Sentence

__all__ = ["Events"]


class Events(Middleware):
    """
    Passes on the payload of each result, in order, with times on the user's timeline.

    It is both the outermost middleware and the observer of one recognition: the observer sees a
    message, of which the middleware then sees what is left: not what a reconnection repeats.

    Args:
        receive: Called with each payload: a dict with `output` and perhaps `usage`.
    """

    def __init__(self, receive: Callable[[dict[str, Any]], object]) -> None:
        self._receive = receive
        self._message: str | bytes = b""

    def observe(self, event: Observation) -> None:
        """Keep a message that was received."""
        if isinstance(event, MessageReceived):
            self._message = event.message

    def incoming(self, event: Event, now: float) -> Event:
        """Pass on the payload of a result."""
        del now
        if isinstance(event, ResultGenerated):
            sentence = event.sentence
            if sentence is not None and not sentence.heartbeat:
                self._receive(_payload(self._message, sentence))
        return event


def _payload(message: str | bytes, sentence: Sentence) -> dict[str, Any]:
    """Return the payload of a message, with the times of *sentence*."""
    try:
        payload: dict[str, Any] = msgspec.json.decode(message)["payload"]
        _place(payload["output"]["sentence"], sentence)
    except (msgspec.MsgspecError, LookupError, TypeError, AttributeError):
        # A message that the client had to mend: return what it has made of it.
        return {"output": {"sentence": sentence.to_dict()}}
    return payload


def _place(sent: dict[str, Any], placed: Sentence) -> None:
    """Move the times of a sentence as sent to those of the user's timeline."""
    if sent["begin_time"] == placed.begin_time and sent.get("end_time") == placed.end_time:
        return
    sent["begin_time"] = placed.begin_time
    sent["end_time"] = placed.end_time
    for word, moved in zip(sent.get("words") or (), placed.words, strict=True):
        word["begin_time"], word["end_time"] = moved.begin_time, moved.end_time
