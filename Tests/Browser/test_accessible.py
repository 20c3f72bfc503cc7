"""Each page by axe-core, in light and dark, English and Chinese, desktop and phone; and by the Tab key."""

import pytest
from playwright.sync_api import expect

from miagent_tests.visitors import curl
from tab import DESKTOP, PHONE

LOOKS = [(False, "en-US", DESKTOP), (True, "en-US", DESKTOP), (False, "zh-CN", PHONE), (True, "en-US", PHONE)]


@pytest.mark.parametrize("dark,locale,size", LOOKS)
def test_axe_finds_nothing(start_gateway, start_agent, tab, dark, locale, size):
    gateway = start_gateway({"inspector": {"public": True, "mode": "all"}})
    empty = tab(dark=dark, locale=locale, size=size)
    empty.open(gateway.url)
    empty.check_accessible()
    start_agent(gateway, "pi", type="pi-coding", model="some/model")
    assert start_agent(gateway, "gone").terminate() == 0
    assert curl(f"{gateway.url}/web/pi/echo", "-d", "abc").status == 200
    assert curl(f"{gateway.url}/web/pi/error").status == 500
    for path in ("/", "/.miagent/help?agent=pi", "/login", "/web/nobody/", "/.miagent/inspect/pi"):
        one = tab(dark=dark, locale=locale, size=size)
        one.open(gateway.url + path)
        if path == "/.miagent/inspect/pi":
            expect(one.page.locator("[data-number]").first).to_be_visible()
            one.check_accessible()
            one.page.locator("[data-number]").first.click()
        one.page.wait_for_timeout(100)
        one.check_accessible()


def test_the_keyboard_goes_from_top_to_bottom_and_shows_where_it_is(start_gateway, start_agent, tab):
    gateway = start_gateway({"inspector": {"public": True, "mode": "all"}})
    start_agent(gateway, "pi")
    assert curl(f"{gateway.url}/web/pi/echo", "-d", "abc").status == 200
    for path in ("/", "/.miagent/help?agent=pi", "/login", "/.miagent/inspect/pi"):
        one = tab()
        one.open(gateway.url + path)
        one.page.wait_for_timeout(200)
        visited = one.tab_order()
        assert len(visited) >= 3, path
        order = [place for place, _, _ in visited]
        if path != "/login":  # there the field has the focus from the start
            assert order == sorted(order), (path, visited)
        assert all(shown for _, _, shown in visited), (path, [what for _, what, shown in visited if not shown])
