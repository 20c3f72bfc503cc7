"""The access log as a file that logrotate moves, in both formats, and the request's id in every log."""

import json
import re
import signal

from miagent_tests.daemons import run_to_end
from miagent_tests.visitors import curl
from miagent_tests.waiting import eventually

COMBINED = re.compile(
    r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "([A-Z]+) (\S+) HTTP/1\.1" (\d{3}) (\d+) "([^"]*)" "([^"]*)" '
    r'"([^"]+)"$')


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_a_file_in_the_combined_format_survives_logrotate(start_gateway, start_agent, node, tmp_path):
    path = tmp_path / "access.log"
    gateway = start_gateway({"accessLog": {"format": "combined", "file": str(path)}, "loops": 2}, "--log-requests")
    agent = start_agent(gateway, "pi", service_port=node.port)
    response = curl(f"{gateway.url}/web/pi/inspect?token=sekrit", "-A", 'a "b"', "-e", "http://x/y?token=sekrit", "-H", "X-Request-ID: one-1")
    assert response.status == 200 and response["x-request-id"] == "one-1"
    assert json.loads(response.body)["headers"]["x-request-id"] == "one-1"
    eventually(lambda: len(lines(path)) == 1, "a line")
    method, target, status, size, referer, browser, request = COMBINED.match(lines(path)[0]).groups()
    assert (method, target, status, referer, request) == ("GET", "/web/pi/inspect", "200", "http://x/y", "one-1")
    assert browser == r"a \x22b\x22" and int(size) == len(response.body)
    record = gateway.wait_for_event("web.request")
    assert record["id"] == "one-1" and "sekrit" not in gateway.output
    path.rename(tmp_path / "access.log.1")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_event("gateway.reloaded")
    assert curl(f"{gateway.url}/nowhere").status == 404
    eventually(lambda: len(lines(path)) == 1, "a line in the new file")
    assert COMBINED.match(lines(path)[0]).group(3) == "404" and len(lines(tmp_path / "access.log.1")) == 1
    assert agent.terminate() == 0


def test_json_goes_to_standard_output(start_gateway, start_agent, node):
    gateway = start_gateway({"accessLog": {"format": "json"}})
    start_agent(gateway, "pi", service_port=node.port)
    response = curl(f"{gateway.url}/web/pi/inspect", "-d", "abc")

    def record(line):
        found = json.loads(line) if line.startswith("{") else {}
        return found if found.get("path") == "/web/pi/inspect" else None

    found = gateway.wait_for(record, "the request's line")
    assert found["status"] == 200 and found["agent"] == "pi" and found["in"] == 3 and found["outcome"] == "done"
    assert found["id"] == response["x-request-id"] and found["us"] >= found["firstByteUs"] > 0


def test_a_file_that_cannot_be_made_is_refused(tmp_path):
    done = run_to_end("gatewayd", "--check-config", environment={
        "MIAGENT_ACCESS_LOG_FORMAT": "json", "MIAGENT_ACCESS_LOG_FILE": str(tmp_path / "no" / "such")})
    assert done.returncode == 78
    assert "MIAGENT_ACCESS_LOG_FILE" in done.stderr and "no such file" in done.stderr
