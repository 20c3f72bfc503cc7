"""TensorBoard (Werkzeug, WSGI): one page, data by GET and POST. New data come when they are asked for; there is no live channel."""

import re
import subprocess

QUICK = False
COMMAND = ["{bin}/tensorboard", "--logdir", "{folder}/runs", "--host", "127.0.0.1", "--port", "{port}", "--reload_interval", "1"]


def write(app, run, step):
    subprocess.run([app.venv / "bin" / "python", app.home / "app.py", app.folder / "runs" / run, step], check=True)


def prepare(app):
    write(app, "first", "start")


def use(visit):
    page = visit.page
    visit.open()
    visit.see(page.get_by_text("loss/start", exact=True).first)
    write(visit.app, visit.way, visit.way)
    page.wait_for_timeout(2000)
    page.get_by_role("button", name=re.compile("Last Updated")).click()
    visit.see(page.get_by_text(f"loss/{visit.way}", exact=True).first)
    page.reload()
    visit.see(page.get_by_text(f"loss/{visit.way}", exact=True).first)
