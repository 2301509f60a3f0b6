"""`paraformer-async transcribe`."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from paraformer_async import AsyncRecognizer, ParaformerError, Transcript
from paraformer_async.cli.output import Display, Format, describe, render, render_json, report_error
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
    """
    display = Display()
    documents = []
    async with _recognizer(options, local) as recognizer:
        for number, path in enumerate(files, 1):
            with display.show(f"[{number}/{len(files)}] {path.name}"):
                outcome = await _outcome(recognizer, path, display)
            if isinstance(outcome, Exception):
                report_error(outcome, path)
            elif output_dir is not None:
                _write(output_dir, path, outcome, format)
            elif format is not Format.JSON:
                label = f"{path}: " if len(files) > 1 else ""
                sys.stdout.write(label + render(outcome, format, path))
                sys.stdout.flush()
            documents.append((path, outcome))
    if format is Format.JSON and output_dir is None:
        sys.stdout.write(render_json([describe(path, outcome) for path, outcome in documents]))
    return int(any(isinstance(outcome, Exception) for _, outcome in documents))


@asynccontextmanager
async def _recognizer(
    options: dict[str, Any], local: tuple[str, Path | None] | None
) -> AsyncGenerator[AsyncRecognizer, None]:
    if local is None:
        async with AsyncRecognizer(**options) as recognizer:
            yield recognizer
        return
    async with (
        LocalServer(make_engine(*local)) as server,
        AsyncRecognizer(**options | {"endpoint": server.url, "api_key": "local"}) as recognizer,
    ):
        yield recognizer


async def _outcome(
    recognizer: AsyncRecognizer, path: Path, display: Display
) -> Transcript | Exception:
    try:
        return await recognizer.transcribe(path, on_result=display.update)
    except (ParaformerError, OSError) as error:
        return error


def _write(folder: Path, path: Path, transcript: Transcript, format: Format) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{path.stem}.{format.value}").write_text(
        render(transcript, format, path), encoding="utf-8"
    )
