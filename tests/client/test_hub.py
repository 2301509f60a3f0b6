"""What recognitions share: as which account they count."""

import pytest

from paraformer_async._client.hub import _account
from paraformer_async.options.options import Options

FUN = "fun-asr-realtime"


def key() -> str:
    """Return a key."""
    return "one"


class Vault:
    """Returns keys, and has no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> str:
        """Return a key."""
        return "one"


VAULT = Vault()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a key and no address."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "one")
    monkeypatch.delenv("DASHSCOPE_WEBSOCKET_BASE_URL", raising=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Options(api_key="one"), Options()),
        (Options(api_key="one"), Options(api_key="one", region="cn-beijing")),
        (Options(endpoint="ws://a"), Options(endpoints=["ws://a", "ws://b"])),
        (Options(api_key=key), Options(api_key=key, model=FUN)),
        (Options(api_key=VAULT), Options(api_key=VAULT)),
    ],
)
def test_the_same_account(one: Options, other: Options) -> None:
    """The key and the preferred address are the account, however they are given."""
    assert _account(one) == _account(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Options(api_key="one"), Options(api_key="two")),
        (Options(api_key=VAULT), Options(api_key=Vault())),
        (Options(endpoints=["ws://a"]), Options(endpoints=["ws://b"])),
        (Options(model=FUN, region="cn-beijing"), Options(model=FUN, region="ap-southeast-1")),
    ],
)
def test_another_account(one: Options, other: Options) -> None:
    """Another key or address is another account."""
    assert _account(one) != _account(other)
