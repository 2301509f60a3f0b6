"""
Encoded audio to s16le mono: for files of the client and for streams of the local service.

`StreamDecoder` decodes what arrives in pieces; `samples` contains what it shares with readers of
whole files. Knows nothing about sockets or the protocol.
"""

from paraformer_async.audio.decoding.stage import RATES, UndecodableAudio, UnsupportedFormat
from paraformer_async.audio.decoding.stream import StreamDecoder

__all__ = ["RATES", "StreamDecoder", "UndecodableAudio", "UnsupportedFormat"]
