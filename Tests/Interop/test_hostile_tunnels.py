"""What the other end of a tunnel can make a daemon hold: agents that have not registered or read nothing, a gateway that grants
itself any window, whole bodies of v1.

The bounds are generous: they tell hundreds of MiB from tens. `measure_tunnels.py` prints the figures."""

import time

import pytest

from helpers.hostile import (
    MIB, HostileGateway, RawAgent, Sink, answer_of, batches, big_body, client_frame, greedy_visitors, send_all_unread, server_frame,
    unfinished_messages, uploading_visitors)
from helpers.v1_agent import result
from miagent_tests.attacks import Memory, OtherVisitor


def test_unfinished_messages_of_unregistered_agents_are_not_kept(start_gateway):
    gateway = start_gateway({"loops": 1})
    with Memory(gateway) as memory, OtherVisitor(gateway) as other:
        agents = unfinished_messages(gateway)
        time.sleep(1)
    for agent in agents:
        agent.close()
    assert memory.growth < 40 * MIB
    assert set(other.statuses) == {200} and len(other.statuses) > 3


@pytest.mark.parametrize("query", ["", "?agentId=v2-agent"])
@pytest.mark.parametrize("flood", [batches(), client_frame(b"x"), client_frame(bytes(125), opcode=9)], ids=["batch", "text", "ping"])
def test_agents_that_read_no_replies_are_cut(start_gateway, flood, query):
    gateway = start_gateway({"loops": 1, "duplicateAgents": "balance"})
    agents = [RawAgent(gateway, "v1" if query else "v2", query) for _ in range(10)]  # v1 with an id is registered at once
    with Memory(gateway) as memory, OtherVisitor(gateway) as other:
        send_all_unread(agents, flood * 500, seconds=4)
    for agent in agents:
        agent.close()
    assert memory.growth < 60 * MIB
    assert set(other.statuses) == {200} and len(other.statuses) > 3


@pytest.mark.parametrize("flood", [server_frame(b"[" + b",".join([b"1"] * 128) + b"]"), server_frame(b"x")], ids=["batch", "text"])
def test_a_gateway_that_reads_no_replies_is_given_up(start_agent, started, node, flood):
    gateway = HostileGateway(flood=flood)
    started.append(gateway)
    agent = start_agent(gateway, "my-agent", service_port=node.port)
    with Memory(agent) as memory:
        agent.wait_for_event("agent.lost", seconds=60)
    assert memory.growth < 60 * MIB


def test_a_gateway_that_reads_no_pongs_costs_next_to_nothing(start_agent, started, node):
    gateway = HostileGateway(flood=server_frame(bytes(125), opcode=9))  # of many pings at once one gets a pong
    started.append(gateway)
    agent = start_agent(gateway, "my-agent", service_port=node.port)
    with Memory(agent) as memory:
        time.sleep(5)
    assert memory.growth < 20 * MIB


@pytest.mark.parametrize("streams", [1, 64])
def test_a_gateways_window_is_bounded_by_our_own_limit(start_agent, started, streams):
    gateway, service = HostileGateway(streams=streams), Sink()
    started += [gateway, service]
    agent = start_agent(gateway, "my-agent", service_port=service.port)
    with Memory(agent) as memory:
        time.sleep(5)
    assert gateway.sent > 20 * MIB
    assert memory.growth < 300 * MIB


def test_whole_responses_that_nobody_reads_are_bounded_and_not_lost(start_gateway, v1_agent):
    gateway = start_gateway({"loops": 1, "limits": {"v1BufferPerAgent": 32 * MIB}})
    body = big_body()
    v1_agent(gateway, "my-agent", lambda params: result(200, {}, body if params["path"] == "/big" else b"small"))
    with Memory(gateway) as memory:
        visitors = greedy_visitors(gateway, "/web/my-agent/big", 30)
        time.sleep(5)
    assert memory.growth < 160 * MIB
    for connection in visitors:
        connection.settimeout(60)
        received, wanted = 0, None
        while wanted is None or received < wanted:
            piece = connection.recv(1 << 18)
            assert piece, "cut"
            if wanted is None:
                assert b" 200 " in piece.split(b"\r\n")[0] or b" 503 " in piece.split(b"\r\n")[0], piece[:200]
                wanted = len(body) if b" 200 " in piece.split(b"\r\n")[0] else 1
            received += len(piece)
        connection.close()


def test_whole_requests_beyond_the_budget_are_refused(start_gateway, v1_agent):
    gateway = start_gateway({"loops": 1, "limits": {"v1BufferPerAgent": 32 * MIB}})
    v1_agent(gateway, "my-agent", lambda params: result(200, {}, b"got it"))
    with Memory(gateway) as memory:
        visitors = uploading_visitors(gateway, "/web/my-agent/", 20, 8 * MIB - 1)
        time.sleep(1)
    statuses = []
    for connection in visitors:
        try:
            connection.sendall(b"\0")
        except OSError:
            pass
        statuses.append(answer_of(connection))
        connection.close()
    assert memory.growth < 160 * MIB
    assert 200 in statuses and 503 in statuses and set(statuses) <= {200, 503, None}
