"""Many at once, and none mixed up: distinct bodies through one tunnel, two hundred agents, and slow ones beside fast ones."""

import asyncio
import base64
import concurrent.futures
import http.client
import json
import os
import socket

from websockets.asyncio.client import connect

from helpers.v1_agent import result
from miagent_tests.visitors import KeepAliveClient, RawSocket, curl

VISITORS = 50
AGENTS = 200


def test_50_visitors_with_distinct_bodies(chain):
    def visit(number):
        connection = http.client.HTTPConnection("127.0.0.1", chain.gateway.port, timeout=20)
        for turn in range(4):
            body = os.urandom(100 + 997 * number) + b"%d.%d" % (number, turn)
            connection.request("POST", chain.prefix("node") + f"/echo?{number}", body, {"Content-Type": f"x/{number}"})
            response = connection.getresponse()
            if (response.status, response.getheader("content-type"), response.read()) != (200, f"x/{number}", body):
                return False
        connection.close()
        return True

    with concurrent.futures.ThreadPoolExecutor(VISITORS) as pool:
        assert all(pool.map(visit, range(VISITORS)))


def test_200_agents_at_once_all_respond(start_gateway):
    gateway = start_gateway()
    asyncio.run(asyncio.wait_for(run_agents(gateway), 60))


async def run_agents(gateway):
    ids = [f"agent-{number}" for number in range(AGENTS)]
    tunnels = await asyncio.gather(*(
        connect(f"{gateway.agent_url}?agentId={agent_id}", open_timeout=30, compression=None, proxy=None) for agent_id in ids))
    servers = [asyncio.create_task(respond_as(agent_id, tunnel)) for agent_id, tunnel in zip(ids, tunnels, strict=True)]
    await asyncio.to_thread(visit_agents, gateway, ids)
    for tunnel in tunnels:
        await tunnel.close()
    await asyncio.gather(*servers)


async def respond_as(agent_id, tunnel):
    async for message in tunnel:
        request = json.loads(message)
        body = agent_id.encode() + base64.b64decode(request["params"]["body"])
        await tunnel.send(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result(body=body)}))


def visit_agents(gateway, ids):
    assert json.loads(curl(f"{gateway.url}/.miagent/agents").body)["connected"] == AGENTS

    def visit(agent_id):
        with KeepAliveClient(gateway.url) as client:
            return all(
                client.request("POST", f"/web/{agent_id}/", body=body).body == agent_id.encode() + body
                for body in (b"", b"one", os.urandom(5000)))

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert all(pool.map(visit, ids))


def test_a_held_request_holds_up_nobody(chain, node):
    name = f"held-{chain.protocol}"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        held = pool.submit(curl, chain.url("node", f"/hold/{name}"))
        node.wait_until_held(name)
        with KeepAliveClient(chain.gateway.url) as client:
            for _ in range(50):
                assert client.request("GET", chain.prefix("node") + "/api/hello").status == 200
        assert not held.done()
        node.release(name)
        assert held.result(10).body == f"released {name}".encode()


def test_a_visitor_that_does_not_read_holds_up_nobody(chain):
    size = 6 << 20  # more than kernels and windows hold; v1 carries at most 8 MiB
    with RawSocket(chain.gateway.url) as lazy:
        lazy.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        lazy.send(f"GET {chain.prefix('node')}/stream?bytes={size} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        lazy.read_until(b"\r\n\r\n")
        with KeepAliveClient(chain.gateway.url) as client:
            for _ in range(20):
                assert len(client.request("GET", chain.prefix("node") + "/stream?bytes=200000").body) == 200_000
        assert len(lazy.read_to_end()) >= size


def test_more_requests_than_the_agent_takes_are_503(start_gateway, start_agent, node):
    gateway = start_gateway()
    start_agent(gateway, "small", service_port=node.port, maxExchanges=2)
    names = ["full-1", "full-2"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        held = [pool.submit(curl, f"{gateway.url}/web/small/hold/{name}") for name in names]
        for name in names:
            node.wait_until_held(name)
        refused = curl(f"{gateway.url}/web/small/api/hello")
        assert (refused.status, refused.error) == (503, "too-many-streams") and refused["retry-after"]
        for name in names:
            node.release(name)
        assert [one.result(10).status for one in held] == [200, 200]
    assert curl(f"{gateway.url}/web/small/api/hello").status == 200
