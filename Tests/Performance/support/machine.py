"""What /proc says of processes and of the machine."""

import contextlib
import os
import re
import time

TICK = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()


def tree(root):
    """A process and all that descend from it."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            children.setdefault(int(after_name(name)[1]), []).append(int(name))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def after_name(pid):
    """The fields of /proc/PID/stat from the state on: a program's name may hold anything."""
    text = open(f"/proc/{pid}/stat").read()
    return text[text.rindex(")") + 2:].split()


def cpu_seconds(pids):
    """User and system time that these processes have used."""
    user = system = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = after_name(pid)
            user, system = user + int(fields[11]), system + int(fields[12])
    return user / TICK, system / TICK


def status(pids, field):
    """The sum of a field of /proc/PID/status: KiB, or a count."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            found = re.search(rf"^{field}:\s+(\d+)", open(f"/proc/{pid}/status").read(), re.M)
            total += int(found[1]) if found else 0
    return total


def wakeups(pids):
    """How often these processes, all their threads, went to sleep of their own will."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                text = open(f"/proc/{pid}/task/{thread}/status").read()
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
    return total


def busy_seconds():
    """CPU seconds that the whole machine has spent, and those that its host took away."""
    user, nice, system, _, _, irq, softirq, steal = map(int, open("/proc/stat").readline().split()[1:9])
    return (user + nice + system + irq + softirq) / TICK, steal / TICK


def kernel_socket_bytes():
    """What the kernel holds for TCP at this moment: buffers in use, and the sockets themselves."""
    buffers = int(re.search(r"^TCP:.* mem (\d+)", open("/proc/net/sockstat").read(), re.M)[1]) * os.sysconf("SC_PAGE_SIZE")
    objects = 0
    with contextlib.suppress(OSError):
        for line in open("/proc/slabinfo"):
            words = line.split()
            if words[0] in ("TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "ep_item"):
                objects += int(words[1]) * int(words[3])
    return buffers, objects


def wait_until_quiet(limit_seconds=15, share=0.05):
    """Waits, though not for ever, until others leave the machine alone."""
    end = time.monotonic() + limit_seconds
    while time.monotonic() < end:
        before, began = busy_seconds()[0], time.monotonic()
        time.sleep(0.4)
        if (busy_seconds()[0] - before) / (time.monotonic() - began) / CORES < share:
            return
        time.sleep(1)


def description():
    """One line that says what was measured on."""
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    control = open("/proc/sys/net/ipv4/tcp_congestion_control").read().strip()
    return f"{CORES} cores ({model[1] if model else 'unknown'}), Linux {os.uname().release}, TCP {control}"
