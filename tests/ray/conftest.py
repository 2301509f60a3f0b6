"""A Ray cluster on this machine, and a service that it uses."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before Ray is imported: the cluster is of this test run alone, and reports to nobody.
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}

import ray
import ray.data

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Path]:
    """Start Ray with two cores and little memory; return the folder of its logs."""
    context = ray.init(
        num_cpus=2,
        object_store_memory=100 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        # Workers find this checkout and the helpers of the tests.
        runtime_env={"env_vars": {"PYTHONPATH": str(REPOSITORY)}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        yield Path(context.address_info["session_dir"]) / "logs"
    finally:
        ray.shutdown()
