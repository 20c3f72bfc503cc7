"""Local services that agents stand before: Node's http, Python's http.server, nginx. All on loopback, on ports of their own."""

import functools
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from .waiting import DEADLINE_SECONDS, eventually

SERVICES = Path(__file__).resolve().parents[2] / "services"
BIG = bytes(range(256)) * 8192  # 2 MiB
TEXT = b"all work and no play\n" * 500


class ServiceProgram:
    """A program for Node or Python, as a child process. It prints the port that it listens on."""

    def __init__(self, path, *arguments):
        interpreter = "node" if path.suffix == ".js" else sys.executable
        self.process = subprocess.Popen(
            [interpreter, path, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{path.name} ended before it listened")
        self.port = int(line)

    def get(self, path):
        """Asks the service itself, past the tunnel."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=DEADLINE_SECONDS) as response:
            return json.load(response)

    def kill(self):
        """SIGKILL: as a crash would end it."""
        self.process.kill()
        self.process.wait(DEADLINE_SECONDS)

    def stop(self):
        self.kill()
        self.process.stdout.close()


class NodeService(ServiceProgram):
    """services/service.js, which can hold requests until it is told to release them."""

    def __init__(self, port=0):
        super().__init__(SERVICES / "service.js", port)

    def is_held(self, name):
        return name in self.get("/held")

    def wait_until_held(self, name):
        """Until a request for /hold/`name` has come through."""
        eventually(lambda: self.is_held(name), f"a request for /hold/{name} at the service")

    def release(self, name):
        return self.get(f"/release/{name}")["released"]


class PythonService:
    """http.server with files, and one response without a length. It speaks HTTP/1.0: each response ends its connection."""

    def __init__(self, folder):
        self.folder = write_files(folder)
        handler = functools.partial(FileHandler, directory=str(self.folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class FileHandler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/no-length":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(BIG)
        return None

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class NginxService:
    """nginx with services/nginx.conf. It is handed a listening socket: no port is lost between choosing and binding it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        write_files(self.folder / "files")
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = listener.getsockname()[1]
        text = (SERVICES / "nginx.conf").read_text()
        if os.geteuid() == 0:  # else its workers become "nobody", who cannot read our folder
            text += "user root;\n"
        config = self.folder / "nginx.conf"
        config.write_text(text.replace("@PORT@", str(self.port)).replace("@ROOT@", str(self.folder)))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen(
            [program, "-p", self.folder, "-c", config, "-e", self.folder / "error.log"], stdin=subprocess.DEVNULL,
            pass_fds=[listener.fileno()], env={**os.environ, "NGINX": f"{listener.fileno()};"})
        listener.close()

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE_SECONDS)


def write_files(folder):
    folder = Path(folder)
    (folder / "dir").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>index</h1>")
    (folder / "dir" / "index.html").write_text("<h1>inner</h1>")
    (folder / "text.txt").write_bytes(TEXT)
    (folder / "big.bin").write_bytes(BIG)
    (folder / "with space & \u00e9.txt").write_text("odd name")
    return folder
