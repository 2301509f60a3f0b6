"""
One recognition at work: the only rooms with sockets and tasks.

`session` turns the crank of the core; `outbox` and `inbox` stand between it and the user; `watch`
is its one timer; `transport` is the WebSocket, `dialer` the way to one, and `failures` tells why
there is none.
"""
