"""Responses and requests that break off never look whole: not when the service dies, nor the agent, nor the visitor. curl says 18
(bytes are missing) or 56 (the connection broke)."""

import socket
import subprocess
import tempfile
from pathlib import Path

from miagent_tests.waiting import eventually
from support.chain import chain

CUT = (18, 56)


def measure(report, scale):
    for victim in ("service", "agent", "gateway"):
        for framing in ("length", "chunked"):
            with chain("streams.py") as tunnel:
                code = download_and_kill(tunnel, framing, getattr(tunnel, victim))
                what = f"{victim} is killed within a response ({framing}): curl's exit code"
                report.add(what, " or ".join(map(str, CUT)), str(code), code in CUT)
    with chain("streams.py") as tunnel:
        cut_upload(report, tunnel)


def download_and_kill(tunnel, framing, victim):
    """curl's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "body"
        curl = subprocess.Popen([
            "curl", "-q", "-sS", "-N", "--noproxy", "*", "--max-time", "20", "-o", file,
            f"http://127.0.0.1:{tunnel.port}{tunnel.prefix}/half?framing={framing}"], stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: file.exists() and file.stat().st_size == 65_536, "the first half of the response")
            victim.kill()
            return curl.wait(20)
        finally:
            curl.kill()
            curl.wait()


def cut_upload(report, tunnel):
    with socket.create_connection(("127.0.0.1", tunnel.port), 10) as visitor:
        head = f"POST {tunnel.prefix}/take?id=up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        visitor.sendall(head.encode() + b"5\r\nhello\r\n")
        eventually(lambda: "up" in tunnel.service.get("/written"), "the request at the service")
    eventually(lambda: "up" in tunnel.service.get("/closed"), "its end")
    report.equal("a visitor leaves within a chunked request: whole at the service", 0, tunnel.service.get("/written")["up"])
