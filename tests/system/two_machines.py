#!/usr/bin/env python3
"""A VM's disk and vTPM are copied while it is off, and both run: two agents, two software TPMs with one state, one server. The counters of such copies
run side by side; what the monitor finds them by is that their boots take turns (guest-agent.md 9.4 CLONE). Prints TAP.

usage: two_machines.py BUILD"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BOOT, SOURCE, Rig, listens, missing_tools, until  # noqa: E402
from tap import ok, tap  # noqa: E402

TITLE = "two machines with one TPM's state"


class Machine:
    """A TPM's state, an agent's state, and a boot id that its kernel would have."""

    def __init__(self, rig, name, boot):
        self.rig, self.folder, self.boot = rig, f"{rig.work}/{name}", boot
        os.makedirs(self.folder)
        with open(f"{self.folder}/boot_id", "w") as f:
            f.write(boot + "\n")

    def power_on(self):
        socket = f"{self.folder}/s"
        tpm = self.rig.start("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}/tpm", "--server", f"type=unixio,path={socket}", "--ctrl",
                             f"type=unixio,path={socket}.ctrl", "--flags", "startup-clear")
        if not until(60, lambda: listens(tpm, 2), pause=0.02):
            raise RuntimeError("swtpm does not answer")
        subprocess.run([os.path.join(SOURCE, "demo/replay_log"), BOOT], env=dict(os.environ, TPM2TOOLS_TCTI=f"swtpm:path={socket}"), check=True, timeout=60)

    def attest(self):
        agent = [self.rig.agent, "run", "--cycles", "1", "--no-start-delay", "--fw-cfg", "", "--tcti", f"swtpm:path={self.folder}/s", "--endpoint", self.rig.endpoint,
                 "--ca-file", self.rig.ca_file, "--state-dir", f"{self.folder}/state", "--run-dir", f"{self.folder}/run", "--set", f"log.firmware={BOOT}",
                 "--set", "run.user=", "--set", "run.sandbox=no"]
        return subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {self.folder}/boot_id /proc/sys/kernel/random/boot_id && exec \"$@\"", "sh", *agent],
                              capture_output=True, text=True, timeout=60)


def reasons(rig):
    shown = json.loads(rig.cli("status", "web1", "-o", "json").stdout)["properties"]["trueboot"]["reasons"]
    return {r["code"]: r["message"] for r in shown if r["severity"] not in ("info", "low")}


def scenario(rig):
    original, copy = (Machine(rig, name, f"{digit * 8}-6f0b-4f33-9c0e-61a1b2c3d4e5") for name, digit in (("original", "1"), ("copy", "2")))
    for m in (original, copy):
        shutil.copytree(f"{rig.work}/tpm", f"{m.folder}/tpm")
    original.power_on()
    first = original.attest()
    ok("the original attests and is Healthy", first.returncode == 0 and rig.health() == "Healthy", first.stderr)
    shutil.copytree(f"{original.folder}/state", f"{copy.folder}/state")
    copy.power_on()
    for turn, machine in enumerate((copy, original, copy, original)):
        done = machine.attest()
        ok(f"turn {turn + 1}: the evidence is accepted, each for itself", done.returncode == 0 and "evidence accepted" in done.stderr, done.stderr)
        time.sleep(1.1)  # the server takes a few calls a second from one VM
    found = reasons(rig)
    ok("boots that take turns are two machines, and both are named", original.boot in found.get("tpm.identity_duplicated", "") and copy.boot in found["tpm.identity_duplicated"], found)
    ok("the VM is Unhealthy", rig.health() == "Unhealthy", rig.health())
    original.attest()
    ok("and stays so, whoever attests", rig.health() == "Unhealthy", rig.health())
    approved = rig.cli("baseline", "approve", "web1")
    ok("with the copy gone a person's approval makes it Healthy", approved.returncode == 0 and rig.health() == "Healthy", f"{approved}\n{reasons(rig)}")


def main():
    missing = missing_tools() or [tool for tool in ("unshare", "mount") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        tap.skip_all(TITLE, f"{missing[0]} is not installed" if missing else "only root can give a process another boot id")
    if subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
        tap.skip_all(TITLE, "no mount namespaces here")
    work, rig = tempfile.mkdtemp(prefix="trueboot-two-"), None
    try:
        rig = Rig(os.path.abspath(sys.argv[1]), work)
        rig.power_off()  # the rig's TPM: its state goes to both
        scenario(rig)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        ok("the scenario went on to its end", False, repr(error))
    finally:
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
