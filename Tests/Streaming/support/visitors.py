"""Visitors on asyncio, near the socket: what they read, and when, is decided by the measure."""

import asyncio
import socket
import time


class Visitor:
    """One connection and the response on it. Bodies are read as they are framed, chunk sizes and all."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.remaining = None  # of a Content-Length; None while chunked
        self.chunk = 0

    @classmethod
    async def open(cls, port, target, *, method="GET", fields=(), receive_buffer=None, limit=65_536):
        """Connects, asks, and reads the head of the response."""
        bare = socket.socket()
        bare.setblocking(False)
        if receive_buffer:
            bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", port))
        visitor = cls(*await asyncio.open_connection(sock=bare, limit=limit))
        lines = "".join(f"{field}\r\n" for field in ("Host: gateway.test", *fields))
        visitor.writer.write(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode())
        await visitor.read_head()
        if visitor.status != 200:
            raise RuntimeError(f"{target} got {visitor.status}")
        return visitor

    async def read_head(self):
        lines = (await self.reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        self.status = int(lines[0].split()[1])
        fields = dict(line.split(b": ", 1) for line in lines[1:] if line)
        self.remaining = int(fields[b"content-length"]) if b"content-length" in fields else None
        self.chunk = 0

    async def read(self, most=65_536):
        """Some bytes of the body; b"" at its end."""
        if self.remaining is not None:
            data = await self.reader.read(min(most, self.remaining)) if self.remaining else b""
            if self.remaining and not data:
                raise asyncio.IncompleteReadError(data, self.remaining)
            self.remaining -= len(data)
            return data
        if self.chunk == 0:
            self.chunk = int(await self.reader.readline(), 16)
            if self.chunk == 0:
                await self.reader.readline()
                return b""
        data = await self.reader.read(min(most, self.chunk))
        self.chunk -= len(data)
        if self.chunk == 0:
            await self.reader.readexactly(2)
        return data

    async def read_all(self):
        pieces = []
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)

    async def events(self):
        """The data of each server-sent event, and when it was here."""
        buffered = b""
        while data := await self.read():
            now = time.monotonic()
            *events, buffered = (buffered + data).split(b"\n\n")
            for event in events:
                yield event.removeprefix(b"data: "), now

    async def ask(self, target):
        """Another GET on the same connection; its body."""
        self.writer.write(f"GET {target} HTTP/1.1\r\nHost: gateway.test\r\n\r\n".encode())
        await self.read_head()
        return await self.read_all()

    def leave(self):
        """Closes at once, without reading what is left."""
        self.writer.transport.abort()


async def small_requests(port, target, count):
    """How long each of so many GETs took, one after the other on one connection; seconds."""
    visitor = await Visitor.open(port, target)
    await visitor.read_all()
    times = []
    for _ in range(count):
        began = time.monotonic()
        await visitor.ask(target)
        times.append(time.monotonic() - began)
        await asyncio.sleep(0.005)
    visitor.leave()
    return times


async def gather(coroutines, at_once=100):
    """All of them, so many at a time."""
    semaphore = asyncio.Semaphore(at_once)

    async def one(coroutine):
        async with semaphore:
            return await coroutine

    return await asyncio.gather(*[one(coroutine) for coroutine in coroutines])


def run(coroutine, seconds):
    """To its end, or until the deadline."""
    return asyncio.run(asyncio.wait_for(coroutine, seconds))
