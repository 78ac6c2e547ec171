"""What the tests of the wire share: a truebootd with a folder of its own, clients over TLS and over its local socket, JWS. The build folder is
the first argument of the program."""
import atexit
import base64
import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from ports import free_port

BUILD = sys.argv[1]
API = "?api-version=2020-10-01"


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


folder = tempfile.mkdtemp(prefix="trueboot-wire-")
data, port = folder + "/data", free_port()
process = None


class Local(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(data + "/truebootd.sock")


@atexit.register
def end():
    if process and process.poll() is None:
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def start(*settings):
    """settings: "section.key=value"."""
    global process
    chosen = [word for setting in settings for word in ("--set", setting)]
    process = subprocess.Popen([f"{BUILD}/src/truebootd/truebootd", "--data", data, "--listen", f"127.0.0.1:{port}", *chosen],
                               stdout=subprocess.DEVNULL, stderr=open(folder + "/log", "ab"))
    for _ in range(1200):
        try:
            if owner("GET", "/v1/server")[0] == 200:
                return True
        except OSError:
            pass
        if process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def end_server(number=signal.SIGTERM):
    """Its exit status."""
    process.send_signal(number)
    return process.wait(60)


def ask(connection, method, path, body=None, headers=None, host=None):
    raw = body.encode() if isinstance(body, str) else body
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host or f"localhost:{port}")
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if raw is not None:
            connection.putheader("Content-Length", str(len(raw)))
        connection.endheaders(raw)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content
    finally:
        connection.close()


def owner(method, path, body=None, headers=None):
    text = json.dumps(body) if body is not None else None
    return ask(Local("localhost"), method, path, text, headers or ({"Content-Type": "application/json"} if text else {}))


def tls(method, path, body=None, headers=None, host=None, version=None):
    context = ssl.create_default_context(cafile=data + "/ca.pem")
    if version:
        context.minimum_version = context.maximum_version = version
    return ask(http.client.HTTPSConnection("localhost", port, context=context, timeout=60), method, path, body, headers, host)


def error_of(content):
    try:
        return json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return {}


def claims(content):
    return json.loads(unb64u(json.loads(content)["token"].split(".")[1]))


TEXT = "version= 1.0;authorizationrules{=> permit();};issuancerules{};"
GROUP = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Attestation/attestationProviders"
MANAGEMENT = "?api-version=2021-06-01"
RESET = "eyJhbGciOiJub25lIn0.."
PLAIN, JSON = {"Content-Type": "text/plain"}, {"Content-Type": "application/json"}


def jws(payload=None, header=b'{"alg":"none"}'):
    text = json.dumps({"AttestationPolicy": b64u(TEXT.encode())} if payload is None else payload, separators=(",", ":")).encode()
    return f"{b64u(header)}.{b64u(text)}."


def make_token(name, role, scope=None):
    return json.loads(owner("POST", "/v1/tokens", {"name": name, "role": role, **({"scope": scope} if scope else {})})[2])["token"]
