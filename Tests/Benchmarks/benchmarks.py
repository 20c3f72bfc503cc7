"""Runs the benchmarks, counts instructions and allocations, and compares them with baseline.json. `run` builds and calls it.

Instructions are counted by valgrind's callgrind, in two runs of different length: the difference is the operations alone. Of
whole requests only what happens beneath `MachineDriver.feed` counts, which is the machines; the rest of the program stands for
sockets. Hashing is made deterministic, so two counts of one build differ by far less than a percent.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
BASELINE = HERE / "baseline.json"
# Another libc or a patch release of the compiler moves figures by some percent; what is worth a look moves them by more.
MARGIN = 0.12
# What must hold inside one run, whatever the machine: an operation, at most how many times which other one.
RATIOS = [
    ("http.request.parse", 6, "reference.hash"),
    ("rpc.request.parse", 12, "reference.hash"),
    ("scale.ping.2000", 1.3, "scale.ping.250"),
    ("scale.request.2000", 1.15, "scale.request.250"),
]
# The C library chooses its copying loops by processor, and valgrind counts `rep movsb` by the byte: the plain ones, everywhere.
TUNABLES = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load"
# MachineDriver.feed and ManyAgents.feed, specialised or not.
MACHINE = re.compile(r"Benchmarks\d+(MachineDriver|ManyAgents)\w*?4feed")
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"}


class Profile:
    """What callgrind wrote, as far as it is needed: all instructions, allocations, and what is beneath `MachineDriver.feed`."""

    def __init__(self, path):
        self.total = self.allocations = 0
        self.machines = {"gateway": 0, "agent": 0}
        names, callee = {}, ""
        is_call = False
        for line in open(path, encoding="utf-8", errors="replace"):
            if line.startswith("cfn="):
                callee = self.name(line[4:], names)
            elif line.startswith("fn="):
                self.name(line[3:], names)
            elif line.startswith("calls="):
                is_call = True
                if callee.partition("'")[0] in ALLOCATORS:
                    self.allocations += int(line[6:].split()[0])
            elif is_call:
                is_call = False
                if MACHINE.search(callee):
                    self.machines["agent" if "AgentKit" in callee else "gateway"] += int(line.split()[1])
            elif line[0].isdigit() or line[0] in "+-*":
                self.total += int(line.split()[1])

    @staticmethod
    def name(text, names):
        found = re.match(r"\((\d+)\)(?: (.*))?", text.strip())
        if not found:
            return text.strip()
        if found[2] is not None:
            names[found[1]] = found[2]
        return names.get(found[1], "")


def profile(program, name, rounds, folder, *options):
    out = os.path.join(folder, f"{name}-{rounds}")
    environment = {**os.environ, "SWIFT_DETERMINISTIC_HASHING": "1", "GLIBC_TUNABLES": TUNABLES}
    subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet", *options, program, "repeat", name, str(rounds)],
        check=True, env=environment, stderr=subprocess.PIPE, text=True)
    return Profile(out)


def count(program, benchmark, folder):
    """Instructions and allocations of one operation."""
    name, _, batch = benchmark
    few, many = (2, 6) if 1 < batch < 1000 else (1, 2) if batch > 1 else (20, 120)
    first, second = profile(program, name, few, folder), profile(program, name, many, folder)
    operations = (many - few) * batch
    machines = {key: round((second.machines[key] - first.machines[key]) / operations) for key in first.machines}
    result = {
        "instructions": sum(machines.values()) or round((second.total - first.total) / operations),
        "allocations": round((second.allocations - first.allocations) / operations, 1),
    }
    return {**result, **machines} if sum(machines.values()) else result


def count_all(program, benchmarks):
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = pool.map(lambda benchmark: count(program, benchmark, folder), benchmarks)
        return dict(zip((name for name, _, _ in benchmarks), counts))


def show_counts(counts):
    print(f"{'operation':26} {'instructions':>13} {'allocations':>12} {'gateway':>11} {'agent':>11}")
    for name, row in counts.items():
        print(f"{name:26} {row['instructions']:13,} {row['allocations']:12,.1f} "
              f"{row.get('gateway', ''):>11} {row.get('agent', ''):>11}")


def show_times(program, names):
    output = subprocess.run([program, "time", *names], check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{'operation':26} {'ns':>12} {'MiB/s':>9}")
    for line in output.splitlines():
        name, size, nanoseconds = line.split()
        rate = f"{int(size) / float(nanoseconds) * 1e9 / (1 << 20):9,.0f}" if int(size) else ""
        print(f"{name:26} {float(nanoseconds):12,.1f} {rate:>9}")


def compare(counts, baseline):
    """Prints both; how many operations became dearer."""
    worse = 0
    print(f"{'operation':26} {'instructions':>13} {'was':>13} {'':>7} {'allocations':>12} {'was':>9}")
    for name, row in counts.items():
        old = baseline.get(name)
        if old is None:
            print(f"{name:26} {row['instructions']:13,}  is not in the baseline: run with --update")
            worse += 1
            continue
        ratio = row["instructions"] / max(1, old["instructions"])
        dearer = ratio > 1 + MARGIN or row["allocations"] > old["allocations"] * (1 + MARGIN) + 0.5
        worse += dearer
        print(f"{name:26} {row['instructions']:13,} {old['instructions']:13,} {ratio:6.2f}x {row['allocations']:12,.1f} "
              f"{old['allocations']:9,.1f}{'  DEARER' if dearer else ''}")
    for name, limit, other in RATIOS:
        if name in counts and other in counts:
            ratio = counts[name]["instructions"] / max(1, counts[other]["instructions"])
            worse += ratio > limit
            print(f"{name} is {ratio:.2f} times {other}, at most {limit}{'  DEARER' if ratio > limit else ''}")
    return worse


def show_profile(program, name):
    """What callgrind_annotate says of ten rounds: the machines alone, if they take part, else everything with the set-up."""
    (_, _, batch), = list_benchmarks(program, [name])[:1]
    with tempfile.TemporaryDirectory() as folder:
        profile(program, name, 10, folder, *(["--toggle-collect=*4feed*"] if batch > 1 else []))
        annotate = ["callgrind_annotate", "--show-percs=yes", os.path.join(folder, f"{name}-10")]
        report = subprocess.run(annotate, check=True, stdout=subprocess.PIPE, text=True).stdout
    demangled = subprocess.run(
        ["swift", "demangle", "--compact", "--simplified"], check=True, input=report, stdout=subprocess.PIPE, text=True).stdout
    for line in demangled.splitlines():
        print(line[:160])
    return 0


# Which part of the program a function belongs to: the first whose pattern is found in its file or its name.
PHASES = [
    ("reference counting", r"swift_(retain|release|bridgeObject|isUnique|unknownObject)|doDecrementSlow|_swift_release_dealloc"),
    ("allocation", r"malloc|/free|_int_free|swift_(alloc|dealloc|slow|getObjectType|initStack)|unlink_chunk|tcache|deallocating_deinit"
                   r"|_ContiguousArrayBuffer|_consumeAndCreateNew"),
    ("copies and destroys of values", r"memcpy|memmove|memset|outlined|initializeWithCopy|destroy for|assignWith|swift_arrayDestroy"
                                      r"|value witness|WOb|WOh|WOc|WOe|WOs|Wwxx|wxx$|wcp$"),
    ("JSON of heads", r"/RPCCore/|/TunnelLink/(Canonical|Messages|MessageCoding)|/HTTPCodec/(HTTPFields\+Members|PlainText)"),
    ("WebSocket frames", r"/WireWS/"),
    ("streams and credit", r"/TunnelLink/"),
    ("HTTP heads and framing", r"/HTTPCodec/"),
    ("routing and permission", r"/GatewayKit/(Routing|Access|Agents/Registry)"),
    ("field rules", r"/GatewayKit/Exchanges/(HeaderRules|FieldSets)|/AgentKit/Service/(RequestRewriting|ServiceAddresses|VisitorOrigin)"),
    ("exchanges and connections", r"/GatewayKit/|/AgentKit/"),
    ("turns, deadlines, counts", r"/MachineCore/|/Benchmarks/"),
]
CACHE_LINE = 64


def phases_of(program, name, rounds, folder, kit):
    """Instructions of one machine by phase, and by the cache line of code that they lie in."""
    out = os.path.join(folder, f"{name}-{kit}-{rounds}")
    environment = {**os.environ, "SWIFT_DETERMINISTIC_HASHING": "1", "GLIBC_TUNABLES": TUNABLES}
    subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet", "--compress-pos=no", "--compress-strings=no",
         "--dump-instr=yes", f"--toggle-collect=*MachineDriver*4feed*{kit}*", program, "repeat", name, str(rounds)],
        check=True, env=environment, stderr=subprocess.PIPE, text=True)
    costs, lines, phase, file, is_call = {}, {}, "", "", False
    for line in open(out, encoding="utf-8", errors="replace"):
        if line.startswith("fl="):
            file = line[3:].strip()
        elif line.startswith("fn="):
            what = f"{file} {line[3:].strip()}"
            phase = next((title for title, pattern in PHASES if re.search(pattern, what)), "runtime and standard library")
        elif line.startswith("calls="):
            is_call = True
        elif line.startswith("0x"):
            address, _, cost = line.split()
            if not is_call:
                costs[phase] = costs.get(phase, 0) + int(cost)
                place = int(address, 16) // CACHE_LINE
                lines[place] = lines.get(place, 0) + int(cost)
            is_call = False
    return costs, lines


def show_phases(program, name):
    """Where the instructions of one operation go, by phase and machine."""
    (_, _, batch), = list_benchmarks(program, [name])[:1]
    if batch == 1:
        sys.exit(f"{name} has no machines: name one of the requests, downloads or uploads")
    few, many = 2, 6
    kits = [("gateway", "GatewayKit"), ("agent", "AgentKit")]
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(rounds, kit) for _, kit in kits for rounds in (few, many)]
        found = list(pool.map(lambda job: phases_of(program, name, job[0], folder, job[1]), jobs))
    print(f"{'phase of ' + name:34} {'gateway':>10} {'agent':>10}")
    columns = []
    for index in range(len(kits)):
        (first, _), (second, _) = found[2 * index:2 * index + 2]
        columns.append({title: (second[title] - first.get(title, 0)) / ((many - few) * batch) for title in second})
    titles = [title for title, _ in PHASES] + ["runtime and standard library"]
    for title in titles:
        print(f"{title:34} {columns[0].get(title, 0):10,.0f} {columns[1].get(title, 0):10,.0f}")
    print(f"{'all':34} {sum(columns[0].values()):10,.0f} {sum(columns[1].values()):10,.0f}")
    touched = []
    for index in range(len(kits)):
        (_, first), (_, second) = found[2 * index:2 * index + 2]
        # What the set-up alone runs is run as often in both. A line that each operation runs is run at least once for each.
        operations = (many - few) * batch
        touched.append(sum(second[line] - first.get(line, 0) >= operations for line in second) * CACHE_LINE / 1024)
    print(f"{'code of each operation, KiB':34} {touched[0]:10,.0f} {touched[1]:10,.0f}")
    return 0


def list_benchmarks(program, prefixes):
    output = subprocess.run([program, "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [(name, int(size), int(batch)) for name, size, batch in map(str.split, output.splitlines())]
    chosen = [row for row in rows if not prefixes or row[0].startswith(tuple(prefixes))]
    if not chosen:
        sys.exit(f"no such benchmark; there are: {', '.join(name for name, _, _ in rows)}")
    return chosen


def main():
    parser = argparse.ArgumentParser(prog="Tests/Benchmarks/run")
    parser.add_argument("program", help=argparse.SUPPRESS)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--count", action="store_true", help="instructions and allocations")
    what.add_argument("--compare", action="store_true", help="with baseline.json; fails if an operation became dearer")
    what.add_argument("--update", action="store_true", help="write baseline.json")
    what.add_argument("--scale", type=int, metavar="AGENTS", help="time and memory of a gateway with that many agents")
    what.add_argument("--profile", metavar="NAME", help="where one benchmark's instructions go, by function")
    what.add_argument("--phases", metavar="NAME", help="the same by phase, and how much code they lie in")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only what begins so")
    arguments = parser.parse_args()
    if arguments.scale:
        return subprocess.run([arguments.program, "scale", str(arguments.scale)], check=True).returncode
    if arguments.profile:
        return show_profile(arguments.program, arguments.profile)
    if arguments.phases:
        return show_phases(arguments.program, arguments.phases)
    benchmarks = list_benchmarks(arguments.program, arguments.only)
    if not (arguments.count or arguments.compare or arguments.update):
        return show_times(arguments.program, [name for name, _, _ in benchmarks])
    counts = count_all(arguments.program, benchmarks)
    baseline = json.loads(BASELINE.read_text())["operations"] if BASELINE.exists() else {}
    if arguments.compare:
        worse = compare(counts, baseline)
        checks = len(counts) + sum(name in counts and other in counts for name, _, other in RATIOS)
        print(f"{checks - worse} passed, {worse} failed")
        return 1 if worse else 0
    show_counts(counts)
    if arguments.update:
        swift = subprocess.run(["swift", "--version"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        merged = {**baseline, **counts} if arguments.only else counts
        BASELINE.write_text(json.dumps({"swift": swift.stdout.splitlines()[0], "operations": merged}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
