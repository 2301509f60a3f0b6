"""
The only room with sockets: transports, the way to a connection, and the pool.

It knows bytes and frames, and nothing of recognitions, audio or middleware.
"""
