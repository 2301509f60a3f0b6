"""`paraformer-async serve`."""

import ipaddress
import re
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from paraformer_async.cli.output import emit, tell
from paraformer_async.errors import InvalidOptionError
from paraformer_async.server import LocalServer, make_engine

__all__ = ["run_service"]


async def run_service(
    *, host: str, port: int, engine: str, model_dir: Path | None, api_key: str | None
) -> int:
    """Run the local service until it is canceled."""
    if api_key is not None and not api_key.strip():
        raise InvalidOptionError("--api-key", "no client could send an empty key")
    server = LocalServer(make_engine(engine, model_dir), host=host, port=port, api_key=api_key)
    if api_key is None and not _is_loopback(host):
        tell(f"anyone who reaches {host} can use this service; --api-key asks for a key")
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(server)
        except OSError as error:
            # asyncio's words hold the address in Python's notation; the reason stands behind it.
            # From Python 3.12 on, the number of the error stands before it once more.
            said = (error.strerror or str(error)).rpartition("): ")[2]
            reason = re.sub(r"^\[errno \d+\] ", "", said, flags=re.IGNORECASE)
            raise OSError(error.errno, f"cannot listen on {host}, port {port}: {reason}") from error
        emit(f"listening on {server.url} (engine: {engine}; Ctrl-C stops)\n")
        await anyio.sleep_forever()
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
