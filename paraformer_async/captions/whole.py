"""Files that are replaced whole or not at all."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

__all__ = ["write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """
    Write *content* to *path*, replacing what is there only once all of it is written.

    Text is written as UTF-8. A symbolic link at *path* is replaced itself; the file that it leads
    to stays as it is.

    Raises:
        OSError: It cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(f".{token_hex(8)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
                file.flush()
                os.fsync(file.fileno())
            _keep_mode(path, temporary)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def _keep_mode(path: Path, temporary: Path) -> None:
    """Give the new file the permissions of the one that it replaces."""
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            temporary.chmod(stat.S_IMODE(mode))
