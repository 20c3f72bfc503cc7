"""MkDocs' own server: static pages that ask by long polling whether they have changed."""

from real_app import PAYLOAD

QUICK = True
COMMAND = ["{bin}/mkdocs", "serve", "--config-file", "{folder}/mkdocs.yml", "--dev-addr", "127.0.0.1:{port}", "--livereload"]


def prepare(app):
    (app.folder / "mkdocs.yml").write_text(
        "site_name: Manual\ntheme:\n  name: mkdocs\n  highlightjs: false  # it would come from another host\n")
    (app.folder / "docs").mkdir()
    (app.folder / "docs" / "index.md").write_text("# First words\n\n[the file](payload.bin)\n")
    (app.folder / "docs" / "second.md").write_text("# Second page\n\nElephants remember.\n")
    (app.folder / "docs" / "payload.bin").write_bytes(PAYLOAD)


def use(visit):
    page = visit.page
    visit.open()
    visit.see(page.get_by_role("heading", level=1))
    words = f"Changed by {visit.way}"
    (visit.app.folder / "docs" / "index.md").write_text(f"# {words}\n\n[the file](payload.bin)\n")
    visit.see(page.get_by_role("heading", name=words))  # the page reloads itself
    page.get_by_role("link", name="Second").first.click()
    visit.see(page.get_by_role("heading", name="Second page"))
    page.goto(visit.url)
    page.reload()
    visit.see(page.get_by_role("heading", name=words))
    assert visit.saved(lambda: page.get_by_role("link", name="the file").click()) == PAYLOAD
