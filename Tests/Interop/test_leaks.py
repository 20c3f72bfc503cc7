"""Nothing stays behind: hundreds of agents and visitors come and go, untrusted peers send garbage, and the gateway's descriptors and
memory are where they were."""

import itertools
import os
import random
import socket
import struct

import pytest

from helpers.v1_agent import V1Agent, result
from miagent_tests.visitors import KeepAliveClient, RawSocket, curl
from miagent_tests.waiting import eventually

CYCLES = 500
MAXIMUM_GROWTH = 4 << 20


@pytest.fixture
def gateway(start_gateway):
    gateway = start_gateway()
    gateway.idle = idle_count(gateway)
    return gateway


def idle_count(gateway, agents=0):
    assert curl(f"{gateway.url}/healthz").status == 200  # its first loop runs: everything that it opens at the start is open
    return gateway.idle_descriptor_count(agents)


def reset(connection):
    """Ends a connection as a crash or a firewall does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def assert_nothing_stays(gateway, cycle, agents=0):
    """Runs `cycle(number)` CYCLES times, after as many as it takes to fill caches and pools."""
    descriptors = gateway.idle + agents
    for number in range(100):
        cycle(number)
    gateway.wait_for_descriptors(descriptors)
    memory = gateway.resident_bytes()
    for number in range(CYCLES):
        cycle(number)
    gateway.wait_for_descriptors(descriptors)
    growth = gateway.resident_bytes() - memory
    assert growth < MAXIMUM_GROWTH, f"{growth} bytes more after {CYCLES} cycles"
    assert curl(f"{gateway.url}/healthz").status == 200


def test_visitors_come_and_go(gateway, start_agent, node):
    start_agent(gateway, "my-agent", service_port=node.port)

    def cycle(number):
        visitor = RawSocket(gateway.url)
        if number % 5 == 1:
            visitor.send(b"GET /web/my-agent/api/hello HTTP/1.1\r\nHost: x\r\n\r\n")
            visitor.read_until(b"}")
        elif number % 5 == 2:  # leaves without waiting for its response
            visitor.send(b"GET /web/my-agent/stream?bytes=200000 HTTP/1.1\r\nHost: x\r\n\r\n")
        elif number % 5 == 3:  # leaves in its body
            visitor.send(b"POST /web/my-agent/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\npart")
        elif number % 5 == 4:  # leaves in its head
            visitor.send(b"GET /web/my-agent/api/he")
        (reset if number % 2 else socket.socket.close)(visitor.socket)

    assert_nothing_stays(gateway, cycle, agents=1)


def test_agents_come_and_go(gateway):
    """Under ten ids, so that what is remembered of agents gone stays the same."""
    def cycle(number):
        agent = V1Agent(gateway, f"agent-{number % 10}", lambda _: result(body=b"x"), place="register")
        if number % 3 == 0:
            with KeepAliveClient(gateway.url) as client:
                assert client.request("GET", f"/web/agent-{number % 10}/").body == b"x"
        if number % 2:  # without a close frame
            agent.socket.socket.shutdown(socket.SHUT_RDWR)
        agent.close()

    assert_nothing_stays(gateway, cycle)


def test_agents_process_comes_and_goes_with_visitors_waiting(gateway, start_agent, node):
    for number in range(5):
        agent = start_agent(gateway, "my-agent", service_port=node.port)
        with RawSocket(gateway.url, b"GET /web/my-agent/hold/leak-%d HTTP/1.1\r\nHost: x\r\n\r\n" % number) as visitor:
            node.wait_until_held(f"leak-{number}")
            agent.kill()
            assert visitor.read_until(b"\r\n") == b"HTTP/1.1 502 Bad Gateway\r\n"
    gateway.wait_for_descriptors(gateway.idle)


def test_agentd_keeps_nothing_either(gateway, start_agent, node):
    agent = start_agent(gateway, "my-agent", service_port=node.port, maxPooledConnections=2)
    assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200
    descriptors = agent.idle_descriptor_count(sockets=1 + 1) + 1  # the tunnel, and connections to the service in the pool
    with KeepAliveClient(gateway.url) as client:
        for number in range(200):
            client.request("POST", "/web/my-agent/echo", body=b"x" * number)
    visitors = [RawSocket(gateway.url, b"GET /web/my-agent/hold/many HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(30)]
    eventually(lambda: agent.descriptor_count() >= descriptors + 20, "thirty connections to the service")
    for visitor in visitors:
        visitor.socket.close()
    agent.wait_for_descriptors(descriptors)
    assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200


# Garbage


HANDSHAKE = (
    b"GET /agent?agentId=x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
REGISTER = b'{"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"x"}}'


def frame(opcode, payload, mask=b"abcd", final=True):
    """A WebSocket frame as a client makes it, or as it must not."""
    length = (
        bytes([len(payload) | 0x80]) if len(payload) < 126 else struct.pack("!BH", 126 | 0x80, len(payload)))
    masked = bytes(byte ^ key for byte, key in zip(payload, itertools.cycle(mask)))
    return bytes([opcode | (0x80 if final else 0)]) + length + mask + masked


GARBAGE = {
    "nothing": b"",
    "one line feed": b"\n",
    "TLS client hello": bytes.fromhex("1603010200010001fc0303") + bytes(500),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "half a request": b"GET / HTTP/1.1\r\nHo",
    "huge target": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "huge field": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 500_000 + b"\r\n\r\n",
    "many fields": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "endless line feeds": b"\r\n" * 50_000,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "overflowing length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "negative length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "overflowing chunk": b"POST /web/x/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
    "folded field": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "NUL in a field": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    "half a handshake": HANDSHAKE[:-30],
    "handshake and nothing": HANDSHAKE,
    "handshake and HTTP": HANDSHAKE + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "unmasked frame": HANDSHAKE + b"\x81\x02{}",
    "declared 2^63-1 bytes": HANDSHAKE + b"\x82\xff\x7f" + b"\xff" * 7 + b"abcd",
    "declared 2^64-1 bytes": HANDSHAKE + b"\x82\xff" + b"\xff" * 8 + b"abcd",
    "long ping": HANDSHAKE + frame(9, b"x" * 126),
    "binary in v1": HANDSHAKE + frame(2, b"\x00" * 8),
    "text that is no UTF-8": HANDSHAKE + frame(1, b"\xff\xfe"),
    "deep JSON": HANDSHAKE + frame(1, b"[" * 60_000),
    "registered, then noise": HANDSHAKE + frame(1, REGISTER) + b"\xff" * 1000,
    "endless fragments": HANDSHAKE + frame(1, b"x", final=False) + frame(0, b"x", final=False) * 5_000,
}


def survive(gateway, garbage, is_reset):
    visitor = RawSocket(gateway.url)
    visitor.send(garbage)
    if is_reset:
        reset(visitor.socket)
    else:  # says that it is done, and hears what the gateway has to say
        try:
            visitor.socket.shutdown(socket.SHUT_WR)
            visitor.read_to_end()
        except OSError:
            pass
        visitor.socket.close()


@pytest.mark.parametrize("is_reset", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_leaves_nothing(chains, name, is_reset):
    gateway = chains.gateway
    descriptors = idle_count(gateway, agents=len(chains.agents))
    for _ in range(3):
        survive(gateway, GARBAGE[name], is_reset)
    gateway.wait_for_descriptors(descriptors)
    assert curl(f"{gateway.url}/healthz").status == 200


def test_random_bytes_leave_nothing(gateway):
    dice = random.Random(1)
    pieces = [value for value in GARBAGE.values() if len(value) < 3000]

    def cycle(number):
        data = bytearray(dice.choice(pieces) + dice.randbytes(dice.randrange(200)))
        for _ in range(dice.randrange(1, 5)):
            data[dice.randrange(len(data)) if data else 0:0] = dice.randbytes(dice.randrange(4))
        survive(gateway, bytes(data), is_reset=number % 2 == 0)

    assert_nothing_stays(gateway, cycle)


def test_an_agents_garbage_hurts_only_its_own_tunnel(chains):
    gateway = chains.gateway
    for _ in range(20):
        survive(gateway, HANDSHAKE + frame(1, REGISTER) + os.urandom(300), is_reset=False)
    assert curl(f"{gateway.url}/web/node-v2/api/hello").status == 200
    assert curl(f"{gateway.url}/web/node-v1/api/hello").status == 200
