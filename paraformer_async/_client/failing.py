"""
Telling cancellation from outside apart from what the user's own code raises.

Also called by transports, outside of any task. There, anyio does not know which library is running
if sniffio is installed, so it must not be asked (anyio.NoEventLoopError).
"""

import asyncio
from math import inf

import anyio

from paraformer_async.errors import UsageError

__all__ = ["as_failure", "forget_frames", "is_ours", "undo_cancel"]


def is_ours(error: BaseException) -> bool:
    """Whether *error* is a cancellation that was not caused by the user's code."""
    is_cancellation = isinstance(error, asyncio.CancelledError)
    return is_cancellation and anyio.current_effective_deadline() == -inf


def as_failure(error: BaseException, whose: str) -> BaseException:
    """
    Return *error* as raised to the user.

    A cancellation would look like their own, and the end of some other iterator like that of the
    results: `StopAsyncIteration` would make a failed recognition look complete (as in PEP 479).
    """
    if isinstance(error, asyncio.CancelledError):
        failure = UsageError(f"{whose} was canceled")
    elif isinstance(error, StopIteration | StopAsyncIteration):
        failure = UsageError(f"{whose} raised {type(error).__name__}")
    else:
        return error
    failure.__cause__ = error
    return failure


def forget_frames(error: BaseException | None) -> None:
    """
    Remove the tracebacks of *error* and of its causes.

    Tools show the local variables of a traceback, and those of the frames that receive are what
    the service sent, with any secret that it quotes.
    """
    seen: set[int] = set()  # causes may be a circle
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def undo_cancel(error: BaseException) -> None:
    """Let the current task go on, if *error* is a cancellation by the user's code."""
    task = asyncio.current_task()
    while isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        task.uncancel()
