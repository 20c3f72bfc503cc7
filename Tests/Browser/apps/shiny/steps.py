"""Shiny for Python (Starlette): everything by one WebSocket, files by POST and GET."""

import re

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/shiny", "run", "--host", "127.0.0.1", "--port", "{port}", "{home}/app.py"]


def use(visit):
    page = visit.page
    visit.open()
    for round in range(2):
        visit.see(page.locator("#ticks"), re.compile(r"tick \d"))
        page.get_by_label("Name").fill(f"{visit.way} {round}")
        visit.see(page.locator("#said"), f"Hello {visit.way} {round}")
        page.reload()
    visit.see(page.locator("#ticks"), re.compile(r"tick \d"))
    page.locator("input[type=file]").set_input_files(visit.payload)
    visit.see(page.locator("#size"), f"{len(PAYLOAD)} bytes")
    assert visit.saved(lambda: page.get_by_role("link", name="Download").click()) == PAYLOAD
    assert visit.sockets >= 3
