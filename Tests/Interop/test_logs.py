"""Logs: one JSON object or one text line for each event, whatever clients send, and never a token."""

import json
import re

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from helpers.v1_agent import V1Agent, result
from miagent_tests.daemons import BIN, Daemon, parse_record
from miagent_tests.visitors import RawSocket, curl

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SECRETS = {
    "gatewayToken": "sekrit-gateway-1", "wrong": "sekrit-wrong-2", "authToken": "sekrit-visitor-3",
    "cookie": "sekrit-cookie-4", "own": "sekrit-own-5", "query": "sekrit-query-6",
}


def be_busy(start_gateway, start_agent, node):
    """Both daemons in everything that touches a token, at their most talkative; they have ended when this returns."""
    gateway = start_gateway(
        {"gatewayToken": SECRETS["gatewayToken"], "agents": {"own": {"token": SECRETS["own"]}},
         "channels": {"webService": {"authToken": SECRETS["authToken"]}}},
        "--log-level", "debug", "--log-requests")
    agents = [
        start_agent(gateway, name, "--log-level", "debug", "--log-requests", service_port=node.port, token=token, wait=False)
        for name, token in (("good", SECRETS["gatewayToken"]), ("own", SECRETS["own"]), ("bad", SECRETS["wrong"]))]
    agents[0].wait_until_registered()
    agents[1].wait_until_registered()
    agents[2].wait_for_event("agent.refused")
    for place in ("query", "header"):
        with pytest.raises(InvalidStatus):
            V1Agent(gateway, "v1-agent", None, SECRETS["wrong"], place)
    V1Agent(gateway, "v1-agent", None, SECRETS["wrong"], "register").wait_for_close()
    agent = V1Agent(gateway, "v1-agent", lambda _: result(), SECRETS["gatewayToken"], "register")
    for token in (SECRETS["authToken"], SECRETS["wrong"]):
        curl(f"{gateway.url}/web/good/inspect?token={SECRETS['query']}", "-H", f"Authorization: Bearer {token}",
             "-H", f"Cookie: session={SECRETS['cookie']}")
        curl(f"{gateway.url}/web/v1-agent/", "-H", f"Authorization: Bearer {token}")
    RawSocket(gateway.url, f"GET / HTTP/1.1\r\nAuthorization: Bearer {SECRETS['wrong']}\r\n\r\n".encode()).read_to_end()
    agent.close()
    for daemon in (*agents, gateway):
        assert daemon.terminate() == 0
    return gateway, agents


def test_tokens_appear_in_no_log(start_gateway, start_agent, node):
    gateway, agents = be_busy(start_gateway, start_agent, node)
    log = gateway.output + "\n".join(
        text for agent in agents for stream, text in agent.lines if stream == "err")
    assert len(log.splitlines()) > 20
    assert [name for name, secret in SECRETS.items() if secret in log] == []


def test_tokens_of_the_tunnel_appear_nowhere(start_gateway, start_agent, node):
    """An agent's own lines for each request go to whoever sits before it; the tokens of gateway and visitors not even there."""
    _, agents = be_busy(start_gateway, start_agent, node)
    everything = "\n".join(agent.output for agent in agents)
    assert [name for name, secret in SECRETS.items() if name != "query" and secret in everything] == []


def test_every_json_line_parses(start_gateway, start_agent, node):
    gateway, agents = be_busy(start_gateway, start_agent, node)
    for daemon in (gateway, *agents):
        lines = [text for stream, text in daemon.lines if stream == "err"]
        assert lines
        for line in lines:
            record = json.loads(line)
            assert list(record)[:3] == ["time", "level", "event"]
            assert re.fullmatch(TIME, record["time"]) and record["level"] in ("debug", "info", "warning", "error")
            assert all(isinstance(value, str) for value in record.values())
    request = next(record for record in gateway.events("web.request") if record["agent"] == "good")
    assert (request["method"], request["path"], request["status"]) == ("GET", "/web/good/inspect", "200")


def test_text_lines(start_gateway):
    gateway = start_gateway(None, "--log-level", "debug", log_format="text")
    curl(gateway.url + "/nowhere")
    assert gateway.terminate() == 0
    for _, line in gateway.lines:
        assert re.match(TIME + r" (debug|info|warning|error) [\w.-]+( [\w.-]+=(\"([^\"\\]|\\.)*\"|[^ \"=]+))*$", line)


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_clients_cannot_forge_lines(start_gateway, log_format):
    gateway = start_gateway(None, "--log-level", "debug", "--log-requests", log_format=log_format)
    evil = "x\r\n2026-01-01T00:00:00.000Z info forged.event\u001b[31m\u2028"
    with connect(gateway.agent_url, proxy=None) as socket:
        socket.send(json.dumps({
            "jsonrpc": "2.0", "id": 1, "method": "agent.register", "params": {"agentId": evil, "type": evil, "host": evil}}))
        socket.recv(timeout=10)
    V1Agent(gateway, "ok", lambda _: result(500, {}, evil.encode()), place="register")
    RawSocket(gateway.url, b"GET /web/ok/\x1b[31m\xe2\x80\xa8 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").read_to_end()
    RawSocket(gateway.url, b"\x1b]0;x\x07 / HTTP/1.1\r\n\r\n").read_to_end()
    assert gateway.terminate() == 0
    for _, line in gateway.lines:
        assert "\u001b" not in line and "\u2028" not in line and not line.startswith("2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize("host, tokens, warnings", [
    ("127.0.0.1", {}, []), ("0.0.0.0", {}, ["gateway.open-to-agents", "gateway.open-to-visitors"]),
    ("0.0.0.0", {"MIAGENT_GATEWAY_TOKEN": "a", "MIAGENT_CHANNELS_WEB_SERVICE_AUTH_TOKEN": "b"}, []),
])
def test_open_doors_are_warned_of(host, tokens, warnings):
    gateway = Daemon([BIN / "gatewayd", "--host", host, "--port", "0", "--log-format", "json"], tokens)
    try:
        port = gateway.wait_for_event("gateway.listening")["address"].rsplit(":", 1)[1]
        assert curl(f"http://127.0.0.1:{port}/healthz").status == 200
    finally:
        assert gateway.terminate() == 0
    found = [parse_record(line) for _, line in gateway.lines]
    assert [record["event"] for record in found if record["level"] == "warning"] == warnings
