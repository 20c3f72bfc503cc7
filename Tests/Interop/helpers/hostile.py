"""Tunnels that keep no rule: agents that never register, send without an end and read nothing; a gateway that grants itself
windows without a limit; a v1 agent that responds fast and visitors that do not read. WebSocket frames are made by hand."""

import base64
import hashlib
import json
import os
import select
import socket
import struct
import threading
import time
from urllib.parse import urlsplit

from .v2_agent import DATA, frame

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MIB = 1 << 20


def client_frame(payload, opcode=1, count=None, final=True):
    """A frame under a mask of zeros; `count`: a length that is announced instead of the payload's own."""
    count = len(payload) if count is None else count
    head = bytes([(0x80 if final else 0) | opcode])
    if count < 126:
        head += bytes([0x80 | count])
    elif count < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", count)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", count)
    return head + bytes(4) + payload


def server_frame(payload, opcode=1):
    return bytes([0x80 | opcode]) + (
        bytes([len(payload)]) if len(payload) < 126
        else bytes([126]) + struct.pack(">H", len(payload)) if len(payload) < 65536
        else bytes([127]) + struct.pack(">Q", len(payload))) + payload


class RawAgent:
    """An agent after its handshake; None of what it is told is read unless asked for."""

    def __init__(self, gateway, protocol="v2", query=""):
        parts = urlsplit(gateway.url)
        self.socket = socket.create_connection((parts.hostname, parts.port), 10)
        offer = "Sec-WebSocket-Protocol: miagent.v2\r\n" if protocol == "v2" else ""
        self.socket.sendall(
            (f"GET /agent{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n").encode())
        self.status = int(self._head().split()[1])

    def _head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                break
            head += byte
        return head.decode() or "HTTP/1.1 0"

    def close(self):
        self.socket.close()


def send_all_unread(agents, data, seconds):
    """Each sends `data` again and again as far as it is taken, for so long; how many bytes that were."""
    left = {agent.socket: data for agent in agents}
    for connection in left:
        connection.setblocking(False)
    sent, end = 0, time.monotonic() + seconds
    while left and time.monotonic() < end:
        _, ready, _ = select.select([], list(left), [], 0.2)
        for connection in ready:
            try:
                count = connection.send(left[connection][:1 << 18])
            except BlockingIOError:
                continue
            except OSError:
                del left[connection]
                continue
            sent += count
            left[connection] = left[connection][count:] or data
    return sent


def unfinished_messages(gateway, count=60, size=11_000_000):
    """v1 agents that have said nothing of themselves, each with the beginning of a long message."""
    agents = [RawAgent(gateway, "v1") for _ in range(count)]
    for agent in agents:
        if agent.status != 101:
            continue
        agent.socket.settimeout(2)
        try:
            agent.socket.sendall(client_frame(b" " * size, count=size + 400_000))
        except OSError:
            pass
    return agents


def batches(count=128):
    """A batch each of whose elements gets an error of its own."""
    return client_frame(b"[" + b",".join([b"1"] * count) + b"]")


class HostileGateway:
    """Takes agents in and grants itself a window of `window` bytes; then each of `streams` uploads goes on for as long as the agent
    takes it. `flood` is sent again and again instead, where it is given, and nothing is read."""

    def __init__(self, window=2**31 - 1, streams=8, flood=None, path="/sink"):
        self.window, self.streams, self.flood, self.path = window, streams, flood, path
        self.sent = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.agent_url = f"ws://127.0.0.1:{self.port}/agent"
        self._is_over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self._is_over.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._handshake(connection)
            terms = {"sessionId": "s", "webUrl": "http://g/", "pingMs": 20000, "initialWindow": self.window, "maxStreams": 1024}
            connection.sendall(server_frame(json.dumps({"jsonrpc": "2.0", "id": 1, "result": terms}).encode()))
            if self.flood:
                while not self._is_over.is_set():
                    connection.sendall(self.flood * 100)
                    self.sent += len(self.flood) * 100
            threading.Thread(target=self._discard, args=(connection,), daemon=True).start()
            for stream in range(1, self.streams + 1):
                params = {"httpMethod": "PUT", "path": self.path, "headers": {}, "stream": stream}
                connection.sendall(server_frame(json.dumps(
                    {"jsonrpc": "2.0", "id": f"web_{stream}", "method": "web.request", "params": params}).encode()))
            while not self._is_over.is_set():
                for stream in range(1, self.streams + 1):
                    connection.sendall(server_frame(frame(DATA, stream, bytes(65536)), opcode=2))
                    self.sent += 65536
        except OSError:
            pass

    def _discard(self, connection):
        try:
            while connection.recv(1 << 16):
                pass
        except OSError:
            pass

    def _handshake(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        key = [line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")][0]
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: miagent.v2\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        connection.recv(1 << 16)  # agent.register

    def close(self):
        self._is_over.set()
        self.listener.close()


class Sink:
    """A service that takes connections and reads nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                self.connections.append(self.listener.accept()[0])
        except OSError:
            pass

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()


def greedy_visitors(gateway, path, count):
    """Each asks for `path` and reads nothing of it."""
    parts = urlsplit(gateway.url)
    visitors = []
    for _ in range(count):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((parts.hostname, parts.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        visitors.append(connection)
    return visitors


def uploading_visitors(gateway, path, count, size):
    """Each sends all of a body of `size` bytes but the last, as far as it is taken."""
    parts = urlsplit(gateway.url)
    visitors = [socket.create_connection((parts.hostname, parts.port), 10) for _ in range(count)]
    for connection in visitors:
        try:
            connection.settimeout(2)
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + bytes(size - 1))
        except OSError:
            pass
    return visitors


def answer_of(connection, seconds=5):
    """The status of what has come, or None."""
    connection.settimeout(seconds)
    try:
        line = connection.recv(4096).split(b"\r\n")[0].split()
        return int(line[1]) if len(line) > 1 else None
    except OSError:
        return None


def big_body(count=8 * MIB - 1):
    return os.urandom(1 << 16) * (count >> 16) + bytes(count & 0xffff)
