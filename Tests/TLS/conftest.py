"""A CA, names, and gateways that ask it for certificates."""

import shutil

import pytest

from helpers.pebble import Names, Pebble, make_authority
from miagent_tests.daemons import BIN, Gateway
from miagent_tests.fixtures import started  # noqa: F401
from miagent_tests.ports import free_port
from miagent_tests.totals import pytest_runtest_logreport, pytest_sessionfinish, pytest_unconfigure  # noqa: F401

DOMAIN = "gw.example.com"


def pytest_configure():
    for tool in ("pebble", "pebble-challtestsrv", "openssl"):
        if not shutil.which(tool):
            pytest.exit(f"{tool} is missing; Tests/TLS/run installs it", 2)
    if not (BIN / "gatewayd").exists():
        pytest.exit(f"no gatewayd in {BIN}; Tests/TLS/run builds it", 2)


@pytest.fixture(scope="session")
def names():
    server = Names()
    yield server
    server.stop()


class Place:
    """What one test has: a CA, ports, a state directory, and gateways on them, one at a time."""

    def __init__(self, folder, names, started):
        self.folder, self.names, self.started = folder, names, started
        self.tls_port, self.http_port = free_port(), free_port()
        self.state = folder / "state"

    def authority(self):
        """Some root, of which nothing here is."""
        make_authority(self.folder)
        return (self.folder / "ca.pem").read_text()

    def pebble(self, **variables):
        pebble = Pebble(self.folder, self.names, self.tls_port, self.http_port, **variables)
        self.started.append(pebble)
        return pebble

    def gateway(self, acme, port=None, **settings):
        settings = {"domain": DOMAIN, "redirectPort": self.http_port, "stateDirectory": str(self.state), "acme": acme, **settings}
        gateway = Gateway(self.folder, settings, port=port or self.tls_port)
        self.started.append(gateway)
        return gateway


@pytest.fixture
def place(tmp_path, names, started):
    return Place(tmp_path, names, started)
