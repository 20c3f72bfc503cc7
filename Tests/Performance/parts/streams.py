"""What an idle stream of server-sent events costs both daemons: visitor, gatewayd, agentd and a service that stays silent."""

import time

from support import machine
from support.chains import Chain, Children, start_client, start_service
from support.tables import table

KIB = 1024
LARGEST_KIB = 16
PER_CLIENT = 5_000
IDLE_SECONDS = 20


def measure(arguments):
    limits = {"maxConnections": arguments.count + 100, "maxStreamsPerAgent": min(arguments.count + 10, 65_536)}
    settings = {"gateway": {"limits": limits}, "agent": {"maxExchanges": min(arguments.count + 10, 65_535)}}
    with Children() as children:
        service, _ = start_service(children)
        with Chain("miagent", service, **settings) as chain:
            time.sleep(1)
            before, kernel = memory(chain), machine.kernel_socket_bytes()
            start_visitors(chain, arguments.count)
            time.sleep(3)
            used = [sum(machine.cpu_seconds(pids)) for pids in (chain.near, chain.far)]
            time.sleep(IDLE_SECONDS)
            idle = sum(sum(machine.cpu_seconds(pids)) for pids in (chain.near, chain.far)) - sum(used)
            after, kernel_after = memory(chain), machine.kernel_socket_bytes()
            chain.get("/small")
    return {
        "count": arguments.count, "gateway": (after[0] - before[0]) * KIB / arguments.count,
        "agent": (after[1] - before[1]) * KIB / arguments.count, "kernel": sum(kernel_after) - sum(kernel),
        "cpu": idle / IDLE_SECONDS}


def memory(chain):
    return [machine.status(pids, "RssAnon") for pids in (chain.near, chain.far)]


def start_visitors(chain, count):
    clients = []
    for number, first in enumerate(range(0, count, PER_CLIENT)):
        arguments = [chain.port, f"{chain.path}/events", min(PER_CLIENT, count - first), f"127.0.2.{number + 1}"]
        clients.append(start_client(chain, "idle_visitors.py", *arguments))
    for client in clients:
        if client.stdout.readline().strip() != "ready":
            raise RuntimeError(f"not all streams stand\n{chain.logs()}")


def render(result):
    gateway, agent = result["gateway"] / KIB, result["agent"] / KIB
    # Each stream is two connections here, from visitor to gatewayd and from agentd to the service, with both of their ends.
    kernel = result["kernel"] / 2 / result["count"] / KIB
    return table(["idle event streams", f"{result['count']:,}"], [
        ["memory of gatewayd, KiB a stream", f"{gateway:.1f}"],
        ["memory of agentd, KiB a stream", f"{agent:.1f}"],
        [f"of both (goal: {LARGEST_KIB} at most)", f"{gateway + agent:.1f}"],
        ["memory of the kernel for both daemons' ends, KiB a stream", f"{kernel:.1f}"],
        ["processor time of both while all are idle, % of a core", f"{result['cpu'] * 100:.1f}"]])
