"""The base of what is entered with `async with`; it raises our own error where it cannot work."""

import asyncio
from typing import TYPE_CHECKING, Any

from anyio import AsyncContextManagerMixin

from paraformer_async.errors import UsageError

__all__ = ["Enterable"]


class Enterable(AsyncContextManagerMixin):
    """An async context manager that is entered at most once at a time, in an asyncio loop."""

    _is_inside = False

    def _claim(self) -> None:
        """Note that this is entered. Raises `UsageError`."""
        _require_asyncio(type(self).__name__)
        if self._is_inside:
            raise UsageError(
                f"this {type(self).__name__} has already been entered",
                hint="enter it once; any number of tasks may use it",
            )
        self._is_inside = True

    if not TYPE_CHECKING:  # the mixin declares both as final, and their types are right

        async def __aenter__(self) -> Any:
            """Enter. Raises `UsageError`."""
            self._claim()
            try:
                return await super().__aenter__()
            except BaseException:
                self._is_inside = False
                raise

        async def __aexit__(self, *exception: Any) -> bool | None:
            """Leave."""
            try:
                return await super().__aexit__(*exception)
            finally:
                self._is_inside = False


def _require_asyncio(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            f"{name} needs asyncio, but no asyncio event loop is running",
            hint='with anyio, use anyio.run(main, backend="asyncio")',
        ) from None
