"""AAC, AMR and Speex as they stream: cut into packets here, decoded by FFmpeg with PyAV."""

import logging
from typing import TYPE_CHECKING, Any, Final

from paraformer_async._core.packets import Packet, cutter_of
from paraformer_async.audio.decoding.mixing import Downmix
from paraformer_async.audio.decoding.pyav import to_pcm
from paraformer_async.audio.decoding.stage import UndecodableAudio
from paraformer_async.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    from av import AudioCodecContext

__all__ = ["PacketStage"]

_log = logging.getLogger("paraformer_async")

_DECODERS: Final = {"aac": "aac", "amr": "amrnb", "speex": "speex"}
_PATIENCE: Final = 50  # packets: none of the first ones can be decoded


class PacketStage:
    """
    Decodes one stream of `format` (aac in ADTS, amr, speex in Ogg) to s16le mono.

    A packet that cannot be decoded is passed over; if none can, that is an error.
    """

    cheap = more = is_running = False

    def __init__(self, format: str, rate: int) -> None:
        self.rate: int = rate
        self._format = format
        self._cutter = cutter_of(format)
        self._mixer = Downmix()
        self._decoder: AudioCodecContext | None = None
        self._failed = self._decoded = self._received = 0

    def push(self, data: bytes) -> bytes:
        """Decode more bytes; raise `UndecodableAudio` for bytes of another format."""
        self._received += len(data)
        try:
            packets = self._cutter.feed(data)
        except AudioError as error:
            raise UndecodableAudio(error.message) from error
        return self._pcm([frame for packet in packets for frame in self._frames(packet)])

    def end(self) -> bytes:
        """Return the rest; raise `UndecodableAudio` if there was no audio at all."""
        decoder, self._decoder = self._decoder, None
        pcm = self._pcm(decoder.decode(None)) if decoder is not None else b""
        if self._received and not self._decoded:
            raise self._undecodable()
        if decoder is not None and (self._failed or self._cutter.skipped):
            _log.warning(
                "the %s stream is damaged: %d bytes and %d packets could not be decoded",
                *(self._format, self._cutter.skipped, self._failed),
            )
        return pcm

    def close(self) -> None:
        """Release nothing: the decoder is freed with its owner, and may be in use."""

    def join(self) -> None:
        """Return at once: nothing was started."""

    def _frames(self, packet: Packet) -> list[Any]:
        if self._decoder is None:
            self._decoder = self._open()
        from av import Packet as Encoded
        from av.error import FFmpegError

        try:
            return list(self._decoder.decode(Encoded(packet.data)))
        except FFmpegError:
            self._failed += 1
            if not self._decoded and self._failed > _PATIENCE:
                raise self._undecodable() from None
            return []

    def _open(self) -> "AudioCodecContext":
        try:
            from av import CodecContext
        except ImportError as error:
            raise MissingExtraError(f"decoding a stream of {self._format}", "av") from error
        decoder: Any = CodecContext.create(_DECODERS[self._format], "r")
        decoder.sample_rate = self._cutter.rate
        decoder.layout = "mono"
        if self._format == "speex":
            decoder.extradata = self._cutter.head[0]
        opened: AudioCodecContext = decoder
        return opened

    def _pcm(self, frames: list[Any]) -> bytes:
        if not frames:
            return b""
        if not self._decoded:
            self.rate = frames[0].sample_rate
        pcm = b"".join(to_pcm(frames, self.rate, self._mixer))
        self._decoded += len(pcm) // 2
        return pcm

    def _undecodable(self) -> UndecodableAudio:
        return UndecodableAudio(
            f"the stream was declared as {self._format} and cannot be decoded as such"
        )
