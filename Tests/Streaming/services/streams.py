"""A local service on asyncio for many streams at once: events, floods, drips, responses that stop half-way. It remembers by the
`id` of a request how much it could write, and when it saw its connection end (CLOCK_MONOTONIC, the same for all processes)."""

import asyncio
import contextlib
import json
import time
from urllib.parse import parse_qsl, urlsplit

BLOCK = bytes(65_536)
WRITTEN = {}  # id: bytes that left this process, or that the kernel holds for it
CLOSED = {}  # id: when


class Exchange:
    def __init__(self, reader, writer, query):
        self.reader, self.writer, self.query = reader, writer, query
        self.id = query.get("id", "")
        self.given = 0

    def head(self, **fields):
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        self.writer.write(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())

    async def chunk(self, data):
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()
        self.given += len(data)
        WRITTEN[self.id] = self.given - self.writer.transport.get_write_buffer_size()

    async def until_closed(self, act):
        """Acts for as long as the other side is there."""
        gone = asyncio.ensure_future(self.reader.read(1))
        acting = asyncio.ensure_future(act())
        await asyncio.wait({gone, acting}, return_when=asyncio.FIRST_COMPLETED)
        CLOSED[self.id] = time.monotonic()
        for task in (gone, acting):
            task.cancel()
        self.writer.transport.abort()
        await asyncio.gather(gone, acting, return_exceptions=True)


async def events(exchange):
    """`count` events, one every `every_ms`, each with its number and the time."""
    every = int(exchange.query["every_ms"]) / 1000
    exchange.head(content_type="text/event-stream", transfer_encoding="chunked")
    start = time.monotonic()
    for number in range(int(exchange.query["count"])):
        await asyncio.sleep(start + number * every - time.monotonic())
        await exchange.chunk(b"data: %d %.6f\n\n" % (number, time.monotonic()))
    exchange.writer.write(b"0\r\n\r\n")


async def flood(exchange):
    """As much as anybody takes."""
    exchange.head(transfer_encoding="chunked")

    async def act():
        while True:
            await exchange.chunk(BLOCK)

    await exchange.until_closed(act)


async def drip(exchange):
    """1 KiB every 250 ms."""
    exchange.head(transfer_encoding="chunked")

    async def act():
        while True:
            await exchange.chunk(BLOCK[:1024])
            await asyncio.sleep(0.25)

    await exchange.until_closed(act)


async def half(exchange):
    """The first 64 KiB of a response that never ends."""
    if exchange.query["framing"] == "length":
        exchange.head(content_length=1 << 30)
        exchange.writer.write(BLOCK)
    else:
        exchange.head(transfer_encoding="chunked")
        await exchange.chunk(BLOCK)
    await exchange.until_closed(lambda: asyncio.sleep(60))


async def take(exchange):
    """Reads a chunked body; whether it came whole is remembered as what was written: 1, or 0 if it broke off."""
    WRITTEN[exchange.id] = 0
    with contextlib.suppress(ValueError, asyncio.IncompleteReadError, ConnectionError):
        while size := int(await exchange.reader.readline(), 16):
            await exchange.reader.readexactly(size + 2)
        await exchange.reader.readexactly(2)
        WRITTEN[exchange.id] = 1
    CLOSED[exchange.id] = time.monotonic()
    reply(exchange, "taken")


async def small(exchange):
    reply(exchange, "ok")


async def written(exchange):
    reply(exchange, WRITTEN)


async def closed(exchange):
    reply(exchange, CLOSED)


def reply(exchange, value):
    body = json.dumps(value).encode()
    exchange.head(content_type="application/json", content_length=len(body))
    exchange.writer.write(body)


ROUTES = {f"/{route.__name__}": route for route in (events, flood, drip, half, take, small, written, closed)}


async def serve(reader, writer):
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            target = urlsplit(head.split(b" ", 2)[1].decode())
            await ROUTES[target.path](Exchange(reader, writer, dict(parse_qsl(target.query))))
            await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
