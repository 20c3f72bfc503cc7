"""Whether a request costs the same however many agents there are: one of them serves and the others are idle, or all serve."""

import time

from support import load, machine
from support.chains import BIN, Chain, Children, start_service
from support.tables import table

COUNTS = [1, 50, 200]
CONNECTIONS = 64

# Each request goes to the next agent.
SPREAD = """
local paths = {%s}
local at = 0
request = function()
  at = at %% #paths + 1
  return wrk.format(nil, paths[at])
end
""" + load.SCRIPT.replace("%", "%%")


def measure(arguments):
    result = {}
    with Children() as children:
        service, _ = start_service(children)
        with Chain("miagent", service) as chain:
            names, agents = ["bench"], list(chain.far)
            for count in COUNTS:
                while len(names) < count:
                    names.append(f"agent-{len(names)}")
                    agents.append(chain.start(BIN / "agentd", "--config", chain.agent_settings(names[-1])).pid)
                await_agents(chain, count)
                paths = ", ".join(f'"/web/{name}/small"' for name in names)
                result[count] = {
                    "one": cost(chain, agents, arguments.seconds, load.SCRIPT),
                    "all": cost(chain, agents, arguments.seconds, SPREAD % paths)}
                print(f"{count} agents: {result[count]}", flush=True)
    return {"counts": result}


def await_agents(chain, count):
    end = time.monotonic() + 30
    while chain.get_own("/.miagent/agents?limit=1000").count(b'"online":true') < count:
        if time.monotonic() > end:
            raise RuntimeError(f"not all of {count} agents are online\n{chain.logs()}")
        time.sleep(0.1)


def cost(chain, agents, seconds, script):
    machine.wait_until_quiet()
    load.requests(f"{chain.url}/small", CONNECTIONS, 1, script=script)
    before = [sum(machine.cpu_seconds(pids)) for pids in (chain.near, agents)]
    seen = load.requests(f"{chain.url}/small", CONNECTIONS, seconds, script=script)
    near, far = (sum(machine.cpu_seconds(pids)) - was for pids, was in zip((chain.near, agents), before))
    return {"per_second": seen["per_second"], "near": near / seen["requests"] * 1e6, "far": far / seen["requests"] * 1e6}


def render(result):
    rows = []
    for count, one in result["counts"].items():
        rows.append([count, *(f"{one[way][field]:,.{digits}f}" for way in ("one", "all")
                              for field, digits in (("per_second", 0), ("near", 1), ("far", 1)))])
    head = ["agents", "one serves: requests/s", "gatewayd, µs a request", "agentd, µs", "all serve: requests/s",
            "gatewayd, µs a request", "all agentd, µs"]
    return table(head, rows)
