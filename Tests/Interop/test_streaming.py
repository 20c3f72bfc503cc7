"""What only v2 can do: bodies that pass while they are made, and WebSocket through the tunnel, with wsproto as the visitor and
websockets as the service. And what both must: a visitor who leaves is missed."""

import contextlib
import os
import queue
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, RejectConnection, Request, TextMessage

from miagent_tests.visitors import RawSocket, curl
from miagent_tests.waiting import eventually


@pytest.fixture
def v2(start_gateway, start_agent, node):
    gateway = start_gateway()
    start_agent(gateway, "my-agent", service_port=node.port)
    return gateway


def get(target, gateway, *fields):
    lines = "".join(f"{field}\r\n" for field in fields)
    return RawSocket(gateway.url, f"GET /web/my-agent{target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())


def test_an_event_is_here_before_the_next_is_made(v2, node):
    with get("/events?name=sse", v2) as visitor:
        head = visitor.read_until(b"\r\n\r\n").lower()
        assert b"content-type: text/event-stream" in head
        visitor.read_until(b"data: first\n\n")
        node.release("sse")
        visitor.read_until(b"data: last\n\n")
        visitor.read_until(b"0\r\n\r\n")


def test_an_upload_is_echoed_while_it_goes_on(v2):
    with RawSocket(v2.url, b"POST /web/my-agent/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") as visitor:
        for number in range(5):
            visitor.send(b"4\r\nA%03d\r\n" % number)
            visitor.read_until(b"A%03d" % number)
        visitor.send(b"0\r\n\r\n")
        visitor.read_until(b"0\r\n\r\n")


def test_bodies_without_a_limit(v2, tmp_path):
    body = os.urandom(1 << 20) * 12  # more than v1 could carry
    (tmp_path / "body").write_bytes(body)
    assert curl(f"{v2.url}/web/my-agent/echo", "--data-binary", f"@{tmp_path}/body").body == body


def test_a_quiet_stream_outlives_the_time_to_first_byte(start_gateway, start_agent, node):
    gateway = start_gateway({"channels": {"webService": {"timeoutMs": 200}}})
    start_agent(gateway, "my-agent", service_port=node.port)
    with get("/events?name=quiet", gateway) as visitor:
        visitor.read_until(b"data: first\n\n")
        assert curl(f"{gateway.url}/web/my-agent/hold/quiet-never").status == 504  # more than 200 ms have passed now
        node.release("quiet")
        visitor.read_until(b"data: last\n\n")


def test_a_visitor_who_leaves_is_missed_at_the_service(v2, node):
    with get("/hold/left", v2):
        node.wait_until_held("left")
    eventually(lambda: not node.is_held("left"), "the end of the service's request")


# WebSocket


@contextlib.contextmanager
def websocket_service(handler, **options):
    with serve(handler, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join(10)


class WebSocketVisitor:
    """wsproto over a bare socket."""

    def __init__(self, gateway, target, **options):
        self.wire = RawSocket(gateway.url)
        self.connection = WSConnection(ConnectionType.CLIENT)
        self.events = iter(())
        self.send(Request(host="gateway.example", target=target, **options))

    def send(self, event):
        self.wire.send(self.connection.send(event))

    def next(self, kind):
        """The next event, of this kind; pongs for pings are sent on the way."""
        while True:
            for event in self.events:
                if isinstance(event, Ping):
                    self.send(event.response())
                    continue
                assert isinstance(event, kind), event
                return event
            data = self.wire.socket.recv(65536)
            self.connection.receive_data(data or None)
            self.events = self.connection.events()

    def message(self, kind):
        """A whole message of text or bytes."""
        pieces = [self.next(kind)]
        while not pieces[-1].message_finished:
            pieces.append(self.next(kind))
        return type(pieces[0].data)().join(piece.data for piece in pieces)


def test_websocket_through_the_tunnel(start_gateway, start_agent):
    seen = queue.Queue()

    def handler(socket):
        seen.put(socket.request)
        socket.send("first word is the service's")  # may travel with the 101
        for message in socket:
            socket.send(message)

    gateway = start_gateway()
    with websocket_service(handler, subprotocols=["chat.v2"], compression=None) as port:
        start_agent(gateway, "my-agent", service_port=port)
        visitor = WebSocketVisitor(gateway, "/web/my-agent/socket?room=1&x=%20", subprotocols=["chat.v1", "chat.v2"])
        accepted = visitor.next(AcceptConnection)
        assert accepted.subprotocol == "chat.v2"
        request = seen.get(timeout=10)
        assert request.path == "/socket?room=1&x=%20" and request.headers["Host"] == f"localhost:{port}"
        assert visitor.message(TextMessage) == "first word is the service's"
        for text in ("", "hello", "\u4f60\u597d " * 5000):
            visitor.send(TextMessage(data=text))
            assert visitor.message(TextMessage) == text
        data = os.urandom(300_000)
        visitor.send(BytesMessage(data=data))
        assert visitor.message(BytesMessage) == data
        visitor.send(Ping(payload=b"are you there"))
        assert bytes(visitor.next(Pong).payload) == b"are you there"
        visitor.send(CloseConnection(code=1000, reason="done"))
        assert visitor.next(CloseConnection).code == 1000
        assert visitor.wire.read_to_end() == b""


def test_websocket_closed_by_the_service(start_gateway, start_agent):
    gateway = start_gateway()
    with websocket_service(lambda socket: socket.close(4321, "enough")) as port:
        start_agent(gateway, "my-agent", service_port=port)
        visitor = WebSocketVisitor(gateway, "/web/my-agent/")
        visitor.next(AcceptConnection)
        closed = visitor.next(CloseConnection)
        assert (closed.code, closed.reason) == (4321, "enough")


def test_websocket_refused_by_a_plain_service(v2):
    visitor = WebSocketVisitor(v2, "/web/my-agent/nowhere")
    assert visitor.next(RejectConnection).status_code == 404


def test_websocket_ends_with_its_visitor(start_gateway, start_agent):
    ended = threading.Event()

    def handler(socket):
        socket.send("hello")
        with contextlib.suppress(ConnectionClosed):
            socket.recv()
        ended.set()

    gateway = start_gateway()
    with websocket_service(handler) as port:
        start_agent(gateway, "my-agent", service_port=port)
        visitor = WebSocketVisitor(gateway, "/web/my-agent/")
        visitor.next(AcceptConnection)
        assert visitor.message(TextMessage) == "hello"
        visitor.wire.socket.close()
        assert ended.wait(10)


def test_websocket_over_v1_is_not_switched(start_gateway, start_agent, node):
    gateway = start_gateway()
    start_agent(gateway, "my-agent", service_port=node.port, protocol="v1")
    visitor = WebSocketVisitor(gateway, "/web/my-agent/api/hello")
    assert visitor.next(RejectConnection).status_code == 200  # an ordinary response to a request whose upgrade is ignored
