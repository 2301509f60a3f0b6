"""
Scripted services that fail at random, one for each stream of the soak test, in a separate process.

The faults and their times depend on the seed alone: each service applies them in the order of its
tasks. At most two consecutive faults may prevent all progress (the client rightly gives up after
three); the next one lets at least two seconds of audio pass, or all that is left.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from _bench import answer

from paraformer_async.testing import (
    Drop,
    FailTask,
    Fault,
    HalfClose,
    Late,
    NeverFinish,
    NeverStart,
    Refuse,
    ScriptedServer,
    SlowClose,
    Stall,
    Throttle,
    Unknown,
)

_FRUITLESS = 2  # consecutive
_FRUITLESS_SHARE = 0.4
_CLOSE_CODES = (1000, 1001, 1006, 1011, 1012)


def faults(random: Random, count: int) -> Iterator[Fault | None]:
    """Yield faults."""
    fruitless = 0
    for _ in range(count):
        if fruitless < _FRUITLESS and random.random() < _FRUITLESS_SHARE:
            fruitless += 1
            yield _fruitless(random)
        else:
            fruitless = 0
            yield _fruitful(random)


def _fruitless(random: Random) -> Fault:
    """Return a fault that occurs before the first word, or after the last."""
    code = _close_code(random)
    return random.choice(
        (
            Refuse(503),
            Refuse(503),
            Refuse(429),
            Refuse(429, headers={"Retry-After": "1"}),
            Throttle(),
            Throttle(),
            FailTask("InternalError", "try again"),
            Drop(at="run-task", code=code),
            Drop(at="started", code=code),
            HalfClose(at="started"),
            NeverStart(),
            Stall(at="run-task"),
            Drop(at="finish", code=code),
            Drop(at="finished", code=code),
            Stall(at="finish"),
            Stall(at="finished"),
            NeverFinish(),
        )
    )


def _fruitful(random: Random) -> Fault | None:
    after_ms = random.randrange(2000, 15_000)
    before_final = random.choice((None, None, True, False))
    code = _close_code(random)
    kinds: tuple[tuple[int, Fault | None], ...] = (
        (10, Drop(after_ms=after_ms, before_final=before_final, code=code)),
        (3, HalfClose(after_ms=after_ms, before_final=before_final)),
        (3, FailTask("InternalError", "try again", after_ms=after_ms)),
        (1, FailTask("CLIENT_ERROR", "request timeout after 23 seconds.", after_ms=after_ms)),
        (1, Drop(at="idle", code=code)),
        (2, Late(random.uniform(0.1, 1.5))),
        (1, Unknown(after_ms=after_ms)),
        (1, SlowClose(3.0)),
        (1, None),
    )
    (fault,) = random.choices([fault for _, fault in kinds], [weight for weight, _ in kinds])
    return fault


def _close_code(random: Random) -> int | None:
    return random.choice((None, None, *_CLOSE_CODES))


def state(servers: Sequence[ScriptedServer]) -> dict[str, Any]:
    """Return what has happened so far."""
    happened = Counter(type(fault).__name__ for server in servers for fault in server.happened)
    for server in servers:
        server.received.clear()  # frees their audio; a connection still refers to its running task
    return {
        "open": sum(server.connections.open for server in servers),
        "accepted": sum(server.connections.accepted for server in servers),
        "happened": dict(happened.most_common()),
        "violations": [text for server in servers for text in server.violations],
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, required=True)
    parser.add_argument("--faults", type=int, required=True, help="per service, approximately")
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    async with AsyncExitStack() as stack:
        servers = []
        for number in range(options.services):
            random = Random(f"{options.seed}/{number}")  # noqa: S311 - no secret
            server = ScriptedServer(faults=faults(random, options.faults))
            servers.append(await stack.enter_async_context(server))
        await answer(json.dumps([server.url for server in servers]), lambda: state(servers))


if __name__ == "__main__":
    asyncio.run(main())
