"""
Transcribe a dataset of files with Ray: here, or on the cluster to which the job is submitted.

    python examples/ray_dataset.py [FILE …]

Needs the extra `ray`. On a cluster, the files are on storage that all nodes share, and the key is
in the environment of the nodes; see docs/ray.md.
"""

import argparse
from pathlib import Path

import ray.data

from paraformer_async.integrations.ray import transcribe_dataset

SPEECH = sorted((Path(__file__).parent / "audio").glob("*.wav"))


def main(files: list[Path], actors: int) -> None:
    ray.init()
    dataset = ray.data.from_items([{"path": str(path.resolve())} for path in files])
    for row in transcribe_dataset(dataset, concurrency=actors).iter_rows():
        print(f"{Path(row['path']).name}: {row['error'] or row['text']}")
    ray.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", default=SPEECH)
    parser.add_argument("--actors", type=int, default=2, help="processes that transcribe")
    options = parser.parse_args()
    main(options.files, options.actors)
