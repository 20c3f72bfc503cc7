"""pebble, the test CA: https://github.com/letsencrypt/pebble. Its own server's certificate is made here; the certificates that it
issues chain to a root that it makes at each start. Its state is in memory: a pebble that is started again knows nobody."""

import json
import os
import re
import ssl
import subprocess
import urllib.request
from pathlib import Path

from miagent_tests.ports import free_port
from miagent_tests.waiting import eventually


def make_authority(folder):
    """A CA and a certificate for localhost by it: `ca.pem`, `cert.pem`, `key.pem`."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
    openssl("req", *curve[:-2], "-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
            "-extfile", "names", "-out", "cert.pem")


class Names:
    """A DNS server for which every name is 127.0.0.1."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01",
             "", "-dns01", f"127.0.0.1:{self.port}", "-management", f"127.0.0.1:{free_port()}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Pebble:
    """One CA that validates at `tls_port` and `http_port`. `variables`: PEBBLE_VA_NOSLEEP and the like."""

    def __init__(self, folder, names, tls_port, http_port, **variables):
        self.folder = Path(folder)
        self.authority = self.folder / "ca.pem"
        if not self.authority.exists():
            make_authority(self.folder)
        self.names = names
        self.port, self.management = free_port(), free_port()
        self.settings = self.folder / f"pebble-{self.port}.json"
        self.settings.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": "cert.pem", "privateKey": "key.pem", "httpPort": http_port, "tlsPort": tls_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
        self.variables = variables
        self.log = self.folder / f"pebble-{self.port}.log"
        self.process = None
        self.start()

    @property
    def directory(self):
        return f"https://localhost:{self.port}/dir"

    @property
    def settings_of_gateway(self):
        return {"directory": self.directory, "caFile": str(self.authority)}

    def start(self):
        variables = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "20", **self.variables}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["pebble", "-strict", "-config", self.settings.name, "-dnsserver", f"127.0.0.1:{self.names.port}"],
                cwd=self.folder, env={**os.environ, **variables}, stdout=log, stderr=log)
        self.root = eventually(self._root, "pebble serves")

    def _root(self):
        try:
            context = ssl.create_default_context(cafile=self.authority)
            with urllib.request.urlopen(f"https://localhost:{self.management}/roots/0", context=context, timeout=5) as reply:
                return reply.read().decode()
        except OSError:
            return None

    def stop(self):
        self.process.kill()
        self.process.wait()

    # What it has been asked for.

    def count(self, pattern):
        return len(re.findall(pattern, self.log.read_text()))

    @property
    def orders(self):
        return self.count(r"There are now \d+ orders in the db")

    @property
    def accounts(self):
        return self.count(r"There are now \d+ accounts in memory")
