"""Bodies of gigabytes on blocking sockets, cheap to make and to check: one random block, with its number written into it."""

import hashlib
import os
import struct

BLOCK = 1 << 20


class Hash:
    """SHA-256 and a count of what was put in."""

    def __init__(self):
        self.sha256 = hashlib.sha256()
        self.count = 0

    def update(self, data):
        self.sha256.update(data)
        self.count += len(data)

    @property
    def text(self):
        return self.sha256.hexdigest()


def send_blocks(sender, size, is_chunked):
    """Sends `size` bytes, a multiple of a block, and the end of a chunked body; their hash."""
    block, digest = bytearray(os.urandom(BLOCK)), Hash()
    for number in range(size // BLOCK):
        struct.pack_into(">Q", block, 0, number)
        digest.update(block)
        if is_chunked:
            sender.sendall(b"%x\r\n" % BLOCK)
        sender.sendall(block)
        if is_chunked:
            sender.sendall(b"\r\n")
    if is_chunked:
        sender.sendall(b"0\r\n\r\n")
    return digest.text


def read_body(file, length, update):
    """Feeds a body to `update`: of that length, or chunked if that is None."""
    buffer = memoryview(bytearray(BLOCK))
    if length is not None:
        return read_exactly(file, length, buffer, update)
    while size := int(file.readline(), 16):
        read_exactly(file, size, buffer, update)
        file.readline()
    return file.readline()


def read_exactly(file, count, buffer, update):
    while count:
        taken = file.readinto1(buffer[: min(count, len(buffer))])
        if not taken:
            raise EOFError(f"{count} bytes are missing")
        update(buffer[:taken])
        count -= taken
