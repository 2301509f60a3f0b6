"""The command `paraformer-async serve`."""

import ipaddress
import re
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from paraformer_async.cli.output import write_message, write_result
from paraformer_async.errors import InvalidOptionError
from paraformer_async.server import LocalServer, make_engine

__all__ = ["run_service"]


async def run_service(
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
        write_result(f"listening on {server.url} (engine: {engine}; press Ctrl-C to stop)\n")
        await anyio.sleep_forever()
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
