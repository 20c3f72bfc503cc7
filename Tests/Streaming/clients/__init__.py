"""WebSocket visitors that take the same orders and see the same things: Python's websockets and Node's ws."""
