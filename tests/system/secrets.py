#!/usr/bin/env python3
"""Secrets planted wherever the agent is given one, and looked for wherever it writes: log, status, heartbeat, events, standard output, the archive of `diagnose`;
and in the memory of the running daemon outside what is locked and left out of dumps (guest-agent.md 6.12, 11.3, 15 no. 14). Prints TAP.

usage: secrets.py BUILD_FOLDER"""
import base64
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BOOT, UUID, Rig, missing_tools, until  # noqa: E402
from tap import Tap  # noqa: E402

tap = Tap()
BUILD = sys.argv[1]
if missing_tools():
    tap.skip_all("secrets", "not installed: " + " ".join(missing_tools()))

PASSWORD, OTHER = "Pr0xyPassw0rdQ7", "Rep0rtingT0kenZ3"
CREDENTIALS = f"ann:{PASSWORD}"
JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}")


class Proxy:
    """CONNECT with a password, to our server whatever the name."""

    def __init__(self, port):
        self.to, self.let_in, self.refused = port, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.handle, args=(client,), daemon=True).start()

    def handle(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(4096)
            if not part:
                return
            head += part
        if b"Basic " + base64.b64encode(CREDENTIALS.encode()) not in head:
            self.refused += 1
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            client.close()
            return
        self.let_in += 1
        server = socket.create_connection(("127.0.0.1", self.to))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for a, b in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        finally:
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


def mappings(pid):
    """(start, end, flags, kibibytes locked) of each mapping that holds something."""
    at, found = None, []
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line)
            if head:
                at = [int(head[1], 16), int(head[2], 16), [], 0, head[3]]
                found.append(at)
            elif line.startswith("Locked:"):
                at[3] = int(line.split()[1])
            elif line.startswith("VmFlags:"):
                at[2] = line.split()[1:]
    return found


def in_memory(pid, secrets):
    """Which secrets lie in mappings that a dump would hold; and whether each was found at all."""
    dumped, guarded = [], []
    with open(f"/proc/{pid}/mem", "rb") as mem:
        for start, end, flags, _, mode in mappings(pid):
            if not mode.startswith("rw") or "io" in flags:
                continue
            try:
                mem.seek(start)
                content = mem.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            for secret in secrets:
                if secret in content:
                    (guarded if "dd" in flags else dumped).append((secret, hex(start), " ".join(flags)))
    return dumped, guarded


def written(folder, skip):
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if not any(path.startswith(s) for s in skip) and os.path.isfile(path):
                with open(path, "rb") as f:
                    yield path, f.read()


def main():
    work = tempfile.mkdtemp(prefix="trueboot-secrets-")
    rig = None
    try:
        os.makedirs(f"{work}/rig")
        rig = Rig(BUILD, f"{work}/rig")
        rig.stop_server()
        rig.server_options = ("--set", "attestation.enrolment_token=yes")
        rig.start_server()
        minted = rig.cli("enrolment-token", "create", "rack 7", "--vm", "web*", "-o", "json")
        TOKEN = json.loads(minted.stdout)["token"]
        proxy = Proxy(rig.port)
        for name, content in (("private/proxy", CREDENTIALS), ("private/enrolment", TOKEN), ("private/reporting", OTHER)):
            os.makedirs(f"{work}/private", exist_ok=True)
            with open(f"{work}/{name}", "w") as f:
                f.write(content + "\n")
            os.chmod(f"{work}/{name}", 0o600)
        host = socket.gethostname()
        keys = {"attest.endpoint": f"https://{host}:{rig.port}", "net.ca_file": rig.ca_file, "tpm.tcti": f"swtpm:path={rig.tpm_socket}", "state.dir": f"{work}/state",
                "run.dir": f"{work}/run", "log.firmware": BOOT, "log.dir": f"{work}/log", "net.proxy": f"http://127.0.0.1:{proxy.port}",
                "net.proxy_credentials_file": f"{work}/private/proxy", "enroll.token_file": f"{work}/private/enrolment", "run.sandbox": "no"}
        os.makedirs(f"{work}/log")
        with open(f"{work}/agent.conf", "w") as f:
            f.write("".join(f"{k} = {v}\n" for k, v in keys.items()))
        common = ["--config", f"{work}/agent.conf", "--fw-cfg", ""]

        def status():
            try:
                with open(f"{work}/run/out/status.json") as f:
                    return json.load(f)
            except (OSError, ValueError):
                return {}

        with open(f"{work}/daemon.out", "wb") as log:
            daemon = subprocess.Popen([rig.agent, "run", *common, "--no-start-delay"], stdout=log, stderr=log, env=dict(os.environ, https_proxy="", no_proxy=""))
        try:
            reported = until(60, lambda: status().get("lastReportTime"))
            tap.check(reported and proxy.let_in > 0, "the machine enrols, attests and reports through the proxy with its password", f"{status()} {proxy.let_in} {proxy.refused}")
            tap.check(not os.path.exists(f"{work}/private/enrolment"), "the enrolment token was good once, and its file is gone")
            row = [t for t in json.loads(rig.cli("enrolment-token", "list", "-o", "json").stdout)["value"] if t["name"] == "rack 7"]
            tap.check(row and row[0]["state"] == "used" and row[0]["usedBy"] == UUID, "the server says who used it", row)
            audit = "".join(text.decode(errors="replace") for _, text in written(f"{rig.data}/audit", []))
            tap.check(f"enrolment token {row[0]['id']} (rack 7)" in audit and TOKEN not in audit, "so does the audit log, which has its id and not the token")
            stored = b"".join(text for path, text in written(rig.data, []) if "trueboot.db" in path)
            tap.check(TOKEN.encode() not in stored, "nor is the token in the database")
            found = mappings(daemon.pid)
            guarded = [m for m in found if "dd" in m[2] and m[4].startswith("rw")]
            tap.check(bool(guarded), "it has memory that no dump holds")
            soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
            may_lock = os.geteuid() == 0 or soft == resource.RLIM_INFINITY or soft >= 32768
            tap.check(not may_lock or any(m[3] > 0 and "lo" in m[2] for m in guarded), "and that is locked", guarded)
            secrets = [PASSWORD.encode(), base64.b64encode(CREDENTIALS.encode()), TOKEN.encode(), OTHER.encode()]
            until(60, lambda: not in_memory(daemon.pid, secrets)[0], 0.5)
            dumped, kept = in_memory(daemon.pid, secrets)
            tap.check(not dumped, "no secret lies where a dump would hold it", dumped)
            tap.check(any(s == PASSWORD.encode() for s, _, _ in kept), "the proxy's password lies where no dump holds it", kept)
            beats = until(60, lambda: os.path.exists(f"{work}/run/out/heartbeat.json"))
            tap.check(beats, "it beats")
            diagnosed = subprocess.run([rig.agent, "diagnose", "--attest", "--json", "--bundle", f"{work}/bundle.tar", *common], capture_output=True, timeout=120)
            checks = json.loads(diagnosed.stdout)["checks"]
            results = {c["id"]: c["result"] for c in checks}
            tap.check(results.get("ATT.01") == "PASS" and results.get("REP.01") == "PASS", "diagnose attests and reports without recording", results)
        finally:
            daemon.terminate()
            daemon.wait(20)
        # trouble has words of its own
        os.chmod(f"{work}/private/proxy", 0o644)
        open_file = subprocess.run([rig.agent, "once", *common], capture_output=True, timeout=60)
        tap.check(open_file.returncode == 64 and b"chmod 0600" in open_file.stderr, "credentials that others may read are refused", open_file)
        os.chmod(f"{work}/private/proxy", 0o600)
        with open(f"{work}/private/proxy", "w") as f:
            f.write(f"ann{PASSWORD}\n")
        no_colon = subprocess.run([rig.agent, "once", *common], capture_output=True, timeout=60)
        wrong = subprocess.run([rig.agent, "once", *common, "--set", f"net.proxy=http://{CREDENTIALS}@127.0.0.1:1"], capture_output=True, timeout=60)
        tap.check(no_colon.returncode != 0 and wrong.returncode != 0, "so are some without a colon, and those in an address", (no_colon, wrong))
        with tarfile.open(f"{work}/bundle.tar") as tar:
            tar.extractall(f"{work}/unpacked")
        texts = list(written(work, [f"{work}/private", f"{work}/rig", f"{work}/agent.conf", f"{work}/state/spool", f"{work}/state/token.jwt"]))
        texts += [("standard output", d.stdout + d.stderr) for d in (diagnosed, open_file, no_colon, wrong)]
        tap.check(len(texts) > 12 and any(p.endswith("trueboot-agent.log") for p, _ in texts), "logs, status, events and the archive's parts are there", [p for p, _ in texts])
        for what, needle in (("the proxy's password", PASSWORD.encode()), ("what the proxy is sent", base64.b64encode(CREDENTIALS.encode())), ("the enrolment token", TOKEN.encode()),
                             ("another token", OTHER.encode()), ("the path of a secret", f"{work}/private/".encode())):
            leaks = [p for p, text in texts if needle in text]
            tap.check(not leaks, f"{what} is in none of them", leaks)
        leaks = [p for p, text in texts if JWT.search(text)]
        tap.check(not leaks, "no token is in any of them", leaks)
        keys_there = [p for p, text in texts if b"PRIVATE KEY" in text]
        tap.check(not keys_there, "nor a private key", keys_there)
    finally:
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
