"""The command `paraformer-async models`: the tables of models and parameters, as text."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from paraformer_async.cli import completing
from paraformer_async.cli.options import DebugOption
from paraformer_async.cli.output import write_result
from paraformer_async.cli.running import exit_with
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.models import MODELS, Model
from paraformer_async.options.parameters import PARAMETERS

__all__ = ["models", "page_of_model", "table_of_models"]

_HEADING = ("model", "Hz", "languages", "regions", "tasks/min", "billed by", "context")
_PARAMETERS = ("parameter", "default", "")
_NOTHING = "-"


def models(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", hidden=True, autocompletion=completing.models),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """
    List the models that are known, or what one MODEL takes.

    Example: paraformer-async models paraformer-realtime-v2
    """

    async def run() -> int:
        write_result(table_of_models() if model is None else page_of_model(model))
        return 0

    exit_with(run, debug=debug)


def table_of_models() -> str:
    """Return one line for each model: its rate, languages, regions, quota and unit of the bill."""
    return _aligned([_HEADING, *map(_facts, MODELS.values())])


def page_of_model(name: str) -> str:
    """
    Return the facts of a model, and the parameters that it takes.

    Raises:
        InvalidOptionError: It is in neither table.
    """
    model = MODELS.get(name)
    if model is None:
        raise InvalidOptionError(
            "MODEL",  # the argument, not an option
            f"{name!r} is not in the table, so its parameters are passed on unchecked",
            hint="paraformer-async models lists those that are",
        )
    rows = [
        (one.name, _NOTHING if one.default is None else str(one.default), one.doc)
        for one in PARAMETERS.values()
        if one.name in model.parameters
    ]
    return f"{_aligned([_HEADING, _facts(model)])}\n{_aligned([_PARAMETERS, *rows])}"


def _facts(model: Model) -> tuple[str, ...]:
    return (
        model.name,
        _any(model.sample_rate),
        _any(model.languages and " ".join(model.languages)),
        " ".join(model.regions),
        str(model.tasks_per_minute),
        model.billing.value,
        "yes" if "context" in model.parameters else _NOTHING,
    )


def _any(limit: object) -> str:
    return "any" if limit is None else str(limit)


def _aligned(rows: Iterable[Sequence[str]]) -> str:
    """Return *rows* as lines, with their columns aligned."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "".join(f"{line}\n" for line in lines)
