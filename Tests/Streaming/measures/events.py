"""Server-sent events: one stream, and as many as an agent carries. How late is each, from its making to its being here?"""

from support.chain import chain
from support.report import p99, spread
from support.visitors import Visitor, gather, run

LATEST_MS = 20


def measure(report, scale):
    with chain("streams.py") as tunnel:
        target = f"/events?count={scale.events}&every_ms=10"
        late = run(lateness(tunnel.port, tunnel.prefix + target), scale.events / 100 + 20)
        direct = run(lateness(tunnel.direct, "/events?count=100&every_ms=10"), 20)
        report.equal(f"{scale.events} events, 10 ms apart: here and in order", scale.events, len(late))
        remark = f"{spread(late)}; without tunnel {p99(direct) * 1e3:.1f}"
        report.below(f"{scale.events} events, 10 ms apart: p99 from made to here", LATEST_MS, p99(late) * 1e3, "ms", remark)
        many(report, scale, tunnel)


def many(report, scale, tunnel):
    count = 10
    target = f"{tunnel.prefix}/events?count={count}&every_ms=500"
    streams = run(gather([lateness(tunnel.port, target) for _ in range(scale.streams)], at_once=scale.streams), 60)
    whole = sum(len(late) == count for late in streams)
    report.equal(f"{scale.streams} event streams at once: whole and in order", scale.streams, whole)
    late = [lateness for stream in streams for lateness in stream]
    report.below(f"{scale.streams} event streams at once: p99", 1000, p99(late) * 1e3, "ms", spread(late))


async def lateness(port, target):
    """Of each event, in seconds; it ends at the first that is out of order."""
    visitor = await Visitor.open(port, target)
    late = []
    async for event, here in visitor.events():
        number, made = event.split()
        if int(number) != len(late):
            break
        late.append(here - float(made))
    visitor.leave()
    return late
