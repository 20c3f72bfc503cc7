"""Agents that register (tunnel v2) and then only send pongs: as many as one process may have descriptors.

    idle_agents.py PORT TOKEN FIRST COUNT SOURCE

They connect from the address SOURCE, are called idle-FIRST and so on, and a line `ready` says that all are registered.
"""

import json
import selectors
import socket
import struct
import sys

port, token, first, count, source = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
AT_ONCE = 64


def frame(opcode, payload):
    """A client's frame; its mask may be zero, as nobody between could be confused by it here."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


class Agent:
    def __init__(self, number):
        self.name, self.unread, self.is_upgraded = f"idle-{number}", b"", False
        self.socket = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            f"GET /agent?agentId={self.name} HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n"
            "Sec-WebSocket-Protocol: miagent.v2\r\n\r\n".encode())
        self.socket.setblocking(False)

    def read(self):
        """What a gateway says to an idle agent; how many registrations got a response."""
        data = self.socket.recv(65_536)
        if not data:
            sys.exit(f"{self.name}: the gateway closed the connection")
        self.unread += data
        if not self.is_upgraded:
            head, end, rest = self.unread.partition(b"\r\n\r\n")
            if not end:
                return 0
            if not head.startswith(b"HTTP/1.1 101"):
                sys.exit(f"{self.name}: {head!r}")
            self.unread, self.is_upgraded = rest, True
            params = {"agentId": self.name, "type": "idle", "host": "host", "model": "model", "status": "idle", "version": "1",
                      "webService": {"enabled": True}}
            message = {"jsonrpc": "2.0", "id": 1, "method": "agent.register", "params": params}
            self.socket.sendall(frame(1, json.dumps(message).encode()))
        return self.read_frames()

    def read_frames(self):
        registered = 0
        while len(self.unread) >= 2:
            opcode, length, at = self.unread[0] & 15, self.unread[1] & 127, 2
            if length == 126:
                if len(self.unread) < 4:
                    break
                length, at = struct.unpack(">H", self.unread[2:4])[0], 4
            if len(self.unread) < at + length:
                break
            payload, self.unread = self.unread[at:at + length], self.unread[at + length:]
            if opcode == 9:
                self.socket.sendall(frame(10, payload))
            elif opcode == 1:
                if b'"result"' not in payload:
                    sys.exit(f"{self.name}: {payload!r}")
                registered += 1
            elif opcode == 8:
                sys.exit(f"{self.name}: closed, {payload!r}")
        return registered


poller = selectors.DefaultSelector()
connected = registered = 0
while True:
    while connected < count and connected - registered < AT_ONCE:
        agent = Agent(first + connected)
        poller.register(agent.socket, selectors.EVENT_READ, agent)
        connected += 1
    before = registered
    for key, _ in poller.select():
        registered += key.data.read()
    if before < count <= registered:
        print("ready", flush=True)
