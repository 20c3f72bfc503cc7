"""Django (WSGI): its admin pages. Each form is checked by `Origin` and a CSRF cookie, each link and redirect is root-absolute."""

from real_app import PAYLOAD

QUICK = True
COMMAND = ["{bin}/python", "{home}/app.py"]
READY = "/admin/login/"


def use(visit):
    page = visit.page
    visit.open("admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()
    visit.see(page.get_by_role("heading", name="Site administration"))
    visit.shoot()
    page.get_by_role("link", name="Groups").click()
    page.get_by_role("link", name="Add group").first.click()
    page.get_by_label("Name").fill(f"group {visit.way}")
    page.get_by_role("button", name="Save", exact=True).click()
    visit.see(page.locator(".messagelist"), "was added successfully")
    page.reload()
    visit.see(page.get_by_role("link", name=f"group {visit.way}", exact=True))
    page.goto(visit.url + "files/")
    page.locator("input[type=file]").set_input_files(visit.payload)
    page.get_by_role("button", name="Upload").click()
    visit.see(page.locator("p"), f"{len(PAYLOAD)} bytes")
    for _ in range(2):
        visit.see(page.locator("#ticks"), "tick 3")
        page.reload()
    assert visit.saved(lambda: page.get_by_role("link", name="Download").click()) == PAYLOAD
