"""The audio track of one container that FFmpeg's libraries read, with PyAV (extra `av`)."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from paraformer_async.audio.decoding.pyav import open_container
from paraformer_async.audio.decoding.timing import LONGEST, TOLERANCE, Timing

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream

__all__ = ["Track"]

# Demuxers that read a duration from the file; others estimate it from its size.
_DECLARING = ("mov", "caf", "aiff", "wav", "ape", "wv", "flac", "tta")
# Seconds from which on FFmpeg takes a gap for another clock, where recordings are spliced.
_LONGEST = {"mpegts": 10.0, "mpeg": 10.0}
# Demuxers that find further tracks while they read, which PyAV skips.
_GROWING = ("flv", "mpegts", "mpeg")
_UNREAD = 65536  # bytes that may follow the last packet without being a track: tables, padding
# Demuxers of bare frames: FFmpeg counts them as if all had the rate of the first.
_BARE = ("aac", "loas")


class Track:
    """
    The best audio track of a container: its frames, each at its time. Used by one thread at a time.

    Packets that cannot be decoded are skipped.

    Attributes:
        remark: What is odd about the tracks; empty if nothing is.
        declared: Seconds of audio that the container declares; 0 if it declares none.
        lost: Seconds of packets that could not be decoded, so far.
        is_cut: Whether what was read last was cut off.
        timing: What was put between its frames.

    Args:
        file: The open file. It stays open.
        demuxer: FFmpeg's name for the container.
        is_shortened: Whether the file ends before its container does.

    Raises:
        av.error.FFmpegError, ValueError: The container cannot be read.
        LookupError: It has no audio track.
    """

    def __init__(self, file: IO[bytes], demuxer: str, *, is_shortened: bool) -> None:
        self.lost: float = 0.0
        self.is_cut: bool = False
        self._demuxer = demuxer
        self._rate: int | None = None  # of the first frame, in Hz
        self._has_changed = False  # whether another one was of another rate
        self._number: int | None = None  # of the next packet
        self._end = 0  # of the last packet of any track, in bytes
        self._container = open_container(file, demuxer)
        self._stream = self._best()
        codec: Any = self._stream.codec_context
        if codec is None:  # which PyAV 15 would use all the same
            self._container.close()
            raise ValueError("the codec is not known")
        self._begin = (self._container.start_time or 0) / 1_000_000
        self.timing: Timing = Timing(self._begin, _LONGEST.get(demuxer, LONGEST))
        self.declared: float = self._declared(demuxer, is_shortened=is_shortened)

    @property
    def codec(self) -> str:
        """The codec and its profile, once a frame is decoded."""
        context = self._stream.codec_context
        name = context.codec.canonical_name
        return f"{name} ({context.profile})" if context.profile else name

    @property
    def missing(self) -> float:
        """The seconds that the container declares and does not contain, once all of it is read."""
        missing = self.declared - self.timing.position - self.timing.unfilled
        return missing if missing > TOLERANCE else 0.0

    @property
    def gaps(self) -> float:
        """The seconds of silence between its frames, but for what could not be decoded."""
        gaps = self.timing.filled - self.lost
        return gaps if gaps > TOLERANCE else 0.0

    def frames(self) -> "Iterator[AudioFrame]":
        """Yield its frames, and silence where none are."""
        return self.timing.placed(self._decoded())

    def close(self) -> None:
        """Close the container; idempotent."""
        self._container.close()

    def _best(self) -> "AudioStream":
        streams = self._container.streams
        count = len(streams.audio)
        if not count:
            self._container.close()
            raise LookupError("no audio track")
        best = streams.best("audio") or streams.audio[0]
        number = streams.audio.index(best) + 1
        self.remark: str = (
            f"has {count} audio tracks; only number {number} was read" if count > 1 else ""
        )
        return streams.audio[number - 1]

    def _declared(self, demuxer: str, *, is_shortened: bool) -> float:
        stream = self._stream
        if demuxer in _DECLARING and stream.duration and stream.time_base:
            begin = float((stream.start_time or 0) * stream.time_base) - self._begin
            return max(0.0, begin) + float(stream.duration * stream.time_base)
        # That of Matroska is one of all tracks; one of a track is an estimate.
        is_declared = demuxer == "matroska" and not stream.duration
        is_of_audio = is_shortened or not self._container.streams.video  # which may be longer
        if not (is_declared and is_of_audio):
            return 0.0
        return max(0.0, (self._container.duration or 0) / 1_000_000 - self._begin)

    def _decoded(self) -> "Iterator[AudioFrame]":
        from av.error import FFmpegError

        failed = 0.0  # seconds of the last packets, if they cannot be decoded
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError):  # the latter for an unknown codec, since PyAV 19
                self.is_cut = True
                failed += float((packet.duration or 0) * (packet.time_base or 0))
                continue
            if frames:
                self.lost += failed
                self.is_cut, failed = False, 0.0
            for frame in frames:
                if frame.samples:
                    yield self._timed(frame)

    def _timed(self, frame: "AudioFrame") -> "AudioFrame":
        """Return the frame, without its time where that is wrong: it follows at once then."""
        self._rate = self._rate or frame.sample_rate
        self._has_changed |= frame.sample_rate != self._rate
        if self._has_changed and self._demuxer in _BARE:
            frame.pts = None
        return frame

    def _packets(self) -> Iterator[Any]:
        from av.error import FFmpegError

        is_growing = self._demuxer in _GROWING
        streams: Any = self._container.streams if is_growing else [self._stream]
        is_by_number = self._demuxer == "avi"
        is_done = False
        while not is_done:
            try:
                for packet in self._container.demux(*streams):
                    self._end = max(self._end, (packet.pos or 0) + packet.size)
                    if packet.stream.index != self._stream.index:
                        continue
                    if is_by_number:
                        self._count(packet)
                    yield packet
                is_done = True
            except IndexError:  # a packet of a track that begins here, before PyAV 19
                pass
            except FFmpegError:  # the container ends within one of its own structures
                self.is_cut = is_done = True
        if is_growing and self._container.size - self._end > _UNREAD:
            self.remark = self.remark or "has a track that begins later, which was not read"

    def _count(self, packet: Any) -> None:
        """
        Correct the time of a packet of AVI, where it is the number of packets before it.

        FFmpeg counts one that is larger than the header declares as two: there would be gaps.
        """
        if packet.pts is None or (packet.duration or 0) > 1:  # the time is one of samples or bytes
            return
        number = packet.pts if self._number is None else self._number
        packet.pts = packet.dts = number
        self._number = number + 1
