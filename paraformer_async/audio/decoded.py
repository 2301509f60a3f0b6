"""
Compressed streams, decoded on the way in: what is kept of them then can be sent again.

Decoding runs in worker threads, one piece at a time, and no more than the consumer takes.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from paraformer_async.audio.decoding import StreamDecoder
from paraformer_async.audio.decoding.stage import UndecodableAudio
from paraformer_async.audio.heading import Heading
from paraformer_async.audio.source import Chunks
from paraformer_async.errors import AudioError

__all__ = ["Decoding", "Marker", "missing_extra"]

_BLOCK: Final = 1 << 14  # bytes that are decoded at once
_MUCH_PCM: Final = 1 << 20  # bytes: the decoder keeps more back only if it has returned as many
_LIBSNDFILE: Final = ("mp3", "opus")


def missing_extra(format: str) -> str:
    """Return the name of the extra without which *format* cannot be decoded; empty if it can."""
    needed = ("soxr",) if format in _LIBSNDFILE else ("av", "soxr")
    return "" if all(map(find_spec, needed)) else "av"


class Marker(NamedTuple):
    """A position in a source, at which *mark* is called with the time."""

    mark: Callable[[float], None]


class Decoding:
    """
    How the chunks of a compressed stream become PCM.

    Args:
        format: mp3, opus, speex, aac or amr.
        sample_rate: Rate in Hz to decode to.
    """

    def __init__(self, format: str, sample_rate: int) -> None:
        self.format: str = format
        self._rate = sample_rate

    def of(self, source: Chunks, take: Callable[[object], bytes], position: int = 0) -> Chunks:
        """
        Return the PCM of *source*, from *position* bytes of it on; markers in it are passed on.

        It can be read once more if *source* can: then it is decoded from its beginning.

        Args:
            source: The compressed audio.
            take: Returns a chunk of it as bytes, or raises.
            position: Bytes of PCM to leave out.
        """
        rewound = source.rewound
        again = None if rewound is None else partial(self._again, rewound, take)
        return Chunks(self._decoded(source, take, position), again)

    def _again(
        self, rewound: Callable[[int], Chunks], take: Callable[[object], bytes], position: int
    ) -> Chunks:
        return self.of(rewound(0), take, position)

    async def _decoded(
        self, source: Chunks, take: Callable[[object], bytes], position: int
    ) -> AsyncGenerator[Any, None]:
        decoder = StreamDecoder(self.format, self._rate, self._rate)
        heading: Heading | None = Heading(self.format, self._rate)
        is_begun = False
        try:
            async with aclosing(source):
                async for given in source:
                    if isinstance(given, Marker):
                        yield given
                        continue
                    chunk = take(given)
                    if heading is not None and not heading.feed(chunk):
                        heading = None
                    is_begun = is_begun or bool(chunk)
                    async for pcm in self._fed(decoder, chunk):
                        if position < len(pcm):
                            yield pcm[position:] if position else pcm
                        position = max(0, position - len(pcm))
            while is_begun and (pcm := await decoder.finish()):
                if position < len(pcm):
                    yield pcm[position:] if position else pcm
                position = max(0, position - len(pcm))
        except UndecodableAudio as error:
            raise self._explained(error) from error
        finally:
            await decoder.aclose()

    async def _fed(self, decoder: StreamDecoder, chunk: bytes) -> AsyncGenerator[bytes, None]:
        """Yield what *chunk* makes available, and then what is left of that."""
        for start in range(0, len(chunk), _BLOCK):
            pcm = await decoder.feed(chunk[start : start + _BLOCK])
            yield pcm
            while len(pcm) > _MUCH_PCM:
                pcm = await decoder.feed(b"")
                yield pcm

    def _explained(self, error: AudioError) -> AudioError:
        return AudioError(
            error.message,
            hint="check its format; if the service can read it, reconnect=None sends it as it is",
        )
