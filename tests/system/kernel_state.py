#!/usr/bin/env python3
"""What a guest's kernel says of its modules, from collect-logs to the verdict, with real processes. Prints TAP.

usage: kernel_state.py BUILD"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from rig import BOOT, Rig, missing_tools
from tap import Tap

BUILD = os.path.abspath(sys.argv[1])
tap = Tap()

QUIET = {"proc/sys/kernel/tainted": "0\n", "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n", "proc/sys/kernel/modules_disabled": "0\n",
         "sys/module/module/parameters/sig_enforce": "N\n", "sys/module/loop/taint": "\n",
         "sys/kernel/security/lockdown": "none [integrity] confidentiality\n", "dev/kmsg": "6,1,2,-;Linux version 6.1.0-18-amd64\n"}
LOUD = dict(QUIET, **{"proc/sys/kernel/tainted": "12288\n", "sys/module/foreign/taint": "OE\n", "sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
                      "dev/kmsg": "5,812,9000000,-;evil: loading of module with unavailable key is rejected\n"})
UPDATED = dict(QUIET, **{"proc/sys/kernel/osrelease": "6.1.0-19-amd64\n", "sys/module/newdriver/taint": "\n"})
IDS = {"os.module_unsigned", "os.module_refused", "os.module_signatures_not_enforced", "os.lockdown_off", "os.kernel_tainted"}


def lay_out(root, files):
    shutil.rmtree(root, ignore_errors=True)
    for name, text in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)


def once(rig, work, files):
    """collect-logs, then a cycle of the daemon, which reads nothing of the kernel itself."""
    root = os.path.join(work, "kernel")
    lay_out(root, files)
    common = ["--endpoint", rig.endpoint, "--ca-file", rig.ca_file, "--fw-cfg", "", "--tcti", f"swtpm:path={rig.tpm_socket}", "--state-dir",
              os.path.join(work, "state"), "--run-dir", os.path.join(work, "run"), "--set", f"log.firmware={BOOT}", "--set", "run.sandbox=no"]
    collect = subprocess.run([rig.agent, "collect-logs", *common, "--set", f"kernel.root={root}"], capture_output=True, text=True, timeout=60)
    shutil.rmtree(root)
    run = subprocess.run([rig.agent, "run", *common, "--no-start-delay", "--cycles", "1"], capture_output=True, text=True, timeout=120)
    if collect.returncode or run.returncode:
        tap.note(collect.stderr + run.stderr)
    status = json.loads(rig.cli("status", "web1", "-o", "json").stdout)["properties"]
    text = json.dumps(status)
    return status["healthStatus"], status["trueboot"]["lastVerdict"]["kernelState"], {i for i in IDS if i in text}, run


def main():
    if missing_tools():
        tap.skip_all("kernel state", f"{missing_tools()[0]} is not installed")
    work = tempfile.mkdtemp(prefix="trueboot-kernel-")
    os.makedirs(os.path.join(work, "rig"))
    rig = Rig(BUILD, os.path.join(work, "rig"))
    try:
        health, state, ids, run = once(rig, work, QUIET)
        tap.check(health == "Healthy" and not ids, "a distribution's kernel with signed modules is Healthy, and nothing is said against it", f"{health} {ids} {run.stderr}")
        tap.check(state["moduleSignatures"] == {"is": "enforced", "proved": False} and state["lockdown"]["is"] == "integrity"
                  and state["taint"]["is"] == "none", "what it says is shown", state)
        words = rig.cli("status", "web1", "--explain", "-o", "table").stdout
        tap.check("enforced (the guest's own words)" in words, "as the guest's own words", words)

        health, state, ids, _ = once(rig, work, LOUD)
        tap.check(health == "Healthy" and ids == IDS, "what it says against itself is noted, and makes nothing Unhealthy", f"{health} {ids}")
        words = rig.cli("status", "web1", "--explain", "-o", "table").stdout
        tap.check("evil (its signer's key is not among the kernel's)" in words and "foreign" in words and "mokutil --import" in words,
                  "with the modules' names and what to do", words)

        health, state, ids, _ = once(rig, work, UPDATED)
        tap.check(health == "Healthy" and not ids, "another kernel with other signed modules raises nothing", f"{health} {ids}")

        evidence = os.path.join(work, "x.evidence.json")
        with open(evidence, "w") as f:
            f.write(rig.cli("evidence", "get", "web1").stdout)
        said = rig.cli("verify", evidence, "-o", "table").stdout
        tap.check("enforced (the guest's own words)" in said, "saved evidence keeps the words, off line, too", said)
        once_more = subprocess.run([rig.agent, "once", "--endpoint", rig.endpoint, "--ca-file", rig.ca_file, "--fw-cfg", "", "--tcti",
                                    f"swtpm:path={rig.tpm_socket}", "--state-dir", os.path.join(work, "state"), "--run-dir", os.path.join(work, "run"),
                                    "--set", f"log.firmware={BOOT}", "--set", "kernel.enable=no"], capture_output=True, text=True, timeout=120)
        state = json.loads(rig.cli("status", "web1", "-o", "json").stdout)["properties"]["trueboot"]["lastVerdict"]["kernelState"]
        tap.check(once_more.returncode == 0 and rig.health() == "Healthy", "a guest that is told to say nothing is as healthy", once_more.stderr)
        tap.note(state)
    finally:
        rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
