"""The command `paraformer-async serve`."""

import ipaddress
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import anyio
import typer

from paraformer_async.cli.options import (
    DEFAULT_ENGINE,
    DebugOption,
    EngineOption,
    ModelDirOption,
    whole_number,
)
from paraformer_async.cli.output import write_message, write_result
from paraformer_async.cli.running import exit_with
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.environment import SOCKET_ADDRESS
from paraformer_async.server import LocalServer, make_engine

__all__ = ["serve"]


def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; the default is for this machine only."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="NUMBER",
            help="Port to listen on; 0 for any free port.",
            parser=whole_number(0, 65535),
        ),
    ] = 8765,
    engine: EngineOption = None,
    model_dir: ModelDirOption = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Key that clients must send; by default, any key is accepted.",
            envvar="PARAFORMER_ASYNC_SERVE_KEY",
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """
    Run the local service until interrupted.

    It prints the two lines that point clients at it, to paste into their shell. It accepts every
    model, and recognizes with the same engine for all.

    Example: paraformer-async serve --port 8765
    """

    async def run() -> int:
        return await _run_service(
            host=host,
            port=port,
            engine=engine or DEFAULT_ENGINE,
            model_dir=model_dir,
            api_key=api_key,
        )

    exit_with(run, when_stopped=0, debug=debug)


async def _run_service(
    *, host: str, port: int, engine: str, model_dir: Path | None, api_key: str | None
) -> int:
    """
    Run the local service until canceled.

    Raises:
        InvalidOptionError: An option is invalid.
        OSError: The port cannot be opened.
        ParaformerError: The engine cannot run.
    """
    if api_key is not None and not api_key.strip():
        raise InvalidOptionError("--api-key", "must not be empty")
    server = LocalServer(make_engine(engine, model_dir), host=host, port=port, api_key=api_key)
    if api_key is None and not _is_loopback(host):
        write_message(f"anyone who can reach {host} can use this service; --api-key requires a key")
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(server)
        except OSError as error:
            # asyncio's message contains the address as a Python tuple, followed by the reason;
            # since Python 3.12, the reason begins with the error number again.
            text = (error.strerror or str(error)).rpartition("): ")[2]
            reason = re.sub(r"^\[errno \d+\] ", "", text, flags=re.IGNORECASE)
            raise OSError(error.errno, f"cannot listen on {host}, port {port}: {reason}") from error
        first = f"listening on {server.url} (engine: {engine}; press Ctrl-C to stop)\n"
        write_result(first + _settings(server.url, "any" if api_key is None else "..."))
        await anyio.sleep_forever()
    return 0


def _settings(url: str, key: str) -> str:
    """Return the lines that point the clients of a shell at the service."""
    command = "set" if sys.platform == "win32" else "export"
    return f"{command} {SOCKET_ADDRESS}={url}\n{command} DASHSCOPE_API_KEY={key}\n"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
