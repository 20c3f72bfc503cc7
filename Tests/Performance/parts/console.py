"""What the console costs a gateway with 1,000 agents: the page itself, and those who watch it, while a few agents are busy."""

import socket
import statistics
import threading
import time

from support import machine
from support.chains import Chain, Children, start_service
from support.tables import table

from .memory import start_agents

AGENTS = 1_000
WATCHERS = [0, 1, 5]
SECONDS = 60
REQUESTS_A_SECOND = 5
LARGEST_SHARE = 0.02
PAGES = ["/?limit=1000", "/", "/.miagent/agents?limit=1000", "/.miagent/agents?filter=nothing", "/metrics"]


class Watcher:
    """Reads events as they come and counts them, second by second."""

    def __init__(self, port):
        self.events, self.bytes, self.most, self.is_over = 0, 0, 0, False
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.sendall(b"GET /.miagent/events HTTP/1.1\r\nHost: gateway\r\n\r\n")
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        times = []
        while not self.is_over:
            data = self.socket.recv(1 << 20)
            if self.is_over:
                return
            if not data:
                raise RuntimeError("the gateway ended a stream of events")
            self.bytes += len(data)
            times += [time.monotonic()] * data.count(b"event: ")
            self.events = len(times)
            self.most = max(self.most, sum(moment > times[-1] - 1 for moment in times[-20:]) if times else 0)

    def close(self):
        self.is_over = True
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.socket.close()


def measure(arguments):
    with Children() as children:
        service, _ = start_service(children)
        with Chain("miagent", service) as chain:
            start_agents(chain, AGENTS)
            time.sleep(3)
            pages = {path: time_page(chain, path) for path in PAGES}
            shares = {count: share(chain, count) for count in WATCHERS}
    return {"pages": pages, "watchers": shares}


def time_page(chain, path):
    """The processor time of gatewayd for one, in milliseconds, and its size."""
    size, count = len(chain.get_own(path)), 100
    before = sum(machine.cpu_seconds(chain.near))
    for _ in range(count):
        chain.get_own(path)
    return {"ms": (sum(machine.cpu_seconds(chain.near)) - before) / count * 1000, "bytes": size}


def share(chain, count):
    watchers = [Watcher(chain.port) for _ in range(count)]
    before, end = sum(machine.cpu_seconds(chain.near)), time.monotonic() + SECONDS
    while time.monotonic() < end:
        chain.get("/small")
        time.sleep(1 / REQUESTS_A_SECOND)
    used = sum(machine.cpu_seconds(chain.near)) - before
    for watcher in watchers:
        watcher.close()
    result = {"share": used / SECONDS, "events": statistics.mean([watcher.events for watcher in watchers] or [0]) / SECONDS,
              "bytes": statistics.mean([watcher.bytes for watcher in watchers] or [0]) / SECONDS,
              "most": max([watcher.most for watcher in watchers], default=0)}
    print(f"{count} watchers: {result}", flush=True)
    return result


def render(result):
    pages = [[f"`{path}`", f"{page['ms']:.1f}", f"{page['bytes'] / 1024:.0f}"] for path, page in result["pages"].items()]
    watchers = [
        [count, f"{one['share'] * 100:.1f}", f"{one['events']:.1f}", one["most"], f"{one['bytes'] / 1024:.1f}"]
        for count, one in result["watchers"].items()]
    return "\n\n".join([
        table(["page of 1,000 agents", "processor time, ms", "size, KiB"], pages),
        table([f"who watch 1,000 agents, {REQUESTS_A_SECOND} requests a second", "gatewayd, % of a core (goal: 2 at most)",
               "events a second", "most in a second", "KiB a second"], watchers)])
