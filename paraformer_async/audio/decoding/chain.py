"""
MP3, Ogg (Vorbis, Opus) and FLAC as they stream: link after link, each with a decoder of its own.

A decoder ends where its link does, or where the link declares its end. More may follow: the next
title of a radio, or another file.
"""

import logging
from collections import deque
from typing import Final

from paraformer_async._core.packets.links import LinkPart, links_of
from paraformer_async.audio.decoding.container import ContainerStage
from paraformer_async.audio.decoding.stage import UndecodableAudio
from paraformer_async.errors import AudioError

__all__ = ["ChainStage"]

_log = logging.getLogger("paraformer_async")

_MAX_BACKLOG: Final = 1 << 20  # bytes that may be undecoded when more arrive
# How a stream begins. One of MP3 may begin within a frame: its frames are found.
_MAGIC: Final = {"ogg": (b"OggS",), "flac": (b"fLaC", b"ID3")}


class ChainStage:
    """
    Decodes the links of one stream of `kind` (mp3, ogg, flac) to s16le mono.

    A link without audio is passed over. What is returned at once is of one link, and of its rate.
    Errors call the stream `declared`.
    """

    cheap = False

    def __init__(self, kind: str, rate: int, declared: str) -> None:
        self._kind = kind
        self._declared = declared
        self._magic = _MAGIC.get(kind, ())
        self._head = b""
        self._is_known = not self._magic  # that the stream begins as one of its kind
        self._is_begun = False
        self._links = links_of(kind)
        self._parts = deque[LinkPart]()
        self._is_closed = False
        self._is_decoded = False  # any of it
        self._stage = ContainerStage(kind, rate, declared)
        self._left = self._padding = 0  # bytes of PCM before what the encoder has added, and of it
        self._held = b""

    @property
    def rate(self) -> int:
        """Rate in Hz of what was returned."""
        return self._stage.rate

    @property
    def more(self) -> bool:
        """Whether the last call left parts, or decoded samples."""
        return bool(self._parts) or self._stage.more

    @property
    def is_running(self) -> bool:
        """Whether a thread runs."""
        return self._stage.is_running

    def push(self, data: bytes) -> bytes:
        """Decode more bytes; raise `UndecodableAudio` for bytes of another format."""
        if data and self._backlog > _MAX_BACKLOG:
            raise UndecodableAudio(
                f"the {self._declared} stream expands to more audio than is taken from it"
            )
        self._is_begun |= bool(data)
        if not self._is_known:
            self._head += data
            if not self._begins():
                return b""
            data, self._head = self._head, b""
        try:
            self._parts += self._links.take(data)
        except AudioError as error:
            raise UndecodableAudio(error.message) from error
        return self._next()

    def end(self) -> bytes:
        """Return more of the rest; raise `UndecodableAudio` if there was no audio at all."""
        self._parts += self._links.last()
        if pcm := self._next(is_last=True):
            return pcm
        if self._is_begun and not self._is_decoded:
            raise self._undecodable()
        if self._links.skipped:
            _log.warning(
                "the %s stream is damaged: %d bytes could not be decoded",
                *(self._declared, self._links.skipped),
            )
        return b""

    def close(self) -> None:
        """Make the thread end at its next read or write."""
        self._is_closed = True
        self._stage.close()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._stage.join()

    @property
    def _backlog(self) -> int:
        return sum(len(part.data) for part in self._parts) + self._stage.backlog

    def _begins(self) -> bool:
        """Whether the first bytes are those of the format; False if there are too few."""
        self._is_known = self._head.startswith(self._magic)
        if not self._is_known and not any(magic.startswith(self._head) for magic in self._magic):
            raise self._undecodable()
        return self._is_known

    def _next(self, *, is_last: bool = False) -> bytes:
        """Return what is available of one link; go on to the next one until there is something."""
        while not self._is_closed:
            begins = bool(self._parts) and self._parts[0].begins and self._stage.is_begun
            if self._stage.more:
                pcm = self._stage.push(b"")
            elif self._parts and not begins:
                pcm = self._push(self._parts.popleft())
            elif begins or is_last:
                pcm = self._rest()
                if not pcm and not begins:
                    return b""
                if not pcm:
                    self._begin(self.rate)
            else:
                return b""
            if pcm := self._without_padding(pcm):
                self._is_decoded = True
                return pcm
        return b""

    def _begin(self, rate: int) -> None:
        """Begin another link, with a decoder of its own."""
        self._stage.join()
        self._stage = ContainerStage(self._kind, rate, self._declared)
        if self._is_closed:
            self._stage.close()

    def _push(self, part: LinkPart) -> bytes:
        if part.begins:
            tag = part.tag
            self._left = 2 * tag.samples if tag else 0
            self._padding = 2 * tag.padding if tag and tag.samples else 0
            self._held = b""
        return self._stage.push(part.data)

    def _rest(self) -> bytes:
        """Return more of the rest of the link; empty if nothing is left."""
        try:
            return self._stage.end()
        except UndecodableAudio as error:
            is_empty = not self._stage.samples and self._is_decoded
            if not self._parts and not is_empty:
                raise
            _log.warning("a part of a stream is left out: %s", error.message)
            return b""

    def _without_padding(self, pcm: bytes) -> bytes:
        """Hold back what the encoder has added at the end, unless more than that follows."""
        if not self._padding:
            return pcm
        self._held += pcm[self._left :]
        pcm = pcm[: self._left]
        self._left -= len(pcm)
        if len(self._held) > self._padding:  # the tag declares too little
            pcm, self._held, self._padding = pcm + self._held, b"", 0
        return pcm

    def _undecodable(self) -> UndecodableAudio:
        return UndecodableAudio(
            f"the stream was declared as {self._declared} and cannot be decoded as such"
        )
