"""Hand audio over in pieces, at once or at a multiple of real time."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio

from paraformer_async._core.framing import bytes_per_second
from paraformer_async._core.wav import WavHeader
from paraformer_async.audio.source import Chunks
from paraformer_async.options.options import Options

__all__ = ["Feeder", "feeder"]

_PIECE_MS = 500  # of audio that is not paced; resampling it takes less than a millisecond


class Feeder:
    """
    Cuts the chunks of a source into pieces; with a pace, returns each once it would be recorded.

    All times are those of one schedule, which begins with the first piece: neither a late piece nor
    the time that a piece takes to send moves the later ones. A source that is slower is never
    delayed.

    Args:
        size: Length of a piece in bytes.
        rate: Bytes of a second of audio.
        pace: Seconds of audio for each second; `None` to wait for nothing.
        is_wav: Whether the audio begins with a WAV header, which tells its rate.
        take: Returns a chunk as bytes, or raises.
    """

    def __init__(
        self,
        size: int,
        rate: int,
        pace: float | None,
        *,
        is_wav: bool,
        take: Callable[[object], bytes],
    ) -> None:
        self._size = max(2, size & ~1)  # whole samples
        self._rate = rate
        self._pace = pace
        self._header = WavHeader() if is_wav and pace else None
        self._take = take
        self._begun: float | None = None
        self._position = 0

    def feed(self, source: Chunks) -> Chunks:
        """Return the pieces of *source*, which is closed with them."""
        return Chunks(self._feed(source))

    def restart(self, position: int) -> None:
        """Go on with a source that begins at *position*; what was due already is due at once."""
        self._position = position

    async def _feed(self, source: Chunks) -> AsyncGenerator[bytes, None]:
        async with aclosing(source):
            async for given in source:
                chunk = given if type(given) is bytes else self._take(given)
                for start in range(0, len(chunk), self._size):
                    piece = chunk[start : start + self._size]
                    if self._pace is not None:
                        await self._wait(piece, self._pace)
                    yield piece

    async def _wait(self, piece: bytes, pace: float) -> None:
        if self._header is not None:
            self._read_header(self._header, piece)
        if self._begun is None:
            self._begun = anyio.current_time()
        self._position += len(piece)
        due = self._begun + self._position / self._rate / pace
        if (left := due - anyio.current_time()) > 0:
            await anyio.sleep(left)

    def _read_header(self, header: WavHeader, piece: bytes) -> None:
        header.feed(piece)
        if header.is_complete:
            self._rate = header.bytes_per_second or self._rate
            self._header = None


def feeder(options: Options, take: Callable[[object], bytes]) -> Feeder | None:
    """Return what cuts a source so that resampling it does not block the loop, or paces it."""
    from_rate = options.resample_from or options.sample_rate
    if options.pace is None and from_rate == options.sample_rate:
        return None
    rate = bytes_per_second(from_rate) // (2 if options.encoding else 1)
    ms = _PIECE_MS if options.pace is None else options.frame_ms
    return Feeder(rate * ms // 1000, rate, options.pace, is_wav=options.format == "wav", take=take)
