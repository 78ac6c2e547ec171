#!/usr/bin/env python3
"""trueboot-agent.exe under Wine: enrols, attests and reports to a real truebootd, with a software TPM behind a port. Prints TAP.

usage: test_agent.py TRUEBOOT-AGENT.EXE BUILD      BUILD: the Linux build, whose server and command line are used"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from rig import Rig, UUID, free_port, missing_tools  # noqa: E402
from tap import Tap  # noqa: E402
from wine import agent, relay  # noqa: E402

PROGRAM, BUILD = sys.argv[1], sys.argv[2]
tap = Tap()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def attestation_info(path):
    """What an AzureGuest request says, of the one that the agent kept."""
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        body = json.load(f)["AttestationInfo"]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def main():
    if missing_tools() or not os.path.exists(os.path.join(BUILD, "src/truebootd/truebootd")):
        tap.skip_all("the agent on Windows", "it wants swtpm, tpm2-tools and a Linux build of the server")
    work, rig = tempfile.mkdtemp(prefix="trueboot-windows-"), None
    try:
        rig = Rig(BUILD, work)
        port, state = free_port(), os.path.join(work, "state")
        os.makedirs(state)
        relay(port, rig.tpm_socket)
        run = agent(PROGRAM, rig, port, state, "run", "--no-start-delay", "--cycles", "1")
        tap.check(run.returncode == 0 and "reported" in run.stderr, "it enrols, attests and reports", run.stderr)
        tap.check(rig.health() == "Healthy", "the VM is Healthy", rig.cli("status", "web1", "--explain").stdout)
        tap.check(os.path.exists(os.path.join(state, "ak.json")), "its key's record is kept", os.listdir(state))
        run = agent(PROGRAM, rig, port, state, "run", "--no-start-delay", "--cycles", "1")
        tap.check(run.returncode == 0 and "enrolling" not in run.stderr and "reported" in run.stderr, "started again it is the same machine", run.stderr)
        run = agent(PROGRAM, rig, port, state, "enroll")
        tap.check(run.returncode == 0 and run.stdout.strip() == UUID, "enrolling again names the VM", run.stdout + run.stderr)
        evidence = os.path.join(work, "w.evidence.json")
        run = agent(PROGRAM, rig, port, state, "once", "--output", "Z:" + evidence)
        judged = rig.cli("verify", evidence, "-o", "json")
        tap.check(run.returncode == 0 and judged.returncode in (0, 10, 11) and '"quoteVerified":true' in judged.stdout.replace(" ", "") or
                  judged.returncode == 0, "its evidence file can be judged off line", run.stderr + judged.stdout[:400] + judged.stderr)
        run = agent(PROGRAM, rig, port, state, "once", "--set", "attest.protocol=azureguest", "--set", "debug.dump_evidence=true")
        info = attestation_info(os.path.join(state, "evidence.json"))
        tap.check("PolicyEvaluationError" in run.stderr and info.get("OSType") == b64("Windows") and info.get("OSBuild") == b64("NotApplicable") and
                  info.get("OSVersionMajor") == 10 and info["TpmInfo"]["PcrSet"] == [*range(8), 11, 12, 13, 14],
                  "over AzureGuest it says that it is Windows, and quotes what Windows measures; only the policy is against the sample's keys",
                  run.stderr + str(info)[:600])
        run = agent(PROGRAM, rig, port, state, "run", "--no-start-delay", "--cycles", "1", "--set", "net.ca_file=Z:" + os.path.join(work, "roots.pem"))
        tap.check("TLS_UNTRUSTED" in run.stderr and "accepted" not in run.stderr, "a server of another CA gets nothing from it", run.stderr)
        secret = os.path.join(work, "proxy.credentials")
        with open(secret, "w") as file:
            file.write("user:password\n")
        run = agent(PROGRAM, rig, port, state, "once", "--set", "net.proxy_credentials_file=Z:" + secret)
        tap.check(run.returncode == 0, "a secret's file is read: who else may is its access list's business", run.stderr)
        run = agent(PROGRAM, rig, port, state, "run", "--set", "attest.endpiont=x")
        tap.check(run.returncode == 53 and "attest.endpoint" in run.stderr, "a mistyped setting is refused with the nearest one", run.stderr)
        run = agent(PROGRAM, rig, port, state, "reset")
        tap.check(run.returncode == 0 and not os.path.exists(os.path.join(state, "ak.json")), "it forgets itself when told to", run.stderr)
        run = subprocess.run(["wine", PROGRAM, "once", "--output", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        tap.check(run.returncode == 60 and "NO_TPM" in run.stderr, "where Windows has no TPM it says so", run.stderr)
    finally:
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
