"""
Audio sources: user-supplied iterables and readers, audio files, and (`decoding/`) decoders.

Yields bytes and knows nothing of the protocol, of connections or of recognitions.
"""
