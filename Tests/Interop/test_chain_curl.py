"""curl → gatewayd → agentd → Node's http, with either tunnel protocol: what one command on a command line must get."""

import json
import os

import pytest

from miagent_tests.visitors import RawSocket, curl


def test_the_two_routes_of_the_examples(chain):
    hello = curl(chain.url("node", "/api/hello"))
    assert (hello.status, hello["content-type"], json.loads(hello.body)) == (
        200, "application/json", {"message": "Hello from Agent!"})
    status = json.loads(curl(chain.url("node", "/api/status")).body)
    assert status["ok"] is True and status["ts"] > 1_700_000_000_000


def test_the_service_sees_an_ordinary_request(chain, node):
    seen = json.loads(curl(chain.url("node", "/inspect?a=%20b&c"), "-H", "X-Mine: 1", "-b", "k=v").body)
    assert (seen["method"], seen["url"]) == ("GET", "/inspect?a=%20b&c")
    headers = seen["headers"]
    assert headers["host"] == f"localhost:{node.port}"
    assert headers["x-mine"] == "1" and headers["cookie"] == "k=v"
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == f"127.0.0.1:{chain.gateway.port}"
    assert headers["x-forwarded-prefix"] == chain.prefix("node")
    assert "content-length" not in headers and "transfer-encoding" not in headers


def test_clients_cannot_set_forwarded_fields(chain):
    seen = json.loads(curl(
        chain.url("node", "/inspect"), "-H", "X-Forwarded-For: 10.0.0.1", "-H", "X-Forwarded-Proto: https",
        "-H", "X-Forwarded-Host: evil.example", "-H", "X-Forwarded-Prefix: /evil", "-H", "Forwarded: for=10.0.0.1").body)
    assert "evil" not in json.dumps(seen) and "10.0.0.1" not in json.dumps(seen)


def test_hop_by_hop_fields_stay_behind(chain):
    seen = json.loads(curl(
        chain.url("node", "/inspect"), "-H", "Connection: keep-alive, X-Private", "-H", "X-Private: 1", "-H", "TE: trailers",
        "-H", "Proxy-Authorization: Basic eA==", "-H", "Keep-Alive: timeout=5").body)
    assert not {"x-private", "te", "proxy-authorization"} & set(seen["headers"])


def test_http_1_0(chain):
    response = curl(chain.url("node", "/api/hello"), "--http1.0")
    assert response.status == 200 and json.loads(response.body)["message"]
    assert response["transfer-encoding"] is None


def test_http_1_0_with_a_body_of_unknown_length(chain):
    response = curl(chain.url("node", "/stream?bytes=200000"), "--http1.0")
    assert len(response.body) == 200000 and response["transfer-encoding"] is None


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 << 20])
def test_data_binary(chain, tmp_path, size):
    body = os.urandom(size)
    (tmp_path / "body").write_bytes(body)
    response = curl(chain.url("node", "/echo"), "--data-binary", f"@{tmp_path}/body", "-H", "Content-Type: a/b")
    assert (response.status, response["x-method"], response["content-type"]) == (200, "POST", "a/b")
    assert response.body == body


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 << 20])
def test_chunked_upload(chain, size):
    body = os.urandom(size)
    response = curl(chain.url("node", "/echo"), "-T", "-", stdin=body)
    assert (response.status, response["x-method"]) == (200, "PUT") and response.body == body


def test_expect_100_continue(chain, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * 100_000)
    response = curl(
        chain.url("node", "/echo"), "--data-binary", f"@{tmp_path}/body", "-H", "Expect: 100-continue",
        "--expect100-timeout", "15")  # without the gateway's 100 the test would take so long, and fail
    assert response.earlier == [100] and response.status == 200 and len(response.body) == 100_000


def test_100_continue_is_not_said_before_a_refusal(chain):
    with RawSocket(chain.gateway.url) as visitor:
        visitor.send(b"POST /web/nobody/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        assert visitor.read_until(b"\r\n").startswith(b"HTTP/1.1 404 ")


def test_head(chain):
    response = curl(chain.url("node", "/api/hello"), "--head")
    assert (response.status, response.body) == (200, b"") and response["content-type"] == "application/json"
    assert curl(chain.url("node", "/nowhere"), "-I").status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_methods_pass(chain, method):
    assert json.loads(curl(chain.url("node", "/inspect"), "-X", method).body)["method"] == method


def test_redirects_can_be_followed(chain):
    for path in ("/redirect", "/redirect/absolute"):
        response = curl(chain.url("node", path), "-L")
        assert response.earlier[0] in (301, 302) and json.loads(response.body)["message"]
    elsewhere = curl(chain.url("node", "/redirect/elsewhere"))
    assert (elsewhere.status, elsewhere["location"]) == (307, "https://example.com/x?y")


def test_the_missing_slash(chain):
    response = curl(chain.url("node") + "?a=b")
    assert (response.status, response["location"]) == (308, f"{chain.prefix('node')}/?a=b")
    assert b"api/hello" in curl(chain.url("node"), "-L").body


def test_compressed(chain):
    plain = curl(chain.url("node", "/compressed"))
    packed = curl(chain.url("node", "/compressed"), "--compressed")
    assert packed["content-encoding"] == "gzip" and packed.body == plain.body and len(plain.body) == 60_000


def test_304(chain):
    assert curl(chain.url("node", "/cached"))["etag"] == '"v1"'
    response = curl(chain.url("node", "/cached"), "-H", 'If-None-Match: "v1"')
    assert (response.status, response["etag"], response.body) == (304, '"v1"', b"")


def test_cookies_stay_apart_and_hold_for_absolute_paths(chain):
    cookies = curl(chain.url("node", "/cookies")).all("set-cookie")
    assert cookies == ["a=1; Path=/; HttpOnly", "b=2; Expires=Wed, 21 Oct 2065 07:28:00 GMT; Path=/"]


def test_cookies_come_back(chain, tmp_path):
    jar = str(tmp_path / "jar")
    curl(chain.url("node", "/cookies"), "-c", jar)
    seen = json.loads(curl(chain.url("node", "/inspect"), "-b", jar).body)
    assert seen["headers"]["cookie"] == "a=1; b=2"


def test_odd_but_legal_fields(chain):
    response = curl(chain.url("node", "/odd-fields"))
    assert (response["x-latin1"], response["x-empty"], len(response["x-long"])) == ("caf\u00e9", "", 4000)


def test_errors_of_the_service_are_its_own(chain):
    for path, status in (("/error", 500), ("/nowhere", 404), ("/empty", 204)):
        response = curl(chain.url("node", path))
        assert (response.status, response.error) == (status, None)


def test_a_service_cannot_forge_the_gateways_mark(chain):
    response = curl(chain.url("node", "/forged"))
    assert response.body == b"mine" and response.error is None


def test_a_service_that_breaks_off(chain):
    before = curl(chain.url("node", "/break/before-head"), "-X", "POST")
    assert (before.status, before.error) == (502, "service-broken")
    if chain.protocol == "v1":  # a whole body or none
        assert curl(chain.url("node", "/break/in-body")).status == 502
    else:  # the head is out: nothing but a cut connection can say that the rest is missing
        with pytest.raises(AssertionError, match="curl exits with (18|56)"):
            curl(chain.url("node", "/break/in-body"))


def test_pages_of_the_gateway_itself(chain):
    gateway = chain.gateway
    listed = json.loads(curl(f"{gateway.url}/.miagent/agents").body)
    assert listed["connected"] == listed["webServices"] == len(chain.agents)
    page = curl(gateway.url + "/", "-H", "Accept: text/html")
    assert page.status == 200 and chain.prefix("node").encode() in page.body
    assert curl(gateway.url + "/healthz").body == b"ok\n" and curl(gateway.url + "/readyz").status == 200
    assert curl(gateway.url + "/nowhere").error == "not-found"
    assert curl(gateway.url + "/web/nobody/").error == "unknown-agent"
    assert json.loads(curl(gateway.url + "/web/nobody/", "-H", "Accept: application/json").body)["error"] == "unknown-agent"
