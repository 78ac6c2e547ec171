#!/usr/bin/env python3
"""A machine where nothing happens: a further attestation gives the publisher no occasion and makes no connection, and between attestations the daemon
sleeps (guest-agent.md 11.4).
Prints TAP.

usage: steady.py BUILD_FOLDER [SECONDS]     SECONDS: how long to count wake-ups (default 5)"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BOOT, Rig, missing_tools, until  # noqa: E402
from tap import Tap  # noqa: E402

tap = Tap()
if missing_tools():
    tap.skip_all("steady", "not installed: " + " ".join(missing_tools()))
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5


def wakeups(pid):
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))
    return total


def sockets(pid):
    links = (os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
    return {link for link in links if link.startswith("socket:")}


def main():
    work = tempfile.mkdtemp(prefix="trueboot-steady-")
    rig = None
    try:
        os.makedirs(f"{work}/rig")
        rig = Rig(sys.argv[1], f"{work}/rig", "--profile", "default", "--set", "limits.request_seconds=2")
        keys = {"attest.endpoint": rig.endpoint, "net.ca_file": rig.ca_file, "tpm.tcti": f"swtpm:path={rig.tpm_socket}", "state.dir": f"{work}/state",
                "run.dir": f"{work}/run", "log.firmware": BOOT, "run.sandbox": "no"}
        with open(f"{work}/agent.conf", "w") as f:
            f.write("".join(f"{k} = {v}\n" for k, v in keys.items()))

        def status():
            try:
                with open(f"{work}/run/out/status.json") as f:
                    return json.load(f)
            except (OSError, ValueError):
                return {}

        def changed():
            try:
                s = os.stat(f"{work}/run/out/changed")
                return s.st_ino, s.st_mtime_ns, s.st_ctime_ns
            except OSError:
                return None

        with open(f"{work}/daemon.out", "wb") as log:
            daemon = subprocess.Popen([rig.agent, "run", "--config", f"{work}/agent.conf", "--fw-cfg", "", "--no-start-delay"], stdout=log, stderr=log)
        try:
            def attest():
                before = status().get("lastReportTime")
                time.sleep(1.1)  # the time is told in seconds
                daemon.send_signal(signal.SIGUSR1)
                return until(60, lambda: status().get("lastReportTime") not in (before, None))

            tap.check(until(60, lambda: status().get("lastReportTime")), "the machine attests and reports", status())
            tap.check(attest() and changed(), "and again; the publisher had its occasions", (status(), changed()))
            before, told = changed(), status()["lastReportTime"]
            tap.check(attest() and attest() and status()["lastReportTime"] != told, "two further attestations leave their times in the status", status())
            tap.check(changed() == before, "and give the publisher no occasion", (before, changed()))
            until(10, lambda: wakeups(daemon.pid) == (time.sleep(0.5) or wakeups(daemon.pid)))
            count = wakeups(daemon.pid)
            time.sleep(SECONDS)
            count = wakeups(daemon.pid) - count
            print(f"# {count} wake-ups in {SECONDS} s")
            tap.check(count <= 1 + SECONDS // 60, "between attestations it sleeps", count)
            before = sockets(daemon.pid)
            tap.check(attest(), "it attests once more, long after the server closes what others left open")
            after = sockets(daemon.pid)
            tap.check(before and after == before, "over the connection that it had", (before, after))
        finally:
            daemon.terminate()
            daemon.wait(20)
    finally:
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
