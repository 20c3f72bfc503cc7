"""What an agent says of itself is untrusted text. All of it is said, on every page, and the browser runs none of it."""

import json

from playwright.sync_api import expect
from websockets.sync.client import connect

HOSTILE = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'-alert(1)-'", "</script><script>alert(1)</script>",
    "</textarea></title></style><svg onload=alert(1)>", "javascript:alert(1)", "{{t.status.id}}{{{address}}}", "&lt;b&gt;&#x3c;",
    "\u202eevil\u202c \u2066x\u2069 \u200f", "a\u0000b\u0007\u001b[31m", "x" * 10_240, "\ud7ff\uffff\U0001f4a9" * 60, "`${alert(1)}`",
]


def register(gateway, number, text):
    socket = connect(f"{gateway.agent_url}?agentId=evil-{number}", subprotocols=["miagent.v2"])
    params = {"agentId": f"evil-{number}", "type": text, "host": text, "model": text, "status": text, "version": text,
              "webService": {"enabled": True}, "inspect": True}
    socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "agent.register", "params": params}))
    assert "result" in json.loads(socket.recv())
    return socket


def test_no_string_of_an_agents_runs(start_gateway, tab):
    gateway = start_gateway({"inspector": {"public": True}})
    before = tab()
    before.open(gateway.url)
    sockets = [register(gateway, number, text) for number, text in enumerate(HOSTILE)]
    try:
        after = tab()
        after.open(gateway.url)
        for one in (before, after):
            expect(one.page.get_by_role("rowheader", name="evil-12", exact=False)).to_be_visible()
            expect(one.page.locator("#rows tr")).to_have_count(len(HOSTILE))
            assert one.page.locator("main script, main img, main iframe").count() == 0
            one.page.wait_for_timeout(300)
            one.check()
        after.shoot("status-hostile")
        after.check_accessible()
        phone = tab(size={"width": 390, "height": 844})
        phone.open(gateway.url)
        phone.check_accessible()
        phone.shoot("status-hostile-phone")
        for path in ("/.miagent/inspect/evil-0", "/.miagent/help?agent=%3Cscript%3Ealert(1)%3C/script%3E", "/.miagent/help?agent=evil-1",
                     "/?filter=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/?lang=%3Cscript%3E", "/login?next=javascript:alert(1)",
                     "/web/%3Cscript%3Ealert(1)%3C/script%3E/", "/web/a%22onload=alert(1)/"):
            one = tab()
            one.open(gateway.url + path)
            one.page.wait_for_timeout(50)
            one.check()
    finally:
        for socket in sockets:
            socket.close()
