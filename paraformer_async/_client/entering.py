"""The base of what is entered with `async with`; it raises our own error where it cannot work."""

import asyncio
from asyncio import AbstractEventLoop
from typing import TYPE_CHECKING, Any

from anyio import AsyncContextManagerMixin

from paraformer_async.errors import UsageError

__all__ = ["Enterable", "other_loop", "require_loop"]


class Enterable(AsyncContextManagerMixin):
    """An async context manager that is entered at most once at a time, in an asyncio loop."""

    _loop: AbstractEventLoop | None = None  # in which it is entered

    def _claim(self) -> None:
        """Note that this is entered. Raises `UsageError`."""
        loop = _running_loop(type(self).__name__)
        if self._loop is not None:
            raise UsageError(
                f"this {type(self).__name__} has already been entered",
                hint="enter it once; any number of tasks may use it",
            )
        self._loop = loop

    def _require_own_loop(self) -> None:
        """Raise `UsageError` in another event loop than that in which this was entered."""
        if self._loop is not None:
            require_loop(self._loop, type(self).__name__)

    if not TYPE_CHECKING:  # the mixin declares both as final, and their types are right

        async def __aenter__(self) -> Any:
            """Enter. Raises `UsageError`."""
            self._claim()
            try:
                return await super().__aenter__()
            except BaseException:
                self._loop = None
                raise

        async def __aexit__(self, *exception: Any) -> bool | None:
            """Leave. Raises `UsageError` in another event loop."""
            self._require_own_loop()
            try:
                return await super().__aexit__(*exception)
            finally:
                self._loop = None


def require_loop(loop: AbstractEventLoop, what: str) -> None:
    """Raise `UsageError` in another event loop than *loop*, where a call would do damage."""
    try:
        is_here = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_here = False
    if not is_here:
        raise other_loop(what)


def other_loop(what: str) -> UsageError:
    """Return the error for use in another event loop."""
    return UsageError(
        f"the {what} belongs to another event loop",
        hint="create one in each loop; asyncio.run_coroutine_threadsafe calls into a loop",
    )


def _running_loop(name: str) -> AbstractEventLoop:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            f"{name} needs asyncio, but no asyncio event loop is running",
            hint='with anyio, use anyio.run(main, backend="asyncio")',
        ) from None
