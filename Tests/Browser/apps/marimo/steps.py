"""marimo (Starlette), its editor: a WebSocket, values by POST."""

import shutil

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/marimo", "edit", "--headless", "--no-token", "--host", "127.0.0.1", "--port", "{port}", "--skip-update-check",
           "{folder}/notebook.py"]


def prepare(app):
    settings = app.folder / ".config" / "marimo" / "marimo.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[runtime]\nauto_instantiate = true\n")
    shutil.copy(app.home / "app.py", app.folder / "notebook.py")


def use(visit):
    page = visit.page
    visit.open()
    for round in range(2):
        visit.see(page.get_by_text("bytes").first)
        page.get_by_label("Name").fill(f"{visit.way} {round}")
        page.get_by_label("Name").press("Enter")
        visit.see(page.get_by_text(f"Hello {visit.way} {round}", exact=True))
        page.reload()
    page.locator("input[type=file]").first.set_input_files(visit.payload)
    visit.see(page.get_by_text(f"{len(PAYLOAD)} bytes", exact=True))
    assert visit.saved(lambda: page.get_by_role("link", name="Download").click()) == PAYLOAD
    assert visit.sockets >= 2
