"""Prints what hostile tunnels cost a daemon: resident memory, and the requests a second of another visitor meanwhile.

    BIN=.build/release PYTHONPATH=Tests/Support/python .build-interop/venv/bin/python Tests/Interop/measure_tunnels.py

With BIN=FOLDER of other binaries it prints theirs: settings that they do not know are left out with OLD=1."""

import os
import tempfile
import time

from helpers.hostile import (
    MIB, HostileGateway, RawAgent, Sink, batches, big_body, greedy_visitors, send_all_unread, unfinished_messages,
    uploading_visitors)
from helpers.v1_agent import V1Agent, result
from miagent_tests.attacks import Memory, OtherVisitor
from miagent_tests.daemons import Agent, Gateway


def show(name, memory, other=None):
    rate = f"  {other.rate:8.0f} requests/s of another, longest {other.longest * 1000:.0f} ms" if other else ""
    print(f"{name:58}{memory.before / MIB:6.0f} -> {memory.highest / MIB:6.0f} MiB{rate}", flush=True)


def with_gateway(name, attack, hold=2):
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(folder, {"loops": 1, "duplicateAgents": "balance"})
        with OtherVisitor(gateway) as idle:
            time.sleep(1)
        with Memory(gateway) as memory, OtherVisitor(gateway) as other:
            kept = attack(gateway)
            time.sleep(hold)
        show(name, memory, other)
        print(f"{'':58}(alone: {idle.rate:.0f} requests/s)")
        for thing in kept or []:
            thing.close()
        gateway.kill()


def flood(gateway, protocol, query, data):
    agents = [RawAgent(gateway, protocol, query) for _ in range(10)]
    send_all_unread(agents, data, 5)
    return agents


def responses(gateway, count=100):
    body = big_body()
    V1Agent(gateway, "my-agent", lambda params: result(200, {}, body))
    return greedy_visitors(gateway, "/web/my-agent/big", count)


def requests(gateway, count=100):
    V1Agent(gateway, "my-agent", lambda params: result(200, {}, b""))
    return uploading_visitors(gateway, "/web/my-agent/", count, 8 * MIB - 1)


def with_agent(name, gateway, service):
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(folder, gateway.agent_url, "my-agent", service_port=service.port)
        with Memory(agent) as memory:
            time.sleep(5)
        show(f"{name} ({gateway.sent / MIB:.0f} MiB sent)", memory)
        gateway.close()
        service.close()
        agent.kill()


if __name__ == "__main__":
    print(f"BIN={os.environ.get('BIN', '.')}")
    with_gateway("A4 v1: 60 unfinished messages of 11 MiB", unfinished_messages)
    with_gateway("A4 v2: 10 unregistered agents send [1,1,...] and read nothing", lambda g: flood(g, "v2", "", batches() * 500))
    with_gateway("A4 v1: 10 registered agents do", lambda g: flood(g, "v1", "?agentId=a", batches() * 500))
    with_agent("A6: one upload, window 2^31-1, the service reads nothing", HostileGateway(streams=1), Sink())
    with_agent("A6: 64 uploads of that kind", HostileGateway(streams=64), Sink())
    with_gateway("A5: 100 visitors leave 8 MiB unread (v1)", responses, hold=15)
    with_gateway("A5: 100 visitors upload 8 MiB but a byte (v1)", requests, hold=2)
