"""`BlockingBatch`: many files, for code without an event loop."""

from paraformer_async.batch import Batch, BatchOutcome
from paraformer_async.sync.serving import Served

__all__ = ["BlockingBatch"]


class BlockingBatch(Served[BatchOutcome]):
    """
    The transcription of many files: an iterator of outcomes, and a context manager.

        for outcome in recognizer.transcribe_many(paths):
            print(outcome.path, outcome.transcript or outcome.error)

    Leaving the loop, or the `with`, ends it; files that were begun are given up.
    """

    def __init__(self, batch: Batch, owner: object) -> None:
        super().__init__("batch", "transcribe_many(…)", owner)
        self._batch = batch

    async def _run(self) -> None:
        async with self._batch as batch:
            async for outcome in batch:
                await self._outlet.put(outcome)
