#!/usr/bin/env python3
"""trueboot-agent.exe diagnose under Wine: alone, with a software TPM and a real server, and with what is wrong on the way. Prints TAP.

usage: test_diagnose.py TRUEBOOT-AGENT.EXE BUILD      BUILD: the Linux build, whose server and command line are used"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wine import agent, relay  # noqa: E402
from rig import Rig, free_port, missing_tools  # noqa: E402
from tap import Tap  # noqa: E402

PROGRAM, BUILD = sys.argv[1], sys.argv[2]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIREWALL = r"HKLM\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
tap = Tap()


def wine(*words):
    return subprocess.run(["wine", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)


def checks_of(run):
    try:
        return {c["id"]: c for c in reversed(json.loads(run.stdout)["checks"])}
    except ValueError:
        return {}


def ids_of_the_agent():
    """The table's ids but the server's: the same on every system."""
    text = open(os.path.join(SOURCE, "src/diagnose/checks.h")).read()
    return {found[0] for found in re.findall(r'^    X\(\w+, +"([A-Z0-9.]+)", +"(\w[\w ]*)"', text, re.M) if found[1] != "Server"}


def alone():
    run = wine(PROGRAM, "diagnose", "--offline", "--json")
    seen = checks_of(run)
    tap.check(run.returncode == 2 and seen.get("TPM.01", {}).get("result") == "FAIL" and "NO_TPM" in seen["TPM.01"]["measured"],
              "without a TPM it says so, and fails", run.stdout[-400:] + run.stderr)
    tap.check(json.loads(run.stdout)["cause"].startswith("Most probable cause: no TPM") if seen else False, "and calls it the cause", run.stdout[-400:])
    missing = ids_of_the_agent() - set(seen)
    tap.check(not missing, "every check of Linux is there, if only to be skipped", missing)
    bare = [i for i, c in seen.items() if c["result"] == "SKIP" and not c["measured"]]
    tap.check(seen and not bare, "what is skipped says why", bare)
    words = re.findall(r"systemctl|/etc/|modprobe|chmod|run as root|nftables", run.stdout)
    tap.check(not words, "nothing that it proposes is for Linux", words)
    text = wine(PROGRAM, "diagnose", "--offline")
    tap.check(text.returncode == 2 and "SYS.01" in text.stdout and text.stdout.rstrip().splitlines()[-1].startswith("Most probable cause"),
              "for people: the last line names the cause", text.stdout[-300:])


def on_the_way(rig, port, state):
    run = agent(PROGRAM, rig, port, state, "diagnose", "--json", "--attest", "--bundle", "Z:" + os.path.join(state, "b.tar"))
    seen = checks_of(run)
    fine = ["CFG.01", "TPM.01", "TPM.02", "TPM.03", "TPM.07", "TPM.08", "KEY.01", "KEY.02", "KEY.03", "KEY.04", "KEY.05", "LOG.01", "LOG.02", "PXY.01", "NET.01",
            "NET.02", "NET.03", "TLS.01", "TLS.02", "HTTP.01", "CLK.01", "AUTH.01", "ATT.01", "REP.01"]
    bad = {i: seen.get(i) for i in fine if seen.get(i, {}).get("result") != "PASS"}
    tap.check(not bad, "TPM, keys, log, network and one attestation pass", bad or run.stderr)
    with tarfile.open(os.path.join(state, "b.tar")) as bundle:
        names = [os.path.basename(n) for n in bundle.getnames()]
    tap.check({"diagnosis.json", "ak.crt", "pcrs.json", "eventlog.bin"} <= set(names) and "token.jwt" not in names, "the bundle has what support needs", names)


def what_is_wrong(rig, port, state):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()[1]
    rows = [("nobody listens", f"attest.endpoint=https://localhost:{nobody}", "NET.03", "connect_refused", "New-NetFirewallRule"),
            ("no such name", "attest.endpoint=https://no-such-name.invalid", "NET.01", "dns", "53"),
            ("another CA", "net.ca_file=Z:" + os.path.join(os.path.dirname(state), "roots.pem"), "TLS.01", "tls_untrusted", "net.ca_file"),
            ("a proxy that is not there", f"net.proxy=http://127.0.0.1:{nobody}", None, None, None)]
    for what, setting, check, name, fix in rows:
        run = agent(PROGRAM, rig, port, state, "diagnose", "--json", "--set", setting)
        c = checks_of(run).get(check, {})
        if check:
            tap.check(c.get("result") == "FAIL" and c.get("class") == name and fix in json.dumps(c), f"{what}: {check} says {name} and what would help", c or run.stderr)
        else:
            tap.check(checks_of(run).get("PXY.01", {}).get("result") == "PASS", f"{what}: loopback needs none", run.stdout[-300:])
    wine("reg", "add", FIREWALL, "/v", "t1", "/t", "REG_SZ", "/d", "v2.30|Action=Block|Active=TRUE|Dir=Out|Protocol=6|RPort=8443|Name=Stop attestation|", "/f")
    wine("reg", "add", FIREWALL, "/v", "t2", "/t", "REG_SZ", "/d", "v2.30|Action=Block|Active=TRUE|Dir=In|Name=Other way|", "/f")
    wine("reg", "add", FIREWALL, "/v", "t3", "/t", "REG_SZ", "/d", "v2.30|Action=Block|Active=FALSE|Dir=Out|Name=Switched off|", "/f")
    c = checks_of(agent(PROGRAM, rig, port, state, "diagnose", "--json", "--set", rows[0][1])).get("NET.04", {})
    tap.check(c.get("result") == "WARN" and "Stop attestation" in c["measured"] and "Other way" not in c["measured"] and "Switched off" not in c["measured"],
              "a rule of Windows Firewall that blocks what goes out is quoted", c)
    wine("reg", "delete", FIREWALL, "/f")


def main():
    if missing_tools() or not os.path.exists(os.path.join(BUILD, "src/truebootd/truebootd")):
        tap.skip_all("diagnose on Windows", "it wants swtpm, tpm2-tools and a Linux build of the server")
    work, rig = tempfile.mkdtemp(prefix="trueboot-windows-"), None
    try:
        alone()
        rig = Rig(BUILD, work)
        port, state = free_port(), os.path.join(work, "state")
        os.makedirs(state)
        relay(port, rig.tpm_socket)
        run = agent(PROGRAM, rig, port, state, "enroll")
        tap.check(run.returncode == 0, "it is enrolled", run.stderr)
        on_the_way(rig, port, state)
        what_is_wrong(rig, port, state)
    finally:
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
