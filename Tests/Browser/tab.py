"""A tab of the browser that writes down whatever a page must not do: errors, violations of its content security policy, requests
to other hosts."""

import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

SCREENSHOTS = Path(__file__).resolve().parent / "Screenshots"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.violatedDirective + ' ' + event.blockedURI));
"""


class Tab:
    def __init__(self, browser, size=DESKTOP, dark=False, locale="en-US", scripts=True, levels=("error", "warning")):
        self.context = browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", locale=locale, java_script_enabled=scripts,
            timezone_id="UTC", reduced_motion="reduce")
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.scripts = scripts
        self.levels = levels
        self.problems = []
        self.requests = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dialog)

    def _console(self, message):
        # The browser itself notes each response that is an error; those that a test expects are no fault of the page.
        if message.type in self.levels and "the server responded with a status of" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _dialog(self, dialog):
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, url):
        return self.page.goto(url, wait_until="load")

    def shoot(self, name, whole=True):
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)

    def check(self):
        """No error so far, no violation, nothing asked of another host."""
        violations = self.page.evaluate("window.violations") if self.scripts else []
        assert (self.problems, violations) == ([], [])
        host = re.match(r"https?://[^/]+", self.page.url)[0]
        foreign_urls = [url for url in self.requests if not url.startswith((host, "data:"))]
        assert foreign_urls == []

    def check_accessible(self):
        """axe-core finds nothing wrong (WCAG 2.2 A and AA, and its best practices); no page is wider than the window."""
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        results = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": tags}})
        found = [
            f"{violation['id']}: {violation['help']}: {node['target']} {node['html'][:120]}"
            for violation in results.response["violations"] for node in violation["nodes"]]
        assert found == []
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{overflow} px wider than the window"

    def tab_order(self, limit=200):
        """What the Tab key visits, from the top: a list of short descriptions and positions."""
        self.page.evaluate("document.activeElement.blur && document.activeElement.blur()")
        visited = []
        for _ in range(limit):
            self.page.keyboard.press("Tab")
            spot = self.page.evaluate("""() => {
                const e = document.activeElement;
                if (!e || e === document.body) return null;
                const all = [...document.querySelectorAll('*')];
                const style = getComputedStyle(e);
                return [all.indexOf(e), e.tagName + ' ' + (e.textContent || e.name || '').trim().slice(0, 40),
                        style.outlineStyle !== 'none' || style.boxShadow !== 'none'];
            }""")
            if spot is None or visited and spot[0] == visited[0][0]:
                break
            visited.append(spot)
        return visited

    def close(self):
        self.context.close()


def chromium_path():
    return os.environ.get("CHROMIUM", "/usr/bin/chromium")
