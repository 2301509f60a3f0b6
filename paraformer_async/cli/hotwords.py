"""The commands `paraformer-async hotwords …`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from paraformer_async.account import Vocabulary, VocabularyClient, VocabularySummary
from paraformer_async.cli.access import access_of
from paraformer_async.cli.completing import files, models
from paraformer_async.cli.options import (
    DEFAULT_MODEL,
    DebugOption,
    HttpEndpointOption,
    JsonOption,
    RegionOption,
    WorkspaceOption,
)
from paraformer_async.cli.output import render_json, write_result
from paraformer_async.cli.running import ShellCommand, exit_with, help_without_a_command
from paraformer_async.cli.words import given_words, written
from paraformer_async.options.checks import require_text
from paraformer_async.text import clean

__all__ = ["hotwords"]

hotwords: typer.Typer = typer.Typer(
    help="Manage lists of hot words. The API key is read from DASHSCOPE_API_KEY, or from the file"
    " of the vendor's client.",
    invoke_without_command=True,
    callback=help_without_a_command,
    rich_markup_mode=None,
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", hidden=True)]
WordsArgument = Annotated[list[str] | None, typer.Argument(metavar="WORD[=WEIGHT]", hidden=True)]
FileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Text file with one WORD[=WEIGHT] per line.",
        autocompletion=files,
    ),
]


@hotwords.command(cls=ShellCommand)
def create(
    words: WordsArgument = None,
    file: FileOption = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The only model that the list can be used with.",
            autocompletion=models,
        ),
    ] = DEFAULT_MODEL,
    prefix: Annotated[
        str, typer.Option(metavar="TEXT", help="Part of the id: 1 to 9 letters a-z and digits.")
    ] = "words",
    ensure: Annotated[
        bool,
        typer.Option(
            "--ensure", help="Use a list with these words if there is one; wait until it is ready."
        ),
    ] = False,
    json: JsonOption = False,
    endpoint: HttpEndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Create a list and print its id.

    A WEIGHT is 1 to 5, for qwen-audio models also 50; by default 4.

    Example: paraformer-async hotwords create paraformer=5 cloud
    """

    async def run() -> int:
        access = access_of(endpoint, region, workspace)
        given = given_words(words or (), file)
        async with VocabularyClient(**access) as client:
            if ensure:
                found = await client.ensure(given, target_model=model, prefix=prefix)
                name = found.vocabulary_id
            else:
                name = await client.create(given, target_model=model, prefix=prefix)
        write_result(render_json({"vocabulary_id": name}) if json else f"{clean(name)}\n")
        return 0

    exit_with(run, debug=debug)


@hotwords.command("list", cls=ShellCommand)
def list_all(
    prefix: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only lists with this prefix.")
    ] = None,
    json: JsonOption = False,
    endpoint: HttpEndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Print all lists: id, status, and time of the last change.

    Example: paraformer-async hotwords list --json
    """

    async def run() -> int:
        async with VocabularyClient(**access_of(endpoint, region, workspace)) as client:
            found = await client.list(prefix)
        lines = "".join(f"{_line(one)}\n" for one in found)
        write_result(render_json([_described(one) for one in found]) if json else lines)
        return 0

    exit_with(run, debug=debug)


@hotwords.command(cls=ShellCommand)
def show(
    vocabulary_id: IdArgument,
    json: JsonOption = False,
    endpoint: HttpEndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Print the list with this ID, and its words.

    Example: paraformer-async hotwords show vocab-words-1a2b
    """

    async def run() -> int:
        require_text("ID", vocabulary_id)
        async with VocabularyClient(**access_of(endpoint, region, workspace)) as client:
            found = await client.query(vocabulary_id)
        lines = [f"{_line(found)}  {clean(found.target_model)}"]
        lines += [clean(written(word)) for word in found.vocabulary]
        write_result(render_json(_described(found)) if json else "\n".join(lines) + "\n")
        return 0

    exit_with(run, debug=debug)


@hotwords.command(cls=ShellCommand)
def update(
    vocabulary_id: IdArgument,
    words: WordsArgument = None,
    file: FileOption = None,
    endpoint: HttpEndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Replace the words of the list with this ID; once in 5 minutes.

    A WEIGHT is 1 to 5, for qwen-audio models also 50; by default 4.

    Example: paraformer-async hotwords update vocab-words-1a2b cloud=5
    """

    async def run() -> int:
        require_text("ID", vocabulary_id)
        access = access_of(endpoint, region, workspace)
        given = given_words(words or (), file)
        async with VocabularyClient(**access) as client:
            await client.update(vocabulary_id, given)
        return 0

    exit_with(run, debug=debug)


@hotwords.command(cls=ShellCommand)
def delete(
    vocabulary_id: IdArgument,
    endpoint: HttpEndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Delete the list with this ID.

    Example: paraformer-async hotwords delete vocab-words-1a2b
    """

    async def run() -> int:
        require_text("ID", vocabulary_id)
        async with VocabularyClient(**access_of(endpoint, region, workspace)) as client:
            await client.delete(vocabulary_id)
        return 0

    exit_with(run, debug=debug)


def _line(one: VocabularySummary) -> str:
    return "  ".join(map(clean, (one.vocabulary_id, one.status, one.gmt_modified)))


def _described(one: VocabularySummary) -> dict[str, Any]:
    state = {
        "vocabulary_id": one.vocabulary_id,
        "status": one.status,
        "gmt_create": one.gmt_create,
        "gmt_modified": one.gmt_modified,
    }
    if not isinstance(one, Vocabulary):
        return state
    words = [word.to_dict() for word in one.vocabulary]
    return {**state, "target_model": one.target_model, "vocabulary": words}
