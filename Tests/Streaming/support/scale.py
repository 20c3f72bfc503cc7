"""How much of everything: all that was promised, or as much as fits into a minute."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    events: int  # of one event stream
    streams: int  # event streams at once
    bulk_bytes: int  # each way, each framing
    slow_seconds: int  # of a visitor that reads slowly
    slow_visitors: int  # at once
    small_requests: int  # of a visitor beside slow ones
    leaving: int  # visitors that leave
    sockets: int  # WebSockets at once
    rounds: int  # echoes on each of them
    largest_message: int


FULL = Scale(
    events=1000, streams=1000, bulk_bytes=4 << 30, slow_seconds=20, slow_visitors=200, small_requests=200, leaving=1000,
    sockets=1000, rounds=10, largest_message=16 << 20)
QUICK = Scale(
    events=200, streams=200, bulk_bytes=256 << 20, slow_seconds=4, slow_visitors=50, small_requests=200, leaving=200,
    sockets=200, rounds=5, largest_message=1 << 20)
