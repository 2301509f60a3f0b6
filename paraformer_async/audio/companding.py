"""
G.711, the encoding of telephony, to s16le: one byte a sample, at 8 kHz.

Source: ITU-T G.711; https://www.itu.int/rec/T-REC-G.711
"""

from collections.abc import Callable

__all__ = ["expander"]


def expander(encoding: str) -> Callable[[bytes], bytes]:
    """
    Return the function that converts bytes of *encoding* to s16le.

        >>> expander("mulaw")(bytes([0xFF, 0x80])).hex()
        '00007c7d'

    Args:
        encoding: `mulaw` or `alaw`.
    """
    low, high = _TABLES[encoding]

    def expand(data: bytes) -> bytes:
        samples = bytearray(2 * len(data))
        samples[::2] = data.translate(low)
        samples[1::2] = data.translate(high)
        return bytes(samples)

    return expand


def _of_mulaw(code: int) -> int:
    code ^= 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _of_alaw(code: int) -> int:
    code ^= 0x55
    segment = code >> 4 & 7
    magnitude = ((code & 0x0F) << 4) + 8
    if segment:
        magnitude = magnitude + 0x100 << segment - 1
    return magnitude if code & 0x80 else -magnitude


def _tables(decode: Callable[[int], int]) -> tuple[bytes, bytes]:
    """Return the lower and the upper byte of the sample of each code."""
    samples = [decode(code) & 0xFFFF for code in range(256)]
    return bytes(one & 0xFF for one in samples), bytes(one >> 8 for one in samples)


_TABLES = {"mulaw": _tables(_of_mulaw), "alaw": _tables(_of_alaw)}
