"""An agent written from Docs/Protocol.md alone speaks miagent.v2 to gatewayd: bodies under flow control both ways, ends and
resets, upgrades; and what the gateway does to an agent that breaks the rules."""

import hashlib
import json
import os
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import ConnectionClosed

from helpers.v2_agent import (
    CANCELLED, CREDIT, DATA, END, OVERRAN, PROTOCOL_ERROR, REFUSED, RESET, TIMED_OUT, UNREACHABLE, V2Agent, WasReset, frame)
from miagent_tests.visitors import KeepAliveClient, RawSocket, curl
from miagent_tests.waiting import eventually

WINDOW = 262_144
BIG = os.urandom(1 << 20) * 8


@pytest.fixture
def gateway(start_gateway):
    return start_gateway()


@pytest.fixture
def v2_agent(gateway, started):
    def start(handler=None, at=gateway, **options):
        agent = V2Agent(at, "my-agent", handler, **options)
        started.append(agent)
        return agent

    return start


@pytest.fixture
def agent(v2_agent):
    return v2_agent()


@pytest.fixture
def background():
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def visit(gateway, target="/", method="GET", *fields, body=b""):
    lines = "".join(f"{field}\r\n" for field in fields)
    return RawSocket(gateway.url, f"{method} /web/my-agent{target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode() + body)


def status_of(head):
    return int(head.split(b" ", 2)[1])


def read_head(visitor):
    head = visitor.read_until(b"\r\n\r\n")
    return status_of(head), head.lower()


def is_cut(visitor):
    """Whether a chunked response broke off before its end."""
    return not visitor.read_to_end().endswith(b"0\r\n\r\n")


def stays_open(agent, gateway, background):
    """Whether the tunnel still serves after whatever the agent did to it."""
    response = background(curl, f"{gateway.url}/web/my-agent/again")
    agent.next_exchange().respond_whole(200, body=b"still here")
    return response.result().body == b"still here"


# The tunnel.


def test_the_gateway_selects_v2_and_says_its_terms(agent):
    assert agent.welcome["initialWindow"] == WINDOW and agent.welcome["maxStreams"] == 1024
    assert agent.welcome["pingMs"] == 20_000 and agent.welcome["webUrl"].endswith("/web/my-agent/")


def test_both_versions_offered_select_the_higher(v2_agent):
    v2_agent(offers=("miagent.v1", "miagent.v2"))


def test_settings_change_the_terms(start_gateway, v2_agent):
    limits = {"initialWindow": 65_536, "maxStreamsPerAgent": 7, "pingIntervalMs": 1500}
    agent = v2_agent(at=start_gateway({"limits": limits}))
    assert (agent.welcome["initialWindow"], agent.welcome["maxStreams"], agent.welcome["pingMs"]) == (65_536, 7, 1500)


def test_pings_go_both_ways_and_get_pongs(start_gateway, v2_agent, background):
    gateway = start_gateway({"limits": {"pingIntervalMs": 100, "pongTimeoutMs": 5000}})
    agent = v2_agent(at=gateway)
    assert agent.socket.ping(os.urandom(125)).wait(10)  # true after a pong with the same payload
    eventually(lambda: agent.socket.pings >= 3, "three pings of the gateway")
    assert stays_open(agent, gateway, background)


def test_drain_is_announced_and_what_is_in_flight_ends(start_gateway, v2_agent):
    gateway = start_gateway({"drainMs": 5000})
    agent = v2_agent(at=gateway)
    with visit(gateway) as visitor:
        exchange = agent.next_exchange()
        gateway.signal(15)
        assert agent.next_text() == {"jsonrpc": "2.0", "method": "gateway.drain", "params": {"withinMs": 5000}}
        exchange.respond_whole(200, body=b"late")
        assert visitor.read_until(b"late")
        assert agent.wait_for_close() == 1012
    assert gateway.wait() == 0


# Requests and responses.


def test_get_carries_exactly_these_members(agent, gateway):
    with visit(gateway, "/a%20b/?q=%ff&x", "GET", "Accept: */*", "X-Twice: 1", "X-Twice: 2") as visitor:
        exchange = agent.next_exchange()
        headers = exchange.params.pop("headers")
        assert exchange.params == {
            "requestId": exchange.id, "httpMethod": "GET", "path": "/a%20b/", "query": "q=%ff&x", "stream": 1, "end": True}
        assert exchange.id == "web_1"
        assert headers.pop("x-request-id")
        assert headers == {
            "accept": "*/*", "x-twice": ["1", "2"], "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http",
            "x-forwarded-host": "x", "x-forwarded-prefix": "/web/my-agent"}
        exchange.respond(200, {"content-length": "5", "set-cookie": ["a=1", "b=2"], "x-bytes": "\u00e4\u00ff"})
        exchange.end(b"hello")
        status, head = read_head(visitor)
        assert status == 200 and b"content-length: 5\r\n" in head and b"x-bytes: \xe4\xff\r\n" in head
        assert b"set-cookie: a=1\r\n" in head and b"set-cookie: b=2\r\n" in head
        assert visitor.read_until(b"hello") == b"hello"
    assert not agent.exchanges


@pytest.mark.parametrize("target, query", [("/p", None), ("/p?", ""), ("/p?a", "a")])
def test_a_query_is_absent_or_empty_or_there(agent, gateway, target, query):
    with visit(gateway, target):
        exchange = agent.next_exchange()
        assert exchange.params.get("query") == query and ("query" in exchange.params) == (query is not None)
        exchange.respond_whole(204)


def test_responses_without_bodies(agent, gateway, background):
    for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 200)):
        response = background(curl, f"{gateway.url}/web/my-agent/", *(["-I"] if method == "HEAD" else []))
        agent.next_exchange().respond(status, {"content-length": "0"} if status == 200 and method == "GET" else {}, end=True)
        assert (response.result().status, response.result().body) == (status, b"")


def test_one_connection_and_many_visitors_at_once(v2_agent, gateway, background):
    v2_agent(lambda exchange: exchange.respond_whole(200, body=exchange.read_all()))

    def visitor(number):
        with KeepAliveClient(gateway.url) as client:
            for turn in range(20):
                body = b"%d-%d " % (number, turn) * 2000
                assert client.request("POST", "/web/my-agent/", body=body).body == body

    for done in [background(visitor, number) for number in range(8)]:
        done.result()


@pytest.mark.parametrize("code, status, name", [
    (-32010, 502, "service-unreachable"), (-32011, 504, "service-timed-out"), (-32012, 502, "service-broken"),
    (-32013, 502, "service-broken"), (-32014, 503, "too-many-streams"), (-32015, 404, "no-web-service"),
    (-32601, 502, "service-unreachable"), (-1, 502, "service-unreachable")])
def test_errors_become_the_visitors(agent, gateway, background, code, status, name):
    response = background(curl, f"{gateway.url}/web/my-agent/")
    agent.next_exchange().fail(code, "for a test")
    assert (response.result().status, response.result().error) == (status, name)
    assert stays_open(agent, gateway, background)


def test_a_full_agent_gets_no_more_requests(start_gateway, v2_agent, background):
    gateway = start_gateway({"limits": {"maxStreamsPerAgent": 2}})
    agent = v2_agent(at=gateway)
    with visit(gateway), visit(gateway):
        held = [agent.next_exchange(), agent.next_exchange()]
        assert curl(f"{gateway.url}/web/my-agent/").error == "too-many-streams"
        held[0].respond_whole(200, body=b"one ends")
        assert stays_open(agent, gateway, background)


# Bodies.


def test_post_in_pieces_is_echoed_while_it_goes_on(agent, gateway):
    with visit(gateway, "/echo", "POST", "Transfer-Encoding: chunked") as visitor:
        exchange = agent.next_exchange()
        assert "end" not in exchange.params and "transfer-encoding" not in exchange.params["headers"]
        exchange.respond(200)
        assert read_head(visitor)[0] == 200
        for number in range(20):
            visitor.send(b"4\r\nA%03d\r\n" % number)
            assert exchange.read() == b"A%03d" % number
            exchange.write(b"B%03d" % number)
            visitor.read_until(b"4\r\nB%03d\r\n" % number)
        visitor.send(b"0\r\n\r\n")
        assert exchange.read() == b""
        exchange.end()
        visitor.read_until(b"0\r\n\r\n")


def test_an_upload_waits_for_credit(agent, gateway, background):
    response = background(curl, f"{gateway.url}/web/my-agent/", "--data-binary", "@-", "-H", "Expect:", stdin=BIG)
    exchange = agent.next_exchange()
    assert exchange.params["headers"]["content-length"] == str(len(BIG))
    exchange.wait_for_bytes(WINDOW)
    time.sleep(0.2)  # to see that nothing more comes
    assert exchange.received_bytes == WINDOW
    exchange.respond_whole(200, body=hashlib.sha256(exchange.read_all()).digest())
    assert response.result().body == hashlib.sha256(BIG).digest()


@pytest.mark.parametrize("fields", [{"content-length": str(len(BIG))}, {}])
def test_a_download_goes_on_with_credit(agent, gateway, background, fields):
    response = background(curl, f"{gateway.url}/web/my-agent/")
    exchange = agent.next_exchange()
    exchange.respond(200, fields)
    exchange.end(BIG)
    assert response.result().body == BIG
    assert response.result()["content-length"] == fields.get("content-length")


def test_credit_comes_only_for_what_the_visitor_took(agent, gateway, background):
    with visit(gateway) as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        exchange = agent.next_exchange()
        exchange.respond(200, {"content-length": str(64 << 20)})
        writing = background(lambda: [exchange.write(BIG) for _ in range(8)])
        sent = settled(lambda: exchange.sent_bytes)
        assert WINDOW <= sent < 32 << 20  # a window, and what the kernel holds between us and the visitor
        assert stays_open(agent, gateway, background)
        taken = len(read_head(slow)[1])
        while taken < sent:
            taken += len(slow.socket.recv(1 << 20))
        eventually(lambda: exchange.sent_bytes > sent, "more of the body")
    assert exchange.wait_for_reset() == CANCELLED
    with pytest.raises(WasReset):
        writing.result()


def settled(value):
    """A number once it has stopped growing for 300 ms."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < 0.3:
        time.sleep(0.02)
        if value() != last:
            last, since = value(), time.monotonic()
    return last


def test_bodies_both_ways_at_once(v2_agent, gateway, background):
    def echo(exchange):
        exchange.respond(200)
        for piece in iter(exchange.read, b""):
            exchange.write(piece)
        exchange.end()

    v2_agent(echo)
    responses = [
        background(curl, f"{gateway.url}/web/my-agent/", "-H", "Expect:", "--data-binary", "@-", stdin=BIG) for _ in range(3)]
    assert all(response.result().body == BIG for response in responses)


def test_server_sent_events_arrive_one_by_one(agent, gateway):
    with visit(gateway) as visitor:
        exchange = agent.next_exchange()
        exchange.respond(200, {"content-type": "text/event-stream"})
        for number in range(50):
            exchange.write(b"data: %d\n\n" % number)
            visitor.read_until(b"data: %d\n\n" % number)
        exchange.end()
        visitor.read_until(b"0\r\n\r\n")


def test_an_empty_data_frame_is_no_end(agent, gateway):
    with visit(gateway) as visitor:
        exchange = agent.next_exchange()
        exchange.respond(200)
        exchange.send_frame(DATA)
        exchange.write(b"then more")
        visitor.read_until(b"then more\r\n")
        exchange.end()
        visitor.read_until(b"0\r\n\r\n")


def test_reserved_bytes_and_unknown_flags_are_ignored(agent, gateway):
    with visit(gateway) as visitor:
        exchange = agent.next_exchange()
        exchange.respond(200, {"content-length": "2"})
        agent.send_bytes(struct.pack(">BBHI", DATA, 0xFE | END, 0xFFFF, exchange.stream) + b"ok")
        assert visitor.read_until(b"ok").endswith(b"\r\n\r\nok")


def test_trailers_of_a_response(agent, gateway):
    with visit(gateway) as visitor:
        exchange = agent.next_exchange()
        exchange.respond(200)
        exchange.end(b"hello", trailers={"x-sum": "5", "x-other": "6"})
        assert visitor.read_until(b"\r\n0\r\n").endswith(b"5\r\nhello\r\n0\r\n")
        assert set(visitor.read_until(b"\r\n\r\n").split(b"\r\n")) == {b"x-sum: 5", b"x-other: 6", b""}


def test_trailers_of_a_request(agent, gateway):
    with visit(gateway, "/", "POST", "Transfer-Encoding: chunked") as visitor:
        visitor.send(b"5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n")
        exchange = agent.next_exchange()
        assert exchange.read_all() == b"hello" and exchange.trailers == {"x-sum": "5"}
        exchange.respond_whole(204)
        assert read_head(visitor)[0] == 204


def test_an_early_response_gives_the_rest_of_the_request_up(agent, gateway, background):
    with visit(gateway, "/", "POST", "Content-Length: 1000000", body=b"begin") as visitor:
        exchange = agent.next_exchange()
        assert exchange.read() == b"begin"
        exchange.respond_whole(413, body=b"too much")
        assert read_head(visitor)[0] == 413
        visitor.read_until(b"too much")
        assert exchange.wait_for_reset() == CANCELLED
    assert stays_open(agent, gateway, background)


# Resets.


@pytest.mark.parametrize("reason, status, name", [
    (REFUSED, 503, "too-many-streams"), (UNREACHABLE, 502, "service-unreachable"), (TIMED_OUT, 504, "service-timed-out"),
    (CANCELLED, 502, "service-broken"), (OVERRAN, 502, "service-broken"), (PROTOCOL_ERROR, 502, "service-broken"),
    (999, 502, "service-broken")])
def test_a_reset_before_the_head(agent, gateway, background, reason, status, name):
    response = background(curl, f"{gateway.url}/web/my-agent/")
    agent.next_exchange().reset(reason)
    assert (response.result().status, response.result().error) == (status, name)
    assert stays_open(agent, gateway, background)


def test_a_reset_within_the_response_cuts_it(agent, gateway, background):
    with visit(gateway) as visitor:
        exchange = agent.next_exchange()
        exchange.respond(200)
        exchange.write(b"half")
        visitor.read_until(b"half")
        exchange.reset(UNREACHABLE)
        assert is_cut(visitor)
    assert stays_open(agent, gateway, background)


def test_a_visitor_who_leaves_resets_the_stream(agent, gateway, background):
    for has_head in (False, True):
        with visit(gateway) as visitor:
            exchange = agent.next_exchange()
            if has_head:
                exchange.respond(200)
                exchange.write(b"half")
                visitor.read_until(b"half")
        assert exchange.wait_for_reset() == CANCELLED
    assert stays_open(agent, gateway, background)


def test_no_head_in_time_resets_the_stream(start_gateway, v2_agent, background):
    gateway = start_gateway({"channels": {"webService": {"timeoutMs": 200}}})
    agent = v2_agent(at=gateway)
    response = background(curl, f"{gateway.url}/web/my-agent/")
    exchange = agent.next_exchange()
    assert exchange.wait_for_reset() == TIMED_OUT and response.result().error == "service-timed-out"
    exchange.respond(200, end=True)  # late, and nobody minds
    assert stays_open(agent, gateway, background)


def test_a_lost_tunnel_cuts_and_fails(agent, gateway):
    with visit(gateway, "/cut") as begun, visit(gateway, "/lost") as waiting:
        first = agent.next_exchange()
        second = agent.next_exchange()
        first, second = sorted((first, second), key=lambda exchange: exchange.params["path"])
        first.respond(200)
        first.write(b"half")
        begun.read_until(b"half")
        agent.socket.close(1001)
        assert is_cut(begun)
        status, head = read_head(waiting)
        assert status == 502 and b"x-miagent-error: agent-lost\r\n" in head


# Upgrades.


def upgrade(agent, gateway, *, data=b""):
    visitor = visit(gateway, "/socket?x=1", "GET", "Connection: Upgrade", "Upgrade: websocket", body=data)
    exchange = agent.next_exchange()
    assert exchange.params["upgrade"] == "websocket" and "end" not in exchange.params
    return visitor, exchange


def test_an_upgrade_is_raw_bytes_both_ways(agent, gateway):
    visitor, exchange = upgrade(agent, gateway, data=b"early")
    with visitor:
        exchange.respond(101, {"connection": "Upgrade", "upgrade": "websocket"})
        status, head = read_head(visitor)
        assert status == 101 and b"upgrade: websocket\r\n" in head and b"connection: upgrade\r\n" in head
        assert exchange.read() == b"early"
        for size in (1, 100, 16_384):
            data = os.urandom(size)
            visitor.send(data)
            received = b""
            while len(received) < size:
                received += exchange.read()
            exchange.write(received[::-1])
            echo = b""
            while len(echo) < size:
                echo += visitor.socket.recv(65_536)
            assert echo == data[::-1]


def test_each_half_of_an_upgrade_ends_alone(agent, gateway, background):
    for is_visitor_first in (True, False):
        visitor, exchange = upgrade(agent, gateway)
        with visitor:
            exchange.respond(101, {"connection": "Upgrade", "upgrade": "websocket"})
            read_head(visitor)
            if is_visitor_first:
                visitor.socket.shutdown(socket.SHUT_WR)
                assert exchange.read() == b""
                background(exchange.end, BIG)
                assert visitor.read_to_end() == BIG
            else:
                exchange.end(b"last words")
                assert visitor.read_to_end() == b"last words"
                visitor.send(b"mine come after")
                visitor.socket.shutdown(socket.SHUT_WR)
                assert exchange.read_all() == b"mine come after"


def test_an_upgrade_that_is_refused_gets_an_ordinary_response(agent, gateway):
    visitor, exchange = upgrade(agent, gateway)
    with visitor:
        exchange.respond_whole(426, body=b"no")
        assert read_head(visitor)[0] == 426
        visitor.read_until(b"no")
        assert exchange.read() == b""


def test_a_reset_ends_an_upgrade(agent, gateway):
    visitor, exchange = upgrade(agent, gateway)
    with visitor:
        exchange.respond(101, {"connection": "Upgrade", "upgrade": "websocket"})
        read_head(visitor)
        exchange.reset(CANCELLED)
        assert visitor.read_to_end() == b""
    visitor, exchange = upgrade(agent, gateway)
    exchange.respond(101, {"connection": "Upgrade", "upgrade": "websocket"})
    read_head(visitor)
    visitor.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visitor.socket.close()
    assert exchange.wait_for_reset() == CANCELLED


# Misbehaviour that costs a stream.


def test_an_overrun_window_resets_the_stream(agent, gateway, background):
    with visit(gateway) as visitor:
        visitor.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        exchange = agent.next_exchange()
        exchange.respond(200)
        deadline = time.monotonic() + 10
        while exchange.reason is None and time.monotonic() < deadline:  # the visitor takes some of it, but not all
            exchange.send_frame(DATA, bytes(65_536))
        assert exchange.wait_for_reset() == OVERRAN
        assert is_cut(visitor)
    assert stays_open(agent, gateway, background)


def misbehave_before_the_head(exchange):
    exchange.send_frame(DATA, b"too soon")


def misbehave_after_the_end(exchange):
    exchange.respond(200, end=True)
    exchange.send_frame(DATA, b"too late")


def misbehave_with_credit(exchange):
    exchange.send_frame(CREDIT, struct.pack(">I", 0xFFFF_FFFF))


def misbehave_with_more_than_the_length(exchange):
    exchange.respond(200, {"content-length": "3"})
    exchange.write(b"four")


def misbehave_with_less_than_the_length(exchange):
    exchange.respond(200, {"content-length": "5"})
    exchange.end(b"four")


def misbehave_with_an_end_instead_of_the_length(exchange):
    exchange.respond(200, {"content-length": "5"}, end=True)


def misbehave_with_a_result(exchange):
    exchange.agent.send_text(id=exchange.id, result={"statusCode": 99, "headers": {}})


@pytest.mark.parametrize("act", [
    misbehave_before_the_head, misbehave_after_the_end, misbehave_with_credit, misbehave_with_more_than_the_length,
    misbehave_with_less_than_the_length, misbehave_with_an_end_instead_of_the_length, misbehave_with_a_result],
    ids=lambda act: act.__name__)
def test_nonsense_on_a_stream_gets_a_reset(agent, gateway, background, act):
    with visit(gateway, "/", "POST", "Transfer-Encoding: chunked"):  # the request stays open, and so does the stream
        exchange = agent.next_exchange()
        act(exchange)
        expected = (CANCELLED, PROTOCOL_ERROR) if act is misbehave_after_the_end else (PROTOCOL_ERROR,)
        assert exchange.wait_for_reset() in expected
    assert stays_open(agent, gateway, background)


def test_late_frames_are_ignored(agent, gateway, background):
    for late in (frame(DATA, 77, b"x"), frame(CREDIT, 77, bytes(4)), frame(RESET, 77, bytes(2)), frame(DATA, 0, b"", END)):
        agent.send_bytes(late)
    assert stays_open(agent, gateway, background)


# Misbehaviour that costs the tunnel, or nothing.


@pytest.mark.parametrize("message", [
    frame(3, 1), frame(255, 1), b"", b"short", frame(DATA, 1)[:7], frame(CREDIT, 1, bytes(3)), frame(CREDIT, 1, bytes(5)),
    frame(RESET, 1, b"\0"), frame(RESET, 1, bytes(3)), frame(DATA, 1, bytes(65_537))],
    ids=lambda message: f"{message[:1].hex() or 'empty'}-{len(message)}")
def test_a_frame_that_is_none_ends_the_tunnel(agent, gateway, message):
    with visit(gateway) as visitor:
        agent.next_exchange()
        agent.send_bytes(message)
        assert agent.wait_for_close() == 1002
        status, head = read_head(visitor)
        assert status == 502
        # Data goes on as it comes: what came of a frame that is too long may have broken the exchange before it was seen to be.
        assert b"agent-lost" in head or len(message) > 65_536 and b"service-broken" in head


def test_a_message_that_is_too_long_ends_the_tunnel(agent):
    try:
        agent.socket.send("x" * 262_145)
    except ConnectionClosed:
        pass
    assert agent.wait_for_close() == 1009


@pytest.mark.parametrize("text, code", [
    ("{", -32700), ("[]", -32600), ('{"jsonrpc":"2.0","id":7,"method":"no.such"}', -32601),
    ('{"jsonrpc":"2.0","id":7,"method":"web.request","params":{}}', -32601),
    ('{"jsonrpc":"2.0","id":7,"method":"agent.register","params":{"agentId":7}}', -32602)])
def test_texts_that_make_no_sense_get_an_error(agent, gateway, background, text, code):
    agent.socket.send(text)
    response = agent.next_text()
    assert response["error"]["code"] == code and response["id"] == (7 if code in (-32601, -32602) else None)
    assert stays_open(agent, gateway, background)


def test_registering_again_changes_what_was_said(agent, gateway, background):
    agent.send_text(id=2, method="agent.register", params={"agentId": "my-agent", "model": "other", "status": "busy"})
    assert agent.next_text()["result"]["initialWindow"] == WINDOW
    agent.send_text(method="agent.status", params={"status": "resting"})
    listed = lambda: json.loads(curl(f"{gateway.url}/.miagent/agents").body)["agents"][0]
    eventually(lambda: listed()["status"] == "resting", "the status")
    assert listed()["model"] == "other" and stays_open(agent, gateway, background)


def test_the_newer_of_two_wins(v2_agent, gateway):
    older, newer = v2_agent(), v2_agent()
    assert older.wait_for_close() == 4001
    response = visit(gateway)
    with response:
        newer.next_exchange().respond_whole(200, body=b"newer")
        response.read_until(b"newer")
