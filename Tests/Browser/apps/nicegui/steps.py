"""NiceGUI (Starlette, Socket.IO by its own client): everything by one WebSocket, files by POST."""

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/python", "{home}/app.py"]


def use(visit):
    page = visit.page
    visit.open()
    for round in range(2):
        page.get_by_label("Name").fill(f"{visit.way} {round}")
        visit.see(page.get_by_text(f"Hello {visit.way} {round}", exact=True))
        page.reload()
    page.locator("input[type=file]").set_input_files(visit.payload)
    visit.see(page.get_by_text(f"{len(PAYLOAD)} bytes", exact=True))
    assert visit.saved(lambda: page.get_by_role("button", name="Download").click()) == PAYLOAD
    assert visit.sockets >= 3
