"""PROXY protocol as HAProxy and nginx speak it: whose a connection is reaches the service, the log and the lists."""

import contextlib
import json
import os
import shutil
import socket
import subprocess

import pytest

from helpers.visitors import RawSocket, curl
from helpers.waiting import DEADLINE_SECONDS, eventually

CLIENT = "127.0.0.9"  # of loopback, and no proxy of ours
PROXY = "127.0.0.1"


def free_port():
    with socket.create_server((PROXY, 0)) as listener:
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, port):
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL)
    try:
        def listens():
            assert process.poll() is None
            with contextlib.suppress(OSError), socket.create_connection((PROXY, port), 1):
                return True
            return False
        eventually(listens, f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def program(name):
    return shutil.which(name) or f"/usr/sbin/{name}"


def haproxy(folder, gateway, option):
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
        f"frontend public\n  bind {PROXY}:{port}\n  default_backend gateway\n"
        f"backend gateway\n  server one {PROXY}:{gateway.port} {option}\n")
    return port, running([program("haproxy"), "-db", "-f", config], port)


def nginx(folder, gateway):
    port = free_port()
    config = folder / "nginx.conf"
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    load = f"load_module {module};\n" if os.path.exists(module) else ""
    config.write_text(
        f"{load}daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"stream {{ server {{ listen {PROXY}:{port}; proxy_pass {PROXY}:{gateway.port}; proxy_protocol on; }} }}\n")
    return port, running([program("nginx"), "-p", folder, "-c", config, "-e", folder / "error.log"], port)


def check(start_gateway, start_agent, node, tmp_path, start_proxy):
    log = tmp_path / "access.log"
    gateway = start_gateway({
        "proxyProtocol": "tcp", "trustedProxies": [PROXY], "accessLog": {"format": "json", "file": str(log)},
        "channels": {"webService": {"allow": [CLIENT]}}})
    port, proxy = start_proxy(tmp_path, gateway)
    with proxy:
        # The agent comes through the proxy as well, by an address that may not visit.
        class Through:
            agent_url = f"ws://{PROXY}:{port}/agent"
        start_agent(Through, "my-agent", service_port=node.port)
        url = f"http://{PROXY}:{port}/web/my-agent/inspect"
        seen = json.loads(curl(url, "--interface", CLIENT, "-H", "X-Forwarded-For: 192.0.2.1").body)
        assert seen["headers"]["x-forwarded-for"] == CLIENT
        assert curl(url).error == "forbidden"
        eventually(lambda: f'"{CLIENT}"' in log.read_text(), "the log names the client")
        with RawSocket(f"http://{PROXY}:{gateway.port}", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") as direct:
            assert direct.read_to_end() == b""  # a trusted proxy that does not say whose it is
        gateway.wait_for_event("proxy.refused")


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2", "send-proxy-v2 check inter 100"])
def test_haproxy_says_whose_a_connection_is(start_gateway, start_agent, node, tmp_path, option):
    check(start_gateway, start_agent, node, tmp_path, lambda folder, gateway: haproxy(folder, gateway, option))


def test_nginx_says_whose_a_connection_is(start_gateway, start_agent, node, tmp_path):
    check(start_gateway, start_agent, node, tmp_path, nginx)
