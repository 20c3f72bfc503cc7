"""Runs the parts, keeps what they found in `.build-performance/results.json`, and fills the tables of Docs/Performance.md."""

import argparse
import importlib
import json
import signal
import subprocess
import sys
import time

from support import machine
from support.chains import BUILD, HERE
from support.tables import fill

PARTS = ["compare", "tls", "account", "agents", "memory", "streams", "scale", "console"]
RESULTS = BUILD / "results.json"
PAGES = [HERE.parent.parent / "Docs" / name for name in ("Performance.md", "Operations.md")]


def write_pages(results):
    """Puts each part's table between its marks; `streams` is `<!-- streams -->` to `<!-- /streams -->`."""
    for path in PAGES:
        page = path.read_text()
        for name, result in results.items():
            text = importlib.import_module(f"parts.{name}").render(result)
            page = fill(page, name, f"{text}\n\nMeasured {result['when']}: {result['machine']}.")
        path.write_text(page)


def main():
    parser = argparse.ArgumentParser(prog="Tests/Performance/run")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all unless some are named")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison (5)")
    parser.add_argument("--seconds", type=int, default=4, help="of one sample (4)")
    parser.add_argument("--workloads", default="", metavar="W2,W5", help="of the comparison; all")
    parser.add_argument("--count", type=int, default=10_000, help="of idle agents and streams (10,000)")
    parser.add_argument("--write", action="store_true", help="also fill the tables of Docs/Performance.md and Docs/Operations.md")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is ended
    subprocess.run(["gcc", "-O2", "-o", BUILD / "service", HERE / "programs" / "service.c"], check=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in arguments.parts or PARTS:
        part = importlib.import_module(f"parts.{name}")
        results[name] = {**part.measure(arguments), "when": time.strftime("%Y-%m-%d"), "machine": machine.description()}
        RESULTS.write_text(json.dumps(results, indent=1))
        print(f"\n{part.render(results[name])}\n", flush=True)
    if arguments.write:
        write_pages(results)


if __name__ == "__main__":
    main()
