"""
Audio sources: user-supplied iterables and readers, audio files, and (`decoding/`) decoders.

Yields bytes and knows nothing about the protocol, connections or recognitions.
"""
