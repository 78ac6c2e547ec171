#!/usr/bin/env python3
"""The VM extension's package in the hands of WALinuxAgent's own code: its manifest parser, its order of calls, its environment, its readers of
status, heartbeat and events. The daemon is real, and so are its TPM and server. Prints TAP.

usage: waagent_flow.py BUILD PACKAGE.zip        Everything lies in a folder of its own; nothing of this machine is touched."""
import base64
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD, PACKAGE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
PLACES = ["/usr/lib/python3/dist-packages", os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                                                         "build/waagent/usr/lib/python3/dist-packages"),
          os.path.join(BUILD, "waagent/usr/lib/python3/dist-packages")]
sys.path[1:1] = [place for place in PLACES if os.path.isdir(os.path.join(place, "azurelinuxagent"))]

from rig import BOOT, Rig, missing_tools, until  # noqa: E402
from tap import Tap  # noqa: E402

tap = Tap()
NAME = "Example.Security.LinuxAttestation.GuestAttestation"
SECRET = "a-reporting-token-that-nobody-may-see"
try:
    import azurelinuxagent.common.conf as conf
    from azurelinuxagent.common import logger
    from azurelinuxagent.common.exception import ExtensionError
    from azurelinuxagent.common.protocol.restapi import Extension, ExtensionSettings, ExtHandlerPackage
    from azurelinuxagent.ga.collect_telemetry_events import _ProcessExtensionEvents
    from azurelinuxagent.ga.exthandlers import ExtHandlerInstance, ExtHandlersHandler
except ImportError as error:
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    tap.skip_all("WALinuxAgent's own handler flow", f"the package waagent is not here ({error})")
if missing_tools():
    tap.skip_all("WALinuxAgent's own handler flow", f"{missing_tools()[0]} is not installed")


class Protocol:
    """What the VM agent would ask its cloud for."""

    def get_endpoint(self):
        return "168.63.129.16"

    def download_ext_handler_pkg(self, uri, destination, **_):
        shutil.copyfile(PACKAGE, destination)
        return True


class Sender:
    """Where the VM agent's events go."""

    def __init__(self):
        self.events = []

    def stopped(self):
        return False

    def get_thread_name(self):
        return "sender"

    def enqueue_event(self, event):
        self.events.append({p.name: p.value for p in event.parameters})


class Flow:
    def __init__(self, work, rig):
        self.work, self.rig, self.root = work, rig, os.path.join(work, "root")
        self.lib, self.logs = os.path.join(work, "waagent"), os.path.join(work, "log")
        for folder, mode in ((self.lib, 0o700), (self.logs, 0o755), (self.root, 0o755)):
            os.makedirs(folder, mode)
        with open(os.path.join(work, "waagent.conf"), "w") as f:
            f.write(f"Lib.Dir={self.lib}\nExtension.LogDir={self.logs}\nLogs.Verbose=n\n")
        conf.load_conf_from_file(os.path.join(work, "waagent.conf"))
        logger.add_logger_appender(logger.AppenderType.FILE, logger.LogLevel.INFO, path=os.path.join(work, "waagent.log"))
        os.environ.update(TRUEBOOT_AGENT_ROOT=self.root, TRUEBOOT_AGENT_SERVICES="direct", TRUEBOOT_AGENT_TPM_TCTI=f"swtpm:path={rig.tpm_socket}",
                          TRUEBOOT_AGENT_LOG_FIRMWARE=BOOT)
        self.handler = ExtHandlersHandler(Protocol())
        self.thumbprint = self.make_certificate()

    def make_certificate(self):
        key, cert = os.path.join(self.work, "key.pem"), os.path.join(self.work, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=transport", "-days", "2", "-keyout", key, "-out", cert],
                       check=True, stderr=subprocess.DEVNULL)
        der = subprocess.run(["openssl", "x509", "-in", cert, "-outform", "DER"], check=True, capture_output=True).stdout
        thumbprint = hashlib.sha1(der).hexdigest().upper()
        os.rename(key, os.path.join(self.lib, thumbprint + ".prv"))
        shutil.copyfile(cert, os.path.join(self.lib, thumbprint + ".crt"))
        return thumbprint

    def encrypt(self, value):
        cms = subprocess.run(["openssl", "cms", "-encrypt", "-binary", "-outform", "DER", "-aes256", os.path.join(self.work, "cert.pem")],
                             input=json.dumps(value).encode(), capture_output=True, check=True).stdout
        return base64.b64encode(cms).decode()

    def instance(self, version, sequence, settings=None, protected=None, thumbprint=None):
        extension = Extension(name=NAME)
        extension.version, extension.state = version, "enabled"
        entry = ExtensionSettings(name=NAME, sequenceNumber=sequence, publicSettings=settings, protectedSettings=protected,
                                  certificateThumbprint=thumbprint, state="enabled")
        extension.settings.append(entry)
        i = ExtHandlerInstance(extension, Protocol(), extension=entry)
        i.pkg = ExtHandlerPackage(version=version)
        i.pkg.uris = ["https://example/package.zip"]
        return i, entry

    def enable(self, *arguments, **options):
        """As the VM agent would for a goal state; the exception's text when it fails."""
        i, entry = self.instance(*arguments, **options)
        try:
            self.handler.handle_enable(i, entry)
        except ExtensionError as error:
            return i, entry, str(error)
        return i, entry, None

    def settings(self, **more):
        config = {"MaaSettings": {"maaEndpoint": self.rig.endpoint + "/", "maaTenantName": "GuestAttestation"},
                  "AscSettings": {"ascReportingEndpoint": "", "ascReportingFrequency": "4H"}, "useCustomToken": "false", "disableAlerts": "false",
                  "Trueboot": {"caBundlePem": open(self.rig.ca_file).read()}}
        config.update(more)
        return {"AttestationConfig": config}

    def daemon(self):
        try:
            return json.load(open(os.path.join(self.root, "run/trueboot-agent/out/status.json")))
        except (OSError, ValueError):
            return {}

    def pid(self):
        try:
            pid = int(open(os.path.join(self.root, "run/trueboot-agent-publish/agent.pid")).read())
            return pid if open(f"/proc/{pid}/cmdline").read().startswith("trueboot-agent") else 0
        except (OSError, ValueError):
            return 0

    def publish(self):
        subprocess.run([self.rig.agent, "publish"], check=True, timeout=30)

    def status(self, i, entry):
        self.publish()
        return i.collect_ext_status(entry)


def sub(status, name):
    return next((s for s in status.substatusList if s.name == name), None)


def fresh(flow):
    protected = flow.encrypt({"reportingToken": SECRET})
    i, entry, problem = flow.enable("1.0.0.1", 0, flow.settings(), protected, flow.thumbprint)
    tap.check(problem is None, "the VM agent installs and enables the package", problem)
    status = i.collect_ext_status(entry)
    tap.check(status.status == "success", "enable leaves a status that the VM agent reads as success", f"{status.status}: {status.message}")
    tap.check(i.get_handler_status().status == "Ready", "the handler is Ready")
    tap.check(i.collect_heartbeat()["status"] == "Ready", "the heartbeat says Ready", i.collect_heartbeat())
    verdict = until(60, lambda: flow.daemon().get("lastVerdict"))
    tap.check(verdict == "accepted", "the daemon has attested", flow.daemon())
    tap.check(until(60, lambda: flow.rig.health() == "Healthy"), "the server says Healthy", flow.rig.health())
    status = flow.status(i, entry)
    tap.check(status.status == "success" and "Healthy" in status.message, "the status tells the verdict", status.message)
    integrity = sub(status, "BootIntegrity")
    tap.check(integrity is not None and integrity.status == "success" and "Healthy, verified" in integrity.message, "so does a substatus")
    names = {s.name for s in status.substatusList}
    tap.check(names >= {"TpmAccess", "EventLog", "ProviderReachable", "ProviderAuth", "TokenIssued", "ReportAccepted", "AttestationKey", "Configuration"},
              "each step of the way has a substatus", names)
    mode = os.stat(os.path.join(flow.root, "run/trueboot-agent/secrets/reporting-token")).st_mode & 0o777
    tap.check(mode == 0o600 and open(os.path.join(flow.root, "run/trueboot-agent/secrets/reporting-token")).read() == SECRET,
              "the protected setting was decrypted into a file for the daemon's eyes only", oct(mode))
    tap.check(open(os.path.join(i.get_base_dir(), "mrseq")).read().strip() == "0", "mrseq holds the sequence number")


def events(flow):
    flow.publish()
    folder = os.path.join(flow.logs, NAME, "events")
    written = os.listdir(folder)
    tap.check(written and all(name[:-5].isdigit() and name.endswith(".json") for name in written), "events have names that the VM agent keeps", written)
    sender = Sender()
    complaints = []
    import azurelinuxagent.ga.collect_telemetry_events as module
    module.add_log_event = lambda level, message, **_: complaints.append(message)
    collector = _ProcessExtensionEvents(sender)
    collector._capture_extension_events(NAME, folder)
    tap.check(written and len(sender.events) == len(written) and not complaints, "the VM agent takes every one of them", complaints)
    flow.publish()
    tap.check(os.listdir(folder) == [], "none is published twice", os.listdir(folder))


def repeated(flow):
    pid, before = flow.pid(), flow.daemon().get("startedTime")
    protected = flow.encrypt({"reportingToken": SECRET})
    _, _, problem = flow.enable("1.0.0.1", 0, flow.settings(), protected, flow.thumbprint)
    tap.check(problem is None and flow.pid() == pid and flow.daemon().get("startedTime") == before,
              "enabling twice with one sequence number starts nothing anew", problem)
    judged = flow.daemon().get("lastVerdictTime")
    i, entry, problem = flow.enable("1.0.0.1", 7, flow.settings(), protected, flow.thumbprint)
    tap.check(problem is None and until(60, lambda: flow.daemon().get("lastVerdictTime") != judged), "a new sequence number attests anew", problem)
    tap.check(flow.pid() == pid, "and the daemon's process stays")
    tap.check(i.collect_ext_status(entry).status == "success", "the new sequence number has its own status")


def refused(flow):
    pid = flow.pid()
    settings = flow.settings()
    settings["AttestationConfig"]["MaaSettings"]["maaEndPoint"] = settings["AttestationConfig"]["MaaSettings"].pop("maaEndpoint")
    i, entry, problem = flow.enable("1.0.0.1", 8, settings)
    tap.check(problem is not None and "maaEndPoint" in problem and "53" in problem, "an endpoint key in the wrong case is refused by name, exit 53", problem)
    status = i.collect_ext_status(entry)
    tap.check(status.status == "error" and status.code == 53 and "did you mean maaEndpoint" in status.message, "and in the status", status.message)
    tap.check(flow.pid() == pid, "the daemon runs on with the configuration before")
    i, entry, problem = flow.enable("1.0.0.1", 9, flow.settings(), flow.encrypt({}), "AB" * 20)
    tap.check(problem is not None and "AB" * 20 in problem and flow.pid() == pid, "a certificate that is not there is named, and the daemon runs on", problem)
    i, entry, problem = flow.enable("1.0.0.1", 10, flow.settings(usecustomtoken=True))
    status = flow.status(i, entry)
    tap.check(problem is None and status.status == "success" and "useCustomToken" in sub(status, "Configuration").message,
              "another key in the wrong case is a warning by name", problem or status.message)
    flow.enable("1.0.0.1", 11, flow.settings())


def upgrades(flow):
    key = flow.daemon().get("akName")
    flow.rig.stop_server()
    for version, what in (("1.0.0.2", "an upgrade"), ("1.0.0.1", "a downgrade")):
        i, entry, problem = flow.enable(version, 11, flow.settings())
        status = i.collect_ext_status(entry)
        tap.check(problem is None and status.status == "success", f"{what} succeeds while the server is down", problem or status.message)
        tap.check(flow.pid() and flow.daemon().get("akName") in (key, None), f"{what} keeps daemon and key")
        tap.check(len(glob.glob(os.path.join(flow.lib, NAME + "-*"))) == 1, f"{what} leaves one version behind")
        tap.check(open(os.path.join(flow.root, "var/lib/trueboot-agent/owner")).read().strip() == version, f"{what} hands over what is shared")
        tap.check(os.path.exists(os.path.join(flow.root, "etc/systemd/system/trueboot-agent.service")), f"{what} leaves the units in place")
    flow.rig.start_server()
    i, entry, problem = flow.enable("1.0.0.1", 12, flow.settings())
    tap.check(problem is None and until(60, lambda: flow.daemon().get("lastVerdict") == "accepted" and not flow.daemon().get("failure")),
              "with the server back it attests", flow.daemon())
    tap.check(flow.daemon().get("akName") == key, "with the same key as before", flow.daemon().get("akName"))
    return i, entry


def removal(flow, i, entry):
    pid, folder = flow.pid(), i.get_base_dir()
    i.disable(entry)
    beat = json.load(open(os.path.join(folder, "heartbeat.log")))[0]["heartbeat"]
    tap.check(beat["status"] == "NotReady" and i.collect_heartbeat()["status"] == "NotReady", "disabled, the heartbeat says NotReady", beat)
    tap.check(not os.path.exists(f"/proc/{pid}") or flow.pid() == 0, "and the daemon is gone")
    flow.handler.handle_uninstall(i, entry)
    tap.check(not os.path.exists(folder), "the VM agent removes the package")
    left = glob.glob(os.path.join(flow.root, "etc/systemd/system/*")) + glob.glob(os.path.join(flow.root, "usr/local/lib/trueboot-agent"))
    tap.check(not left, "uninstalled, units and program are gone", left)
    tap.check(os.path.exists(os.path.join(flow.root, "var/lib/trueboot-agent/ak.json")), "the identity stays")


def secrets(flow):
    found = []
    for place in (flow.logs, flow.lib, os.path.join(flow.work, "waagent.log"), os.path.join(flow.root, "var/log")):
        found += subprocess.run(["grep", "-rlaF", SECRET, place], capture_output=True, text=True).stdout.split()
    tap.check(not found, "no protected setting is in any log, status or event", found)


def main():
    work = tempfile.mkdtemp(prefix="trueboot-waagent-")
    rig = flow = None
    try:
        rig = Rig(BUILD, work)
        flow = Flow(work, rig)
        fresh(flow)
        events(flow)
        repeated(flow)
        refused(flow)
        i, entry = upgrades(flow)
        secrets(flow)
        removal(flow, i, entry)
    except Exception:  # a test that breaks off has failed
        import traceback
        tap.check(False, "the flow runs to its end", traceback.format_exc())
    finally:
        if flow and tap.failed:
            for name in ("waagent.log", "truebootd.log"):
                if os.path.exists(os.path.join(work, name)):
                    tap.note(open(os.path.join(work, name), errors="replace").read()[-6000:])
        if flow:
            subprocess.run([rig.agent, "disable"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        if rig:
            rig.close()
        if not os.environ.get("KEEP"):
            shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
