"""Fixtures: services that live as long as the session, daemons that live as long as a test, and one chain for the many tests
that only pass requests through. A daemon that a test started must end with exit code 0 when it is told to."""

import shutil
from types import SimpleNamespace

import pytest

from helpers.daemons import Agent, BIN, Gateway
from helpers.services import NginxService, NodeService, PythonService
from helpers.tally import pytest_runtest_logreport, pytest_sessionfinish, pytest_unconfigure  # noqa: F401
from helpers.seed_agent import SeedAgent
from helpers.seed_gateway import SeedGateway

PROTOCOLS = ["v2", "v1"]


def pytest_configure():
    for tool in ("node", "nginx", "curl", "systemd-analyze"):
        if not shutil.which(tool):
            pytest.exit(f"{tool} is missing; Tests/Interop/run installs it", 2)
    for daemon in ("gatewayd", "agentd"):
        if not (BIN / daemon).exists():
            pytest.exit(f"no {daemon} in {BIN}; Tests/Interop/run builds it", 2)


# Daemons for one test.


@pytest.fixture
def started():
    """What a test started, to be ended in reverse order; each must end well."""
    things = []
    yield things
    check_ends([end(thing) for thing in reversed(things)])


def end(thing):
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
    def start(gateway, agent_id, *arguments, **options):
        agent = Agent(tmp_path, getattr(gateway, "agent_url", gateway), agent_id, *arguments, **options)
        started.append(agent)
        return agent

    return start


@pytest.fixture
def seed_agent(started):
    def start(*arguments, **options):
        agent = SeedAgent(*arguments, **options)
        started.append(agent)
        return agent

    return start


@pytest.fixture
def seed_gateway(started):
    def start(**options):
        gateway = SeedGateway(**options)
        started.append(gateway)
        return gateway

    return start


# Services, and one chain before all of them.


@pytest.fixture(scope="session")
def node():
    service = NodeService()
    yield service
    service.stop()


@pytest.fixture(scope="session")
def python_service(tmp_path_factory):
    service = PythonService(tmp_path_factory.mktemp("python"))
    yield service
    service.stop()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    service = NginxService(tmp_path_factory.mktemp("nginx"))
    yield service
    service.stop()


@pytest.fixture(scope="session")
def chains(tmp_path_factory, node, python_service, nginx):
    """One gateway, and before each service an agent of each protocol."""
    folder = tmp_path_factory.mktemp("chain")
    gateway = Gateway(folder)
    agents = [
        Agent(folder, gateway.agent_url, f"{name}-{protocol}", service_port=service.port, protocol=protocol)
        for name, service in (("node", node), ("python", python_service), ("nginx", nginx)) for protocol in PROTOCOLS]
    yield SimpleNamespace(gateway=gateway, agents=agents)
    check_ends([end(daemon) for daemon in (*agents, gateway)])


@pytest.fixture(params=PROTOCOLS)
def chain(request, chains):
    """The chain with one protocol: `url(service, path)`, and what the daemons are."""
    protocol = request.param

    def prefix(service):
        return f"/web/{service}-{protocol}"

    def url(service, path=""):
        return chains.gateway.url + prefix(service) + path

    return SimpleNamespace(protocol=protocol, gateway=chains.gateway, agents=chains.agents, prefix=prefix, url=url)
