#!/usr/bin/env python3
"""Enrolment by an initial attestation key (guest-agent.md 2.4), with the agent and a truebootd as they are, and a TPM that other people's tools gave its IAK:
tpm2-tools make the key from the specification's template, openssl's CA writes the certificate. Prints TAP.

usage: iak.py BUILD_FOLDER"""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BOOT, UUID, Rig, missing_tools  # noqa: E402
from tap import ok, tap  # noqa: E402

if missing_tools() or not shutil.which("openssl"):
    tap.skip_all("iak", "not installed: " + " ".join(missing_tools() + ["openssl"]))
HANDLE, INDEX = "0x81020001", "0x01c90100"
RESTRICTED = "certificatePolicies=2.23.133.11.1.1,2.23.133.11.1.3\n"
IDEVID = "certificatePolicies=2.23.133.11.1.1,2.23.133.11.1.2\n"
LEAF = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=2.23.133.8.3\n"
# guest-agent.md 2.4: attributes 0x000500F2, unique "IAK", policy
POLICY = "5437182326e414fca797d5f174615a1641f61255797c3a2b22c21d120b2d1e07"
ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|restricted|sign"


class Machine:
    def __init__(self, rig):
        self.rig, self.work = rig, rig.work
        self.env = dict(os.environ, TPM2TOOLS_TCTI=f"swtpm:path={rig.tpm_socket}", TSS2_LOG="all+none")

    def run(self, command):
        done = subprocess.run(["sh", "-ec", command], cwd=self.work, env=self.env, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def make_iak(self):
        """A primary key of the endorsement hierarchy, by the template, at its handle."""
        with open(f"{self.work}/policy", "wb") as f:
            f.write(bytes.fromhex(POLICY))
        with open(f"{self.work}/unique", "wb") as f:
            f.write((3).to_bytes(2, "little") + b"IAK")
        self.run(f"tpm2_createprimary -Q -C e -G rsa2048:rsapss-sha256:null -g sha256 -a '{ATTRIBUTES}' -L policy -u unique -c iak.ctx && "
                 f"tpm2_evictcontrol -Q -C o -c iak.ctx {HANDLE} && tpm2_flushcontext -t && tpm2_readpublic -Q -c {HANDLE} -f pem -o iak.pem")

    def certify(self, policies=RESTRICTED, subject=f"web1:{UUID}", ca="host"):
        """A certificate of the key, in the index. `ca`: the host's, or "other"."""
        with open(f"{self.work}/iak.ext", "w") as f:
            f.write(LEAF + policies)
        issuer, key = ("ca/issuercert.pem", "ca/signkey.pem") if ca == "host" else ("other.pem", "other.key")
        self.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=somebody' -days 30 -keyout other.key -out other.pem 2>/dev/null")
        self.run("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout unused.key -subj '/CN=x' -out x.csr 2>/dev/null")
        self.run(f"openssl x509 -req -in x.csr -force_pubkey iak.pem -CA {issuer} -CAkey {key} -CAcreateserial -days 30 -extfile iak.ext -subj '/CN={subject}' "
                 "-outform DER -out iak.der 2>/dev/null")
        self.run(f"tpm2_nvundefine -C p {INDEX} 2>/dev/null || true; tpm2_nvdefine -Q -C p -s $(wc -c <iak.der) "
                 f"-a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' {INDEX} && tpm2_nvwrite -Q -C p -i iak.der {INDEX}")

    def agent(self, verb, *settings):
        """One verb with a state folder of its own: every time a machine that knows nothing of an enrolment."""
        shutil.rmtree(f"{self.work}/state", ignore_errors=True)
        sets = [f"attest.endpoint={self.rig.endpoint}", f"net.ca_file={self.rig.ca_file}", f"tpm.tcti=swtpm:path={self.rig.tpm_socket}",
                f"state.dir={self.work}/state", f"run.dir={self.work}/run", f"log.firmware={BOOT}", "log.systemd=", "run.sandbox=no",
                "ak.publish_nv=no", *settings]
        command = [self.rig.agent, verb]
        for s in sets:
            command += ["--set", s]
        return subprocess.run(command, env=dict(os.environ, TSS2_LOG="all+none"), capture_output=True, text=True, timeout=120)

    def identity(self):
        return self.rig.cli("vm", "show", "web1", "-o", "json").stdout

    def release(self):
        return self.rig.cli("vm", "release-identity", "web1")

    def token_assurance(self):
        return self.rig.cli("status", "web1", "-o", "json", "--query", "properties.assurance").stdout.strip()


def said(done):
    return done.stdout + done.stderr


def main():
    work = tempfile.mkdtemp(prefix="tb-iak-")
    rig = Rig(sys.argv[1], work)
    try:
        m = Machine(rig)
        m.make_iak()
        public = m.run(f"tpm2_readpublic -c {HANDLE}")
        ok("tpm2-tools made the key of the specification's template", "0x500f2" in public.replace("raw: ", "") and POLICY in public, public)

        m.certify()
        done = m.agent("once", "enroll.iak=require")
        ok("a machine enrols by its IAK, attests and reports", done.returncode == 0, said(done))
        ok("its boot is healthy", rig.health() == "Healthy", rig.health())
        done = m.agent("diagnose", "enroll.iak=require")
        ok("diagnose shows the IAK", "KEY.06" in done.stdout and "web1:" in done.stdout, said(done))
        m.run(f"tpm2_evictcontrol -Q -C o -c {HANDLE}")
        done = m.agent("once", "enroll.iak=require")
        ok("the key is made again from its template where its handle is empty", done.returncode == 0, said(done))
        done = m.agent("once", "enroll.iak=never")
        ok("it is the same TPM when its endorsement key vouches next", done.returncode == 0, said(done))

        done = m.release()
        ok("an operator releases it", done.returncode == 0, said(done))
        for what, options, reason in (("a certificate of a CA that nobody registered", {"ca": "other"}, "issuer"),
                                      ("a certificate that names no machine", {"subject": "web1"}, "UUID"),
                                      ("a machine that is not in the inventory", {"subject": "web9:00000000-0000-4000-8000-000000000009"}, "inventory")):
            m.certify(**options)
            done = m.agent("once", "enroll.iak=require")
            ok(f"refused with its reason: {what}", done.returncode != 0 and reason in said(done), said(done))
        m.certify(policies=IDEVID)
        done = m.agent("once", "enroll.iak=require")
        ok("an IDevID's certificate is not even shown", done.returncode != 0 and "2.23.133.11.1.3" in said(done), said(done))

        m.certify(ca="other")
        done = m.agent("once")
        ok("by itself the agent goes on with the endorsement key", done.returncode == 0, said(done))
        ok("and says why", "did not vouch" in said(done) and "issuer" in said(done), said(done))
    finally:
        rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
