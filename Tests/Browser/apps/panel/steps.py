"""Panel (Bokeh on Tornado), which refuses a WebSocket whose `Origin` it was not told of."""

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/panel", "serve", "{home}/app.py", "--address", "127.0.0.1", "--port", "{port}"]
ENVIRONMENT = {"BOKEH_RESOURCES": "server"}
READY = "/app"


def use(visit):
    page = visit.page
    visit.open()
    visit.see(page.get_by_text("Hello"))
    for round in range(2):
        page.get_by_label("Name").fill(f"{visit.way} {round}")
        page.get_by_label("Name").press("Enter")
        visit.see(page.get_by_text(f"Hello {visit.way} {round}"))
        page.reload()
    page.locator("input[type=file]").set_input_files(visit.payload)
    visit.see(page.get_by_text(f"{len(PAYLOAD)} bytes"))
    assert visit.saved(lambda: page.get_by_text("Download", exact=True).click()) == PAYLOAD
    assert visit.sockets >= 3
