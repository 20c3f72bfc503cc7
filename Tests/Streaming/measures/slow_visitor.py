"""A visitor that takes 100 KiB a second from a service that floods: the service is held back, and nobody else notices."""

import asyncio
import time

from support.chain import MIB, MemoryWatch, chain
from support.report import p99, spread
from support.visitors import Visitor, run, small_requests

BYTES_PER_SECOND = 100 * 1024
LARGEST_GROWTH_MIB = 8
LARGEST_AHEAD_MIB = 16  # both windows, and what the kernel buffers on two connections and the tunnel
SLOWEST_SMALL_MS = 20


def measure(report, scale):
    with chain("streams.py") as tunnel:
        run(small_requests(tunnel.port, f"{tunnel.prefix}/small", 20), 20)  # the first ones are not measured
        with MemoryWatch(tunnel) as memory:
            taken, times = run(both(tunnel, scale), scale.slow_seconds + 30)
            ahead = (tunnel.service.get("/written")["slow"] - taken) / MIB
        memory.report(report, "a slow visitor and a flood", LARGEST_GROWTH_MIB)
        report.below("what the service could write ahead of a slow visitor", LARGEST_AHEAD_MIB, ahead, "MiB",
                     f", who took {taken / MIB:.1f}")
        report.below(f"{len(times)} small GETs beside it: p99", SLOWEST_SMALL_MS, p99(times) * 1e3, "ms", spread(times))


async def both(tunnel, scale):
    reading = asyncio.create_task(read_slowly(tunnel, scale.slow_seconds))
    await asyncio.sleep(0.5)
    times = await small_requests(tunnel.port, f"{tunnel.prefix}/small", scale.small_requests)
    return await reading, times


async def read_slowly(tunnel, seconds):
    """How many bytes it took."""
    visitor = await Visitor.open(tunnel.port, f"{tunnel.prefix}/flood?id=slow", receive_buffer=65_536)
    began, taken = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        taken += len(await visitor.read(10_240))
        await asyncio.sleep(max(0, began + taken / BYTES_PER_SECOND - time.monotonic()))
    visitor.leave()
    return taken
