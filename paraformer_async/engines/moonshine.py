"""
The default local engine: English, with Moonshine's smallest model.

It is not Paraformer, whose weights are in no package registry. Model and weights:
https://github.com/moonshine-ai/moonshine (MIT), run by https://github.com/k2-fsa/sherpa-onnx.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from paraformer_async.engines._segment import SAMPLE_RATE, Segment
from paraformer_async.engines._sherpa import SherpaEngine, missing_extra, package_folder
from paraformer_async.engines._stream import SegmentDecoder
from paraformer_async.engines._vad import Segmenter
from paraformer_async.engines._words import rambles
from paraformer_async.engines.base import StreamSettings

if TYPE_CHECKING:
    from paraformer_async.engines._segment import Samples

__all__ = ["MoonshineEngine"]

_LONGEST = 15_000  # ms; beyond about 28 s the model repeats itself, and its memory grows
_SILENCE = 5120  # samples before and after a sentence, whose ends are recognized better with them


class MoonshineEngine(SherpaEngine):
    """
    Recognizes English with Moonshine tiny, in worker threads.

    The model decodes a whole sentence at a time: for partial results the growing sentence is
    decoded again, at most every 500 ms of audio and less often under load. It returns no word
    times: those of the results are spread over the voiced parts of the sentence, so they are
    approximate.
    A sentence ends at a pause of `max_sentence_silence`, or is cut at a quiet place after 15 s;
    less than 300 ms of voice counts as noise.

    Args:
        max_streams: Concurrent recognitions. One live stream uses about a fifth of a core and some
            15 MB in addition to the model's 200 MB; with more streams than the cores can serve,
            partial results become rarer, and then final ones later.

    Raises:
        InvalidOptionError: A number of streams that can never work.

    Example:
        ```python
        async with LocalServer(MoonshineEngine()) as server:
            ...
        ```
    """

    def __init__(self, *, max_streams: int = 8) -> None:
        super().__init__(max_streams=max_streams, partial_every=500)

    def _load(self) -> Any:
        assets = package_folder("moonshine_voice") / "assets" / "tiny-en"
        if not assets.is_dir():  # a release of the package without weights
            raise missing_extra()
        try:
            from sherpa_onnx import OfflineRecognizer
        except ImportError:
            raise missing_extra() from None
        with TemporaryDirectory(prefix="paraformer-async-") as folder:
            tokens = Path(folder, "tokens.txt")  # read while loading, not needed afterwards
            _write_tokens((assets / "tokenizer.bin").read_bytes(), tokens)
            return OfflineRecognizer.from_moonshine_v2(
                encoder=str(assets / "encoder_model.ort"),
                decoder=str(assets / "decoder_model_merged.ort"),
                tokens=str(tokens),
                num_threads=1,  # streams run in parallel instead
            )

    def _decoder(self, model: Any) -> SegmentDecoder:
        return _MoonshineDecoder(model)

    def _segmenter(
        self, voice: "Callable[[Samples], float]", settings: StreamSettings
    ) -> Segmenter:
        return Segmenter(voice, pause=settings.max_sentence_silence, longest=_LONGEST)


class _MoonshineDecoder:
    def __init__(self, model: Any) -> None:
        self._model = model

    def partial(self, segment: Segment) -> str:
        text = self.final(segment)
        return "" if rambles(text) else text

    def final(self, segment: Segment) -> str:
        import numpy as np

        stream = self._model.create_stream()
        stream.accept_waveform(SAMPLE_RATE, np.pad(segment.samples, _SILENCE))
        self._model.decode_stream(stream)
        return str(stream.result.text).strip()


def _write_tokens(tokenizer: bytes, path: Path) -> None:
    """Write the `tokens.txt` that sherpa-onnx reads: a line `base64(token) id` for each token."""
    lines = (f"{b64encode(token).decode()} {id}\n" for id, token in enumerate(_tokens(tokenizer)))
    path.write_text("".join(lines), encoding="ascii")


def _tokens(tokenizer: bytes) -> Iterator[bytes]:
    """Read Moonshine's tokenizer.bin: each token after its length, one byte or two (7 + 8 bits)."""
    at = 0
    while at < len(tokenizer):
        length, at = tokenizer[at], at + 1
        if length >= 128:
            length, at = length - 128 + tokenizer[at] * 128, at + 1
        yield tokenizer[at : at + length]
        at += length
