"""Proxies of other projects, in front of a gateway."""

import contextlib
import shutil
import socket
import subprocess

from .ports import free_port
from .waiting import DEADLINE_SECONDS, eventually

PROXY = "127.0.0.1"


@contextlib.contextmanager
def running(command, port):
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL)
    try:
        def listens():
            assert process.poll() is None
            with contextlib.suppress(OSError), socket.create_connection((PROXY, port), 1):
                return True
            return False
        eventually(listens, f"{command[0]} listens")
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def program(name):
    return shutil.which(name) or f"/usr/sbin/{name}"


@contextlib.contextmanager
def nginx(folder, body, port):
    """nginx, whose configuration has `body` beside what every one has; `port` is where it is to listen."""
    config = folder / "nginx.conf"
    # Workers become "nobody" unless told otherwise, who cannot write into our folder.
    config.write_text(
        f"{body}\ndaemon off;\nuser root;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n")
    with running([program("nginx"), "-p", folder, "-c", config, "-e", folder / "error.log"], port):
        yield


@contextlib.contextmanager
def nginx_http(folder, gateway, location, *lines):
    """nginx that passes what is beneath `location` on to `gateway`, by the gateway's own paths; gives its address, with a slash."""
    port = free_port()
    temp = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    body = (f"http {{ access_log off; {temp} server {{ listen {PROXY}:{port}; location {location} {{ "
            f"proxy_pass {gateway.url}/; proxy_buffering off; {' '.join(lines)} }} }} }}")
    with nginx(folder, body, port):
        yield f"http://{PROXY}:{port}{location}"
