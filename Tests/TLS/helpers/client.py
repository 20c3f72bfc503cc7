"""Python's ssl as a visitor and as an agent: what certificate a name is shown, requests, and agents of the original v1, which
are known by their handshake alone."""

import base64
import os
import socket
import ssl


def connect(port, name, root=None, timeout=10):
    """A TLS connection to the gateway as `name`, verified by `root` (PEM); without, whatever it shows is taken."""
    context = ssl.create_default_context(cadata=root) if root else ssl._create_unverified_context()
    raw = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    try:
        return context.wrap_socket(raw, server_hostname=name)
    except BaseException:
        raw.close()
        raise


def is_trusted(port, name, root):
    """Whether the name is shown a certificate that is for it and of the CA."""
    try:
        with connect(port, name, root):
            return True
    except ssl.SSLCertVerificationError:
        return False


def certificate(port, name):
    """The DER of what the name is shown."""
    with connect(port, name) as connection:
        return connection.getpeercert(binary_form=True)


def get(port, name, path="/healthz", root=None, fields=()):
    """The status of a request, and the body."""
    with connect(port, name, root) as connection:
        lines = [f"GET {path} HTTP/1.1", f"Host: {name}", "Connection: close", *fields, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        data = b""
        while piece := connection.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


class Agent:
    """An agent that does nothing but be there."""

    def __init__(self, port, host, agent_id, token, root=None):
        self.connection = connect(port, host, root)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET /agent?agentId={agent_id} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
            f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Authorization: Bearer {token}", "", ""]
        self.connection.sendall("\r\n".join(lines).encode())
        self.status = int(self.connection.recv(65536).split()[1])

    def close(self):
        self.connection.close()
