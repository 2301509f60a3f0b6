"""What the library logs, as messages of the command."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from paraformer_async.cli.output import write_message

__all__ = ["logs_as_messages"]

_RETRY = "another attempt in "  # an observer reports these, with flags in the place of arguments


@contextmanager
def logs_as_messages() -> Iterator[None]:
    """Write warnings that are logged to stderr while the context is active, each on one line."""
    logger = logging.getLogger("paraformer_async")
    handler = _Messages(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if getattr(record, "recognition", ""):
            text = text.partition("] ")[2]  # without the ids of the recognition
        if text.startswith(_RETRY):
            return
        write_message(text)
        if record.exc_info:
            traceback.print_exception(record.exc_info[1])
