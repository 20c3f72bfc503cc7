"""Clients that keep their connection: Python's http.client, h11, and pipelining on a bare socket. A byte too many or too few
in one response shows in the next."""

import http.client
import json
import os
import socket

from miagent_tests.visitors import KeepAliveClient, RawSocket


def test_500_requests_on_one_connection_by_http_client(chain):
    connection = http.client.HTTPConnection("127.0.0.1", chain.gateway.port, timeout=10)
    connection.connect()
    descriptor = connection.sock
    for number in range(500):
        kinds = [("GET", "/api/hello"), ("POST", f"/echo?{number}"), ("HEAD", "/api/hello"), ("GET", "/nowhere")]
        method, path = kinds[number % 4]
        body = b"%d" % number if method == "POST" else None
        connection.request(method, chain.prefix("node") + path, body)
        response = connection.getresponse()
        content = response.read()
        assert response.status == (404 if path == "/nowhere" else 200)
        if body:
            assert content == body
    assert connection.sock is descriptor  # http.client would have dialled again, had one been closed
    connection.close()


def test_bodies_of_every_framing_by_h11(chain):
    prefix = chain.prefix("node")
    with KeepAliveClient(chain.gateway.url) as client:
        for size in (0, 1, 16_383, 16_384, 16_385, 65_536, 200_000):
            body = os.urandom(size)
            assert client.request("POST", f"{prefix}/echo", body=body).body == body
            assert len(client.request("GET", f"{prefix}/stream?bytes={size}").body) == size
            assert client.request("GET", f"{prefix}/empty").status == 204
            assert client.request("GET", f"{prefix}/cached", [("If-None-Match", '"v1"')]).status == 304
            assert client.request("HEAD", f"{prefix}/stream?bytes={size}").body == b""


def test_own_responses_and_services_share_a_connection(chain):
    with KeepAliveClient(chain.gateway.url) as client:
        for _ in range(3):
            assert client.request("POST", "/web/nobody/", body=b"thrown away").error == "unknown-agent"
            assert client.request("GET", "/").status == 200
            assert client.request("DELETE", "/").error == "method-not-allowed"
            assert client.request("GET", chain.prefix("node") + "/api/hello").status == 200
            assert client.request("HEAD", "/nowhere").body == b""


def test_one_connection_to_all_services(chain):
    with KeepAliveClient(chain.gateway.url) as client:
        for _ in range(5):
            for service in ("node", "python", "nginx"):
                assert client.request("GET", chain.prefix(service) + "/").status == 200


def test_pipelined_requests_get_their_responses_in_order(chain):
    prefix = chain.prefix("node")
    requests = []
    for number in range(20):
        requests.append(("GET", f"{prefix}/inspect?n={number}", b""))
        requests.append(("POST", f"{prefix}/echo", b"body %d " % number * 50))
    with KeepAliveClient(chain.gateway.url) as client:
        responses = client.pipeline(requests)
    for (method, target, body), response in zip(requests, responses, strict=True):
        assert response.status == 200
        if method == "POST":
            assert response.body == body
        else:
            assert json.loads(response.body)["url"] == target.removeprefix(prefix)


def test_a_request_in_single_bytes(chain):
    body = b"hello"
    head = f"POST {chain.prefix('node')}/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    with RawSocket(chain.gateway.url) as visitor:
        visitor.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head.encode() + body:
            visitor.send(bytes([byte]))
        response = visitor.read_to_end()
    assert response.startswith(b"HTTP/1.1 200 OK\r\n") and response.endswith(b"\r\n\r\nhello")


def test_chunks_of_all_sizes_and_trailers(chain):
    head = f"POST {chain.prefix('node')}/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    pieces = [b"x" * size for size in (1, 2, 15, 16, 17, 255, 4096, 20_000)]
    with RawSocket(chain.gateway.url, head.encode()) as visitor:
        for piece in pieces:
            visitor.send(b"%X;ext=1\r\n%s\r\n" % (len(piece), piece))
        visitor.send(b"0\r\nX-Sum: 1\r\n\r\n")
        response = visitor.read_to_end()
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.count(b"x" * 20_000) == 1


def test_connection_close_is_honoured(chain):
    target = chain.prefix("node") + "/api/hello"
    with RawSocket(chain.gateway.url, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()) as visitor:
        response = visitor.read_to_end().lower()
    assert b"\r\nconnection: close\r\n" in response and b'"hello from agent!"}' in response


def test_http_1_0_keep_alive(chain):
    target = chain.prefix("node") + "/api/hello"
    with RawSocket(chain.gateway.url) as visitor:
        for _ in range(3):
            visitor.send(f"GET {target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
            head = visitor.read_until(b"\r\n\r\n").lower()
            if b"content-length" not in head:  # then only the end of the connection ends the body
                assert b"connection: close" in head
                break
            assert b"connection: keep-alive" in head
            visitor.read_until(b"}")
