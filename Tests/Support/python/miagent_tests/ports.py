"""Ports on loopback."""

import socket


def free_port():
    """One that nothing listens on at this moment, for programs that cannot be handed a listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
