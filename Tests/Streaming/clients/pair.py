"""Both WebSocket visitors behind one function: a list of orders (see websocket.js), a list of what was seen."""

import asyncio
import hashlib
import json
import os
import subprocess
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import PerMessageDeflate

SECONDS = 120


def visit(client, orders):
    """What `client`, "python" or "node", saw of each order."""
    if client == "python":
        return asyncio.run(asyncio.wait_for(in_turn(orders), SECONDS))
    program = Path(__file__).parent / "websocket.js"
    done = subprocess.run(["node", program], input=json.dumps(orders).encode(), stdout=subprocess.PIPE, timeout=SECONDS,
                          env={**os.environ}, check=True)
    return json.loads(done.stdout)


async def in_turn(orders):
    return [await with_websockets(order) for order in orders]


async def with_websockets(order):
    scheme, rest = order["url"].split("://")
    address, _, path = rest.partition("/")
    host, _, port = address.partition(":")
    saw = {"messages": [], "pongs": []}
    async with connect(
            f"{scheme}://{order.get('host') or address}/{path}", host=host, port=int(port), proxy=None,
            subprotocols=order.get("protocols"), compression="deflate" if order.get("deflate") else None,
            max_size=32 << 20, ping_interval=None) as socket:
        saw["protocol"] = socket.subprotocol or ""
        names = [PerMessageDeflate.name for extension in socket.protocol.extensions if isinstance(extension, PerMessageDeflate)]
        saw["extensions"] = ",".join(names)
        try:
            await act(socket, order, saw)
        except ConnectionClosed:
            pass
        await asyncio.wait_for(socket.wait_closed(), 30)
    return {**saw, "close": [socket.close_code, socket.close_reason]}


async def act(socket, order, saw):
    sends = order.get("sends", ())
    for item in sends:
        await send(socket, item)
        saw["messages"].append(described(await socket.recv()))
    while len(saw["messages"]) < order.get("wait", 0):
        saw["messages"].append(described(await socket.recv()))
    if "ping" in order:
        await (await socket.ping(order["ping"]))  # followed only by a pong with the same payload
        saw["pongs"].append(order["ping"])
    if order.get("terminate"):
        return socket.transport.abort()
    if order.get("close"):
        return await socket.close(*order["close"])


async def send(socket, item):
    data = payload(item)
    if item["pieces"] == 1:
        return await socket.send(data.decode() if item["isText"] else data)
    piece = max(1, -(-len(data) // item["pieces"]))
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return await socket.send([piece.decode() for piece in pieces] if item["isText"] else pieces)


def payload(item):
    """The payload that websocket.js makes of the same two numbers."""
    period = bytes(range(97, 123)) if item["isText"] else bytes(at * 31 & 255 for at in range(256))
    return (period * (item["size"] // len(period) + 1))[: item["size"]]


def described(message):
    data = message.encode() if isinstance(message, str) else message
    return {"size": len(data), "isText": isinstance(message, str), "sha256": hashlib.sha256(data).hexdigest(),
            "text": data.decode() if len(data) < 1000 and isinstance(message, str) else None}
