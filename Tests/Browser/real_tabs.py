"""Tabs as a person has them: one is seen, the others are hidden. Playwright makes each of its pages think that it is visible, so these
are opened beside it, by the DevTools protocol alone."""

import base64
import itertools
import json
import time

from tab import SCREENSHOTS


class RealTabs:
    """A window of its own, in a profile of its own. What a page does must be ready within `seconds`."""

    def __init__(self, browser, seconds=30):
        self._pump = browser.new_page()
        self._protocol = browser.new_browser_cdp_session()
        self._protocol.on("Target.receivedMessageFromTarget", self._receive)
        self._profile = self._protocol.send("Target.createBrowserContext")["browserContextId"]
        self._numbers = itertools.count(1)
        self._replies = {}
        self.seconds = seconds

    def _receive(self, event):
        message = json.loads(event["message"])
        if "id" in message:
            self._replies[message["id"]] = message

    def open(self, url):
        """A new tab, which is seen from then on."""
        target = self._protocol.send("Target.createTarget", {"url": "about:blank", "browserContextId": self._profile})["targetId"]
        session = self._protocol.send("Target.attachToTarget", {"targetId": target, "flatten": False})["sessionId"]
        tab = RealTab(self, target, session)
        tab.go(url)
        return tab

    def command(self, session, method, parameters):
        """What the page's own side of the protocol replies."""
        number = next(self._numbers)
        message = json.dumps({"id": number, "method": method, "params": parameters})
        self._protocol.send("Target.sendMessageToTarget", {"sessionId": session, "message": message})
        reply = self.eventually(lambda: self._replies.pop(number, None), f"a reply to {method}")
        assert "error" not in reply, reply
        return reply["result"]

    def show(self, target):
        self._protocol.send("Target.activateTarget", {"targetId": target})

    def eventually(self, find, what):
        end = time.monotonic() + self.seconds
        while True:
            found = find()
            if found:
                return found
            assert time.monotonic() < end, f"no {what}"
            self._pump.wait_for_timeout(20)

    def close(self):
        self._protocol.send("Target.disposeBrowserContext", {"browserContextId": self._profile})
        self._pump.close()


class RealTab:
    def __init__(self, tabs, target, session):
        self.tabs, self.target, self.session = tabs, target, session

    def evaluate(self, expression):
        result = self.tabs.command(
            self.session, "Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def go(self, url):
        self.tabs.command(self.session, "Page.navigate", {"url": url})

    def show(self):
        """This tab is seen from now on, and the others are hidden."""
        self.tabs.show(self.target)
        self.until("document.visibilityState === 'visible'")

    def until(self, expression):
        """Waits until this is true of the page."""
        try:
            self.tabs.eventually(lambda: self.evaluate(f"Boolean({expression})"), expression)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page says: {self.evaluate('document.body?.innerText')}") from None

    def shoot(self, name):
        SCREENSHOTS.mkdir(exist_ok=True)
        image = self.tabs.command(self.session, "Page.captureScreenshot", {"format": "png"})
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(image["data"]))
