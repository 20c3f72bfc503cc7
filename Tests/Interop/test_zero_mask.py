"""The masking key zero, with Python's websockets at the other end: as the gateway of an agentd whose `tunnel.mask` says so, and as
an agent of gatewayd."""

import json
import os
import threading
from types import SimpleNamespace

import pytest
from websockets.sync.server import ServerConnection, serve

from helpers.v2_agent import DATA, END, V2Agent
from miagent_tests.visitors import curl
from miagent_tests.waiting import DEADLINE_SECONDS

COUNT = 200_000  # less than the first window


class Connection(ServerConnection):
    """Keeps the bytes of the tunnel as they come."""

    def __init__(self, socket, protocol, **options):
        self.raw = bytearray()
        receive_data = protocol.receive_data

        def keep(data):
            self.raw += data
            receive_data(data)

        protocol.receive_data = keep
        super().__init__(socket, protocol, **options)


class ZeroMaskGateway:
    """Asks the first agent for one response of the Node service, and keeps its body and all that came."""

    def __init__(self, terms):
        self.terms = terms
        self.body, self.raw = b"", b""
        self.is_done = threading.Event()
        self.server = serve(
            self._serve, "127.0.0.1", 0, subprotocols=["miagent.v2"], compression=None, create_connection=Connection)
        self.agent_url = f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}/agent"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _serve(self, socket):
        register = json.loads(socket.recv(DEADLINE_SECONDS))
        socket.send(json.dumps({"jsonrpc": "2.0", "id": register["id"], "result": self.terms}))
        params = {"httpMethod": "GET", "path": "/stream", "query": f"bytes={COUNT}", "headers": {}, "stream": 1, "end": True}
        socket.send(json.dumps({"jsonrpc": "2.0", "id": "web_1", "method": "web.request", "params": params}))
        has_ended = False
        while not has_ended:
            message = socket.recv(DEADLINE_SECONDS)
            if isinstance(message, str):
                assert json.loads(message)["result"]["statusCode"] == 200
            elif message[0] == DATA:
                self.body += message[8:]
                has_ended = bool(message[1] & END)
        self.raw = bytes(socket.raw)
        self.is_done.set()

    def close(self):
        self.server.shutdown()


@pytest.mark.parametrize("mask, terms, is_zero", [
    ("zero", {"zeroMask": True}, True),
    ("zero", {}, False),  # a gateway of before
    ("random", {"zeroMask": True}, False),
    ("auto", {"zeroMask": True}, False),  # over ws://
])
def test_websockets_takes_what_agentd_sends(start_agent, started, node, mask, terms, is_zero):
    gateway = ZeroMaskGateway(terms)
    started.append(gateway)
    start_agent(gateway, "my-agent", service_port=node.port, tunnel={"mask": mask})
    assert gateway.is_done.wait(DEADLINE_SECONDS)
    assert gateway.body == b"abcdefghijklmnop" * (COUNT // 16)
    assert (b"abcdefghijklmnop" * 64 in gateway.raw) is is_zero
    assert b"statusCode" not in gateway.raw  # heads are masked in any case


def test_gatewayd_says_that_it_takes_it_and_does(start_gateway, started, monkeypatch):
    gateway, body = start_gateway(), os.urandom(3 << 20)

    def echo(exchange):
        exchange.respond_whole(200, body=exchange.read_all() + body)

    agent = V2Agent(gateway, "my-agent", echo)
    started.append(agent)
    assert agent.welcome["zeroMask"] is True
    monkeypatch.setattr("websockets.frames.secrets", SimpleNamespace(token_bytes=bytes))  # bytes(4) is four zeros
    for count in [1, 200_000]:
        response = curl(f"{gateway.url}/web/my-agent/", "--data-binary", "@-", stdin=b"x" * count)
        assert response.status == 200 and response.body == b"x" * count + body
    assert not agent.violations
