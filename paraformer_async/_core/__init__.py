"""
The core: messages, the protocol's state machine, audio framing and accounting.

Sans-I/O: nothing here uses an event loop, a socket, a file or a clock. Bytes, events, ids and times
are arguments and return values.
"""
