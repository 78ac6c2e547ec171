#!/usr/bin/env python3
"""A VM that alternates between two boots, both approved: server, agent and command line with a software TPM into which recorded boots are measured.
docs/operations.md, "Accepted boots". Prints TAP.

usage: accepted_boots.py BUILD"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BOOT, SOURCE, Rig, missing_tools  # noqa: E402
from tap import ok, tap  # noqa: E402

TITLE = "two accepted boots of one VM"
OTHER = os.path.join(SOURCE, "tests/data/boots/cmdline.log")


def boot(rig, log):
    """Switches off, boots so, and attests; the health after it."""
    rig.power_off()
    rig.power_on(log)
    time.sleep(1.1)  # the server takes a few calls a second from one VM
    done = subprocess.run([rig.agent, "run", "--cycles", "1", "--no-start-delay", "--fw-cfg", "", "--tcti", f"swtpm:path={rig.tpm_socket}", "--endpoint",
                           rig.endpoint, "--ca-file", rig.ca_file, "--state-dir", f"{rig.work}/state", "--run-dir", f"{rig.work}/run", "--set",
                           f"log.firmware={log}", "--set", "run.user=", "--set", "run.sandbox=no"], capture_output=True, text=True, timeout=60)
    return rig.health() if "evidence accepted" in done.stderr else done.stderr


def scenario(rig):
    def listed():
        return {row["version"]: row for row in json.loads(rig.cli("baseline", "list", "web1", "-o", "json").stdout)}

    def version():
        return json.loads(rig.cli("status", "web1", "-o", "json").stdout)["properties"]["trueboot"]["baselineVersion"]

    def decide(*words):
        return rig.cli("baseline", *words, "-o", "table")

    health = boot(rig, BOOT)
    ok("the first boot is learned", health == "Healthy" and list(listed()) == [1] and listed()[1]["by"] == "trueboot", health)
    health = boot(rig, OTHER)
    ok("another one is Unhealthy", health == "Unhealthy", health)
    done = decide("approve", "web1", "--reason", "the other entry")
    ok("approved, it is Healthy", done.returncode == 0 and "web1: Healthy" in done.stdout and version() == 2, done)
    for turn, (log, expected) in enumerate(((BOOT, 1), (OTHER, 2), (BOOT, 1), (OTHER, 2))):
        health = boot(rig, log)
        ok(f"turn {turn + 1}: Healthy, and it says which boot it is", health == "Healthy" and version() == expected, f"{health} {version()}")
    rows = listed()
    ok("the list says until when, and why", rows[1]["until"] and rows[1]["state"] == "accepted" and not rows[2]["until"] and rows[2]["reason"] == "the other entry", rows)
    done = decide("pin", "web1", "1")
    ok("a pin takes the end away", done.returncode == 0 and listed()[1]["pinned"] and not listed()[1]["until"], done)
    shown = decide("list", "web1").stdout
    ok("people see it in a table", "pinned" in shown and "the other entry" in shown and "VERSION" in shown, shown)
    done = decide("reject", "web1", "2", "--reason", "it has a hole")
    ok("rejected, the boot that runs is a finding at once", done.returncode == 0 and "web1: Unhealthy" in done.stdout and "baseline.withdrawn" in done.stdout, done)
    ok("what it deviates in is said with it, as one thing", "2. " not in done.stdout and "with it" in done.stdout, done.stdout)
    ok("a second time it is a conflict", decide("reject", "web1", "2").returncode == 6, "")
    ok("what never was is not found", decide("reject", "web1", "9").returncode == 3, "")
    health = boot(rig, BOOT)
    ok("the one that stayed is Healthy", health == "Healthy" and version() == 1, health)
    health = boot(rig, OTHER)
    ok("the rejected one is not, whenever it is booted", health == "Unhealthy", health)
    done = decide("approve", "web1", "--replace", "--reason", "x" + "é" * 40)
    ok("approved alone it is the only one", done.returncode == 0 and rig.health() == "Healthy" and [v for v, row in listed().items() if row["state"] == "accepted"] == [3], done)
    shown = decide("list", "web1").stdout
    ok("a long reason is cut between characters, and marked", f" x{'é' * 19}… " in shown, shown)
    health = boot(rig, BOOT)
    ok("and the other is not accepted any more", health == "Unhealthy", health)


def main():
    missing = missing_tools()
    if missing:
        tap.skip_all(TITLE, f"{missing[0]} is not installed")
    work, rig = tempfile.mkdtemp(prefix="trueboot-accepted-"), None
    try:
        rig = Rig(os.path.abspath(sys.argv[1]), work)
        scenario(rig)
    except (RuntimeError, OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        ok("the scenario went on to its end", False, repr(error))
    finally:
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
