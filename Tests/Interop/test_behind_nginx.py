"""Agents whose way leads through nginx: what its usual settings break is named, and what they need is enough."""

from miagent_tests.proxies import nginx_http
from miagent_tests.visitors import curl

UPGRADE = ("proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", "proxy_set_header Connection upgrade;")


class Through:
    def __init__(self, address):
        self.agent_url = address.replace("http:", "ws:") + "agent"


def test_an_nginx_that_drops_the_upgrade_is_told_its_lines(start_gateway, start_agent, node, tmp_path):
    with nginx_http(tmp_path, start_gateway(), "/") as address:
        agent = start_agent(Through(address), "my-agent", service_port=node.port, wait=False)
        line = agent.wait_for_event("agent.lost")
        for words in ("proxy_http_version 1.1", "proxy_set_header Upgrade $http_upgrade", "proxy_set_header Connection upgrade"):
            assert words in line["reason"]


def test_those_lines_are_enough(start_gateway, start_agent, node, tmp_path):
    with nginx_http(tmp_path, start_gateway(), "/", *UPGRADE) as address:
        start_agent(Through(address), "my-agent", service_port=node.port)
        assert curl(f"{address}web/my-agent/api/hello").status == 200
