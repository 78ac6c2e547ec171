#!/usr/bin/env python3
"""The VM extension's handler on Windows, under Wine: the package in a VM agent's folders, its five verbs in the orders of guest-agent.md 6.5-6.8, our two
services run by Wine's service manager, a real server and a software TPM. Prints TAP.

usage: test_handler.py TRUEBOOT-AGENT.EXE BUILD PACKAGE.ZIP IMPORT-PFX.EXE      BUILD: the Linux build, whose server and command line are used"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wine import relay, settings  # noqa: E402
from rig import Rig, free_port, missing_tools  # noqa: E402
from tap import Tap  # noqa: E402

PROGRAM, BUILD, PACKAGE, IMPORT = sys.argv[1:5]
DRIVE = os.path.join(os.environ.get("WINEPREFIX", os.path.expanduser("~/.wine")), "drive_c")
OURS = os.path.join(DRIVE, "ProgramData/trueboot-agent")
PLUGINS = os.path.join(DRIVE, "Packages/Plugins/Test.Guest")
LOGS = os.path.join(DRIVE, "WindowsAzure/Logs/Plugins/Test.Guest")
tap = Tap()


def wine(*words, **environment):
    return subprocess.run(["wine", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=200, env={**os.environ, **environment})


def windows(path):
    return "C:\\" + os.path.relpath(path, DRIVE).replace("/", "\\")


class Plugin:
    """One version of the extension, unpacked as the VM agent does it."""

    def __init__(self, version):
        self.version, self.folder, self.log = version, os.path.join(PLUGINS, version), os.path.join(LOGS, version)
        for folder in (os.path.join(self.folder, "RuntimeSettings"), os.path.join(self.folder, "status"), os.path.join(self.log, "events")):
            os.makedirs(folder)
        with zipfile.ZipFile(PACKAGE) as package:
            package.extractall(self.folder)
        self.manifest = json.load(open(os.path.join(self.folder, "HandlerManifest.json")))[0]["handlerManifest"]
        environment = {"logFolder": windows(self.log), "configFolder": windows(self.folder) + "\\RuntimeSettings",
                       "statusFolder": windows(self.folder) + "\\status", "heartbeatFile": windows(self.folder) + "\\status\\HeartBeat.Json",
                       "eventsFolder": windows(self.log) + "\\events"}
        json.dump([{"name": "Test.Guest", "version": 1.0, "handlerEnvironment": environment}],
                  open(os.path.join(self.folder, "HandlerEnvironment.json"), "w"))

    def verb(self, name, **environment):
        """As the manifest has it: relative to the folder, with its arguments."""
        words = self.manifest[name + "Command"].split()
        return wine(os.path.join(self.folder, words[0].replace("\\", "/")), *words[1:], **environment)

    def settings(self, sequence, public, protected=None, thumbprint=None):
        handler = {"publicSettings": public, "protectedSettings": protected, "protectedSettingsCertThumbprint": thumbprint}
        json.dump({"runtimeSettings": [{"handlerSettings": handler}]},
                  open(os.path.join(self.folder, "RuntimeSettings", f"{sequence}.settings"), "w"))

    def status(self, sequence):
        try:
            return json.load(open(os.path.join(self.folder, "status", f"{sequence}.status")))[0]["status"]
        except (OSError, ValueError):
            return {}

    def heartbeat(self):
        try:
            return json.load(open(os.path.join(self.folder, "status/HeartBeat.Json")))[0]["heartbeat"]["status"]
        except (OSError, ValueError):
            return None


def wait_for(what, seconds=60):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.5)
    return bool(what())


def state_of(service):
    """Absent is what is so several times in a row: a service manager that is busy gives Wine's `sc` no answer, and that looks alike."""
    for _ in range(4):
        run = wine("sc", "query", service)
        for line in run.stdout.splitlines():
            if "STATE" in line:
                return line.split()[-1]
        time.sleep(0.5)
    return "absent"


def substatus(status, name):
    return next((s for s in status.get("substatus", []) if s["name"] == name), {})


def recipient(work):
    """A certificate with its key in LocalMachine\\My, as the VM agent keeps it, and how to encrypt to it."""
    cert, key, pfx = (os.path.join(work, n) for n in ("r.pem", "r.key", "r.pfx"))
    run = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=extension", "-days", "30"]
    subprocess.run(run, check=True, stderr=subprocess.DEVNULL)
    subprocess.run(["openssl", "pkcs12", "-export", "-inkey", key, "-in", cert, "-out", pfx, "-passout", "pass:x", "-certpbe", "PBE-SHA1-3DES", "-keypbe",
                    "PBE-SHA1-3DES", "-macalg", "sha1"], check=True)
    der = subprocess.run(["openssl", "x509", "-in", cert, "-fingerprint", "-sha1", "-noout"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return cert, pfx, der.split("=")[1].strip().replace(":", "")


def encrypt(cert, text, cipher="-aes-256-cbc"):
    run = subprocess.run(["openssl", "cms", "-encrypt", "-binary", "-outform", "DER", cipher, cert], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return base64.b64encode(run.stdout).decode()


def configure(rig, port):
    os.makedirs(OURS, exist_ok=True)
    with open(os.path.join(OURS, "agent.conf"), "w") as file:
        for key, value in settings(rig, port).items():
            if key != "attest.endpoint":
                file.write(f"{key} = {value}\n")


def life(rig, work):
    one = Plugin("1.0.0")
    public = {"AttestationConfig": {"MaaSettings": {"maaEndpoint": f"https://localhost:{rig.port}"}}}
    run = one.verb("install")
    tap.check(run.returncode == 0 and "is installed" in run.stdout, "install puts program, folders and services in place", run.stdout + run.stderr)
    tap.check(os.path.exists(os.path.join(DRIVE, "Program Files/trueboot-agent/trueboot-agent.exe")), "the services' program is a copy", run.stderr)
    tap.check((state_of("trueboot-agent"), state_of("trueboot-agent-publish")) == ("STOPPED", "STOPPED"), "it starts nothing",
              (state_of("trueboot-agent"), state_of("trueboot-agent-publish")))
    one.settings(0, public)
    run = one.verb("enable")
    tap.check(run.returncode == 0 and "is enabled, sequence 0" in run.stdout, "enable starts the daemon and says so", run.stdout + run.stderr + json.dumps(one.status(0)))
    tap.check((state_of("trueboot-agent"), state_of("trueboot-agent-publish")) == ("RUNNING", "RUNNING"), "both services run", state_of("trueboot-agent"))
    tap.check(one.heartbeat() == "Ready", "the heartbeat is there when enable returns", one.heartbeat())
    healthy = wait_for(lambda: substatus(one.status(0), "BootIntegrity").get("formattedMessage", {}).get("message", "").startswith("Healthy"))
    tap.check(healthy and one.status(0)["status"] == "success", "the status says Healthy", one.status(0))
    tap.check(rig.health() == "Healthy", "so does the server", rig.cli("status", "web1", "--explain").stdout)
    log = os.path.join(one.log, "trueboot-agent.log")
    tap.check(os.path.exists(log) and "reported" in open(log).read(), "its log lies in the handler's log folder", os.listdir(one.log))
    events = os.listdir(os.path.join(one.log, "events"))
    tap.check(events and all(n.endswith(".json") and n[:-5].isdigit() for n in events), "events are passed on under names that are kept", events)
    tap.check(open(os.path.join(one.folder, "mrseq")).read().strip() == "0", "the sequence number is kept", os.listdir(one.folder))
    run = one.verb("enable")
    tap.check(run.returncode == 0 and "enabled already" in run.stdout, "enabled again it changes nothing", run.stdout + run.stderr)
    run = wine(PROGRAM, "once", "--via-daemon")
    tap.check(run.returncode == 0 and '"lastVerdict": "accepted"' in run.stdout, "the daemon attests when it is asked to", run.stdout[-300:] + run.stderr)
    return one, public


def refusals(one, public, work):
    one.settings(1, {"AttestationConfig": {"MaaSettings": {"maaendpoint": "https://x.example"}}})
    run = one.verb("enable", ConfigSequenceNumber="1")
    status = one.status(1)
    tap.check(run.returncode == 53 and status.get("status") == "error" and status.get("code") == 53 and "maaEndpoint" in json.dumps(status),
              "settings that are refused: exit code 53 and a status that names the key", (run.returncode, status))
    cert, pfx, thumbprint = recipient(work)
    one.settings(2, public, encrypt(cert, '{"proxyCredential":"u:secret-word"}'), thumbprint)
    run = one.verb("enable", ConfigSequenceNumber="2")
    tap.check(run.returncode == 53 and thumbprint in json.dumps(one.status(2)), "protected settings whose certificate is not here: its thumbprint is named", one.status(2))
    imported = wine(IMPORT, "Z:" + pfx, "x")
    if imported.returncode == 77:
        return tap.skip("protected settings are opened with the machine's certificate", imported.stdout.strip())
    run = one.verb("enable", ConfigSequenceNumber="2")
    secret = os.path.join(OURS, "run/secrets/proxy-credentials")
    if run.returncode == 53 and "0x8009" in run.stderr:
        return tap.skip("protected settings are opened with the machine's certificate", "Wine: " + run.stderr.strip()[-80:])
    tap.check(run.returncode == 0 and os.path.exists(secret) and open(secret).read() == "u:secret-word", "protected settings are opened with the machine's certificate",
              (run.returncode, run.stdout, run.stderr))
    tap.check("secret-word" not in json.dumps(one.status(2)) + run.stdout + run.stderr, "and shown to nobody", one.status(2))
    return None


def looked_at(one):
    run = wine(PROGRAM, "diagnose", "--offline", "--json")
    seen = {c["id"]: c for c in reversed(json.loads(run.stdout)["checks"])}
    bad = {i: seen.get(i) for i in ("HND.01", "HND.02", "HND.03", "HND.05", "HND.06", "AGT.01", "UNIT.01", "UNIT.04") if seen.get(i, {}).get("result") != "PASS"}
    tap.check(not bad, "diagnose finds the handler, its files and its services in order", bad)


def ak_name():
    return json.load(open(os.path.join(OURS, "state/ak.json")))["name"]


def upgrade(one, rig, public):
    """6.8: old disable, files copied, new update, old uninstall, new install, new enable."""
    before = ak_name()
    run = one.verb("disable")
    tap.check(run.returncode == 0 and state_of("trueboot-agent") == "STOPPED" and one.heartbeat() == "NotReady", "disable stops the services, and the heartbeat says NotReady",
              (run.stderr, state_of("trueboot-agent"), one.heartbeat()))
    two = Plugin("1.1.0")
    shutil.copy(os.path.join(one.folder, "mrseq"), two.folder)
    two.settings(3, public)
    steps = [two.verb("update", VERSION="1.1.0"), one.verb("uninstall")]
    tap.check(steps[1].returncode == 0 and "leaves everything to version 1.1.0" in steps[1].stdout, "the old version's uninstall leaves all to the new one", steps[1].stdout + steps[1].stderr)
    steps += [two.verb("install"), two.verb("enable", ConfigSequenceNumber="3")]
    tap.check(all(s.returncode == 0 for s in steps), "the new version takes over", [s.stdout + s.stderr for s in steps])
    tap.check(wait_for(lambda: two.status(3).get("status") == "success" and rig.health() == "Healthy") and ak_name() == before, "with the same key", (before, two.status(3)))
    return two


def the_end(two):
    run = two.verb("uninstall")
    gone = wait_for(lambda: state_of("trueboot-agent") == "absent", 15) and state_of("trueboot-agent-publish") == "absent"
    tap.check(run.returncode == 0 and gone, "uninstall removes the services", (run.stdout + run.stderr, state_of("trueboot-agent")))
    tap.check(os.path.exists(os.path.join(OURS, "state/ak.json")) and os.path.exists(os.path.join(OURS, "agent.conf")), "identity and people's settings stay", os.listdir(OURS))
    tap.check(not os.path.exists(os.path.join(OURS, "handler.conf")) and not os.path.exists(os.path.join(OURS, "run")) and
              not os.path.exists(os.path.join(DRIVE, "Program Files/trueboot-agent")), "the rest does not", os.listdir(OURS))
    tap.check(two.verb("uninstall").returncode == 0, "uninstalling what is gone is fine", "")


def by_hand(rig):
    run = wine(PROGRAM, "install")
    tap.check(run.returncode == 0 and state_of("trueboot-agent") == "STOPPED" and state_of("trueboot-agent-publish") == "absent",
              "by hand: the daemon's service alone", (run.stdout + run.stderr, state_of("trueboot-agent-publish")))
    with open(os.path.join(OURS, "agent.conf"), "a") as file:
        file.write(f"attest.endpoint = https://localhost:{rig.port}\n")
    wine("sc", "start", "trueboot-agent")
    path = os.path.join(OURS, "run/out/status.json")
    tap.check(wait_for(lambda: os.path.exists(path) and '"lastVerdict": "accepted"' in open(path).read(), 150), "started, it attests", os.listdir(OURS))
    run = wine(PROGRAM, "install")
    tap.check(run.returncode == 0 and state_of("trueboot-agent") == "RUNNING", "installed over itself it runs on", run.stdout + run.stderr)
    run = wine(PROGRAM, "uninstall", "--purge")
    tap.check(run.returncode == 0 and not os.path.exists(os.path.join(OURS, "state")) and state_of("trueboot-agent") == "absent", "--purge takes the identity, too",
              (run.stdout + run.stderr, os.listdir(OURS)))


def main():
    if missing_tools() or not os.path.exists(os.path.join(BUILD, "src/truebootd/truebootd")):
        tap.skip_all("the handler on Windows", "it wants swtpm, tpm2-tools and a Linux build of the server")
    work, rig = tempfile.mkdtemp(prefix="trueboot-windows-"), None
    # Wine ends its services when the last program that somebody started ends.
    stays = subprocess.Popen(["wine", "cmd", "/q"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for folder in (OURS, PLUGINS, LOGS):
            shutil.rmtree(folder, ignore_errors=True)
        rig = Rig(BUILD, work)
        port = free_port()
        relay(port, rig.tpm_socket)
        configure(rig, port)
        one, public = life(rig, work)
        looked_at(one)
        refusals(one, public, work)
        two = upgrade(one, rig, public)
        the_end(two)
        by_hand(rig)
    finally:
        wine(PROGRAM, "uninstall", "--purge")
        stays.communicate(b"exit\r\n", timeout=60)
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
        for folder in (OURS, PLUGINS, LOGS):
            shutil.rmtree(folder, ignore_errors=True)
    return tap.done()


sys.exit(main())
