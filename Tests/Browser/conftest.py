"""Fixtures: one browser and one web service for the session; a gateway, agents and tabs for each test, ended in reverse order."""

import pytest
from playwright.sync_api import sync_playwright

from helpers.daemons import Agent, Gateway
from helpers.services import NodeService
from helpers.tally import pytest_runtest_logreport, pytest_sessionfinish, pytest_unconfigure  # noqa: F401
from tab import Tab, chromium_path


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # The sandbox needs rights that a container seldom has; nothing here comes from strangers. No name leads off this machine.
        rules = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE [::1]"
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", f"--host-resolver-rules={rules}"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def node():
    service = NodeService()
    yield service
    service.stop()


@pytest.fixture
def started():
    things = []
    yield things
    codes = []
    for thing in reversed(things):
        if not thing.has_been_awaited:
            codes.append(thing.terminate())
        thing.kill()
    assert set(codes) <= {0}


@pytest.fixture
def start_gateway(tmp_path, started):
    def start(settings=None, *arguments, **options):
        gateway = Gateway(tmp_path, settings, *arguments, **options)
        started.append(gateway)
        return gateway

    return start


@pytest.fixture
def start_agent(tmp_path, started, node):
    def start(gateway, agent_id, *arguments, service=node.port, **options):
        agent = Agent(tmp_path, gateway.agent_url, agent_id, *arguments, service_port=service, **options)
        started.append(agent)
        return agent

    return start


@pytest.fixture
def tab(browser):
    """Opens tabs; at the end each must have behaved."""
    tabs = []

    def make(**options):
        tabs.append(Tab(browser, **options))
        return tabs[-1]

    yield make
    try:
        for tab in tabs:
            tab.check()
    finally:
        for tab in tabs:
            tab.close()
