"""Agents that are ended under load: nobody notices."""

import threading

import pytest

from miagent_tests.visitors import KeepAliveClient

PROTOCOLS = ["v2", "v1"]


class Load:
    """Eight visitors in a loop: seven that ask, one that sends bodies; what responses they got."""

    def __init__(self, gateway, prefix):
        self.gateway, self.prefix = gateway, prefix
        self.statuses, self.problems = [], []
        self._is_over = threading.Event()
        self.threads = [threading.Thread(target=self._visit, args=(number,), daemon=True) for number in range(8)]

    def _visit(self, number):
        try:
            with KeepAliveClient(self.gateway.url) as client:
                while not self._is_over.is_set():
                    if number:
                        response = client.request("GET", f"{self.prefix}/api/hello")
                    else:
                        response = client.request("POST", f"{self.prefix}/echo", body=b"sent once, and whole")
                    self.statuses.append(response.status)
        except Exception as problem:  # noqa: BLE001: whatever it is, it is a visitor's loss
            self.problems.append(repr(problem))

    def wait_for_more(self, count):
        end = len(self.statuses) + count
        for _ in range(3000):
            if len(self.statuses) >= end or self.problems:
                return
            threading.Event().wait(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self.threads:
            thread.join(30)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_of_two_agents_leaves_and_no_request_fails(start_gateway, start_agent, node, protocol):
    gateway = start_gateway({"duplicateAgents": "balance"})
    first = start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    with Load(gateway, "/web/my-agent") as load:
        load.wait_for_more(200)
        assert first.terminate() == 0
        load.wait_for_more(200)
    assert not load.problems
    assert set(load.statuses) == {200} and len(load.statuses) >= 400
    gateway.wait_for_event("agent.leaving", agent="my-agent")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_only_agent_leaves_another_comes_and_no_request_fails(start_gateway, start_agent, node, protocol):
    gateway = start_gateway({"channels": {"webService": {"agentWaitMs": 15000}}})
    agent = start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    with Load(gateway, "/web/my-agent") as load:
        load.wait_for_more(100)
        assert agent.terminate() == 0
        start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
        load.wait_for_more(100)
    assert not load.problems
    assert set(load.statuses) == {200}
