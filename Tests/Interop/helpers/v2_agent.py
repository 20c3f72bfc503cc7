"""An agent that speaks miagent.v2, written from Docs/Protocol.md alone: what somebody with Python's websockets would write.

A reader thread takes what comes and never waits for anybody; each request becomes an `Exchange` that a test, or a thread that
serves, reads from and writes to. It sends a body only with credit, and gives credit back when bytes have been read.
"""

import collections
import json
import queue
import struct
import threading

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from miagent_tests.waiting import DEADLINE_SECONDS

DATA, CREDIT, RESET = 0, 1, 2
END = 0x01
MAXIMUM_PAYLOAD = 65_536
REFUSED, UNREACHABLE, TIMED_OUT, CANCELLED, OVERRAN, PROTOCOL_ERROR = 1, 2, 3, 4, 5, 6


def frame(kind, stream, payload=b"", flags=0):
    """Eight bytes and a payload."""
    return struct.pack(">BBHI", kind, flags, 0, stream) + payload


class WasReset(Exception):
    """The gateway gave the stream up."""

    def __init__(self, reason):
        super().__init__(f"reset {reason}")
        self.reason = reason


class Exchange:
    """One request and its response. Window and buffer belong to `condition`; the reader thread fills, others take."""

    def __init__(self, agent, message):
        self.agent = agent
        self.id = message["id"]
        self.params = message["params"]
        self.stream = self.params["stream"]
        self.condition = threading.Condition()
        self.received = collections.deque()
        self.received_bytes = 0  # payload of this stream so far, read or not
        self.sent_bytes = 0
        self.has_request_ended = self.params.get("end", False)
        self.has_response_ended = False
        self.trailers = None
        self.reason = None  # of the gateway's reset
        self.may_send = agent.initial_window
        self.may_receive = agent.initial_window
        self.owed = 0  # bytes read for which no credit was sent yet

    # What the reader thread brings.

    def on_data(self, payload, has_ended):
        with self.condition:
            if self.has_request_ended or len(payload) > self.may_receive:
                self.agent.violations.append(f"stream {self.stream}: data after an end, or more than its window")
            self.may_receive -= len(payload)
            self.received_bytes += len(payload)
            if payload:
                self.received.append(payload)
            self.has_request_ended = has_ended
            self.condition.notify_all()

    def on_credit(self, count):
        with self.condition:
            self.may_send += count
            self.condition.notify_all()

    def on_reset(self, reason):
        with self.condition:
            self.reason = reason
            self.condition.notify_all()

    def _wait(self, condition, what):
        """With the condition held, until it is true; an error once the stream is over."""
        if not self.condition.wait_for(lambda: self.reason is not None or condition(), DEADLINE_SECONDS):
            raise AssertionError(f"stream {self.stream}: not within {DEADLINE_SECONDS} s: {what}")
        if self.reason is not None:
            raise WasReset(self.reason)

    # The request.

    def read(self):
        """The next piece of the body; b"" at its end. Credit goes back once a quarter of the window is owed."""
        with self.condition:
            self._wait(lambda: self.received or self.has_request_ended, "data")
            if not self.received:
                return b""
            payload = self.received.popleft()
            self.owed += len(payload)
            owed = self.owed
            if owed * 4 < self.agent.initial_window or self.has_request_ended:
                return payload
            self.owed = 0
            self.may_receive += owed
        self.send_frame(CREDIT, struct.pack(">I", owed))
        return payload

    def read_all(self):
        return b"".join(iter(self.read, b""))

    def wait_for_bytes(self, count):
        """Until that many bytes of the body are here, read or not."""
        with self.condition:
            self._wait(lambda: self.received_bytes >= count, f"{count} bytes")

    def wait_for_reset(self):
        """The reason."""
        try:
            with self.condition:
                self._wait(lambda: False, "a reset")
        except WasReset as reset:
            return reset.reason

    # The response.

    def respond(self, status, headers=None, end=False):
        result = {"statusCode": status, "headers": headers or {}, "stream": self.stream}
        if end:
            result["end"] = self.has_response_ended = True
        self.agent.forget_if_over(self)
        self.agent.send_text(id=self.id, result=result)

    def fail(self, code, message=""):
        self.agent.forget(self)
        self.agent.send_text(id=self.id, error={"code": code, "message": message})

    def write(self, data):
        """Body bytes, in pieces for which there is credit."""
        for start in range(0, len(data), MAXIMUM_PAYLOAD):
            self._write_piece(memoryview(data)[start : start + MAXIMUM_PAYLOAD])

    def _write_piece(self, piece):
        while piece:
            with self.condition:
                self._wait(lambda: self.may_send > 0, "credit")
                count = min(len(piece), self.may_send)
                self.may_send -= count
                self.sent_bytes += count
            self.send_frame(DATA, piece[:count])
            piece = piece[count:]

    def end(self, data=b"", trailers=None):
        self.write(data)
        if trailers:
            self.agent.send_text(method="web.trailers", params={"stream": self.stream, "trailers": trailers})
        self.has_response_ended = True
        self.agent.forget_if_over(self)
        self.send_frame(DATA, flags=END)

    def respond_whole(self, status, headers=None, body=b""):
        """A whole response whose length is known."""
        self.respond(status, {"content-length": str(len(body)), **(headers or {})}, end=not body)
        if body:
            self.end(body)

    def reset(self, reason):
        self.agent.forget(self)
        self.send_frame(RESET, struct.pack(">H", reason))

    def send_frame(self, kind, payload=b"", flags=0):
        self.agent.send_bytes(frame(kind, self.stream, bytes(payload), flags))


class Connection(ClientConnection):
    """Counts the gateway's pings; websockets sends the pongs itself."""

    pings = 0

    def process_event(self, event):
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pings += 1
        super().process_event(event)


class V2Agent:
    """Registers, then hands out exchanges: to `handler(exchange)` on a thread for each, or to whoever calls `next_exchange`."""

    def __init__(self, gateway, agent_id, handler=None, token=None, offers=("miagent.v2",)):
        self.handler = handler
        self.exchanges = {}  # open streams
        self.incoming = queue.Queue()
        self.texts = queue.Queue()  # what is no request: responses, notifications
        self.violations = []  # of Docs/Protocol.md, by the gateway
        self.socket = connect(
            f"{gateway.agent_url}?agentId={agent_id}", subprotocols=list(offers), compression=None, max_size=262_144,
            ping_interval=None, open_timeout=DEADLINE_SECONDS, proxy=None, create_connection=Connection,
            additional_headers={"Authorization": f"Bearer {token}"} if token else None)
        assert self.socket.subprotocol == "miagent.v2", self.socket.subprotocol
        self.send_text(id=1, method="agent.register", params={"agentId": agent_id, "type": "third-party"})
        self.welcome = json.loads(self.socket.recv(timeout=DEADLINE_SECONDS)).get("result", {})
        self.initial_window = self.welcome.get("initialWindow", 262_144)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for message in self.socket:
                if isinstance(message, str):
                    self._on_text(json.loads(message))
                else:
                    self._on_frame(message)
        except ConnectionClosed:
            pass
        for exchange in list(self.exchanges.values()):
            exchange.on_reset(CANCELLED)

    def _on_text(self, message):
        if message.get("method") == "web.request":
            return self._on_request(message)
        if message.get("method") == "web.trailers":
            exchange = self.exchanges.get(message["params"]["stream"])
            if exchange:
                exchange.trailers = message["params"]["trailers"]
            return None
        return self.texts.put(message)

    def _on_request(self, message):
        exchange = Exchange(self, message)
        if exchange.stream in self.exchanges:
            self.violations.append(f"stream {exchange.stream} is in use")
        self.exchanges[exchange.stream] = exchange
        if self.handler:
            threading.Thread(target=self._handle, args=(exchange,), daemon=True).start()
        else:
            self.incoming.put(exchange)

    def _handle(self, exchange):
        try:
            self.handler(exchange)
        except (WasReset, ConnectionClosed):
            pass

    def _on_frame(self, message):
        kind, flags, _, stream = struct.unpack_from(">BBHI", message)
        payload, exchange = message[8:], self.exchanges.get(stream)
        if kind not in (DATA, CREDIT, RESET) or len(payload) > MAXIMUM_PAYLOAD:
            self.violations.append(f"a frame of kind {kind} with {len(payload)} bytes")
        elif exchange is None:
            return  # late, not wrong
        elif kind == DATA:
            exchange.on_data(payload, bool(flags & END))
        elif kind == CREDIT:
            exchange.on_credit(struct.unpack(">I", payload)[0])
        else:
            self.forget(exchange)
            exchange.on_reset(struct.unpack(">H", payload)[0])
        self.forget_if_over(exchange)

    def forget_if_over(self, exchange):
        """Both directions have ended: the number of the stream is free."""
        if exchange.has_request_ended and exchange.has_response_ended:
            self.forget(exchange)

    def forget(self, exchange):
        if self.exchanges.get(exchange.stream) is exchange:
            del self.exchanges[exchange.stream]

    def next_exchange(self):
        """The next request."""
        return self.incoming.get(timeout=DEADLINE_SECONDS)

    def next_text(self):
        """The next message that is neither a request nor trailers."""
        return self.texts.get(timeout=DEADLINE_SECONDS)

    def send_text(self, **members):
        self.socket.send(json.dumps({"jsonrpc": "2.0", **members}))

    def send_bytes(self, data):
        self.socket.send(data)

    def wait_for_close(self):
        """The code with which the connection ended."""
        self.thread.join(DEADLINE_SECONDS)
        return self.socket.close_code

    def close(self):
        self.socket.close(1001)
        assert not self.violations, self.violations
