"""What tests in the Debian VM share: making VM, server and payload, asking the agent in it. Not a test itself."""
import glob
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import vm as machine
from rig import until
from tap import ok, tap

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 300  # seconds; everything is emulated, and the unit's CPU quota counts


class TimeServer(threading.Thread):
    """SNTP (RFC 4330) for the VM's chrony: this machine's own time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def run(self):
        while True:
            request, sender = self.socket.recvfrom(512)
            now = time.time() + 2208988800
            stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
            if len(request) >= 48:
                self.socket.sendto(b"\x24\x01\x00\xec" + bytes(8) + b"LOCL" + stamp + request[40:48] + stamp + stamp, sender)


CLOCK = TimeServer()


def deb(build):
    found = [d for d in glob.glob(os.path.join(build, "deb/trueboot-agent_*.deb")) if "+next" not in d]
    return found[0] if found else None


def endpoint(rig):
    """The server, as the VM reaches it."""
    return f"https://10.0.2.2:{rig.port}"


class Guest:
    """What is asked of the VM again and again."""

    def __init__(self, vm, rig):
        self.vm, self.rig = vm, rig

    def run(self, command, seconds=PATIENCE):
        return self.vm.run(command, seconds)

    def started(self):
        """From power-on until the boot is done and its clock is right; the boot's id."""
        boot = self.vm.wait_for_boot()
        self.vm.write("/etc/chrony/conf.d/test.conf", f"server 10.0.2.2 port {CLOCK.port} iburst minpoll 2 maxpoll 4\nmakestep 1 -1\n")
        self.run("systemctl restart chrony")
        return boot

    def status(self):
        try:
            return json.loads(self.run("trueboot-agent status 2>/dev/null || /usr/local/lib/trueboot-agent/trueboot-agent status").out)
        except ValueError:
            return {}

    def notes(self):
        return {n["code"]: n["message"] for n in self.status().get("notes", [])}

    def show(self, name, unit="trueboot-agent.service"):
        return self.run(f"systemctl show {unit} -p {name} --value").out.strip()

    def verdict_after(self, pid=None, seconds=PATIENCE):
        """Of a daemon with another pid than the one named: its status once it has reported a verdict."""
        def found():
            s = self.status()
            return s if s.get("pid") != pid and s.get("lastReportTime") and s.get("lastVerdict") else None
        return until(seconds, found, pause=3) or {}

    def server_says(self, wanted="Healthy"):
        return until(60, lambda: self.rig.health() == wanted, pause=1)

    def properties(self):
        return json.loads(self.rig.cli("status", "web1", "-o", "json").stdout)["properties"]

    def last_verdict(self):
        return self.properties()["trueboot"]["lastVerdict"]

    def explained(self):
        return self.rig.cli("status", "web1", "--explain").stdout

    def journal(self):
        return self.run("journalctl -b -u 'trueboot*' --no-pager -o short-monotonic | tail -n 60").out


def play(title, build, scenario, payload=lambda work: {}):
    """scenario(guest) with a VM that is made and not yet started, told by its host where the server is; payload(work) names more files for
    /root/p. Returns the exit status."""
    why = machine.missing() or (None if deb(build) else "there are no packages; make deb")
    if why:
        tap.skip_all(title, why)
    image = os.path.join(build, "debian-vm")
    made = subprocess.run([os.path.join(HERE, "make_image"), image, os.path.join(build, "guest-parts"), deb(build)], capture_output=True, text=True, timeout=900)
    if made.returncode == 3:
        tap.skip_all(title, made.stderr.strip())
    if made.returncode:
        raise RuntimeError("make_image: " + made.stderr)
    work = tempfile.mkdtemp(prefix="trueboot-vm-")
    rig = vm = None
    CLOCK.start()
    try:
        rig = machine.VmRig(build, work)
        machine.make_payload(f"{work}/payload.tar", {"agent.deb": deb(build), **payload(work)})
        vm = machine.DebianVm.make(f"{work}/vm", f"{image}/disk.raw", f"{work}/tpm", f"{work}/payload.tar")
        with open(f"{work}/vm/agent.json", "w") as f:
            json.dump({"endpoint": endpoint(rig), "ca_pem": open(rig.ca_file).read()}, f)
        vm.options = ["-fw_cfg", "name=opt/org.trueboot/agent,file=agent.json"]
        scenario(Guest(vm, rig))
    except (RuntimeError, OSError) as error:
        ok("the scenario went on to its end", False, f"{error!r}\n{vm.console()[-3000:] if vm else ''}")
    finally:
        if vm:
            vm.end()
        if rig:
            rig.close()
        if "TRUEBOOT_KEEP" not in os.environ:
            shutil.rmtree(work, ignore_errors=True)
    return tap.done()
