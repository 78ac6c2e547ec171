#!/usr/bin/env python3
"""Running a truebootd as an operator does: settings, budgets, roles of every route, tokens of an issuer, audit log, metrics. Prints TAP.

usage: operations.py BUILD_FOLDER"""
import base64
import glob
import http.server
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ports import free_port
from serving import Server
from tap import ok, tap

try:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
    from cryptography.x509.oid import NameOID
except ImportError:
    tap.skip_all("running a server", "python3-cryptography is not installed")

BUILD = sys.argv[1]
API = "?api-version=2022-08-01"


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# ---- an issuer of tokens


class Issuer:
    """Somebody else's OpenID Connect provider: RSA and P-256 keys, TLS by a CA of its own."""

    def __init__(self, folder):
        self.keys = {"one": rsa.generate_private_key(65537, 2048), "two": ec.generate_private_key(ec.SECP256R1()),
                     "three": rsa.generate_private_key(65537, 2048)}
        self.published, self.hang, self.fetches = ["one", "two"], 0, 0
        self.port = free_port()
        self.url = f"https://localhost:{self.port}/tenant/v2.0"
        self.ca_file = folder + "/issuer-ca.pem"
        self.serve(folder)

    def certificate(self, folder):
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an issuer")])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                .not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(True, None), True)
                .add_extension(x509.SubjectAlternativeName(names), False).sign(key, hashes.SHA256()))
        pem = cert.public_bytes(serialization.Encoding.PEM)
        open(self.ca_file, "wb").write(pem)
        both = folder + "/issuer.pem"
        open(both, "wb").write(pem + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                       serialization.NoEncryption()))
        return both

    def jwk(self, kid):
        numbers = self.keys[kid].public_key().public_numbers()
        if isinstance(self.keys[kid], rsa.RSAPrivateKey):
            return {"kty": "RSA", "use": "sig", "kid": kid, "n": b64u(numbers.n.to_bytes(256, "big")), "e": "AQAB"}
        return {"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": b64u(numbers.x.to_bytes(32, "big")),
                "y": b64u(numbers.y.to_bytes(32, "big"))}

    def serve(self, folder):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.endswith("/.well-known/openid-configuration"):
                    body = {"issuer": issuer.url, "jwks_uri": f"https://localhost:{issuer.port}/keys"}
                else:
                    issuer.fetches += 1
                    time.sleep(issuer.hang)
                    body = {"keys": [issuer.jwk(kid) for kid in issuer.published]}
                content = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate(folder))
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def token(self, kid="one", header=None, **claims):
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        now = int(time.time())
        body = {"iss": self.url, "aud": "https://attest.azure.net", "sub": "subject-1", "preferred_username": "ada", "iat": now, "nbf": now,
                "exp": now + 600, "roles": ["trueboot.reader"], **claims}
        text = b64u(json.dumps({"typ": "JWT", "alg": algorithm, "kid": kid, **(header or {})}).encode()) + "." + b64u(json.dumps(body).encode())
        if algorithm == "RS256":
            signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return text + "." + b64u(signature)


# ---- settings


def check_settings(folder):
    wrong = folder + "/wrong.conf"
    open(wrong, "w").write("[server]\nlisten = 127.0.0.1:1\n\n[limits]\nattest_per_secnd = 5\n")
    run = subprocess.run([f"{BUILD}/src/truebootd/truebootd", "--config", wrong, "--check-config"], capture_output=True, text=True)
    ok("an unknown key stops the server with file, line and the nearest key",
       run.returncode == 2 and "wrong.conf:5" in run.stderr and "did you mean attest_per_second?" in run.stderr, run.stderr)
    example = subprocess.run([f"{BUILD}/src/truebootd/truebootd", "--help-config"], capture_output=True, text=True).stdout
    open(wrong, "w").write(re.sub(r"^#(\w+ = \S)", r"\1", example, flags=re.MULTILINE))
    run = subprocess.run([f"{BUILD}/src/truebootd/truebootd", "--config", wrong, "--check-config"], capture_output=True, text=True)
    for listen in ("foo", "127.0.0.1:99999", "::1:8443", "127.0.0.1:"):
        bad = subprocess.run([f"{BUILD}/src/truebootd/truebootd", "--set", f"server.listen={listen}", "--check-config"], capture_output=True, text=True)
        ok(f"an address that cannot be one is found before it is listened on: {listen}", bad.returncode == 2 and "server.listen" in bad.stderr and listen in bad.stderr, bad.stderr)
    ok("the printed example is a file of settings that holds", run.returncode == 0 and "fine" in run.stdout, run.stderr)


def check_reload(server, config):
    open(config, "a").write("[limits]\nattest_per_second = 1\nattest_burst = 3\n[server]\nthreads = 7\n")
    server.process.send_signal(signal.SIGHUP)
    for _ in range(600):
        if "settings read anew" in server.logged():
            break
        time.sleep(0.1)
    connection = server.connection()
    answers = [server.send(connection, "POST", "/attest/Tpm" + API, {"data": "e30"}, None, None) for _ in range(40)]  # more than a slow machine's seconds give
    connection.close()
    ok("SIGHUP changes a budget: three calls pass", [a.status for a in answers[:3]] == [400] * 3, [a.status for a in answers])
    ok("further ones are 429 with Retry-After, x-ms-error-code and the body of every error",
       any(a.status == 429 and int(a.headers["Retry-After"]) >= 1 and a.headers["x-ms-error-code"] == "TooManyRequests" and
           a.json()["error"]["code"] == "TooManyRequests" for a in answers[3:]), [a.status for a in answers])
    ok("a setting that needs a restart is named and stays",
       "wait for a restart" in server.logged() and "server.threads" in server.logged() and server.ask("GET", "/servicehealth").status == 204)
    open(config, "a").write("[limits]\nattest_birst = 3\n")
    server.process.send_signal(signal.SIGHUP)
    for _ in range(600):
        if "the settings stay as they are" in server.logged():
            break
        time.sleep(0.1)
    ok("settings with a mistake change nothing", "attest_birst" in server.logged() and server.ask("GET", "/servicehealth").status == 204)
    open(config, "w").write("[limits]\nattest_per_second = 0\n")
    server.process.send_signal(signal.SIGHUP)
    for _ in range(600):
        if server.logged().count("settings read anew") == 2:
            break
        time.sleep(0.1)


# ---- roles

# Each role with those it includes: control-plane.md 7.2.
ROLES = {"reader": ["reader"], "enroller": ["enroller"], "auditor": ["reader", "auditor"], "policy-admin": ["reader", "policy-admin"],
         "security-admin": ["reader", "security-admin"], "contributor": ["reader", "enroller", "policy-admin", "security-admin", "contributor"],
         "owner": ["reader", "enroller", "auditor", "policy-admin", "security-admin", "contributor", "owner"]}
FOR_ANYBODY = {"POST /attest/{type}", "POST /attest/Tee/{type}", "GET /certs", "GET /.well-known/openid-configuration", "GET /servicehealth", "POST /enroll/v1/begin",
               "OPTIONS /certs", "OPTIONS /.well-known/openid-configuration",
               "POST /enroll/v1/activate", "GET /healthz"}


def check_routes(server):
    """S1: every route of the running program, without, with wrong and with right credentials."""
    listed = subprocess.run([f"{BUILD}/src/truebootd/truebootd", "--list-routes"], capture_output=True, text=True).stdout.splitlines()
    routes = [line.split() for line in listed]
    open_ones = {f"{method} {pattern.replace('/providers/{provider}', '') if pattern.startswith('/providers/') else pattern}"
                 for method, pattern, role in routes if role == "anonymous"}
    ok("only what is meant for anybody is open to anybody", open_ones == FOR_ANYBODY, open_ones ^ FOR_ANYBODY)
    wrong = []
    bad_tokens = {"nothing": None, "an unknown token": "tbt_" + "A" * 43, "a token of no kind": "xyz", "an unsigned token": "eyJhbGciOiJub25lIn0.e30."}
    for method, pattern, role in routes:
        if role == "anonymous":
            continue
        path = re.sub(r"\{[^}]*\}", "00000000-0000-4000-8000-0000000000aa", pattern) + API
        body = None if method in ("GET", "DELETE") else {}
        for what, token in bad_tokens.items():
            status = server.ask(method, path, body, token).status
            if status != 401:
                wrong.append((method, pattern, what, status))
        if role == "agent":
            continue
        for lower in (r for r in ROLES if role not in ROLES[r]):
            status = server.ask(method, path, body, server.token(lower)).status
            if status not in (401, 403):
                wrong.append((method, pattern, lower, status))
        status = server.ask(method, path, body, server.token(role)).status
        if status == 401 or status >= 500:
            wrong.append((method, pattern, role, status))
    ok(f"all {len(routes)} routes are closed without, with wrong and with too low credentials, and open with the right ones",
       len(routes) > 30 and not wrong, wrong[:5])
    refusal = server.ask("POST", "/v1/tokens", {"name": "x", "role": "reader"}, server.token("reader"))
    ok("403 names the missing permission and both roles", refusal.status == 403 and "tokens/write" in refusal.error() and
       "owner" in refusal.error() and "reader" in refusal.error(), refusal.content)
    ok("a token over the local socket is worth what the token is worth, not what the socket is",
       server.local("POST", "/v1/tokens", {"name": "x", "role": "reader"}, server.token("reader")).status == 403)


def check_tokens(server):
    token = server.token("reader", days=1)
    ok("tokens begin so that scanners for secrets find them", token.startswith("tbt_"))
    ok("a token opens what its role may", server.ask("GET", "/v1/server", token=token).status == 200)
    listed = server.local("GET", "/v1/tokens").json()["value"]
    ok("the list says when it was used, and not what it is", any(t["lastUsed"] for t in listed) and token not in json.dumps(listed))
    scoped = server.token("contributor", scope="provider/one")
    ok("a token with a scope opens nothing else", server.ask("GET", "/v1/server", token=scoped).status == 403)
    ok("it ends itself", server.ask("DELETE", "/v1/tokens/self", token=token).status == 204 and
       server.ask("GET", "/v1/server", token=token).status == 401)
    return token


# ---- tokens of an issuer


def check_oidc(server, issuer):
    get = lambda token, path="/v1/server", method="GET", body=None: server.ask(method, path, body, token)
    ok("a token of the issuer is a reader's", get(issuer.token()).status == 200)
    ok("it is no owner's", get(issuer.token(), "/v1/tokens").status == 403)
    ok("an owner's is, by a group", get(issuer.token(roles=[], groups=["11-22"]), "/v1/tokens").status == 200)
    ok("an ES256 key works as well", get(issuer.token("two")).status == 200)
    ok("the cloud's data plane takes it: policies of a provider",
       get(issuer.token(), "/policies/Tpm" + API).status == 200)
    ok("too low a role is 401 there, as clients expect", get(issuer.token(), "/policies/Tpm" + API, "PUT", "a.b.c").status == 401)
    for what, token in {"expired": issuer.token(exp=int(time.time()) - 301), "not yet valid": issuer.token(nbf=int(time.time()) + 400),
                        "of another issuer": issuer.token(iss="https://evil.example"), "for another audience": issuer.token(aud="https://graph"),
                        "by a key that is not published": issuer.token("three"), "of another type": issuer.token(header={"typ": "logout+jwt"}),
                        "with its algorithm changed": issuer.token(header={"alg": "PS256"}),
                        "with a byte of its signature changed": issuer.token()[:-8] + "AAAAAAAA"}.items():
        answer = get(token)
        ok(f"a token {what} is 401", answer.status == 401 and "WWW-Authenticate" in answer.headers, (answer.status, answer.content))
    ok("within five minutes of its end it holds", get(issuer.token(exp=int(time.time()) - 200)).status == 200)
    answer = get(issuer.token(roles=["else"]))
    ok("a genuine token without a role is 403 and told why", answer.status == 403 and "roles" in answer.error(), answer.content)
    issuer.published = ["one", "two", "three"]
    time.sleep(1.1)  # the floor between two fetches
    ok("after a rotation the new key is fetched with the first token that needs it", get(issuer.token("three")).status == 200)
    ok("the old one still counts", get(issuer.token("one")).status == 200)
    issuer.hang = 30
    time.sleep(1.1)
    slow = threading.Thread(target=lambda: get(issuer.token("one", header={"kid": "four"})))
    slow.start()
    began = time.monotonic()
    fine = [server.ask("GET", "/certs").status for _ in range(20)] == [200] * 20 and get(issuer.token("one")).status == 200
    ok("while the issuer hangs everybody else is served", fine)
    slow.join(20)
    ok("and the caller with the unknown key is let go", not slow.is_alive() and time.monotonic() - began < 20)
    issuer.hang = 0


# ---- audit


def check_audit(server, folder, secrets):
    files = sorted(glob.glob(f"{server.data}/audit/audit-*.jsonl"))
    content = "".join(open(f).read() for f in files)
    records = [json.loads(line) for line in content.splitlines()]
    attests = [r for r in records if r.get("operationName") == "AttestTpm"]
    members = {"Time", "resourceId", "region", "operationName", "category", "resultType", "resultSignature", "durationMs", "callerIpAddress",
               "traceContext", "identity", "uri", "level", "location", "properties"}
    ok("there is a record with the published members for each attestation", attests and members <= set(attests[0]), attests[:1])
    ok("a failed one says so", attests[0]["resultType"] == "Failed" and attests[0]["resultSignature"] in ("400", "429"))
    changes = [r for r in records if r.get("properties", {}).get("change")]
    ok("who changed something is there", any(r["operationName"] == "tokens/write" and r["identity"]["subject"].startswith("uid") for r in changes))
    ok("callers of the issuer are there by name", any("ada" in (r.get("identity", {}).get("subject") or "") for r in records))
    everything = content + server.logged()
    ok("no token is in the audit log or the server's log", not any(s in everything for s in secrets) and "tbt_" not in everything)
    answer = server.ask("GET", "/nowhere", headers={"x-ms-client-request-id": "client-7", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
    ok("request ids are ours, and the client's comes back", re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-ms-request-id"]) and
       answer.headers["x-ms-client-request-id"] == "client-7")
    code, out, _ = server.command("audit", "show", "--data", server.data, "--request", answer.headers["x-ms-request-id"], "-o", "json")
    ok("trueboot audit show finds a request by its id", code == 0 and json.loads(out)[0]["uri"] == "/nowhere" and
       json.loads(out)[0]["properties"]["clientRequestId"] == "client-7", out)
    server.ask("GET", "/%ff")
    code, out, _ = server.command("audit", "show", "--data", server.data, "--last", "5", "-o", "json")
    ok("what cannot be parsed is not processed", any(r.get("category") == "NotProcessed" for r in json.loads(out)), out)
    code, out, _ = server.command("audit", "verify", "-o", "json")
    ok("trueboot audit verify finds the running server's log by itself", code == 0 and json.loads(out)["signedThrough"] > 0, out)
    code, out, _ = server.command("audit", "verify", f"{server.data}/audit", "--cert", f"{server.data}/keys/audit.pem")
    ok("or takes a folder", code == 0, out)
    code, out, _ = server.command("audit", "checkpoint")
    head = folder + "/head"
    open(head, "w").write(out)
    ok("trueboot audit checkpoint prints one", code == 0 and out.count(".") == 2, out)
    return head


def check_audit_offline(server, head):
    code, out, err = server.command("audit", "verify", "--data", server.data, "--head", head, "-o", "json")
    ok("trueboot audit verify: the log holds after kill -9 and a restart", code == 0 and json.loads(out)["holds"], out + err)
    copy = server.data + "-copy"
    shutil.copytree(server.data, copy, ignore=lambda d, names: [n for n in names if n.endswith(".sock")])
    file = sorted(glob.glob(f"{copy}/audit/audit-*.jsonl"))[0]
    lines = open(file, "rb").read().split(b"\n")
    missed = []
    for number in (1, 2, len(lines) // 2, len(lines) - 1):
        line = lines[number - 1]
        for at in (0, len(line) // 3, len(line) // 2, len(line) - 3):
            changed = list(lines)
            changed[number - 1] = line[:at] + bytes([line[at] ^ 1]) + line[at + 1:]
            open(file, "wb").write(b"\n".join(changed))
            code, out, err = server.command("audit", "verify", "--data", copy, "-o", "json")
            if code != 10 or json.loads(out)["problems"][0]["record"] != number or f"first bad record is {number}" not in err:
                missed.append((number, at, code, err))
    ok("S19: one changed bit names its record, whichever it is", not missed, missed[:2])
    open(file, "wb").write(b"\n".join(lines[:3]) + b"\n")
    code, out, err = server.command("audit", "verify", "--data", copy, "--head", head)
    ok("a log that was cut off at its end does not reach its checkpoint", code == 10 and "missing at the end" in out, out)


# ---- metrics


def check_metrics(server):
    answer = server.ask("GET", "/metrics")
    ok("metrics want a reader", answer.status == 401)
    answer = server.ask("GET", "/metrics", token=server.token("reader"))
    lines = answer.content.decode().splitlines()
    shape = re.compile(r'[a-z_]+(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? (-?\d+(\.\d+)?(e[+-]?\d+)?)$')
    odd = [line for line in lines if not line.startswith("# ") and not shape.match(line)]
    ok("each line is Prometheus text", answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4") and not odd, odd[:3])
    types = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    ok("each family is declared once", len(types) == len(set(types)) and len(types) > 20)
    documented = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/operations.md")).read()
    ok("each family is in docs/operations.md", not [t for t in types if f"`{t}`" not in documented], [t for t in types if f"`{t}`" not in documented])
    before = server.metrics()
    for _ in range(5):
        server.ask("POST", "/attest/Tpm" + API, {"data": "e30"})
    after = server.metrics()
    route = 'trueboot_http_requests_total{method="POST",route="/attest/{type}",status="400"}'
    refused = 'trueboot_attestations_total{type="Tpm",result="refused"}'
    ok("requests are counted by route and status, attestations by type and result",
       after[route] - before.get(route, 0) == 5 and after[refused] - before[refused] == 5, (before.get(route), after.get(route)))
    ok("days left of the server's certificates, database, audit log and build are there",
       after['trueboot_certificate_days_left{certificate="ca"}'] > 300 and after["trueboot_store_up"] == 1 and
       after["trueboot_audit_failing"] == 0 and after["trueboot_audit_records_total"] > 10 and
       any(k.startswith("trueboot_build_info") for k in after))
    ok("health: 204 as the original, and reasons", server.ask("GET", "/servicehealth").status == 204 and
       server.ask("GET", "/healthz").json() == {"ready": True, "reasons": []})


def main():
    folder = tempfile.mkdtemp(prefix="trueboot-operations-")
    issuer = Issuer(folder)
    config = folder + "/truebootd.conf"
    open(config, "w").write("")
    server = Server(BUILD, folder, "--config", config, "--verbose", "--set", f"oidc.issuer={issuer.url}", "--set",
                    "oidc.audience=https://attest.azure.net api://trueboot", "--set", f"oidc.ca_file={issuer.ca_file}", "--set", "oidc.floor=1",
                    "--set", "oidc.owner=11-22", "--set", "oidc.timeout=2", "--set", "limits.requests_per_second=0")
    try:
        check_settings(folder)
        if not ok("the server starts", server.start(), server.logged()):
            return tap.done()
        check_reload(server, config)
        secrets = [check_tokens(server)]
        check_oidc(server, issuer)
        secrets.append(issuer.token().split(".")[1][:40])
        check_routes(server)
        check_metrics(server)
        head = check_audit(server, folder, secrets)
        server.end(signal.SIGKILL)
        ok("it starts again after kill -9", server.start(), server.logged()[-500:])
        server.end()
        check_audit_offline(server, head)
    finally:
        server.end()
        issuer.http.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    return tap.done()


sys.exit(main())
