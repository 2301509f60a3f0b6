"""What recognitions share: the account as which they count, and where they wait for it."""

import pytest

from paraformer_async._client.hub import Hub, _account
from paraformer_async._net.contract import TransportFactory
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
            hub._slowdown(options)
            for options in (
                Options(endpoints=["ws://a", "ws://c"]),
                Options(endpoints=["ws://b", "ws://c"]),
                Options(endpoint="ws://a"),
            )
        )
        assert first is one
        assert first is not second
        beijing, singapore = (
            hub._slowdown(Options(model=FUN, region=region))
            for region in ("cn-beijing", "ap-southeast-1")
        )
        assert beijing is not singapore
    finally:
        await hub.aclose()
