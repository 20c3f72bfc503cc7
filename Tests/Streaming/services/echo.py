"""A WebSocket service on Python's websockets. The path says what it does: /echo, /close, /abort, /ping; /seen tells what it saw
of the connection whose `id` is asked for. services/echo.js does the same."""

import asyncio
import json
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

LARGEST_MESSAGE = 32 << 20
SEEN = {}  # id: {"pings": [payload], "close": [code, reason]}


class Recording(ServerConnection):
    """Notes pings; websockets sends the pongs itself."""

    def process_event(self, event):
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            SEEN[query_of(self)["id"]]["pings"].append(bytes(event.data).decode())
        super().process_event(event)


def select_subprotocol(socket, offered):
    return "chat.v2" if "chat.v2" in offered else None


def query_of(socket):
    return dict(parse_qsl(urlsplit(socket.request.path).query, keep_blank_values=True))


async def handle(socket):
    query = query_of(socket)
    if socket.request.path.startswith("/seen"):
        return await socket.send(json.dumps(SEEN.get(query["id"], {})))
    seen = SEEN[query["id"]] = {"pings": [], "close": None}
    try:
        await ROUTES[urlsplit(socket.request.path).path](socket, query)
    except ConnectionClosed:
        pass
    await socket.wait_closed()
    seen["close"] = [socket.close_code, socket.close_reason]


async def echo(socket, query):
    async for message in socket:
        await socket.send(message)


async def close(socket, query):
    await socket.close(int(query["code"]), query["reason"])


async def abort(socket, query):
    await socket.recv()
    socket.transport.abort()


async def ping(socket, query):
    await (await socket.ping(b"are you there"))
    await socket.send("pong: are you there")
    await socket.wait_closed()


ROUTES = {"/echo": echo, "/close": close, "/abort": abort, "/ping": ping}


async def main():
    options = {"compression": "deflate", "max_size": LARGEST_MESSAGE, "ping_interval": None, "backlog": 4096}
    async with serve(
            handle, "127.0.0.1", 0, create_connection=Recording, select_subprotocol=select_subprotocol, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
