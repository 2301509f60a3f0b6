"""`paraformer-async transcribe`."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from paraformer_async import (
    AsyncRecognizer,
    AudioError,
    InvalidOptionError,
    ParaformerError,
    Transcript,
)
from paraformer_async.cli.output import (
    Display,
    Format,
    describe,
    emit,
    render,
    render_json,
    report_error,
    shown,
)
from paraformer_async.server import LocalServer, make_engine

__all__ = ["transcribe_files"]


async def transcribe_files(
    files: list[Path],
    options: dict[str, Any],
    *,
    format: Format,
    output_dir: Path | None,
    local: tuple[str, Path | None] | None,
) -> int:
    """
    Transcribe *files* one after the other, and print or write each. One bad file spoils no other.

    Args:
        files: The audio files.
        options: Options of the recognizer.
        format: What to print.
        output_dir: Folder for a file each; `None` to print.
        local: Engine and model folder of a local service to use; `None` for the real one.

    Returns:
        The exit code: 1 when a file failed.

    Raises:
        InvalidOptionError: An option cannot work.
        OSError: The folder cannot be made, or stdout takes no more.
        ParaformerError: The local service cannot run.
    """
    targets = _targets(files, output_dir, format)
    display = Display()
    outcomes: list[tuple[Path, Transcript | Exception]] = []
    async with _recognizer(options, local, display) as recognizer:
        for number, (path, target) in enumerate(zip(files, targets, strict=True), 1):
            with display.show(f"[{number}/{len(files)}] {shown(path.name)}"):
                outcome = await _outcome(recognizer, path, display)
            if isinstance(outcome, Transcript) and target is not None:
                outcome = _write(target, outcome, format, path)
            if isinstance(outcome, Exception):
                report_error(outcome, path)
            elif target is None and format is not Format.JSON:
                label = f"{shown(path)}: " if len(files) > 1 else ""
                emit(label + render(outcome, format, path))
            outcomes.append((path, outcome))
    if format is Format.JSON and output_dir is None:
        emit(render_json([describe(path, outcome) for path, outcome in outcomes]))
    return int(any(isinstance(outcome, Exception) for _, outcome in outcomes))


def _targets(files: list[Path], output_dir: Path | None, format: Format) -> list[Path | None]:
    """Give the file to write for each of *files*, `None` to print; make the folder."""
    if output_dir is None:
        if format is Format.SRT and len(files) > 1:
            raise InvalidOptionError("--format", "captions of several files need --output-dir")
        return [None] * len(files)
    sources: dict[str, Path] = {}
    targets: list[Path | None] = []
    for path in files:
        target = output_dir / f"{path.stem}.{format.value}"
        other = sources.setdefault(os.path.normcase(target), path)
        if len(sources) == len(targets):
            raise InvalidOptionError(
                "--output-dir",
                f"{shown(other)} and {shown(path)} would both be written to {shown(target)}",
            )
        targets.append(target)
    if output_dir.exists() and not output_dir.is_dir():
        raise InvalidOptionError("--output-dir", f"{shown(output_dir)} is not a folder")
    output_dir.mkdir(parents=True, exist_ok=True)
    return targets


@asynccontextmanager
async def _recognizer(
    options: dict[str, Any], local: tuple[str, Path | None] | None, display: Display
) -> AsyncGenerator[AsyncRecognizer, None]:
    async with AsyncExitStack() as stack:
        if local is not None:
            server = LocalServer(make_engine(*local))
            with display.show("loading the engine"):
                await stack.enter_async_context(server)
            options = options | {"endpoint": server.url, "api_key": "local"}
        recognizer = AsyncRecognizer(**options, observe=display.observe)
        _ = recognizer.options.url  # refuses a wrong address now, not at each file
        yield await stack.enter_async_context(recognizer)


async def _outcome(
    recognizer: AsyncRecognizer, path: Path, display: Display
) -> Transcript | Exception:
    try:
        return await recognizer.transcribe(path, on_result=display.update)
    except (ParaformerError, OSError) as error:
        return error
    except UnicodeEncodeError:
        return AudioError("the file's name is not valid text", hint="rename it")


def _write(
    target: Path, transcript: Transcript, format: Format, path: Path
) -> Transcript | Exception:
    try:
        target.write_text(render(transcript, format, path), encoding="utf-8")
    except OSError as error:
        return error
    return transcript
