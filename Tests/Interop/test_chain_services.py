"""Services of other projects, behind agentd: Python's http.server (HTTP/1.0, a connection for each response) and nginx."""

import http.client
import json

from miagent_tests.services import BIG, TEXT
from miagent_tests.visitors import KeepAliveClient, curl


# Python's http.server


def test_python_serves_files(chain):
    assert curl(chain.url("python", "/text.txt")).body == TEXT
    assert curl(chain.url("python", "/big.bin")).body == BIG
    assert b"<h1>index</h1>" in curl(chain.url("python", "/")).body
    assert curl(chain.url("python", "/with%20space%20%26%20%C3%A9.txt")).body == b"odd name"


def test_python_response_without_a_length(chain):
    response = curl(chain.url("python", "/no-length"))
    assert response.status == 200 and response.body == BIG
    assert curl(chain.url("python", "/no-length"), "--http1.0").body == BIG


def test_python_response_without_a_length_keeps_the_visitors_connection(chain):
    with KeepAliveClient(chain.gateway.url) as client:
        for _ in range(3):
            assert client.request("GET", chain.prefix("python") + "/no-length").body == BIG
            assert client.request("GET", chain.prefix("python") + "/text.txt").body == TEXT


def test_python_redirects_a_folder(chain):
    response = curl(chain.url("python", "/dir"))
    assert (response.status, response["location"]) == (301, chain.prefix("python") + "/dir/")
    assert b"inner" in curl(chain.url("python", "/dir"), "-L").body


def test_python_head_404_and_304(chain):
    head = curl(chain.url("python", "/big.bin"), "-I")
    assert (head.status, head["content-length"], head.body) == (200, str(len(BIG)), b"")
    assert curl(chain.url("python", "/nothing")).status == 404
    again = curl(chain.url("python", "/text.txt"), "-H", f"If-Modified-Since: {head['last-modified']}")
    assert (again.status, again.body) == (304, b"")


def test_python_takes_a_body_of_known_length(chain):
    response = curl(chain.url("python", "/anything"), "--data-binary", "12345")
    assert (response.status, response.body) == (201, b"12345")


def test_python_unsupported_method(chain):
    assert curl(chain.url("python", "/"), "-X", "DELETE").status == 501


# nginx


def test_nginx_serves_files(chain):
    response = curl(chain.url("nginx", "/big.bin"))
    assert response.body == BIG and response["content-length"] == str(len(BIG))
    assert response["server"].startswith("nginx")
    assert curl(chain.url("nginx", "/with%20space%20%26%20%C3%A9.txt")).body == b"odd name"


def test_nginx_host_is_the_service_itself(chain, nginx):
    assert curl(chain.url("nginx", "/host")).body == f"localhost:{nginx.port}".encode()


def test_nginx_gzip(chain):
    packed = curl(chain.url("nginx", "/text.txt"), "--compressed")
    assert packed["content-encoding"] == "gzip" and packed.body == TEXT
    assert curl(chain.url("nginx", "/text.txt"))["content-encoding"] is None


def test_nginx_ranges(chain):
    part = curl(chain.url("nginx", "/big.bin"), "-r", "1000-299999")
    assert (part.status, part.body) == (206, BIG[1000:300_000])
    assert part["content-range"] == f"bytes 1000-299999/{len(BIG)}"
    two = curl(chain.url("nginx", "/big.bin"), "-r", "0-0,5-9")
    assert two.status == 206 and two["content-type"].startswith("multipart/byteranges")
    assert curl(chain.url("nginx", "/big.bin"), "-r", "99999999-").status == 416


def test_nginx_304(chain):
    etag = curl(chain.url("nginx", "/text.txt"), "-I")["etag"]
    response = curl(chain.url("nginx", "/text.txt"), "-H", f"If-None-Match: {etag}")
    assert (response.status, response["etag"], response.body) == (304, etag, b"")


def test_nginx_redirects_come_back_under_the_prefix(chain):
    folder = curl(chain.url("nginx", "/dir"))  # nginx makes it absolute, with the name and port that it sees
    assert (folder.status, folder["location"]) == (301, chain.prefix("nginx") + "/dir/")
    assert b"inner" in curl(chain.url("nginx", "/dir"), "-L").body
    assert curl(chain.url("nginx", "/moved"), "-L").body == TEXT


def test_nginx_refusals_pass(chain):
    for path, method, status in (("/nothing", "GET", 404), ("/text.txt", "POST", 405), ("/text.txt", "PUT", 405)):
        response = curl(chain.url("nginx", path), "-X", method)
        assert (response.status, response.error) == (status, None)


def test_nginx_on_one_connection(chain):
    connection = http.client.HTTPConnection("127.0.0.1", chain.gateway.port, timeout=10)
    for _ in range(30):
        for path, expected in (("/text.txt", TEXT), ("/nothing", None), ("/big.bin", BIG)):
            connection.request("GET", chain.prefix("nginx") + path)
            body = connection.getresponse().read()
            assert expected is None or body == expected
    connection.close()


def test_agents_reuse_connections_to_the_service(chain):
    with KeepAliveClient(chain.gateway.url) as client:
        target = chain.prefix("node") + "/inspect"
        ports = {json.loads(client.request("GET", target).body)["remotePort"] for _ in range(30)}
    assert len(ports) <= 2
