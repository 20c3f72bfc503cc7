"""A gateway of the original v1, played by Python's websockets: registers an agent by its URL, selects no subprotocol."""

import base64
import json
import queue
import threading
import uuid

from websockets.sync.server import serve

from miagent_tests.waiting import DEADLINE_SECONDS


class V1Gateway:
    """`on_register` decides what becomes of `agent.register`: None leaves it without a response, as the original v1 does; a function makes the
    members of a response out of the request."""

    def __init__(self, on_register=None, port=0):
        self.on_register = on_register
        self.tunnels = queue.Queue()
        self.server = serve(self._handle, "127.0.0.1", port, max_size=None, compression="deflate")
        self.port = self.server.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def agent_url(self):
        return f"ws://127.0.0.1:{self.port}/agent"

    def _handle(self, socket):
        tunnel = SeedTunnel(socket, self.on_register)
        self.tunnels.put(tunnel)
        tunnel.read()

    def next_tunnel(self, seconds=DEADLINE_SECONDS):
        """The next agent that dials."""
        return self.tunnels.get(timeout=seconds)

    def close(self):
        self.server.shutdown()
        self.thread.join(DEADLINE_SECONDS)


class SeedTunnel:
    """One agent's connection, as the gateway sees it."""

    def __init__(self, socket, on_register):
        self.socket = socket
        self.request = socket.request  # the handshake: path and headers
        self.subprotocol = socket.subprotocol
        self.registrations = []
        self.inbox = queue.Queue()
        self._on_register = on_register

    def read(self):
        for message in self.socket:
            parsed = json.loads(message) if isinstance(message, str) else message
            if isinstance(parsed, dict) and parsed.get("method") == "agent.register":
                self.registrations.append(parsed)
                if self._on_register:
                    self.send({"jsonrpc": "2.0", "id": parsed["id"], **self._on_register(parsed)})
            else:
                self.inbox.put(parsed)

    def send(self, message):
        """A value as JSON, or a text as it is."""
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def next_message(self, seconds=DEADLINE_SECONDS):
        return self.inbox.get(timeout=seconds)

    def send_request(self, path, method="GET", query="", headers=None, body=b"", request_id=None):
        """The original v1's `web.request`, exactly; the id that it has."""
        request_id = request_id if request_id is not None else f"web_{uuid.uuid4()}"
        self.send({
            "jsonrpc": "2.0", "id": request_id, "method": "web.request",
            "params": {
                "requestId": "web_1234", "httpMethod": method, "path": path, "query": query, "headers": headers or {},
                "body": base64.b64encode(body).decode()}})
        return request_id

    def ask(self, path, **parts):
        """Sends a request and returns the whole message that responds to it."""
        request_id = self.send_request(path, **parts)
        message = self.next_message()
        assert message["id"] == request_id
        return message
