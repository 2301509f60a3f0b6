"""Locks on files, which end with the process that holds them, however it ends."""

import sys
from typing import IO

__all__ = ["try_lock"]

# On Windows, a locked range cannot be read by others: one far behind the end disturbs nobody.
_FAR_BEHIND = 1 << 30


def try_lock(file: IO[bytes]) -> bool:
    """Lock *file* until it is closed. Return whether that succeeded: it may be locked already."""
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):
        return False
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        position = file.tell()
        file.seek(_FAR_BEHIND)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        finally:
            file.seek(position)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
