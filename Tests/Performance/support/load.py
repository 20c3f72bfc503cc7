"""Load, and what it saw: wrk for many requests, curl for large transfers."""

import json
import os
import re
import subprocess
import tempfile
import threading

from support.chains import BUILD

MIB, GIB = 1 << 20, 1 << 30

SCRIPT = """
done = function(s, l, r)
  local e = s.errors
  io.write(string.format('\\nJSON{"us":%d,"requests":%d,"bytes":%d,"p50":%d,"p99":%d,"bad":%d}\\n', s.duration, s.requests,
    s.bytes, l:percentile(50), l:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class LoadFailed(Exception):
    """The load did not get what it asked for, so its figures mean nothing."""


def run(command, seconds, stdin=None):
    """What a generator printed, and the CPU seconds that it used."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        _, code, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(code)
        out.seek(0)
        return out.read().decode(), usage.ru_utime + usage.ru_stime


def requests(url, connections, seconds, *fields, script=SCRIPT):
    """wrk for that long."""
    path = BUILD / "done.lua"
    path.write_text(script)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(path)]
    for field in fields:
        command += ["-H", field]
    text, cpu = run([*command, url], seconds + 30)
    found = re.search(r"JSON(\{.*\})", text)
    if not found:
        raise LoadFailed(f"wrk: {text.strip()[-300:]}")
    seen = json.loads(found[1])
    if not seen["requests"] or seen["bad"] > 50 + seen["requests"] // 100:
        raise LoadFailed(f"wrk: {seen['bad']} of {seen['requests']} requests went wrong")
    rate = seen["requests"] / seen["us"] * 1e6
    return {"requests": seen["requests"], "bytes": seen["bytes"], "per_second": rate, "p50": seen["p50"], "p99": seen["p99"],
            "mib_per_second": seen["bytes"] / seen["us"] * 1e6 / MIB, "load_cpu": cpu}


def handshakes(port, path, seconds, is_resumed=False, clients=4):
    """Connections with TLS 1.2, each with one request, by so many clients at once: OpenSSL's own meter."""
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-www", path, "-time", str(seconds), "-tls1_2",
               "-reuse" if is_resumed else "-new"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(clients)]
    count, used = 0, 0.0
    for process in started:
        text = process.communicate()[0]
        found = re.search(r"(\d+) connections in (\d+) real seconds, ", text)
        if not found:
            raise LoadFailed(f"openssl s_time: {text.strip()[-200:]}")
        count += int(found[1])
        used += float(re.search(r"connections in ([\d.]+)s;", text)[1])
    return {"requests": count, "bytes": 0, "per_second": count / seconds, "mib_per_second": 0, "load_cpu": used}


def transfers(url, size, seconds, is_upload=False):
    """Whole transfers on fresh connections, one after the other, for at least that long."""
    count, took, used = 0, 0.0, 0.0
    while took < seconds:
        command = ["curl", "-sSk", "--max-time", "60", "-w", "\n%{http_code} %{size_download} %{time_total}"]
        if is_upload:  # of a length that is not said beforehand
            with subprocess.Popen(["head", "-c", str(size), "/dev/zero"], stdout=subprocess.PIPE) as source:
                command += ["-T", "-", "-X", "POST", "-H", "Expect:", f"{url}/sink"]
                text, cpu = run(command, 90, source.stdout)
        else:
            text, cpu = run([*command, "-o", "/dev/null", f"{url}/bytes/{size}"], 90)
        body, _, tail = text.rpartition("\n")
        words = tail.split()
        if len(words) != 3 or words[0] != "200":
            raise LoadFailed(f"curl: {text.strip()[-200:]}")
        if f'"bytes":{size}' not in body if is_upload else int(words[1]) != size:
            raise LoadFailed(f"curl: not {size} bytes: {body[-80:]} {tail}")
        count, took, used = count + 1, took + float(words[2]), used + cpu
    return {"requests": count, "bytes": count * size, "per_second": count / took, "mib_per_second": count * size / took / MIB,
            "load_cpu": used}
