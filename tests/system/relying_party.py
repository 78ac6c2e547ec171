#!/usr/bin/env python3
"""useCustomToken (guest-agent.md 7.4): what a compatible report logs in with at a relying party of somebody else's: a token of its own, a certificate, or the
attestation token. Prints TAP.

usage: relying_party.py BUILD_FOLDER"""
import http.server
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BOOT, Rig, missing_tools  # noqa: E402
from tap import Tap  # noqa: E402

tap = Tap()
if missing_tools():
    tap.skip_all("relying-party", "not installed: " + " ".join(missing_tools()))
TOKEN = "Rep0rtingT0kenZ3"


class RelyingParty:
    """Keeps what it was sent. Asks for a certificate when it is told to."""

    def __init__(self, folder):
        self.got = []
        run = {"cwd": folder, "check": True, "capture_output": True}
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run(["openssl", "req", "-x509", *key, "-subj", "/CN=Other CA", "-days", "5", "-keyout", "ca.key", "-out", "ca.pem"], **run)
        for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
            subprocess.run(["openssl", "req", "-new", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"], **run)
            with open(f"{folder}/{name}.ext", "w") as f:
                f.write(extension + "\n")
            subprocess.run(["openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "5", "-extfile",
                            f"{name}.ext", "-out", f"{name}.pem"], **run)
        self.folder = folder
        self.open, self.strict = self.listen(False), self.listen(True)

    def listen(self, wants_certificate):
        party = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                subject = dict(x[0] for x in (self.connection.getpeercert() or {}).get("subject", ()))
                party.got.append((self.headers.get("Authorization"), subject.get("commonName"), body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{self.folder}/server.pem", f"{self.folder}/server.key")
        if wants_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(f"{self.folder}/ca.pem")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"https://127.0.0.1:{server.server_address[1]}/reports"


def main():
    work = tempfile.mkdtemp(prefix="trueboot-relying-")
    rig = None
    try:
        for name in ("rig", "party", "private", "run"):
            os.makedirs(f"{work}/{name}")
        rig, party = Rig(sys.argv[1], f"{work}/rig"), RelyingParty(f"{work}/party")
        with open(f"{work}/ca.pem", "w") as f:
            f.write(open(rig.ca_file).read() + open(f"{work}/party/ca.pem").read())

        def write(name, text, mode=0o600):
            with open(f"{work}/private/{name}", "w") as f:
                f.write(text)
            os.chmod(f"{work}/private/{name}", mode)
            return f"{work}/private/{name}"

        def run(endpoint, **keys):
            keys = {"attest.endpoint": rig.endpoint, "report.endpoint": endpoint, "report.format": "compatible", "net.ca_file": f"{work}/ca.pem",
                    "tpm.tcti": f"swtpm:path={rig.tpm_socket}", "state.dir": f"{work}/state", "run.dir": f"{work}/run", "log.firmware": BOOT, "run.sandbox": "no",
                    **{k.replace("__", "."): v for k, v in keys.items()}}
            with open(f"{work}/agent.conf", "w") as f:
                f.write("".join(f"{k} = {v}\n" for k, v in keys.items()))
            party.got.clear()
            done = subprocess.run([rig.agent, "run", "--cycles", "1", "--no-start-delay", "--config", f"{work}/agent.conf", "--fw-cfg", ""], capture_output=True,
                                  timeout=120)
            return done, party.got[0] if party.got else (None, None, {})

        cert, key = f"{work}/party/client.pem", write("client.key", open(f"{work}/party/client.key").read())
        done, (login, _, body) = run(party.open)
        tap.check(body.get("HealthStatus") == "Healthy" and login is None, "without useCustomToken a report logs in with nothing", (done, login, body))
        done, (login, _, body) = run(party.open, report__custom_token="yes")
        tap.check(body.get("AttestationToken") and login == f"Bearer {body['AttestationToken']}", "with it, and nothing else, with the attestation token", (done, login))
        done, (login, _, body) = run(party.open, report__auth="custom")
        tap.check(body.get("AttestationToken") and login == f"Bearer {body['AttestationToken']}", "report.auth = custom is another word for it", (done, login))
        done, (login, _, body) = run(party.open, report__auth="key")
        tap.check(body.get("HealthStatus") == "Healthy" and login is None, "and report.auth = key for its absence", (done, login))
        done, (login, name, body) = run(party.open, report__custom_token="yes", report__token_file=write("token", TOKEN + "\n"), net__client_cert_file=cert,
                                        net__client_key_file=key)
        tap.check(login == f"Bearer {TOKEN}" and body.get("HealthStatus") == "Healthy", "a token of its own comes first", (done, login))
        done, (login, name, body) = run(party.strict, report__custom_token="yes", net__client_cert_file=cert, net__client_key_file=key)
        tap.check(login is None and name == "client" and body.get("HealthStatus") == "Healthy", "then its certificate, which the handshake shows", (done, login, name))
        bad = [("a token that others may read", {"report__token_file": write("open", TOKEN, 0o644)}, b"chmod 0600"),
               ("a token that is not there", {"report__token_file": f"{work}/private/none"}, b"report.token_file"),
               ("a token of two lines", {"report__token_file": write("two", f"{TOKEN}\nX-Evil: 1\n")}, b"one word"),
               ("an empty token", {"report__token_file": write("empty", "\n")}, b"one word"),
               ("a certificate without a key", {"net__client_cert_file": cert}, b"one is missing"),
               ("a key that others may read", {"net__client_cert_file": cert, "net__client_key_file": write("open.key", open(key).read(), 0o644)}, b"chmod 0600"),
               ("a key that is none", {"net__client_cert_file": cert, "net__client_key_file": write("no.key", "none")}, b"cannot be used")]
        for what, keys, word in bad:
            done, (_, _, body) = run(party.open, report__custom_token="yes", **keys)
            text = done.stdout + done.stderr
            tap.check(not body and word in text, f"{what} is refused with a reason", (done, body))
            tap.check(TOKEN.encode() not in text and f"{work}/private/".encode() not in text, f"{what}: neither the secret nor where it lies is printed", done)
    finally:
        if rig:
            rig.close()
        shutil.rmtree(work, ignore_errors=True)
    return tap.done()


sys.exit(main())
