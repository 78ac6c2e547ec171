#!/usr/bin/env python3
"""The VM extension in a real VM: the package installed, enabled, disabled and removed as a VM agent does it (guest-agent.md 6), with systemd as PID 1, Secure
Boot and a vTPM. Its commands come from its manifest, its environment and folders are WALinuxAgent's; what is asked is what that agent reads.
Prints TAP.

usage: vm_extension.py BUILD PACKAGE.zip"""
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "debian_vm")]
from guest import endpoint, play  # noqa: E402
from rig import until  # noqa: E402
from tap import ok  # noqa: E402

BUILD, PACKAGE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
NAME = "Example.Security.LinuxAttestation.GuestAttestation"
LIB, LOGS = "/var/lib/waagent", f"/var/log/azure/{NAME}"
SECRET = "a-reporting-token-that-nobody-may-see"
UNITS = "trueboot-agent.service trueboot-agent-collect.path trueboot-agent-publish.path trueboot-agent-publish.timer"


class Transport:
    """The certificate for protected settings, which the VM agent gets from its cloud."""

    def __init__(self, work):
        self.key, self.cert = os.path.join(work, "transport.prv"), os.path.join(work, "transport.crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=transport", "-days", "2", "-keyout", self.key,
                        "-out", self.cert], check=True, stderr=subprocess.DEVNULL)
        der = subprocess.run(["openssl", "x509", "-in", self.cert, "-outform", "DER"], check=True, capture_output=True).stdout
        self.thumbprint = hashlib.sha1(der).hexdigest().upper()

    def encrypt(self, value):
        cms = subprocess.run(["openssl", "cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", self.cert], input=json.dumps(value).encode(),
                             capture_output=True, check=True).stdout
        return base64.b64encode(cms).decode()


class VmAgent:
    """WALinuxAgent's part: folders, files and environment of a verb, and its readers."""

    def __init__(self, guest, version, transport):
        self.guest, self.version, self.transport = guest, version, transport
        self.folder = f"{LIB}/{NAME}-{version}"
        with zipfile.ZipFile(PACKAGE) as package:
            self.manifest = json.loads(package.read("HandlerManifest.json").decode("utf-8-sig"))[0]["handlerManifest"]

    def unpack(self):
        environment = [{"name": NAME, "version": 1.0, "handlerEnvironment": {
            "logFolder": LOGS, "configFolder": f"{self.folder}/config", "statusFolder": f"{self.folder}/status",
            "heartbeatFile": f"{self.folder}/heartbeat.log", "eventsFolder": f"{LOGS}/events", "eventsFolder_preview": f"{LOGS}/events"}}]
        self.guest.run(f"install -d -m 700 {LIB} && install -d -m 755 {LOGS} && install -d -m 700 {LOGS}/events && cp -r /root/p/package {self.folder} && "
                       f"chmod -R u+x {self.folder} && install -d -m 700 {self.folder}/config {self.folder}/status && "
                       f"cp /root/p/transport.crt {LIB}/{self.transport.thumbprint}.crt && install -m 600 /root/p/transport.prv {LIB}/{self.transport.thumbprint}.prv")
        self.guest.vm.write(f"{self.folder}/HandlerEnvironment.json", json.dumps(environment))

    def settings(self, sequence, public, protected):
        self.guest.vm.write(f"{self.folder}/config/{sequence}.settings", json.dumps({"runtimeSettings": [{"handlerSettings": {
            "publicSettings": public, "protectedSettings": self.transport.encrypt(protected), "protectedSettingsCertThumbprint": self.transport.thumbprint}}]}))

    def verb(self, name, sequence=0, **more):
        """In the install folder, in a scope of its own; what is left behind in the scope dies with it."""
        variables = {"ConfigSequenceNumber": sequence, "AZURE_GUEST_AGENT_EXTENSION_PATH": self.folder, "AZURE_GUEST_AGENT_EXTENSION_VERSION": self.version,
                     "AZURE_GUEST_AGENT_WIRE_PROTOCOL_ADDRESS": "168.63.129.16", "AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE": "NOT_RUN", **more}
        command = self.manifest[name + "Command"].lstrip("/")
        words = " ".join(f"{k}={v}" for k, v in variables.items())
        return self.guest.run(f"cd {self.folder} && env {words} systemd-run -q --scope --unit={name}-{sequence} --slice=azure-vmextensions.slice "
                              f"setsid -w {self.folder}/{command}")

    def file(self, path):
        try:
            return json.loads(self.guest.run(f"cat {path}").out)[0]
        except (ValueError, LookupError):
            return {}

    def status(self, sequence=0):
        return self.file(f"{self.folder}/status/{sequence}.status").get("status", {})

    def beat(self):
        return self.file(f"{self.folder}/heartbeat.log").get("heartbeat", {})

    def sub(self, name, sequence=0):
        return next((s for s in self.status(sequence).get("substatus") or [] if s["name"] == name), {})


def said(part):
    return part.get("formattedMessage", {}).get("message", "")


def settings(guest):
    return {"AttestationConfig": {"MaaSettings": {"maaEndpoint": endpoint(guest.rig), "maaTenantName": "GuestAttestation"},
                                  "AscSettings": {"ascReportingEndpoint": "", "ascReportingFrequency": "4H"}, "useCustomToken": "false",
                                  "disableAlerts": "false", "Trueboot": {"caBundlePem": open(guest.rig.ca_file).read()}}}


def enabled(guest, agent):
    agent.unpack()
    done = agent.verb("install")
    ok("the package installs in a running system, without the network", done.code == 0 and guest.run("id -u trueboot-agent").code == 0, done)
    agent.settings(0, settings(guest), {"reportingToken": SECRET})
    done = agent.verb("enable")
    status, beat = agent.status(), agent.beat()
    ok("enable leaves success and a heartbeat that is Ready", done.code == 0 and status.get("status") == "success" and beat.get("status") == "Ready", f"{done}\n{status}\n{beat}")
    ok("its units run, none of them in the scope of the verb", guest.run(f"systemctl is-active {UNITS}").code == 0
       and guest.show("ControlGroup").startswith("/system.slice/"), guest.journal())
    verdict = guest.verdict_after()
    ok("the daemon attests under its unit, and the server says Healthy", verdict.get("lastVerdict") == "accepted" and guest.server_says(), f"{verdict}\n{guest.journal()}")
    healthy = until(90, lambda: "Healthy, verified" in said(agent.sub("BootIntegrity")), pause=3)
    ok("the publisher brings the verdict into the VM agent's file", healthy and "Healthy" in said(agent.status()), agent.status())
    wanted = {"TpmAccess", "EventLog", "ProviderReachable", "ProviderAuth", "TokenIssued", "ReportAccepted", "AttestationKey", "Configuration"}
    parts = agent.status().get("substatus") or []
    ok("each step of the way is a success", wanted <= {p["name"] for p in parts} and all(p["status"] == "success" for p in parts), parts)
    names = guest.run(f"ls -A {LOGS}/events").out.split()
    ok("its events have names that the VM agent keeps", names and all(re.fullmatch(r"\d+\.json", n) for n in names), names)
    pattern = SECRET[:-1] + f"[{SECRET[-1]}]"  # this very command is in the journal, too
    leak = guest.run(f"grep -rlE '{pattern}' {LIB} /var/log /run/trueboot-agent/out /etc/trueboot-agent; journalctl -b --no-pager | grep -E '{pattern}'")
    ok("the protected setting is in a file of the daemon's, and nowhere else", leak.out == "" and
       guest.run("stat -c '%U %a' /run/trueboot-agent/secrets/reporting-token").out.split() == ["trueboot-agent", "600"], leak)
    owners = guest.run(f"stat -c '%U %a' {agent.folder}/status/0.status {agent.folder}/heartbeat.log {LOGS}/events").out.split("\n")
    ok("what the VM agent reads belongs to root", all(o.startswith("root") for o in owners if o), owners)


def repeated(guest, agent):
    pid = guest.status().get("pid")
    done = agent.verb("enable")
    ok("enabled again with the same number, nothing is started anew", done.code == 0 and guest.status().get("pid") == pid, done)
    first = guest.status().get("lastVerdictTime")
    agent.settings(1, settings(guest), {"reportingToken": SECRET})
    done = agent.verb("enable", 1)
    ok("a new number with the same settings attests at once", done.code == 0 and until(60, lambda: guest.status().get("lastVerdictTime") != first, pause=2), f"{done}\n{guest.journal()}")
    ok("and has its own status", agent.status(1).get("status") == "success", agent.status(1))


def rebooted(guest, agent, boot):
    """The VM agent enables again after a reboot; the units are there before it."""
    name = guest.status().get("akName")
    boot = guest.vm.reboot(boot)
    status = guest.verdict_after()
    ok("after a reboot the daemon attests before the VM agent asks", status.get("bootId") == boot and status.get("akName") == name, f"{status}\n{guest.journal()}")
    done = agent.verb("enable", 1)
    ok("the VM agent's enable changes nothing and succeeds", done.code == 0 and agent.status(1).get("status") == "success" and guest.status().get("pid") == status.get("pid"),
       f"{done}\n{agent.status(1)}")
    fresh = until(150, lambda: agent.beat().get("status") == "Ready" and int(guest.run(f"expr $(date +%s) - $(stat -c %Y {agent.folder}/heartbeat.log)").out or 999) < 70, pause=3)
    ok("the heartbeat is fresh without anybody's asking", fresh, agent.beat())
    ok("the protected setting came back with the VM agent's enable", guest.run("cat /run/trueboot-agent/secrets/reporting-token").out == SECRET,
       guest.run("ls -l /run/trueboot-agent /run/trueboot-agent/secrets").out)


def removed(guest, agent):
    done = agent.verb("disable", 1)
    ok("disable stops what it started", done.code == 0 and guest.run(f"systemctl is-active {UNITS} | sort -u").out.split() == ["inactive"], f"{done}\n{guest.journal()}")
    ok("and the heartbeat says NotReady", agent.beat().get("status") == "NotReady", agent.beat())
    done = agent.verb("uninstall", 1)
    ok("a verb says its sentence, and nothing of what it runs", done.out.count("\n") <= 2, done)
    guest.run(f"rm -rf {agent.folder}")
    left = guest.run("find / -xdev -name '*trueboot*' -not -path '/root/*' -not -path '/proc/*'; find /run -name '*trueboot*'").out.split()
    ok("uninstalled, the identity and the logs stay, and nothing else", done.code == 0 and set(p for p in left if not p.startswith("/var/log/")) <= {"/var/lib/trueboot-agent"}
       and guest.run("id trueboot-agent").code != 0, f"{done}\n{left}")
    ok("nothing of it runs or is known to systemd", guest.run("systemctl list-units --all --no-legend --plain 'trueboot*'; grep -lx trueboot-agent /proc/[0-9]*/comm").out.strip() == "",
       guest.run("systemctl list-units --all --no-legend 'trueboot*'; grep -lx trueboot-agent /proc/[0-9]*/comm").out)


def payload(work):
    global TRANSPORT
    TRANSPORT = Transport(work)
    with zipfile.ZipFile(PACKAGE) as package:
        package.extractall(f"{work}/package")
    return {"package": f"{work}/package", "transport.crt": TRANSPORT.cert, "transport.prv": TRANSPORT.key}


def scenario(guest):
    vm = guest.vm
    vm.start()
    boot = guest.started()
    guest.run("mkdir -p /root/p && tar xf /dev/disk/by-id/virtio-payload -C /root/p")
    agent = VmAgent(guest, re.search(r"-([0-9.]+)\.zip$", PACKAGE).group(1), TRANSPORT)
    enabled(guest, agent)
    repeated(guest, agent)
    rebooted(guest, agent, boot)
    removed(guest, agent)


if __name__ == "__main__":
    sys.exit(play("the VM extension in a real VM", BUILD, scenario, payload))
