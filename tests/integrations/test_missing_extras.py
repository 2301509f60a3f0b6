"""Integrations without the framework that they are for."""

import sys
import tomllib
from pathlib import Path

import pytest

from paraformer_async import MissingExtraError
from paraformer_async.integrations.otel import Telemetry
from paraformer_async.integrations.ray import RayQuota, transcribe_dataset
from paraformer_async.quota import QuotaKey

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def without_frameworks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the imports fail, as where the extras are not installed."""
    for name in ("ray", "ray.data", "opentelemetry.trace", "opentelemetry.metrics"):
        monkeypatch.setitem(sys.modules, name, None)


def assert_names_the_extra(error: MissingExtraError, extra: str = "ray") -> None:
    """Assert that the error names an extra that exists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert extra == error.extra
    assert error.extra in project["optional-dependencies"]


def test_a_dataset_needs_ray() -> None:
    """Without Ray, the error names the extra."""
    with pytest.raises(MissingExtraError, match="Ray needs packages") as caught:
        transcribe_dataset(object())
    assert_names_the_extra(caught.value)


def test_telemetry_needs_opentelemetry() -> None:
    """Without OpenTelemetry, the error names the extra, when the observer is made."""
    with pytest.raises(MissingExtraError, match="OpenTelemetry needs packages") as caught:
        Telemetry()
    assert_names_the_extra(caught.value, "otel")


@pytest.mark.anyio
async def test_a_quota_of_ray_needs_ray() -> None:
    """It can be created anywhere; without Ray, nothing is granted, and the error says why."""
    quota = RayQuota("account")
    with pytest.raises(MissingExtraError, match="Ray needs packages") as caught:
        await quota.take(QuotaKey(account=1, endpoint="ws://a", model="m", per_second=20))
    assert_names_the_extra(caught.value)
