"""Bodies of gigabytes in both directions and both framings: the same bytes at both ends, and nothing gathers in between."""

import json
import socket
import time

from support.blocks import Hash, read_body, send_blocks
from support.chain import MIB, MemoryWatch, chain

LARGEST_GROWTH_MIB = 32
STALLED_SECONDS = 30


def measure(report, scale):
    with chain("bulk.py") as tunnel:
        for transfer in (down, up):
            for framing in ("length", "chunked"):
                what = f"{scale.bulk_bytes // MIB} MiB {transfer.__name__}, {framing}"
                began = time.monotonic()
                with MemoryWatch(tunnel) as memory:
                    sent, received = transfer(tunnel, scale.bulk_bytes, framing)
                rate = scale.bulk_bytes / MIB / (time.monotonic() - began)
                report.add(f"{what}: SHA-256 at both ends", "equal", f"{received[:16]}…, {rate:.0f} MiB/s", sent == received)
                memory.report(report, what, LARGEST_GROWTH_MIB)


def connect(tunnel, head):
    visitor = socket.create_connection(("127.0.0.1", tunnel.port), STALLED_SECONDS)
    visitor.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    visitor.sendall(f"{head}\r\nHost: gateway.test\r\n".encode())
    return visitor, visitor.makefile("rb", 1 << 20)


def read_head(file):
    """The Content-Length, or None."""
    length = None
    while (line := file.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length: "):
            length = int(line.split()[1])
    return length


def down(tunnel, size, framing):
    visitor, file = connect(tunnel, f"GET {tunnel.prefix}/bytes?size={size}&framing={framing} HTTP/1.1")
    with visitor:
        visitor.sendall(b"\r\n")
        digest = Hash()
        read_body(file, read_head(file), digest.update)
    return tunnel.service.get("/made")["sha256"], digest.text


def up(tunnel, size, framing):
    visitor, file = connect(tunnel, f"POST {tunnel.prefix}/sink HTTP/1.1")
    with visitor:
        is_chunked = framing == "chunked"
        visitor.sendall(b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else f"Content-Length: {size}\r\n\r\n".encode())
        sent = send_blocks(visitor, size, is_chunked)
        response = json.loads(file.read(read_head(file)))
    return sent, response["sha256"]
