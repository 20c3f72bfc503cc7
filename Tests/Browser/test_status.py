"""The status page: agents come, go and are seen without a reload; both languages, dark, phone, without scripts."""

import re

from playwright.sync_api import expect

from miagent_tests.visitors import curl
from tab import PHONE


def row(page, name):
    return page.locator("tr", has=page.get_by_role("rowheader", name=name))


def test_agents_come_and_go_without_a_reload(start_gateway, start_agent, tab):
    gateway = start_gateway()
    first = tab()
    page = first.page
    first.open(gateway.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    first.shoot("status-empty")
    page.evaluate("window.stays = true")
    agent = start_agent(gateway, "my-agent", type="pi-coding", model="minimax-cn/MiniMax-M2.7", host="VM-0-17-ubuntu")
    expect(row(page, "my-agent")).to_be_visible()
    expect(row(page, "my-agent")).to_contain_text("pi-coding")
    expect(row(page, "my-agent")).to_contain_text("minimax-cn/MiniMax-M2.7")
    expect(row(page, "my-agent").locator("td a")).to_have_text("/web/my-agent/")
    assert row(page, "my-agent").locator("td a").evaluate("link => link.href") == f"{gateway.url}/web/my-agent/"
    expect(page.locator("#connected")).to_have_text("1")
    for _ in range(3):
        assert curl(f"{gateway.url}/web/my-agent/api/hello").status == 200
    expect(row(page, "my-agent").locator("td:nth-of-type(8) span").first).to_have_text("3")
    first.shoot("status-live")
    assert agent.terminate() == 0
    expect(row(page, "my-agent")).to_contain_text("last seen", ignore_case=True)
    expect(page.locator("#connected")).to_have_text("0")
    start_agent(gateway, "my-agent")
    expect(page.locator("#connected")).to_have_text("1")
    expect(row(page, "my-agent")).not_to_contain_text("last seen", ignore_case=True, use_inner_text=True)
    assert page.evaluate("window.stays") is True


def test_a_gateway_that_returns_is_found_again(start_gateway, start_agent, tab, tmp_path, started):
    gateway = start_gateway()
    first = tab()
    first.open(gateway.url)
    expect(first.page.locator("#live")).to_have_attribute("data-state", "live")
    gateway.terminate()
    expect(first.page.locator("#live")).not_to_have_attribute("data-state", "live")
    first.problems.clear()  # the browser notes that nobody is there
    again = start_gateway(port=gateway.port)
    start_agent(again, "late")
    expect(row(first.page, "late")).to_be_visible(timeout=30_000)
    first.problems = [problem for problem in first.problems if "ERR_CONNECTION_REFUSED" not in problem
                      and "ERR_INCOMPLETE_CHUNKED" not in problem]


def test_it_is_whole_without_scripts(start_gateway, start_agent, tab):
    gateway = start_gateway()
    start_agent(gateway, "a")
    start_agent(gateway, "b", type="other")
    plain = tab(scripts=False)
    page = plain.page
    plain.open(gateway.url)
    expect(row(page, "a")).to_be_visible()
    page.get_by_role("searchbox").fill("other")
    page.get_by_role("searchbox").press("Enter")
    expect(row(page, "b")).to_be_visible()
    expect(row(page, "a")).to_have_count(0)
    plain.shoot("status-plain")


def test_chinese_by_the_browsers_wish_and_by_a_switch(start_gateway, start_agent, tab):
    gateway = start_gateway()
    start_agent(gateway, "a")
    chinese = tab(locale="zh-CN")
    chinese.open(gateway.url)
    expect(chinese.page.locator("html")).to_have_attribute("lang", re.compile("^zh"))
    assert "已连接" in chinese.page.inner_text("main")
    chinese.shoot("status-chinese")
    chinese.page.get_by_role("link", name="English").click()
    expect(chinese.page.locator("html")).to_have_attribute("lang", "en")
    chinese.open(f"{gateway.url}/.miagent/help")  # it is remembered
    expect(chinese.page.locator("html")).to_have_attribute("lang", "en")
    english = tab()
    english.open(gateway.url)
    expect(english.page.locator("html")).to_have_attribute("lang", "en")
    english.page.get_by_role("link", name="中文").click()
    expect(english.page.locator("html")).to_have_attribute("lang", re.compile("^zh"))


def test_dark_and_light_differ(start_gateway, start_agent, tab):
    gateway = start_gateway()
    start_agent(gateway, "a", type="pi-coding", model="some/model")
    colours = []
    for dark in (False, True):
        one = tab(dark=dark)
        one.open(gateway.url)
        expect(row(one.page, "a")).to_be_visible()
        colours.append(one.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        one.shoot(f"status-{'dark' if dark else 'light'}")
        phone = tab(dark=dark, size=PHONE)
        phone.open(gateway.url)
        expect(row(phone.page, "a")).to_be_visible()
        phone.shoot(f"status-phone-{'dark' if dark else 'light'}")
    assert colours[0] != colours[1]


def test_the_help_page_has_this_gateways_address_and_an_agents_code(start_gateway, start_agent, tab):
    gateway = start_gateway({"gatewayToken": "secret"})
    start_agent(gateway, "pi", token="secret")
    one = tab()
    one.open(f"{gateway.url}/.miagent/help?agent=pi")
    assert f"127.0.0.1:{gateway.port}" in one.page.inner_text("main") and "secret" not in one.page.content().replace(
        "your-secret-token", "")
    expect(one.page.locator("[role=img] svg")).to_be_visible()
    expect(one.page.get_by_role("link", name=f"{gateway.url}/web/pi/").first).to_be_visible()
    one.shoot("help")
    phone = tab(size=PHONE, dark=True, locale="zh-CN")
    phone.open(f"{gateway.url}/.miagent/help")
    phone.shoot("help-phone-chinese-dark")


def test_pages_are_small_and_whole(start_gateway, tab):
    gateway = start_gateway()
    for path in ("/", "/.miagent/help", "/login", "/nowhere"):
        one = tab()
        response = one.open(gateway.url + path)
        assert len(response.body()) < 100 * 1024
        assert [url for url in one.requests if not url.startswith("data:")][:1] == [gateway.url + path]
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy


def test_on_a_phone_the_language_stands_beside_the_name(start_gateway, start_agent, tab):
    gateway = start_gateway({"statusPage": {"authToken": "s3cret"}, "inspector": {"mode": "all"}})
    start_agent(gateway, "my-agent")
    for locale in ("en-US", "zh-CN"):
        for dark in (False, True):
            phone = tab(size=PHONE, locale=locale, dark=dark)
            phone.open(f"{gateway.url}/?token=s3cret")
            for path in ("/", "/help", "/inspect/my-agent"):
                phone.open(gateway.url + path)
                boxes = [phone.page.locator(f".top {part}").bounding_box() for part in (".brand", ".tools", "nav")]
                middles = [box["y"] + box["height"] / 2 for box in boxes]
                assert abs(middles[0] - middles[1]) < 4, (locale, path)
                assert middles[2] > middles[0] and boxes[2]["height"] < 60, "the pages stand in one row of their own"
                assert phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            phone.shoot(f"phone-{locale}-{'dark' if dark else 'light'}")


def test_percentiles_have_their_names_and_a_round_trip_is_there_at_once(start_gateway, start_agent, tab):
    gateway = start_gateway()
    start_agent(gateway, "my-agent")
    for locale in ("en-US", "zh-CN"):
        page = tab(locale=locale)
        page.open(gateway.url)
        for name in ("p50", "p99"):
            expect(page.page.get_by_text(name, exact=True).first).to_be_visible()
        expect(row(page.page, "my-agent")).to_contain_text(re.compile(r"\d ms"), timeout=5_000)
