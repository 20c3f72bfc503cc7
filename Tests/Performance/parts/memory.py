"""What an idle agent costs the gateway: memory of the process, of the kernel, and processor time for pings."""

import time

from support import machine
from support.chains import TOKEN, Chain, Children, start_client, start_service
from support.tables import table

KIB = 1024
LARGEST_KIB = 12
# Descriptors of one client process, with some to spare.
PER_CLIENT = 5_000
IDLE_SECONDS = 40


def measure(arguments):
    settings = {"limits": {"maxConnections": arguments.count + 100}}
    with Children() as children:
        service, _ = start_service(children)
        with Chain("miagent", service, gateway=settings) as chain:
            time.sleep(2)
            before, kernel = machine.status(chain.near, "RssAnon"), machine.kernel_socket_bytes()
            began = time.monotonic()
            start_agents(chain, arguments.count)
            took = time.monotonic() - began
            time.sleep(3)
            used = machine.cpu_seconds(chain.near)
            time.sleep(IDLE_SECONDS)  # everybody is pinged, twice at the default of 20 s
            after, kernel_after = machine.status(chain.near, "RssAnon"), machine.kernel_socket_bytes()
            idle = sum(machine.cpu_seconds(chain.near)) - sum(used)
            chain.get("/small")
            peak = machine.status(chain.near, "VmHWM")
    return {
        "count": arguments.count, "gateway": (after - before) * KIB / arguments.count, "peak": peak,
        "kernel": sum(kernel_after) - sum(kernel), "seconds": took, "cpu": idle / IDLE_SECONDS}


def start_agents(chain, count):
    clients = []
    for number, first in enumerate(range(0, count, PER_CLIENT)):
        arguments = [chain.port, TOKEN, first, min(PER_CLIENT, count - first), f"127.0.1.{number + 1}"]
        clients.append(start_client(chain, "idle_agents.py", *arguments))
    for client in clients:
        if client.stdout.readline().strip() != "ready":
            raise RuntimeError(f"not all agents registered\n{chain.logs()}")


def render(result):
    gateway = result["gateway"] / KIB
    # Both ends of each connection are on this machine.
    kernel = result["kernel"] / 2 / result["count"] / KIB
    return table(["idle agents", f"{result['count']:,}"], [
        [f"memory of gatewayd, KiB an agent (goal: {LARGEST_KIB} at most)", f"{gateway:.1f}"],
        ["memory of the kernel at the gateway's end, KiB an agent", f"{kernel:.1f}"],
        ["gatewayd's largest resident size, MiB", f"{result['peak'] / KIB:.0f}"],
        ["registrations a second, as fast as the clients here ask", f"{result['count'] / result['seconds']:,.0f}"],
        ["processor time of gatewayd while all are idle, % of a core", f"{result['cpu'] * 100:.1f}"]])
