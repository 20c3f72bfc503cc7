"""Dash (Flask): callbacks by POST to root-absolute addresses, files in base64."""

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/python", "{home}/app.py"]


def use(visit):
    page = visit.page
    visit.open()
    for round in range(2):
        visit.see(page.locator("#said"), "Hello nobody")
        page.locator("input#name").press_sequentially(f"{visit.way} {round}")
        visit.see(page.locator("#said"), f"Hello {visit.way} {round}")
        visit.see(page.locator("#ticks"), "tick 3")
        page.reload()
    page.locator("input[type=file]").set_input_files(visit.payload)
    visit.see(page.locator("#size"), f"{len(PAYLOAD)} bytes")
    assert visit.saved(lambda: page.get_by_role("button", name="Download").click()) == PAYLOAD
