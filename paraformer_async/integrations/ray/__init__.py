"""
Datasets of audio files on a Ray cluster (extra `ray`).

    import ray
    from paraformer_async.integrations.ray import transcribe_dataset

    files = ray.data.read_parquet("s3://bucket/calls.parquet")  # has a column `path`
    transcribe_dataset(files, concurrency=4).write_parquet("s3://bucket/transcripts")

Each file becomes a row with its text, its transcript as JSON, and its error. All processes of the
cluster share the quota of the account. See docs/ray.md. Ray is imported on first use.
"""

from paraformer_async.integrations.ray.quota import RayQuota
from paraformer_async.integrations.ray.transform import transcribe_dataset

__all__ = ["RayQuota", "transcribe_dataset"]
