#!/usr/bin/env python3
"""The units and the filter: what systemd thinks of them, whether the unit's list of system calls is the one that we load ourselves, and
whether the whole flow (enrol, attest, report) gets along with it. Prints TAP.

usage: units.py BUILD UNDER_FILTER PACKAGE.zip"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

from rig import BOOT, SOURCE, Rig, Tap, missing_tools

BUILD, UNDER_FILTER, PACKAGE = (os.path.abspath(a) for a in sys.argv[1:4])
MOST = 1.8
tap = Tap()


def skip(name, why):
    tap.n += 1
    print(f"ok {tap.n} - {name} # SKIP {why}")


def groups():
    """Every set of systemd, resolved."""
    text = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    sets, current = {}, None
    for line in text.splitlines():
        if line.startswith("@"):
            current = sets.setdefault(line.strip(), [])
        elif not line.startswith(" "):
            current = None
        elif current is not None and not line.strip().startswith("#"):
            current.append(line.strip())

    def resolve(name):
        return {name} if not name.startswith("@") else set().union(*(resolve(n) for n in sets[name]))

    return {name: resolve(name) for name in sets}


def unit_list(unit, sets):
    allowed = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        named = set().union(*(sets[w] if w.startswith("@") else {w} for w in words.lstrip("~").split()))
        allowed = allowed - named if words.startswith("~") else allowed | named
    return allowed


def exposure(work):
    name = "the daemon's unit is exposed no more than 1.8"
    if not shutil.which("systemd-analyze"):
        skip(name, "systemd-analyze is not installed")
        skip("the filter that we load is the unit's", "systemd-analyze is not installed")
        return
    unit = os.path.join(work, "units/trueboot-agent.service")
    out = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True).stdout
    level = re.search(r"exposure level for \S+: ([0-9.]+)", out)
    tap.check(level is not None and float(level.group(1)) <= MOST, name, out)
    ours = set(re.findall(r"X\((\w+)\)", open(os.path.join(SOURCE, "src/agent/syscalls.h")).read().split("DAEMON_SYSCALLS(X)")[1]))
    theirs = unit_list(open(unit).read(), groups())
    tap.check(ours == theirs and len(ours) > 100, "the filter that we load is the unit's", f"only here: {ours - theirs}; only there: {theirs - ours}")


def package(work):
    with zipfile.ZipFile(PACKAGE) as z:
        names = z.namelist()
        z.extractall(work)
        modes = {i.filename: i.external_attr >> 16 & 0o777 for i in z.infolist()}
    os.chmod(os.path.join(work, "bin/trueboot-agent"), 0o755)
    wanted = {"HandlerManifest.json", "bin/trueboot-agent"} | {f"units/trueboot-agent{n}" for n in
                                                              (".service", "-collect.service", "-publish.service", "-publish.path", "-publish.timer")}
    tap.check(set(names) == wanted, "the package holds manifest, program and units, and nothing else", names)
    tap.check(modes["bin/trueboot-agent"] == 0o755, "the program may be run", modes)
    manifest = json.load(open(os.path.join(work, "HandlerManifest.json")))
    commands = [manifest[0]["handlerManifest"][verb + "Command"].split() for verb in ("install", "enable", "update", "disable", "uninstall")]
    tap.check(all(c[0] in names for c in commands) and len({c[1] for c in commands}) == 5, "the manifest's commands are in it", commands)
    version = subprocess.run([os.path.join(work, "bin/trueboot-agent"), "version"], capture_output=True, text=True).stdout
    tap.check(os.path.basename(PACKAGE) == f"GuestAttestation-{version.split()[-1]}.zip", "its name has the program's version", version)
    tap.check(not re.search(r"@\w+@", "".join(open(os.path.join(work, n)).read() for n in names if n.startswith("units/"))), "no unit has a hole")


def reproducible(work):
    maker = os.path.join(SOURCE, "packaging/extension/make_package")
    units = [os.path.join(work, "units", n) for n in sorted(os.listdir(os.path.join(work, "units")))]
    made = []
    for name in ("one.zip", "two.zip"):
        subprocess.run([sys.executable, maker, os.path.join(work, "bin/trueboot-agent"), os.path.join(work, "HandlerManifest.json"),
                        *(units if name == "one.zip" else reversed(units)), os.path.join(work, name)], check=True)
        made.append(open(os.path.join(work, name), "rb").read())
        for unit in units:
            os.utime(unit, (1, 1))
    tap.check(made[0] == made[1], "the same files make the same package, byte for byte")


def under_filter(work):
    name = "the whole flow gets along with the filter"
    if missing_tools():
        return skip(name, f"{missing_tools()[0]} is not installed")
    rig = Rig(BUILD, os.path.join(work, "rig"))
    try:
        common = ["--endpoint", rig.endpoint, "--ca-file", rig.ca_file, "--fw-cfg", "", "--tcti", f"swtpm:path={rig.tpm_socket}", "--state-dir",
                  os.path.join(work, "state"), "--run-dir", os.path.join(work, "run"), "--set", f"log.firmware={BOOT}", "--set",
                  f"log.dir={work}", "--set", "run.sandbox=no"]
        run = subprocess.run([UNDER_FILTER, rig.agent, "run", *common, "--no-start-delay", "--cycles", "1"], capture_output=True, text=True, timeout=120)
        status = json.load(open(os.path.join(work, "run/out/status.json")))
        tap.check(run.returncode == 0 and status["lastVerdict"] == "accepted" and status["lastReportTime"], name, f"{run.returncode}\n{run.stderr}\n{status}")
        tap.check(rig.health() == "Healthy", "and the server says Healthy", rig.health())
        once = subprocess.run([UNDER_FILTER, rig.agent, "once", *common], capture_output=True, text=True, timeout=120)
        tap.check(once.returncode == 0 and once.stdout.count(".") == 2, "so does a single attestation", once.stderr)
        own = subprocess.run([rig.agent, "run", *common[:-2], "--no-start-delay", "--cycles", "1"], capture_output=True, text=True, timeout=120)
        tap.check(own.returncode == 0 and "no system call filter" not in own.stderr, "the daemon loads the filter itself", own.stderr)
    finally:
        rig.close()
    refused = subprocess.run([UNDER_FILTER, "/usr/bin/env", "nice", "-n", "5", "true"], capture_output=True)
    tap.check(refused.returncode in (-31, 159), "under it another system call is the end of the process", refused.returncode)


def main():
    work = tempfile.mkdtemp(prefix="trueboot-units-")
    try:
        os.makedirs(os.path.join(work, "rig"))
        package(work)
        reproducible(work)
        exposure(work)
        under_filter(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
