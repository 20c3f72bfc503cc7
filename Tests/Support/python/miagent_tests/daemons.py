"""gatewayd and agentd as child processes: started with a settings file, watched through their logs, ended with a signal.

Logs are JSON unless a test asks otherwise, so that tests wait for events and not for phrases.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from .waiting import DEADLINE_SECONDS, eventually

BIN = Path(os.environ.get("BIN", ".")).resolve()


def clean_environment(**extra):
    """Ours without anything that would configure a daemon."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MIAGENT_", "NOTIFY_"))}
    return {**kept, **extra}


def run_to_end(name, *arguments, environment=None, seconds=DEADLINE_SECONDS):
    """Runs a daemon that is expected to end by itself (`--help`, `--check-config`, wrong settings)."""
    return subprocess.run(
        [BIN / name, *map(str, arguments)], capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL,
        env=clean_environment(**(environment or {})))


class Daemon:
    """A child process whose lines are kept as they come."""

    def __init__(self, command, environment=None):
        self.lines = []  # (stream name, text)
        self.has_been_awaited = False  # a test knows that it has ended, and how
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=clean_environment(**(environment or {})), start_new_session=True)  # nobody hangs up on it
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), daemon=True)
            for name, stream in (("out", self.process.stdout), ("err", self.process.stderr))]
        for reader in self._readers:
            reader.start()

    def _read(self, name, stream):
        for line in stream:
            with self._news:
                self.lines.append((name, line.decode("utf-8", "replace").rstrip("\n")))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self):
        return self.process.pid

    @property
    def output(self):
        """Everything that it has written so far."""
        with self._news:
            return "\n".join(text for _, text in self.lines)

    def mark(self):
        """A place in the output, for `since`."""
        with self._news:
            return len(self.lines)

    def wait_for(self, find, what, since=0, seconds=DEADLINE_SECONDS):
        """The first non-None `find(line)` of the lines after `since`."""
        end = time.monotonic() + seconds
        with self._news:
            while True:
                for _, line in self.lines[since:]:
                    found = find(line)
                    if found is not None:
                        return found
                since = len(self.lines)
                if time.monotonic() > end or self.process.poll() is not None and not self._is_reading():
                    said = "\n".join(text for _, text in self.lines[-30:])
                    raise AssertionError(f"{self.process.args[0]} never said {what}; its last lines:\n{said}")
                self._news.wait(0.05)

    def _is_reading(self):
        return any(reader.is_alive() for reader in self._readers)

    def wait_for_line(self, pattern, since=0, seconds=DEADLINE_SECONDS):
        """The match of a regular expression in a line."""
        return self.wait_for(re.compile(pattern).search, repr(pattern), since, seconds)

    def wait_for_event(self, event, since=0, seconds=DEADLINE_SECONDS, **fields):
        """The log record `event` with these fields, as a dictionary."""
        def find(line):
            record = parse_record(line)
            if record and record["event"] == event and all(record.get(key) == value for key, value in fields.items()):
                return record
            return None

        return self.wait_for(find, f"{event} {fields}", since, seconds)

    def events(self, event):
        """All records `event` so far."""
        with self._news:
            records = [parse_record(line) for _, line in self.lines]
        return [record for record in records if record and record["event"] == event]

    @property
    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=DEADLINE_SECONDS):
        """Its exit code (negative for a signal), once it has ended and all its lines are here."""
        code = self.process.wait(seconds)
        self.has_been_awaited = True
        for reader in self._readers:
            reader.join(seconds)
        return code

    def terminate(self, seconds=DEADLINE_SECONDS):
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """SIGKILL, if it still runs: for tests of crashes, and for cleaning up."""
        if self.is_running:
            self.process.kill()
        self.wait()

    # What it holds of the machine.

    def descriptor_count(self):
        """How many it has open, but for sockets that listen: a loop of the gateway opens one when its first agent comes."""
        return len(self.descriptors())

    def resident_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def descriptors(self):
        """What each of its descriptors is, but for sockets that listen."""
        folder = Path(f"/proc/{self.pid}/fd")
        found = []
        for entry in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.append(f"{entry.name} {os.readlink(entry)}")
        listening = listening_inodes()
        return sorted(entry for entry in found if entry.partition("socket:[")[2].rstrip("]") not in listening)

    def idle_descriptor_count(self, sockets=0):
        """How many it has open with no visitor: with `sockets` connections, and its event loops running."""
        eventually(lambda: sum("socket:" in entry for entry in self.descriptors()) <= sockets, f"only {sockets} sockets open")
        return self.descriptor_count()

    def wait_for_descriptors(self, count):
        """Waits until it has no more than `count` descriptors open."""
        try:
            eventually(lambda: self.descriptor_count() <= count, f"pid {self.pid} back at {count} descriptors")
        except AssertionError as error:
            raise AssertionError(f"{error}; it has {self.descriptors()}") from None


def listening_inodes():
    """The sockets of this machine that listen on TCP."""
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A"}


def parse_record(line):
    """A JSON log line as a dictionary, or None."""
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if "event" in record else None


class Gateway(Daemon):
    """gatewayd on loopback, with the port that it got."""

    def __init__(self, folder, settings=None, *arguments, host="127.0.0.1", port=0, environment=None, log_format="json"):
        self.file = Path(folder) / f"gateway-{id(self)}.json"
        self.write_settings(settings or {})
        super().__init__(
            [BIN / "gatewayd", "--config", self.file, "--host", host, "--port", port, "--log-format", log_format,
             *arguments], environment)
        pattern = r'gateway\.listening"?,?.*address"?[:=]"?[\d.:\[\]]+:(\d+)\b'
        self.port = int(self.wait_for_line(pattern)[1])

    def write_settings(self, settings):
        """What the file says from now on; `drainMs` is short, so that no test waits for a forgotten visitor."""
        self.file.write_text(json.dumps({"drainMs": 3000, **settings}))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def agent_url(self):
        return f"ws://127.0.0.1:{self.port}/agent"


class Agent(Daemon):
    """agentd with a settings file, before a service on this machine."""

    def __init__(self, folder, gateway_url, agent_id, *arguments, service_port=None, token=None, protocol="v2",
                 environment=None, wait=True, **settings):
        self.agent_id = agent_id
        self.file = Path(folder) / f"agent-{id(self)}.json"
        values = {"agentId": agent_id, "gatewayUrl": gateway_url, "protocol": protocol, "drainMs": 3000, **settings}
        if token:
            values["gatewayToken"] = token
        if service_port:
            values.setdefault("webService", {})["port"] = service_port
        self.file.write_text(json.dumps(values))
        super().__init__([BIN / "agentd", "--config", self.file, "--log-format", "json", *arguments], environment)
        if wait:
            self.wait_until_registered()

    def wait_until_registered(self, since=0, seconds=DEADLINE_SECONDS):
        return self.wait_for_event("agent.registered", since, seconds)
