"""What `paraformer-async doctor` does: it examines what a recognition needs."""

from collections.abc import AsyncIterator
from typing import Any

from anyio import to_thread

from paraformer_async import AsyncRecognizer
from paraformer_async.cli import findings, reaching
from paraformer_async.cli.findings import Finding, State
from paraformer_async.cli.output import encodable, printable, render_json, write_result

__all__ = ["examine"]


async def examine(options: dict[str, Any], *, as_json: bool) -> int:
    """
    Print one line for each thing that a recognition needs, with what to do about what is wrong.

    Each check takes bounded time, and shows no secret. Nothing is recognized, so nothing is billed.

    Args:
        options: Where the service is, as for the recognizer.
        as_json: Whether to print one JSON document, a list with one object per check.

    Returns:
        The exit code: 1 if anything is wrong.

    Raises:
        InvalidOptionError: An option is invalid.
        OSError: stdout cannot be written.
    """
    found: list[Finding] = []
    async for finding in _findings(options):
        found.append(finding)
        if not as_json:
            write_result(_line(finding))
    if as_json:
        write_result(render_json([_document(finding) for finding in found]))
    return int(any(finding.state is State.WRONG for finding in found))


async def _findings(options: dict[str, Any]) -> AsyncIterator[Finding]:
    chosen = AsyncRecognizer(**options).options
    key = await findings.key()
    yield key
    endpoint = findings.endpoint(chosen)
    yield endpoint
    if endpoint.state is State.RIGHT:
        yield findings.region(chosen.url)
        proxy, address = findings.proxy(chosen.url)
        yield proxy
        if proxy.state is State.RIGHT:
            target = reaching.Target(chosen.url, address)
            async for finding in _on_the_way(target, options, has_key=key.state is State.RIGHT):
                yield finding
    yield await to_thread.run_sync(findings.devices)
    yield findings.extras()


async def _on_the_way(
    target: reaching.Target, options: dict[str, Any], *, has_key: bool
) -> AsyncIterator[Finding]:
    """Go towards the service, as far as there is a way."""
    for check in (reaching.name, reaching.connection):
        finding = await check(target)
        yield finding
        if finding.state is State.WRONG:
            return
    if has_key:
        yield await reaching.answer(options)
    else:
        yield Finding("service", State.NOTE, "not checked: there is no key")
    yield await reaching.clock(target)


def _line(finding: Finding) -> str:
    advice = f" -> {finding.advice}" if finding.advice else ""
    return f"{finding.state.value:<5}  {finding.name:<8}  {printable(finding.text + advice)}\n"


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "state": finding.state.value,
        "text": encodable(finding.text),
        "advice": encodable(finding.advice),
    }
