"""
A cluster of three nodes, one of which is cut off while it transcribes, as a program.

    python _nodes.py FOLDER ENDPOINT

Writes the rows of the result to `rows.json` there.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}

import ray.data
from ray.cluster_utils import Cluster

from paraformer_async import PoolLimits
from paraformer_async.integrations.ray import transcribe_dataset


def main(folder: Path, endpoint: str) -> None:
    """Transcribe the files in *folder*; end a node when the file `now` appears there."""
    memory = 80 * 2**20
    head = {"num_cpus": 0, "object_store_memory": memory, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(num_cpus=2, object_store_memory=memory) for _ in range(2)]
    ray.init(address=cluster.address)

    def end_a_node() -> None:
        while not (folder / "now").exists():
            time.sleep(0.1)
        cluster.remove_node(nodes[0], allow_graceful=False)

    threading.Thread(target=end_a_node, daemon=True).start()
    paths = sorted(str(path) for path in folder.glob("*.wav"))
    dataset = transcribe_dataset(
        ray.data.from_items([{"path": path} for path in paths]),
        concurrency=2,
        files_at_once=2,
        options={
            "endpoint": endpoint,
            "api_key": "any",
            "pool": PoolLimits(tasks_per_second=10),
        },
    )
    (folder / "rows.json").write_text(json.dumps(dataset.take_all()), encoding="utf-8")
    ray.shutdown()
    cluster.shutdown()


main(Path(sys.argv[1]), sys.argv[2])
