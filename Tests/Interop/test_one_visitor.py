"""One visitor without a token gets no more than its share: memory that it can fill is bounded, and everybody else is served.

The bounds are generous: they tell hundreds of MiB from a few. `measure_one_visitor.py` prints the figures."""

import re
import signal

import pytest

from miagent_tests.attacks import Memory, OtherVisitor, connect, request, send_unread
from miagent_tests.visitors import KeepAliveClient, curl
from miagent_tests.waiting import eventually

MIB = 1 << 20


@pytest.mark.parametrize("target, count", [("/", 13_000), ("/api/openapi.json", 100_000), ("/nowhere", 100_000)])
def test_pipelined_requests_cost_a_bounded_memory(start_gateway, target, count):
    gateway = start_gateway({"loops": 1})
    with Memory(gateway) as memory, OtherVisitor(gateway) as other, connect(gateway) as greedy:
        send_unread(greedy, request(target) * count, seconds=3)
    assert memory.growth < 24 * MIB
    assert set(other.statuses) == {200} and len(other.statuses) > 3


def test_whoever_reads_gets_all_that_it_asked_for(start_gateway):
    gateway = start_gateway()
    count = 2_000
    with connect(gateway) as visitor:
        visitor.sendall(request("/healthz") * (count - 1) + request("/healthz", "Connection: close"))
        received = b""
        while piece := visitor.recv(1 << 16):
            received += piece
    assert received.count(b"HTTP/1.1 200 ") == count and received.count(b"\r\n\r\nok\n") == count


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_flood_of_refusals_is_a_few_lines(start_gateway, log_format):
    """Whatever an untrusted client can have logged is counted, and summed up; what else happens is there, line by line."""
    gateway = start_gateway({"gatewayToken": "right", "loops": 1}, log_format=log_format)
    count = 3_000
    with connect(gateway) as greedy:
        greedy.sendall(request("/agent") * (count - 1) + request("/agent", "Connection: close"))
        while greedy.recv(1 << 16):
            pass
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line(r"gateway\.reloaded")
    assert gateway.terminate() == 0
    lines = [line for _, line in gateway.lines if "agent.turned-away" in line]
    told = [re.search(r"… ([\d,]+) more in \d+ s from 127\.0\.0\.1", line) for line in lines]
    left_out = [int(match[1].replace(",", "")) for match in told if match]
    assert left_out and len(lines) - len(left_out) + sum(left_out) == count
    assert len(lines) < 100


def test_requests_that_an_operator_asked_for_are_all_logged(start_gateway, start_agent, node):
    gateway = start_gateway(None, "--log-requests")
    start_agent(gateway, "my-agent", service_port=node.port)
    with connect(gateway) as visitor:
        visitor.sendall(request("/web/my-agent/api/hello") * 99 + request("/web/my-agent/api/hello", "Connection: close"))
        while visitor.recv(1 << 16):
            pass
    assert gateway.terminate() == 0
    assert len(gateway.events("web.request")) == 100


class Behind:
    """A client behind a proxy that the gateway trusts."""

    settings = {"trustedProxies": ["127.0.0.1"]}

    def __init__(self, address):
        self.fields = [("X-Forwarded-For", address)]
        self.line = f"X-Forwarded-For: {address}"


def status_of(connection):
    return connection.recv(4096).split(b" ", 2)[1]


def test_dribbled_bodies_leave_the_agent_to_others(start_gateway, start_agent, node):
    gateway = start_gateway({**Behind.settings, "limits": {"maxStreamsPerAgent": 64}})
    start_agent(gateway, "my-agent", service_port=node.port)
    greedy, other = Behind("203.0.113.9"), Behind("198.51.100.1")
    connections = [connect(gateway) for _ in range(70)]
    for connection in connections:
        connection.sendall(request("/web/my-agent/inspect", greedy.line, "Content-Length: 1000", method="POST") + b"x")
    assert [status_of(connection) for connection in connections[16:]] == [b"429"] * 54
    with OtherVisitor(gateway, "/web/my-agent/api/hello", other.fields) as visitor:
        eventually(lambda: len(visitor.statuses) > 5, "responses for another visitor")
    assert set(visitor.statuses) == {200}
    for connection in connections:
        connection.close()


def test_silent_watchers_leave_room_for_others(start_gateway):
    gateway = start_gateway(Behind.settings)
    connections = []
    for client, expected in [(Behind("203.0.113.9"), [b"200"] * 32 + [b"429"] * 8), (Behind("198.51.100.1"), [b"200"])]:
        for status in expected:
            connections.append(connect(gateway))
            connections[-1].sendall(request("/api/events", client.line))
            assert status_of(connections[-1]) == status
    for connection in connections:
        connection.close()


def test_connections_and_requests_a_second_have_shares(start_gateway):
    gateway = start_gateway(
        {**Behind.settings, "loops": 2, "limits": {"requestsPerSecondPerAddress": 5, "requestBurstPerAddress": 20}})
    with KeepAliveClient(gateway.url) as client:
        responses = [client.request("GET", "/healthz", Behind("203.0.113.9").fields) for _ in range(60)]
        refused = [response for response in responses if response.status == 429]
        assert refused and refused[0].error == "too-many-requests" and int(refused[0]["retry-after"]) >= 1
        assert client.request("GET", "/healthz", Behind("198.51.100.1").fields).status == 200
    gateway = start_gateway({"limits": {"connectionsPerAddress": 10}})
    connections = [connect(gateway) for _ in range(10)]
    assert curl(f"{gateway.url}/healthz").status == 429
    for connection in connections:
        connection.close()
    eventually(lambda: curl(f"{gateway.url}/healthz").status == 200, "room again")


def test_wrong_tokens_are_counted_over_all_loops(start_gateway):
    gateway = start_gateway({"loops": 4, "channels": {"webService": {"authToken": "right"}}})
    statuses = [curl(f"{gateway.url}/web/a/", "-H", "Authorization: Bearer wrong").status for _ in range(30)]
    assert statuses.count(401) <= 12 and statuses[-1] == 429
