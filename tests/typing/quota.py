"""A quota of one's own. Checked for its types only, never run."""

from typing import assert_type

from paraformer_async import AsyncRecognizer
from paraformer_async.quota import Quota, QuotaGrant, QuotaKey


class Grant:
    """Counts nothing."""

    @property
    def is_valid(self) -> bool:
        """Never expire."""
        return True

    def use(self) -> None:
        """Count nothing."""

    def give_back(self) -> None:
        """Count nothing."""


class Unlimited:
    """Grants all."""

    async def take(self, key: QuotaKey) -> Grant:
        """Grant it."""
        assert_type(key.per_second, int)
        return Grant()


async def taken(quota: Quota) -> None:
    """A quota returns grants."""
    grant = await quota.take(QuotaKey(account=1, endpoint="wss://h", model="m", per_second=20))
    assert_type(grant, QuotaGrant)
    assert_type(grant.is_valid, bool)


def passed_on() -> AsyncRecognizer:
    """An object with the methods of the contract is a quota; its class is not."""
    AsyncRecognizer(quota=Unlimited)  # type: ignore[arg-type]
    return AsyncRecognizer(quota=Unlimited())
