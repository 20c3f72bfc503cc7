"""One visitor who takes all that it can get, and how another fares meanwhile."""

import socket
import threading
import time
from urllib.parse import urlsplit

from .visitors import KeepAliveClient


def connect(gateway):
    parts = urlsplit(gateway.url)
    connection = socket.create_connection((parts.hostname, parts.port), 10)
    connection.settimeout(10)
    return connection


def request(target, *fields, method="GET"):
    lines = [f"{method} {target} HTTP/1.1", "Host: gateway.test", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def send_unread(connection, data, seconds):
    """Spends this time sending what the gateway takes, and reads nothing; how many bytes that were."""
    connection.settimeout(0.2)
    sent, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if sent < len(data):
                sent += connection.send(data[sent:sent + 65536])
            else:
                time.sleep(0.1)
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            break
    return sent


class OtherVisitor(threading.Thread):
    """Asks for `target` again and again on a connection of its own, until it is told to stop."""

    def __init__(self, gateway, target="/healthz", fields=()):
        super().__init__(daemon=True)
        self.client = KeepAliveClient(gateway.url)
        self.target, self.fields = target, list(fields)
        self.statuses, self.longest = [], 0.0
        self._is_over = threading.Event()

    def run(self):
        while not self._is_over.is_set():
            began = time.monotonic()
            try:
                self.statuses.append(self.client.request("GET", self.target, self.fields).status)
            except OSError:
                self.statuses.append(0)
                break
            finally:
                self.longest = max(self.longest, time.monotonic() - began)

    def __enter__(self):
        self.began = time.monotonic()
        self.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self.join(30)
        self.seconds = time.monotonic() - self.began
        self.client.socket.close()

    @property
    def rate(self):
        """Its requests a second."""
        return len(self.statuses) / self.seconds


class Memory(threading.Thread):
    """The largest resident memory of a daemon while this runs."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.subject, self.before = daemon, daemon.resident_bytes()
        self.highest = self.before
        self._is_over = threading.Event()

    def run(self):
        while not self._is_over.wait(0.02):
            self.highest = max(self.highest, self.subject.resident_bytes())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self.join(10)
        self.highest = max(self.highest, self.subject.resident_bytes())

    @property
    def growth(self):
        return self.highest - self.before
