"""
Streams of several interleaved channels, divided into one for each, or reduced to one.

Nothing here waits: bytes in, in chunks of any size, and bytes of each channel out.
"""

import logging

from paraformer_async._core.wav import PCM
from paraformer_async.audio.companding import expander
from paraformer_async.audio.decoding.mixing import Downmix
from paraformer_async.audio.decoding.wav import samples_of
from paraformer_async.audio.heading import Heading
from paraformer_async.options.options import Channels

__all__ = ["Deinterleaver", "Divider"]

_log = logging.getLogger("paraformer_async")


class Deinterleaver:
    """
    Takes samples of interleaved channels apart. Nothing is lost, added or reordered.

        >>> Deinterleaver(2, 1).feed(b"LRLRL")
        [b'LL', b'RR']

    Args:
        channels: Number of channels.
        width: Bytes of one sample of one channel.

    Attributes:
        width: Bytes of one sample of one channel.
        cut: The last bytes, of samples that are not complete in all channels yet.
    """

    def __init__(self, channels: int, width: int) -> None:
        self.width: int = width
        self.cut: bytes = b""
        self._channels = channels

    def whole(self, chunk: bytes) -> bytes:
        """Return the samples that *chunk* completes in all channels, still interleaved."""
        data = self.cut + chunk
        size = len(data) - len(data) % (self._channels * self.width)
        self.cut = data[size:]
        return data[:size]

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the samples of each channel that *chunk* completes in all of them."""
        data, width = self.whole(chunk), self.width
        block = self._channels * width
        divided = []
        for channel in range(self._channels):
            samples = bytearray(len(data) // self._channels)
            for place in range(width):
                samples[place::width] = data[channel * width + place :: block]
            divided.append(bytes(samples))
        return divided


class Divider:
    """
    Divides a stream of PCM or G.711 into parts, each of them mono.

    Each channel stays in its own encoding. A mix is s16le: the mean, or the loudest channel where
    they cancel each other out.

    Args:
        channels: What becomes of the channels.
        count: Number of channels.
        format: `pcm` (s16le), `mulaw` or `alaw`.
        rate: Sample rate in Hz.

    Attributes:
        labels: The number of the channel in each part; `None` for a mix.
    """

    def __init__(self, channels: Channels, count: int, format: str, rate: int) -> None:
        self.labels: tuple[int | None, ...] = (None,)
        if channels == "split":
            self.labels = tuple(range(count))
        elif isinstance(channels, int):
            self.labels = (channels,)
        self._count = count
        self._codec = PCM
        self._samples = Deinterleaver(count, 2 if format == "pcm" else 1)
        self._expand = None if format in ("pcm", "wav") else expander(format)
        self._heading: Heading | None = Heading(format, rate)
        self._rate = rate
        self._mixer = Downmix()
        self._is_ended = False

    @property
    def is_mix(self) -> bool:
        """Whether the only part is a mix."""
        return self.labels == (None,)

    def origin(self, position: int) -> tuple[int, int]:
        """
        Return where to read the stream again for a *position* in a part, with a new divider.

        Returns:
            The position in the stream, and how many bytes of the part to skip from there.
        """
        if self.is_mix:
            return 0, position  # a mix depends on the blocks: the same ones give the same samples
        samples, rest = divmod(position, self._samples.width)
        return samples * self._samples.width * self._count, rest

    def feed(self, chunk: bytes) -> list[bytes]:
        """
        Return the bytes of each part that *chunk* completes.

        Raises:
            AudioError: The stream is not of its declared format.
        """
        if self._heading is not None and not self._heading.feed(chunk):
            self._heading = None
        return self._divided(chunk)

    def end(self) -> None:
        """End the stream: log what was left out of it, and what was noticed in it."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._samples.cut:
            _log.warning(
                "%d bytes at the end of the stream are no whole sample of all channels, and were "
                "left out",
                len(self._samples.cut),
            )
        if remark := self._mixer.remark():
            _log.warning("the stream %s", remark)

    def _divided(self, data: bytes) -> list[bytes]:
        if self.is_mix:
            return [self._mixed(self._samples.whole(data))]
        parts = self._samples.feed(data)
        return [parts[label] for label in self.labels if label is not None]

    def _mixed(self, data: bytes) -> bytes:
        if not data:
            return b""
        width = self._samples.width
        if self._expand is not None:
            data, width = self._expand(data), 2
        samples = samples_of(data, self._codec, width).reshape(-1, self._count)
        return self._mixer.mix(samples, self._rate)
