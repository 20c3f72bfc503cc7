"""An application from PyPI as a process on loopback, and a visit to it: what a person does, with everything that went wrong."""

import importlib
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import expect

from miagent_tests.daemons import clean_environment
from miagent_tests.ports import free_port
from tab import SCREENSHOTS, Tab

APPS = Path(__file__).resolve().parent / "apps"
VENVS = Path(__file__).resolve().parents[2] / ".build-browser" / "apps"
# Every byte, and more than one frame's worth.
PAYLOAD = bytes(range(256)) * 1024
START_SECONDS = 90
PATIENCE_MS = int(os.environ.get("PATIENCE_MS", 20_000))

# No program of theirs reaches more than this machine, whatever it would like to report or fetch.
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {
    "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "http_proxy": NOWHERE, "https_proxy": NOWHERE,
    "NO_PROXY": "localhost,127.0.0.1,::1", "no_proxy": "localhost,127.0.0.1,::1", "DO_NOT_TRACK": "1"}


def steps_of(name):
    return importlib.import_module(f"apps.{name}.steps")


class RealApp:
    def __init__(self, name, folder):
        self.name, self.folder, self.steps = name, Path(folder), steps_of(name)
        self.home = APPS / name
        self.venv = VENVS / name
        assert (self.venv / "bin").exists(), f"{name} is not installed: Tests/Browser/run installs it"
        self.port = free_port()
        self.words = {}  # further ones for the command
        if hasattr(self.steps, "prepare"):
            self.steps.prepare(self)
        self.log = self.folder / "log.txt"
        known = {"bin": self.venv / "bin", "home": self.home, "folder": self.folder, "port": self.port, **self.words}
        words = [word.format(**known) for word in self.steps.COMMAND]
        variables = {**OFFLINE, "HOME": str(self.folder), "PORT": str(self.port), **getattr(self.steps, "ENVIRONMENT", {})}
        # Some behave otherwise beneath pytest.
        environment = {key: value for key, value in clean_environment(**variables).items() if not key.startswith("PYTEST_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=environment, start_new_session=True)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                opener.open(f"http://127.0.0.1:{self.port}{getattr(self.steps, 'READY', '/')}", timeout=5).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, f"{self.name} does not start:\n{self.said()}"
                time.sleep(0.1)

    def said(self):
        return self.log.read_text(errors="replace")[-3000:]

    def stop(self):
        """The process and what it started; they are one group."""
        for number in (15, 9):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass


class Visit:
    """One person at one application, by one way. `url` is the application's root and ends with a slash."""

    def __init__(self, browser, app, url, way, folder, token=None):
        self.app, self.url, self.way, self.folder, self.token = app, url, way, Path(folder), token
        self.tab = Tab(browser, levels=("error",))
        self.page = self.tab.page
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.set_default_navigation_timeout(PATIENCE_MS)
        self.failures = []
        self.sockets = 0
        self.page.on("response", self._response)
        self.page.on("websocket", self._websocket)
        self.payload = self.folder / "payload.bin"
        self.payload.write_bytes(PAYLOAD)

    def _response(self, response):
        is_door = self.token and response.status == 401 and response.headers.get("x-miagent-error") == "unauthorized"
        if response.status >= 400 and not (is_door and response.request.is_navigation_request()):
            self.failures.append(f"{response.status} for {response.request.method} {response.url}")

    def _websocket(self, web_socket):
        self.sockets += 1
        web_socket.on("socketerror", lambda error: self.failures.append(f"WebSocket {web_socket.url}: {error}"))

    def open(self, path=""):
        """Goes there, through the login form or by a link with a token where one is asked for."""
        if self.token and "link" in self.way:
            self.page.goto(f"{self.url}{path}{'&' if '?' in path else '?'}token={self.token}", wait_until="load")
            assert "token=" not in self.page.url
        else:
            self.page.goto(self.url + path, wait_until="load")
        if self.token and "form" in self.way:
            self.page.get_by_label(re.compile("token", re.I)).fill(self.token)
            self.page.get_by_role("button").last.click()

    def saved(self, act):
        """The bytes of what is downloaded by `act`."""
        with self.page.expect_download(timeout=PATIENCE_MS) as waiting:
            act()
        return Path(waiting.value.path()).read_bytes()

    def see(self, locator, text=None):
        expect(locator if text is None else locator.filter(has_text=text)).to_be_visible(timeout=PATIENCE_MS)

    def shoot(self):
        self.tab.shoot(f"app-{self.app.name}-{self.way}", whole=False)

    def problems(self):
        """What went wrong and is not the application's own known noise."""
        noise = getattr(self.app.steps, "NOISE", {})
        host = re.match(r"https?://[^/]+", self.url)[0]
        foreign_urls = [f"asked {url}" for url in self.tab.requests if not url.startswith((host, "data:", "blob:", "about:"))]
        found = self.failures + self.tab.problems + foreign_urls
        return [problem for problem in found if not any(re.search(pattern, problem) for pattern in noise)]
