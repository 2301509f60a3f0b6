"""docs/troubleshooting.md is correct: each error that it shows is provoked, and reads as shown."""

import re
from pathlib import Path

import pytest

import paraformer_async
from paraformer_async import ParaformerError
from paraformer_async.server import LocalServer
from tests.pages import before_sending, failing_tasks, without_connection  # noqa: F401 - register
from tests.pages.provoking import PROVOCATIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
SHOWN = dict(re.findall(r"^### (.+)\n\n```text\n(\w+Error: .*)\n```$", PAGE, re.MULTILINE))


def public_name(error: ParaformerError) -> str:
    """Return the name under which an error is caught."""
    names = (kind.__name__ for kind in type(error).__mro__)
    return next(name for name in names if name in paraformer_async.__all__)


@pytest.mark.anyio
@pytest.mark.parametrize("symptom", PROVOCATIONS)
async def test_an_error_of_the_page(
    symptom: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What leads to the error of a section raises it, with the text that the page shows."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    async with LocalServer("scripted") as service:
        monkeypatch.setenv("DASHSCOPE_API_KEY", "any")
        monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", service.url)
        with pytest.raises(ParaformerError) as caught:
            await PROVOCATIONS[symptom](monkeypatch)

    text = re.sub(r" \[request id \w+\]$", "", f"{public_name(caught.value)}: {caught.value}")
    assert text.replace("0.23 seconds", "23 seconds") == SHOWN[symptom]  # its clock is faster


def test_every_error_of_the_page_is_provoked() -> None:
    """No section shows an error that is not provoked, and all provocations are of the page."""
    assert SHOWN.keys() == PROVOCATIONS.keys()
    assert len(SHOWN) == PAGE.count("Error: ")
