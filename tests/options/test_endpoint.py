"""Where the service is: options, the vendor's variables, regions, and what a region offers."""

from pathlib import Path
from typing import Any

import pytest

from paraformer_async import AsyncRecognizer, InvalidOptionError
from paraformer_async.options.endpoint import http_address, key_hint, region_of
from paraformer_async.options.environment import default_key
from paraformer_async.options.models import MODELS
from paraformer_async.options.options import Options

SOCKET = "/api-ws/v1/inference"
BEIJING = f"wss://dashscope.aliyuncs.com{SOCKET}"
SINGAPORE = f"wss://dashscope-intl.aliyuncs.com{SOCKET}"
OF_WORKSPACE = f"wss://ws-1.cn-beijing.maas.aliyuncs.com{SOCKET}"
BOTH = "qwen-audio-3.1-asr-flash-streaming"  # offered in both regions


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the variables of the service, and use an empty home directory."""
    for name in (
        *("API_KEY", "API_KEY_FILE_PATH", "WEBSOCKET_BASE_URL", "HTTP_BASE_URL", "BASE_URL"),
        *("WORKSPACE", "WORKSPACE_ID", "REGION", "API_REGION"),
    ):
        monkeypatch.delenv(f"DASHSCOPE_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def setenv(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """Set variables of the vendor."""
    for name, value in variables.items():
        monkeypatch.setenv(f"DASHSCOPE_{name}", value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, BEIJING),
        ({"region": "cn-beijing"}, BEIJING),
        ({"region": "ap-southeast-1"}, SINGAPORE),
        ({"workspace": "ws-1"}, OF_WORKSPACE),
        (
            {"region": "ap-southeast-1", "workspace": "ws_2"},
            f"wss://ws_2.ap-southeast-1.maas.aliyuncs.com{SOCKET}",
        ),
        ({"endpoint": "ws://h/x?y=z", "workspace": "ws-1"}, "ws://h/x?y=z"),
        ({"endpoints": ["ws://a", "ws://b"], "workspace": "ws-1"}, "ws://a"),
        ({"endpoint": "ws://h", "endpoints": ["ws://a"]}, "ws://h"),
        ({"endpoint": "ws://h", "region": "ap-southeast-1"}, "ws://h"),
    ],
    ids=str,
)
def test_the_options_give_the_address(given: dict[str, Any], url: str) -> None:
    """An endpoint is used as it is; otherwise region and workspace give the address."""
    assert url == Options(model=BOTH, **given).url


@pytest.mark.parametrize(
    ("variables", "given", "url"),
    [
        ({"REGION": "ap-southeast-1", "API_REGION": "cn-beijing"}, {}, SINGAPORE),
        ({"API_REGION": "ap-southeast-1"}, {}, SINGAPORE),
        ({"API_REGION": "ap-southeast-1"}, {"region": "cn-beijing"}, BEIJING),
        ({"WORKSPACE": "ws-1", "WORKSPACE_ID": "ws-2"}, {}, OF_WORKSPACE),
        ({"WORKSPACE_ID": "ws-1"}, {}, OF_WORKSPACE),
        ({"WORKSPACE_ID": "ws-2"}, {"workspace": "ws-1"}, OF_WORKSPACE),
        ({"WORKSPACE": "ws-1"}, {"region": "cn-beijing"}, OF_WORKSPACE),
        ({"WEBSOCKET_BASE_URL": "ws://v", "REGION": "x", "WORKSPACE": "ws-1"}, {}, "ws://v"),
        ({"WEBSOCKET_BASE_URL": "ws://v"}, {"workspace": "ws-1"}, "ws://v"),
        ({"WEBSOCKET_BASE_URL": "ws://v"}, {"region": "ap-southeast-1"}, SINGAPORE),
        ({"WEBSOCKET_BASE_URL": "ws://v"}, {"endpoint": "ws://h"}, "ws://h"),
    ],
    ids=str,
)
def test_the_environment_gives_what_the_options_do_not(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], given: dict[str, Any], url: str
) -> None:
    """An option wins over its variable; the address of the environment, over its parts."""
    setenv(monkeypatch, variables)
    assert url == Options(model=BOTH, **given).url


def test_the_workspace_of_the_environment_belongs_to_its_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The workspace of the environment is sent, but not to an endpoint from elsewhere."""
    monkeypatch.setenv("DASHSCOPE_WORKSPACE_ID", "ws-1")
    assert "ws-1" == Options().workspace_id
    assert "ws-2" == Options(workspace="ws-2").workspace_id
    assert Options(endpoint="ws://h").workspace_id is None
    assert Options(endpoints=["ws://h"]).workspace_id is None


@pytest.mark.parametrize("name", ["REGION", "API_REGION", "WORKSPACE", "WORKSPACE_ID"])
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What could not be part of a hostname is refused by the name of its variable."""
    setenv(monkeypatch, {name: "evil.example/"})
    with pytest.raises(InvalidOptionError) as caught:
        _ = Options().url
    assert f"DASHSCOPE_{name}" == caught.value.option


def test_a_region_without_a_shared_gateway_needs_a_workspace() -> None:
    """A region that is known for its workspaces only is refused without one."""
    with pytest.raises(InvalidOptionError, match="pass workspace=") as caught:
        Options(model="unknown", region="eu-central-1")
    assert "region" == caught.value.option
    options = Options(model="unknown", region="eu-central-1", workspace="ws-1")
    assert "wss://ws-1.eu-central-1.maas." in options.url


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_refused_where_it_is_not_offered(model: str) -> None:
    """A model is accepted in each of its regions, and refused in others."""
    offered = MODELS[model].regions
    for region, endpoint in (("cn-beijing", BEIJING), ("ap-southeast-1", SINGAPORE)):
        for given in ({"region": region}, {"endpoint": endpoint}, {"endpoints": [endpoint]}):
            if region in offered:
                AsyncRecognizer(model, **given)  # type: ignore[arg-type]
                continue
            with pytest.raises(InvalidOptionError, match=f"{model} is offered in cn-b") as caught:
                AsyncRecognizer(model, **given)  # type: ignore[arg-type]
            assert "model" == caught.value.option
            assert BOTH in str(caught.value)


def test_a_region_of_the_environment_is_checked_before_connecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The region of the environment counts once the address is needed."""
    options = Options()
    monkeypatch.setenv("DASHSCOPE_REGION", "ap-southeast-1")
    with pytest.raises(InvalidOptionError, match="not in ap-southeast-1"):
        _ = options.url


def test_what_is_not_known_is_passed_on() -> None:
    """Neither an unknown model nor an endpoint of unknown region is refused."""
    assert SINGAPORE == Options(model="later", region="ap-southeast-1").url
    assert "ws://h" == Options(endpoint="ws://h").url
    with pytest.raises(InvalidOptionError, match="not in ap-southeast-1"):
        Options(endpoint="ws://h", region="ap-southeast-1")


def test_the_region_of_an_address() -> None:
    """Shared gateways and domains of workspaces have a region; any other address has the given."""
    assert "cn-beijing" == region_of(BEIJING)
    assert "ap-southeast-1" == region_of(SINGAPORE)
    assert "eu-x" == region_of("wss://ws.eu-x.maas.aliyuncs.com./")
    assert region_of("wss://dashscope.aliyuncs.com.evil.example") is None
    assert "eu-x" == region_of("wss://h", "eu-x")
    with pytest.raises(InvalidOptionError, match="the endpoint is in cn-beijing"):
        region_of(BEIJING, "ap-southeast-1")


def test_the_hint_for_a_refused_key_names_the_region() -> None:
    """A key may be right, but of another region: the hint names that of the endpoint."""
    assert "the endpoint is in cn-beijing" in key_hint(BEIJING)
    assert "region='ap-southeast-1'" in key_hint(BEIJING)
    assert "region='cn-beijing'" in key_hint(SINGAPORE)
    assert "" == key_hint("ws://h")


@pytest.mark.parametrize(
    ("variables", "given", "expected"),
    [
        ({}, (None, None, None), "https://dashscope.aliyuncs.com/api/v1"),
        (
            {},
            (None, "ap-southeast-1", None),
            "https://dashscope-intl.aliyuncs.com/api/v1",
        ),
        ({}, (None, None, "ws-1"), "https://ws-1.cn-beijing.maas.aliyuncs.com/api/v1"),
        ({}, ("https://h/api/v1/?a=b", None, None), "https://h/api/v1?a=b"),
        ({}, ("https://h", None, None), "https://h/api/v1"),
        ({}, (f"ws://h:1/before{SOCKET}?a=b", None, None), "http://h:1/before/api/v1?a=b"),
        ({}, ("wss://h", None, None), "https://h/api/v1"),
        ({"WEBSOCKET_BASE_URL": f"ws://v:1{SOCKET}"}, (None, None, None), "http://v:1/api/v1"),
        (
            {"HTTP_BASE_URL": "https://v/api/v1", "WEBSOCKET_BASE_URL": "ws://w"},
            (None, None, None),
            "https://v/api/v1",
        ),
        (
            {"BASE_URL": "https://v2/api/v1", "HTTP_BASE_URL": "https://v1/api/v1"},
            (None, None, None),
            "https://v2/api/v1",
        ),
        (
            {"BASE_URL": "https://v2/api/v1"},
            (None, "cn-beijing", None),
            "https://dashscope.aliyuncs.com/api/v1",
        ),
    ],
    ids=str,
)
def test_the_address_of_http_requests(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    given: tuple[str | None, str | None, str | None],
    expected: str,
) -> None:
    """HTTP requests go to the host of the WebSockets, unless an address of their own is given."""
    setenv(monkeypatch, variables)
    assert expected == http_address(*given)


def test_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key is that of a variable, of the file that a variable names, or of the default file."""
    assert "" == default_key()
    folder = tmp_path / ".dashscope"
    folder.mkdir()
    (folder / "api_key").write_text("of the default file\n", encoding="utf-8")
    assert "of the default file" == default_key()
    (tmp_path / "key").write_text("  of the file\r\n", encoding="utf-8")
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", "~/key")
    assert "of the file" == default_key()
    monkeypatch.setenv("DASHSCOPE_API_KEY", "of the variable")
    assert "of the variable" == default_key()


def test_there_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a home directory there is no default file, and that is no error."""

    def no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert "" == default_key()


def test_a_key_file_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that is named, but missing or not text, is reported by its name, without content."""
    path = tmp_path / "key"
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", str(path))
    with pytest.raises(InvalidOptionError, match="No such file"):
        default_key()
    path.write_bytes(b"secret\xff")
    with pytest.raises(InvalidOptionError, match="not text in UTF-8") as caught:
        default_key()
    assert str(path) in str(caught.value)
    assert caught.value.__context__ is None
