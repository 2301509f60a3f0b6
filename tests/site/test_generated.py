"""What the site has from the data of the code is what the data says."""

import re
from html import unescape
from pathlib import Path

import pytest
import typer.main

from paraformer_async.cli.app import app
from paraformer_async.errors.catalogue import CATALOGUE, WAITS
from paraformer_async.options.models import MODELS
from paraformer_async.options.options import Overrides
from paraformer_async.options.parameters import PARAMETERS
from paraformer_async.sync.recognizer import RecognizerOptions


def text_of(site: Path, page: str) -> str:
    """Return the text of a page of the reference."""
    html = (site / "docs" / "reference" / f"{page}.html").read_text("utf-8")
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", html)))


@pytest.mark.parametrize("option", RecognizerOptions.__annotations__)
def test_every_option_has_an_entry(site: Path, option: str) -> None:
    """Each option has one entry, with its type, its default and where it can be passed."""
    page = (site / "docs" / "reference" / "options.html").read_text("utf-8")
    owner = "Overrides" if option in Overrides.__annotations__ else "RecognizerOptions"
    assert len(re.findall(rf'id="[a-z_.]*\.{owner}\.{option}"', page)) == 1
    entry = re.search(rf" {option}: [^¶]+¶(.*?)¶", text_of(site, "options") + "¶")
    assert entry
    assert re.search(r"Default: \S.* For: the recognizer", entry[1])


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_section(site: Path, name: str) -> None:
    """Each model has a section with all its parameters."""
    section = text_of(site, "models").partition(f"{name}¶")[2].partition("¶")[0]
    assert "Sample rate" in section
    taken = set(re.findall(r"(\w+)=", section))
    assert {one for one in PARAMETERS if one in MODELS[name].parameters} == taken


def test_every_failure_is_in_the_catalog(site: Path) -> None:
    """Each row of the catalog and each wait is on the page, with what to do."""
    page = text_of(site, "catalogue")
    for row in CATALOGUE:
        for part in (row.code, row.message, row.hint.replace("`", "").replace("'", "’")):
            assert part in page
    for phase, wait in WAITS.items():
        assert phase in page
        assert wait.setting in page


def test_every_command_is_shown(site: Path) -> None:
    """Each command of the command line is on its page, with its help."""
    page = text_of(site, "cli")
    commands = getattr(typer.main.get_command(app), "commands", {})
    assert commands
    for name, command in commands.items():
        assert f"Usage: paraformer-async {name} " in page
        for sub in getattr(command, "commands", {}):
            assert f"Usage: paraformer-async {name} {sub} " in page


def test_the_phases_are_drawn(site: Path) -> None:
    """The page of the design has the drawing of the phases itself, in the colors of the theme."""
    page = (site / "docs" / "design.html").read_text("utf-8")
    drawn = (Path(__file__).parents[2] / "docs" / "phases.svg").read_text("utf-8")
    assert drawn.strip() in page
