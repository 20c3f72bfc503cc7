"""Visitors that open an event stream each, read its head and first event, and wait: as many as one process may have descriptors.

    idle_visitors.py PORT PATH COUNT SOURCE

They connect from the address SOURCE, and a line `ready` says that all streams stand.
"""

import selectors
import socket
import sys

port, path, count, source = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
AT_ONCE = 64
REQUEST = (
    f"GET {path} HTTP/1.1\r\nHost: gateway.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
    "Accept: text/event-stream\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    "Cache-Control: no-cache\r\nCookie: session=7f3a9c1e5b2d4806\r\n\r\n").encode()

poller = selectors.DefaultSelector()
texts = {}
opened = standing = 0
while True:
    while opened < count and opened - standing < AT_ONCE:
        visitor = socket.create_connection(("127.0.0.1", port), 30, (source, 0))
        visitor.sendall(REQUEST)
        visitor.setblocking(False)
        texts[visitor] = b""
        poller.register(visitor, selectors.EVENT_READ)
        opened += 1
    before = standing
    for key, _ in poller.select():
        data = key.fileobj.recv(65_536)
        if not data:
            sys.exit(f"the stream ended: {texts[key.fileobj]!r}")
        was_standing = b"data: 1\n" in texts[key.fileobj]
        texts[key.fileobj] += data
        if not was_standing and b"data: 1\n" in texts[key.fileobj]:
            standing += 1
    if before < count <= standing:
        print("ready", flush=True)
