"""The life of a WebSocket through the tunnel: pings and pongs are the ends' own, close codes and reasons arrive in both
directions, and an end that vanishes is missed at the other."""

import json
import time
from urllib.parse import quote

from clients.pair import visit
from miagent_tests.waiting import eventually
from measures.websockets_pairs import Pair
from support.chain import DescriptorWatch, chain

CLOSES = [(1000, ""), (1000, "done"), (1001, "going away"), (3000, "ours"), (4999, "r\u00e9ason " * 13)]
ABNORMAL = 1006


def measure(report, scale):
    for service in ("echo.py", "echo.js"):
        with chain(service) as tunnel:
            descriptors = DescriptorWatch(tunnel)
            for client in ("python", "node"):
                pair = Pair(tunnel, client, service)
                pings(report, pair)
                closes(report, pair)
                kills(report, pair)
            descriptors.report(report, f"after WebSockets to {service}")


def pings(report, pair):
    asked, received = pair.visit([
        pair.order(f"/echo?id={pair.client}-ping", ping="a payload of its own", close=[1000, ""]),
        pair.order(f"/ping?id={pair.client}-pong", wait=1, close=[1000, ""])])
    report.equal(f"{pair.name}: a visitor's ping and its pong", (["a payload of its own"],) * 2,
                 (seen(pair, f"{pair.client}-ping")["pings"], asked["pongs"]))
    report.equal(f"{pair.name}: a service's ping and its pong", "pong: are you there", received["messages"][0]["text"])


def closes(report, pair):
    names = [f"{pair.client}-close-{number}" for number in range(len(CLOSES))]
    pair.visit([pair.order(f"/echo?id={name}", close=list(close)) for name, close in zip(names, CLOSES)])
    told = [tuple(seen(pair, name)["close"]) for name in names]
    report.add(f"{pair.name}: closes by the visitor", "code and reason", codes(told), told == CLOSES)
    saw = pair.visit([
        pair.order(f"/close?id={pair.client}&code={code}&reason={quote(reason)}") for code, reason in CLOSES])
    told = [tuple(one["close"]) for one in saw]
    report.add(f"{pair.name}: closes by the service", "code and reason", codes(told), told == CLOSES)


def codes(closes):
    return " ".join(str(code) for code, _ in closes)


def kills(report, pair):
    sends = [{"size": 100, "isText": True, "pieces": 1}]
    began = time.monotonic()
    pair.visit([pair.order(f"/echo?id={pair.client}-killed", sends=sends, terminate=True)])
    code = seen(pair, f"{pair.client}-killed")["close"][0]
    report.equal(f"{pair.name}: a visitor that vanishes, at the service", ABNORMAL, code)
    saw = pair.visit([pair.order(f"/abort?id={pair.client}-aborted", sends=sends)])[0]
    report.equal(f"{pair.name}: a service that vanishes, at the visitor", ABNORMAL, saw["close"][0])
    took = time.monotonic() - began
    report.below(f"{pair.name}: both of that", 10, took, "s")


def seen(pair, name):
    """What the service saw of a connection, once it has ended."""
    def ask():
        order = {"url": f"ws://127.0.0.1:{pair.tunnel.direct}/seen?id={name}", "wait": 1}
        message = visit("python", [order])[0]["messages"][0]
        record = json.loads(message["text"] or "{}")
        return record if record.get("close") else None

    return eventually(ask, f"the end of {name} at the service")
