"""Directives for the tables of the code: `models`, `error-catalogue`, `waits`."""

import inspect
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from paraformer_async.errors import catalogue
from paraformer_async.errors.catalogue import CATALOGUE, WAITS, Row
from paraformer_async.options import models
from paraformer_async.options.models import MODELS, Model
from paraformer_async.options.parameters import PARAMETERS

NOTHING = "–"


def setup(app: Sphinx) -> None:
    """Add the directives."""
    for name, made in (
        ("models", Models),
        ("error-catalogue", Catalogue),
        ("waits", Waits),
    ):
        app.add_directive(name, made)


class Models(SphinxDirective):
    """A table of all models, and a section with the facts of each."""

    def run(self) -> list[nodes.Node]:
        """Return the nodes."""
        self.env.note_dependency(inspect.getfile(models))
        heading = ("Model", "Hz", "Languages", "Regions", "Tasks a minute", "Billed by")
        rows = [
            (
                f"`{one.name} <#{one.name.replace('.', '-')}>`__",
                listed([one.sample_rate] if one.sample_rate else None),
                listed(one.languages),
                listed(one.regions),
                str(one.tasks_per_minute),
                one.billing.value,
            )
            for one in MODELS.values()
        ]
        lines = [*table(heading, rows), *(line for one in MODELS.values() for line in about(one))]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def listed(values: Iterable[object] | None) -> str:
    """Return values in one cell."""
    return "any" if values is None else ", ".join(map(str, values))


def about(model: Model) -> Iterator[str]:
    """Yield the lines of the section about a model."""
    yield from ("", model.name, "-" * len(model.name), "")
    taken = [one for one in PARAMETERS.values() if one.name in model.parameters]
    hints = model.language_hints
    yield f":Sample rate: {f'{model.sample_rate} Hz only' if model.sample_rate else 'any'}"
    yield f":Languages: {listed(model.languages)}"
    if "language_hints" in model.parameters:
        yield f":Language hints: {'any number' if hints is None else f'{hints} at most'}"
    yield f":Regions: {', '.join(f'``{one}``' for one in model.regions)}"
    yield f":Quota: {model.tasks_per_minute} tasks a minute"
    yield f":Billed by: {model.billing.value}"
    if model.emotion:
        yield ":Emotion: of final sentences, unless semantic punctuation is on"
    if model.translations:
        yield ":Results: transcriptions and translations, not sentences"
    yield f":Parameters: {', '.join(f'``{one.name}=``' for one in taken)}"


class Catalogue(SphinxDirective):
    """A table of the failures of the service: how they are recognized, and what follows."""

    def run(self) -> list[nodes.Node]:
        """Return the table; neighboring rows with the same hint are one."""
        self.env.note_dependency(inspect.getfile(catalogue))
        rows = [
            (", ".join(map(sign, same)), retried(retryable, throttled), hint or NOTHING)
            for (retryable, throttled, hint), same in groupby(CATALOGUE, key=consequence)
        ]
        heading = ("The service reports", "Another attempt", "What to do")
        return self.parse_text_to_nodes("\n".join(table(heading, rows)))


def consequence(row: Row) -> tuple[bool, bool, str]:
    """Return what follows from a failure."""
    return row.retryable, row.throttled, row.hint


def sign(row: Row) -> str:
    """Return by what a failure is recognized."""
    signs = [f"``{row.code}``"] if row.code else []
    signs += [f"“{row.message}”"] if row.message else []
    signs += [f"HTTP {span(row.status)}"] if row.status else []
    signs += [f"close code {span(row.close)}"] if row.close else []
    return " with ".join(signs)


def span(codes: Collection[int]) -> str:
    """Return codes, or the first and the last one of a range."""
    if isinstance(codes, range):
        return f"{codes[0]} to {codes[-1]}"
    return ", ".join(map(str, sorted(codes)))


def retried(retryable: bool, throttled: bool) -> str:
    """Return whether another attempt follows."""
    if throttled:
        return "yes, when there is quota"
    return "yes" if retryable else "no"


class Waits(SphinxDirective):
    """A table of the waits that are bounded."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.env.note_dependency(inspect.getfile(catalogue))
        rows = [
            (f"``{phase}``", wait.what, retried(wait.retryable, False), f"``{wait.setting}``")
            for phase, wait in WAITS.items()
        ]
        heading = ("Phase", "What happened", "Another attempt", "Setting")
        return self.parse_text_to_nodes("\n".join(table(heading, rows)))


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield from ("", ".. list-table::", "   :header-rows: 1", "")
    for row in (heading, *rows):
        yield from (f"   {'  -' if number else '* -'} {cell}" for number, cell in enumerate(row))
