"""Speed beside nginx → nginx and HAProxy → HAProxy: round robin, so that each ratio comes from runs a minute apart."""

import statistics
import time

from support import load, machine
from support.chains import Chain, Children, start_service
from support.load import GIB, MIB
from support.tables import table

PEERS = ["nginx", "haproxy", "miagent"]

# name: what it is, how to run it, the figure, whether more of it is better
WORKLOADS = {
    "W1": ("small GET, 1 connection, p50", lambda chain, s: load.requests(f"{chain.url}/small", 1, s), "p50", False),
    "W2": ("small GET, 64 connections, requests/s", lambda chain, s: load.requests(f"{chain.url}/small", 64, s), "per_second",
           True),
    "W3": ("small GET, 512 connections, requests/s", lambda chain, s: load.requests(f"{chain.url}/small", 512, s),
           "per_second", True),
    "W4": ("1 MiB GET, 8 connections, MiB/s", lambda chain, s: load.requests(f"{chain.url}/bytes/{MIB}", 8, s),
           "mib_per_second", True),
    "W5": ("1 GiB down, MiB/s", lambda chain, s: load.transfers(chain.url, GIB, s), "mib_per_second", True),
    "W6": ("1 GiB up, chunked, MiB/s", lambda chain, s: load.transfers(chain.url, GIB, s, is_upload=True), "mib_per_second",
           True),
    "W7": ("small GET, new connections, 32 at once, requests/s",
           lambda chain, s: load.requests(f"{chain.url}/small", 32, s, "Connection: close"), "per_second", True),
}
# A sample during which others used more of the machine than this is taken again.
NOISE = 0.05


def measure(arguments):
    chosen = arguments.workloads.split(",") if arguments.workloads else list(WORKLOADS)
    samples = {workload: {peer: [] for peer in PEERS} for workload in chosen}
    with Children() as children:
        service, service_pid = start_service(children)
        for number in range(arguments.rounds):
            for workload in chosen:
                for peer in PEERS[number % 3:] + PEERS[:number % 3]:
                    sample = best_of(
                        lambda: one(peer, WORKLOADS[workload][1], service, service_pid, arguments.seconds, workload not in ("W5", "W6")))
                    samples[workload][peer].append({**sample, "round": number})
                    print(f"{number} {workload} {peer:8} {sample.get('error') or figures(sample)}", flush=True)
    return {"samples": samples, "seconds": arguments.seconds}


def figures(sample):
    return (f"{sample['per_second']:,.1f}/s {sample['mib_per_second']:,.0f} MiB/s p50 {sample.get('p50', 0)} µs, "
            f"CPU {sample['near_cpu']:.2f} + {sample['far_cpu']:.2f} s, others {sample['foreign']:.1%}")


def best_of(sample, tries=3):
    """The first that was left alone, or the least disturbed."""
    taken = []
    for _ in range(tries):
        machine.wait_until_quiet()
        taken.append(sample())
        if taken[-1].get("foreign", 0) <= NOISE:
            break
    return min(taken, key=lambda one: one.get("foreign", 1))


def one(peer, run, service, service_pid, seconds, is_warmed=True, is_secure=False):
    """One sample of a workload; `is_warmed`: it runs for a second before."""
    try:
        with Chain(peer, service, is_secure) as chain:
            if is_warmed:
                run(chain, 1)  # tables and pools have grown, connections are made
            before = [sum(machine.cpu_seconds(pids)) for pids in (chain.near, chain.far, [service_pid])]
            busy, began, own = machine.busy_seconds(), time.monotonic(), time.process_time()
            seen = run(chain, seconds)
            wall = time.monotonic() - began
            after = [sum(machine.cpu_seconds(pids)) for pids in (chain.near, chain.far, [service_pid])]
            now = machine.busy_seconds()
            near, far, behind = (b - a for a, b in zip(before, after))
            ours = near + far + behind + seen["load_cpu"] + time.process_time() - own
            return {**seen, "near_cpu": near, "far_cpu": far, "cpu": (near + far) / seen["requests"],
                    "foreign": max(0, now[0] - busy[0] - ours) / wall / machine.CORES,
                    "stolen": (now[1] - busy[1]) / wall / machine.CORES}
    except (load.LoadFailed, RuntimeError) as error:
        return {"error": str(error)[:300]}


def ratios(samples, peer, field):
    """This peer by nginx, round by round."""
    other = {one["round"]: one[field] for one in samples["nginx"] if "error" not in one}
    return [one[field] / other[one["round"]] for one in samples[peer] if "error" not in one and other.get(one["round"])]


def middle(values, form):
    return form.format(statistics.median(values)) if values else "failed"


def render(result):
    rows = []
    for workload, samples in result["samples"].items():
        what, _, field, _ = WORKLOADS[workload]
        row = [f"{workload} {what}"]
        for peer in PEERS:
            row.append(middle([one[field] for one in samples[peer] if "error" not in one], "{:,.0f}"))
        for peer in PEERS[1:]:
            row.append(middle(ratios(samples, peer, field), "{:.2f}×"))
        for peer in PEERS[1:]:
            row.append(middle(ratios(samples, peer, "cpu"), "{:.2f}×"))
        rows.append(row)
    head = ["", *PEERS, "haproxy", "**miagent**", "haproxy, CPU", "**miagent, CPU**"]
    kept = [one for samples in result["samples"].values() for peer in samples.values() for one in peer]
    worst = max((one.get("foreign", 0) for one in kept), default=0)
    rounds = max((one["round"] for one in kept), default=-1) + 1
    return (f"{table(head, rows)}\n\nRounds: {rounds}, of {result['seconds']} s a sample. Figures are medians, multiples are medians of"
            " the rounds' ratios to nginx (W1: less is faster; CPU: of both processes for a request). In a kept sample, others used at"
            f" most {worst:.0%} of the machine.")
