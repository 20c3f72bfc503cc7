"""Signals and the service manager: SIGTERM drains, SIGHUP reads the settings again, systemd is told."""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import termios
import threading
import time

import pytest

from miagent_tests.daemons import BIN, clean_environment
from miagent_tests.visitors import KeepAliveClient, RawSocket, curl
from miagent_tests.waiting import eventually

PROTOCOLS = ["v2", "v1"]


@contextlib.contextmanager
def request_in_flight(gateway, node, name):
    """A request that waits at the service; what it gets, to be asked for after `node.release`."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        visit = pool.submit(curl, f"{gateway.url}/web/my-agent/hold/{name}")
        node.wait_until_held(name)
        try:
            yield visit
        finally:
            node.release(name)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sigterm_drains_the_gateway(start_gateway, start_agent, node, protocol):
    gateway = start_gateway({"drainMs": 10_000})
    start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    with request_in_flight(gateway, node, f"drain-gateway-{protocol}") as visit:
        gateway.signal(signal.SIGTERM)
        gateway.wait_for_event("gateway.draining")
        with pytest.raises(OSError):
            RawSocket(gateway.url)  # it takes nobody new
        assert gateway.is_running and not visit.done()
        node.release(f"drain-gateway-{protocol}")
        assert (visit.result(10).status, gateway.wait()) == (200, 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sigterm_drains_the_agent(start_gateway, start_agent, node, protocol):
    gateway = start_gateway()
    agent = start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol, drainMs=10_000)
    with request_in_flight(gateway, node, f"drain-agent-{protocol}") as visit:
        agent.signal(signal.SIGTERM)
        agent.wait_for_event("agent.draining")
        assert agent.is_running and not visit.done()
        node.release(f"drain-agent-{protocol}")
        assert (visit.result(10).status, agent.wait()) == (200, 0)
    eventually(lambda: curl(f"{gateway.url}/web/my-agent/").error == "agent-offline", "the gateway misses the agent")


def test_a_drain_does_not_wait_for_ever(start_gateway, start_agent, node):
    gateway = start_gateway({"drainMs": 100})
    start_agent(gateway, "my-agent", service_port=node.port)
    with RawSocket(gateway.url, b"GET /web/my-agent/hold/for-ever HTTP/1.1\r\nHost: x\r\n\r\n"):
        node.wait_until_held("for-ever")
        assert gateway.terminate(seconds=5) == 0


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_does_not_wait(start_gateway, start_agent, node, which):
    gateway = start_gateway({"drainMs": 60_000})
    agent = start_agent(gateway, "my-agent", service_port=node.port, drainMs=60_000)
    with RawSocket(gateway.url, b"GET /web/my-agent/hold/impatient HTTP/1.1\r\nHost: x\r\n\r\n"):
        node.wait_until_held("impatient")
        for daemon, event in ((agent, "agent.draining"), (gateway, "gateway.draining")):
            daemon.signal(which)
            daemon.wait_for_event(event)
            daemon.signal(which)
            assert daemon.wait(5) == 0


def test_idle_visitors_do_not_hold_up_a_drain(start_gateway):
    gateway = start_gateway({"drainMs": 60_000})
    with KeepAliveClient(gateway.url) as idle, RawSocket(gateway.url):
        assert idle.request("GET", "/healthz").status == 200
        assert gateway.terminate(seconds=5) == 0


def settings(token):
    return {"channels": {"webService": {"authToken": token}}}


def test_sighup_applies_a_changed_token(start_gateway, start_agent, node):
    gateway = start_gateway(settings("before"))
    start_agent(gateway, "my-agent", service_port=node.port)

    def status(token):
        return curl(f"{gateway.url}/web/my-agent/api/hello", "-H", f"Authorization: Bearer {token}").status

    assert (status("before"), status("after")) == (200, 401)
    gateway.write_settings(settings("after"))
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_event("gateway.reloaded")
    assert (status("before"), status("after")) == (401, 200)

    gateway.file.write_text('{"channels": {"webService": {"authTokens": "secret-in-a-misspelt-key"}}}')
    gateway.signal(signal.SIGHUP)
    refused = gateway.wait_for_event("gateway.reload-refused")
    assert "authTokens" in refused["reason"] and "secret-in" not in json.dumps(refused)
    assert (status("before"), status("after")) == (401, 200)  # what was in force still is


def test_sighup_ends_the_tunnel_of_a_token_that_was_taken_back(start_gateway, start_agent, node):
    gateway = start_gateway({"gatewayToken": ["old", "new"], "loops": 2})
    agents = {token: start_agent(gateway, f"the-{token}", service_port=node.port, token=token) for token in ("old", "new")}
    gateway.write_settings({"gatewayToken": "new", "loops": 2})
    gateway.signal(signal.SIGHUP)
    lost = gateway.wait_for_event("agent.lost")
    assert (lost["agent"], lost["reason"]) == ("the-old", "its token is not accepted any more")
    assert "not accepted any more" in agents["old"].wait_for_event("agent.refused")["reason"]
    assert curl(f"{gateway.url}/web/the-old/api/hello").error == "agent-offline"
    assert curl(f"{gateway.url}/web/the-new/api/hello").status == 200


# Terminals


class AtTerminal:
    """A program that leads a session at a terminal of its own, until the window is closed."""

    def __init__(self, command, folder=None):
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, cwd=folder,
            env=clean_environment(TERM="xterm"), preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.is_open = True
        self.reader.start()

    def read(self):
        """What it writes has to be taken; nobody holds the terminal open while it waits."""
        while self.is_open:
            if select.select([self.master], [], [], 0.05)[0]:
                with contextlib.suppress(OSError):
                    os.read(self.master, 65536)

    def close_window(self):
        self.is_open = False
        self.reader.join(5)
        os.close(self.master)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_open:
            self.close_window()
        self.process.kill()
        self.process.wait(10)


def agent_words(gateway, node):
    return [BIN / "agentd", node.port, "--gateway", f"ws://127.0.0.1:{gateway.port}/agent", "--id", "my-agent"]


def is_here(gateway):
    return curl(f"{gateway.url}/web/my-agent/api/hello").status == 200


@pytest.mark.parametrize("view", ["live", "plain"])
def test_a_closed_terminal_ends_the_agent(start_gateway, node, view):
    gateway = start_gateway()
    with AtTerminal(agent_words(gateway, node) + ["--view", view]) as agent:
        eventually(lambda: is_here(gateway), "the agent serves")
        agent.close_window()
        assert agent.process.wait(10) == 0
    assert curl(f"{gateway.url}/web/my-agent/").error == "agent-offline"


def test_nohup_keeps_the_agent(start_gateway, node, tmp_path):
    gateway = start_gateway()
    with AtTerminal(["nohup"] + agent_words(gateway, node), tmp_path) as agent:  # it writes nohup.out
        eventually(lambda: is_here(gateway), "the agent serves")
        agent.close_window()
        agent.process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert agent.process.poll() is None and is_here(gateway)


def test_a_closed_terminal_ends_the_gateway_and_a_signal_does_not(tmp_path):
    file = tmp_path / "gateway.json"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    file.write_text(json.dumps(
        {"host": "127.0.0.1", "port": port, "accessLog": {"format": "json", "file": str(tmp_path / "log")}}))
    with AtTerminal([BIN / "gatewayd", "--config", file]) as gateway:
        def runs():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False
        eventually(runs, "the gateway runs")
        (tmp_path / "log").unlink()
        gateway.process.send_signal(signal.SIGHUP)  # somebody wants the settings to be read again
        eventually(lambda: (tmp_path / "log").exists(), "the gateway reads its settings again")
        assert gateway.process.poll() is None
        gateway.close_window()
        assert gateway.process.wait(15) == 0


def test_sighup_reads_the_agents_settings_again(start_gateway, start_agent, node):
    gateway = start_gateway()
    agent = start_agent(gateway, "my-agent", service_port=node.port)
    text = agent.file.read_text()
    agent.file.write_text(text.replace(f"{node.port}", "1"))
    agent.signal(signal.SIGHUP)
    agent.wait_for_event("agent.reloaded")
    assert curl(f"{gateway.url}/web/my-agent/api/hello").error == "service-unreachable"
    agent.file.write_text(text.replace("agentId", "agentIdd"))
    agent.signal(signal.SIGHUP)
    assert "agentIdd" in agent.wait_for_event("agent.reload-refused")["reason"]
    agent.file.write_text(text)
    agent.signal(signal.SIGHUP)
    eventually(lambda: is_here(gateway), "the agent serves again")


# systemd


@pytest.fixture
def manager():
    """NOTIFY_SOCKET, and what was said to it."""
    with tempfile.TemporaryDirectory(prefix="notify-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"{folder}/socket")  # at most 107 bytes; tmp_path may be longer
        listener.settimeout(10)
        yield listener


def next_message(manager, word):
    """The next message with this assignment; others, such as STATUS, may come between."""
    while True:
        lines = manager.recv(4096).decode().splitlines()
        assert all("=" in line for line in lines)
        if word in lines:
            return lines


def test_the_gateway_tells_the_service_manager(start_gateway, manager):
    gateway = start_gateway(environment={"NOTIFY_SOCKET": manager.getsockname()})
    next_message(manager, "READY=1")
    gateway.signal(signal.SIGHUP)
    assert any(line.startswith("MONOTONIC_USEC=") for line in next_message(manager, "RELOADING=1"))
    next_message(manager, "READY=1")
    gateway.signal(signal.SIGTERM)
    next_message(manager, "STOPPING=1")
    assert gateway.wait() == 0


def test_the_agent_tells_the_service_manager(start_gateway, start_agent, manager):
    agent = start_agent(start_gateway(), "my-agent", environment={"NOTIFY_SOCKET": manager.getsockname()})
    next_message(manager, "READY=1")
    agent.signal(signal.SIGTERM)
    next_message(manager, "STOPPING=1")
    assert agent.wait() == 0


def test_the_gateway_is_ready_only_when_it_listens(start_gateway, manager):
    """Whoever is started after READY=1 may connect at once."""
    first = start_gateway()
    port = first.port
    first.terminate()
    process = subprocess.Popen(
        [first.process.args[0], "--host", "127.0.0.1", "--port", str(port)], env={"NOTIFY_SOCKET": manager.getsockname()},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        next_message(manager, "READY=1")
        assert curl(f"http://127.0.0.1:{port}/readyz").status == 200
    finally:
        process.terminate()
        assert process.wait(10) == 0
