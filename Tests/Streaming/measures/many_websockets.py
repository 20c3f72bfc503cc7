"""As many WebSockets at once as an agent carries, all of them echoing."""

import asyncio
import time

from websockets.asyncio.client import connect

from support.chain import DescriptorWatch, MemoryWatch, chain
from support.report import p99, spread
from support.visitors import gather, run

LARGEST_GROWTH_MIB = 64
SLOWEST_MS = 2000


def measure(report, scale):
    what = f"{scale.sockets} WebSockets at once"
    with chain("echo.js") as tunnel:
        descriptors = DescriptorWatch(tunnel)
        with MemoryWatch(tunnel) as memory:
            times = run(echo_on_all(tunnel, scale), 120)
        report.equal(f"{what}, {scale.rounds} echoes each: echoes that were right", scale.sockets * scale.rounds, len(times))
        report.below(f"{what}: p99 of an echo", SLOWEST_MS, p99(times) * 1e3, "ms", spread(times))
        memory.report(report, what, LARGEST_GROWTH_MIB)
        descriptors.report(report, what)


async def echo_on_all(tunnel, scale):
    """How long each right echo took."""
    url = f"ws://127.0.0.1:{tunnel.port}{tunnel.prefix}/echo?id="
    options = {"compression": None, "ping_interval": None, "proxy": None, "open_timeout": 60}

    async def join(number):
        return await connect(f"{url}{number}", **options)

    sockets = await gather([join(number) for number in range(scale.sockets)])
    times = await asyncio.gather(*[talk(socket, number, scale.rounds) for number, socket in enumerate(sockets)])
    await asyncio.gather(*[socket.close() for socket in sockets])
    return [one for list_ in times for one in list_]


async def talk(socket, number, rounds):
    times = []
    for turn in range(rounds):
        message = f"{number}-{turn} " * (1 + number % 50)
        began = time.monotonic()
        await socket.send(message)
        if await socket.recv() == message:
            times.append(time.monotonic() - began)
    return times
