"""A service, agentd before it and gatewayd before that, as processes of their own; and what the daemons hold of the machine."""

import contextlib
import re
import tempfile
from pathlib import Path

from miagent_tests.daemons import Agent, Gateway
from miagent_tests.services import ServiceProgram
from miagent_tests.waiting import eventually

SERVICES = Path(__file__).resolve().parent.parent / "services"
SUBDOMAIN_HOST = "tunnel.test"
MIB = 1 << 20


class Chain:
    """What a measure talks to. `port` is the gateway's; `direct` that of the service."""

    def __init__(self, gateway, agent, service):
        self.gateway, self.agent, self.service = gateway, agent, service
        self.port, self.direct = gateway.port, service.port
        self.prefix = "/web/my-agent"
        self.host = f"my-agent.{SUBDOMAIN_HOST}"

    @property
    def daemons(self):
        return {"gatewayd": self.gateway, "agentd": self.agent}

    def wait_until_idle(self):
        """Until no visitor's exchange is left in the daemons: their descriptors are those of an idle chain again."""
        for daemon, sockets in ((self.gateway, 2), (self.agent, 1)):
            daemon.idle_descriptor_count(sockets)


@contextlib.contextmanager
def chain(service_name, *arguments, **gateway_settings):
    """All three, for the time of a `with`."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        service = ServiceProgram(SERVICES / service_name, *arguments)
        stack.callback(service.stop)
        gateway = Gateway(folder, {"channels": {"webService": {"subdomainHost": SUBDOMAIN_HOST}}, **gateway_settings})
        stack.callback(gateway.kill)
        agent = Agent(folder, gateway.agent_url, "my-agent", service_port=service.port, poolIdleMs=500)
        stack.callback(agent.kill)
        yield Chain(gateway, agent, service)
        for daemon in (agent, gateway):  # unless the measure killed it
            if not daemon.has_been_awaited and (code := end(daemon)):
                raise AssertionError(f"{daemon.process.args[0]} ended with {code}; its last lines:\n{daemon.output[-2000:]}")


def end(daemon):
    """The exit code of a daemon that is told to end, or that has ended by itself."""
    return daemon.terminate() if daemon.is_running else daemon.wait()


class MemoryWatch:
    """The most that each daemon held between `with` and its end, beyond what it held before."""

    def __init__(self, chain):
        self.daemons = chain.daemons
        self.growth = {}

    def __enter__(self):
        self.before = {}
        for name, daemon in self.daemons.items():
            self.before[name] = resident(daemon.pid, "VmRSS")
            Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")  # VmHWM starts again from here
        return self

    def __exit__(self, *_):
        for name, daemon in self.daemons.items():
            if daemon.is_running:
                self.growth[name] = (resident(daemon.pid, "VmHWM") - self.before[name]) / MIB

    def report(self, report, what, limit):
        """One line for each daemon; MiB."""
        for name, growth in self.growth.items():
            report.below(f"{what}: memory of {name} grows by", limit, growth, "MiB", f", from {self.before[name] / MIB:.1f}")


def resident(pid, field):
    """Bytes, of /proc/PID/status."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


class DescriptorWatch:
    """Whether each daemon has its descriptors back where they were, and how soon."""

    def __init__(self, chain):
        self.chain = chain
        chain.wait_until_idle()
        self.before = {name: daemon.descriptor_count() for name, daemon in chain.daemons.items()}

    def report(self, report, what, seconds=10):
        for name, daemon in self.chain.daemons.items():
            with contextlib.suppress(AssertionError):
                eventually(lambda: daemon.descriptor_count() <= self.before[name], "descriptors back", seconds)
            count = daemon.descriptor_count()
            is_back = count <= self.before[name]
            report.add(f"{what}: descriptors of {name} afterwards", f"<= {self.before[name]}", str(count), is_back)
