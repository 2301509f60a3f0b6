"""
Running a command, and exit codes.

0: success. 1: something failed. 2: wrong usage, nothing was done. 130: interrupted; for `serve`, an
interrupt is the normal way to stop, and the exit code is 0.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NoReturn

import anyio

from paraformer_async.cli.output import report_error
from paraformer_async.errors import InvalidOptionError, ParaformerError

__all__ = ["exit_with"]

_FAILED = 1
_USAGE_ERROR = 2
_INTERRUPTED = 130


def exit_with(run: Callable[[], Awaitable[int]], *, when_stopped: int = _INTERRUPTED) -> NoReturn:
    """Run and exit. Errors print one line; a signal exits with the code *when_stopped*."""
    try:
        code = anyio.run(_until_stopped, run, when_stopped)
    except InvalidOptionError as error:
        report_error(error)
        code = _USAGE_ERROR
    except BrokenPipeError:  # the reader of stdout has closed it
        _drop_stdout()
        code = _FAILED
    except (ParaformerError, OSError, RuntimeError) as error:  # RuntimeError: engine
        report_error(error)
        _drop_stdout()
        code = _FAILED
    except KeyboardInterrupt:  # before the loop runs; always on Windows
        code = when_stopped
    sys.exit(code)


async def _until_stopped(run: Callable[[], Awaitable[int]], when_stopped: int) -> int:
    """Run until done, or until SIGINT or SIGTERM; return the exit code."""
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        with suppress(NotImplementedError):  # Windows; Ctrl-C raises KeyboardInterrupt there
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, scope.cancel)
        return await run()
    return when_stopped


def _drop_stdout() -> None:
    """Point a failed stdout at the null device, so that the final flush does not fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
