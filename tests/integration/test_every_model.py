"""Each model of both tables, over a real socket against the local service."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from paraformer_async import AsyncRecognizer, InvalidOptionError
from paraformer_async._core.messages import RunTask
from paraformer_async.options.context import context_to_send
from paraformer_async.options.models import MODELS, rate_of, taking
from paraformer_async.options.parameters import PARAMETERS, Place
from paraformer_async.server import LocalServer
from paraformer_async.server._task import LocalTask
from tests.options.values import VALUES

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LIMIT = 20  # seconds until a test gives up
CHECKED = [name for name, row in PARAMETERS.items() if row.checked]


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[RunTask]:
    """Return the tasks that the local service accepts, as it has received them."""
    tasks: list[RunTask] = []
    open_task = LocalTask.open

    async def record(request: RunTask, *args: Any) -> LocalTask:
        tasks.append(request)
        return await open_task(request, *args)

    monkeypatch.setattr(LocalTask, "open", record)
    return tasks


def all_of(model: str) -> dict[str, Any]:
    """Return a value for every parameter that *model* takes."""
    given = {name: value for name, value in VALUES.items() if name in MODELS[model].parameters}
    return given | {"format": "pcm", "sample_rate": rate_of(model)}


async def twice(speech: bytes) -> AsyncIterator[bytes]:
    """Yield *speech* in two pieces."""
    yield speech[:3200]
    yield speech[3200:]


@pytest.mark.parametrize("model", MODELS)
async def test_a_recognition_with_all_that_it_takes(
    model: str, server: LocalServer, received: list[RunTask], speech: bytes
) -> None:
    """Every parameter that the model takes is accepted, and arrives at its place, as it was set."""
    given = all_of(model)
    async with AsyncRecognizer(model, endpoint=server.url, api_key="any") as recognizer:
        with anyio.fail_after(LIMIT):
            results = [one async for one in recognizer.stream(twice(speech), **given)]
    (task,) = received
    sent = {name: one for name, one in given.items() if PARAMETERS[name].place is Place.PARAMETERS}
    assert (model, sent) == (task.model, task.parameters)
    hot_words = {one.resource_id for one in task.resources}
    assert ({given["phrase_id"]} if "phrase_id" in given else set()) == hot_words
    context = {"context": context_to_send(given["context"])} if "context" in given else {}
    assert context == task.input
    assert any(one.is_final for one in results)


@pytest.mark.parametrize("model", MODELS)
async def test_what_it_does_not_take_is_refused(
    model: str, server: LocalServer, received: list[RunTask]
) -> None:
    """Every other parameter is refused before connecting, by an error that names who takes it."""
    others = [name for name in CHECKED if name not in MODELS[model].parameters]
    assert others
    async with AsyncRecognizer(model, endpoint=server.url, api_key="any") as recognizer:
        for name in others:
            with pytest.raises(InvalidOptionError) as caught:
                recognizer.stream(**{name: VALUES[name]})
            assert (name, True) == (caught.value.option, model in caught.value.reason)
            assert all(other in caught.value.hint for other in taking(name))
        assert 0 == recognizer.statistics().active
    assert [] == received
