"""Flask-SocketIO (Werkzeug, WSGI): long polling by POST, the upgrade of it, forms with root-absolute actions."""

from real_app import PAYLOAD

QUICK = True
COMMAND = ["{bin}/python", "{home}/app.py"]


def use(visit):
    page = visit.page
    visit.open()
    for round in range(2):
        visit.see(page.locator("#heard li"), "somebody says by polling")
        visit.see(page.locator("#by"), "websocket")
        page.get_by_label("Say").fill(f"{visit.way} {round}")
        page.get_by_role("button", name="Send").click()
        visit.see(page.locator("#heard li"), f"somebody says {visit.way} {round}")
        page.reload()
    page.locator("input[type=file]").set_input_files(visit.payload)
    page.get_by_role("button", name="Upload").click()
    visit.see(page.locator("p"), f"{len(PAYLOAD)} bytes")
    page.go_back()
    assert visit.saved(lambda: page.get_by_role("link", name="Download").click()) == PAYLOAD
