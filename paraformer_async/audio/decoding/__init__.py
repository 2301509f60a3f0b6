"""
Encoded audio to s16le mono: for files of the client and for streams of the local service.

Knows nothing of sockets or of the protocol.
"""
