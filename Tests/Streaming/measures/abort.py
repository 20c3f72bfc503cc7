"""Visitors that leave in the middle of a response: the local service is told at once, each time, and nothing stays behind."""

import asyncio
import socket
import struct
import time

from miagent_tests.daemons import parse_record
from miagent_tests.waiting import eventually
from support.chain import DescriptorWatch, MemoryWatch, chain
from support.report import p99, spread
from support.visitors import Visitor, gather, run

LATEST_MS = 1000  # the aim is 100; machines that run tests are busy
SETTLING_SECONDS = 2
LARGEST_GROWTH_MIB = 64


def measure(report, scale):
    with chain("streams.py", logRequests=True) as tunnel:
        for what, route, count in (("a response that drips", "drip", scale.leaving), ("a flood", "flood", scale.leaving // 10)):
            leave_all(report, tunnel, f"{count} visitors leave {what}", route, count)
        lines = [line for daemon in tunnel.daemons.values() for line in daemon.output.splitlines()]
        warnings = [record for record in map(parse_record, lines) if record and record["level"] in ("warning", "error")]
        report.equal("after all have left: warnings and errors in both logs", 0, len(warnings))


def leave_all(report, tunnel, what, route, count):
    descriptors = DescriptorWatch(tunnel)
    with MemoryWatch(tunnel) as memory:
        left = run(come_and_leave(tunnel, route, count), 60)
    closed = wait_for_all(tunnel, left)
    report.equal(f"{what}: connections that the service saw end", count, len(closed))
    late = [max(0, closed[name] - left[name]) for name in closed]
    report.below(f"{what}: p99 until it saw that", LATEST_MS, p99(late) * 1e3, "ms", spread(late))
    told = [record for record in tunnel.gateway.events("web.request") if record["path"] == f"{tunnel.prefix}/{route}"]
    report.equal(f"{what}: in the gateway's log as cancelled", count, sum(record["outcome"] == "cancelled" for record in told))
    descriptors.report(report, what)
    memory.report(report, what, LARGEST_GROWTH_MIB)


def wait_for_all(tunnel, left):
    """When the service saw each of these leave, as far as it did within ten seconds."""
    def closed():
        return {name: when for name, when in tunnel.service.get("/closed").items() if name in left}

    try:
        eventually(lambda: len(closed()) == len(left), "all connections closed")
    except AssertionError:
        pass
    return closed()


async def come_and_leave(tunnel, route, count):
    """When each of them left."""
    names = [f"{route}-{number}" for number in range(count)]
    visitors = await gather([come(tunnel, route, name) for name in names])
    await asyncio.sleep(SETTLING_SECONDS)  # a flood fills what buffers there are, and is held back from then on
    left = {}
    for number, (name, visitor) in enumerate(zip(names, visitors)):
        if number % 2:  # every other one with a reset
            linger = struct.pack("ii", 1, 0)
            visitor.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        left[name] = time.monotonic()
        visitor.leave()
        await asyncio.sleep(0.002)
    return left


async def come(tunnel, route, name):
    visitor = await Visitor.open(tunnel.port, f"{tunnel.prefix}/{route}?id={name}")
    await visitor.read()
    return visitor
