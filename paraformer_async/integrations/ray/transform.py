"""`transcribe_dataset`: each file of a dataset becomes a row with its text."""

from collections.abc import Mapping
from typing import Any, TypeVar

from paraformer_async.errors import InvalidOptionError
from paraformer_async.integrations.ray.loading import load
from paraformer_async.integrations.ray.quota import RayQuota
from paraformer_async.integrations.ray.transcriber import COLUMNS, Transcriber, WorkerSettings
from paraformer_async.options.checks import (
    require_count,
    require_kind,
    require_number,
    require_text,
)
from paraformer_async.options.policies import PoolLimits
from paraformer_async.quota import Quota
from paraformer_async.recognizer import AsyncRecognizer
from paraformer_async.sync.recognizer import RecognizerOptions

__all__ = ["transcribe_dataset"]

D = TypeVar("D")

# Where many share a quota, each of them may have to wait for all others.
_POOL = PoolLimits(wait=3600.0)


def transcribe_dataset(
    dataset: D,
    column: str = "path",
    *,
    concurrency: int | tuple[int, int] = 2,
    files_at_once: int = 8,
    files_per_task: int = 1,
    options: RecognizerOptions | None = None,
    quota: Quota | None = None,
    num_cpus: float = 0.5,
) -> D:
    """
    Return a Ray dataset with the transcripts of the audio files of *dataset*.

        dataset = ray.data.from_items([{"path": "/shared/a.wav"}, {"path": "/shared/b.mp3"}])
        for row in transcribe_dataset(dataset).iter_rows():
            print(row["path"], row["error"] or row["text"])

    Nothing runs before the dataset that is returned is consumed or written. A file is a task of its
    own: if its actor or node dies, it is transcribed, and billed, again by another, and no other
    file is, except those that were being transcribed there. Rows come in any order.

    A file that cannot be transcribed is a row with its error. What would fail every file ends the
    dataset with that error: a key that is missing or refused, and three consecutive files of one
    actor for which no connection could be made.

    Args:
        dataset: A `ray.data.Dataset` with a column of paths, which the workers can open, or of
            files in memory, as `ray.data.read_binary_files` returns them.
        column: Name of that column. Bytes are not in the result, paths are.
        concurrency: Actors, each with one recognizer; or the least and the most of them.
        files_at_once: Files that an actor transcribes at once.
        files_per_task: Files of each task of Ray. More of them cost Ray less, and more of them are
            transcribed again if an actor dies.
        options: Options of the recognizers, as of `AsyncRecognizer`. They are not shown by Ray.
        quota: The quota that all actors share. Default: `RayQuota()`.
        num_cpus: Part of a core that Ray reserves for each actor. Leave some of the cluster's for
            what reads and writes the dataset.

    Returns:
        The dataset with the further columns `text`, `transcript` (as of `Transcript.to_json`, empty
        if there is none) and `error` (empty if there is none).

    Raises:
        InvalidOptionError: An option or a parameter has a value that cannot work, the dataset has
            no such column, or it has one of the further columns already.
        MissingExtraError: Ray is not installed.
    """
    data = load("ray.data")
    require_kind("dataset", dataset, data.Dataset, "a ray.data.Dataset")
    require_text("column", column)
    for name, value in (("files_at_once", files_at_once), ("files_per_task", files_per_task)):
        require_count(name, value)
    if require_number("num_cpus", num_cpus, "a number of cores, 0 or more") < 0:
        raise InvalidOptionError("num_cpus", f"{num_cpus} is less than 0")
    size = _size(concurrency)
    _require_columns(dataset, column)
    given: RecognizerOptions = {"pool": _POOL, "quota": quota or RayQuota(), **(options or {})}
    AsyncRecognizer(**given)  # refuse now what cannot work
    source: Any = dataset
    tasks = source.repartition(target_num_rows_per_block=files_per_task)
    done: D = tasks.map(
        Transcriber,
        fn_constructor_args=(WorkerSettings(column, given),),
        compute=data.ActorPoolStrategy(
            **size, max_concurrent_calls_per_actor=files_at_once, enable_true_multi_threading=True
        ),
        num_cpus=num_cpus,
    )
    return done


def _size(concurrency: int | tuple[int, int]) -> Mapping[str, int]:
    if isinstance(concurrency, tuple) and len(concurrency) == 2:
        least, most = concurrency
        require_count("concurrency", least)
        require_count("concurrency", most)
        if least > most:
            raise InvalidOptionError("concurrency", f"{least} is more than {most}")
        return {"min_size": least, "max_size": most}
    require_count("concurrency", concurrency)
    return {"size": concurrency}


def _require_columns(dataset: Any, column: str) -> None:
    """Check the columns as far as they are known without reading anything."""
    schema = dataset.schema(fetch_if_missing=False)
    if schema is None:
        return
    if column not in schema.names:
        raise InvalidOptionError(
            "column", f"the dataset has no {column!r}, only {', '.join(schema.names)}"
        )
    for name in COLUMNS:
        if name in schema.names:
            raise InvalidOptionError(
                "dataset",
                f"it has a column {name!r} already",
                hint=f"dataset.rename_columns({{{name!r}: …}})",
            )
