"""A gateway that knows only the original v1 has agentd as an agent: Python's websockets sends its exact JSON, and
Node's http is the web service."""

import base64
import json
import os
import queue

import pytest

from miagent_tests.services import NodeService

TOKEN = "your-secret-token"


@pytest.fixture
def tunnel(v1_gateway, start_agent, node):
    """An agent's connection to a v1 gateway."""
    gateway = v1_gateway()
    start_agent(gateway, "my-agent", service_port=node.port, token=TOKEN, wait=False, type="pi-coding", model="m/2")
    return gateway.next_tunnel()


def decoded(message):
    """The response's result, with exactly v1's members, and its body's bytes."""
    assert list(message) == ["jsonrpc", "id", "result"] and message["jsonrpc"] == "2.0"
    result = message["result"]
    assert list(result) == ["statusCode", "headers", "body"]
    assert isinstance(result["statusCode"], int) and isinstance(result["body"], str)
    assert all(name == name.lower() for name in result["headers"])
    assert not {"connection", "keep-alive", "transfer-encoding"} & set(result["headers"])
    return result["statusCode"], result["headers"], base64.b64decode(result["body"], validate=True)


# Connecting


def test_the_handshake_names_the_agent_and_hides_the_token(tunnel):
    request = tunnel.request
    assert request.path == "/agent?agentId=my-agent"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Sec-WebSocket-Protocol"] == "miagent.v1, miagent.v2"
    assert request.headers.get("Sec-WebSocket-Extensions") is None
    assert tunnel.subprotocol is None


def test_register_is_plain_json_rpc_without_the_token(tunnel):
    tunnel.ask("/api/hello")
    [register] = tunnel.registrations
    assert list(register) == ["jsonrpc", "id", "method", "params"]
    params = register["params"]
    assert (params["agentId"], params["type"], params["model"]) == ("my-agent", "pi-coding", "m/2")
    assert params["webService"] == {"enabled": True} and params["host"] and params["version"]
    assert TOKEN not in json.dumps(register)


def unknown_method(request):
    return {"error": {"code": -32601, "message": "Method not found"}}


def brief_welcome(request):
    return {"result": {}}


@pytest.mark.parametrize("on_register", [None, unknown_method, brief_welcome])
def test_serves_whatever_becomes_of_register(v1_gateway, start_agent, node, on_register):
    gateway = v1_gateway(on_register=on_register)
    start_agent(gateway, "my-agent", service_port=node.port, wait=False)
    tunnel = gateway.next_tunnel()
    for _ in range(3):
        assert decoded(tunnel.ask("/api/hello"))[0] == 200


def test_asks_again_when_the_gateway_comes_back(v1_gateway, start_agent, node):
    gateway = v1_gateway()
    start_agent(gateway, "my-agent", service_port=node.port, wait=False)
    gateway.next_tunnel().socket.close()
    assert decoded(gateway.next_tunnel().ask("/api/hello"))[0] == 200


def test_replaced_means_gone(v1_gateway, start_agent, node):
    gateway = v1_gateway()
    agent = start_agent(gateway, "my-agent", service_port=node.port, wait=False)
    gateway.next_tunnel().socket.close(4001, "another agent registered as my-agent")
    agent.wait_for_event("agent.replaced")
    assert agent.wait() == 0  # a service manager must not start it again
    with pytest.raises(queue.Empty):
        gateway.next_tunnel(seconds=0)


# Requests


def test_get_and_its_exact_response(tunnel):
    message = tunnel.ask("/api/hello", headers={"accept": "application/json"}, request_id="web_xxx")
    status, headers, body = decoded(message)
    assert (message["id"], status, headers["content-type"]) == ("web_xxx", 200, "application/json")
    assert json.loads(body) == {"message": "Hello from Agent!"}


@pytest.mark.parametrize("request_id", [
    "", "x", "web_1", "web_99999999999999999999", "2f9c2b7a-0c1d-4f0e-9d8f-5b8f3e2a1c00", "a\"b\\c\n\t",
    "ключ-你好-😀", "x" * 200, 0, 7, -1, 9007199254740991,
])
def test_ids_of_any_form_come_back_as_they_are(tunnel, request_id):
    message = tunnel.ask("/api/hello", request_id=request_id)
    assert message["id"] == request_id and type(message["id"]) is type(request_id)
    assert decoded(message)[0] == 200


def test_query_and_headers_reach_the_service(tunnel, node):
    headers = {"x-one": "1", "x-list": ["a", "b"], "cookie": "k=v", "host": "evil.example", "connection": "close"}
    _, _, body = decoded(tunnel.ask("/inspect", query="a=1&b=%20&c", headers=headers))
    seen = json.loads(body)
    assert seen["url"] == "/inspect?a=1&b=%20&c"
    assert seen["headers"]["x-one"] == "1" and seen["headers"]["x-list"] == "a, b" and seen["headers"]["cookie"] == "k=v"
    assert seen["headers"]["host"] == f"localhost:{node.port}"


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 65536, 1 << 20])
def test_post_body_arrives_whole(tunnel, size):
    body = os.urandom(size)
    status, headers, echoed = decoded(tunnel.ask("/echo", method="POST", body=body))
    assert (status, headers["x-method"]) == (200, "POST") and echoed == body


def test_post_with_the_length_that_the_gateway_passed_on(tunnel):
    headers = {"content-length": "5", "content-type": "text/x-five"}
    _, headers_back, echoed = decoded(tunnel.ask("/echo", method="POST", body=b"12345", headers=headers))
    assert echoed == b"12345" and headers_back["content-type"] == "text/x-five"


@pytest.mark.parametrize("path, method, status", [
    ("/nowhere", "GET", 404), ("/error", "GET", 500), ("/empty", "GET", 204), ("/redirect", "GET", 302),
    ("/api/hello", "HEAD", 200), ("/echo", "DELETE", 200),
])
def test_statuses_pass(tunnel, path, method, status):
    assert decoded(tunnel.ask(path, method=method))[0] == status


def test_redirects_are_not_followed(tunnel):
    _, headers, body = decoded(tunnel.ask("/redirect"))
    assert headers["location"] == "/api/hello?from=redirect" and body == b""


def test_304_has_no_body(tunnel):
    status, headers, body = decoded(tunnel.ask("/cached", headers={"if-none-match": '"v1"'}))
    assert (status, headers["etag"], body) == (304, '"v1"', b"")


def test_cookies_are_an_array(tunnel):
    _, headers, _ = decoded(tunnel.ask("/cookies"))
    assert len(headers["set-cookie"]) == 2 and headers["set-cookie"][0].startswith("a=1")


def test_chunked_response_becomes_one_body(tunnel):
    assert len(decoded(tunnel.ask("/stream", query="bytes=300001"))[2]) == 300001


def test_latin1_survives(tunnel):
    assert decoded(tunnel.ask("/odd-fields"))[1]["x-latin1"] == "caf\u00e9"


def test_several_at_once_each_with_a_response_under_its_id(tunnel, node):
    names = [f"several-{number}" for number in range(10)]
    ids = {tunnel.send_request(f"/hold/{name}"): name for name in names}
    for name in names:
        node.wait_until_held(name)
    for name in reversed(names):
        node.release(name)
    for _ in names:
        message = tunnel.next_message()
        assert decoded(message)[2] == f"released {ids.pop(message['id'])}".encode()
    assert not ids


# What goes wrong


def assert_error(message, request_id, code=None):
    assert list(message) == ["jsonrpc", "id", "error"] and message["id"] == request_id
    assert isinstance(message["error"]["code"], int) and message["error"]["message"]
    if code:
        assert message["error"]["code"] == code


def test_service_down_is_an_rpc_error_until_it_is_back(v1_gateway, start_agent, started):
    service = NodeService()
    gateway = v1_gateway()
    start_agent(gateway, "my-agent", service_port=service.port, wait=False)
    tunnel = gateway.next_tunnel()
    assert decoded(tunnel.ask("/api/hello"))[0] == 200
    service.stop()
    assert_error(tunnel.ask("/api/hello", request_id="web_down"), "web_down")
    again = NodeService(service.port)
    started.append(again)
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


@pytest.mark.parametrize("path", ["/break/before-head", "/break/in-body"])
def test_service_that_breaks_off_is_an_rpc_error(tunnel, path):
    assert_error(tunnel.ask(path, method="POST", body=b"x", request_id="web_cut"), "web_cut")
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


def test_unknown_method_is_32601(tunnel):
    tunnel.send({"jsonrpc": "2.0", "id": "m1", "method": "web.unheardOf", "params": {}})
    assert_error(tunnel.next_message(), "m1", -32601)
    tunnel.send({"jsonrpc": "2.0", "method": "web.unheardOf"})  # a notification gets no response
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


@pytest.mark.parametrize("text", ["", "{", "garbage", '{"jsonrpc":"2.0","id":1', "\u0000\u0001", '"\\ud800"', "[1,"])
def test_garbage_is_32700_and_the_connection_lives_on(tunnel, text):
    tunnel.send(text)
    assert_error(tunnel.next_message(), None, -32700)
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


@pytest.mark.parametrize("text", ["[]", "null", "42", '{"jsonrpc":"1.0","id":77,"method":"web.request"}', '{"id":77}'])
def test_json_that_is_no_request_is_32600(tunnel, text):
    tunnel.send(text)
    assert tunnel.next_message()["error"]["code"] == -32600
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


GOOD = {"requestId": "r", "httpMethod": "GET", "path": "/api/hello", "query": "", "headers": {}, "body": ""}


@pytest.mark.parametrize("change", [
    {"path": "api/hello"}, {"path": 7}, {"path": None}, {"httpMethod": ""}, {"httpMethod": None}, {"headers": []},
    {"headers": {"a b": "x"}}, {"headers": {"x": "a\r\nb: c"}}, {"body": "not base64!"}, {"body": 5}, {"query": {}},
])
def test_bad_params_are_32602(tunnel, change):
    tunnel.send({"jsonrpc": "2.0", "id": "bad", "method": "web.request", "params": {**GOOD, **change}})
    assert_error(tunnel.next_message(), "bad", -32602)
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


@pytest.mark.parametrize("change", [
    {"httpMethod": "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"}, {"path": "/a b"}, {"path": "/\r\nX: y"}, {"query": "a b"},
    {"query": "x HTTP/1.1\r\nHost: evil"}, {"httpMethod": "CONNECT"},
])
def test_a_gateway_cannot_smuggle(tunnel, change):
    tunnel.send({"jsonrpc": "2.0", "id": "smuggle", "method": "web.request", "params": {**GOOD, **change}})
    message = tunnel.next_message()
    assert_error(message, "smuggle")
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


@pytest.mark.parametrize("headers", [
    {"content-length": "7"}, {"content-length": "1, 2"}, {"content-length": ["3", "7"]}, {"content-length": "-1"},
    {"transfer-encoding": "chunked"}, {"transfer-encoding": "gzip, chunked", "content-length": "9"}, {"connection": "x"},
])
def test_the_body_that_came_decides_its_length(tunnel, headers):
    _, _, body = decoded(tunnel.ask("/inspect", method="POST", body=b"xxx", headers=headers))
    seen = json.loads(body)
    assert seen["bodyBytes"] == 3
    assert seen["headers"]["content-length"] == "3" and "transfer-encoding" not in seen["headers"]
    assert decoded(tunnel.ask("/api/hello"))[0] == 200


def test_null_and_missing_members_are_as_empty(tunnel):
    tunnel.send({
        "jsonrpc": "2.0", "id": "bare", "method": "web.request",
        "params": {"httpMethod": "GET", "path": "/api/hello", "query": None, "body": None, "other": [1]}})
    assert decoded(tunnel.next_message())[0] == 200
