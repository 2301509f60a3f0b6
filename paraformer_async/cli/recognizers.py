"""The recognizer of a command: that of the service, or of an engine on this machine."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from paraformer_async import AsyncRecognizer
from paraformer_async._net.identity import key_of
from paraformer_async.cli.options import DEFAULT_ENGINE
from paraformer_async.cli.progress import ProgressDisplay
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.environment import default_key
from paraformer_async.server import LocalServer, make_engine

__all__ = ["Service", "open_recognizer", "service_of"]


class Service(NamedTuple):
    """
    What recognizes.

    Attributes:
        address: Options of the recognizer that say where the service is.
        local: Engine and model folder of the local service; `None` for the real service.
    """

    address: Mapping[str, str | None]
    local: tuple[str, Path | None] | None


def service_of(
    *,
    local: bool,
    endpoint: str | None,
    region: str | None,
    workspace: str | None,
    engine: str | None,
    model_dir: Path | None,
) -> Service:
    """Return the service of these options; raise `InvalidOptionError` if they contradict."""
    address = {"endpoint": endpoint, "region": region, "workspace": workspace}
    if local:
        for name, value in address.items():
            if value:
                raise InvalidOptionError(name, "cannot be combined with --local")
        return Service({}, (engine or DEFAULT_ENGINE, model_dir))
    for name, given in (("engine", engine), ("model_dir", model_dir)):
        if given is not None:
            raise InvalidOptionError(name, "needs the local service: add --local")
    if not default_key():
        raise InvalidOptionError(
            "api_key",
            "no API key is set",
            hint="set this variable to your API key, or add --local to recognize on this machine",
        )
    return Service(address, None)


@asynccontextmanager
async def open_recognizer(
    service: Service, options: Mapping[str, Any], display: ProgressDisplay
) -> AsyncGenerator[AsyncRecognizer, None]:
    """
    Yield an open recognizer.

    Args:
        service: What recognizes.
        options: Further options of the recognizer.
        display: Shows that the engine is loaded, and retries.

    Raises:
        InvalidOptionError: An option is invalid.
        ParaformerError: The local service cannot start.
    """
    options = {**options, **service.address}
    async with AsyncExitStack() as stack:
        if service.local is not None:
            server = LocalServer(make_engine(*service.local))
            with display.show("loading the engine"):
                await stack.enter_async_context(server)
            options |= {"endpoint": server.url, "api_key": "local"}
        else:
            await key_of(None)  # raise for a wrong key now, not for each file
        recognizer = AsyncRecognizer(**options, observe=display.observe)
        _ = recognizer.options.url  # the same for a wrong URL
        yield await stack.enter_async_context(recognizer)
