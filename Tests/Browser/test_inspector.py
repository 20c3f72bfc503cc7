"""The inspector: a request appears, is looked at, replayed, edited and replayed; the agent's own inspector does the same."""

import re
import socket

from playwright.sync_api import expect

from miagent_tests.visitors import curl
from tab import PHONE

SETTINGS = {"statusPage": {"authToken": "operator-token"}, "agents": {"pi": {"inspect": True}}}


def log_in(tab, url):
    tab.open(url)
    tab.page.get_by_label(re.compile("token", re.I)).fill("operator-token")
    tab.page.get_by_role("button").last.click()


def entries(page):
    return page.locator("[data-number]")


def test_a_request_appears_and_is_replayed(start_gateway, start_agent, tab):
    gateway = start_gateway(SETTINGS)
    start_agent(gateway, "pi")
    one = tab()
    page = one.page
    log_in(one, f"{gateway.url}/.miagent/inspect/pi")
    expect(page.get_by_role("heading").first).to_be_visible()
    one.shoot("inspector-empty")
    assert curl(f"{gateway.url}/web/pi/echo?token=sekrit", "-d", '{"hello": "world"}', "-H", "Authorization: Bearer sekrit",
                "-H", "Content-Type: application/json").status == 200
    expect(entries(page).first).to_contain_text("/echo")
    expect(entries(page)).to_have_count(1)
    entries(page).first.click()
    expect(page.locator("main")).to_contain_text("POST")
    assert "sekrit" not in page.content()
    one.shoot("inspector")
    page.get_by_role("button", name=re.compile("^replay", re.I)).first.click()
    expect(entries(page)).to_have_count(2)
    one.shoot("inspector-replayed")
    for locale, dark, size in (("zh-CN", True, None), ("en-US", True, PHONE), ("en-US", False, PHONE)):
        other = tab(locale=locale, dark=dark, **({"size": size} if size else {}))
        log_in(other, f"{gateway.url}/.miagent/inspect/pi")
        expect(entries(other.page).first).to_be_visible()
        other.shoot(f"inspector-{locale}-{'dark' if dark else 'light'}{'-phone' if size else ''}")
        entries(other.page).first.click()
        other.shoot(f"inspector-{locale}-{'dark' if dark else 'light'}{'-phone' if size else ''}-detail")


def test_an_open_status_page_shows_no_exchanges(start_gateway, start_agent, tab):
    gateway = start_gateway({"inspector": {"mode": "all"}})
    start_agent(gateway, "pi")
    one = tab()
    response = one.open(f"{gateway.url}/.miagent/inspect/pi")
    assert response.status == 403 and response.headers["x-miagent-error"] == "inspector-off"
    assert curl(f"{gateway.url}/.miagent/agents/pi/exchanges").status == 403


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_agent_has_an_inspector_of_its_own(start_gateway, start_agent, tab):
    gateway = start_gateway()
    port = free_port()
    start_agent(gateway, "pi", "--inspect", f"127.0.0.1:{port}")
    one = tab()
    page = one.page
    one.open(f"http://127.0.0.1:{port}/")
    assert curl(f"{gateway.url}/web/pi/api/hello").status == 200
    expect(entries(page).first).to_contain_text("/api/hello")
    entries(page).first.click()
    page.get_by_role("button", name=re.compile("^replay", re.I)).first.click()
    expect(entries(page)).to_have_count(2)
    one.shoot("inspector-of-the-agent")
