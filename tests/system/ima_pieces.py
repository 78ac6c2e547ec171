#!/usr/bin/env python3
"""The kernel's IMA list, sent in pieces: a running daemon, a software TPM whose register 10 is extended as a kernel does it, a server that loses its
memory in between. Prints TAP.

usage: ima_pieces.py BUILD"""
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

from rig import BOOT, Rig, missing_tools, until
from tap import Tap

BUILD = os.path.abspath(sys.argv[1])
PIECE = 2 * 1024 * 1024
tap = Tap()


def field(value):
    return struct.pack("<I", len(value)) + value


class Kernel:
    """A list that grows in a file, and the register that grows with it."""

    def __init__(self, rig, path):
        self.rig, self.path, self.n = rig, path, 0
        open(path, "wb").close()

    def measure(self, names, signature=b"", modsig=b"", ahead=0):
        """The list first, then the register, as a kernel does; the last `ahead` entries are listed and not extended yet."""
        digests = []
        for name in names:
            digest = b"sha256:\0" + hashlib.sha256(name.encode()).digest()
            data = field(digest) + field(name.encode() + b"\0") + field(signature) + field(digest if modsig else b"") + field(modsig)
            digests.append(hashlib.sha256(data).hexdigest())
            with open(self.path, "ab") as f:
                f.write(struct.pack("<I", 10) + hashlib.sha1(data).digest() + field(b"ima-modsig") + field(data))
            self.n += 1
        self.extend(digests[:len(digests) - ahead])
        return digests[len(digests) - ahead:]

    def extend(self, digests):
        for i in range(0, len(digests), 8):
            subprocess.run(["tpm2_pcrextend", *[f"10:sha256={d}" for d in digests[i:i + 8]]],
                           env=dict(os.environ, TPM2TOOLS_TCTI=f"swtpm:path={self.rig.tpm_socket}"), check=True, timeout=60)


class Daemon:
    def __init__(self, rig, work, *options):
        self.rig, self.run_dir = rig, os.path.join(work, "run")
        self.process = rig.start(rig.agent, "run", "--endpoint", rig.endpoint, "--ca-file", rig.ca_file, "--fw-cfg", "", "--tcti",
                                 f"swtpm:path={rig.tpm_socket}", "--state-dir", os.path.join(work, "state"), "--run-dir", self.run_dir, "--set",
                                 f"log.firmware={BOOT}", "--set", "run.sandbox=no", "--set", "ima.enable=yes", "--no-start-delay", *options)

    def status(self):
        try:
            with open(os.path.join(self.run_dir, "out/status.json")) as f:
                return json.load(f)
        except (OSError, ValueError):
            return {}

    def attest(self):
        before = self.status().get("lastVerdictTime")
        self.process.send_signal(signal.SIGUSR1)
        return until(120, lambda: self.status().get("lastVerdictTime") not in (None, before) and self.status().get("lastVerdict"))

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def evidence(rig):
    """(entries before the piece, its bytes, whether more follows) of the newest evidence."""
    file = json.loads(rig.cli("evidence", "get", "web1").stdout)
    att = file["current_attestation"]
    piece = att["trueboot"]["ima"]
    logs = [log["log"] for log in att["logs"] if log["type"] == "IMA"]
    return piece["from"], base64.urlsafe_b64decode(logs[0] + "==") if logs else b"", piece["more"]


def state(rig):
    return json.loads(rig.cli("status", "web1", "-o", "json").stdout)["properties"]


def measured(rig):
    return state(rig)["trueboot"]["lastVerdict"]["kernelState"]["modules"]


def appraisals(rig):
    return rig.cli("evidence", "list", "web1", "-o", "json").stdout.count('"id"')


def main():
    if missing_tools():
        tap.skip_all("IMA in pieces", f"{missing_tools()[0]} is not installed")
    work = tempfile.mkdtemp(prefix="trueboot-ima-")
    os.makedirs(os.path.join(work, "rig"))
    rig = Rig(BUILD, os.path.join(work, "rig"))
    try:
        path = os.path.join(work, "ima")
        kernel = Kernel(rig, path)
        kernel.measure([f"/lib/modules/6.1/m{i}.ko" for i in range(5)], modsig=b"PKCS#7")
        daemon = Daemon(rig, work, "--set", f"ima.log={path}")
        tap.check(until(60, lambda: daemon.status().get("lastReportTime")) and rig.health() == "Healthy", "the first list is sent whole", daemon.status())
        tap.check(evidence(rig)[0] == 0 and measured(rig) == {"is": "5 measured, 5 of them with a signature", "proved": True}, "and proved", measured(rig))

        length = os.path.getsize(path)
        late = kernel.measure([f"/lib/modules/6.1/n{i}.ko" for i in range(4)], modsig=b"PKCS#7", ahead=1)
        daemon.attest()
        start, content, more = evidence(rig)
        with open(path, "rb") as f:
            whole = f.read()
        tap.check(start == 5 and not more and whole[length:].startswith(content) and len(content) < len(whole) - length,
                  "then what is new, and nothing that came after the quote", (start, len(content), more))
        tap.check(measured(rig)["is"] == "8 measured, 8 of them with a signature" and rig.health() == "Healthy", "the service has gone on from where it was",
                  measured(rig))
        said = os.path.join(work, "x.evidence.json")
        with open(said, "w") as f:
            f.write(rig.cli("evidence", "get", "web1").stdout)
        offline = json.loads(rig.cli("verify", said, "-o", "json").stdout)
        tap.check(offline["facts"]["kernelState"]["modules"]["proved"] and "ima." not in json.dumps(offline["findings"]), "saved evidence of a piece verifies off line",
                  offline["findings"])
        kernel.extend(late)
        daemon.attest()
        tap.check(evidence(rig)[0] == 8 and measured(rig)["is"].startswith("9 measured"), "what was ahead of the quote comes the next time", evidence(rig)[0])

        rig.stop_server()
        subprocess.run([sys.executable, "-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(\"DELETE FROM settings WHERE key LIKE 'attestation.ima.%'\"); c.commit()",
                        os.path.join(rig.data, "trueboot.db")], check=True)
        rig.start_server()
        before = appraisals(rig)
        daemon.attest()
        tap.check(evidence(rig)[0] == 0 and measured(rig)["is"].startswith("9 measured") and rig.health() == "Healthy",
                  "a server that lost what it knew gets the whole list, at once", (evidence(rig)[0], measured(rig), rig.health()))
        tap.check(appraisals(rig) in (before + 1, 0), "and the piece that it could not use left no record", (before, appraisals(rig)))

        kernel.measure(["/root/evil.ko"])
        kernel.measure([f"/usr/bin/p{i}" for i in range(40)], signature=bytes(100 * 1024))
        tap.check(os.path.getsize(path) > PIECE, "a list that is longer than a piece", os.path.getsize(path))
        daemon.attest()
        start, content, more = evidence(rig)
        tap.check(start > 9 and not more and len(content) < PIECE, "comes in several, one after the other", (start, len(content), more))
        tap.check("os.module_unsigned" in json.dumps(state(rig)) and "evil" in json.dumps(state(rig)) and rig.health() == "Healthy",
                  "what the first of them held is known when the last one came", state(rig)["trueboot"]["reasons"])
        with open(f"/proc/{daemon.process.pid}/status") as f:
            peak = int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
        tap.check(peak < 32 * 1024, "the agent's memory stays below its 32 MiB", f"{peak} KiB")

        with open(path, "r+b") as f: # a kernel does not do this
            f.seek(60)
            byte = f.read(1)
            f.seek(60)
            f.write(bytes([byte[0] ^ 1]))
        daemon.attest()
        tap.check(rig.health() == "Healthy", "entries that were proved are not sent again, so what becomes of them does not matter", rig.health())
        daemon.stop()
        daemon = Daemon(rig, work, "--set", f"ima.log={path}")
        until(60, lambda: rig.health() == "Unhealthy")
        tap.check("ima.replay_mismatch" in json.dumps(state(rig)), "a list that does not explain the register, sent whole, is a finding", state(rig)["trueboot"]["reasons"])
        daemon.stop()
    finally:
        rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
