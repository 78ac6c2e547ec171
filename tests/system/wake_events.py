#!/usr/bin/env python3
"""What makes a daemon attest before its time (guest-agent.md 1.3): being asked, a new configuration, a default route that appears. And who is not asked.
In a network of its own, where this may be made. Prints TAP.

usage: wake_events.py BUILD_FOLDER"""
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
    tap.skip_all("wake-events", "not installed: " + " ".join(missing_tools()))
ALONE = "TRUEBOOT_TEST_ALONE"
if ALONE not in os.environ and os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip"):
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0:
        os.execvpe("unshare", ["unshare", "-n", sys.executable, *sys.argv], dict(os.environ, **{ALONE: "1"}))
if ALONE in os.environ:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def main():
    work = tempfile.mkdtemp(prefix="trueboot-wake-")
    rig = agent = None
    try:
        os.makedirs(f"{work}/rig")
        rig = Rig(sys.argv[1], f"{work}/rig")
        conf, status_file = f"{work}/agent.conf", f"{work}/run/out/status.json"

        def configure(**keys):
            keys = {"attest.endpoint": rig.endpoint, "net.ca_file": rig.ca_file, "tpm.tcti": f"swtpm:path={rig.tpm_socket}", "state.dir": f"{work}/state",
                    "run.dir": f"{work}/run", "log.firmware": BOOT, "run.sandbox": "no", **{k.replace("__", "."): v for k, v in keys.items()}}
            with open(conf, "w") as f:
                f.write("".join(f"{k} = {v}\n" for k, v in keys.items()))

        def status():
            try:
                with open(status_file) as f:
                    return json.load(f)
            except (OSError, ValueError):
                return {}

        def start():
            log = open(f"{work}/agent.log", "ab")
            return subprocess.Popen([rig.agent, "run", "--no-start-delay", "--config", conf, "--fw-cfg", ""], stdout=log, stderr=log,
                                    env={**os.environ, "TSS2_LOG": "all+none"})

        def once():
            return subprocess.run([rig.agent, "once", "--via-daemon", "--config", conf, "--fw-cfg", ""], capture_output=True, text=True, timeout=160)

        configure()
        done = once()
        tap.check(done.returncode == 3 and "no daemon" in done.stderr and not done.stdout, "where no daemon runs, once --via-daemon says so", done)

        agent = start()
        until(60, lambda: status().get("lastReportTime"))
        before = status()
        time.sleep(1.1)  # times are told in seconds
        done = once()
        answer = json.loads(done.stdout or "{}")
        tap.check(done.returncode == 0 and answer.get("lastVerdict") == "accepted" and answer["lastVerdictTime"] > before["lastVerdictTime"],
                  "a daemon that is asked attests at once, and its status is printed", (done, before))
        token = open(f"{work}/state/token.jwt").read()
        tap.check(token.count(".") == 2 and os.stat(f"{work}/state/token.jwt").st_mode & 0o777 == 0o600 and token not in done.stdout,
                  "its token lies in its folder, and is not printed")

        before = status()
        time.sleep(1.1)
        configure(report__resource_id="another")
        agent.send_signal(signal.SIGHUP)
        tap.check(until(60, lambda: status().get("startedTime", "") > before["startedTime"] and status().get("lastReportTime")) and agent.poll() is None,
                  "a new configuration is read and attested with at once", status())
        before = status()
        time.sleep(1.1)
        with open(conf, "a") as f:
            f.write("no.such_key = 1\n")
        agent.send_signal(signal.SIGHUP)
        tap.check(until(60, lambda: status().get("startedTime", "") > before["startedTime"] and status().get("lastReportTime")) and agent.poll() is None
                  and b"no.such_key" in open(f"{work}/agent.log", "rb").read(), "one that cannot be read is said, and the daemon goes on with the one it has", status())

        # The server is nobody's that we trust: a permanent error, and the next attempt is hours away.
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Other", "-days", "5", "-keyout",
                        f"{work}/other.key", "-out", f"{work}/other.pem"], check=True, capture_output=True)
        configure(net__ca_file=f"{work}/other.pem", report__heartbeat="24h")
        agent.send_signal(signal.SIGHUP)
        failed = until(60, lambda: (status().get("failure") or {}).get("code") == "TLS_UNTRUSTED" and status().get("state") == "backoff")
        kept = json.load(open(f"{work}/state/state.json"))
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6 * 3600))
        tap.check(failed and status()["nextAttestationTime"] > now and kept["backoff"] == "PERIOD" and kept["nextDueTime"] > now,
                  "a certificate that is not trusted is tried again at the usual time, and that is written down", (status(), kept))
        name = "a default route that appears makes it try after five seconds"
        if ALONE in os.environ:
            before = status()
            subprocess.run(["ip", "route", "add", "default", "dev", "lo"], check=True)
            tap.check(until(120, lambda: status().get("lastFailureTime", "") > before["lastFailureTime"]), name, (before, status()))
            before, log = status(), open(f"{work}/agent.log", "rb").read().count(b"attesting")
            for _ in range(5):
                subprocess.run(["ip", "route", "del", "default"], check=True)
                subprocess.run(["ip", "route", "add", "default", "dev", "lo"], check=True)
            time.sleep(12)
            tap.check(status()["lastFailureTime"] == before["lastFailureTime"], "and not again within a minute, however often it comes", (before, status(), log))
        else:
            tap.skip(name, "no network of our own can be made here")
        done = once()
        tap.check(done.returncode == 64 and json.loads(done.stdout)["failure"]["code"] == "TLS_UNTRUSTED", "what is in its way is its exit code, whatever the last verdict was", done)

        # A status that was left behind names a process that is somebody else's by now.
        agent.send_signal(signal.SIGKILL)
        agent.wait(20)
        innocent = subprocess.Popen(["sleep", "100"])
        try:
            left = status()
            left["pid"] = innocent.pid
            with open(status_file, "w") as f:
                json.dump(left, f)
            done = once()
            tap.check(done.returncode == 3 and innocent.poll() is None, "a process that only has its number is not signalled", done)
        finally:
            innocent.kill()
            innocent.wait()
    finally:
        if agent and agent.poll() is None:
            agent.kill()
            agent.wait()
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
