"""JupyterLab (Tornado): a kernel by WebSocket, contents by PUT, an XSRF cookie, workers."""

import json

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port={port}",
           "--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.root_dir={folder}/notes", "--LabApp.news_url=None",
           "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly"]
READY = "/api"


def prepare(app):
    (app.folder / "notes").mkdir()
    cells = [{"cell_type": "code", "id": "one", "metadata": {}, "outputs": [], "execution_count": None,
              "source": "from pathlib import Path\nprint('the answer is', 6 * 7)"}]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for way in ("path", "path-form", "host", "host-link"):
        (app.folder / "notes" / f"{way}.ipynb").write_text(
            json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def use(visit):
    page = visit.page
    visit.open(f"lab/tree/{visit.way}.ipynb")
    for _ in range(2):
        page.locator(".jp-Notebook .jp-Cell").first.click()
        visit.see(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]"))
        page.keyboard.press("Shift+Enter")
        visit.see(page.locator(".jp-OutputArea-output"), "the answer is 42")
        page.keyboard.press("Control+s")
        visit.see(page.get_by_text("Saving completed"))
        visit.shoot()
        page.reload()
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    name = f"payload-{visit.way}.bin"
    with page.expect_file_chooser() as chooser:
        page.locator("[title*='Upload']").first.click()
    chooser.value.set_files([{"name": name, "mimeType": "application/octet-stream", "buffer": PAYLOAD}])
    item = page.locator(".jp-DirListing-item", has_text=name)
    item.wait_for()
    assert (visit.app.folder / "notes" / name).read_bytes() == PAYLOAD
    item.click(button="right")
    assert visit.saved(lambda: page.get_by_role("menuitem", name="Download", exact=True).click()) == PAYLOAD
    assert visit.sockets >= 2
