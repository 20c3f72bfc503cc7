"""The command line of both daemons: help, versions, checks, exit codes, and the nearest right name."""

import json
import re
import socket
from pathlib import Path

import pytest

from miagent_tests.daemons import BIN, Daemon, run_to_end
from miagent_tests.visitors import curl

V1_SETTINGS = Path(__file__).parent / "v1-settings"
DAEMONS = ["gatewayd", "agentd"]
V1_FILES = {"gatewayd": V1_SETTINGS / "config.json", "agentd": V1_SETTINGS / "agent.config.json"}


@pytest.mark.parametrize("daemon", DAEMONS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(daemon, option):
    done = run_to_end(daemon, option)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {daemon} ")
    for word in ("--config", "--check-config", "--token", "--log-format", "--version"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("daemon", DAEMONS)
@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(daemon, option):
    done = run_to_end(daemon, option)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(daemon + r" \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize("daemon", DAEMONS)
@pytest.mark.parametrize("arguments, complaint", [
    (["--confg", "x"], "--config"), (["--prot", "1"], "unknown option --prot"), (["--config"], "needs a value"),
    (["-z"], "unknown option -z"), (["one", "two"], "unexpected argument"), (["--help=yes"], "takes no value"),
])
def test_wrong_arguments_are_64(daemon, arguments, complaint):
    done = run_to_end(daemon, *arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert complaint in done.stderr and f"{daemon} --help" in done.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_v1_file_is_accepted_as_it_stands(daemon):
    done = run_to_end(daemon, "--check-config", "--config", V1_FILES[daemon])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("daemon, old, new, place, nearest", [
    ("gatewayd", "pathPrefix", "pathPrefx", ":5:1:", "pathPrefix"),
    ("gatewayd", "webService", "webServices", ":3:1:", "webService"),
    ("agentd", "gatewayUrl", "gatewayURL", ":3:1:", "gatewayUrl"),
    ("agentd", "port", "prot", ":6:1:", "port"),
])
def test_a_wrong_key_names_itself_its_line_and_the_nearest(tmp_path, daemon, old, new, place, nearest):
    file = tmp_path / "settings.json"
    file.write_text(V1_FILES[daemon].read_text().replace(f'"{old}"', f'"{new}"'))
    done = run_to_end(daemon, "--check-config", "--config", file)
    assert (done.returncode, done.stdout) == (78, "")
    [line] = [line for line in done.stderr.splitlines() if new in line]
    assert f"{file}{place}" in line and f'did you mean "{nearest}"' in line
    assert "your-" not in done.stderr  # the file's secrets


@pytest.mark.parametrize("daemon, old, new, complaint", [
    ("gatewayd", "30000", '"soon"', "timeoutMs"), ("gatewayd", "30000", "0", "timeoutMs"),
    ("gatewayd", "true", '"maybe"', "enabled"), ("gatewayd", '"/web"', '"web"', "pathPrefix"),
    ("gatewayd", '"your-token"', '""', "authToken"), ("gatewayd", '"your-token"', "{}", "authToken"),
    ("agentd", "4173", "65536", "webService.port"), ("agentd", "4173", '"http"', "webService.port"),
    ("agentd", '"my-agent"', '"my agent"', "agentId"), ("agentd", '"my-agent"', '".hidden"', "agentId"),
    ("agentd", "ws://gateway.example.com/agent", "gateway", "gatewayUrl"),
    ("agentd", "ws://", "ftp://", "gatewayUrl"), ("agentd", '"your-secret-token"', '"your secret"', "gatewayToken"),
])
def test_a_wrong_value_is_78_and_secrets_are_not_shown(tmp_path, daemon, old, new, complaint):
    file = tmp_path / "settings.json"
    file.write_text(V1_FILES[daemon].read_text().replace(old, new, 1))
    for arguments in (["--check-config"], []):
        done = run_to_end(daemon, *arguments, "--config", file)
        assert done.returncode == 78 and complaint in done.stderr and f"{file}:" in done.stderr
        assert "your-" not in done.stderr and "your secret" not in done.stderr


def settings_of(daemon):
    return {} if daemon == "gatewayd" else {"agentId": "a", "gatewayUrl": "ws://127.0.0.1:1/agent", "webService": {"port": 1}}


@pytest.mark.parametrize("daemon", DAEMONS)
@pytest.mark.parametrize("how", ["flag", "variable", "file", "token file", "name of the file", "blank"])
def test_an_empty_secret_is_78(tmp_path, daemon, how):
    settings, arguments, env = settings_of(daemon), [], {}
    if how in ("flag", "variable"):
        settings["gatewayToken"] = "of-the-file"
    if how == "flag":
        arguments = ["--token", ""]
    elif how == "variable":
        env = {"MIAGENT_GATEWAY_TOKEN": ""}
    elif how == "file":
        settings["gatewayToken"] = ""
    elif how == "token file":
        (tmp_path / "token").write_bytes(b"\xef\xbb\xbf\n")
        settings["gatewayTokenFile"] = str(tmp_path / "token")
    elif how == "name of the file":
        env = {"MIAGENT_GATEWAY_TOKEN_FILE": ""}
    else:
        env = {"MIAGENT_GATEWAY_TOKEN": " "}
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(settings))
    done = run_to_end(daemon, "--config", file, *arguments, environment=env)
    assert done.returncode == 78 and "token" in done.stderr.lower() and "of-the-file" not in done.stderr, done.stderr


@pytest.mark.parametrize("path", ["gatewayToken", "statusPage.authToken", "channels.webService.authToken", "agents.pi.token"])
def test_an_empty_list_of_secrets_is_78(tmp_path, path):
    settings = []
    for name in reversed(path.split(".")):
        settings = {name: settings}
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(settings))
    done = run_to_end("gatewayd", "--config", file)
    assert done.returncode == 78 and path in done.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_byte_order_mark_is_no_part_of_a_token(tmp_path, daemon):
    token, file = tmp_path / "token", tmp_path / "settings.json"
    token.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    file.write_text(json.dumps({**settings_of(daemon), "gatewayTokenFile": str(token)}))
    assert run_to_end(daemon, "--check-config", "--config", file).returncode == 0
    token.write_bytes("s3cr\u00e9t".encode())
    done = run_to_end(daemon, "--check-config", "--config", file)
    assert done.returncode == 78 and "not ASCII" in done.stderr and "s3cr" not in done.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
@pytest.mark.parametrize("text", ["", "{", "[]", '{"a":1', "\x00", "not json", '{"host":"a","host":"b"}'])
def test_files_that_are_no_settings_are_78(tmp_path, daemon, text):
    file = tmp_path / "settings.json"
    file.write_text(text)
    done = run_to_end(daemon, "--check-config", "--config", file)
    assert done.returncode == 78 and str(file) in done.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_file_that_is_not_there_is_78(tmp_path, daemon):
    done = run_to_end(daemon, "--config", tmp_path / "nothing.json")
    assert done.returncode == 78 and "nothing.json" in done.stderr


def test_all_problems_are_told_at_once(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text('{"prot": 1, "port": "x", "channels": {"webService": {"timeoutMs": -1}}}')
    done = run_to_end("gatewayd", "--check-config", "--config", file)
    assert len(done.stderr.splitlines()) == 3


@pytest.mark.parametrize("name, complaint", [
    ("MIAGENT_PROT", "MIAGENT_PORT"), ("MIAGENT_PORT", "must be a whole number"),
])
def test_wrong_variables_are_78(name, complaint):
    done = run_to_end("gatewayd", "--check-config", environment={name: "x"})
    assert done.returncode == 78 and complaint in done.stderr and name in done.stderr


@pytest.mark.parametrize("daemon", DAEMONS)
def test_token_files(tmp_path, daemon):
    base = ["--check-config", "--config", V1_FILES[daemon]]
    (tmp_path / "token").write_text("from-a-file\n")
    (tmp_path / "empty").write_text("\n")
    for name, code in (("token", 0), ("empty", 78), ("missing", 78)):
        done = run_to_end(daemon, *base, environment={"MIAGENT_GATEWAY_TOKEN_FILE": str(tmp_path / name)})
        assert done.returncode == code
        assert code == 0 or "gatewayTokenFile" in done.stderr or "MIAGENT_GATEWAY_TOKEN_FILE" in done.stderr


def test_a_port_in_use_is_1():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run_to_end("gatewayd", "--host", "127.0.0.1", "--port", port)
    assert done.returncode == 1 and str(port) in done.stderr


def test_two_gateways_on_one_port_are_1(start_gateway):
    gateway = start_gateway()
    done = run_to_end("gatewayd", "--host", "127.0.0.1", "--port", gateway.port)
    assert done.returncode == 1 and str(gateway.port) in done.stderr


def test_flags_go_before_variables_before_the_file(start_gateway):
    gateway = start_gateway(
        {"gatewayToken": "of-the-file", "publicUrl": "http://file.example"}, "--public-url", "http://flag.example",
        environment={"MIAGENT_PUBLIC_URL": "http://variable.example"})
    assert b"http://flag.example" in curl(gateway.url + "/").body


# An agent without a file


def test_agent_without_a_file(start_gateway, started, node):
    gateway = start_gateway({"gatewayToken": "t-secret", "publicUrl": "http://gateway.example.com"})
    agent = Daemon([
        BIN / "agentd", node.port, "--gateway", gateway.agent_url, "--token", "t-secret", "--id", "my-agent",
        "--log-level", "error"])
    try:
        first = agent.wait_for_line("->")
        assert first.string == f"http://gateway.example.com/web/my-agent/ -> http://localhost:{node.port}/"
        assert curl(f"{gateway.url}/web/my-agent/api/hello?a=b").status == 200
        assert curl(f"{gateway.url}/web/my-agent/nowhere", "--data-binary", "x").status == 404
        agent.wait_for_line(r"^200 GET /api/hello(\?a=b)? \d+ ms 31 B$")
        agent.wait_for_line(r"^404 POST /nowhere \d+ ms 13 B$")
    finally:
        assert agent.terminate() == 0
    assert [stream for stream, _ in agent.lines] == ["out"] * 3
    assert "t-secret" not in agent.output


def test_agent_without_a_service_to_reach_says_so(start_gateway, start_agent):
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    gateway = start_gateway()
    agent = start_agent(gateway, "my-agent", service_port=port)
    assert curl(f"{gateway.url}/web/my-agent/").error == "service-unreachable"
    assert str(port) in json.dumps(agent.wait_for_event("service.unreachable"))


@pytest.mark.parametrize("arguments", [[], ["8080"], ["--id", "x"]])
def test_agent_with_too_little_to_go_on_is_78(arguments):
    done = run_to_end("agentd", *arguments)
    assert done.returncode == 78 and "is required" in done.stderr
