"""Rare but legal, on both ends: services that respond early or hang up, hints, trailers, heads too long, other addresses."""

import concurrent.futures
import http.server
import json
import os
import signal
import socket
import tempfile
import threading

import pytest
from websockets.frames import Opcode

from miagent_tests.visitors import KeepAliveClient, RawSocket, curl
from miagent_tests.waiting import eventually


def can_bind(host):
    try:
        socket.create_server((host, 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


HOSTS = ["127.0.0.1"] + ["::1"] * can_bind("::1")  # many containers have no IPv6


# Services


@pytest.mark.parametrize("service, path, status", [
    ("node", "/nowhere", 404), ("nginx", "/text.txt", 405), ("nginx", "/nowhere", 405),
])
def test_a_response_before_the_body_is_over(chain, tmp_path, service, path, status):
    """The service does not wait for what it will not read; the visitor still gets its response."""
    (tmp_path / "body").write_bytes(os.urandom(3 << 20))
    for _ in range(3):
        assert curl(chain.url(service, path), "--data-binary", f"@{tmp_path}/body").status in (status, 413)
    assert curl(chain.url("node", "/api/hello")).status == 200


def test_a_service_that_hangs_up_after_each_response(chain):
    with KeepAliveClient(chain.gateway.url) as client:
        for _ in range(50):
            response = client.request("GET", chain.prefix("node") + "/last-words")
            assert (response.status, response.body) == (200, b"gone")


def test_early_hints_do_not_confuse_anybody(chain):
    with KeepAliveClient(chain.gateway.url) as client:
        for _ in range(2):
            response = client.request("GET", chain.prefix("node") + "/early-hints")
            assert (response.status, response.body) == (200, b"after the hints")


def test_trailers_of_a_response(chain):
    with KeepAliveClient(chain.gateway.url) as client:
        response = client.request("GET", chain.prefix("node") + "/trailers")
        assert response.body == b"body"
        assert response.trailers == ([("x-sum", "42")] if chain.protocol == "v2" else [])  # v1 has no place for them
        assert client.request("GET", chain.prefix("node") + "/api/hello").status == 200


def test_trailers_of_a_request(chain):
    head = (f"POST {chain.prefix('node')}/received-trailers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            "Connection: close\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n")
    with RawSocket(chain.gateway.url, head.encode()) as visitor:
        response = visitor.read_to_end()
    assert b'"body":"body"' in response
    assert (b'"trailers":{"x-sum":"42"}' in response) == (chain.protocol == "v2")


def test_a_head_without_end_is_502(chain):
    response = curl(chain.url("node", "/huge-head"))
    assert (response.status, response.error) == (502, "service-broken")
    assert curl(chain.url("node", "/api/hello")).status == 200


def test_a_service_on_ipv6_only(start_gateway, start_agent):
    """As Vite listens: `localhost` may mean either."""
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6 if "::1" in HOSTS else socket.AF_INET

    with Server((HOSTS[-1], 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        gateway = start_gateway()
        start_agent(gateway, "my-agent", service_port=server.server_address[1])
        assert curl(f"{gateway.url}/web/my-agent/nothing-here").status == 404
        assert curl(f"{gateway.url}/web/my-agent/nothing-here").error is None
        server.shutdown()


# Visitors


def test_absolute_form_reaches_what_its_path_says_and_nothing_else(chain):
    for authority in (f"127.0.0.1:{chain.gateway.port}", "169.254.169.254", "localhost:1"):
        url = f"http://{authority}{chain.prefix('node')}/inspect"
        seen = json.loads(curl(url, "-x", chain.gateway.url, "--noproxy", "").body)
        assert seen["url"] == "/inspect" and seen["headers"]["host"].startswith("localhost:")


@pytest.mark.parametrize("start_line, statuses", [
    ("CONNECT 127.0.0.1:22 HTTP/1.1", {400, 404, 405, 501}), ("OPTIONS * HTTP/1.1", {200, 204, 400, 404, 405}),
    ("GET / HTTP/2.0", {400, 505}), ("GET / HTTP/1.2", {200, 505}), ("get / HTTP/1.1", {400, 405, 501}), ("GET /", {400, 505}),
    ("GET  / HTTP/1.1", {400}), ("GET /a b HTTP/1.1", {400}), ("G\tT / HTTP/1.1", {400}),
])
def test_odd_start_lines(chains, start_line, statuses):
    with RawSocket(chains.gateway.url, f"{start_line}\r\nHost: x\r\nConnection: close\r\n\r\n".encode()) as visitor:
        assert int(visitor.read_until(b"\r\n").split()[1]) in statuses


def test_a_head_that_never_ends_is_408(start_gateway):
    gateway = start_gateway({"limits": {"headTimeoutMs": 200}})
    with RawSocket(gateway.url, b"GET / HTTP/1.1\r\nHost:") as visitor:
        response = visitor.read_to_end()
    assert response.startswith(b"HTTP/1.1 408 ") and b"connection: close" in response.lower()


def test_an_idle_connection_is_closed_without_a_word(start_gateway):
    gateway = start_gateway({"limits": {"idleTimeoutMs": 200}})
    with KeepAliveClient(gateway.url) as client:
        assert client.request("GET", "/healthz").status == 200
        assert client.socket.recv(100) == b""


def test_a_unix_socket(start_gateway, start_agent, node):
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:  # a socket's path is at most 107 bytes
        path = f"{folder}/socket"
        gateway = start_gateway({"unixSocket": path})
        start_agent(gateway, "my-agent", service_port=node.port)
        assert curl("http://gateway.example/web/my-agent/api/hello", "--unix-socket", path).status == 200
        seen = json.loads(curl("http://gateway.example/web/my-agent/inspect", "--unix-socket", path).body)
        assert seen["headers"]["x-forwarded-host"] == "gateway.example"
        assert gateway.terminate() == 0
        assert os.listdir(folder) == []


@pytest.mark.parametrize("host", HOSTS)
def test_gateways_on_either_family(start_gateway, start_agent, node, host):
    name = f"[{host}]" if ":" in host else host
    gateway = start_gateway(None, host=host)
    agent_url = f"ws://{name}:{gateway.port}/agent"
    agent = start_agent(agent_url, "my-agent", service_port=node.port)
    assert agent.wait_until_registered()["url"] == f"http://{name}:{gateway.port}/web/my-agent/"
    assert curl(f"http://{name}:{gateway.port}/web/my-agent/api/hello", "-g").status == 200


def test_an_agent_url_by_name(start_gateway, start_agent, node):
    gateway = start_gateway()
    start_agent(f"http://localhost:{gateway.port}", "my-agent", service_port=node.port)
    assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200


# Peers that are there and do not respond


def test_an_agent_that_is_stopped_is_given_up_and_comes_back(start_gateway, start_agent, node):
    gateway = start_gateway({"limits": {"pingIntervalMs": 200, "pongTimeoutMs": 200}})
    agent = start_agent(gateway, "my-agent", service_port=node.port)
    mark = agent.mark()
    agent.signal(signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            visit = pool.submit(curl, f"{gateway.url}/web/my-agent/api/hello")
            assert gateway.wait_for_event("agent.lost")["reason"] == "it did not answer a ping"
            assert visit.result(10).error == "agent-lost"
    finally:
        agent.signal(signal.SIGCONT)
    agent.wait_until_registered(since=mark)
    assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200


def test_a_gateway_that_is_stopped_is_given_up_and_found_again(start_gateway, start_agent, node):
    gateway = start_gateway({"limits": {"pingIntervalMs": 200}})
    agent = start_agent(gateway, "my-agent", service_port=node.port, pongTimeoutMs=200)
    mark = agent.mark()
    gateway.signal(signal.SIGSTOP)
    try:
        agent.wait_for_event("agent.lost", since=mark)
    finally:
        gateway.signal(signal.SIGCONT)
    agent.wait_until_registered(since=mark)
    assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200


def test_both_ends_ping_a_peer_by_another_hand(start_gateway, start_agent, v1_agent, node, v1_gateway):
    """websockets sends pongs by itself; a tunnel that outlives several deadlines has been kept alive by that alone."""
    gateway = start_gateway({"limits": {"pingIntervalMs": 100, "pongTimeoutMs": 100}})
    theirs = v1_gateway()
    agent = start_agent(theirs, "my-agent", service_port=node.port, wait=False, pingMs=100, pongTimeoutMs=100)
    peers = [v1_agent(gateway, "v1-agent", lambda _: None).socket, theirs.next_tunnel().socket]
    for peer in peers:
        pings = count_pings(peer)
        eventually(lambda: pings() >= 5, "five pings")
    assert not agent.events("agent.lost") and not gateway.events("agent.lost")


def count_pings(peer):
    """How many pings have come: websockets tells nobody, so its protocol object is listened to."""
    seen = []
    receive = peer.protocol.recv_frame

    def record(frame):
        if frame.opcode == Opcode.PING:
            seen.append(frame)
        receive(frame)

    peer.protocol.recv_frame = record
    return lambda: len(seen)
