"""FastAPI (Starlette, uvicorn): `/docs` with all that it tries out, a WebSocket, an event stream. Nearly every address is root-absolute."""

from real_app import PAYLOAD

QUICK = True
COMMAND = ["{bin}/python", "{home}/app.py"]
READY = "/openapi.json"


def use(visit):
    page = visit.page
    visit.open("docs")
    for number in (21, 4):
        block = unfold(page, "/orders/{number}")
        block.get_by_placeholder("number").fill(str(number))
        block.get_by_role("button", name="Execute").click()
        visit.see(block.locator(".live-responses-table"), f'"twice": {2 * number}')
        page.reload()
    block = unfold(page, "/file", "post")
    block.locator("input[type=file]").set_input_files(visit.payload)
    block.get_by_role("button", name="Execute").click()
    visit.see(block.locator(".live-responses-table"), f'"bytes": {len(PAYLOAD)}')
    block = unfold(page, "/file", "get")
    block.get_by_role("button", name="Execute").click()
    assert visit.saved(lambda: block.get_by_role("link", name="Download file").click()) == PAYLOAD
    visit.shoot()
    page.goto(visit.url + "live")
    for _ in range(2):
        visit.see(page.locator("#echo"), "echo of hello")
        visit.see(page.locator("#ticks"), "tick 3")
        page.reload()


def unfold(page, path, method="get"):
    """The operation's block, ready to be tried."""
    block = page.locator(f".opblock-{method}", has=page.locator(f'[data-path="{path}"]'))
    if "is-open" not in block.get_attribute("class"):  # the address remembers what is open
        block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()
    return block
