"""TLS on both hops beside nginx with TLS on both hops: the same certificate, key and cipher, session resumption in both."""

import re
import subprocess

from parts import compare
from support import load
from support.chains import Chain, Children, start_service
from support.load import GIB, MIB
from support.tables import table

PEERS = ["nginx", "miagent"]

# name: what it is, how to run it, the figure, whether it is warmed up
WORKLOADS = {
    "T1": ("small GET, 1 connection, p50", lambda chain, s: load.requests(f"{chain.url}/small", 1, s), "p50", True),
    "T2": ("small GET, 64 connections, requests/s", lambda chain, s: load.requests(f"{chain.url}/small", 64, s), "per_second", True),
    "T3": ("1 MiB GET, 8 connections, MiB/s", lambda chain, s: load.requests(f"{chain.url}/bytes/{MIB}", 8, s),
           "mib_per_second", True),
    "T4": ("1 GiB down, MiB/s", lambda chain, s: load.transfers(chain.url, GIB, s), "mib_per_second", False),
    "T5": ("1 GiB up, chunked, MiB/s", lambda chain, s: load.transfers(chain.url, GIB, s, is_upload=True), "mib_per_second", False),
    "T6": ("new connections, full handshakes/s", lambda chain, s: load.handshakes(chain.port, f"{chain.path}/small", s),
           "per_second", True),
    "T7": ("new connections, resumed/s", lambda chain, s: load.handshakes(chain.port, f"{chain.path}/small", s, is_resumed=True),
           "per_second", True),
}


def cipher(peer, service):
    """What a usual client agrees on with this peer."""
    with Chain(peer, service, is_secure=True) as chain:
        said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{chain.port}"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False).stdout
        return re.search(r"New, (\S+), Cipher is (\S+)", said).groups()


def measure(arguments):
    chosen = arguments.workloads.split(",") if arguments.workloads else list(WORKLOADS)
    samples = {workload: {peer: [] for peer in PEERS} for workload in chosen}
    with Children() as children:
        service, service_pid = start_service(children)
        ciphers = {cipher(peer, service) for peer in PEERS}
        if len(ciphers) != 1:
            raise SystemExit(f"the peers agree on different ciphers: {ciphers}")
        for number in range(arguments.rounds):
            for workload in chosen:
                _, run, _, is_warmed = WORKLOADS[workload]
                for peer in PEERS[number % 2:] + PEERS[:number % 2]:
                    sample = compare.best_of(
                        lambda: compare.one(peer, run, service, service_pid, arguments.seconds, is_warmed, is_secure=True))
                    samples[workload][peer].append({**sample, "round": number})
                    print(f"{number} {workload} {peer:8} {sample.get('error') or compare.figures(sample)}", flush=True)
    return {"samples": samples, "seconds": arguments.seconds, "cipher": " ".join(ciphers.pop())}


def render(result):
    rows = []
    for workload, samples in result["samples"].items():
        what, _, field, _ = WORKLOADS[workload]
        row = [f"{workload} {what}"]
        for peer in PEERS:
            row.append(compare.middle([one[field] for one in samples[peer] if "error" not in one], "{:,.0f}"))
        for figure in (field, "cpu"):
            row.append(compare.middle(compare.ratios(samples, "miagent", figure), "{:.2f}×"))
        rows.append(row)
    rounds = max((one["round"] for samples in result["samples"].values() for peer in samples.values() for one in peer), default=-1) + 1
    return (f"{table(['', *PEERS, '**miagent**', '**miagent, CPU**'], rows)}\n\nRounds: {rounds}, of {result['seconds']} s a sample; "
            f"{result['cipher']}, ECDSA with P-256; T6 and T7 with TLS 1.2. Multiples are medians of the rounds' ratios to nginx (T1: less is faster; CPU: of "
            "both processes for a request or a transfer).")
