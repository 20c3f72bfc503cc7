"""Many tabs of one gateway. A browser has six connections to a host over HTTP/1.1 for all of them, so a page that cannot be seen holds
none; when it is seen again, it is right again, with each row once."""

from pathlib import Path

import pytest

from miagent_tests.visitors import curl
from real_tabs import RealTabs
from test_inspector import free_port

TABS = 8
LIVE = "document.readyState === 'complete' && document.getElementById('live')?.dataset.state === 'live'"
AGENTS = "[...document.querySelectorAll('#rows tr')].map(row => row.cells[0].firstChild.textContent).join()"
EXCHANGES = "[...document.querySelectorAll('[data-number]')].map(item => item.dataset.number).join()"


@pytest.fixture
def tabs(browser):
    tabs = RealTabs(browser)
    yield tabs
    tabs.close()


def connections(port):
    """How many somebody has to this port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def test_eight_tabs_of_the_status_page(start_gateway, start_agent, tabs):
    gateway = start_gateway()
    start_agent(gateway, "first")
    opened = []
    for _ in range(TABS):
        opened.append(tabs.open(gateway.url))
        opened[-1].until(LIVE)
    second = start_agent(gateway, "second")
    opened[-1].until(f"{AGENTS} === 'first,second'")
    for tab in (opened[0], opened[3], opened[0]):
        tab.show()
        tab.until(f"{LIVE} && {AGENTS} === 'first,second'")
    start_agent(gateway, "third")
    opened[0].until(f"{AGENTS} === 'first,second,third'")
    opened[0].shoot("tabs-status")
    second.terminate()
    opened[5].show()
    opened[5].until(f"{LIVE} && {AGENTS} === 'first,second,third' && document.getElementById('connected').textContent === '2'")
    # The tunnels of two agents, and the one stream of the page that is seen; the browser keeps a connection or two for later.
    tabs.eventually(lambda: connections(gateway.port) <= 2 + 1 + 2, "end of the hidden pages' streams")


def test_the_way_back_finds_a_live_page(start_gateway, start_agent, tabs):
    gateway = start_gateway()
    start_agent(gateway, "first")
    tab = tabs.open(gateway.url)
    tab.until(LIVE)
    for round, name in enumerate(("second", "third")):
        tab.go(f"{gateway.url}/.miagent/help")
        tab.until("document.readyState === 'complete' && location.pathname === '/.miagent/help'")
        start_agent(gateway, name)
        tab.evaluate("history.back()")
        tab.until(f"location.pathname === '/' && {LIVE}")
        tab.until(f"{AGENTS} === 'first,second{',third' if round else ''}'")
    # A page that is put away and taken out again by the browser is told so by these.
    tab.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    tabs.eventually(lambda: connections(gateway.port) <= 3 + 2, "end of the stream")
    start_agent(gateway, "fourth")
    assert tab.evaluate(AGENTS) == "first,second,third"
    tab.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    tab.until(f"{LIVE} && {AGENTS} === 'first,fourth,second,third'")


def watch_exchanges(tabs, url, visit, log_in=None):
    opened = []
    for number in range(TABS):
        opened.append(tabs.open(url))
        if log_in and number == 0:
            opened[0].until("document.readyState === 'complete' && document.querySelector('input[name=token]') != null")
            opened[0].evaluate(log_in)
        opened[-1].until(LIVE)
    visit()
    opened[-1].until(f"{EXCHANGES} === '1'")
    visit()
    opened[0].show()
    opened[0].until(f"{LIVE} && {EXCHANGES} === '2,1'")
    visit()
    opened[0].until(f"{EXCHANGES} === '3,2,1'")
    opened[4].show()
    visit()
    opened[4].until(f"{LIVE} && {EXCHANGES} === '4,3,2,1'")
    opened[4].shoot(f"tabs-inspector{'' if log_in else '-of-the-agent'}")


def test_eight_tabs_of_the_inspector(start_gateway, start_agent, tabs):
    gateway = start_gateway({"statusPage": {"authToken": "operator-token"}, "agents": {"pi": {"inspect": True}}})
    start_agent(gateway, "pi")
    watch_exchanges(
        tabs, f"{gateway.url}/.miagent/inspect/pi", lambda: curl(f"{gateway.url}/web/pi/api/hello"),
        "document.querySelector('input[name=token]').value = 'operator-token'; document.querySelector('main form').submit()")


def test_eight_tabs_of_the_agents_own_inspector(start_gateway, start_agent, tabs):
    gateway = start_gateway()
    port = free_port()
    start_agent(gateway, "pi", "--inspect", f"127.0.0.1:{port}")
    watch_exchanges(tabs, f"http://127.0.0.1:{port}/", lambda: curl(f"{gateway.url}/web/pi/api/hello"))
