"""onAgentOffline: curl posts the alert to a server of Python's, which fails at first."""

import http.server
import json
import threading

import pytest

from miagent_tests.daemons import run_to_end
from miagent_tests.waiting import eventually


class Hook:
    """A server that keeps what is posted to it and responds to the first message with 503."""

    def __init__(self):
        self.calls = []
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.calls.append((self.path, self.headers["Content-Type"], json.loads(body)))
                self.send_response(503 if len(hook.calls) == 1 else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/sekrit%20%22path"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook():
    hook = Hook()
    yield hook
    hook.close()


def test_an_absence_and_a_return_are_told_and_told_again_until_somebody_listens(start_gateway, start_agent, node, hook):
    gateway = start_gateway({"onAgentOffline": {"url": hook.url, "afterMs": 200}, "publicUrl": "https://gw.example"})
    agent = start_agent(gateway, "pi", service_port=node.port, type='a "quoted"\\ typé')
    assert agent.terminate() == 0
    gateway.wait_for_event("alert.sent")
    start_agent(gateway, "pi", service_port=node.port)
    eventually(lambda: len(hook.calls) >= 3, "the agent's return is told")
    (path, kind, first), (_, _, again), (_, _, back) = hook.calls[:3]
    assert path == "/hook/sekrit%20%22path" and kind == "application/json"
    assert first == again and first["gateway"] == "https://gw.example"
    assert first["text"].startswith("Agent pi is offline since 20")
    assert [event["event"] for event in first["events"] + back["events"]] == ["agent.offline", "agent.online"]
    assert first["events"][0]["type"] == 'a "quoted"\\ typé' and first["events"][0]["lastSeen"]
    assert "sekrit" not in gateway.output


def test_an_address_that_is_none_is_refused():
    done = run_to_end("gatewayd", "--check-config", environment={"MIAGENT_ON_AGENT_OFFLINE_URL": "ftp://x/"})
    assert done.returncode == 78
    assert "MIAGENT_ON_AGENT_OFFLINE_URL" in done.stderr and "http://" in done.stderr
