"""Fixtures that the suites share; a conftest.py imports them. A daemon that a test started must end with exit code 0 when it is
told to."""

import pytest

from .daemons import Agent, Gateway
from .services import NodeService


@pytest.fixture
def started():
    """What a test started, to be ended in reverse order; each must end well."""
    things = []
    yield things
    check_ends([end(thing) for thing in reversed(things)])


def end(thing):
    """How it ended: None if a test knows already, an exit code, or a text that says what is wrong."""
    if not isinstance(thing, (Gateway, Agent)):
        return thing.stop() if hasattr(thing, "stop") else thing.close()
    if thing.has_been_awaited:  # the test ended it, and looked at its exit code
        return None
    if not thing.is_running:
        return f"{thing.wait()} before it was told to end; its last lines:\n{thing.output[-2000:]}"
    try:
        return thing.terminate()
    finally:
        thing.kill()


def check_ends(codes):
    assert all(code in (None, 0) for code in codes), "\n".join(f"exit code {code}" for code in codes if code)


@pytest.fixture
def start_gateway(tmp_path, started):
    def start(settings=None, *arguments, **options):
        gateway = Gateway(tmp_path, settings, *arguments, **options)
        started.append(gateway)
        return gateway

    return start


@pytest.fixture
def start_agent(tmp_path, started):
    """`gateway` is a Gateway, or the address of one."""
    def start(gateway, agent_id, *arguments, **options):
        agent = Agent(tmp_path, getattr(gateway, "agent_url", gateway), agent_id, *arguments, **options)
        started.append(agent)
        return agent

    return start


@pytest.fixture(scope="session")
def node():
    service = NodeService()
    yield service
    service.stop()
