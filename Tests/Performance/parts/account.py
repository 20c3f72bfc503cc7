"""Where the cost of a small request goes: processor time, system calls by name, requests for each time a process wakes."""

import json
import re
import signal
import subprocess
import time

from support import load, machine
from support.chains import HERE, Chain, Children, find, start_service
from support.tables import table

PEERS = ["nginx", "haproxy", "miagent"]
CONNECTIONS = [1, 64, 512]


def measure(arguments):
    result = {}
    with Children() as children:
        service, _ = start_service(children)
        for connections in CONNECTIONS:
            for peer in PEERS:
                machine.wait_until_quiet()
                with Chain(peer, service) as chain:
                    load.requests(f"{chain.url}/small", connections, 1)
                    times = cpu_times(chain, connections, arguments.seconds)
                    calls = system_calls(chain, connections)
                result[f"{peer} {connections}"] = {**times, "calls": calls}
                print(f"{peer} {connections}: {times}", flush=True)
    return {"chains": result, "machines": count_machines()}


def cpu_times(chain, connections, seconds):
    sides = {"near": chain.near, "far": chain.far}
    before = {side: (*machine.cpu_seconds(pids), machine.wakeups(pids)) for side, pids in sides.items()}
    requests = load.requests(f"{chain.url}/small", connections, seconds)["requests"]
    times = {"requests": requests}
    for side, pids in sides.items():
        user, system = (b - a for a, b in zip(before[side], machine.cpu_seconds(pids)))
        woken = machine.wakeups(pids) - before[side][2]
        times[side] = {"user": user / requests * 1e6, "system": system / requests * 1e6, "per_wakeup": requests / max(1, woken)}
    return times


def system_calls(chain, connections, seconds=3):
    """Calls for each request, by name. Under strace a process is slower, and so finds more to do whenever it wakes."""
    tracers = {}
    for side, pids in (("near", chain.near), ("far", chain.far)):
        out = chain.folder / f"{side}.calls"
        command = [find("strace"), "-c", "-f", "-o", out, *(word for pid in pids for word in ("-p", str(pid)))]
        tracers[side] = (subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL), out)
    time.sleep(0.5)
    requests = load.requests(f"{chain.url}/small", connections, seconds)["requests"]
    calls = {}
    for side, (tracer, out) in tracers.items():
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$", out.read_text(), re.M)
        calls[side] = {name: int(count) / requests for count, name in rows if name != "total" and int(count) > requests / 100}
    return calls


def count_machines():
    """Instructions and allocations of one request in the machines alone."""
    baseline = json.loads((HERE.parent / "Benchmarks" / "baseline.json").read_text())
    return {name: row for name, row in baseline["operations"].items() if name.startswith(("request.", "download.", "upload."))}


def render(result):
    rows = []
    for key, one in result["chains"].items():
        peer, connections = key.split()
        for side in ("near", "far"):
            figures = one[side]
            calls = ", ".join(f"{name} {count:.2f}" for name, count in sorted(one["calls"][side].items(), key=lambda c: -c[1]))
            name = {"near": "gatewayd", "far": "agentd"}[side] if peer == "miagent" else f"{peer}, {side}"
            rows.append([connections, name, f"{figures['user']:.1f}", f"{figures['system']:.1f}",
                         f"{figures['per_wakeup']:.1f}", f"{sum(one['calls'][side].values()):.2f}", calls])
    costs = [[name, f"{row['instructions']:,}", f"{row['gateway']:,}", f"{row['agent']:,}", row["allocations"]]
             for name, row in result["machines"].items()]
    head = ["connections", "process", "user µs", "system µs", "requests a wake-up", "calls", "by name"]
    return (table(head, rows) + "\n\nThe machines alone, without sockets ([Tests/Benchmarks](../Tests/Benchmarks/README.md)):\n\n"
            + table(["operation", "instructions", "gateway's", "agent's", "allocations"], costs))
