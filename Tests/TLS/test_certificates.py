"""Certificates by themselves: the first one, those of agents, what strangers cannot bring about, power cuts, renewals, and a CA
that is not there."""

import json
import signal
import socket
import ssl
import stat
import threading
import time

import pytest

from conftest import DOMAIN
from helpers.client import Agent, certificate, connect, get, is_trusted
from miagent_tests.ports import free_port
from miagent_tests.waiting import eventually

SECONDS = 60


def until_trusted(place, pebble, name=DOMAIN):
    eventually(lambda: is_trusted(place.tls_port, name, pebble.root), f"{name} has a certificate", SECONDS)


def tokens(place):
    return json.loads((place.state / "tokens.json").read_text())


# The first certificate


def test_first_certificate_and_first_start(place):
    pebble = place.pebble(PEBBLE_WFE_NONCEREJECT="50")
    began = time.monotonic()
    gateway = place.gateway(pebble.settings_of_gateway)
    until_trusted(place, pebble)
    print(f"first certificate after {time.monotonic() - began:.2f} s")
    assert get(place.tls_port, DOMAIN, root=pebble.root) == (200, "ok\n")
    # What is kept is nobody else's.
    for path in (place.state, place.state / "acme"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    files = [path for path in place.state.rglob("*") if path.is_file()]
    assert len(files) >= 4 and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    assert not [path for path in files if path.name.startswith(".")]
    # The tokens are said once, and are what opens the gateway.
    agent_token, status_token = tokens(place)["agentToken"], tokens(place)["statusToken"]
    assert len(agent_token) == len(status_token) == 43 and agent_token != status_token
    gateway.wait_for_line(f"agentd 4173 --gateway wss://{DOMAIN} --token {agent_token}")
    assert f"https://{DOMAIN}/" in gateway.output and status_token in gateway.output
    assert get(place.tls_port, DOMAIN, "/.miagent/agents", pebble.root)[0] == 401
    bearer = [f"Authorization: Bearer {status_token}"]
    assert get(place.tls_port, DOMAIN, "/.miagent/agents", pebble.root, bearer)[0] == 200
    metrics = get(place.tls_port, DOMAIN, "/metrics", pebble.root, bearer)[1]
    line = next(line for line in metrics.splitlines() if line.startswith("miagent_certificate_expiry_seconds{"))
    assert f'name="{DOMAIN}"' in line and float(line.split()[-1]) > time.time()
    # A second start says nothing, and shows the same certificate from its first moment on.
    shown = certificate(place.tls_port, DOMAIN)
    assert gateway.terminate() == 0
    pebble.stop()
    again = place.gateway(pebble.settings_of_gateway)
    assert certificate(place.tls_port, DOMAIN) == shown
    assert agent_token not in again.output and tokens(place)["agentToken"] == agent_token


def test_first_certificate_over_http(place):
    pebble = place.pebble()
    began = time.monotonic()
    place.gateway({**pebble.settings_of_gateway, "challenges": ["http-01"]})
    until_trusted(place, pebble)
    print(f"first certificate by http-01 after {time.monotonic() - began:.2f} s")


def test_what_fails_by_tls_is_tried_over_http(place):
    pebble = place.pebble()
    gateway = place.gateway(pebble.settings_of_gateway, port=free_port())  # not where the CA looks
    eventually(lambda: is_trusted(gateway.port, DOMAIN, pebble.root), "a certificate", SECONDS)


def test_before_the_first_certificate_it_shows_its_own(place):
    gateway = place.gateway({"directory": "https://localhost:1/dir"})
    gateway.wait_for_event("certificate.self-signed")
    assert get(place.tls_port, DOMAIN) == (200, "ok\n")
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(place.tls_port, DOMAIN, place.authority())


# Agents


def test_an_agent_with_a_token_has_a_host_and_others_do_not(place):
    pebble = place.pebble()
    gateway = place.gateway(pebble.settings_of_gateway)
    until_trusted(place, pebble)
    assert pebble.orders == 1
    token = tokens(place)["agentToken"]
    wrong = Agent(place.tls_port, DOMAIN, "stranger", "wrong", pebble.root)
    assert wrong.status == 401
    agent = Agent(place.tls_port, DOMAIN, "Pi-4", token, pebble.root)
    assert agent.status == 101
    until_trusted(place, pebble, f"pi-4.{DOMAIN}")
    other = Agent(place.tls_port, DOMAIN, "no_host", token, pebble.root)  # no host name can have that
    assert other.status == 101
    assert get(place.tls_port, f"stranger.{DOMAIN}")[0] == 404
    assert pebble.orders == 2
    # After a restart, who visits an agent that is not here reads so, and is not warned of a wrong certificate.
    gateway.kill()
    place.gateway(pebble.settings_of_gateway)
    assert get(place.tls_port, f"pi-4.{DOMAIN}", "/", pebble.root)[0] in (404, 503)


def test_ten_thousand_names_that_strangers_ask_for(place):
    pebble = place.pebble()
    place.gateway(pebble.settings_of_gateway)
    until_trusted(place, pebble)
    orders = pebble.orders
    context = ssl._create_unverified_context()
    failures = []

    def ask(first):
        for number in range(first, 10_000, 4):
            name = f"{'git.' * (number % 3)}n{number}.{DOMAIN if number % 2 else 'example.org'}"
            try:
                connect_with(context, place.tls_port, name)
            except OSError as error:
                failures.append(error)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert pebble.orders == orders
    until_trusted(place, pebble)


def connect_with(context, port, name):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        with context.wrap_socket(raw, server_hostname=name):
            pass


# Power cuts


@pytest.mark.parametrize("event", ["acme.account", "acme.order", "acme.challenge", "acme.issued"])
def test_a_kill_after_each_step_and_it_goes_on(place, event):
    pebble = place.pebble(PEBBLE_VA_NOSLEEP="", PEBBLE_VA_SLEEPTIME="1")
    gateway = place.gateway(pebble.settings_of_gateway, logLevel="debug")
    gateway.wait_for_event(event, seconds=SECONDS)
    gateway.kill()
    place.gateway(pebble.settings_of_gateway)
    until_trusted(place, pebble)
    assert pebble.accounts == 1
    assert pebble.orders <= 2


def test_kills_at_any_moment(place):
    pebble = place.pebble()
    runs = 12
    for number in range(runs):
        place.state = place.folder / f"state-{number}"
        gateway = place.gateway(pebble.settings_of_gateway)
        time.sleep(0.1 * number)  # the moment is the test
        gateway.kill()
        again = place.gateway(pebble.settings_of_gateway)
        until_trusted(place, pebble)
        again.kill()
    print(f"{runs} kills, {pebble.accounts} accounts, {pebble.orders} orders")
    assert pebble.accounts == runs  # the key was on the disk before the CA heard of it
    assert pebble.orders <= 2 * runs


# Renewal


def make_due(place):
    """As if the certificate were two hours old, and the CA had said that it is to be renewed by now."""
    (file,) = (place.state / "acme").glob("*-certificate-*.json")
    stored = json.loads(file.read_text())
    now = int(time.time())
    stored["renewal"] = {"start": now - 200, "end": now - 100, "at": now - 150}
    file.write_text(json.dumps(stored))
    (file,) = (place.state / "acme").glob("*-ledger.json")
    ledger = json.loads(file.read_text())
    for issue in ledger["issues"]:
        issue["at"] -= 7_200
    file.write_text(json.dumps(ledger))


def test_renewal_without_a_failed_request(place):
    pebble = place.pebble()
    gateway = place.gateway(pebble.settings_of_gateway)
    until_trusted(place, pebble)
    first = certificate(place.tls_port, DOMAIN)
    assert gateway.terminate() == 0
    make_due(place)
    place.gateway(pebble.settings_of_gateway)
    requests = 0

    def is_renewed():
        nonlocal requests
        requests += 1
        assert get(place.tls_port, DOMAIN, root=pebble.root) == (200, "ok\n")
        return certificate(place.tls_port, DOMAIN) != first

    eventually(is_renewed, "a new certificate", SECONDS)
    print(f"{requests} requests while it was renewed")
    assert pebble.orders == 2


def test_a_certificate_that_is_due_is_shown_as_long_as_the_ca_is_down(place):
    pebble = place.pebble()
    gateway = place.gateway(pebble.settings_of_gateway)
    until_trusted(place, pebble)
    first = certificate(place.tls_port, DOMAIN)
    assert gateway.terminate() == 0
    make_due(place)
    pebble.stop()
    gateway = place.gateway(pebble.settings_of_gateway)
    gateway.wait_for_event("acme.unreachable", seconds=SECONDS)
    assert certificate(place.tls_port, DOMAIN) == first
    # It comes back knowing nobody: another account, and a certificate of another root. SIGHUP spares the waits between.
    pebble.start()
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_event("acme.account-replaced", seconds=SECONDS)
    assert certificate(place.tls_port, DOMAIN) == first
    gateway.signal(signal.SIGHUP)
    until_trusted(place, pebble)
    assert certificate(place.tls_port, DOMAIN) != first


# A CA that is down


def test_a_ca_that_is_down_at_the_first_start(place):
    pebble = place.pebble()
    pebble.stop()
    gateway = place.gateway(pebble.settings_of_gateway)
    gateway.wait_for_event("acme.unreachable", seconds=SECONDS)
    assert get(place.tls_port, DOMAIN) == (200, "ok\n")
    pebble.start()
    gateway.signal(signal.SIGHUP)
    until_trusted(place, pebble)


# Files


def test_a_torn_account_stops_orders_and_not_the_gateway(place):
    pebble = place.pebble()
    gateway = place.gateway(pebble.settings_of_gateway)
    until_trusted(place, pebble)
    first = certificate(place.tls_port, DOMAIN)
    assert gateway.terminate() == 0
    (account,) = (place.state / "acme").glob("*-account.json")
    account.write_bytes(account.read_bytes()[:40])
    gateway = place.gateway(pebble.settings_of_gateway)
    assert account.name in gateway.wait_for_event("acme.file-refused")["file"]
    assert certificate(place.tls_port, DOMAIN) == first
    assert pebble.accounts == 1
