"""
The core: messages, the protocol's state machine, audio framing and accounting.

Sans-I/O: nothing here knows an event loop, a socket, a file or a clock. Bytes, events, ids and
times come in as arguments and go out as return values.
"""
