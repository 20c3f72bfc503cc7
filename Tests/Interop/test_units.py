"""The systemd units in Docs/Deploy: systemd itself finds nothing wrong with them, and little that they could do without."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from miagent_tests.daemons import BIN, run_to_end

UNITS = sorted((Path(__file__).resolve().parents[2] / "Docs" / "Deploy").glob("*.service"))


@pytest.fixture(params=UNITS, ids=lambda unit: unit.name)
def unit(request, tmp_path):
    """A copy of the unit that starts the daemon under test, since none is installed on this machine."""
    copy = tmp_path / request.param.name
    copy.write_text(request.param.read_text().replace("/usr/local/bin/", f"{BIN}/"))
    return copy


def analyze(*arguments):
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True, timeout=30,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "info", "SYSTEMD_COLORS": "0"})


def test_both_daemons_have_a_unit():
    assert [unit.name for unit in UNITS] == ["agentd.service", "gatewayd.service"]


def test_verify_is_clean(unit):
    done = analyze("verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_exposure_is_low(unit):
    done = analyze("security", "--offline=true", "--threshold=20", unit)
    assert done.returncode == 0, done.stdout[-300:]


def test_exit_codes_that_do_not_mend_themselves_are_not_retried(unit):
    text = unit.read_text()
    assert "RestartPreventExitStatus=64 78\n" in text and "Restart=on-failure\n" in text
    daemon = unit.stem
    assert run_to_end(daemon, "--no-such-option").returncode == 64
    assert run_to_end(daemon, "--config", "/no/such/file").returncode == 78


def test_every_credential_is_read(unit):
    """%d/NAME is a credential that is loaded, and the variable that names it is one that the daemon knows."""
    text = unit.read_text()
    loaded = re.findall(r"^LoadCredential=([\w-]+):", text, re.M)
    used = dict(re.findall(r"^Environment=(MIAGENT_\w+)=%d/([\w-]+)$", text, re.M))
    assert loaded and sorted(loaded) == sorted(used.values())
    settings = unit.with_suffix(".json")
    settings.write_text('{"agentId": "a", "gatewayUrl": "ws://localhost/agent"}' if unit.stem == "agentd" else "{}")
    token = unit.with_suffix(".token")
    token.write_text("token-in-a-credential\n")
    for variable in used:
        good = run_to_end(unit.stem, "--check-config", "--config", settings, environment={variable: str(token)})
        assert good.returncode == 0, good.stderr
        missing = run_to_end(unit.stem, "--check-config", "--config", settings, environment={variable: "/no/such/file"})
        assert missing.returncode == 78
