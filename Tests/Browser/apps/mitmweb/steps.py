"""mitmweb (Tornado): a list that is filled by WebSocket, an XSRF cookie, files up and down."""

import socket
import urllib.request

QUICK = False
COMMAND = ["{bin}/mitmweb", "--no-web-open-browser", "--web-host", "127.0.0.1", "--web-port", "{port}", "--listen-host", "127.0.0.1",
           "--set", "listen_port={proxy}", "--set", "confdir={folder}"]


def prepare(app):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        app.proxy = probe.getsockname()[1]
    app.words = {"proxy": app.proxy}


def use(visit):
    page = visit.page
    visit.open()
    proxy = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{visit.app.proxy}"}))
    for round in range(2):
        visit.see(page.get_by_role("link", name="Options").or_(page.get_by_text("Options")).first)
        asked = f"http://127.0.0.1:{visit.app.port}/static/images/favicon.ico?{visit.way}-{round}"
        proxy.open(asked, timeout=10).read()
        visit.see(page.locator("td", has_text=f"{visit.way}-{round}"))
        page.reload()
        visit.see(page.locator("td", has_text=f"{visit.way}-{round}"))
    assert visit.sockets >= 3
