"""The recognizer of a command: that of the service, or of an engine on this machine."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from paraformer_async import AsyncRecognizer
from paraformer_async.cli.output import ProgressDisplay
from paraformer_async.server import LocalServer, make_engine

__all__ = ["open_recognizer"]


@asynccontextmanager
async def open_recognizer(
    options: dict[str, Any], local: tuple[str, Path | None] | None, display: ProgressDisplay
) -> AsyncGenerator[AsyncRecognizer, None]:
    """
    Yield an open recognizer.

    Args:
        options: Its options.
        local: Engine and model folder of the local service; `None` for the real service.
        display: Shows that the engine is loaded, and retries.

    Raises:
        InvalidOptionError: An option is invalid.
        ParaformerError: The local service cannot start.
    """
    async with AsyncExitStack() as stack:
        if local is not None:
            server = LocalServer(make_engine(*local))
            with display.show("loading the engine"):
                await stack.enter_async_context(server)
            options = options | {"endpoint": server.url, "api_key": "local"}
        recognizer = AsyncRecognizer(**options, observe=display.observe)
        _ = recognizer.options.url  # raise for a wrong URL now, not for each file
        yield await stack.enter_async_context(recognizer)
