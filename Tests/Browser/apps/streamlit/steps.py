"""Streamlit (Tornado or Starlette): everything by one WebSocket, files by PUT and GET."""

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/streamlit", "run", "{home}/app.py", "--server.address", "127.0.0.1", "--server.port", "{port}", "--server.headless", "true",
           "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"]
READY = "/_stcore/health"


def use(visit):
    page = visit.page
    visit.open()
    for round in range(2):
        page.get_by_label("Name").fill(f"{visit.way} {round}")
        page.get_by_label("Name").press("Enter")
        visit.see(page.get_by_text(f"Hello {visit.way} {round}", exact=True))
        page.reload()
    page.locator("input[type=file]").set_input_files(visit.payload)
    visit.see(page.get_by_text(f"{len(PAYLOAD)} bytes"))
    assert visit.saved(lambda: page.get_by_role("button", name="Download").click()) == PAYLOAD
    assert visit.sockets >= 3
