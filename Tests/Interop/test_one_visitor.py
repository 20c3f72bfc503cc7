"""One visitor without a token gets no more than its share: memory that it can fill is bounded, and everybody else is served.

The bounds are generous: they tell hundreds of MiB from a few. `measure_one_visitor.py` prints the figures."""

import pytest

from helpers.attacks import Memory, OtherVisitor, connect, request, send_unread

MIB = 1 << 20


@pytest.mark.parametrize("target, count", [("/", 13_000), ("/api/openapi.json", 100_000), ("/nowhere", 100_000)])
def test_pipelined_requests_cost_a_bounded_memory(start_gateway, target, count):
    gateway = start_gateway({"loops": 1})
    with Memory(gateway) as memory, OtherVisitor(gateway) as other, connect(gateway) as greedy:
        send_unread(greedy, request(target) * count, seconds=3)
    assert memory.growth < 24 * MIB
    assert set(other.statuses) == {200} and len(other.statuses) > 3


def test_whoever_reads_gets_all_that_it_asked_for(start_gateway):
    gateway = start_gateway()
    count = 2_000
    with connect(gateway) as visitor:
        visitor.sendall(request("/healthz") * (count - 1) + request("/healthz", "Connection: close"))
        received = b""
        while piece := visitor.recv(1 << 16):
            received += piece
    assert received.count(b"HTTP/1.1 200 ") == count and received.count(b"\r\n\r\nok\n") == count
