"""A thousand agents on one page: how soon it is painted, how often it is told of changes, what that costs the gateway."""

import json
import os
import time

import pytest
from playwright.sync_api import expect
from websockets.sync.client import connect

AGENTS = 1_000
SECONDS = 10


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def many_agents(start_gateway):
    gateway = start_gateway({"limits": {"pingIntervalMs": 20_000}})
    sockets = []
    for number in range(AGENTS):
        socket = connect(f"{gateway.agent_url}?agentId=agent-{number:04}", subprotocols=["miagent.v2"], ping_interval=None)
        params = {"agentId": f"agent-{number:04}", "type": "pi-coding", "host": f"host-{number}", "model": "some/model"}
        socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "agent.register", "params": params}))
        sockets.append(socket)
    for socket in sockets:
        assert "result" in json.loads(socket.recv())
    yield gateway, sockets
    for socket in sockets:
        socket.close_socket() if hasattr(socket, "close_socket") else socket.close()


def test_a_thousand_agents(many_agents, tab, capsys):
    gateway, sockets = many_agents
    paints = []
    for _ in range(3):
        one = tab()
        one.open(f"{gateway.url}/?limit={AGENTS}")
        expect(one.page.locator("#connected")).to_have_text(f"{AGENTS:,}")
        one.page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
        paints.append(one.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        assert one.page.locator("tbody tr").count() == AGENTS
    one.page.evaluate("""() => {
        window.messages = [];
        const source = new EventSource('/.miagent/events');
        for (const name of ['status', 'agents', 'resync']) source.addEventListener(name, () => window.messages.push(performance.now()));
    }""")
    before = cpu_seconds(gateway.pid)
    begin = time.monotonic()
    count = 0
    while time.monotonic() - begin < SECONDS:
        for socket in sockets[count % AGENTS:count % AGENTS + 20]:
            status = "busy" if count // AGENTS % 2 == 0 else "idle"
            socket.send(json.dumps({"jsonrpc": "2.0", "method": "agent.status", "params": {"status": status}}))
        count += 20
        one.page.wait_for_timeout(100)
    took = time.monotonic() - begin
    share = (cpu_seconds(gateway.pid) - before) / took
    messages = one.page.evaluate("window.messages")
    most = max(sum(1 for other in messages if start <= other < start + 1000) for start in messages)
    with capsys.disabled():
        print(f"\n{AGENTS} agents: first paint {min(paints):.0f} ms (of {', '.join(f'{p:.0f}' for p in paints)}); "
              f"{count} changes in {took:.1f} s: {len(messages)} messages, at most {most} in a second; "
              f"{100 * share:.1f} % of a core with {len(one.context.browser.contexts)} watchers")
    # The goal is 300 ms; most of what is measured is the browser's own start on a machine without a graphics card, so what is held to
    # here is only that nothing has gone badly wrong.
    assert min(paints) < 1500
    assert most <= 4 + 1  # a window of a second may catch one more at its edge
    assert share < 0.05
    one.shoot("status-thousand", whole=False)
