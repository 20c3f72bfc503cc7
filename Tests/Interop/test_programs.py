"""What programs get from a gateway: metrics by the parsers of Prometheus' own client, and the API by its OpenAPI document."""

import json
import socket

import openapi_spec_validator
import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client import parser as text_parser

from helpers.openapi import Description
from helpers.v2_agent import V2Agent
from miagent_tests.visitors import curl
from miagent_tests.waiting import eventually

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
EVIL = "<script>\"quoted\" \\ and\nbroken"


def respond_to_all(exchange):
    exchange.read_all()
    exchange.respond_whole(404 if exchange.params["path"] == "/missing" else 200, body=b"hello")


@pytest.fixture
def busy(start_gateway, started):
    """A gateway of two loops with agents that were asked for something, one that went, and one that says strange things."""
    gateway = start_gateway({"loops": 2})
    for name in ("one", "two", "gone"):
        agent = V2Agent(gateway, name, respond_to_all)
        started.append(agent)
        for path in ("/", "/missing", "/"):
            curl(f"{gateway.url}/web/{name}{path}", "-d", "abc")
    started.pop().close()
    agent = V2Agent(gateway, "evil")
    started.append(agent)
    agent.send_text(method="agent.status", params={"status": EVIL, "model": EVIL})
    curl(f"{gateway.url}/web/nobody/")
    gateway.wait_for_event("agent.lost", agent="gone")
    eventually(lambda: sum(agent["requests"] for agent in agents(gateway)) == 9, "nine requests counted")
    return gateway


def agents(gateway, query=""):
    return json.loads(curl(f"{gateway.url}/.miagent/agents{query}").body)["agents"]


# Metrics.


def families(gateway, accept, parse):
    response = curl(f"{gateway.url}/metrics", "-H", f"Accept: {accept}")
    assert response["content-type"].startswith(accept.partition(";")[0])
    found = list(parse(response.body.decode()))
    assert len({family.name for family in found}) == len(found)
    return {family.name: family for family in found}


def sample(family, name, **labels):
    """The value of the one sample with these labels."""
    [value] = [sample.value for sample in family.samples if sample.name == name and labels.items() <= sample.labels.items()]
    return value


@pytest.mark.parametrize("accept, parse", [
    ("text/plain", text_parser.text_string_to_metric_families),
    (OPEN_METRICS, openmetrics_parser.text_string_to_metric_families)], ids=["text", "openmetrics"])
def test_metrics_are_what_prometheus_reads(busy, accept, parse):
    found = families(busy, accept, parse)
    requests = found["miagent_requests"]
    assert requests.type == "counter" and requests.documentation
    assert sample(requests, "miagent_requests_total", by="agent", status="2xx") == 6
    assert sample(requests, "miagent_requests_total", by="agent", status="4xx") == 3
    assert sample(found["miagent_errors"], "miagent_errors_total", code="unknown-agent") == 1
    assert sample(found["miagent_agents_online"], "miagent_agents_online") == 3
    assert sample(found["miagent_agents_known"], "miagent_agents_known") == 4
    assert sample(found["miagent_agents_registered"], "miagent_agents_registered_total") == 4
    assert sample(found["miagent_loops"], "miagent_loops") == 2
    assert sample(found["miagent_agent_requests"], "miagent_agent_requests_total", agent="two") == 3
    assert sample(found["miagent_agent_body_bytes"], "miagent_agent_body_bytes_total", agent="two", direction="out") == 15
    assert sample(found["miagent_agent_online"], "miagent_agent_online", agent="gone") == 0
    latency = found["miagent_answer_latency_seconds"]
    assert latency.type == "histogram"
    buckets = [(float(sample.labels["le"]), sample.value) for sample in latency.samples if sample.name.endswith("_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] == (float("inf"), 9)
    assert sample(latency, "miagent_answer_latency_seconds_count") == 9
    assert 0 < sample(latency, "miagent_answer_latency_seconds_sum") < 9


def test_counters_keep_their_units_in_openmetrics(busy):
    found = families(busy, OPEN_METRICS, openmetrics_parser.text_string_to_metric_families)
    assert found["miagent_body_bytes"].unit == "bytes" and found["miagent_answer_latency_seconds"].unit == "seconds"
    assert found["miagent_build"].type == "info"


def test_metrics_can_be_off_or_need_the_token_of_the_page(start_gateway):
    assert curl(f"{start_gateway({'metrics': {'enabled': False}}).url}/metrics").error == "not-found"
    gateway = start_gateway({"statusPage": {"authToken": "secret"}, "metrics": {"perAgent": 0}})
    assert curl(f"{gateway.url}/metrics").status == 401
    assert curl(f"{gateway.url}/metrics", "-H", "Authorization: Bearer secret").status == 200


# The API.


def test_the_description_is_valid_openapi(start_gateway):
    openapi_spec_validator.validate(Description(start_gateway()).document)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/.miagent/openapi.json", "/.miagent/agents", "/.miagent/series"])
def test_what_is_served_is_what_is_described(busy, path):
    described = Description(busy)
    response = curl(f"{busy.url}{path}")
    assert response.status == 200
    described.check(path, response)


@pytest.mark.parametrize("query", ["?limit=2", "?offset=2&limit=1", "?filter=quoted", "?online=true", "?filter=none"])
def test_pages_of_agents_are_as_described(busy, query):
    response = curl(f"{busy.url}/.miagent/agents{query}")
    Description(busy).check("/.miagent/agents", response)


def test_strange_texts_arrive_as_they_were_said(busy):
    [evil] = agents(busy, "?filter=%22quoted%22")
    assert evil["agentId"] == "evil" and evil["status"] == EVIL and evil["model"] == EVIL


@pytest.mark.parametrize("path", ["/.miagent/agents/{id}/exchanges", "/.miagent/agents/{id}/exchanges/{number}", "/.miagent/agents/{id}/events"])
def test_errors_are_as_described(busy, path):
    described = Description(busy)
    response = curl(busy.url + path.format(id="nobody", number=1), "-H", "Accept: application/json")
    assert response.status >= 400
    described.check(path, response)


def test_a_missing_token_is_as_described(start_gateway, busy):
    described = Description(busy)
    gateway = start_gateway({"statusPage": {"authToken": "secret"}})
    for path, operations in described.document["paths"].items():
        if operations.get("get", {}).get("security") == []:
            continue
        method = "get" if "get" in operations else "post"
        options = ("-d", "{}") if method == "post" else ()
        response = curl(gateway.url + path.format(id="a", number=1), "-H", "Accept: application/json", *options)
        assert response.status == 401
        described.check(path, response, method)


def read_events(gateway, count, do):
    """The first `count` server-sent events, as names and values; `do` runs when the first is here."""
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as visitor:
        visitor.sendall(b"GET /.miagent/events HTTP/1.1\r\nHost: gateway\r\n\r\n")
        unread, events = b"", []
        while len(events) < count:
            piece = visitor.recv(65_536)
            assert piece, "the stream ended"
            unread += piece
            *blocks, unread = unread.split(b"\n\n")
            for block in blocks:
                block = block.rpartition(b"\r\n\r\n")[2]
                lines = dict(line.split(": ", 1) for line in block.decode().split("\n") if not line.startswith(":"))
                if lines:
                    events.append((lines["event"], json.loads(lines["data"])))
                if do and events:
                    do()
                    do = None
        return events


def test_events_are_as_described(busy, started):
    def happen():
        started.append(V2Agent(busy, "newcomer"))
        curl(f"{busy.url}/web/one/")

    described, names = Description(busy), {"status": "StatusEvent", "agents": "AgentsEvent"}
    events = read_events(busy, 4, happen)
    for event, value in events:
        described.check_value(names[event], value)
    assert {event for event, _ in events} == {"status", "agents"}
    changed = {agent["agentId"] for event, value in events if event == "agents" for agent in value["agents"]}
    assert "newcomer" in changed
