"""Two proxies in a row before the service: ours, nginx and HAProxy, each freshly started and ready."""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from support import machine

HERE = Path(__file__).resolve().parent.parent
PROGRAMS = HERE / "programs"
BUILD = HERE.parent.parent / ".build-performance"
BIN = Path(os.environ.get("BIN", "."))
TOKEN = "performance"

NGINX = """
worker_processes 1; daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.err error;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 65; tcp_nodelay on;
  client_body_temp_path {folder}/{name}.b; proxy_temp_path {folder}/{name}.p; fastcgi_temp_path {folder}/{name}.f;
  uwsgi_temp_path {folder}/{name}.u; scgi_temp_path {folder}/{name}.s;
  client_max_body_size 0; client_body_buffer_size 256k;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_request_buffering off; proxy_buffering on; proxy_max_temp_file_size 0;
  proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
  upstream next {{ server 127.0.0.1:{to}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{at} backlog=4096{ssl}; location {path} {{ proxy_pass {scheme}://next/; }} }}
}}
"""

# The same with TLS: what `listen` ends with, and what the server needs besides.
NGINX_TLS = """ ssl;
    ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:{name}:4m"""

HAPROXY = """
global
  nbthread 1
  maxconn 4096
  tune.bufsize 65536
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option splice-auto
  http-reuse always
frontend in
  bind 127.0.0.1:{at} backlog 4096
  {rewrite}
  default_backend out
backend out
  server next 127.0.0.1:{to}
"""


def free_port():
    """Nobody listens there now; of the range that the kernel does not hand out to clients."""
    for _ in range(1000):
        port = 24_000 + int.from_bytes(os.urandom(2), "big") % 1_000
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise RuntimeError("no free port")


def find(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise RuntimeError(f"{name} is not installed")
    return found


class Children:
    """Processes of one folder; all end with it."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="performance-"))
        self.processes = []

    def start(self, *command, **options):
        log = open(self.folder / f"{len(self.processes)}.log", "ab")
        options = {"stdin": subprocess.DEVNULL, "stdout": log, **options}
        process = subprocess.Popen([str(part) for part in command], stderr=log, start_new_session=True, **options)
        self.processes.append(process)
        return process

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def logs(self):
        return "\n".join(path.read_text(errors="replace")[-600:] for path in sorted(self.folder.glob("*.log")))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for number, seconds in ((signal.SIGTERM, 2), (signal.SIGKILL, 5)):
            for process in self.processes:
                if process.poll() is None:
                    with contextlib.suppress(OSError):
                        os.killpg(process.pid, number)
            for process in self.processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
        shutil.rmtree(self.folder, ignore_errors=True)


def start_service(children):
    """The service; its port and process."""
    program = BUILD / "service"
    process = children.start(program, stdout=subprocess.PIPE, text=True)
    return int(process.stdout.readline()), process.pid


class Chain(Children):
    """`near` is what visitors reach, `far` what reaches the service; `url` begins every path. `is_secure`: TLS on the way to either."""

    def __init__(self, kind, service_port, is_secure=False, **settings):
        super().__init__()
        self.kind, self.service_port, self.is_secure, self.settings = kind, service_port, is_secure, settings
        self.port = free_port()
        self.path = "/web/bench"
        self.url = f"{'https' if is_secure else 'http'}://127.0.0.1:{self.port}{self.path}"
        if is_secure:
            self.make_certificate()

    def make_certificate(self):
        """One that signs itself, of a kind that all know: ECDSA with P-256."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=performance", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", self.folder / "key.pem", "-out",
             self.folder / "certificate.pem"], check=True, capture_output=True)

    def __enter__(self):
        try:
            getattr(self, f"start_{self.kind}")()
            self.await_response()
        except BaseException:
            self.__exit__()
            raise
        self.near, self.far = (machine.tree(process.pid) for process in self.processes[:2])
        return self

    def start_miagent(self):
        gateway = {
            "host": "127.0.0.1", "port": self.port, "gatewayToken": TOKEN, "channels": {"webService": {"pathPrefix": "/web"}},
            **self.settings.get("gateway", {})}
        if self.is_secure:
            gateway["tls"] = {"certificate": str(self.folder / "certificate.pem"), "key": str(self.folder / "key.pem")}
        self.start(BIN / "gatewayd", "--config", self.file("gateway.json", json.dumps(gateway)))
        await_port(self.port)
        self.start(BIN / "agentd", "--config", self.agent_settings("bench"))

    def agent_settings(self, agent_id):
        agent = {
            "agentId": agent_id, "gatewayUrl": f"{'wss' if self.is_secure else 'ws'}://127.0.0.1:{self.port}/agent",
            "gatewayToken": TOKEN, "webService": {"port": self.service_port, "pathPrefix": "/"}, **self.settings.get("agent", {})}
        if self.is_secure:
            agent["tls"] = {"caFile": str(self.folder / "certificate.pem")}
        return self.file(f"{agent_id}.json", json.dumps(agent))

    def start_nginx(self):
        between = free_port()
        for name, at, to, path in (("near", self.port, between, self.path + "/"), ("far", between, self.service_port, "/")):
            secure = NGINX_TLS.format(folder=self.folder, name=name, at=at) if self.is_secure else ""
            scheme = "https" if self.is_secure and name == "near" else "http"
            text = NGINX.format(folder=self.folder, name=name, at=at, to=to, path=path, ssl=secure, scheme=scheme)
            self.start(find("nginx"), "-p", self.folder, "-c", self.file(f"{name}.conf", text))
            await_port(at)

    def start_haproxy(self):
        between = free_port()
        rewrite = f"http-request replace-path {self.path}/(.*) /\\1"
        for name, at, to, rule in (("near", self.port, between, rewrite), ("far", between, self.service_port, "")):
            self.start(find("haproxy"), "-f", self.file(f"{name}.cfg", HAPROXY.format(at=at, to=to, rewrite=rule)), "-db")
            await_port(at)

    def get(self, path, timeout=5):
        context = ssl._create_unverified_context() if self.is_secure else None
        with urllib.request.urlopen(self.url + path, timeout=timeout, context=context) as response:
            return response.read()

    def get_own(self, path):
        """One of the gateway's own pages."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
            return response.read()

    def await_response(self, limit_seconds=20):
        end = time.monotonic() + limit_seconds
        while time.monotonic() < end and all(process.poll() is None for process in self.processes):
            with contextlib.suppress(OSError):
                if self.get("/small").startswith(b'{"ok":true'):
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.kind} did not become ready\n{self.logs()}")


def await_port(port, limit_seconds=10):
    end = time.monotonic() + limit_seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on {port}")


def start_client(children, name, *arguments):
    """A program of programs/, which prints a line when it is ready."""
    command = [sys.executable, PROGRAMS / name, *arguments]
    return children.start(*command, stdout=subprocess.PIPE, text=True)
