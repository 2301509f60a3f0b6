"""
A job that transcribes files with a checkpoint, as a program: it is killed, and started again.

    python _job.py FOLDER ENDPOINT
"""

import os
import sys
from pathlib import Path

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}

import ray.data
from ray.data.checkpoint import CheckpointConfig

from paraformer_async import PoolLimits
from paraformer_async.integrations.ray import transcribe_dataset


def main(folder: Path, endpoint: str) -> None:
    """Transcribe the files in *folder* that were not transcribed before."""
    ray.init(num_cpus=4, object_store_memory=100 * 2**20, include_dashboard=False)
    context = ray.data.DataContext.get_current()
    context.checkpoint_config = CheckpointConfig(
        id_column="path", checkpoint_path=str(folder / "checkpoint")
    )
    files = ray.data.read_binary_files(
        str(folder / "audio"), include_paths=True, override_num_blocks=10
    )
    done = transcribe_dataset(
        files,
        "bytes",
        concurrency=1,
        files_at_once=2,
        options={
            "endpoint": endpoint,
            "api_key": "any",
            "pool": PoolLimits(tasks_per_second=10),
        },
    )
    done.write_parquet(str(folder / "transcripts"))


main(Path(sys.argv[1]), sys.argv[2])
