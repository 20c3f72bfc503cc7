"""PROXY protocol as HAProxy and nginx speak it: whose a connection is reaches the service, the log and the lists."""

import json
import os

import pytest

from miagent_tests import proxies
from miagent_tests.ports import free_port
from miagent_tests.proxies import PROXY, program, running
from miagent_tests.visitors import RawSocket, curl
from miagent_tests.waiting import eventually

CLIENT = "127.0.0.9"  # of loopback, and no proxy of ours


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
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    load = f"load_module {module};\n" if os.path.exists(module) else ""
    stream = f"stream {{ server {{ listen {PROXY}:{port}; proxy_pass {PROXY}:{gateway.port}; proxy_protocol on; }} }}"
    return port, proxies.nginx(folder, load + stream, port)


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
