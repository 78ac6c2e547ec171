#!/usr/bin/env python3
"""Settings that are wrong in every way, through the real program: `enable` as a VM agent calls it, and agent.conf as people write it. Exit code and status of
the table (guest-agent.md 6.5, 7.2), the key and what is wrong with it named, what was in force before still in force, and never a crash. Prints TAP.

usage: hostile_settings.py BUILD_FOLDER"""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402

tap = Tap()
AGENT = os.path.join(sys.argv[1], "src/agent/trueboot-agent")
GOOD = {"AttestationConfig": {"MaaSettings": {"maaEndpoint": "https://good.example"}}}
MAA, ASC, TOP, OURS = "AttestationConfig.MaaSettings", "AttestationConfig.AscSettings", "AttestationConfig", "AttestationConfig.Trueboot"


def config(path, key, value):
    """GOOD with one more key at a dotted path."""
    v = json.loads(json.dumps(GOOD))
    at = v
    for name in path.split("."):
        at = at.setdefault(name, {})
    at[key] = value
    return v


def public(v):
    return {"runtimeSettings": [{"handlerSettings": {"publicSettings": v}}]}


def text(s):
    return s if isinstance(s, bytes) else s.encode()


ESC = "\x1b[2J\u202e\u0000"

# what · the settings file (an object: publicSettings; bytes: the whole file) · exit code · what status and standard error must name
REFUSED = [
    ("no JSON", b"{", 53, ["settings"]),
    ("a list", b"[]", 53, ["runtimeSettings"]),
    ("a text", b'"x"', 53, ["runtimeSettings"]),
    ("no handler's part", b'{"runtimeSettings":[{}]}', None, []),
    ("runtime settings that are an object", b'{"runtimeSettings":{}}', 53, ["runtimeSettings"]),
    ("the same key twice", b'{"runtimeSettings":[],"runtimeSettings":[]}', 53, ["runtimeSettings"]),
    ("the same key twice, far down", text(json.dumps(public(GOOD)).replace('"maaEndpoint"', '"maaEndpoint":"https://evil.example","maaEndpoint"', 1)), 53, ["maaEndpoint"]),
    ("the same key twice, spelt otherwise", text(json.dumps(public(GOOD)).replace('"maaEndpoint"', '"maaEndpoin\\u0074":"https://evil.example","maaEndpoint"', 1)), 53,
     ["maaEndpoint"]),
    ("a NUL", text(json.dumps(public(GOOD)).replace("good", "go\\u0000od")), 53, []),
    ("text that is not UTF-8", json.dumps(public(GOOD)).encode().replace(b"good", b"go\xc3\x28od"), 53, []),
    ("half a pair of surrogates", text(json.dumps(public(GOOD)).replace("good", "go\\ud800od")), 53, []),
    ("nine levels", public(config(TOP, "x", {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}})), 53, ["deep"]),
    ("more than 64 KiB", public(config(MAA, "maaTenantName", "x" * 70000)), 53, []),
    ("settings that are a list", public([1]), 53, ["publicSettings"]),
    ("a section that is a list", public({"AttestationConfig": {"MaaSettings": []}}), 53, [MAA]),
    ("a section that is a number", public({"AttestationConfig": 7}), 53, [TOP]),
    ("an endpoint that is a number", public(config(MAA, "maaEndpoint", 7)), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint that is a list", public(config(MAA, "maaEndpoint", ["https://a"])), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint without TLS", public(config(MAA, "maaEndpoint", "http://a.example")), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint that is a file", public(config(MAA, "maaEndpoint", "file:///etc/shadow")), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint with a password", public(config(MAA, "maaEndpoint", "https://u:hunter2@a.example")), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint with a fragment", public(config(MAA, "maaEndpoint", "https://a.example/#x")), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint with a line's end", public(config(MAA, "maaEndpoint", "https://a.example\nnet.ca_file = /tmp/x")), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint with a space in it", public(config(MAA, "maaEndpoint", "https://a .example")), 53, [MAA + ".maaEndpoint"]),
    ("an endpoint of 2049 characters", public(config(MAA, "maaEndpoint", "https://a.example/" + "x" * 2031)), 53, [MAA + ".maaEndpoint"]),
    ("no host", public(config(MAA, "maaEndpoint", "https://")), 53, [MAA + ".maaEndpoint"]),
    *[(f"the host of {url[:40]}", public(config(MAA, "maaEndpoint", url)), 53, [MAA + ".maaEndpoint"])
      for url in ("https://[::1", "https://[zz]", "https://::1", "https://[::1]x", "https://a..b", "https://a:1:2", "https://" + "a" * 64, "https://b\u00fccher.example",
                  "https://" + ".".join(["a" * 60] * 5), "https://[fe80::1%25eth0]")],
    *[(f"an endpoint in {place or 'no section'}", public(v), 53, ["has no meaning here", "belongs into AttestationConfig.MaaSettings"])
      for place, v in ((TOP, config(TOP, "maaEndpoint", "https://a.example")), (ASC, config(ASC, "maaEndpoint", "https://a.example")),
                       (None, {**GOOD, "maaEndpoint": "https://a.example"}))],
    ("a port that is none", public(config(MAA, "maaEndpoint", "https://a.example:99999")), 53, [MAA + ".maaEndpoint"]),
    ("a reporting endpoint without TLS", public(config(ASC, "ascReportingEndpoint", "ftp://a")), 53, [ASC + ".ascReportingEndpoint"]),
    *[(f"the key {name}", public({"AttestationConfig": {"MaaSettings": {name: "https://a.example"}}}), 53, [name, "did you mean maaEndpoint"])
      for name in ("maaendpoint", "MaaEndpoint", "MAAENDPOINT", "maaEndPoint", "maaEndpont", "maa_endpoint", "maaEndpoint ")],
    *[(f"the key {name}", public(config(ASC, name, "https://a.example")), 53, [name, "did you mean ascReportingEndpoint"])
      for name in ("ascreportingendpoint", "AscReportingEndpoint", "ascReportingEndPoint")],
    *[(f"the section {name}", public({"AttestationConfig": {name: {"maaEndpoint": "https://a.example"}}}), 53, [name, "endpoint"])
      for name in ("maaSettings", "MAASettings", "Maasettings", "Settings")],
    *[(f"the section {name}", public({name: {"MaaSettings": {"maaEndpoint": "https://a.example"}}}), 53, [name, "endpoint"])
      for name in ("attestationConfig", "AttestationCfg", "attestationconfig")],
    ("a truth of words", public(config(TOP, "useCustomToken", "yes please")), 53, [TOP + ".useCustomToken"]),
    ("a truth of numbers", public(config(TOP, "disableAlerts", 1)), 53, [TOP + ".disableAlerts"]),
    ("a truth of nothing", public(config(TOP, "isAzureStack", "")), None, []),
    ("a cluster without its ids", public(config(TOP, "isAzureStack", "true")), 53, ["clusterId"]),
    ("a protocol that is none", public(config(OURS, "protocol", "telepathy")), 53, [OURS + ".protocol"]),
    ("a profile that is none", public(config(OURS, "profile", "gcp")), 53, [OURS + ".profile"]),
    ("a proxy that is a program", public(config(OURS, "proxy", "javascript:alert(1)")), 53, [OURS + ".proxy"]),
    ("certificates that are none", public(config(OURS, "caBundlePem", "hello")), 53, [OURS + ".caBundlePem"]),
    ("a private key among the certificates", public(config(OURS, "caBundlePem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")), 53, [OURS + ".caBundlePem"]),
    ("a pin of 63 digits", public(config(OURS, "pinnedSpkiSha256", ["a" * 63])), 53, [OURS + ".pinnedSpkiSha256: [0]", "SHA-256"]),
    ("a pin that is none", public(config(OURS, "pinnedSpkiSha256", ["zz"])), 53, [OURS + ".pinnedSpkiSha256"]),
    ("pins that are a text", public(config(OURS, "pinnedSpkiSha256", {"a": 1})), 53, [OURS + ".pinnedSpkiSha256"]),
    ("a tenant that is an object", public(config(MAA, "maaTenantName", {})), 53, [MAA + ".maaTenantName"]),
    ("a tenant with terminal commands", public(config(MAA, "maaTenantName", ESC)), 53, []),
    ("protected settings that are no base64", b'{"runtimeSettings":[{"handlerSettings":{"protectedSettings":"%%","protectedSettingsCertThumbprint":"' + b"A" * 40 + b'"}}]}', 53,
     ["protectedSettings"]),
    ("protected settings without their key", b'{"runtimeSettings":[{"handlerSettings":{"protectedSettings":"MIIB","protectedSettingsCertThumbprint":"' + b"AB" * 20 + b'"}}]}', 53,
     ["AB" * 20]),
    ("a thumbprint that is a path", b'{"runtimeSettings":[{"handlerSettings":{"protectedSettings":"MIIB","protectedSettingsCertThumbprint":"../../../etc/ssl/private/key"}}]}', 53,
     ["protectedSettingsCertThumbprint"]),
    ("protected settings that are an object", b'{"runtimeSettings":[{"handlerSettings":{"protectedSettings":{}}}]}', 53, ["protectedSettings"]),
]

# what · publicSettings · what the substatus Configuration must name
WARNED = [
    ("an unknown key", config(TOP, "colour", "blue"), ["colour"]),
    ("a wrong case", config(TOP, "usecustomtoken", "true"), ["usecustomtoken", "useCustomToken"]),
    ("a wrong case of a label", config(MAA, "maatenantname", "x"), ["maatenantname", "maaTenantName"]),
    ("a wrong case of a frequency", config(ASC, "AscReportingFrequency", "4H"), ["AscReportingFrequency", "ascReportingFrequency"]),
    ("a wrong case of ours", config(OURS, "IMAReporting", True), ["IMAReporting", "imaReporting"]),
    *[(f"the frequency {f!r}", config(ASC, "ascReportingFrequency", f), ["ascReportingFrequency", "8 hours"]) for f in ("often", "4", "0H", "-4H", "4HH", "99999H", "4 H", "P1Y", "\u0664H", 4)],
    ("a frequency of a minute", config(ASC, "ascReportingFrequency", "1M"), ["ascReportingFrequency", "15 minutes"]),
    ("a frequency of a month", config(ASC, "ascReportingFrequency", "30D"), ["ascReportingFrequency", "24 hours"]),
    ("a key with terminal commands", config(TOP, ESC.replace("\x00", ""), 1), ["unknown"]),
    ("a key of ten thousand characters", config(TOP, "k" * 10000, 1), ["unknown"]),
    ("a policy's text", config(MAA, "maaAttestationPolicyContent", "permit"), ["maaAttestationPolicyContent"]),
]

# agent.conf · what must be named
CONFS = [
    (b"attest.endpoint = https://a.example\nattest.frequency = often\n", ["agent.conf", "2", "attest.frequency"]),
    (b"attest.endpont = https://a.example\n", ["agent.conf", "1", "attest.endpont"]),
    (b"just words\n", ["agent.conf", "1"]),
    (b"[attest\nendpoint = x\n", ["agent.conf", "1"]),
    (b"ima.enable = perhaps\n", ["ima.enable"]),
    (b"ak.handle = 0xzz\n", ["ak.handle"]),
    (b"net.timeout_connect = -5s\n", ["net.timeout_connect"]),
    (b"attest.protocol = telepathy\n", ["attest.protocol"]),
    (b"tpm.profile = gcp\n", ["tpm.profile"]),
    (b"report.auth\x00 = x\n", ["agent.conf"]),
    (b"attest.endpoint = https://a\xff.example\n", ["agent.conf"]),
    (b"att\x1b[2J = x\n", ["agent.conf", "1"]),
    (b"ak.type = \xe2\x80\xae\n", ["ak.type"]),
    (b"tpm.tcti = swtpm:path=\x1b]0;x\x07\n", ["tpm.tcti"]),
    (b"x" * 300000, ["agent.conf"]),
    (b"attest.frequency = 99999999999999999999h\n", ["attest.frequency"]),
]


def is_safe(said):
    return not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", said)


class Machine:
    def __init__(self, folder):
        self.folder, self.root, self.install = folder, f"{folder}/root", f"{folder}/lib/E.T-1.0"
        for name in ("lib/E.T-1.0/config", "lib/E.T-1.0/status", "lib/E.T-1.0/units", "log/events", "root"):
            os.makedirs(f"{folder}/{name}")
        with open(f"{self.install}/HandlerEnvironment.json", "w") as f:
            json.dump([{"version": 1.0, "handlerEnvironment": {"logFolder": f"{folder}/log", "configFolder": f"{self.install}/config", "statusFolder": f"{self.install}/status",
                                                               "heartbeatFile": f"{self.install}/heartbeat.log", "eventsFolder": f"{folder}/log/events"}}], f)
        self.sequence = 0

    def enable(self, settings):
        self.sequence += 1
        if settings is not None:
            with open(f"{self.install}/config/{self.sequence}.settings", "wb") as f:
                f.write(settings if isinstance(settings, bytes) else json.dumps(settings).encode())
        env = dict(os.environ, ConfigSequenceNumber=str(self.sequence), AZURE_GUEST_AGENT_EXTENSION_PATH=self.install, AZURE_GUEST_AGENT_EXTENSION_VERSION="1.0")
        env.pop("https_proxy", None)
        done = subprocess.run([AGENT, "enable", "--root", self.root, "--services", "none", "--fw-cfg", ""], env=env, capture_output=True, timeout=60)
        try:
            with open(f"{self.install}/status/{self.sequence}.status") as f:
                status = json.load(f)[0]["status"]
        except (OSError, ValueError, LookupError) as e:
            status = {"status": f"none: {e}"}
        return done.returncode, done.stderr.decode(errors="replace"), status

    def in_force(self):
        try:
            with open(f"{self.root}/etc/trueboot-agent/handler.conf") as f:
                return f.read()
        except OSError:
            return ""


def check_settings(machine):
    code, said, status = machine.enable(public(GOOD))
    tap.check(code == 0, "good settings are applied", said)
    before = machine.in_force()
    for what, settings, want, names in REFUSED:
        code, said, status = machine.enable(settings)
        shown = json.dumps(status, ensure_ascii=False)
        if want is None:  # taken or refused: but one of the two, and said
            tap.check(code in (0, 53) and is_safe(said), f"{what}: {code}", said)
            if code == 0:
                machine.enable(public(GOOD))
            continue
        fine = code == want and status.get("status") == "error" and status.get("code") == want and all(n in said and n in shown for n in names)
        fine = fine and is_safe(said) and len(said) < 3200 and "hunter2" not in said + shown and machine.in_force() == before
        tap.check(fine, f"{what}: {want}" + (f", naming {names[0]}" if names else ""), f"{code} {said} {shown}")
    for what, settings, names in WARNED:
        code, said, status = machine.enable(public(settings))
        parts = [s for s in status.get("substatus", []) if s["name"] == "Configuration"]
        shown = json.dumps(parts, ensure_ascii=False)
        fine = code == 0 and bool(parts) and parts[0]["status"] == "warning" and all(n in shown for n in names) and is_safe(shown) and len(shown) < 20000
        tap.check(fine, f"{what}: a warning", f"{code} {said} {shown[:600]}")
    for what, settings in (("a byte order mark", b"\xef\xbb\xbf" + json.dumps(public(GOOD)).encode()), ("an address with HTTPS in capitals", public(config(MAA, "maaEndpoint", "HTTPS://good.example")))):
        code, said, status = machine.enable(settings)
        tap.check(code == 0 and "good.example" in machine.in_force(), f"{what} is taken", f"{code} {said}")
    before = machine.in_force()
    code, said, status = machine.enable(None)
    tap.check(code == 53 and status.get("code") == 53 and f"{machine.sequence}.settings is not there" in said and machine.in_force() == before,
              "a number without its file: 53, naming it, and what was in force stays", f"{code} {said} {status}")
    code, said, status = machine.enable(b"")
    tap.check(code == 0 and status.get("status") in ("transitioning", "success", "warning"), "an empty file is no settings, and no error", f"{code} {said} {status}")


def check_protected(machine):
    """Protected settings as a template's author may have filled them in: encrypted well, and of no use."""
    cert, key, other = (f"{machine.folder}/{name}.pem" for name in ("cert", "key", "other"))
    for c, k in ((cert, key), (f"{machine.folder}/stranger.pem", other)):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=t", "-days", "2", "-keyout", k, "-out", c], check=True, stderr=subprocess.DEVNULL)
    der = subprocess.run(["openssl", "x509", "-in", cert, "-outform", "DER"], check=True, capture_output=True).stdout
    thumbprint = hashlib.sha1(der).hexdigest().upper()
    shutil.copyfile(cert, f"{machine.folder}/lib/{thumbprint}.crt")
    shutil.copyfile(key, f"{machine.folder}/lib/{thumbprint}.prv")
    mine, my_key, foreign_key = (open(name).read() for name in (cert, key, other))

    def enable(secrets, *how):
        text = secrets if isinstance(secrets, bytes) else json.dumps(secrets).encode()
        cms = subprocess.run(["openssl", "cms", "-encrypt", "-binary", "-outform", "DER", *(how or ("-aes256", cert))], input=text, capture_output=True, check=True).stdout
        v = public(GOOD)
        v["runtimeSettings"][0]["handlerSettings"].update(protectedSettings=base64.b64encode(cms).decode(), protectedSettingsCertThumbprint=thumbprint)
        return machine.enable(v)

    for what, secrets, how in [("AES-128", {"reportingToken": "hunter2"}, ("-aes128", cert)), ("3DES", {"reportingToken": "hunter2"}, ("-des3", cert)),
                               ("another recipient before", {"reportingToken": "hunter2"}, ("-aes256", f"{machine.folder}/stranger.pem", cert)),
                               ("a key's identifier for a name", {"reportingToken": "hunter2"}, ("-aes256", "-keyid", cert)), ("a line's end behind the token", {"reportingToken": "hunter2\n"}, ()),
                               ("certificate and key", {"clientCertPem": mine, "clientKeyPem": my_key}, ())]:
        code, said, status = enable(secrets, *how)
        tap.check(code == 0 and "hunter2" not in said + json.dumps(status), f"protected settings with {what}: taken", f"{code} {said}")
    before = machine.in_force()
    for what, secrets, names, how in [
        ("for somebody else", {}, ["not encrypted to this certificate"], ("-aes256", f"{machine.folder}/stranger.pem")), ("no JSON", b"hunter2", ["no JSON object"], ()),
        ("random bytes, as to another key once in a while", b"hunter2" + bytes(range(255, -1, -1)), ["not encrypted to this certificate", "no JSON object"], ()),
        ("the same key twice", b'{"reportingToken":"hunter2","reportingToken":"x"}', ["no JSON object"], ()), ("a token of two lines", {"reportingToken": "hunter2\r\nX: y"}, ["reportingToken"], ()),
        ("a credential without a colon", {"proxyCredential": "hunter2"}, ["proxyCredential", "user:password"], ()), ("a certificate alone", {"clientCertPem": mine}, ["clientKeyPem"], ()),
        ("a key alone", {"clientKeyPem": my_key}, ["clientCertPem"], ()), ("another certificate's key", {"clientCertPem": mine, "clientKeyPem": foreign_key}, ["clientKeyPem"], ()),
        ("a certificate that is none", {"clientCertPem": "hunter2", "clientKeyPem": my_key}, ["clientCertPem"], ())]:
        code, said, status = enable(secrets, *how)
        shown = json.dumps(status)
        fine = code == 53 and status.get("code") == 53 and all(n in said and n in shown for n in names) and "protectedSettings" in said
        tap.check(fine and "hunter2" not in said + shown and "PRIVATE KEY" not in said + shown and machine.in_force() == before, f"protected settings, {what}: 53", f"{code} {said}")
    for what, bundle, word in [("a key behind it", mine + my_key, "private key"), ("another one that is none behind it", mine + "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n", "certificate 2"),
                               ("another one that is cut behind it", mine + mine[:len(mine) // 2], "certificate 2")]:
        code, said, status = machine.enable(public(config(OURS, "caBundlePem", bundle)))
        shown = json.dumps(status)
        fine = code == 53 and "caBundlePem" in said and word in said and word in shown
        tap.check(fine and "BEGIN" not in said + shown and machine.in_force() == before, f"a CA's certificate with {what}: 53", f"{code} {said}")
    code, said, status = machine.enable(public(config(OURS, "caBundlePem", mine + "a text between\n" + mine)))
    tap.check(code == 0, "two CA certificates are taken", f"{code} {said}")
    code, said, status = enable({"reportingtoken": "hunter2"})
    shown = json.dumps(status)
    tap.check(code == 0 and "did you mean reportingToken?" in shown and "hunter2" not in said + shown, "a mistyped protected key: a warning that names the nearest one", shown)


def check_odd_occasions(machine):
    """What is no matter of the settings' text: a folder that is not there, a pipe, several calls at once."""
    shutil.rmtree(f"{machine.install}/status")
    code, said, status = machine.enable(public(GOOD))
    tap.check(code == 0 and status.get("status") == "transitioning", "the status's folder is made anew where it is missing", f"{code} {said} {status}")
    left = [f"{machine.install}/status/.trueboot-{n:08x}" for n in range(3)]
    for at, name in enumerate(left):
        with open(name, "w") as f:
            f.write("{")
        os.utime(name, (time.time() - 10000 * at,) * 2)
    machine.enable(public(GOOD))
    tap.check([os.path.exists(name) for name in left] == [True, False, False], "what a killed verb left behind an hour ago is taken away, what is being written is not", os.listdir(f"{machine.install}/status"))
    before = machine.in_force()
    os.mkfifo(f"{machine.install}/config/{machine.sequence + 1}.settings")
    code, said, status = machine.enable(None)
    tap.check(code == 53 and status.get("code") == 53 and machine.in_force() == before, "settings that are a pipe: 53, and nobody waits for it", f"{code} {said}")
    env = dict(os.environ, AZURE_GUEST_AGENT_EXTENSION_PATH=machine.install, AZURE_GUEST_AGENT_EXTENSION_VERSION="1.0")
    calls = []
    for n in range(machine.sequence + 1, machine.sequence + 9):
        with open(f"{machine.install}/config/{n}.settings", "w") as f:
            json.dump(public(config(MAA, "maaEndpoint", f"https://number{n}.example")), f)
        calls.append(subprocess.Popen([AGENT, "enable", "--root", machine.root, "--services", "none", "--fw-cfg", ""], env=dict(env, ConfigSequenceNumber=str(n)),
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    codes = [c.wait(200) for c in calls]
    with open(f"{machine.install}/mrseq") as f:
        last = f.read().strip()
    tap.check(codes == [0] * 8 and f"https://number{last}.example" in machine.in_force(), "several calls at once: number and configuration of the last one", f"{codes} {last} {machine.in_force()}")
    with open(f"{machine.install}/config/{last}.settings", "w") as f:
        json.dump(public(config(OURS, "purgeOnUninstall", True)), f)
    os.makedirs(f"{machine.root}/var/lib/trueboot-agent", exist_ok=True)
    with open(f"{machine.root}/var/lib/trueboot-agent/ak.json", "w") as f:
        f.write("{}")
    drop_in = f"{machine.root}/etc/systemd/system/trueboot-agent-publish.service.d"
    for verb in ("enable", "uninstall"):
        done = subprocess.run([AGENT, verb, "--root", machine.root, "--services", "none", "--fw-cfg", "", "--tcti", "swtpm:path=/nonexistent"], env=dict(env, ConfigSequenceNumber=last),
                              capture_output=True, text=True, timeout=60)
        tap.check(done.returncode == 0, f"{verb}: 0", done.stderr)
    tap.check(not os.path.exists(drop_in), "the publisher's drop-in is gone")
    os.makedirs(drop_in)
    done_again = subprocess.run([AGENT, "uninstall", "--root", machine.root, "--services", "none", "--fw-cfg", ""], env=env, capture_output=True, text=True, timeout=60)
    tap.check(done_again.returncode == 0 and not os.path.exists(drop_in), "an uninstall that was killed between file and folder is ended by the next one", done_again.stderr)
    tap.check("is wiped" in done.stdout and not os.listdir(f"{machine.root}/var/lib/trueboot-agent"), "purged without a TPM that answers: the identity's files are gone",
              done.stdout + done.stderr + str(os.listdir(f"{machine.root}/var/lib/trueboot-agent")))


def check_environments(folder):
    """HandlerEnvironment.json as managers of other makes write it (6.3, 6.13)."""
    for what, wrap, change in [("folders with slashes at their ends", lambda e: [e], lambda v: v + "/"), ("no list around it", lambda e: e, lambda v: v)]:
        machine = Machine(f"{folder}/{what.split()[0]}")
        path = f"{machine.install}/HandlerEnvironment.json"
        with open(path) as f:
            inner = json.load(f)[0]["handlerEnvironment"]
        inner = {k: change(v) for k, v in inner.items() if k != "heartbeatFile"}
        with open(path, "w") as f:
            json.dump(wrap({"version": 1.0, "handlerEnvironment": inner}), f)
        code, said, status = machine.enable(public(GOOD))
        with open(f"{machine.install}/heartbeat.log") as f:
            beat = json.load(f)[0]["heartbeat"]["status"]
        tap.check(code == 0 and status.get("status") == "transitioning" and beat in ("Ready", "NotReady"), f"{what}, no heartbeat file: enabled, the heartbeat at its usual place",
                  f"{code} {said} {status}")


def check_pipes(folder):
    """Whatever stands where a file should: nobody waits for the other end of a pipe."""
    pipe = f"{folder}/pipe"
    os.mkfifo(pipe)
    for what, key in [("firmware's log", "log.firmware"), ("kernel's list", "ima.log")]:
        run = f"{folder}/collected-{key}"
        done = subprocess.run([AGENT, "collect-logs", "--fw-cfg", "", "--run-dir", run, "--set", "log.firmware=/nonexistent", "--set", "ima.enable=yes", "--set", f"{key}={pipe}"],
                              capture_output=True, text=True, timeout=60)
        with open(f"{run}/ids.json") as f:
            ids = json.load(f)
        tap.check(done.returncode == 0 and ids["bootId"] and "None" not in str(ids["ima"]), f"the {what} is a pipe: collected without it", f"{done.stderr} {ids}")
    for place in ("log/trueboot-agent.log", "run/out/heartbeat.json", "run/out/status.json", "state/state.json.before", "state/state.json"):
        base = f"{folder}/piped-{place.replace('/', '-')}"
        os.makedirs(os.path.dirname(f"{base}/{place}"))
        os.mkfifo(f"{base}/{place}")
        os.makedirs(f"{base}/log", exist_ok=True)
        done = subprocess.run([AGENT, "run", "--fw-cfg", "", "--no-start-delay", "--cycles", "1", "--state-dir", f"{base}/state", "--run-dir", f"{base}/run", "--endpoint", "https://127.0.0.1:1",
                               "--tcti", "swtpm:path=/nonexistent", "--set", f"log.dir={base}/log", "--set", "run.user=root"], capture_output=True, text=True, timeout=60)
        tap.check(done.returncode == 0 and "trueboot-agent stops" in done.stderr, f"{place} is a pipe: the daemon runs on", f"{done.returncode} {done.stderr[-600:]}")


def check_files(folder):
    for number, (content, names) in enumerate(CONFS):
        path = f"{folder}/agent.conf"
        with open(path, "wb") as f:
            f.write(content)
        done = subprocess.run([AGENT, "run", "--config", path, "--fw-cfg", "", "--cycles", "1", "--set", f"run.dir={folder}/run", "--set", f"state.dir={folder}/state"],
                              capture_output=True, timeout=60)
        said = done.stderr.decode(errors="replace")
        tap.check(done.returncode == 53 and all(n in said for n in names) and is_safe(said) and len(said) < 3200, f"agent.conf {content[:40]!r}: 53", f"{done.returncode} {said[:400]}")
    tap.check(not os.path.exists(f"{folder}/run/out/status.json"), "none of them ran")


def check_diagnosis(folder):
    """What cannot be configured is what `diagnose` names; nothing of the network is touched."""
    with open(f"{folder}/agent.conf", "w") as f:
        f.write("attest.frequency = often\n")
    common = [AGENT, "diagnose", "--json", "--fw-cfg", "", "--tcti", "swtpm:path=/nonexistent", "--set", f"state.dir={folder}/state", "--set", f"run.dir={folder}/run"]
    for check, words, options in [("CFG.01", ["attest.frequency"], ["--config", f"{folder}/agent.conf", "--offline"]),
                                  ("PXY.01", ["credentials"], ["--endpoint", "https://192.0.2.1", "--set", "net.proxy=http://u:hunter2@192.0.2.2:1"]),
                                  ("TPM.01", ["swtpm"], ["--offline"])]:
        done = subprocess.run(common + options, capture_output=True, timeout=100)
        found = [c for c in json.loads(done.stdout)["checks"] if c["id"] == check]
        fine = done.returncode == 2 and found and found[0]["result"] == "FAIL" and "remedy" in found[0] and all(w in found[0]["measured"] for w in words)
        tap.check(fine and b"hunter2" not in done.stdout, f"diagnose: {check} fails for its reason", found)
    offline = {c["id"]: c["result"] for c in json.loads(done.stdout)["checks"]}
    tap.check(all(offline.get(i) == "SKIP" for i in ("PXY.01", "NET.01", "NET.03", "TLS.01", "HTTP.01", "AUTH.01", "ATT.01", "REP.01")), "--offline leaves the network alone, and says so",
              offline)
    token = f"{folder}/token"
    for mode, result in ((0o600, "PASS"), (0o640, "PASS"), (0o644, "WARN"), (0o660, "WARN")):
        with open(token, "w") as f:
            f.write("tbe_abc\n")
        os.chmod(token, mode)
        done = subprocess.run(common + ["--offline", "--set", f"enroll.token_file={token}"], capture_output=True, timeout=100)
        found = [c for c in json.loads(done.stdout)["checks"] if c["id"] == "CFG.01"]
        tap.check(found and found[0]["result"] == result and b"tbe_abc" not in done.stdout, f"a one-time token of mode {mode:o}: {result}", found)
    text = subprocess.run([a for a in common if a != "--json"] + ["--offline"], capture_output=True, timeout=100).stdout.decode()
    tap.check(text.strip().splitlines()[-1].startswith("Most probable cause: no TPM"), "the last line is the most probable cause", text[-300:])


def check_words():
    """Words that are too few, too many or unknown; with an empty environment too, which lies behind the arguments in memory."""
    for arguments, env, code, said in [([], {}, 0, "Usage: trueboot-agent VERB"), ([], {"FOO": "bar"}, 0, "Usage: trueboot-agent VERB"), (["help"], {}, 0, "Usage: trueboot-agent VERB"),
                                       (["diagnose", "--help"], {}, 0, "Usage: trueboot-agent diagnose"), (["once", "--json", "--help"], {}, 0, "--nonce HEX"), (["help", "me"], {}, 2, "no verb \"me\""), (["help", "enabel"], {}, 2, "did you mean enable?"), (["help", "run", "run"], {}, 2, "one word too many"), (["-V"], {}, 0, "trueboot-agent "),
                                       (["once", "--via-daemon", "--output", "x"], {}, 2, "neither --output nor --nonce"), (["once", "--nonce", "00"], {}, 2, "--output is missing"),
                                       (["install", "--services", "upstart"], {}, 2, "--services: auto,"), (["status", "--root", "/nonexistent"], {}, 2, "--root: there is no folder"),
                                       (["status", "--run-dir", "/nonexistent"], {}, 3, "does not run here"), (["once", "--via-daemon", "--run-dir", "/nonexistent"], {}, 3, "leave --via-daemon out"),
                                       (["once"], {"TRUEBOOT_AGENT_FW_CFG": ""}, 53, "set attest.endpoint in agent.conf, or give --endpoint"),
                                       (["ru"], {}, 2, "no verb \"ru\"; did you mean run?"), (["\x1b[2J"], {}, 2, "no verb"), (["help", "enable"], {}, 0, "Usage: trueboot-agent enable"), (["run", "--cycle"], {}, 2, "requires an argument"), (["run", "--bogus"], {}, 2, "see `trueboot-agent run --help`"),
                                       *[(["run", "--cycles", n], {}, 2, "--cycles: a number from 1") for n in ("0", "-1", "+1", "1x", " 1", "", "99999999999999999999")],
                                       *[(["publish", "--every", n], {}, 2, "--every: 1 to 3600") for n in ("0", "-1", "3601", "1h")],
                                       (["status", "--nonce", "00"], {}, 2, "--nonce is no option of status, but of once"), (["run", "--json"], {}, 2, "but of diagnose"),
                                       (["once", "--set", "attest.endpoint"], {}, 2, "KEY=VALUE"), (["once", "--set", "attest.endpont=x"], {}, 53, "did you mean attest.endpoint?"),
                                       (["once", "--endpoint", "https://h/#x"], {}, 53, "--endpoint: attest.endpoint: an address with a fragment"),
                                       (["once", "--set", "attest.protocol=smtp"], {}, 53, "none of auto, tpm, azureguest"),
                                       (["enroll", "--token-file", "/nonexistent/token"], {}, 53, "--token-file: cannot open"), (["enroll", "--token-file", "/dev/null"], {}, 53, "is empty")]:
        done = subprocess.run([AGENT, *arguments], env=env, capture_output=True, text=True, timeout=60)
        tap.check(done.returncode == code and said in done.stdout + done.stderr and "FOO" not in done.stderr, f"trueboot-agent {' '.join(arguments)} with {len(env)} variables: {code}",
                  f"{done.returncode} {done.stdout[:100]} {done.stderr[:200]}")


def check_lost_output():
    """What was asked for and could not be printed was not done."""
    for arguments in (["version"], ["help"], ["run", "--help"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([AGENT, *arguments], env={}, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        tap.check(done.returncode == 1 and "could not be written" in done.stderr, f"trueboot-agent {' '.join(arguments)} onto a full disk: 1", f"{done.returncode} {done.stderr}")


def check_client():
    """Under the published client's name: its letters, and nothing else."""
    for arguments, said in [(["-z"], "usage: AszAttestationClient -a"), (["-a"], "usage: AszAttestationClient -a"), (["--help"], "usage: AszAttestationClient -a"), (["-h"], "usage:"),
                            (["run"], "\"run\" is one word too many"), (["-a", "https://a.example", "x\x1b"], "one word too many")]:
        done = subprocess.run(["AszAttestationClient", *arguments], executable=AGENT, env={"TRUEBOOT_AGENT_FW_CFG": ""}, capture_output=True, text=True, timeout=60)
        tap.check(done.returncode == 2 and said in done.stderr and is_safe(done.stderr), f"AszAttestationClient {' '.join(arguments)!r}: 2", f"{done.returncode} {done.stderr[:300]}")


def check_stranger(folder):
    """Whom the status is not for is told that, and not that no agent runs."""
    os.makedirs(f"{folder}/closed/out")
    with open(f"{folder}/closed/out/status.json", "w") as f:
        f.write("{}")
    os.chmod(folder, 0o755)
    os.chmod(f"{folder}/closed", 0o750)
    command = [AGENT, "status", "--fw-cfg", "", "--run-dir", f"{folder}/closed"]
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return tap.skip("a stranger asks for the status", "only root can become one, with setpriv")
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command], capture_output=True, text=True, timeout=60)
    tap.check(done.returncode == 52 and "only root" in done.stderr, "a stranger who asks for the status is told that it is not for him", f"{done.returncode} {done.stderr}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    tap.check(done.returncode == 0 and done.stdout == "{}" and "does not run now" in done.stderr, "root is told, and that nobody runs who could say more", f"{done.returncode} {done.stderr}")
    for verb in ("install", "enable", "update", "disable", "uninstall", "reset", "collect-logs", "publish"):
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", AGENT, verb, "--fw-cfg", ""], env={}, capture_output=True, text=True, timeout=60)
        tap.check(done.returncode == 52 and done.stderr == f"trueboot-agent: {verb}: run as root\n", f"{verb} by somebody else: 52", f"{done.returncode} {done.stderr}")


def main():
    folder = tempfile.mkdtemp(prefix="trueboot-settings-")
    try:
        machine = Machine(folder)
        check_settings(machine)
        check_protected(machine)
        check_odd_occasions(machine)
        check_environments(folder)
        check_pipes(folder)
        check_files(folder)
        check_diagnosis(folder)
        check_words()
        check_lost_output()
        check_client()
        check_stranger(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.done()


sys.exit(main())
