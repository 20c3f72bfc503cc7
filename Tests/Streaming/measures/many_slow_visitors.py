"""Many visitors that hardly read, all of one agent, each before a flood: each may hold a window, and not more."""

import asyncio

from support.chain import DescriptorWatch, MemoryWatch, chain
from support.report import p99, spread
from support.visitors import Visitor, gather, run, small_requests

WINDOW_MIB = 0.25
SLACK_MIB = 32
SLOWEST_SMALL_MS = 50
SLOWEST_RUSHED_MS = 2000  # megabytes of floods are in the kernel's buffers, ahead of everything
SETTLING_SECONDS = 5


def measure(report, scale):
    with chain("streams.py") as tunnel:
        run(small_requests(tunnel.port, f"{tunnel.prefix}/small", 20), 20)
        descriptors = DescriptorWatch(tunnel)
        with MemoryWatch(tunnel) as memory:
            taken, rushed, times = run(visit_and_read_slowly(tunnel, scale), 90)
        count = scale.slow_visitors
        report.equal(f"{count} slow visitors: all of them are served", count, sum(bytes_ > 0 for bytes_ in taken))
        memory.report(report, f"{count} slow visitors", count * WINDOW_MIB + SLACK_MIB)
        report.below(f"{len(times)} small GETs beside them: p99", SLOWEST_SMALL_MS, p99(times) * 1e3, "ms", spread(times))
        report.below("small GETs while the floods rush in: p99", SLOWEST_RUSHED_MS, p99(rushed) * 1e3, "ms", spread(rushed))
        descriptors.report(report, f"{count} slow visitors")


async def visit_and_read_slowly(tunnel, scale):
    targets = [f"{tunnel.prefix}/flood?id={number}" for number in range(scale.slow_visitors)]
    visitors = await gather([Visitor.open(tunnel.port, target, receive_buffer=16_384) for target in targets])
    stop = asyncio.Event()
    readers = [asyncio.create_task(read_slowly(visitor, stop)) for visitor in visitors]
    rushed = await small_requests(tunnel.port, f"{tunnel.prefix}/small", 40)
    await asyncio.sleep(SETTLING_SECONDS)  # the floods fill what buffers there are, and are held back from then on
    times = await small_requests(tunnel.port, f"{tunnel.prefix}/small", scale.small_requests)
    stop.set()
    return await asyncio.gather(*readers), rushed, times


async def read_slowly(visitor, stop):
    """4 KiB four times a second."""
    taken = 0
    while not stop.is_set():
        taken += len(await visitor.read(4096))
        await asyncio.sleep(0.25)
    visitor.leave()
    return taken
