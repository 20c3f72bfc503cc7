"""`gatewayd --demo`: a gateway, an agent and a web service in one process, for a first look."""

import json
import re

import pytest

from miagent_tests.daemons import BIN, Daemon
from miagent_tests.visitors import KeepAliveClient, curl
from miagent_tests.waiting import eventually


@pytest.fixture
def demo():
    daemon = Daemon([BIN / "gatewayd", "--demo", "--port", "0"])
    daemon.status_page = daemon.wait_for_line(r"status page\s+(http://127\.0\.0\.1:\d+)/$")[1]
    daemon.web_service = daemon.wait_for_line(r"web service\s+(http://\S+)/$")[1]
    eventually(lambda: curl(daemon.web_service + "/").status == 200, "the demo's agent at its gateway")
    yield daemon
    if not daemon.has_been_awaited:
        assert daemon.terminate() == 0


def test_the_page(demo):
    page = curl(demo.web_service + "/")
    assert page["content-type"].startswith("text/html") and b"Hello from an agent" in page.body
    for link in re.findall(rb'href="([^"]+)"', page.body):
        assert curl(f"{demo.web_service}/{link.decode()}").status == 200


def test_the_routes_of_the_examples(demo):
    assert json.loads(curl(demo.web_service + "/api/hello").body) == {"message": "Hello from Agent!"}
    status = json.loads(curl(demo.web_service + "/api/status").body)
    assert status["ok"] is True and status["ts"] > 1_700_000_000_000


def test_echo(demo):
    response = curl(demo.web_service + "/echo", "--data-binary", "anything", "-H", "Content-Type: text/x-mine")
    assert (response.body, response["content-type"]) == (b"anything", "text/x-mine")
    big = b"y" * 900_000
    with KeepAliveClient(demo.status_page) as client:
        path = demo.web_service.removeprefix(demo.status_page) + "/echo"
        for body in (b"", big, b"small"):
            assert client.request("POST", path, body=body).body == body


def test_what_it_does_not_have(demo):
    assert curl(demo.web_service + "/nowhere").status == 404
    assert curl(demo.web_service + "/api/hello", "-X", "DELETE").status == 405
    head = curl(demo.web_service + "/", "--head")
    assert head.status == 200


def test_the_status_page_shows_its_agent(demo):
    assert b'href="/web/demo/"' in curl(demo.status_page + "/").body
    listed = json.loads(curl(demo.status_page + "/.miagent/agents").body)
    assert [agent["agentId"] for agent in listed["agents"]] == ["demo"]


def test_the_inspector_shows_its_requests(demo):
    curl(demo.web_service + "/api/hello")
    assert curl(demo.status_page + "/.miagent/inspect/demo").status == 200
    seen = json.loads(curl(demo.status_page + "/.miagent/agents/demo/exchanges").body)["exchanges"]
    assert "/api/hello" in [exchange["target"] for exchange in seen]


def test_what_it_prints_can_be_typed(demo):
    commands = re.findall(r"curl (?:-d '(\w+)' )?(http\S+)", demo.output)
    assert len(commands) == 3
    for body, url in commands:
        assert curl(url, *(["-d", body] if body else [])).status == 200


def test_it_says_that_it_is_not_for_the_world(demo):
    assert "NOT for use beyond this machine" in demo.output
