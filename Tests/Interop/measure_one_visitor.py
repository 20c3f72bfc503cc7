"""What one visitor costs a gateway, and how another fares meanwhile: resident memory, requests a second, bytes of log.

    BIN=.build/release PYTHONPATH=Tests/Support/python .build-interop/venv/bin/python Tests/Interop/measure_one_visitor.py

Prints a table in about a minute. `test_one_visitor.py` holds the bounds. Works with gateways that know none of the limits, so that
two builds can be compared."""

import tempfile
import threading
import time

from miagent_tests.attacks import Memory, OtherVisitor, connect, request, send_unread
from miagent_tests.daemons import Agent, Gateway
from miagent_tests.services import NodeService

SECONDS = 5
MIB = 1 << 20
GREEDY, OTHER = "203.0.113.9", "198.51.100.1"


class Attack:
    """A gateway of one loop, and what it holds and says while `attack` goes on."""

    def __init__(self, folder, name, settings=None):
        self.name = name
        self.gateway = Gateway(folder, {"loops": 1, **(settings or {})})

    def run(self, attack, target="/healthz", fields=()):
        time.sleep(0.3)
        with OtherVisitor(self.gateway, target, fields) as quiet:
            time.sleep(1)
        lines = self.gateway.mark()
        with Memory(self.gateway) as memory, OtherVisitor(self.gateway, target, fields) as other:
            attack(self.gateway)
        log = sum(len(line) + 1 for _, line in self.gateway.lines[lines:])
        served = 100 * sum(status == 200 for status in other.statuses) // max(1, len(other.statuses))
        print(f"{self.name:34} {memory.growth / MIB:9.1f} {quiet.rate:9.0f} {other.rate:9.0f} {served:7}% "
              f"{1000 * other.longest:9.0f} {log / 1024 / other.seconds:9.1f}", flush=True)
        self.gateway.kill()


def pipeline(target, count):
    def attack(gateway):
        with connect(gateway) as greedy:
            send_unread(greedy, request(target) * count, SECONDS)
    return attack


def read_all(data):
    """Sends again and again on one connection, and reads what comes."""
    def attack(gateway):
        end = time.monotonic() + SECONDS
        with connect(gateway) as greedy:
            def send():
                try:
                    while time.monotonic() < end:
                        greedy.sendall(data)
                except OSError:
                    pass
            sender = threading.Thread(target=send, daemon=True)
            sender.start()
            while time.monotonic() < end and greedy.recv(1 << 18):
                pass
        sender.join(5)
    return attack


def hold(count, data):
    """Opens connections, sends `data` on each, and leaves them so."""
    def attack(gateway):
        connections = []
        for _ in range(count):
            connections.append(connect(gateway))
            connections[-1].sendall(data)
        time.sleep(SECONDS / 2)
        for connection in connections:
            connection.close()
    return attack


def main():
    behind = {"trustedProxies": ["127.0.0.1"]}
    line = f"X-Forwarded-For: {GREEDY}"
    other = [("X-Forwarded-For", OTHER)]
    print(f"{'attack':34} {'MiB more':>9} {'req/s':>9} {'meanwhile':>9} {'served':>8} {'worst ms':>9} {'log KiB/s':>9}")
    with tempfile.TemporaryDirectory() as folder:
        Attack(folder, "A3 GET / x 13,000, unread").run(pipeline("/", 13_000))
        Attack(folder, "A3 GET /api/openapi.json, 7 MB").run(pipeline("/api/openapi.json", 110_000))
        Attack(folder, "A3 GET /nowhere x 100,000, unread").run(pipeline("/nowhere", 100_000))
        Attack(folder, "A11 GET /agent, pipelined").run(read_all(request("/agent") * 500))
        wrong = request("/agent", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Authorization: Bearer wrong")
        Attack(folder, "A11 wrong tokens", {"gatewayToken": "right"}).run(read_all(wrong * 500))
        attack = Attack(folder, "A16 1,024 dribbled bodies", behind)
        service = NodeService()
        agent = Agent(folder, attack.gateway.agent_url, "my-agent", service_port=service.port)
        body = request("/web/my-agent/inspect", line, "Content-Length: 100000", method="POST") + b"x"
        attack.run(hold(1_024, body), "/web/my-agent/api/hello", other)
        agent.kill()
        service.stop()
        Attack(folder, "A16 256 silent /api/events", behind).run(
            hold(256, request("/api/events", line)), "/api/agents", other)
    print("\nA16, silent /api/events: whether another can watch")
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(folder, {"loops": 1, **behind})
        held = [connect(gateway) for _ in range(256)]
        for connection in held:
            connection.sendall(request("/api/events", line))
            connection.recv(4096)
        with connect(gateway) as visitor:
            visitor.sendall(request("/api/events", f"X-Forwarded-For: {OTHER}"))
            print("  its status:", visitor.recv(4096).split(b" ", 2)[1].decode())
        gateway.kill()


if __name__ == "__main__":
    main()
