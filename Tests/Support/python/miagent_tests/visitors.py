"""Visitors: curl, an HTTP/1.1 client on h11 that keeps its connection and can pipeline, and a bare socket."""

import os
import re
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

from .daemons import clean_environment
from .waiting import DEADLINE_SECONDS


@dataclass
class Response:
    """A status, fields in the order in which they came (names in lower case), and a body."""

    status: int
    fields: list
    body: bytes = b""
    version: str = "1.1"
    earlier: list = field(default_factory=list)  # statuses before the last: 100, or those of redirects
    trailers: list = field(default_factory=list)

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def __getitem__(self, name):
        """The one value of a field; None without it, an error if it came more than once."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def error(self):
        """The gateway's own mark."""
        return self["x-miagent-error"]


def curl(url, *options, stdin=None):
    """What curl gets from `url`; an error if curl itself finds something wrong."""
    with tempfile.TemporaryDirectory() as folder:
        head, body = os.path.join(folder, "head"), os.path.join(folder, "body")
        command = ["curl", "-q", "-sS", "--noproxy", "*", "--max-time", "20", "-D", head, "-o", body, *options, url]
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=30, env=clean_environment(LC_ALL="C"))
        assert done.returncode == 0, f"curl exits with {done.returncode}: {done.stderr.decode()}"
        with open(head, "rb") as file:
            blocks = [block for block in file.read().decode("latin-1").split("\r\n\r\n") if block]
        content = b""
        if os.path.exists(body) and not {"-I", "--head"} & set(options):  # there curl writes the head into the body's file
            with open(body, "rb") as file:
                content = file.read()
    response = parse_head(blocks[-1], content)
    response.earlier = [parse_head(block).status for block in blocks[:-1]]
    return response


def parse_head(block, body=b""):
    first, *lines = block.split("\r\n")
    version, status = re.fullmatch(r"HTTP/(1\.[01]) (\d{3})(?: .*)?", first).groups()
    pairs = [line.split(":", 1) for line in lines if line]
    return Response(int(status), [(name.lower(), value.strip()) for name, value in pairs], body, version)


class KeepAliveClient:
    """One connection, by h11: strict about what it gets, which is the point."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), DEADLINE_SECONDS)
        self.connection = h11.Connection(h11.CLIENT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def request(self, method, target, fields=(), body=b""):
        self.socket.sendall(self._encode(method, target, fields, body))
        return self._next_response()

    def pipeline(self, requests):
        """Sends all at once, then reads the responses in order. h11 pauses between them, as RFC 9112 §9.3.2 allows."""
        everything = b""
        for method, target, body in requests:
            scratch = h11.Connection(h11.CLIENT)
            everything += self._encode(method, target, (), body, scratch)
        self.socket.sendall(everything)
        responses = []
        for method, target, body in requests:
            self._encode(method, target, (), body)
            responses.append(self._next_response())
        return responses

    def _encode(self, method, target, fields, body, connection=None):
        connection = connection or self.connection
        head = [("Host", self.host), *fields]
        if body or method in ("POST", "PUT"):
            head.append(("Content-Length", str(len(body))))
        data = connection.send(h11.Request(method=method, target=target, headers=head))
        if body:
            data += connection.send(h11.Data(data=body))
        return data + connection.send(h11.EndOfMessage())

    def _next_response(self):
        response, body, earlier = None, b"", []
        while True:
            event = self.connection.next_event()
            if event is h11.NEED_DATA:
                self.connection.receive_data(self.socket.recv(65536))
            elif isinstance(event, h11.InformationalResponse):
                earlier.append(event.status_code)
            elif isinstance(event, h11.Response):
                pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
                response = Response(event.status_code, pairs, earlier=earlier)
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                response.body = body
                response.trailers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
                if self.connection.our_state is h11.DONE and self.connection.their_state is h11.DONE:
                    self.connection.start_next_cycle()
                return response
            else:
                raise AssertionError(f"unexpected {event}")


class RawSocket:
    """A connection for bytes that no client library would send."""

    def __init__(self, url, data=b""):
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), DEADLINE_SECONDS)
        self.received = b""
        if data:
            self.send(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """True if the other side took it all; it may well have closed already."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def read_until(self, mark):
        """Everything up to and including `mark`."""
        while mark not in self.received:
            data = self.socket.recv(65536)
            assert data, f"the connection ended before {mark!r}; it held {self.received[-200:]!r}"
            self.received += data
        end = self.received.index(mark) + len(mark)
        taken, self.received = self.received[:end], self.received[end:]
        return taken

    def read_to_end(self):
        """Everything until the other side closes or resets the connection."""
        while True:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                taken, self.received = self.received, b""
                return taken
            self.received += data
