"""One gateway, without sockets, with many agents: what each costs, and that it does not depend on how many there are."""

import subprocess

from support.chains import BUILD, HERE
from support.tables import table

COUNTS = [1_000, 10_000, 100_000]


def measure(arguments):
    package = HERE.parent / "Benchmarks"
    scratch = BUILD.parent / ".build-benchmarks"
    subprocess.run(["swift", "build", "-c", "release", "--scratch-path", scratch], cwd=package, check=True)
    program = scratch / "release" / "Benchmarks"
    result = {}
    for count in COUNTS:
        text = subprocess.run([program, "scale", str(count)], check=True, stdout=subprocess.PIPE, text=True).stdout
        result[count] = {name: int(value) for name, value in map(str.split, text.splitlines())}
    return {"counts": result}


def render(result):
    names = {
        "register.ns": ("connect and register, ns an agent", 1), "ping.again.ns": ("ping and pong, ns an agent", 1),
        "request.ns": ("a request and its response, ns", 1), "lose.ns": ("lose the connection, ns an agent", 1),
        "memory.pinged.bytes": ("memory, bytes an agent", 1), "page.ns": ("the status page, µs", 1_000),
        "thousand.ns": ("the same with 1,000 rows, µs", 1_000), "list.ns": ("`/.miagent/agents?limit=1000`, µs", 1_000),
        "search.ns": ("`/.miagent/agents?filter=nothing`, µs", 1_000), "metrics.ns": ("`/metrics`, µs", 1_000)}
    counts = result["counts"]
    rows = [[title, *(f"{one[name] / divisor:,.0f}" for one in counts.values())] for name, (title, divisor) in names.items()]
    return table(["agents", *(f"{int(count):,}" for count in counts)], rows)
