"""A program that knows only the original v1 is an agent of gatewayd: Python's websockets speaks its exact JSON."""

import base64
import http.client
import json
import os
import threading

import pytest
from websockets.exceptions import InvalidStatus

from helpers.v1_agent import CLOSE, RPCError, SILENCE, V1Agent, result
from miagent_tests.visitors import KeepAliveClient, curl

TOKEN = "your-secret-token"


def hello(params):
    return result(headers={"content-type": "application/json"}, body=b'{"message":"Hello from Agent!"}')


def echo(params):
    return result(headers={"content-type": "application/octet-stream"}, body=base64.b64decode(params["body"]))


@pytest.fixture
def gateway(start_gateway):
    return start_gateway({"gatewayToken": TOKEN, "channels": {"webService": {"timeoutMs": 300}}})


def assert_is_v1_request(message):
    """One text message, and in it v1's members and no others, in v1's order."""
    assert isinstance(message, str)
    request = json.loads(message)
    assert list(request) == ["jsonrpc", "id", "method", "params"]
    assert request["jsonrpc"] == "2.0"
    assert request["method"] == "web.request"
    params = request["params"]
    assert list(params) == ["requestId", "httpMethod", "path", "query", "headers", "body"]
    assert request["id"] == params["requestId"] and request["id"].startswith("web_")
    assert all(isinstance(params[name], str) for name in params if name != "headers")
    assert all(isinstance(value, (str, list)) and name == name.lower() for name, value in params["headers"].items())
    base64.b64decode(params["body"], validate=True)
    return params


# Connecting


@pytest.mark.parametrize("place", ["query", "header", "register"])
def test_token_in_url_header_or_register(gateway, v1_agent, place):
    agent = v1_agent(gateway, "my-agent", hello, TOKEN, place)
    assert agent.socket.subprotocol is None
    assert agent.socket.response.headers.get("Sec-WebSocket-Extensions") is None
    response = curl(f"{gateway.url}/web/my-agent/api/hello")
    assert (response.status, response.body) == (200, b'{"message":"Hello from Agent!"}')
    assert_is_v1_request(agent.messages[0])


def test_the_response_to_register_has_a_web_url(gateway, v1_agent):
    response = v1_agent(gateway, "my-agent", hello, TOKEN, "register").registration
    assert list(response) == ["jsonrpc", "id", "result"] and response["id"] == "r1"
    assert response["result"]["webUrl"] == f"{gateway.url}/web/my-agent/"
    assert response["result"]["sessionId"]


@pytest.mark.parametrize("place", ["query", "header"])
def test_wrong_token_is_401_at_the_handshake(gateway, place):
    with pytest.raises(InvalidStatus) as refused:
        V1Agent(gateway, "my-agent", hello, "wrong", place)
    assert refused.value.response.status_code == 401
    assert curl(f"{gateway.url}/web/my-agent/").error == "unknown-agent"


def test_wrong_token_in_register_is_an_error_and_4401(gateway, v1_agent):
    agent = v1_agent(gateway, "my-agent", hello, "wrong", "register")
    assert agent.registration["error"]["code"] == -32001
    assert agent.wait_for_close() == 4401


def test_the_newest_connection_of_an_id_wins(gateway, v1_agent):
    first = v1_agent(gateway, "my-agent", lambda _: result(body=b"first"), TOKEN)
    v1_agent(gateway, "my-agent", lambda _: result(body=b"second"), TOKEN)
    assert curl(f"{gateway.url}/web/my-agent/").body == b"second"
    assert first.wait_for_close() == 4001


# Requests


def test_get_arrives_as_v1_has_it(gateway, v1_agent):
    agent = v1_agent(gateway, "my-agent", hello, TOKEN)
    response = curl(f"{gateway.url}/web/my-agent/api/hello?foo=bar", "-H", "X-Custom: a b", "-A", "curl/8")
    assert response["content-type"] == "application/json"
    params = assert_is_v1_request(agent.messages[0])
    assert (params["httpMethod"], params["path"], params["query"], params["body"]) == ("GET", "/api/hello", "foo=bar", "")
    headers = params["headers"]
    assert headers["x-custom"] == "a b" and headers["user-agent"] == "curl/8" and headers["accept"] == "*/*"
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == f"127.0.0.1:{gateway.port}"
    assert headers["x-forwarded-prefix"] == "/web/my-agent"
    assert not {"host", "connection", "transfer-encoding", "upgrade", "authorization"} & set(headers)


@pytest.mark.parametrize("target", [
    "/?", "/?a=1&a=2&b", "/?q=%E4%BD%A0%20+%2B%2F?again=/../x", "/a%2Fb/%2e%2e/c;d=e", "//double//slash", "/a/../b/./c",
    "/?redirect=http://localhost:80/x", "/%00%ff", "/{curly}|pipe^`",
])
def test_path_and_query_are_byte_exact(gateway, v1_agent, target):
    agent = v1_agent(gateway, "my-agent", hello, TOKEN)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.putrequest("GET", f"/web/my-agent{target}", skip_accept_encoding=True)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()
    params = assert_is_v1_request(agent.messages[0])
    path, _, query = target.partition("?")
    assert (params["path"], params["query"]) == (path, query)


def test_post_of_1_mib_and_its_echo_are_equal(gateway, v1_agent, tmp_path):
    agent = v1_agent(gateway, "my-agent", echo, TOKEN)
    body = os.urandom(1 << 20)
    (tmp_path / "body").write_bytes(body)
    response = curl(f"{gateway.url}/web/my-agent/echo", "--data-binary", f"@{tmp_path}/body")
    assert response.status == 200 and response.body == body
    assert response["content-length"] == str(len(body))
    params = assert_is_v1_request(agent.messages[0])
    assert params["httpMethod"] == "POST" and base64.b64decode(params["body"]) == body


@pytest.mark.parametrize("size", [0, 1, 2, 3, 65535, 65536, 65537])
def test_bodies_of_all_sizes_come_whole(gateway, v1_agent, size):
    v1_agent(gateway, "my-agent", echo, TOKEN)
    body = os.urandom(size)
    with KeepAliveClient(gateway.url) as client:
        for method in ("POST", "PUT", "PATCH"):
            response = client.request(method, "/web/my-agent/", [("Content-Type", "application/octet-stream")], body)
            assert (response.status, response.body) == (200, body)


def test_body_over_the_limit_is_413(start_gateway, v1_agent):
    gateway = start_gateway({"channels": {"webService": {"maxBufferedBody": 1000}}})
    agent = v1_agent(gateway, "my-agent", echo)
    assert curl(f"{gateway.url}/web/my-agent/", "--data-binary", "x" * 1000).status == 200
    assert curl(f"{gateway.url}/web/my-agent/", "--data-binary", "x" * 1001).error == "body-too-large"
    chunked = curl(f"{gateway.url}/web/my-agent/", "-T", "-", "-X", "POST", "-H", "Expect:", stdin=b"x" * 1001)
    assert (chunked.status, chunked.error) == (413, "body-too-large")
    assert len(agent.messages) == 1


def test_a_repeated_field_is_an_array(gateway, v1_agent):
    agent = v1_agent(gateway, "my-agent", hello, TOKEN)
    curl(f"{gateway.url}/web/my-agent/", "-H", "X-Twice: one", "-H", "X-Twice: two")
    assert agent.last_params()["headers"]["x-twice"] == ["one", "two"]


# Responses


def test_two_cookies_stay_apart_and_under_the_prefix(gateway, v1_agent):
    cookies = ["a=1; Path=/; HttpOnly", "b=2"]
    v1_agent(gateway, "my-agent", lambda _: result(headers={"set-cookie": cookies}), TOKEN)
    response = curl(f"{gateway.url}/web/my-agent/")
    assert response.all("set-cookie") == ["a=1; Path=/; HttpOnly", "b=2; Path=/"]


def test_head_has_the_fields_and_no_body(gateway, v1_agent):
    agent = v1_agent(gateway, "my-agent", lambda _: result(headers={"content-length": "31", "etag": '"e"'}), TOKEN)
    response = curl(f"{gateway.url}/web/my-agent/api/hello", "--head")
    assert (response.status, response["content-length"], response["etag"]) == (200, "31", '"e"')
    assert agent.last_params()["httpMethod"] == "HEAD"
    with KeepAliveClient(gateway.url) as client:  # nothing of a body may stand before the next response
        assert client.request("HEAD", "/web/my-agent/").body == b""
        assert client.request("HEAD", "/web/my-agent/").status == 200


@pytest.mark.parametrize("status", [200, 201, 204, 206, 304, 400, 404, 418, 500, 503, 599])
def test_every_status_passes(gateway, v1_agent, status):
    body = b"" if status in (204, 304) else b"the body"
    v1_agent(gateway, "my-agent", lambda _: result(status, {"etag": '"e"'}, body), TOKEN)
    with KeepAliveClient(gateway.url) as client:
        for _ in range(2):
            response = client.request("GET", "/web/my-agent/", [("If-None-Match", '"e"')])
            assert (response.status, response.body, response["etag"]) == (status, body, '"e"')
            assert response.error is None


@pytest.mark.parametrize("location, expected", [
    ("/login", "/web/my-agent/login"),
    ("http://localhost:4173/login?x=1", "/web/my-agent/login?x=1"),
    ("http://127.0.0.1:4173/", "/web/my-agent/"),
    ("next", "next"),
    ("https://example.com/x", "https://example.com/x"),
    ("/web/my-agent/there", "/web/my-agent/there"),
])
def test_location_leads_back_under_the_prefix(gateway, v1_agent, location, expected):
    v1_agent(gateway, "my-agent", lambda _: result(302, {"location": location}), TOKEN)
    assert curl(f"{gateway.url}/web/my-agent/").all("location") == [expected]


def test_late_responses_in_any_order_find_their_visitors(gateway, v1_agent):
    waiting = []
    together = threading.Event()

    def keep(params):
        waiting.append(params)
        if len(waiting) == 3:
            for params in reversed(waiting):
                agent.send({"jsonrpc": "2.0", "id": params["requestId"], "result": result(body=params["path"].encode())})
            together.set()
        return SILENCE

    agent = v1_agent(gateway, "my-agent", keep, TOKEN)
    bodies = {}
    threads = [
        threading.Thread(target=lambda n=n: bodies.update({n: curl(f"{gateway.url}/web/my-agent/{n}").body}))
        for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert together.is_set() and bodies == {n: b"/%d" % n for n in range(3)}


# What goes wrong


def test_rpc_error_is_502(gateway, v1_agent):
    def refuse(params):
        raise RPCError(-32000, "connect ECONNREFUSED 127.0.0.1:4173")

    v1_agent(gateway, "my-agent", refuse, TOKEN)
    response = curl(f"{gateway.url}/web/my-agent/")
    assert (response.status, response.error) == (502, "service-unreachable")


@pytest.mark.parametrize("nonsense", [
    {}, {"statusCode": "200"}, {"statusCode": 7}, {"statusCode": 100}, {"statusCode": 200, "body": "not base64!"},
    {"statusCode": 200, "headers": {"bad name": "x"}}, {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
    {"statusCode": 200, "headers": []}, {"statusCode": 101},
])
def test_a_response_without_sense_is_502(gateway, v1_agent, nonsense):
    responses = [nonsense, result(body=b"sane")]
    v1_agent(gateway, "my-agent", lambda _: responses.pop(0), TOKEN)
    response = curl(f"{gateway.url}/web/my-agent/")
    assert (response.status, response.error) == (502, "service-broken")
    assert curl(f"{gateway.url}/web/my-agent/").body == b"sane"


def test_agent_that_leaves_is_502_agent_lost(gateway, v1_agent):
    v1_agent(gateway, "my-agent", lambda _: CLOSE, TOKEN)
    response = curl(f"{gateway.url}/web/my-agent/")
    assert (response.status, response.error) == (502, "agent-lost")
    gone = curl(f"{gateway.url}/web/my-agent/")
    assert (gone.status, gone.error) == (503, "agent-offline") and gone["retry-after"]


def test_no_response_is_504_and_a_late_one_does_no_harm(gateway, v1_agent):
    late = []

    def respond(params):
        if params["path"] != "/never":
            return result(body=b"in time")
        late.append(params["requestId"])
        return SILENCE

    agent = v1_agent(gateway, "my-agent", respond, TOKEN)
    response = curl(f"{gateway.url}/web/my-agent/never")
    assert (response.status, response.error) == (504, "service-timed-out")
    agent.send({"jsonrpc": "2.0", "id": late[0], "result": result(body=b"too late")})
    assert curl(f"{gateway.url}/web/my-agent/").body == b"in time"


def test_agent_speaks_nonsense_and_lives_on(gateway, v1_agent):
    agent = v1_agent(gateway, "my-agent", hello, TOKEN)
    for text in ("", "{", "[]", "null", '{"jsonrpc":"2.0","id":"web_999","result":{}}', '{"jsonrpc":"2.0"}', "\u0000"):
        agent.socket.send(text)
    agent.send({"jsonrpc": "2.0", "method": "agent.status", "params": {"status": "busy"}})
    assert curl(f"{gateway.url}/web/my-agent/").status == 200
    errors = [json.loads(message).get("error", {}).get("code") for message in agent.messages[:-1]]
    assert errors and set(errors) <= {-32700, -32600}
    listed = json.loads(curl(f"{gateway.url}/.miagent/agents").body)["agents"]
    assert [(one["agentId"], one["status"]) for one in listed] == [("my-agent", "busy")]
