"""
Audio sources: user-supplied iterables and readers, and audio files (`containers/`, `decoding/`).

Yields bytes and knows nothing about the protocol, connections or recognitions.
"""
