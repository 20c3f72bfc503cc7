"""The pages behind a proxy that takes a path off: every address is beneath it, and the status page is live."""

from playwright.sync_api import expect

from miagent_tests.proxies import nginx_http
from test_status import row

SAYS = ("proxy_set_header X-Forwarded-Prefix /tools;", "proxy_set_header X-Forwarded-Host $http_host;",
        "proxy_set_header X-Forwarded-For $remote_addr;", "proxy_http_version 1.1;", "proxy_set_header Connection '';")


def test_the_status_page_lives_beneath_a_proxys_path(start_gateway, start_agent, tab, tmp_path):
    gateway = start_gateway({"trustedProxies": ["127.0.0.1"]})
    with nginx_http(tmp_path, gateway, "/tools/", *SAYS) as address:
        one = tab()
        one.open(address)
        expect(one.page.locator("#address")).to_have_text(address.rstrip("/"))
        start_agent(gateway, "my-agent")
        entry = row(one.page, "my-agent").locator("td a")
        expect(entry).to_have_text("/web/my-agent/")
        assert entry.evaluate("link => link.href") == f"{address}web/my-agent/"
        expect(one.page.locator("#live")).to_have_attribute("data-state", "live")
        one.page.get_by_role("navigation").get_by_role("link", name="help").first.click()
        expect(one.page).to_have_url(f"{address}.miagent/help")
        expect(one.page.locator("body")).to_contain_text(f"{address.replace('http:', 'ws:')}agent")
