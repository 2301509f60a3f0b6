"""`paraformer-async serve`."""

import ipaddress
import signal
import sys
from pathlib import Path

import anyio

from paraformer_async.server import LocalServer, make_engine

__all__ = ["serve_until_stopped"]


async def serve_until_stopped(
    *, host: str, port: int, engine: str, model_dir: Path | None, api_key: str | None
) -> int:
    """Run the local service until SIGINT or SIGTERM. Gives the exit code."""
    if not _is_loopback(host) and api_key is None:
        print(
            f"warning: anyone who reaches {host} can use this service; --api-key asks for a key",
            file=sys.stderr,
        )
    async with LocalServer(
        make_engine(engine, model_dir), host=host, port=port, api_key=api_key
    ) as server:
        print(f"listening on {server.url} (engine: {engine}; Ctrl-C stops)", flush=True)
        await _until_stopped()
    return 0


async def _until_stopped() -> None:
    if sys.platform == "win32":
        await anyio.sleep_forever()  # Ctrl-C arrives as KeyboardInterrupt
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
