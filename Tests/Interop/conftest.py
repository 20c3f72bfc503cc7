"""Fixtures beside the shared ones: programs of other implementations, further services, and one chain for the many tests that only
pass requests through."""

import shutil
from types import SimpleNamespace

import pytest

from helpers.v1_agent import V1Agent
from helpers.v1_gateway import V1Gateway
from miagent_tests.daemons import Agent, BIN, Gateway
from miagent_tests.fixtures import check_ends, end, node, start_agent, start_gateway, started  # noqa: F401
from miagent_tests.services import NginxService, PythonService
from miagent_tests.totals import pytest_runtest_logreport, pytest_sessionfinish, pytest_unconfigure  # noqa: F401

PROTOCOLS = ["v2", "v1"]


def pytest_configure():
    for tool in ("node", "nginx", "curl", "systemd-analyze"):
        if not shutil.which(tool):
            pytest.exit(f"{tool} is missing; Tests/Interop/run installs it", 2)
    for daemon in ("gatewayd", "agentd"):
        if not (BIN / daemon).exists():
            pytest.exit(f"no {daemon} in {BIN}; Tests/Interop/run builds it", 2)


@pytest.fixture
def v1_agent(started):
    def start(*arguments, **options):
        agent = V1Agent(*arguments, **options)
        started.append(agent)
        return agent

    return start


@pytest.fixture
def v1_gateway(started):
    def start(**options):
        gateway = V1Gateway(**options)
        started.append(gateway)
        return gateway

    return start


# Services, and one chain before all of them.


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
