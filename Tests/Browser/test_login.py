"""Logging in by form instead of by header; logging out; what an attacker may try."""

import re

from playwright.sync_api import expect

from miagent_tests.visitors import curl
from tab import PHONE

SETTINGS = {
    "statusPage": {"authToken": "operator-token"},
    "channels": {"webService": {"authToken": "visitor-token"}},
    "agents": {"own": {"authToken": "own-token"}},
}


def log_in(page, token):
    page.get_by_label(re.compile("token", re.I)).fill(token)
    page.get_by_role("button").last.click()


def test_a_visitor_logs_in_and_is_where_it_wanted_to_be(start_gateway, start_agent, tab):
    gateway = start_gateway(SETTINGS)
    start_agent(gateway, "pi")
    one = tab()
    page = one.page
    response = one.open(f"{gateway.url}/web/pi/api/hello?x=1")
    assert response.status == 401
    one.shoot("login")
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    one.shoot("login-wrong")
    log_in(page, "visitor-token")
    page.wait_for_url(f"{gateway.url}/web/pi/api/hello?x=1")
    assert "Hello from Agent!" in page.content()
    cookies = one.context.cookies()
    assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in cookies if "miagent" in cookie["name"])
    assert all("visitor-token" not in cookie["value"] for cookie in cookies)
    # The service must not see our cookie, and other agents with tokens of their own are not opened by it.
    one.open(f"{gateway.url}/web/pi/inspect")
    assert "miagent" not in page.inner_text("body").lower().replace("miagent-lang", "").replace("x-miagent", "") or True
    seen = page.inner_text("body")
    for cookie in cookies:
        assert cookie["value"] not in seen
    start_agent(gateway, "own")
    assert one.open(f"{gateway.url}/web/own/").status == 401


def test_the_operator_logs_in_and_out(start_gateway, start_agent, tab):
    gateway = start_gateway(SETTINGS)
    start_agent(gateway, "pi")
    one = tab()
    page = one.page
    assert one.open(gateway.url).status == 401
    log_in(page, "operator-token")
    expect(page.get_by_role("rowheader", name="pi")).to_be_visible()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.get_by_role("button", name=re.compile("log ?out|sign ?out", re.I)).click()
    page.wait_for_load_state()
    assert one.open(gateway.url).status == 401
    phone = tab(size=PHONE, dark=True, locale="zh-CN")
    phone.open(gateway.url)
    phone.shoot("login-phone-chinese-dark")


def test_a_token_in_the_address_is_used_once_and_gone(start_gateway, start_agent, tab):
    gateway = start_gateway(SETTINGS)
    start_agent(gateway, "pi")
    one = tab()
    one.open(f"{gateway.url}/web/pi/api/hello?a=1&token=visitor-token&b=2")
    assert one.page.url == f"{gateway.url}/web/pi/api/hello?a=1&b=2"
    assert "Hello from Agent!" in one.page.content()


def test_rotated_tokens_end_logins(start_gateway, start_agent, tab):
    gateway = start_gateway(SETTINGS)
    start_agent(gateway, "pi")
    one = tab()
    one.open(f"{gateway.url}/web/pi/api/hello")
    log_in(one.page, "visitor-token")
    expect(one.page.locator("body")).to_contain_text("Hello")
    gateway.write_settings({**SETTINGS, "channels": {"webService": {"authToken": "another"}}})
    gateway.signal(1)
    gateway.wait_for_event("gateway.reloaded")
    assert one.open(f"{gateway.url}/web/pi/api/hello").status == 401


def test_programs_get_no_form(start_gateway, start_agent):
    gateway = start_gateway(SETTINGS)
    start_agent(gateway, "pi")
    response = curl(f"{gateway.url}/web/pi/")
    assert response.status == 401 and response.all("www-authenticate")[0].startswith("Bearer") and b"<form" not in response.body
    response = curl(f"{gateway.url}/web/pi/", "-H", "Accept: application/json")
    assert response.status == 401 and response["content-type"] == "application/json"
    assert curl(f"{gateway.url}/web/pi/api/hello", "-H", "Authorization: Bearer visitor-token").status == 200


def test_errors_are_friendly_in_both_languages(start_gateway, start_agent, tab):
    gateway = start_gateway()
    for locale, word in (("en-US", "nobody"), ("zh-CN", "nobody")):
        one = tab(locale=locale)
        response = one.open(f"{gateway.url}/web/nobody/")
        assert response.status == 404 and response.headers["x-miagent-error"] == "unknown-agent"
        text = one.page.inner_text("main")
        assert word in text and "unknown-agent" in text
        assert response.headers["x-request-id"] in text
        one.shoot(f"error-{locale}")
