"""Lists of hot words by the facade, beside the vendor's own class, with the local service."""

from collections.abc import Callable
from typing import Any

import pytest

import paraformer_async.dashscope as facade
from paraformer_async.dashscope import VocabularyService, VocabularyServiceException
from paraformer_async.server import LocalServer

vendor = pytest.importorskip("dashscope.audio.asr")
dashscope = pytest.importorskip("dashscope")

WORDS = [{"text": "云", "weight": 4}]
MODEL = "paraformer-realtime-v2"
Service = Callable[..., Any]


@pytest.fixture
def http(local_server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the HTTP address of the local service, which both packages use."""
    address = local_server.url.replace("ws://", "http://").replace(
        "/api-ws/v1/inference", "/api/v1"
    )
    for package in (facade, dashscope):
        monkeypatch.setattr(package, "base_http_api_url", address)
        monkeypatch.setattr(package, "api_key", "any")
    return address


def life(make: Service) -> list[Any]:
    """Return what the calls from the creation to the end of a list return."""
    service = make()
    notes: list[Any] = [service.get_last_request_id(), service.model]
    name = service.create_vocabulary(MODEL, "testpfx", WORDS)
    notes += [name.startswith("vocab-testpfx-"), len(service.get_last_request_id())]
    found = service.query_vocabulary(name)
    notes.append({key: found[key] for key in ("vocabulary", "target_model", "status")})
    notes.append([one.keys() for one in service.list_vocabularies()])
    notes.append([one["status"] for one in service.list_vocabularies("testpfx", 0, 5)])
    notes.append(service.list_vocabularies("otherpfx"))
    notes.append(service.list_vocabularies(page_index=1))
    notes.append(service.update_vocabulary(name, [{"text": "雨", "weight": 2}]))
    notes.append(service.query_vocabulary(name)["vocabulary"])
    notes.append(service.delete_vocabulary(name))
    for call in (
        lambda: service.query_vocabulary(name),
        lambda: service.create_vocabulary(MODEL, "Bad Prefix", WORDS),
        lambda: service.create_vocabulary(MODEL, "testpfx", [{"text": "云", "weight": 9}]),
    ):
        with pytest.raises(Exception, match="Status Code") as raised:
            call()
        notes.append((type(raised.value).__name__, str(raised.value).partition(",")[2]))
    return notes


@pytest.mark.usefixtures("http")
def test_arguments_of_the_service() -> None:
    """An empty workspace is the default one, and the limit of a request is in seconds."""
    expected, actual = (
        package.VocabularyService(workspace="", request_timeout=5).list_vocabularies()
        for package in (vendor, facade)
    )
    assert expected == actual
    with pytest.raises(VocabularyServiceException, match="DeadlineError"):
        VocabularyService(request_timeout=1e-6).list_vocabularies()


@pytest.mark.usefixtures("http")
def test_the_life_of_a_list() -> None:
    """All actions return and raise the same with both."""
    assert life(VocabularyService) == life(vendor.VocabularyService)


def test_arguments(http: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address may be arguments; without a service, the one exception is raised."""
    monkeypatch.setattr(facade, "base_http_api_url", None)
    monkeypatch.setattr(facade, "api_key", None)
    service = VocabularyService("key", base_address=http, headers={"X-Trace": "7"})
    assert service.list_vocabularies() == []
    nobody = VocabularyService("key", base_address="http://127.0.0.1:1/api/v1")
    with pytest.raises(VocabularyServiceException, match="Status Code: -1") as raised:
        nobody.create_vocabulary(MODEL, "testpfx", WORDS)
    assert "key" not in str(raised.value).replace("keys", "")
