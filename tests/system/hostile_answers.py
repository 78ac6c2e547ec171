#!/usr/bin/env python3
"""A server that lies, in every place of the protocol: the real agent and a real server, and between them somebody who changes one answer. The agent ends
with the code of its table, says one safe sentence, keeps what it had, and never crashes (guest-agent.md 3.8, 8.3, 15; "bad input"). Prints TAP.

usage: hostile_answers.py BUILD_FOLDER"""
import base64
import datetime
import gzip
import http.client
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import BOOT, Rig, missing_tools, until  # noqa: E402
from tap import Tap  # noqa: E402

tap = Tap()
BUILD = sys.argv[1]
if missing_tools():
    tap.skip_all("hostile answers", "not installed: " + " ".join(missing_tools()))


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# ---- what becomes of an answer: functions of (status, headers, body) that return bytes for the wire, or None to hang up


def answer(status, body, **headers):
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return b"HTTP/1.1 %d X\r\n" % status + b"".join(f"{k}: {v}\r\n".encode() for k, v in lines.items() if v is not None) + b"\r\n" + body


def body(text, status=200, **headers):
    return lambda s, h, b: answer(status, text if isinstance(text, bytes) else text.encode(), **headers)


def raw(data):
    return lambda s, h, b: data


def hang_up(s, h, b):
    return None


def cut(s, h, b):
    return answer(s, b)[: -len(b) // 2]


def envelope(change):
    """The message within {"data": base64url(...)}."""

    def apply(s, h, b):
        inner = json.loads(base64.urlsafe_b64decode(json.loads(b)["data"] + "=="))
        return answer(s, json.dumps({"data": b64u(json.dumps(change(inner)).encode())}).encode())

    return apply


def inner(text):
    return lambda s, h, b: answer(s, json.dumps({"data": b64u(text)}).encode())


def payload(**members):
    return envelope(lambda v: {"payload": {**v["payload"], **members}})


def member(**members):
    def apply(s, h, b):
        v = {**json.loads(b), **members}
        return answer(s, json.dumps({k: x for k, x in v.items() if x is not Ellipsis}).encode())

    return apply


def jwt(header, claims=b"{}", signature=b"x"):
    return ".".join(b64u(part) for part in (header, claims, signature))


ESC = "\x1b]0;owned\x07\u202egnp\n* done: Healthy"
NONE = (None,)
NET = ("BAD_ANSWER", "UNREACHABLE", "PROXY_BLOCK")

# verb · what · path · which answer of that path · change · codes (None: it works)
ANSWERS = [
    ("once", "a good server", "/attest/Tpm", 1, None, NONE),
    ("once", "no answer", "/attest/Tpm", 1, hang_up, ("UNREACHABLE",)),
    ("once", "half an answer", "/attest/Tpm", 1, cut, ("UNREACHABLE",)),
    ("once", "noise", "/attest/Tpm", 1, raw(os.urandom(4000)), NET),
    ("once", "a protocol of 1991", "/attest/Tpm", 1, raw(b"<html>hello</html>"), NET),
    ("once", "a megabyte of headers", "/attest/Tpm", 1, raw(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 150000 + b"\r\n{}"), NET),
    ("once", "a length that is none", "/attest/Tpm", 1, body(b"{}", Content_Length="-5"), NET),
    ("once", "a length of 10^18", "/attest/Tpm", 1, body(b"{}", Content_Length="1000000000000000000"), NET),
    ("once", "chunks that are none", "/attest/Tpm", 1, raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"), NET),
    ("once", "three megabytes", "/attest/Tpm", 1, body(b'{"data":"' + b"A" * (3 << 20) + b'"}'), ("BAD_ANSWER",)),
    ("once", "an endless stream", "/attest/Tpm", 1, body(b" " * (5 << 20), Content_Length=None), ("BAD_ANSWER",)),
    ("once", "a hundred interim answers", "/attest/Tpm", 1, raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), NET),
    ("once", "nothing", "/attest/Tpm", 1, body(b""), ("BAD_ANSWER",)),
    ("once", "no content", "/attest/Tpm", 1, body(b"", 204), ("BAD_ANSWER",)),
    ("once", "null", "/attest/Tpm", 1, body("null"), ("BAD_ANSWER",)),
    ("once", "a list", "/attest/Tpm", 1, body("[]"), ("BAD_ANSWER",)),
    ("once", "a nest of lists", "/attest/Tpm", 1, body("[" * 100000), ("PROXY_BLOCK", "BAD_ANSWER")),
    ("once", "text that is not UTF-8", "/attest/Tpm", 1, body(b'{"data":"\xff\xfe"}'), ("PROXY_BLOCK", "BAD_ANSWER")),
    ("once", "a NUL", "/attest/Tpm", 1, body(b'{"data":"a\x00b"}'), ("PROXY_BLOCK", "BAD_ANSWER")),
    ("once", "data that is a number", "/attest/Tpm", 1, body('{"data":7}'), ("BAD_ANSWER",)),
    ("once", "data that is no base64", "/attest/Tpm", 1, body('{"data":"%%%%"}'), ("BAD_ANSWER",)),
    ("once", "data that holds no JSON", "/attest/Tpm", 1, inner(b"\x00\x01"), ("BAD_ANSWER",)),
    ("once", "another type of content", "/attest/Tpm", 1, lambda s, h, b: answer(s, b, Content_Type="text/plain"), NONE),
    ("once", "a status that is none", "/attest/Tpm", 1, body("{}", 999), ("SERVER_TROUBLE", "BAD_ANSWER")),
    ("once", "a mark of the byte order", "/attest/Tpm", 1, lambda s, h, b: answer(s, b"\xef\xbb\xbf" + b), NONE),
    ("once", "a coding that nobody asked for", "/attest/Tpm", 1, lambda s, h, b: answer(s, gzip.compress(b), Content_Encoding="gzip"), ("BAD_ANSWER",)),
    ("once", "chunks with extensions and a trailer", "/attest/Tpm", 1,
     lambda s, h, b: b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x;a="b"\r\n%s\r\n0\r\nX-T: 1\r\n\r\n' % (len(b), b), NONE),
    ("once", "an interim answer before", "/attest/Tpm", 1, lambda s, h, b: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(s, b), NONE),
    ("once", "HTTP/1.0 without a length", "/attest/Tpm", 1, lambda s, h, b: b"HTTP/1.0 200 OK\r\n\r\n" + b, NONE),
    ("once", "JSON that is cut", "/attest/Tpm", 1, lambda s, h, b: answer(s, b[:-1]), ("BAD_ANSWER",)),
    ("once", "a page that says 404", "/attest/Tpm", 1, body("<html>Not Found</html>", 404), ("WRONG_ENDPOINT",)),
    ("once", "a page that leads elsewhere", "/attest/Tpm", 1, body("<html>log in</html>", 302, Location="https://portal.example/?token=hunter2"), ("PROXY_BLOCK",)),
    ("once", "a page", "/attest/Tpm", 1, body("<html>log in</html>"), ("PROXY_BLOCK",)),
    ("once", "a way elsewhere", "/attest/Tpm", 1, body("", 302, Location="https://127.0.0.1:{other}/attest/Tpm"), ("BAD_ANSWER",)),
    ("once", "a way to a file", "/attest/Tpm", 1, body("", 301, Location="file:///etc/passwd"), ("BAD_ANSWER",)),
    ("once", "a way beside, on the same server", "/attest/Tpm", 1, body("", 307, Location="/attest/Tpm?api-version=2022-08-01&beside=1"), NONE),
    ("once", "a whole address on the same server", "/attest/Tpm", 1, body("", 308, Location="https://127.0.0.1:{own}/attest/Tpm?api-version=2022-08-01&beside=1"), NONE),
    ("once", "the same server in capitals", "/attest/Tpm", 1, body("", 308, Location="HTTPS://127.0.0.1:{own}/attest/Tpm?api-version=2022-08-01&beside=1"), NONE),
    ("once", "the same server without TLS", "/attest/Tpm", 1, body("", 307, Location="http://127.0.0.1:{own}/attest/Tpm"), ("BAD_ANSWER",)),
    ("once", "the same name at another port", "/attest/Tpm", 1, body("", 307, Location="https://127.0.0.1:{own}1/attest/Tpm"), ("BAD_ANSWER",)),
    ("once", "no way at all", "/attest/Tpm", 1, body("", 307, Location="//127.0.0.1:{other}/attest/Tpm"), ("BAD_ANSWER",)),
    ("once", "a way in circles", "/attest/Tpm", 0, body("", 307, Location="/attest/Tpm"), ("BAD_ANSWER",)),
    ("once", "a refusal with terminal commands", "/attest/Tpm", 1, body(json.dumps({"error": {"code": ESC, "message": ESC * 400}}), 400), ("REFUSED",)),
    ("once", "an error that is a text", "/attest/Tpm", 1, body('{"error":"no"}', 400), ("REFUSED",)),
    ("once", "an error that is a list", "/attest/Tpm", 1, body('{"error":[{"code":7}]}', 500), ("SERVER_TROUBLE",)),
    ("once", "come again in 10^30 seconds", "/attest/Tpm", 1, body("{}", 503, Retry_After="9" * 30), ("SERVER_TROUBLE",)),
    ("once", "a challenge of nothing", "/attest/Tpm", 1, payload(challenge=""), ("BAD_ANSWER", "NONCE", "REFUSED")),
    ("once", "a challenge that is a number", "/attest/Tpm", 1, payload(challenge=12), ("BAD_ANSWER",)),
    ("once", "a challenge that is no base64", "/attest/Tpm", 1, payload(challenge="#!"), ("BAD_ANSWER",)),
    ("once", "a challenge of a megabyte", "/attest/Tpm", 1, payload(challenge="A" * (1 << 20)), ("BAD_ANSWER", "NONCE", "REFUSED")),
    ("once", "another challenge", "/attest/Tpm", 1, payload(challenge=b64u(b"x" * 32)), ("NONCE", "REFUSED")),
    ("once", "a context that is an object", "/attest/Tpm", 1, payload(service_context={}), ("BAD_ANSWER",)),
    ("once", "another context", "/attest/Tpm", 1, payload(service_context="AAAA"), ("NONCE", "REFUSED")),
    ("once", "no report", "/attest/Tpm", 2, inner(b'{"payload":{}}'), ("BAD_ANSWER",)),
    ("once", "a report that is an object", "/attest/Tpm", 2, payload(report={"a": 1}), ("BAD_ANSWER",)),
    ("once", "a token of nothing", "/attest/Tpm", 2, payload(report=""), ("BAD_ANSWER",)),
    ("once", "a token that is no JWT", "/attest/Tpm", 2, payload(report="hello"), ("BAD_ANSWER",)),
    ("once", "a token of five parts", "/attest/Tpm", 2, payload(report="a.b.c.d.e"), ("BAD_ANSWER",)),
    ("once", "a token with terminal commands", "/attest/Tpm", 2, payload(report="a." + ESC + ".c"), ("BAD_ANSWER",)),
    ("once", "an unsigned token", "/attest/Tpm", 2, payload(report=jwt(b'{"alg":"none"}', b"{}", b"")), ("BAD_ANSWER",)),
    ("once", "a token of an algorithm that we do not know", "/attest/Tpm", 2, payload(report=jwt(b'{"alg":"ES999"}')), NONE),
    ("once", "a token with a padded part", "/attest/Tpm", 2, payload(report=jwt(b'{"alg":"RS256"}') + "=="), ("BAD_ANSWER",)),
    ("once", "a token with an algorithm that is a list", "/attest/Tpm", 2, payload(report=jwt(b'{"alg":["RS256"]}')), ("BAD_ANSWER",)),
    ("once", "a token with a header that is no JSON", "/attest/Tpm", 2, payload(report=jwt(b"alg")), ("BAD_ANSWER",)),
    ("once", "a token whose claims are no JSON", "/attest/Tpm", 2, payload(report=jwt(b'{"alg":"RS256"}', b"claims")), ("BAD_ANSWER",)),
    ("once", "a token of a megabyte and a half", "/attest/Tpm", 2, payload(report=jwt(b'{"alg":"RS256"}', b"{}", b"x" * 1200000)), ("BAD_ANSWER",)),
    ("enroll", "a good server", "/enroll/v1/begin", 1, None, NONE),
    ("enroll", "no enrolment's id", "/enroll/v1/begin", 1, member(enrollId=...), ("BAD_ANSWER",)),
    ("enroll", "an endorsement key that we have not", "/enroll/v1/begin", 1, member(ekIndex=99), ("BAD_ANSWER",)),
    ("enroll", "an endorsement key below nought", "/enroll/v1/begin", 1, member(ekIndex=-1), ("BAD_ANSWER",)),
    ("enroll", "half an endorsement key", "/enroll/v1/begin", 1, member(ekIndex=0.5), ("BAD_ANSWER",)),
    ("enroll", "an endorsement key of words", "/enroll/v1/begin", 1, member(ekIndex="0"), ("BAD_ANSWER",)),
    ("enroll", "the other endorsement key", "/enroll/v1/begin", 0, member(ekIndex=1), ("ACTIVATE_FAIL", "TPM_REFUSED", "BAD_ANSWER")),
    ("enroll", "no credential", "/enroll/v1/begin", 1, member(credentialBlob=""), ("BAD_ANSWER",)),
    ("enroll", "a credential of noise", "/enroll/v1/begin", 0, member(credentialBlob=b64u(b"\x00\x44" + os.urandom(68))), ("ACTIVATE_FAIL", "TPM_REFUSED")),
    ("enroll", "a credential that lies about its length", "/enroll/v1/begin", 1, member(credentialBlob=b64u(b"\xff\xff" + bytes(20))), ("BAD_ANSWER",)),
    ("enroll", "a credential of a megabyte", "/enroll/v1/begin", 1, member(credentialBlob="A" * (1 << 20)), ("BAD_ANSWER",)),
    ("enroll", "a secret of noise", "/enroll/v1/begin", 0, member(encryptedSecret=b64u(b"\x01\x00" + os.urandom(256))), ("ACTIVATE_FAIL", "TPM_REFUSED")),
    ("enroll", "a credential for another key, once", "/enroll/v1/begin", 1, member(encryptedSecret=b64u(b"\x01\x00" + bytes(255) + b"\x07")), NONE),
    ("enroll", "a nonce that is too long", "/enroll/v1/begin", 1, member(nonce=b64u(bytes(5000))), ("BAD_ANSWER",)),
    ("enroll", "a wait without end", "/enroll/v1/begin", 1, body('{"enrollId":"x","retryAfter":1e400}', 202), ("PROXY_BLOCK", "AWAITS_APPROVAL", "BAD_ANSWER")),
    ("enroll", "a wait that names nothing", "/enroll/v1/begin", 1, body("[]", 202), ("AWAITS_APPROVAL", "BAD_ANSWER")),
    ("enroll", "no certificate", "/enroll/v1/activate", 1, member(akCert=""), ("BAD_ANSWER",)),
    ("enroll", "a certificate of noise", "/enroll/v1/activate", 1, member(akCert=b64u(os.urandom(900))), ("BAD_ANSWER",)),
    ("enroll", "a certificate of another key", "/enroll/v1/activate", 1, "chain for certificate", ("BAD_ANSWER",)),
    ("enroll", "a certificate for another machine", "/enroll/v1/activate", 1, member(vmId="00000000-0000-0000-0000-000000000000"), ("BAD_ANSWER",)),
    ("enroll", "a machine that is no UUID", "/enroll/v1/activate", 1, member(vmId="../../etc"), ("BAD_ANSWER",)),
    ("enroll", "a chain that is none", "/enroll/v1/activate", 1, member(akChain="no"), ("BAD_ANSWER",)),
    ("enroll", "a chain of a thousand", "/enroll/v1/activate", 1, member(akChain=[b64u(bytes(1000))] * 1000), ("BAD_ANSWER",)),
    ("run", "a good server", "/report/v1", 1, None, NONE),
    ("run", "a nonce of a megabyte", "/report/v1", 1, member(nonce="A" * (1 << 20)), ("BAD_ANSWER",)),
    ("run", "a nonce that is no base64", "/report/v1", 1, member(nonce="\u202e%"), ("BAD_ANSWER",)),
    ("run", "a refusal of the nonce with terminal commands", "/report/v1", 1, body(json.dumps({"error": {"code": ESC, "message": ESC}}), 403), ("NOT_AUTHORISED",)),
    ("run", "times that are none", "/report/v1", 1, member(nextReportSeconds=-1, nextHeartbeatSeconds="soon", attestNow="yes"), NONE),
    ("run", "times without end", "/report/v1", 1, member(nextReportSeconds=1 << 70, nextHeartbeatSeconds=1e300), NONE),
    ("run", "a report taken with nothing", "/report/v1/" + "x", 2, body("", 202), NONE),
    ("run", "no answer to a report", "/report/v1", 2, hang_up, ("UNREACHABLE",)),
    ("run", "a report that nobody wants", "/report/v1", 2, body('{"error":{"code":"X"}}', 418), ("BAD_ANSWER",)),
]

EXITS = {"BAD_ANSWER": 64, "UNREACHABLE": 64, "PROXY_BLOCK": 64, "SERVER_TROUBLE": 64, "WRONG_ENDPOINT": 64, "REFUSED": 65, "NONCE": 65, "AWAITS_APPROVAL": 63,
         "ACTIVATE_FAIL": 63, "TPM_REFUSED": 61}


class Between:
    """TLS in front, the real server behind; counts the answers of each path and changes one."""

    def __init__(self, rig, folder):
        self.rig, self.rule, self.count, self.elsewhere = rig, None, 0, 0
        self.cert = f"{folder}/between.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "60",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{folder}/between.key", "-out", self.cert], check=True, capture_output=True)
        self.context = ssl.create_default_context(cafile=rig.ca_file)
        self.server, self.port = self.listen(folder, self.handle)
        self.other, self.other_port = self.listen(folder, self.count_elsewhere)

    def listen(self, folder, handle):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler):
                handler.close_connection = True
                length = int(handler.headers.get("Content-Length", 0))
                data = handle(handler.path, dict(handler.headers), handler.rfile.read(length))
                if data is not None:
                    try:
                        handler.wfile.write(data)
                    except OSError:
                        pass

            do_GET = do_POST

            def log_message(handler, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address):
                pass  # whoever hangs up may

        server = Server(("127.0.0.1", 0), Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.cert, f"{folder}/between.key")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server, server.server_address[1]

    def count_elsewhere(self, path, headers, content):
        self.elsewhere += 1
        return answer(200, b"{}")

    def handle(self, path, headers, content):
        connection = http.client.HTTPSConnection("127.0.0.1", self.rig.port, context=self.context, timeout=30)
        connection.request("POST", path, content, {k: v for k, v in headers.items() if k.lower() in ("authorization", "content-type")})
        got = connection.getresponse()
        status, sent = got.status, got.read()
        connection.close()
        where, nth, change = self.rule
        if change and (where in path or (where == "/report/v1/x" and "/report/v1/" in path)):
            self.count += 1
            if self.count == nth or nth == 0:
                if change == "chain for certificate":
                    change = member(akCert=json.loads(sent)["akChain"][0])
                data = change(status, headers, sent)
                return data and data.replace(b"{other}", str(self.other_port).encode()).replace(b"{own}", str(self.port).encode())
        return answer(status, sent)


def is_safe(text):
    return not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)


def run_agent(rig, between, folder, verb, fresh, number, **more):
    state, run = f"{folder}/state{number}", f"{folder}/run{number}"
    if not fresh:
        shutil.copytree(f"{folder}/enrolled", state)
    keys = {"attest.endpoint": f"https://127.0.0.1:{between.port}", "net.ca_file": between.cert, "tpm.tcti": f"swtpm:path={rig.tpm_socket}", "state.dir": state,
            "run.dir": run, "log.firmware": BOOT, "log.systemd": "", "log.dir": "", "net.timeout_first_byte": "5s", "net.timeout_total": "20s", **{k.replace("__", "."): v for k, v in more.items()}}
    command = [rig.agent, verb, "--fw-cfg", "", *(f"--set={k}={v}" for k, v in keys.items() if v or k == "log.systemd")]
    if verb != "run":
        done = subprocess.run(command, capture_output=True, timeout=120)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), state
    process = subprocess.Popen([*command, "--no-start-delay"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def status():
        try:
            with open(f"{run}/out/status.json") as f:
                v = json.load(f)
            return v if v["failure"] or v["state"] == "idle" else None
        except (OSError, ValueError):
            return None

    found = until(60, lambda: status() or process.poll() is not None, 0.05)
    process.terminate()
    out, err = process.communicate(timeout=30)
    err = err.decode(errors="replace")
    if isinstance(found, dict) and found["failure"]:
        err += f"\n{found['failure']['message']} [{found['failure']['code']}]"
        due = datetime.datetime.fromisoformat(found["nextAttestationTime"].replace("Z", "+00:00")) - datetime.datetime.now(datetime.timezone.utc)
        if found["state"] == "backoff" and found["failure"]["code"] in ("UNREACHABLE", "BAD_ANSWER") and due.total_seconds() > 3600:
            err += "\nit says that it waits for the whole period, and does not"
    return process.returncode, out.decode(errors="replace"), err, state


def check_local_words(rig, between, folder):
    """What is wrong on our own side is said so that nobody has to guess; a server is there, and is not what is blamed."""
    between.rule = ("", 0, None)
    with open(between.cert) as f:
        pem = f.read()
    der = ssl.PEM_cert_to_DER_cert(pem)
    for what, content, says in [("none", None, "No such file"), ("empty", b"", "is empty"), ("DER", der, "openssl x509 -inform DER"), ("no certificate", b"ca = my own\n", "holds no -----BEGIN CERTIFICATE-----"),
                                ("cut", pem[: len(pem) // 2].encode(), "is cut or damaged"), ("damaged", pem.replace("M", "!", 5).encode(), "is cut or damaged")]:
        path = f"{folder}/ca-{what.replace(chr(32), chr(45))}"
        if content is not None:
            with open(path, "wb") as f:
                f.write(content)
        code, out, err, state = run_agent(rig, between, folder, "once", False, f"ca {what}", net__ca_file=path)
        tap.check(code == 64 and "[TLS]" in err and says in err and path in err and not out, f"a file of CA certificates: {what}: said", err)
    for what, content in [("Windows' line ends", pem.replace("\n", "\r\n")), ("words around", "# ours\n" + pem + "\nthe end\n"), ("a mark of the byte order", "\ufeff" + pem)]:
        with open(f"{folder}/ca-fine", "w", newline="") as f:
            f.write(content)
        code, out, err, state = run_agent(rig, between, folder, "once", False, f"ca {what}", net__ca_file=f"{folder}/ca-fine")
        tap.check(code == 0, f"a file of CA certificates with {what} is taken", err)
    code, out, err, state = run_agent(rig, between, folder, "once", False, "proxy", net__proxy="http://u:hunter2@127.0.0.1:9", attest__endpoint="https://192.0.2.1")
    tap.check(code == 53 and "[BAD_SETTINGS]" in err and "credentials" in err and "hunter2" not in err and "and does not" not in err, "a proxy with a password in its address is a matter of settings", err)


def main():
    with tempfile.TemporaryDirectory(prefix="trueboot-hostile-") as folder:
        rig = Rig(BUILD, f"{folder}", "--set", "limits.attest_per_second=0", "--set", "limits.requests_per_second=0")
        try:
            between = Between(rig, folder)
            between.rule = ("", 0, None)
            code, out, err, state = run_agent(rig, between, folder, "enroll", True, "first")
            if not tap.check(code == 0, "the machine enrols through an honest go-between", err):
                return
            shutil.move(state, f"{folder}/enrolled")
            kept = open(f"{folder}/enrolled/ak.crt", "rb").read()
            for number, (verb, what, where, nth, change, codes) in enumerate(ANSWERS):
                between.rule, between.count = (where, nth, change), 0
                start = time.monotonic()
                code, out, err, state = run_agent(rig, between, folder, verb, False, number)
                name = re.findall(r"\[([A-Z_0-9]+)\]\s*$", err, re.M)
                name = name[-1] if name else None
                want = 0 if name is None or verb == "run" else EXITS.get(name)
                fine = name in codes and code == want and is_safe(err) and is_safe(out) and time.monotonic() - start < 60 and "runtime error" not in err
                fine = fine and open(f"{state}/ak.crt", "rb").read() != b"" and (verb != "once" or name is None or (not out and "what helps: " in err)) and "hunter2" not in err
                if verb != "enroll":
                    fine = fine and open(f"{state}/ak.crt", "rb").read() == kept
                tap.check(fine, f"{verb}: {what}: {name or 'accepted'}", f"{codes}, exit {code}, {out[:200]!r}, {err[-600:]!r}")
            check_local_words(rig, between, folder)
            tap.check(between.elsewhere == 0, "nothing was sent where an answer pointed to", between.elsewhere)
        finally:
            rig.close()


main()
sys.exit(tap.done())
