"""Who may do what: agents with the gateway's token, visitors with the web service's."""

import json

import pytest

from miagent_tests.visitors import curl

PROTOCOLS = ["v2", "v1"]
AUTH = ("-H", "Authorization: Bearer visitor-token")


def web(**settings):
    return {"channels": {"webService": settings}}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_agent_with_the_right_token(start_gateway, start_agent, node, protocol):
    gateway = start_gateway({"gatewayToken": ["old", "new"]})
    for agent_id, token in (("one", "old"), ("two", "new")):
        start_agent(gateway, agent_id, service_port=node.port, token=token, protocol=protocol)
        assert curl(f"{gateway.url}/web/{agent_id}/api/hello").status == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("token", ["wrong", "right-toke", "right-token2", None])
def test_agent_with_a_wrong_token_says_so_and_stays(start_gateway, start_agent, node, protocol, token):
    gateway = start_gateway({"gatewayToken": "right-token"})
    agent = start_agent(gateway, "my-agent", service_port=node.port, token=token, protocol=protocol, wait=False)
    refusal = agent.wait_for_event("agent.refused")
    assert refusal["level"] == "warning" and "token" in refusal["reason"]
    assert int(refusal["retryMs"]) >= 10_000  # it will not mend by itself
    assert curl(f"{gateway.url}/web/my-agent/").error == "unknown-agent"
    assert agent.is_running


def test_agents_with_tokens_of_their_own(start_gateway, start_agent, node):
    gateway = start_gateway({
        "gatewayToken": "common", "agents": {"special": {"token": "its-own", "authToken": "special-visitor"}},
        **web(authToken="visitor-token")})
    wrong = start_agent(gateway, "special", service_port=node.port, token="common", wait=False)
    wrong.wait_for_event("agent.refused")
    start_agent(gateway, "special", service_port=node.port, token="its-own")
    start_agent(gateway, "plain", service_port=node.port, token="common")
    assert curl(f"{gateway.url}/web/plain/api/hello", *AUTH).status == 200
    assert curl(f"{gateway.url}/web/special/api/hello", *AUTH).status == 401
    assert curl(f"{gateway.url}/web/special/api/hello", "-H", "Authorization: Bearer special-visitor").status == 200
    assert curl(f"{gateway.url}/web/plain/api/hello", "-H", "Authorization: Bearer special-visitor").status == 401


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_visitors_need_the_token_and_the_service_never_sees_it(start_gateway, start_agent, node, protocol):
    gateway = start_gateway(web(authToken="visitor-token"))
    start_agent(gateway, "my-agent", service_port=node.port, protocol=protocol)
    url = f"{gateway.url}/web/my-agent/inspect"
    allowed = curl(url, *AUTH)
    assert allowed.status == 200 and "visitor-token" not in allowed.body.decode()
    for wrong in ((), ("-H", "Authorization: Bearer visitor-toke"), ("-H", "Authorization: Bearer visitor-token2"),
                  ("-H", "Authorization: Basic dmlzaXRvci10b2tlbg=="), ("-H", "Authorization: Bearer"),
                  ("-u", "visitor-token:")):
        refused = curl(url, *wrong)
        assert (refused.status, refused.error) == (401, "unauthorized")
        assert refused.all("www-authenticate")[0].startswith("Bearer")


def test_who_has_no_token_learns_of_nobody(start_gateway, start_agent, node):
    gateway = start_gateway({"statusPage": {"authToken": "page-token"}, **web(authToken="visitor-token")})
    start_agent(gateway, "my-agent", service_port=node.port)
    known, unknown = (curl(f"{gateway.url}/web/{name}/") for name in ("my-agent", "nobody"))
    assert (known.status, known.body) == (unknown.status, unknown.body) == (401, known.body)
    assert curl(f"{gateway.url}/web/nobody/", *AUTH).error == "unknown-agent"
    for path in ("/", "/.miagent/agents"):
        assert curl(gateway.url + path, *AUTH).status == 401
        assert curl(gateway.url + path, "-H", "Authorization: Bearer page-token").status == 200
    assert curl(gateway.url + "/healthz").status == 200


def test_the_services_own_authorization_passes_an_open_gateway(chain):
    seen = json.loads(curl(chain.url("node", "/inspect"), "-H", "Authorization: Bearer mine").body)
    assert seen["headers"]["authorization"] == "Bearer mine"


def test_web_services_switched_off(start_gateway, start_agent, node):
    gateway = start_gateway(web(enabled=False))
    start_agent(gateway, "my-agent", service_port=node.port)
    assert curl(f"{gateway.url}/web/my-agent/").error == "web-service-off"


def test_agent_without_a_web_service(start_gateway, start_agent):
    gateway = start_gateway()
    start_agent(gateway, "my-agent")
    assert curl(f"{gateway.url}/web/my-agent/").error == "no-web-service"
    assert json.loads(curl(f"{gateway.url}/.miagent/agents").body)["webServices"] == 0


def test_prefixes_of_both_ends(start_gateway, start_agent, node):
    gateway = start_gateway(web(pathPrefix="/go/to"))
    start_agent(gateway, "my-agent", service_port=node.port, webService={"pathPrefix": "/api"})
    assert json.loads(curl(f"{gateway.url}/go/to/my-agent/hello").body) == {"message": "Hello from Agent!"}
    assert curl(f"{gateway.url}/web/my-agent/hello").error == "not-found"


def test_subdomains(start_gateway, start_agent, node):
    gateway = start_gateway(web(subdomainHost="tunnel.example"))
    agent = start_agent(gateway, "My-Agent", service_port=node.port)
    assert agent.wait_until_registered()["url"] == "http://my-agent.tunnel.example:%d/" % gateway.port
    for host in ("my-agent.tunnel.example", "MY-AGENT.Tunnel.Example:8080", "my-agent.tunnel.example."):
        seen = json.loads(curl(f"{gateway.url}/inspect?a", "-H", f"Host: {host}").body)
        assert seen["url"] == "/inspect?a" and "x-forwarded-prefix" not in seen["headers"]
    assert curl(f"{gateway.url}/redirect", "-H", "Host: my-agent.tunnel.example")["location"] == "/api/hello?from=redirect"
    assert curl(f"{gateway.url}/", "-H", "Host: nobody.tunnel.example").error == "unknown-agent"


def test_hidden_status_page(start_gateway):
    gateway = start_gateway({"statusPage": {"enabled": False}})
    for path in ("/", "/.miagent/agents"):
        assert curl(gateway.url + path).error == "not-found"
