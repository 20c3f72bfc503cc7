"""The JSON Schemas of the settings, by a validator of another project: every settings file in the documents is valid and taken by its
daemon, a misspelled key and a wrong value are not."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from miagent_tests.daemons import run_to_end

ROOT = Path(__file__).parents[2]
DAEMONS = ["gatewayd", "agentd"]
V1_SETTINGS = Path(__file__).parent / "v1-settings"


def schema(daemon):
    return json.loads((ROOT / "Docs" / f"{daemon}.schema.json").read_text())


def strip(text):
    """JSON without comments and trailing commas; no string in the examples holds either."""
    text = re.sub(r"(?m)(^|\s)//.*$", "", text)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


def examples():
    """The fenced `jsonc` blocks of README and Docs, which are settings files, and the files of the protocol's first description."""
    found = [("gatewayd", "config.json", (V1_SETTINGS / "config.json").read_text()),
             ("agentd", "agent.config.json", (V1_SETTINGS / "agent.config.json").read_text())]
    for page in [ROOT / "README.md", *sorted((ROOT / "Docs").rglob("*.md"))]:
        for number, block in enumerate(re.findall(r"```jsonc\n(.*?)```", page.read_text(), re.DOTALL)):
            found.append(("agentd" if "gatewayUrl" in block else "gatewayd", f"{page.name}:{number}", block))
    return found


@pytest.mark.parametrize("daemon", DAEMONS)
def test_the_schema_is_one(daemon):
    jsonschema.Draft202012Validator.check_schema(schema(daemon))
    done = run_to_end(daemon, "--describe-settings=json-schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == schema(daemon)


def test_the_documents_have_examples_for_both():
    assert {daemon for daemon, name, _ in examples() if ".md" in name} == set(DAEMONS)


@pytest.mark.parametrize("daemon, name, text", examples(), ids=lambda value: value if len(value) < 30 else "")
def test_an_example_is_valid_and_taken(tmp_path, daemon, name, text):
    jsonschema.Draft202012Validator(schema(daemon)).validate(strip(text))
    # What the example names of the machine it is for, a machine of tests has not.
    token, folder = tmp_path / "token", tmp_path / "public"
    token.write_text("secret\n")
    folder.mkdir()
    file = tmp_path / "settings.json"
    file.write_text(text.replace("/etc/miagent/token", str(token)).replace("./public", str(folder)))
    done = run_to_end(daemon, "--check-config", "--config", file)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("daemon, settings, path", [
    ("gatewayd", {"gatewayTokn": "x"}, []),
    ("gatewayd", {"channels": {"webService": {"pathPrefx": "/"}}}, ["channels", "webService"]),
    ("gatewayd", {"agents": {"a": {"tokens": "x"}}}, ["agents", "a"]),
    ("gatewayd", {"port": 65536}, ["port"]), ("gatewayd", {"port": "3000"}, ["port"]),
    ("gatewayd", {"duplicateAgents": "fight"}, ["duplicateAgents"]),
    ("gatewayd", {"gatewayToken": ["a b"]}, ["gatewayToken", 0]), ("gatewayd", {"gatewayToken": []}, ["gatewayToken"]),
    ("gatewayd", {"statusPage": {"enabled": "yes"}}, ["statusPage", "enabled"]),
    ("gatewayd", {"limits": {"maxFields": 15}}, ["limits", "maxFields"]),
    ("agentd", {"agentID": "x"}, []), ("agentd", {"webService": {"prot": 1}}, ["webService"]),
    ("agentd", {"webService": {"routes": {"/": {"port": 0}}}}, ["webService", "routes", "/", "port"]),
    ("agentd", {"gatewayToken": "a,b"}, ["gatewayToken"]), ("agentd", {"protocol": "v3"}, ["protocol"]),
])
def test_a_mistake_is_found_where_it_is_by_schema_and_daemon(tmp_path, daemon, settings, path):
    errors = list(jsonschema.Draft202012Validator(schema(daemon)).iter_errors(settings))
    assert [list(error.absolute_path) for error in errors] == [path]
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"agentId": "a", "gatewayUrl": "ws://g"} | settings if daemon == "agentd" else settings))
    assert run_to_end(daemon, "--check-config", "--config", file).returncode == 78


def test_both_have_the_same_keys(tmp_path):
    """Every key that the schema has is one that the daemon knows: null counts as not given."""
    def nulls(node):
        if "properties" not in node:
            return {} if "additionalProperties" in node else None
        return {name: nulls(inner) for name, inner in node["properties"].items() if name != "$schema"}

    for daemon in DAEMONS:
        settings = nulls(schema(daemon))
        if daemon == "agentd":
            settings |= {"agentId": "a", "gatewayUrl": "ws://g", "webService": settings["webService"] | {"port": 1, "routes": None}}
        file = tmp_path / f"{daemon}.json"
        file.write_text(json.dumps(settings))
        done = run_to_end(daemon, "--check-config", "--config", file)
        assert (done.returncode, done.stderr) == (0, "")
