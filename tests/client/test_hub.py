"""What recognitions share: the account as which they count, and where they wait for it."""

from pathlib import Path

import pytest

from paraformer_async._client.hub import Hub, _account
from paraformer_async._net.contract import TransportFactory
from paraformer_async._net.identity import account_of
from paraformer_async.options.options import Options
from paraformer_async.options.policies import PoolLimits

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


class Standing:
    """Returns a key that stands for another one, as a temporary token does."""

    def __init__(self, lasting: str | None) -> None:
        self._lasting = lasting

    async def __call__(self) -> str:
        """Return the key for connections."""
        return "st-1"

    def account(self) -> int:
        """Stand for the other key."""
        return account_of(self._lasting)

    def discard(self, token: str) -> None:
        """Never used."""


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
        (Options(api_key=Standing("one")), Options(api_key="one")),
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
        (Options(api_key=key), Options(api_key="one")),
        (Options(endpoints=["ws://a"]), Options(endpoints=["ws://b"])),
        (Options(model=FUN, region="cn-beijing"), Options(model=FUN, region="ap-southeast-1")),
    ],
)
def test_another_account(one: Options, other: Options) -> None:
    """Another key or address is another account."""
    assert _account(one) != _account(other)


def test_a_key_that_cannot_be_read_is_an_account_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A token that is still valid is used, even if the key behind it cannot be read any longer."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    monkeypatch.setenv("DASHSCOPE_API_KEY_FILE_PATH", str(tmp_path / "none"))
    assert _account(Options(api_key=Standing(None))) != _account(Options(api_key="one"))


def no_factory() -> TransportFactory:
    """Fail: nothing connects."""
    raise AssertionError


@pytest.mark.anyio
async def test_each_address_is_waited_for_by_itself() -> None:
    """What one address throttles slows down only those that prefer it, however it is given."""
    hub = Hub(PoolLimits(), no_factory)
    await hub.start()
    try:
        first, second, one = (
            hub._slowdown(_account(options), options)
            for options in (
                Options(endpoints=["ws://a", "ws://c"]),
                Options(endpoints=["ws://b", "ws://c"]),
                Options(endpoint="ws://a"),
            )
        )
        assert first is one
        assert first is not second
        beijing, singapore = (
            hub._slowdown(_account(options), options)
            for options in (
                Options(model=FUN, region="cn-beijing"),
                Options(model=FUN, region="ap-southeast-1"),
            )
        )
        assert beijing is not singapore
    finally:
        await hub.aclose()
