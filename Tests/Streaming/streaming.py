"""Runs the measures and prints their table. Each measure is a file in measures/ with `measure(report, scale)`."""

import argparse
import importlib
import sys
import time
import traceback

from support.report import Report
from support.scale import FULL, QUICK

MEASURES = [
    "events", "abort", "slow_visitor", "many_slow_visitors", "truncation", "websockets_pairs", "websockets_life", "many_websockets",
    "bulk"]


def main():
    parser = argparse.ArgumentParser(prog="Tests/Streaming/run")
    parser.add_argument("--quick", action="store_true", help="smaller counts, within a minute")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"of {', '.join(MEASURES)}")
    arguments = parser.parse_args()
    unknown = set(arguments.measures) - set(MEASURES)
    if unknown:
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    report = Report()
    for name in arguments.measures or MEASURES:
        began = time.monotonic()
        try:
            importlib.import_module(f"measures.{name}").measure(report, QUICK if arguments.quick else FULL)
        except Exception as error:  # a measure that breaks has failed; the others still run
            traceback.print_exc()
            report.add(f"{name} runs to its end", "no error", f"{type(error).__name__}: {error}"[:60], False)
        report.note(f"{name} took {time.monotonic() - began:.1f} s")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
