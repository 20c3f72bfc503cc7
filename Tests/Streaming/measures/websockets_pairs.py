"""WebSockets between other implementations: Python's websockets and Node's ws as visitors and as services, beneath a path
and under a host name of their own. The gateway carries bytes; what two ends agree on must work as if nothing stood between."""

import hashlib

from clients.pair import payload, visit
from support.chain import chain

SIZES = (0, 1, 125, 126, 65_535, 65_536, 1 << 20)
PROTOCOLS = ["chat.v1", "chat.v2"]


def measure(report, scale):
    for service in ("echo.py", "echo.js"):
        with chain(service) as tunnel:
            for client in ("python", "node"):
                for place in ("path", "host"):
                    messages(report, scale, Pair(tunnel, client, service, place))


class Pair:
    """One visitor's program and one service's, and how the one addresses the other."""

    def __init__(self, tunnel, client, service, place="path"):
        self.tunnel, self.client = tunnel, client
        self.name = f"{client} → {service}, by {place}"
        self.prefix = tunnel.prefix if place == "path" else ""
        self.host = f"{tunnel.host}:{tunnel.port}" if place == "host" else None

    def order(self, path, **order):
        host = {"host": self.host} if self.host else {}
        return {"url": f"ws://127.0.0.1:{self.tunnel.port}{self.prefix}{path}", **host, **order}

    def visit(self, orders):
        return visit(self.client, orders)


def messages(report, scale, pair):
    sizes = sorted({*SIZES, scale.largest_message})
    whole = [{"size": size, "isText": is_text, "pieces": 1} for size in sizes for is_text in (True, False)]
    broken = [{"size": size, "isText": is_text, "pieces": 7} for size in (7, 300, 1 << 20) for is_text in (True, False)]
    plain, deflated, protocol = pair.visit([
        pair.order("/echo?id=plain", sends=whole, close=[1000, "done"]),
        pair.order("/echo?id=deflated", sends=whole + broken, deflate=True, close=[1000, "done"]),
        pair.order("/echo?id=broken", sends=broken, protocols=PROTOCOLS, close=[1000, "done"])])
    largest = f"{scale.largest_message >> 20} MiB"
    report.equal(f"{pair.name}: 0 B … {largest}, text and binary", len(whole), same(whole, plain))
    everything = whole + broken
    report.equal(f"{pair.name}: these and pieces, with permessage-deflate", len(everything), same(everything, deflated))
    report.equal(f"{pair.name}: messages in pieces", len(broken), same(broken, protocol))
    agreed = (plain["extensions"], deflated["extensions"], protocol["protocol"])
    report.equal(f"{pair.name}: agreed", ("", "permessage-deflate", "chat.v2"), agreed)


def same(sent, saw):
    """How many came back as they went."""
    return sum(
        (message["isText"], message["sha256"]) == (item["isText"], hashlib.sha256(payload(item)).hexdigest())
        for item, message in zip(sent, saw["messages"]))
