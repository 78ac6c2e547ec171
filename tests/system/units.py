#!/usr/bin/env python3
"""The units and the filter: what systemd thinks of them, whether the unit's list of system calls is the one that we load ourselves, and
whether the whole flow (enrol, attest, report) gets along with it. Prints TAP.

usage: units.py BUILD UNDER_FILTER PACKAGE.zip"""
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

from rig import BOOT, SOURCE, Rig, missing_tools, until
from tap import tap

BUILD, UNDER_FILTER, PACKAGE = (os.path.abspath(a) for a in sys.argv[1:4])
MOST = 1.8


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
        tap.skip(name, "systemd-analyze is not installed")
        tap.skip("the filter that we load is the unit's", "systemd-analyze is not installed")
        return
    unit = os.path.join(work, "units/trueboot-agent.service")
    out = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True).stdout
    level = re.search(r"exposure level for \S+: ([0-9.]+)", out)
    tap.check(level is not None and float(level.group(1)) <= MOST, name, out)
    ours = set(re.findall(r"X\((\w+)\)", open(os.path.join(SOURCE, "src/agent/daemon/syscalls.h")).read().split("DAEMON_SYSCALLS(X)")[1]))
    theirs = unit_list(open(unit).read(), groups())
    tap.check(ours == theirs and len(ours) > 100, "the filter that we load is the unit's", f"only here: {ours - theirs}; only there: {theirs - ours}")


def programs():
    """A small Debian has a shell, and no /bin/kill: a unit that names another program fails there, and only when it is reloaded."""
    folder = os.path.join(SOURCE, "packaging/systemd")
    lines = [(name, line) for name in sorted(os.listdir(folder)) if name.endswith(".in") for line in re.findall(r"^Exec\w+=(.*)$", open(os.path.join(folder, name)).read(), re.M)]
    others = [(name, line) for name, line in lines if line.lstrip("+-@!:").split()[0] not in ("PROGRAM@", "@PROGRAM@", "/bin/sh")]
    tap.check(len(lines) >= 6 and not others, "units start our programs and the shell, and nothing that may be missing", others or lines)


def package(work):
    with zipfile.ZipFile(PACKAGE) as z:
        names = z.namelist()
        z.extractall(work)
        modes = {i.filename: i.external_attr >> 16 & 0o777 for i in z.infolist()}
    os.chmod(os.path.join(work, "bin/trueboot-agent"), 0o755)
    wanted = {"HandlerManifest.json", "bin/trueboot-agent"} | {f"units/trueboot-agent{n}" for n in
                                                              (".service", "-collect.service", "-collect.path", "-publish.service", "-publish.path", "-publish.timer")}
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


def client(work, rig):
    """The published client's command line, with its two files."""
    alias, folder = os.path.join(work, "AszAttestationClient"), os.path.join(work, "client")
    os.symlink(rig.agent, alias)
    os.makedirs(os.path.join(folder, "events"))
    status, beat = os.path.join(folder, "0.status"), os.path.join(folder, "HeartBeat.Json")
    env = dict(os.environ, TRUEBOOT_AGENT_ROOT=os.path.join(work, "client-root"), TRUEBOOT_AGENT_TPM_TCTI=f"swtpm:path={rig.tpm_socket}",
               TRUEBOOT_AGENT_LOG_FIRMWARE=BOOT, TRUEBOOT_AGENT_NET_CA_FILE=rig.ca_file)
    with open(os.path.join(work, "client.log"), "wb") as log:
        process = subprocess.Popen([alias, "-a", rig.endpoint, "-r", rig.endpoint, "-l", folder, "-h", beat, "-s", status, "-e", "events", "-v", "1.0.1.30",
                                    "-c", "/subscriptions/x", "-d", "tenant"], env=env, stdout=log, stderr=log)
    try:
        done = until(60, lambda: os.path.exists(status) and "Last verdict: Healthy" in open(status).read())
        tap.check(done and json.load(open(beat))[0]["heartbeat"]["status"] == "Ready", "the published client's command line works, with its two files",
                  open(os.path.join(work, "client.log")).read())
        tap.check(os.path.exists(os.path.join(folder, "trueboot-agent.log")) and until(20, lambda: os.listdir(os.path.join(folder, "events"))),
                  "and its log and events folder", os.listdir(os.path.join(work, "client-root/run/trueboot-agent/out/events")))
        pid = process.pid
        seen = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
        tap.check(seen["Seccomp"].strip() == "2" and seen["NoNewPrivs"].strip() == "1", "it runs under the filter", seen)
    finally:
        process.terminate()
        process.wait(20)


def other_user(work, rig, common):
    """Started by root without a service manager, the daemon becomes somebody else."""
    name = "started by root, the daemon becomes a user without privileges"
    if os.geteuid() != 0:
        return tap.skip(name, "only root can start it so")
    user = pwd.getpwnam("nobody")
    os.chmod(work, 0o755)
    os.chmod(rig.work, 0o755)
    os.chmod(rig.data, 0o711)
    for name_of in (rig.tpm_socket, rig.tpm_socket + ".ctrl"):
        os.chmod(name_of, 0o666)
    root = os.path.join(work, "other-root")
    env = dict(os.environ, TRUEBOOT_AGENT_ROOT=root)
    options = [o for i, o in enumerate(common) if not ({"--state-dir", "--run-dir"} & {o, common[i - 1]}) and not (o == "--set" and common[i + 1].startswith("log.dir"))
               and not o.startswith("log.dir")]
    with open(os.path.join(work, "other.log"), "wb") as log:
        process = subprocess.Popen([rig.agent, "run", *options, "--set", "run.user=nobody", "--no-start-delay"], env=env, stdout=log, stderr=log)
    out = os.path.join(root, "run/trueboot-agent/out/status.json")
    try:
        until(60, lambda: os.path.exists(out) and json.load(open(out)).get("lastVerdict"))
        seen = dict(line.split(":", 1) for line in open(f"/proc/{process.pid}/status") if ":" in line)
        tap.check(seen["Uid"].split() == [str(user.pw_uid)] * 4 and int(seen["CapEff"], 16) == 0 and int(seen["CapPrm"], 16) == 0 and seen["Seccomp"].strip() == "2"
                  and "0" not in seen["Groups"].split(), name, seen)
        limit = re.search(r"Max core file size\s+(\d+)\s+(\d+)", open(f"/proc/{process.pid}/limits").read())
        tap.check(limit is not None and limit.groups() == ("0", "0"), "and leaves no core file")
        tap.check(json.load(open(out)).get("lastVerdict") == "accepted", "and attests", open(os.path.join(work, "other.log")).read())
        tap.check(os.stat(os.path.join(root, "var/lib/trueboot-agent")).st_uid == user.pw_uid and os.stat(os.path.dirname(out)).st_uid == 0,
                  "its state is its own, the folder for its status is root's")
        tap.check(os.path.exists(os.path.join(root, "run/trueboot-agent/bios.log")), "root has copied the log for it")
        via = subprocess.run([rig.agent, "once", "--via-daemon"], env=env, capture_output=True, text=True, timeout=120)
        tap.check(via.returncode == 0 and json.loads(via.stdout)["lastVerdict"] == "accepted", "it attests when it is asked to", via.stderr + via.stdout)
        before = json.load(open(out))["startedTime"]
        time.sleep(1.1)  # it is told in seconds
        process.send_signal(signal.SIGHUP)
        again = until(60, lambda: json.load(open(out))["startedTime"] != before and json.load(open(out)).get("lastReportTime"))
        tap.check(again and process.poll() is None, "told to, it reads its configuration again and stays the same process", open(out).read())
    finally:
        process.terminate()
        process.wait(20)
    reset = subprocess.run([rig.agent, "reset", "--tcti", f"swtpm:path={rig.tpm_socket}"], env=env, capture_output=True, text=True, timeout=60)
    left = [os.path.join(at, n) for at, _, names in os.walk(root) for n in names if n != "lock"]
    tap.check(reset.returncode == 0 and not left, "reset wipes identity, state and copied logs", f"{left} {reset.stderr}")


def nobody_to_become(work, rig, common):
    """Root, and no user of ours: an explicit one is asked for, the usual one is missed loudly, and who means it may say so."""
    name = "a user that does not exist is an error where it was named"
    if os.geteuid() != 0:
        return tap.skip(name, "only root can start it so")

    def run(*options):
        folders = ["--state-dir", os.path.join(work, "missed-state"), "--run-dir", os.path.join(work, "missed-run")]
        done = subprocess.run([rig.agent, "run", *common, *folders, "--no-start-delay", "--cycles", "1", *options], capture_output=True, text=True, timeout=120)
        status = os.path.join(work, "missed-run/out/status.json")
        return done, json.load(open(status)) if os.path.exists(status) else {}

    done, status = run("--set", "run.user=trueboot-nobody-is-called-so")
    tap.check(done.returncode == 53 and "there is no user trueboot-nobody-is-called-so" in done.stderr and not status, name, (done, status))
    done, status = run("--set", "run.user=root")
    tap.check(done.returncode == 0 and status["privileged"] and "runs as root" not in done.stderr, "run.user = root is taken at its word", (done, status))
    try:
        pwd.getpwnam("trueboot-agent")
    except KeyError:
        done, status = run()
        tap.check(done.returncode == 0 and status["privileged"] and "level=warning msg=\"the daemon runs as root" in done.stderr,
                  "without its user it runs as root and says so, in its log and in its status", (done, status))


def under_filter(work):
    name = "the whole flow gets along with the filter"
    if missing_tools():
        return tap.skip(name, f"{missing_tools()[0]} is not installed")
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
        twice = subprocess.run([UNDER_FILTER, "--gently", rig.agent, "run", *common[:-2], "--no-start-delay", "--cycles", "1"], capture_output=True, text=True,
                               timeout=120)
        tap.check(twice.returncode == 0 and "no system call filter" not in twice.stderr, "under the unit's filter it is content with that one", twice.stderr)
        client(work, rig)
        other_user(work, rig, common[:-2])
        nobody_to_become(work, rig, common[:-2])
    finally:
        rig.close()
    refused = subprocess.run([UNDER_FILTER, "/usr/bin/env", "nice", "-n", "5", "true"], capture_output=True)
    tap.check(refused.returncode in (-31, 159), "under it another system call is the end of the process", refused.returncode)


def main():
    work = tempfile.mkdtemp(prefix="trueboot-units-")
    try:
        os.makedirs(os.path.join(work, "rig"))
        programs()
        package(work)
        reproducible(work)
        exposure(work)
        under_filter(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
