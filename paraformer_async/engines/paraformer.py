"""
A local engine for a streaming Paraformer model that the user has downloaded.

The model's format is that of https://github.com/k2-fsa/sherpa-onnx, whose documentation lists
models to download (`sherpa-onnx-streaming-paraformer-…`).
"""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paraformer_async.engines._segment import SAMPLE_RATE, Segment, VadFrame
from paraformer_async.engines._sherpa import SherpaEngine, missing_extra
from paraformer_async.engines._stream import SegmentDecoder
from paraformer_async.engines._vad import Segmenter
from paraformer_async.engines.base import StreamSettings
from paraformer_async.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from paraformer_async.engines._segment import Samples

__all__ = ["ParaformerEngine"]

_LONGEST = 60_000  # ms; a stream may be long, but a sentence should not be endless
_TAIL = SAMPLE_RATE  # samples; the model looks 300 ms ahead and works in steps of 600 ms


class ParaformerEngine(SherpaEngine):
    """
    Recognizes with a streaming Paraformer model (Chinese, English), in worker threads.

    The model decodes the audio as it arrives, in steps of 600 ms. Sentences end at a pause of
    `max_sentence_silence`, found by a VAD, or at 60 s. The runtime returns no word times: those of
    the results are spread over the voiced parts of the sentence, so they are approximate. Each
    Chinese character is a word.

    Args:
        model_dir: A folder with `tokens.txt`, `encoder*.onnx` and `decoder*.onnx`. If there are
            full-precision and int8 files, the int8 ones are used: on a CPU, they are much faster,
            and as good to within a few words in a thousand.
        max_streams: Concurrent recognitions.

    Raises:
        InvalidOptionError: There is no such folder, or a file is missing; the message names it.

    Example:
        ```python
        async with LocalServer(ParaformerEngine("models/paraformer-zh-en")) as server:
            ...
        ```
    """

    def __init__(self, model_dir: str | PathLike[str], *, max_streams: int = 8) -> None:
        super().__init__(max_streams=max_streams, partial_every=100)
        folder = Path(model_dir)
        if not folder.is_dir():
            raise InvalidOptionError("model_dir", f"there is no folder {str(folder)!r}")
        self._tokens = _find(folder, "tokens.txt")
        self._encoder = _find(folder, "encoder*.onnx")
        self._decoder_file = _find(folder, "decoder*.onnx")

    def _load(self) -> Any:
        try:
            from sherpa_onnx import OnlineRecognizer
        except ImportError:
            raise missing_extra() from None
        try:
            return OnlineRecognizer.from_paraformer(
                tokens=str(self._tokens),
                encoder=str(self._encoder),
                decoder=str(self._decoder_file),
                num_threads=1,  # streams run in parallel instead
            )
        except RuntimeError as error:
            raise InvalidOptionError(
                "model_dir", f"the model in {self._encoder.parent} cannot be loaded: {error}"
            ) from error

    def _decoder(self, model: Any) -> SegmentDecoder:
        return _ParaformerDecoder(model)

    def _segmenter(
        self, voice: "Callable[[Samples], float]", settings: StreamSettings
    ) -> Segmenter:
        pause = settings.max_sentence_silence
        return Segmenter(voice, pause=pause, longest=_LONGEST, cut=_before_newest)


class _ParaformerDecoder:
    """Feeds a segment to one stream of the model as it grows; the next segment to a new one."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._stream = model.create_stream()
        self._fed = 0  # frames of the segment that were fed to the stream

    def partial(self, segment: Segment) -> str:
        new = Segment(segment.frames[self._fed :])
        if new.frames:
            self._stream.accept_waveform(SAMPLE_RATE, new.samples)
            self._fed += len(new.frames)
        return self._decode()

    def final(self, segment: Segment) -> str:
        import numpy as np

        self.partial(segment)
        self._stream.accept_waveform(SAMPLE_RATE, np.zeros(_TAIL, np.float32))
        self._stream.input_finished()
        text = self._decode()
        self._stream, self._fed = self._model.create_stream(), 0
        return text

    def _decode(self) -> str:
        while self._model.is_ready(self._stream):
            self._model.decode_stream(self._stream)
        return str(self._model.get_result(self._stream))


def _before_newest(frames: list[VadFrame]) -> int:
    """Return where to cut: all other frames were fed to the stream, for good."""
    return len(frames) - 1


def _find(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise InvalidOptionError("model_dir", f"there is no {pattern} in {str(folder)!r}")
    return next((path for path in found if ".int8." in path.name), found[0])
