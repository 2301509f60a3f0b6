"""
The only room of the client with sockets: transports, dialer, and connection pool.

It knows bytes and frames, and nothing about recognitions, audio or middleware.
"""
