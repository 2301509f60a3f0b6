"""
Notice that a peer has reset a connection before a write does.

A write to such a connection fails, and a failed write makes asyncio close the connection with all
that has arrived and was not read yet. The results in it were computed, and billed.
"""

import select
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["reset_check"]


def reset_check(raw_socket: Any) -> Callable[[], object]:
    """
    Return a function whose result is true once the peer of *raw_socket* has reset the connection.

    It takes 0.3 µs. Where the system has no `poll`, or there is no socket, it is never true.
    """
    try:
        poll = select.poll()
        poll.register(raw_socket.fileno(), 0)  # what is reported in any case: errors, and the end
    except (AttributeError, OSError, ValueError):
        return bool
    return partial(poll.poll, 0)
