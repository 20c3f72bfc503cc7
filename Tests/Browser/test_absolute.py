"""An application that assumes it is at `/`, under `/web/{agentId}/`: whatever its pages ask for without the prefix is theirs, and the
gateway's own pages stay the gateway's."""

import base64
import hashlib
import http.server
import json
import threading

import pytest

from miagent_tests.daemons import Agent
from miagent_tests.visitors import curl

PAGE = """<!doctype html><html lang=en><title>NAME</title><link rel=stylesheet href=/static/a.css>
<script src=/static/a.js></script><body><img id=image src=/static/x.svg alt=x><a id=link href="/other?x=1">other</a>
<form id=form method=post action=/api/form enctype=multipart/form-data><input name=a value=b></form>"""

SCRIPT = """const results = {};
const text = async (url, options) => (await fetch(url, options)).text();
const socket = new Promise((done, failed) => {
  const socket = new WebSocket(`ws://${location.host}/ws?x=1`);
  socket.onmessage = (event) => { done(event.data); socket.close(); };
  socket.onerror = failed;
});
const events = new Promise((done) => {
  const source = new EventSource('/api/events');
  source.onmessage = (event) => { done(event.data); source.close(); };
});
window.results = (async () => ({
  name: await text('/api/name'), hidden: await text('/api/name', { referrerPolicy: 'no-referrer' }),
  echo: await text('/api/echo', { method: 'POST', body: 'x'.repeat(100000) }), cookie: await text('/api/cookie'),
  agents: await text('/api/agents'), put: await text('/api/echo', { method: 'PUT', body: 'put', referrerPolicy: 'no-referrer' }),
  module: (await import('/static/m.js')).name, socket: await socket, events: await events,
}))();
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, body, kind="text/plain", *headers):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding"):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        name, path = self.server.name, self.path.partition("?")[0]
        self.server.seen.append(self.path)
        if path == "/ws":
            key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            self.wfile.write(
                f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
                + bytes([0x81, len(name)]) + name.encode())
            self.rfile.read(6)
            self.close_connection = True
        elif path == "/static/a.css":
            self.reply("@import url(/static/more.css); body { background: url(/static/back.svg) }", "text/css",
                       ("Cache-Control", "max-age=3600"))
        elif path == "/static/more.css":
            self.reply("", "text/css")
        elif path == "/static/a.js":
            self.reply(SCRIPT, "text/javascript", ("Cache-Control", "max-age=3600"))
        elif path == "/static/m.js":
            self.reply(f"export const name = '{name}';", "text/javascript", ("Cache-Control", "max-age=3600"))
        elif path == "/sw.js":
            self.reply("", "text/javascript")
        elif path.endswith(".svg"):
            self.reply("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "image/svg+xml")
        elif path == "/api/name" or path == "/api/agents":
            self.reply(name)
        elif path == "/api/cookie":
            self.reply(self.headers.get("Cookie", ""))
        elif path == "/api/events":
            self.reply(f"data: {name}\n\n", "text/event-stream")
        elif path.startswith(("/static", "/favicon")):
            self.reply("", "font/woff")
        else:
            self.reply(PAGE.replace("NAME", name), "text/html; charset=utf-8", ("Set-Cookie", f"sid-{name}=1; HttpOnly"))

    def do_POST(self):
        self.server.seen.append(self.path)
        body = self.body()
        if self.path == "/api/form":
            assert b'name="a"' in body
            self.reply(PAGE.replace("NAME", f"{self.server.name} took it"), "text/html")
        else:
            self.reply(body)

    do_PUT = do_POST


@pytest.fixture
def start_service(tmp_path, started):
    servers = []

    def start(gateway, name, **options):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads, server.name, server.seen = True, name, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        started.append(Agent(tmp_path, gateway.agent_url, name, service_port=server.server_port, **options))
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def check_page(tab, name, shares_cache=False):
    """All that the page asked for came from its own service. A script that a script asks for is told apart by the cookie alone, which
    Chromium's cache does not look at: where another application has one at the same path, it may come from there."""
    results = tab.page.evaluate("window.results")
    if shares_cache:
        results["module"] = name
    assert results.pop("echo") == "x" * 100_000
    assert f"sid-{name}=1" in results.pop("cookie")
    assert results.pop("put") == "put"
    assert results == dict.fromkeys(("name", "hidden", "agents", "module", "socket", "events"), name)
    assert tab.page.evaluate("document.getElementById('image').naturalWidth") == 9


@pytest.mark.parametrize("settings", [{}, {"channels": {"webService": {"authToken": "visitor-token"}}}], ids=["open", "guarded"])
def test_an_application_at_the_root_works_beneath_the_prefix(start_gateway, start_service, tab, settings):
    gateway = start_gateway(settings)
    service = start_service(gateway, "pi")
    one = tab()
    one.open(f"{gateway.url}/web/pi/" + ("?token=visitor-token" if settings else ""))
    check_page(one, "pi")
    assert {"/static/more.css", "/static/back.svg"} <= set(service.seen)  # a style sheet's own
    one.page.click("#link")
    one.page.wait_for_url(f"{gateway.url}/web/pi/other?x=1")
    check_page(one, "pi")
    one.page.reload()
    check_page(one, "pi")
    one.page.evaluate("document.getElementById('form').submit()")
    one.page.wait_for_function("document.title === 'pi took it'")
    check_page(one, "pi")


def test_two_applications_side_by_side(start_gateway, start_service, tab):
    gateway = start_gateway()
    for name in ("one", "two"):
        start_service(gateway, name)
    first = tab()
    for name in ("one", "two", "one"):
        first.open(f"{gateway.url}/web/{name}/")
        check_page(first, name, shares_cache=True)


def test_the_gateways_own_pages_stay_its_own(start_gateway, start_service, tab):
    gateway = start_gateway()
    service = start_service(gateway, "pi")
    one = tab()
    one.open(f"{gateway.url}/web/pi/")
    check_page(one, "pi")
    service.seen.clear()
    for path, words in (("/", "pi"), ("/.miagent/help", "agentd"), ("/help", "agentd"), ("/api/agents", '"connected":1')):
        one.open(f"{gateway.url}{path}")
        assert words in one.page.content()
    assert service.seen == []
    assert json.loads(curl(f"{gateway.url}/api/agents").body)["connected"] == 1


def test_no_service_worker_for_the_whole_host(start_gateway, start_service, tab):
    gateway = start_gateway()
    service = start_service(gateway, "pi")
    one = tab()
    one.open(f"{gateway.url}/web/pi/")
    # Fetched before, so that the browser has it; and then as a worker, from what it has if it may.
    outcome = one.page.evaluate("""async () => {
        await fetch('/sw.js', { cache: 'force-cache' });
        try { await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'all' }); return 'registered'; }
        catch (error) { return 'refused'; }
    }""")
    assert outcome == "refused" and service.seen.count("/sw.js") == 1
    one.problems = [problem for problem in one.problems if "script" not in problem]
