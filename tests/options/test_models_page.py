"""The page of models has the facts of the tables."""

import re
from pathlib import Path

import pytest

from paraformer_async.cli.models import table_of_models
from paraformer_async.options.models import MODELS, taking
from paraformer_async.options.parameters import PARAMETERS

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in re.findall(r"^\| (`.*) \|$", PAGE, re.MULTILINE)
    for cells in [line.split(" | ")]
}


def test_the_page_has_the_rows_of_the_tables() -> None:
    """Every model and every parameter has a row, in the order of the tables, and nothing else."""
    checked = [name for name, row in PARAMETERS.items() if row.checked]
    assert [*MODELS, *checked] == list(ROWS)


@pytest.mark.parametrize("name", MODELS)
def test_the_facts_of_a_model(name: str) -> None:
    """Rate, languages, regions, quota, bill and context are those of the table."""
    model = MODELS[name]
    rate = "any" if model.sample_rate is None else str(model.sample_rate)
    languages = "any" if model.languages is None else ", ".join(model.languages)
    facts = [rate, languages, ", ".join(model.regions)]
    facts += [str(model.tasks_per_minute), model.billing.value]
    assert [*facts, "yes" if "context" in model.parameters else "–"] == ROWS[name]


def test_the_command_prints_the_columns_of_the_page() -> None:
    """The first table of the page has the columns that `paraformer-async models` prints."""
    heading = next(line for line in PAGE.splitlines() if line.startswith("|"))
    columns = heading.replace("tasks a minute", "tasks/min").strip("| ").split(" | ")
    printed = table_of_models().splitlines()[0]
    assert columns == re.split(r" {2,}", printed)


@pytest.mark.parametrize("name", [name for name, row in PARAMETERS.items() if row.checked])
def test_the_facts_of_a_parameter(name: str) -> None:
    """Limits and default are those of the table, and so are the models that take it."""
    row = PARAMETERS[name]
    limits, default, models = ROWS[name]
    assert (row.kind.limits or row.kind.annotation.replace("|", "or")) == limits
    assert ("–" if row.default is None else str(row.default)) == default
    named = set(re.findall(r"`(.*?)`", models))
    expected = set(MODELS) - named if models.startswith("all") else named
    assert set(taking(name)) == expected
