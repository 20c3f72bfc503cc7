"""The count of tests, as the last line. What was skipped has not passed. A conftest.py imports these hooks."""

import collections

import pytest

TALLY = collections.defaultdict(set)


def pytest_runtest_logreport(report):
    if report.failed or report.skipped:
        TALLY["failed"].add(report.nodeid)
    elif report.when == "call":
        TALLY["passed"].add(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if TALLY["failed"] and session.exitstatus == 0:
        session.exitstatus = 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    if TALLY:
        print(f"{len(TALLY['passed'] - TALLY['failed'])} passed, {len(TALLY['failed'])} failed")
