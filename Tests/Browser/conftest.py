"""Fixtures beside the shared ones: one browser for the session, agents before one service, and tabs for each test."""

import pytest
from playwright.sync_api import sync_playwright

from miagent_tests.daemons import Agent
from miagent_tests.fixtures import node, start_gateway, started  # noqa: F401
from miagent_tests.totals import pytest_runtest_logreport, pytest_sessionfinish, pytest_unconfigure  # noqa: F401
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
