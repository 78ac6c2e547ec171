#!/usr/bin/env python3
"""The agent's package in a Debian VM with systemd as PID 1, Secure Boot and a vTPM: units as shipped, restarts, a reboot, suspend, clock jumps,
upgrade, reset, purge. The server runs here, the VM reaches it as 10.0.2.2. Prints TAP.

usage: systemd_vm.py BUILD"""
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "debian_vm")]
from guest import PATIENCE, deb, play  # noqa: E402
from rig import UUID, until  # noqa: E402
from tap import ok, tap  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
TITLE = "the agent under systemd in a real VM"


def next_version(work):
    """The same content under a higher version, as an upgrade brings it."""
    folder, path = os.path.join(work, "next"), os.path.join(work, "next.deb")
    subprocess.run(["dpkg-deb", "-R", deb(BUILD), folder], check=True)
    control = os.path.join(folder, "DEBIAN/control")
    text = open(control).read()
    with open(control, "w") as f:
        f.write(re.sub(r"^(Version: .*)$", r"\1+next", text, flags=re.M))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder, path], check=True, stdout=subprocess.DEVNULL)
    return path


def quiet(guest, when):
    """Nothing failed, nothing was refused."""
    failed = guest.run("systemctl list-units --failed --no-legend --plain").out.strip()
    ok(f"no unit has failed {when}", failed == "", failed + guest.journal())
    lines = guest.run("journalctl -b -k --no-pager | grep -E 'type=(1326|1400)' | grep trueboot-agent").out.splitlines()
    # clone3, behind which the C library has clone, and seccomp, behind which stands the unit's own filter
    refused = [line for line in lines if not re.search(r"type=1326 .* sig=0 .* syscall=(435|317) ", line)]
    ok(f"no system call was refused and nothing killed {when}", not refused, "\n".join(refused))
    ok(f"the filter's refusals are seen at all {when}", lines, "SYSTEMD_LOG_SECCOMP is not in force: the check above says nothing")


def installed(guest):
    """Nobody says where the server is but the hypervisor's item, which the kernel shows to root only."""
    guest.run("mkdir -p /root/p && tar xf /dev/disk/by-id/virtio-payload -C /root/p")
    done = guest.run("dpkg -i /root/p/agent.deb")
    ok("the package installs in a running system", done.code == 0, done)
    units = "trueboot-agent.service trueboot-agent-collect.path trueboot-agent-publish.path trueboot-agent-publish.timer"
    ok("its units are enabled and started", guest.run(f"systemctl is-enabled {units} && systemctl is-active {units}").code == 0, guest.journal())
    status = guest.verdict_after()
    ok("told by its host where the server is, it enrols, attests and reports without an operator's step", status.get("lastVerdict") == "accepted" and status.get("failure") is None, f"{status}\n{guest.journal()}")
    ok("the server says Healthy", guest.server_says(), guest.explained())
    return status


def sandboxed(guest, status):
    seen = dict(line.split(":", 1) for line in guest.run(f"cat /proc/{status.get('pid')}/status").out.splitlines() if ":" in line)
    user = guest.run("id -u trueboot-agent").out.strip()
    ok("the daemon runs as its own user, with no capability and no way to get one",
       seen.get("Uid", "").split() == [user] * 4 and not int(seen.get("CapBnd", "1"), 16) and not int(seen.get("CapEff", "1"), 16)
       and seen.get("NoNewPrivs", "").strip() == "1", seen)
    ok("the unit's system call filter is in force", seen.get("Seccomp", "").strip() == "2" and int(seen.get("Seccomp_filters", "0")) > 1, seen)
    mounts = {f[4]: f[5].split(",") for f in (line.split() for line in guest.run(f"cat /proc/{status.get('pid')}/mountinfo").out.splitlines()) if len(f) > 5}
    ok("it sees the file system read-only but for its own folders", "ro" in mounts.get("/", []) and all(
        "rw" in mounts.get(path, []) for path in ("/run/trueboot-agent", "/var/lib/trueboot-agent", "/var/log/trueboot-agent")), mounts)
    owners = guest.run("stat -c '%U:%G %a %n' /run/trueboot-agent /run/trueboot-agent/out /run/trueboot-agent/bios.log /run/trueboot-agent/ids.json /var/lib/trueboot-agent "
                       "/dev/tpmrm0").out.splitlines()
    ok("root collects for it, and it owns what is its own", owners == [
        "trueboot-agent:trueboot-agent 750 /run/trueboot-agent", "root:trueboot-agent 1770 /run/trueboot-agent/out", "root:trueboot-agent 640 /run/trueboot-agent/bios.log",
        "root:trueboot-agent 640 /run/trueboot-agent/ids.json", "trueboot-agent:trueboot-agent 700 /var/lib/trueboot-agent", "tss:tss 660 /dev/tpmrm0"], owners)
    ok("the publisher has run and found nothing to do", guest.show("Result", "trueboot-agent-publish.service") == "success"
       and guest.show("ExecMainExitTimestampMonotonic", "trueboot-agent-publish.service") != "0", guest.journal())
    guest.run("systemctl start trueboot-agent-collect.service")
    ok("the collector runs in its own sandbox", guest.show("Result", "trueboot-agent-collect.service") == "success", guest.journal())


def diagnosed(guest):
    until(90, lambda: "Normal" in guest.run("chronyc tracking").out, pause=2)
    done = guest.run("trueboot-agent diagnose --attest --json --bundle /root/bundle.tar")
    try:
        checks = json.loads(done.out[:done.out.rindex("}") + 1])["checks"]
    except ValueError:
        return ok("diagnose passes in a healthy VM", False, done)
    bad = [c for c in checks if c["result"] not in ("PASS", "SKIP")]
    skipped = {c["id"] for c in checks if c["result"] == "SKIP"}
    ok("diagnose passes every check in a healthy VM", done.code == 0 and not bad, bad)
    ok("it skips only what a plain service without IMA has not", skipped <= {"HND.02", "HND.03", "HND.04", "HND.05", "HND.06", "LOG.03"} and len(checks) > 40, skipped)
    text = guest.run("trueboot-agent diagnose | tail -n 1").out
    ok("its last line says so", "in order" in text, text)
    names = guest.run("tar tf /root/bundle.tar && tar xOf /root/bundle.tar trueboot-diagnose/journal.log | head -n 40").out
    ok("the bundle holds the results, the journal and the event log", all(n in names for n in ("diagnosis.json", "journal.log", "eventlog.bin", "attesting")), names)
    leak = guest.run("tar xOf /root/bundle.tar | grep -aE 'eyJ[A-Za-z0-9_-]{20,}|PRIVATE KEY'")
    ok("and no token or key", leak.code == 1, leak.out[:300])


def restarted(guest):
    before = guest.status()
    guest.run("systemctl kill -s KILL trueboot-agent.service")
    after = guest.verdict_after(before.get("pid"))
    ok("killed, it is started again and attests", after.get("lastVerdict") == "accepted" and guest.show("NRestarts") == "1", f"{after}\n{guest.journal()}")
    ok("with the same key", after.get("akName") == before.get("akName") is not None, [before, after])
    said = guest.run("trueboot-agent diagnose --json").out
    ok("diagnose tells the restart", any(c["id"] == "UNIT.02" and c["result"] == "WARN" for c in json.loads(said)["checks"]), said)
    guest.run("mkdir -p /run/systemd/system/trueboot-agent.service.d && printf '[Service]\\nWatchdogSec=30\\nRestartSec=1\\n' "
              ">/run/systemd/system/trueboot-agent.service.d/test.conf && systemctl daemon-reload && systemctl restart trueboot-agent")
    alive = guest.verdict_after(after.get("pid"))
    time.sleep(40)
    ok("a daemon that works feeds its watchdog, however short", alive.get("pid") and guest.show("MainPID") == str(alive["pid"]), guest.journal())
    guest.run("systemctl kill -s STOP trueboot-agent.service")
    again = guest.verdict_after(alive.get("pid"))
    ok("one that hangs is ended by the watchdog and started again", again.get("lastVerdict") == "accepted" and "Watchdog timeout" in guest.journal(), guest.journal())
    guest.run("rm -r /run/systemd/system/trueboot-agent.service.d && systemctl daemon-reload")


def upgraded(guest):
    guest.run("mkdir -p /etc/trueboot-agent/agent.conf.d && echo 'report.alerts = no' >/etc/trueboot-agent/agent.conf.d/60-mine.conf")
    before, kept = guest.status(), guest.run("cat /var/lib/trueboot-agent/ak.crt /var/lib/trueboot-agent/ak.json /etc/trueboot-agent/agent.conf.d/* | sha256sum").out
    done = guest.run("dpkg -i /root/p/next.deb")
    ok("an upgrade in the running VM needs no answer", done.code == 0, done)
    after = guest.verdict_after(before.get("pid"))
    ok("the new version runs and attests", after.get("lastVerdict") == "accepted" and after.get("pid") != before.get("pid"), f"{after}\n{guest.journal()}")
    ok("identity and settings are kept", kept == guest.run("cat /var/lib/trueboot-agent/ak.crt /var/lib/trueboot-agent/ak.json /etc/trueboot-agent/agent.conf.d/* | sha256sum").out
       and after.get("akName") == before.get("akName"), [before, after])


def rebooted(guest, vm, boot):
    resets, name = guest.last_verdict()["resetCount"], guest.status().get("akName")
    boot = vm.reboot(boot)
    status = guest.verdict_after()
    ok("after a reboot it attests by itself", status.get("lastVerdict") == "accepted" and status.get("bootId") == boot and not status.get("notes"), f"{status}\n{guest.journal()}")
    ok("with the same key, one reset later", status.get("akName") == name and guest.last_verdict()["resetCount"] == resets + 1, guest.last_verdict())
    ok("and the server says Healthy of the new boot", guest.server_says(), guest.explained())
    quiet(guest, "after the reboot")
    return boot


def clock_jumped(guest):
    guest.run("systemctl stop chrony && date -s '+2 hours'")
    ok("a clock that jumped is noted, with the distance", "ahead of the server" in (until(120, lambda: guest.notes().get("CLOCK_SKEW"), pause=3) or ""), f"{guest.status()}\n{guest.journal()}")
    done = json.loads(guest.run("trueboot-agent diagnose --json").out)
    ok("diagnose names the clock as the cause", "time" in done["cause"] and "CLK.01" in done["cause"], done["cause"])
    ok("the verdict does not depend on the guest's clock", guest.server_says(), guest.explained())
    guest.run("date -s '-2 hours' && systemctl start chrony")
    ok("set right, it is noted no more", until(150, lambda: "CLOCK_SKEW" not in guest.notes() and guest.status().get("failure") is None, pause=3), f"{guest.status()}\n{guest.journal()}")


def slept(guest, vm):
    count = guest.last_verdict()["restartCount"]
    vm.start_command("echo mem >/sys/power/state")
    if not until(60, lambda: vm.qmp("query-status")["return"]["status"] == "suspended", pause=0.5):
        return tap.skip("the VM suspends to memory", "it did not fall asleep: " + guest.run("journalctl -k -n 5 --no-pager").out.replace("\n", " "))
    time.sleep(10)
    vm.qmp("system_wakeup")  # and no alarm of the VM's own clock, which has passed unheard where falling asleep took longer
    if not until(PATIENCE, lambda: answers(vm), pause=1):
        tap.skip("the VM wakes", "the emulator does not bring it back: " + str(vm.qmp("query-status")) + vm.console()[-300:].replace("\n", " "))
        vm.end()
        vm.start()
        return vm.wait_for_boot()
    ok("after suspend and resume it attests at once", until(90, lambda: "resumed: attesting" in guest.journal(), pause=3), guest.journal())
    ok("the TPM's restart is what the server sees", until(60, lambda: guest.last_verdict()["restartCount"] == count + 1, pause=2), guest.last_verdict())
    ok("and is no reason for concern", guest.server_says() and not guest.status().get("notes"), guest.status())


def answers(vm):
    try:
        vm.synchronise()
        return True
    except OSError:
        return False


def wiped(guest):
    done = guest.run("trueboot-agent reset")
    left = guest.run("ls -A /var/lib/trueboot-agent; find /run/trueboot-agent -type f ! -name lock; grep -rl " + UUID + " /var/lib/trueboot-agent /run/trueboot-agent /var/log/trueboot-agent").out
    ok("reset before a template is captured stops the daemon and leaves nothing of this machine", done.code == 0 and guest.show("ActiveState") == "inactive" and left == "", f"{done}\n{left}")
    ok("nor its key in the TPM", "0x81000003" not in guest.run("trueboot-agent diagnose --offline | grep KEY.02").out, guest.run("trueboot-agent diagnose --offline | grep KEY").out)


def purged(guest):
    quiet(guest, "before the package goes")
    done = guest.run("dpkg -P trueboot-agent")
    left = guest.run("find / -xdev -name '*trueboot*' -not -path '/proc/*' -not -path '/root/*'; find /run -name '*trueboot*'; systemctl list-units --all --no-legend 'trueboot*'").out
    ok("purged, nothing of it is left", done.code == 0 and left.strip() == "" and "warning" not in done.out, f"{done}\n{left}")


def scenario(guest):
    vm = guest.vm
    vm.start()
    boot = guest.started()
    status = installed(guest)
    sandboxed(guest, status)
    diagnosed(guest)
    quiet(guest, "in the first boot")
    restarted(guest)
    upgraded(guest)
    rebooted(guest, vm, boot)
    clock_jumped(guest)
    slept(guest, vm)
    wiped(guest)
    purged(guest)


if __name__ == "__main__":
    sys.exit(play(TITLE, BUILD, scenario, lambda work: {"next.deb": next_version(work)}))
