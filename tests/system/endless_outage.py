#!/usr/bin/env python3
"""An outage without end, with the waiting made short: the agent's memory stays flat, its log small, its status says what is wrong, its heartbeat stays
fresh, and what it could not send stays within its limits (guest-agent.md 8.4, 15 no. 6). Prints TAP.

usage: endless_outage.py BUILD_FOLDER"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from rig import listens, until
from tap import ok, tap

AGENT = f"{sys.argv[1]}/src/agent/trueboot-agent"
EARLY, LATE, SECONDS = 6, 24, 170  # cycles that failed, and how long we wait for them at most

if not shutil.which("swtpm"):
    tap.skip_all("an endless outage", "swtpm is not installed")


def private_kib(pid):
    """Private dirty memory: what only this process costs."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(next(line.split()[1] for line in f if line.startswith("Private_Dirty:")))


def descriptors(pid, seconds=4):
    """What is open: {number: where it leads} in two parts: what was open at every one of many looks, and what only some of them saw."""
    always, seen = None, {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        now = {}
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                now[number] = os.readlink(f"/proc/{pid}/fd/{number}")
            except OSError:
                pass  # closed since
        seen.update({(n, t): None for n, t in now.items()})
        always = set(now.items()) if always is None else always & set(now.items())
        time.sleep(0.002)
    return always, set(seen) - always


def is_of_a_cycle(folder, target):
    """What a cycle holds for a moment: the connection to the TPM (and the library that makes it), a file of its own that it writes, the folder of that
    file, which is synchronised, too."""
    own = any(target == d or target.startswith(d + "/") for d in (f"{folder}/state", f"{folder}/run"))
    return own or target.startswith("socket:") or "libtss2-tcti" in target or target == "/etc/ld.so.cache"


def read_json(path):
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return {}


with tempfile.TemporaryDirectory() as folder:
    os.makedirs(f"{folder}/tpm")
    tpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}/tpm", "--server", f"type=unixio,path={folder}/tpm.sock",
                            "--ctrl", f"type=unixio,path={folder}/tpm.sock.ctrl", "--flags", "startup-clear"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(60, lambda: listens(tpm, 2), pause=0.02)
    log = open(f"{folder}/log", "wb")
    keys = {"attest.endpoint": "https://127.0.0.1:9", "attest.frequency": "1s", "report.heartbeat": "1s", "tpm.tcti": f"swtpm:path={folder}/tpm.sock",
            "state.dir": f"{folder}/state", "run.dir": f"{folder}/run", "log.firmware": "", "log.systemd": ""}
    agent = subprocess.Popen([AGENT, "run", "--no-start-delay", "--fw-cfg", "", *(f"--set={k}={v}" for k, v in keys.items())], stdout=log, stderr=log,
                             env={**os.environ, "TSS2_LOG": "all+none"})
    try:
        def status():
            return read_json(f"{folder}/run/out/status.json") or read_json(f"{folder}/run/status.json")

        def wait_for(cycles):
            end = time.monotonic() + SECONDS
            while status().get("failedCycles", 0) < cycles and time.monotonic() < end and agent.poll() is None:
                time.sleep(0.2)
            return status().get("failedCycles", 0) >= cycles

        early = wait_for(EARLY)
        ok(f"{EARLY} cycles fail one after the other", early, status())
        memory, (files, passing), size = private_kib(agent.pid), descriptors(agent.pid), os.path.getsize(log.name)
        late = wait_for(LATE)
        ok(f"and {LATE}", late, status())
        ok("it still runs", agent.poll() is None)
        grown = private_kib(agent.pid) - memory
        ok("its memory did not grow", grown < 256, f"{memory} KiB, then {grown} more")
        open_now, passing_now = descriptors(agent.pid)
        ok("no file stayed open: the same ones as before are", open_now == files, f"{sorted(files)}, then {sorted(open_now)}")
        strange = [x for x in passing | passing_now if not is_of_a_cycle(folder, x[1])]
        ok("what was open for a moment was a cycle's own", bool(passing | passing_now) and not strange, strange or "nothing was seen: no cycle ran")
        more = os.path.getsize(log.name) - size
        ok("its log hardly grew", more < (LATE - EARLY) * 1000 and open(log.name, "rb").read().count(b"cycle failed") <= 2, f"{size} bytes, then {more} more")
        now = status()
        ok("its status names class and number", now.get("failure", {}).get("code") == "CONNECT_REFUSED" and now["failure"].get("number") == 6404, now)
        ok("and since when", bool(now.get("failingSince")), now)
        beat = f"{folder}/run/out/heartbeat.json"
        before = os.stat(beat).st_mtime_ns if os.path.exists(beat) else 0
        end = time.monotonic() + 100
        while os.path.exists(beat) and os.stat(beat).st_mtime_ns == before and time.monotonic() < end:
            time.sleep(0.2)
        ok("its heartbeat stays fresh", os.path.exists(beat) and os.stat(beat).st_mtime_ns != before)
        spool = os.listdir(f"{folder}/state/spool")
        first = read_json(f"{folder}/state/spool/first.json")
        ok("sixteen reports at most are kept", len([n for n in spool if n != "first.json"]) <= 16, spool)
        ok("and all are counted, with the first error", first.get("count", 0) >= EARLY and first.get("code") == "CONNECT_REFUSED", first)
        ok("no evidence lies there", not any(b"quote" in open(f"{folder}/state/spool/{n}", "rb").read() for n in spool))
        agent.send_signal(signal.SIGTERM)
        ok("it ends when told to", agent.wait(20) == 0)
    finally:
        for p in (agent, tpm):
            if p.poll() is None:
                p.kill()
                p.wait()
sys.exit(tap.done())
