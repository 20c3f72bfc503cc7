"""What dies comes back: the gateway, the agent, the service, each killed while the others live on."""

import concurrent.futures
import time

import pytest

from miagent_tests.services import NodeService
from miagent_tests.visitors import RawSocket, curl
from miagent_tests.waiting import eventually

PROTOCOLS = ["v2", "v1"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_agent_is_back_within_2_s_of_the_gateway(start_gateway, start_agent, node, protocol):
    gateway = start_gateway()
    agent = start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    gateway.kill()
    agent.wait_for_event("agent.lost")
    again = start_gateway(port=gateway.port)
    listening = time.monotonic()
    again.wait_for_event("agent.registered", agent="my-agent")
    assert curl(f"{again.url}/web/my-agent/api/hello").status == 200
    assert time.monotonic() - listening < 2


def test_agent_that_starts_first_waits_for_the_gateway(start_gateway, start_agent, node):
    gateway = start_gateway()
    gateway.terminate()
    agent = start_agent(gateway, "my-agent", service_port=node.port, wait=False)
    agent.wait_for_event("agent.lost")
    again = start_gateway(port=gateway.port)
    again.wait_for_event("agent.registered", agent="my-agent")
    assert curl(f"{again.url}/web/my-agent/api/hello").status == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_agent_killed_in_a_request_is_502(start_gateway, start_agent, node, protocol):
    gateway = start_gateway()
    agent = start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        visit = pool.submit(curl, f"{gateway.url}/web/my-agent/hold/killed-{protocol}")
        node.wait_until_held(f"killed-{protocol}")
        agent.kill()
        response = visit.result(10)
    assert (response.status, response.error) == (502, "agent-lost")
    gone = curl(f"{gateway.url}/web/my-agent/")
    assert (gone.status, gone.error) == (503, "agent-offline") and int(gone["retry-after"]) > 0
    mark = gateway.mark()
    start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    gateway.wait_for_event("agent.registered", since=mark)
    assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200


def test_agent_killed_in_a_body_cuts_the_visitor(start_gateway, start_agent, node):
    gateway = start_gateway()
    agent = start_agent(gateway, "my-agent", service_port=node.port)
    with RawSocket(gateway.url, b"GET /web/my-agent/events?name=cut HTTP/1.1\r\nHost: x\r\n\r\n") as visitor:
        visitor.read_until(b"data: first\n\n")
        agent.kill()
        assert b"0\r\n\r\n" not in visitor.read_to_end()  # nothing that looks complete


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_service_stopped_and_started(start_gateway, start_agent, started, protocol):
    service = NodeService()
    gateway = start_gateway()
    agent = start_agent(gateway, "my-agent", service_port=service.port, protocol=protocol)
    url = f"{gateway.url}/web/my-agent/api/hello"
    assert curl(url).status == 200
    service.stop()
    for _ in range(2):
        response = curl(url)
        assert (response.status, response.error) == (502, "service-unreachable")
    again = NodeService(service.port)
    started.append(again)
    assert curl(url).status == 200
    assert agent.is_running


def test_service_killed_in_a_request_is_502(start_gateway, start_agent):
    service = NodeService()
    gateway = start_gateway()
    start_agent(gateway, "my-agent", service_port=service.port)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        visit = pool.submit(curl, f"{gateway.url}/web/my-agent/hold/x", "-X", "POST")
        service.wait_until_held("x")
        service.stop()
        response = visit.result(10)
    assert (response.status, response.error) == (502, "service-broken")


def test_a_second_agent_takes_the_place_of_the_first(start_gateway, start_agent, node, python_service):
    gateway = start_gateway()
    first = start_agent(gateway, "my-agent", service_port=node.port)
    start_agent(gateway, "my-agent", service_port=python_service.port)
    first.wait_for_event("agent.replaced")
    first.wait()
    assert curl(f"{gateway.url}/web/my-agent/text.txt").status == 200


def test_duplicates_can_be_rejected(start_gateway, start_agent, node):
    gateway = start_gateway({"duplicateAgents": "reject"})
    start_agent(gateway, "my-agent", service_port=node.port)
    second = start_agent(gateway, "my-agent", wait=False)
    eventually(lambda: second.events("agent.refused") or second.events("agent.lost"), "the second agent's refusal")
    assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200
