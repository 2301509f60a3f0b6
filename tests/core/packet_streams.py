"""Streams of compressed audio made by hand: right frames with random content."""

import random
import struct

from paraformer_async._core.packets.paging import make_page

FORMATS = ("mp3", "aac", "amr", "opus", "speex")
_AMR_SIZES = {0: 13, 1: 14, 2: 16, 3: 18, 4: 20, 5: 21, 6: 27, 7: 32, 8: 6, 15: 1}


def seeded(seed: int) -> random.Random:
    """Return where the content of frames comes from."""
    return random.Random(seed)  # noqa: S311 - no secret


def mp3_frame(content: random.Random, bitrate: int = 4, *, uses: int = 0) -> bytes:
    """Return a frame of MPEG 2, layer III, 16 kHz, mono, that uses so many earlier bytes."""
    size = 72 * bitrate * 8000 // 16000
    body = bytearray(byte & 0x7F for byte in content.randbytes(size - 4))
    body[0] = uses
    return bytes((0xFF, 0xF3, bitrate << 4 | 8, 0xC4)) + bytes(body)


def adts_frame(content: random.Random, size: int) -> bytes:
    """Return a frame of AAC LC at 16 kHz, mono."""
    head = bytes((0xFF, 0xF1, 1 << 6 | 8 << 2, 1 << 6 | size >> 11, size >> 3 & 255))
    head += bytes(((size & 7) << 5 | 0x1F, 0xFC))
    return head + bytes(byte & 0x7F for byte in content.randbytes(size - 7))


def amr_frame(content: random.Random, mode: int) -> bytes:
    """Return a frame of AMR-NB."""
    return bytes((mode << 3 | 4,)) + content.randbytes(_AMR_SIZES[mode] - 1)


def opus_head(channels: int = 1) -> bytes:
    """Return the first packet of a stream of Opus."""
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 312, 16000, 0, 0)


def speex_head(rate: int = 16000, size: int = 320, frames: int = 1) -> bytes:
    """Return the first packet of a stream of Speex."""
    fields = (1, 80, rate, 1, 4, 1, -1, size, 0, frames, 0, 0, 0)
    return b"Speex   ".ljust(28, b"\0") + struct.pack("<13i", *fields)


def ogg(head: bytes, packets: list[bytes], *, of_a_page: int = 3) -> bytes:
    """Return a stream of pages with so many packets each."""
    pages = [make_page([head], 0, 0), make_page([b"comments of any length"], 1, 0)]
    for number, start in enumerate(range(0, len(packets), of_a_page), 2):
        pages.append(make_page(packets[start : start + of_a_page], number, number))
    return b"".join(pages)


def packets_of(format: str, count: int, seed: int = 7) -> list[bytes]:
    """Return packets of a format."""
    content = seeded(seed)
    sizes = [content.randrange(20, 200) for _ in range(count)]
    if format == "mp3":
        return [mp3_frame(content, content.choice((2, 4, 8))) for _ in range(count)]
    if format == "aac":
        return [adts_frame(content, size) for size in sizes]
    if format == "amr":
        return [amr_frame(content, content.choice(tuple(_AMR_SIZES))) for _ in range(count)]
    # Opus: 20 ms of SILK at 16 kHz.
    return [b"\x48" + content.randbytes(size) for size in sizes]


def stream_of(format: str, packets: list[bytes]) -> bytes:
    """Return a stream of packets."""
    if format in ("opus", "speex"):
        return ogg(opus_head() if format == "opus" else speex_head(), packets)
    return (b"#!AMR\n" if format == "amr" else b"") + b"".join(packets)
