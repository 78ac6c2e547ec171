#!/usr/bin/env python3
"""The attestation service from outside, as clients of every make and hostile ones see it: HTTP in its odder forms, hosts, policies and signers
signed in every way, every error case of attestation-service.md 6.8, key rotation, and several callers at once. Each row is a request
and what must come of it. Prints TAP.

usage: wire_clients.py BUILD_FOLDER BOOT_LOG_MAKER"""
import base64
import datetime
import gzip
import hashlib
import hmac
import http.client
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid

from ports import free_port
from tap import ok, tap

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
    from cryptography.x509.oid import NameOID
except ImportError:
    tap.skip_all("clients on the wire", "python3-cryptography is not installed")

import server_interop
import wire_rig
from wire_rig import (API, GROUP, JSON, MANAGEMENT, PLAIN, RESET, TEXT, Local, ask, b64u, claims, data, end_server, error_of, folder, jws,
                      make_token, owner, port, start, tls, unb64u)

P = "/providers/wire"
INIT = b64u(b'{"payload":{"type":"aikcert"}}')
NOW = datetime.datetime.now(datetime.timezone.utc)


# ---- makers of keys, certificates, signatures


def new_key(kind="rsa"):
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key({"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}[kind]())


def certificate(name, key, issuer=None, issuer_key=None, ca=True, days=(-1, 30)):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(NOW + datetime.timedelta(days=days[0])).not_valid_after(NOW + datetime.timedelta(days=days[1]))
               .add_extension(x509.BasicConstraints(ca, None), True))
    return builder.sign(issuer_key or key, hashes.SHA256())


def x5c(*certs):
    return [base64.b64encode(c.public_bytes(serialization.Encoding.DER)).decode() for c in certs]


def signature(key, text, algorithm):
    digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[algorithm[-3:]]()
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return key.sign(text, pss if algorithm.startswith("PS") else padding.PKCS1v15(), digest)
    r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
    n = (key.curve.key_size + 7) // 8
    return r.to_bytes(n, "big") + s.to_bytes(n, "big")


def signed(key, certs, payload, algorithm=None, jwk=False, beside=None, **header):
    algorithm = algorithm or ("RS256" if isinstance(key, rsa.RSAPrivateKey) else {256: "ES256", 384: "ES384", 521: "ES512"}[key.curve.key_size])
    chain = {"jwk": {"kty": "RSA", "x5c": x5c(*certs)}} if jwk else {"x5c": x5c(*certs)} if certs else {}
    if beside:
        chain["jwk"] = beside
    body = b"" if payload is None else json.dumps(payload).encode()
    text = b64u(json.dumps({"alg": algorithm, **chain, **header}).encode()) + "." + b64u(body)
    return text + "." + b64u(signature(key, text.encode(), algorithm))


# ---- rows


def row(what, got, status, code=None, words=None, inner=None):
    answered, headers, content = got
    error = error_of(content)
    right = answered == status and (code is None or error.get("code") == code) and (words is None or words in error.get("message", ""))
    right = right and (inner is None or error.get("innererror", {}).get("code") == inner)
    if status >= 400:
        right = right and headers.get("x-ms-error-code") == error.get("code") and headers.get("x-ms-request-id")
    ok(f"{what}: {status}{' ' + code if code else ''}{' ' + inner if inner else ''}", right, f"{answered} {content[:300]!r}")
    return content


def over_tls(text, timeout=10):
    """The bytes that come back for these bytes, until the other side closes."""
    context = ssl.create_default_context(cafile=data + "/ca.pem")
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost") as s:
        s.settimeout(timeout)
        s.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))
        heard = b""
        try:
            while chunk := s.recv(65536):
                heard += chunk
        except (TimeoutError, ssl.SSLError, ConnectionError):
            pass
        return heard


def http_forms():
    body = json.dumps({"data": INIT})
    host, path = f"Host: localhost:{port}\r\n", f"{P}/attest/Tpm{API}"
    post = f"POST {path} HTTP/1.1\r\n{host}Content-Type: application/json\r\n"
    packed = gzip.compress(body.encode())
    chunks = "".join(f"{len(c):x}\r\n{c}\r\n" for c in (body[:5], body[5:9], body[9:])) + "0\r\n\r\n"
    end = "Connection: close\r\n"
    forms = [
        ("the absolute form", f"GET https://localhost:{port}/servicehealth HTTP/1.1\r\n{host}{end}\r\n", 204, 1),
        ("the absolute form names the host", f"GET https://nobody.example/certs HTTP/1.1\r\n{host}{end}\r\n", 404, 1),
        ("HTTP/1.0 without Host", "GET /certs HTTP/1.0\r\n\r\n", 200, 1),
        ("HTTP/1.1 without Host", f"GET /certs HTTP/1.1\r\n{end}\r\n", 400, None),  # the library's own answer
        ("two Hosts", f"GET /certs HTTP/1.1\r\n{host}{host}{end}\r\n", 400, 1),
        ("a folded header", f"GET /servicehealth HTTP/1.1\r\n{host}X: a\r\n b\r\n{end}\r\n", 400, 1),
        ("lines that end in LF alone", "GET /servicehealth HTTP/1.1\nHost: localhost\nConnection: close\n\n", 400, 1),
        ("three requests in one go", f"GET /servicehealth HTTP/1.1\r\n{host}\r\n" * 2 + f"GET /servicehealth HTTP/1.1\r\n{host}{end}\r\n", 204, 3),
        ("HEAD", f"HEAD /certs HTTP/1.1\r\n{host}{end}\r\n", 200, 1),
        ("OPTIONS, as a browser asks", f"OPTIONS /certs HTTP/1.1\r\n{host}{end}\r\n", 204, 1),
        ("OPTIONS", f"OPTIONS /servicehealth HTTP/1.1\r\n{host}{end}\r\n", 405, 1),
        ("a method in small letters", f"get /certs HTTP/1.1\r\n{host}{end}\r\n", 405, 1),
        ("a body in chunks", f"{post}Transfer-Encoding: chunked\r\n{end}\r\n{chunks}", 200, 1),
        ("chunks with extension and trailer", f"{post}Transfer-Encoding: Chunked\r\n{end}\r\n{len(body):x};a=b\r\n{body}\r\n0\r\nX-T: 1\r\n\r\n", 200, 1),
        ("Expect: 100-continue", f"{post}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n{end}\r\n{body}", 100, 2),
        ("Expect before a body that is too large", f"{post}Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n", 413, 1),
        ("a compressed body", f"{post}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n{end}\r\n".encode() + packed, 415, 1),
        ("identity as encoding", f"{post}Content-Encoding: identity\r\nContent-Length: {len(body)}\r\n{end}\r\n{body}", 200, 1),
        ("length and chunks", f"{post}Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}", 400, 1),
        ("two lengths", f"{post}Content-Length: {len(body)}\r\nContent-Length: {len(body)}\r\n\r\n{body}", 400, 1),
        ("no body at all", f"{post}{end}\r\n", 400, 1),
        ("a GET that brings a body", f"GET /certs HTTP/1.1\r\n{host}Content-Length: 3\r\n{end}\r\nabc", 200, 1),
        ("17 KiB of headers", f"GET /certs HTTP/1.1\r\n{host}X: {'a' * 17408}\r\n\r\n", 431, 1),
        ("200 headers", f"GET /certs HTTP/1.1\r\n{host}{''.join(f'X{i}: a{chr(13)}{chr(10)}' for i in range(200))}\r\n", 431, 1),
        ("an address of 9 KiB", f"GET /certs?{'a' * 9216} HTTP/1.1\r\n{host}\r\n", 414, 1),
        ("no content type", f"POST {path} HTTP/1.1\r\n{host}Content-Length: {len(body)}\r\n{end}\r\n{body}", 200, 1),
        ("an Accept that fits nothing", f"{post}Accept: image/png\r\nContent-Length: {len(body)}\r\n{end}\r\n{body}", 200, 1),
        ("a traceparent", f"GET /servicehealth HTTP/1.1\r\n{host}traceparent: 00-{'a' * 32}-{'b' * 16}-01\r\n{end}\r\n", 204, 1),
        ("an encoded slash", f"GET /certs%2f HTTP/1.1\r\n{host}{end}\r\n", 400, 1),
        ("an encoded letter", f"GET /%63erts HTTP/1.1\r\n{host}{end}\r\n", 200, 1),
        ("dots", f"GET /providers/../certs HTTP/1.1\r\n{host}{end}\r\n", 400, 1),
        ("a base address that ended with a slash", f"GET //certs HTTP/1.1\r\n{host}{end}\r\n", 200, 1),
        ("and below a provider", f"GET {P}//certs HTTP/1.1\r\n{host}{end}\r\n", 200, 1),
        ("a slash at the end", f"GET /certs/ HTTP/1.1\r\n{host}{end}\r\n", 200, 1),
        ("a slash too many before what is not the attestation service's", f"GET //v1/server HTTP/1.1\r\n{host}{end}\r\n", 404, 1),
        ("capital letters", f"GET /CERTS HTTP/1.1\r\n{host}{end}\r\n", 200, 1),
    ]
    for what, text, status, answers in forms:
        heard = over_tls(text)
        ok(f"HTTP: {what}: {status}", heard.startswith(f"HTTP/1.1 {status}".encode()) and answers in (None, heard.count(b"HTTP/1.1 ")), heard[:300])
    heard = over_tls(f"GET /servicehealth HTTP/1.1\r\n{host}x-ms-client-request-id: {'a' * 200}\r\n{end}\r\n")
    ok("HTTP: a client's id that is too long does not come back", b"x-ms-client-request-id" not in heard and b"x-ms-request-id" in heard)


def hosts():
    issuer = f"https://localhost:{port}"
    for host, expected in [("localhost", issuer), (f"127.0.0.1:{port}", issuer), (f"[::1]:{port}", issuer), ("LOCALHOST:1", issuer),
                           ("wire.eus.attest.example", issuer + P), ("WIRE.x:1", issuer + P), ("wire.x.", issuer + P),
                           ("own.example", "https://own.example"), ("Own.Example:8443", "https://own.example"), ("wire", issuer)]:
        got, _, content = tls("GET", "/.well-known/openid-configuration", host=host)
        ok(f"Host {host} is {expected.replace(str(port), 'PORT')}", got == 200 and json.loads(content)["issuer"] == expected, content[:200])
    for host, status in [("nobody.eus.attest.example", 404), ("evil.own.example", 404), ("a b", 400), ("user@wire.x", 400), ("wire.x:port", 400)]:
        row(f"Host {host}", tls("GET", "/certs", host=host), status)
    scoped = {"Authorization": "Bearer " + make_token("of wire", "reader", "provider/wire")}
    for where, host, status in [(P, None, 200), ("", "wire.x", 200), ("", None, 401), ("/providers/own", None, 401), ("", "own.example", 401)]:
        row(f"a token for wire at {host or where or 'the shared one'}", tls("GET", f"{where}/policies/Tpm{API}", headers=scoped, host=host), status)
    context = ssl.create_default_context(cafile=data + "/ca.pem")
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost"):
            ok("the certificate is good for localhost", True)
    except ssl.SSLError as e:
        ok("the certificate is good for localhost", False, e)


# ---- policies


POLICY = {"AttestationPolicy": b64u(TEXT.encode())}


def deep(n):
    return json.loads("[" * n + "]" * n)


def policies(auth):
    def put(what, body, status, code=None, words=None, at=P, verb=""):
        return row(f"policy: {what}", tls("POST" if verb else "PUT", f"{at}/policies/Tpm{verb}{API}", body, {**PLAIN, **auth}), status, code, words)

    def none(header):
        return b64u(header) + "." + jws().split(".")[1] + "."

    big = "{" + f'"AttestationPolicy":"{POLICY["AttestationPolicy"]}","x":' + "[" * 70 + "]" * 70 + "}"
    standard = base64.b64encode(b"version=1.0; // ??>>~~\nauthorizationrules{=>permit();};").decode()
    for rest in [
        ("a JSON string with escapes", '"' + jws().replace("e", "\\u0065") + '"', 200),
        ("padded parts", ".".join(part + "=" * (-len(part) % 4) for part in jws().split(".")), 200),
        ("the member in another case", jws({"attestationpolicy": POLICY["AttestationPolicy"]}), 200),
        ("the standard alphabet", jws({"AttestationPolicy": standard}), 200),
        ("a text that begins with a mark", jws({"AttestationPolicy": b64u(b"\xef\xbb\xbf" + TEXT.encode())}), 200),
        ("letters beyond ASCII", jws({"AttestationPolicy": b64u(("// é\n" + TEXT).encode())}), 200),
        ("an empty body", "", 400, "InvalidOperation", "Malformed JWT: Could not find first period in the token."),
        ("one period", "eyJhbGciOiJub25lIn0.abc", 400, "InvalidOperation", "Malformed JWT"),
        ("four parts", jws() + ".abc", 400, "InvalidOperation"),
        ("a signature although alg is none", jws() + "AAAA", 400, "InvalidOperation"),
        ("an object around it", json.dumps({"token": jws()}), 400, "InvalidOperation"),
        ("a header that is no object", none(b"[]"), 400, "InvalidOperation"),
        ("no alg", none(b"{}"), 400, "InvalidOperation"),
        ("alg in other letters", none(b'{"alg":"None"}'), 400),
        ("alg twice", none(b'{"alg":"none","alg":"RS256"}'), 400, "InvalidOperation"),
        ("a header that is nested", none(b'{"alg":"none","x":' + b"[" * 70 + b"]" * 70 + b"}"), 400, "InvalidOperation"),
        ("a payload that is nested", b64u(b'{"alg":"none"}') + "." + b64u(big.encode()) + ".", 400, "InvalidOperation"),
        ("a payload that is text", jws("abc"), 400, "InvalidOperation"),
        ("a policy that is a number", jws({"AttestationPolicy": 5}), 400, "InvalidOperation"),
        ("no policy in it", jws({"policy": "x"}), 400, "InvalidOperation", "AttestationPolicy"),
        ("a policy that is no UTF-8", jws({"AttestationPolicy": b64u(b"\xff\xfe")}), 400, "InvalidOperation"),
        ("a character that is none", jws({"AttestationPolicy": "abc)"}), 400, "InvalidOperation", "Unknown base64 character: 41 (')')"),
        ("an empty text", jws({"AttestationPolicy": ""}), 400, "PolicyParsingError", "line 1"),
    ]:
        put(*rest)
    keys = {kind: new_key(kind) for kind in ("rsa", "p256", "p384", "p521")}
    certs = {kind: certificate(kind, key) for kind, key in keys.items()}
    for algorithm in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RSA256"):
        put(f"signed {algorithm}", signed(keys["rsa"], [certs["rsa"]], POLICY, algorithm), 200)
    for kind in ("p256", "p384", "p521"):
        c = json.loads(unb64u(json.loads(put(f"signed on {kind}", signed(keys[kind], [certs[kind]], POLICY), 200))["token"].split(".")[1]))
        ok("its signer is a flat JWK", c["x-ms-policy-signer"]["kty"] == "EC" and c["x-ms-policy-signer"]["x5c"] == x5c(certs[kind]))
    one = certs["rsa"]
    old = certificate("old", keys["rsa"], days=(-30, -1))
    small = rsa.generate_private_key(65537, 1024)
    for rest in [
        ("signed, jwk.x5c", signed(keys["rsa"], [one], POLICY, jwk=True), 200),
        ("signed, with a kid that is a path", signed(keys["rsa"], [one], POLICY, kid="../../x", jku="https://evil.example", x5u="https://evil.example"), 200),
        ("signed, by an expired certificate, which AAD does not mind", signed(keys["rsa"], [old], POLICY), 200),
        ("signed, without a certificate", signed(keys["rsa"], [], POLICY), 400, "InvalidParameter"),
        ("signed, another key's certificate", signed(keys["p256"], [one], POLICY), 400, "InvalidParameter"),
        ("signed, nine certificates", signed(keys["rsa"], [one] * 9, POLICY), 400, "InvalidParameter"),
        ("signed, x5c that is no array", signed(keys["rsa"], [], POLICY, x5c=x5c(one)[0]), 400, "InvalidParameter"),
        ("signed, RSA of 1024 bits", signed(small, [certificate("s", small)], POLICY), 400, "InvalidParameter"),
        ("signed, crit", signed(keys["rsa"], [one], POLICY, crit=["exp"]), 400, "InvalidOperation"),
    ]:
        put(*rest)
    for rest in [("empty, signed", signed(keys["rsa"], [one], None), 200), ("empty", RESET, 200), ("{}", jws({}), 200),
                 ("a policy", jws(), 400, "InvalidOperation"), ("an array", jws([]), 400, "InvalidOperation"), ("nothing", "", 400, "InvalidOperation")]:
        put("reset: " + rest[0], *rest[1:], verb=":reset")


def isolated(auth):
    root_key, middle_key, leaf_key, other_key = new_key(), new_key("p256"), new_key(), new_key()
    root = certificate("the root", root_key)
    middle = certificate("the middle", middle_key, root, root_key)
    leaf = certificate("the leaf", leaf_key, middle, middle_key, ca=False)
    no_ca = certificate("no ca", other_key, root, root_key, ca=False)
    below = certificate("below", leaf_key, no_ca, other_key, ca=False)
    namesake = certificate("the root", other_key)
    late = certificate("late", other_key, middle, middle_key, ca=False, days=(-9, -1))
    at = "/providers/iso"
    row("isolated: creation", owner("PUT", f"{GROUP}/iso{MANAGEMENT}", {"location": "x", "properties": {"policySigningCertificates": {
        "Keys": [{"kty": "RSA", "use": "sig", "x5c": x5c(root)}]}}}), 201)
    text = b64u(json.dumps({"alg": "HS256", "x5c": x5c(root)}).encode()) + "." + b64u(json.dumps(POLICY).encode())
    secret = root.public_bytes(serialization.Encoding.PEM)
    jwk = {"kty": "RSA", "e": "AQAB", "n": b64u(other_key.public_key().public_numbers().n.to_bytes(256, "big"))}
    unsigned = "Unsigned JWS specified but enclave is configured with signing certificates."
    for what, body, status, code, words in [
        ("the signer itself", signed(root_key, [root], POLICY), 200, None, None),
        ("a leaf with its chain", signed(leaf_key, [leaf, middle, root], POLICY), 200, None, None),
        ("a leaf with its chain but the root", signed(leaf_key, [leaf, middle], POLICY), 200, None, None),
        ("a leaf without its issuer", signed(leaf_key, [leaf], POLICY), 400, "InvalidParameter", "Unable to find issuer certificate CN=the middle"),
        ("an issuer that is no CA", signed(leaf_key, [below, no_ca, root], POLICY), 400, "InvalidParameter", "Unable to find issuer certificate CN=no ca"),
        ("a stranger", signed(other_key, [certificate("nobody", other_key)], POLICY), 400, "InvalidParameter", "Unable to find issuer certificate CN=nobody"),
        ("a namesake of the signer", signed(other_key, [namesake], POLICY), 400, "InvalidParameter", "Unable to find issuer certificate CN=the root"),
        ("an expired leaf", signed(other_key, [late, middle], POLICY), 400, "InvalidParameter", "expired"),
        ("not signed", jws(), 400, "InvalidOperation", unsigned),
        ("not signed, with the signer's certificate", jws(header=json.dumps({"alg": "none", "x5c": x5c(root)}).encode()), 400, "InvalidOperation", unsigned),
        ("signature taken off", signed(root_key, [root], POLICY).rsplit(".", 1)[0] + ".", 400, "InvalidParameter", None),
        ("another key beside the signer's certificate", signed(other_key, [root], POLICY, beside=jwk), 400, "InvalidParameter", None),
        ("an HMAC under the public key", text + "." + b64u(hmac.new(secret, text.encode(), hashlib.sha256).digest()), 400, "InvalidParameter", None),
    ]:
        row(f"isolated: {what}", tls("PUT", f"{at}/policies/Tpm{API}", body, {**PLAIN, **auth}), status, code, words)
    policy = signed(root_key, [root], POLICY)
    for what, body, status, words in [("unsigned", RESET, 400, unsigned), ("a signed policy", policy, 400, None), ("signed", signed(root_key, [root], None), 200, None)]:
        row(f"isolated: reset: {what}", tls("POST", f"{at}/policies/Tpm:reset{API}", body, {**PLAIN, **auth}), status, None, words)
    signers(auth, at, root_key, root, other_key)


def signers(auth, at, root_key, root, other_key):
    new_signer = new_key("p256")
    new = certificate("new", new_signer)
    thumb = new.fingerprint(hashes.SHA1()).hex().upper()
    subject = {"kty": "EC", "x5c": x5c(new)}

    def change(what, verb, body, status, code=None, words=None):
        content = row(f"signers: {verb} {what}", tls("POST", f"{at}/certificates:{verb}{API}", body, {**JSON, **auth}), status, code, words)
        return json.loads(unb64u(json.loads(content)["token"].split(".")[1])) if status == 200 and b"token" in content else {}

    def by_root(payload):
        return signed(root_key, [root], payload)

    for name in ("policyCertificate", "maa-policyCertificate", "aas-policyCertificate", "x-ms-policyCertificate", "PolicyCertificate"):
        c = change(name, "add", '"' + by_root({name: subject}) + '"', 200)
        ok("its answer is of the published shape", c.get("x-ms-policycertificates-result") == "IsPresent" and c.get("x-ms-certificate-thumbprint") == thumb and
           set(c) == {"exp", "iat", "iss", "nbf", "x-ms-certificate-thumbprint", "x-ms-policycertificates-result"}, c)
    missing = 'Could not find "policyCertificate" claim in policy token'
    for what, body, status, code, words in [
        ("in an object", json.dumps({"policyCertificateToAdd": by_root({"policyCertificate": subject})}), 200, None, None),
        ("in an object, other letters", json.dumps({"PolicyCertificateToAdd": by_root({"policyCertificate": subject})}), 200, None, None),
        ("bare", by_root({"policyCertificate": subject}), 200, None, None),
        ("in an object under no name", "{}", 400, "InvalidOperation", None),
        ("another claim", '"' + by_root({"certificate": subject}) + '"', 400, "InvalidOperation", missing),
        ("a claim without x5c", '"' + by_root({"policyCertificate": {"kty": "EC"}}) + '"', 400, "InvalidOperation", missing),
        ("an empty x5c", '"' + by_root({"policyCertificate": {"kty": "EC", "x5c": []}}) + '"', 400, "InvalidParameter", None),
        ("what is no certificate", '"' + by_root({"policyCertificate": {"kty": "EC", "x5c": ["AAAA"]}}) + '"', 400, "InvalidParameter", None),
        ("unsigned", '"' + jws({"policyCertificate": subject}) + '"', 400, "InvalidOperation", "Unsigned JWS"),
        ("by a stranger", '"' + signed(other_key, [certificate("x", other_key)], {"policyCertificate": subject}) + '"', 400, "InvalidParameter", None),
    ]:
        change(what, "add", body, status, code, words)
    listed = claims(tls("GET", f"{at}/certificates{API}", headers=auth)[2])["x-ms-policy-certificates"]["keys"]
    ok("signers: each is listed once, with its kty", sorted(k["kty"] for k in listed) == ["EC", "RSA"] and all(k["x5c"] and k["use"] == "sig" for k in listed), listed)
    by_new = signed(new_signer, [new], {"policyCertificate": {"kty": "RSA", "x5c": x5c(root)}})
    c = change("the first by the second", "remove", json.dumps({"policyCertificateToRemove": by_new}), 200)
    ok("its answer says IsAbsent", c.get("x-ms-policycertificates-result") == "IsAbsent")
    change("what is absent", "remove", '"' + by_new + '"', 200)
    change("the last", "remove", '"' + signed(new_signer, [new], {"policyCertificate": subject}) + '"', 400, "InvalidOperation")
    change("by one that was removed", "add", '"' + by_root({"policyCertificate": subject}) + '"', 400, "InvalidParameter")


# ---- the management plane, as az, ARM templates and Terraform call it


def management():
    def call(what, method, path, body, status, code=None, words=None):
        return row(f"management: {what}", owner(method, path, body), status, code, words)

    other = GROUP.replace("/g1/", "/g2/")
    for rest in [
        ("a template deployed again", "PUT", f"{GROUP}/wire{MANAGEMENT}", {"location": "eastus", "properties": {"tpmAttestationAuthentication": "Disabled"}}, 200),
        ("the name in another group", "PUT", f"{other}/wire{MANAGEMENT}", {"location": "x", "properties": {}}, 409, "Conflict"),
        ("another location", "PUT", f"{GROUP}/wire{MANAGEMENT}", {"location": "West US", "properties": {}}, 409, "Conflict"),
        ("signers for AAD", "PUT", f"{GROUP}/wire{MANAGEMENT}", {"location": "East US", "properties": {"policySigningCertificates": {"keys": []}}}, 409, "Conflict"),
        ("no location", "PUT", f"{GROUP}/wire{MANAGEMENT}", {"properties": {}}, 400, "InvalidParameter"),
        ("a key without a certificate", "PUT", f"{GROUP}/nokey{MANAGEMENT}",
         {"location": "x", "properties": {"policySigningCertificates": {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}}}, 400, None, "not an X509 security key"),
        ("the shared one goes", "DELETE", f"{GROUP}/sharedlocal{MANAGEMENT}", None, 409, "Conflict"),
        ("no version at the defaults", "GET", "/subscriptions/s1/providers/Microsoft.Attestation/defaultProviders", None, 400, "MissingApiVersionParameter"),
        ("no version at the operations", "GET", "/providers/Microsoft.Attestation/operations", None, 400, "MissingApiVersionParameter"),
        ("a version of tomorrow", "GET", f"{GROUP}?api-version=2031-01-01", None, 200),
        ("a version that is none", "GET", f"{GROUP}?api-version=latest", None, 400, "InvalidApiVersionParameter"),
        ("the shared one by its location", "GET", f"/subscriptions/s1/providers/Microsoft.Attestation/locations/local/defaultProvider{MANAGEMENT}", None, 200),
        ("an address with a path", "PUT", f"{GROUP}/addr{MANAGEMENT}", {"location": "x", "properties": {"trueboot": {"attestUri": "https://a.example/x"}}}, 400),
        ("an address that is taken", "PUT", f"{GROUP}/addr{MANAGEMENT}", {"location": "x", "properties": {"trueboot": {"attestUri": "HTTPS://OWN.example:443"}}}, 409),
    ]:
        call(*rest)
    page, n = f"{GROUP}{MANAGEMENT}&$top=1", 0
    while page and n < 10:
        content = json.loads(owner("GET", page)[2])
        n += len(content["value"])
        page = content.get("nextLink", "").split(str(port), 1)[-1]
    ok("management: a list goes on at its nextLink", n == 3, n)


# ---- 6.8


class Guest:
    """A machine whose TPM is software, enrolled at the server; its messages can be spoiled anywhere before they are signed."""

    def __init__(self):
        boot = folder + "/boot"
        os.mkdir(boot)
        subprocess.run([sys.argv[2]], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TRUEBOOT_BOOT_FOLDER": boot})
        self.tpm, self.vm, self.key = server_interop.Tpm(boot), str(uuid.uuid4()), new_key()
        ca_key, ca = server_interop.host_ca()
        owner("POST", "/v1/roots", {"kind": "ek", "pem": ca.public_bytes(serialization.Encoding.PEM).decode()})
        owner("POST", "/v1/vms", {"name": "web1", "uuid": self.vm, "monitoring": True})
        self.ak_cert = server_interop.enrol(self, self.tpm, server_interop.ek_certificate(self.tpm, ca_key, ca, self.vm))

    @staticmethod
    def tls(method, path, body=None):
        status, headers, content = tls(method, path, json.dumps(body) if body is not None else None, JSON)
        return status, json.loads(content) if content else None, headers

    @staticmethod
    def jwk(key, indent=1):
        numbers = key.public_key().public_numbers()
        if isinstance(key, rsa.RSAPrivateKey):
            n = numbers.n.to_bytes(key.key_size // 8, "big")
            return json.dumps({"kty": "RSA", "e": b64u(numbers.e.to_bytes(3, "big")), "n": b64u(n)}, indent=indent)
        size = (key.curve.key_size + 7) // 8
        return json.dumps({"kty": "EC", "crv": f"P-{key.curve.key_size}", "x": b64u(numbers.x.to_bytes(size, "big")), "y": b64u(numbers.y.to_bytes(size, "big"))},
                          indent=indent)

    @staticmethod
    def post(message, at=P):
        return tls("POST", f"{at}/attest/Tpm{API}", json.dumps({"data": b64u(json.dumps({"payload": message}).encode())}), JSON)

    def init(self, at=P):
        return json.loads(unb64u(json.loads(self.post({"type": "aikcert"}, at)[2])["data"]))["payload"]

    def attest(self, at=P, key=None, algorithm="PS256", typ="attReqV2", header=None, data=None, current=None, text=None, jws=None, signer=None, challenge=None,
               nonce=None, hash_alg="sha-256"):
        key = key or self.key
        challenge = challenge or self.init(at)
        jwk = self.jwk(key)
        digest = hashlib.new(hash_alg.replace("-", ""), jwk.encode() + b"\0" + unb64u(challenge["challenge"])).digest()
        quote, signed_quote = self.tpm.quote(digest if nonce is None else nonce)
        evidence = {"logs": [{"type": "TCG", "log": b64u(self.tpm.log)}], "aik_cert": b64u(self.ak_cert), "pcrs": self.tpm.pcrs(), "quote": b64u(quote),
                    "signature": b64u(signed_quote)}
        if current:
            current(evidence)
        inner = {"rp_data": "cnBfZGF0YQ", "challenge": challenge["challenge"], "tpm_att_data": {"current_attestation": evidence},
                 "request_key": {"jwk": "JWK", "info": {"tpm_quote": {"hash_alg": hash_alg}}}, "service_context": challenge["service_context"]}
        payload = {"att_type": "basic", "att_data": inner}
        if data:
            data(payload, inner)
        payload = json.dumps(payload).replace('"JWK"', jwk)
        payload = text(payload) if text else payload
        signing = b64u(json.dumps({"alg": algorithm, **({"typ": typ} if typ else {}), **(header or {})}).encode()) + "." + b64u(payload.encode())
        request = signing + "." + (b64u(signature(signer or key, signing.encode(), algorithm)) if algorithm != "none" else "")
        return self.post({"request": jws(request) if jws else request}, at)


def put_member(name, value):
    return lambda holder: holder.__setitem__(name, value)


def flipped(name, at=-1):
    def change(evidence):
        raw = bytearray(unb64u(evidence[name]))
        raw[at] ^= 1
        evidence[name] = b64u(bytes(raw))
    return change


def inner(change):
    return lambda payload, att_data: change(att_data)


def tpm_cases(guest):
    jwk, log, registers = json.loads(guest.jwk(guest.key)), guest.tpm.log, guest.tpm.pcrs
    good = [
        ("as it should be", {}), ("at the shared provider", {"at": ""}), ("RS256", {"algorithm": "RS256"}),
        *((f"a key on {kind}", {"key": new_key(kind), "algorithm": a}) for kind, a in (("p256", "ES256"), ("p384", "ES384"), ("p521", "ES512"))),
        ("sha-384", {"hash_alg": "sha-384"}), ("sha-512", {"hash_alg": "sha-512"}), ("a kid, which is ignored", {"header": {"kid": "../x"}}),
        ("a padded signature", {"jws": lambda r: r + "=" * (-len(r.split(".")[2]) % 4)}),
        ("no rp_data", {"data": inner(lambda d: d.pop("rp_data"))}), ("an rp_id", {"data": inner(put_member("rp_id", "https://rp"))}),
        ("members that nobody knows", {"data": inner(put_member("more", {"a": 1}))}), ("other_keys null", {"data": inner(put_member("other_keys", None))}),
        ("another key that nothing binds", {"data": inner(put_member("other_keys", [{"jwk": jwk}]))}),
        ("another key of a kind that is not known", {"data": inner(put_member("other_keys", [{"jwk": jwk, "info": {"vbs_ncrypt": {}}}]))}),
        ("custom claims", {"data": inner(put_member("custom_claims", [{"name": "a", "value": "b", "value_type": "string"}, {"name": "a", "value": 5, "value_type": "INTEGER"}]))}),
        ("registers in another order", {"current": lambda e: e["pcrs"][0]["values"].reverse()}),
        ("both key and certificate", {"current": put_member("aik_pub", json.loads(guest.jwk(guest.tpm.ak)))}),
        ("a log in the standard alphabet", {"current": lambda e: e["logs"][0].update(log=base64.b64encode(log).decode())}),
        ("the same evidence as boot_attestation", {"data": inner(lambda d: d["tpm_att_data"].update(boot_attestation=dict(d["tpm_att_data"]["current_attestation"])))}),
    ]
    for what, how in good:
        row(f"Tpm: {what}", guest.attest(**how), 200)
    once = guest.init()
    row("Tpm: a challenge", guest.attest(challenge=once), 200)
    bad = [
        ("a challenge again", {"challenge": once}, "challenge"), ("another provider's", {"challenge": guest.init("/providers/own")}, "challenge"),
        ("an altered service_context", {"data": inner(flipped("service_context"))}, "challenge"),
        ("no service_context", {"data": inner(lambda d: d.pop("service_context"))}, "malformed"),
        ("another challenge", {"data": inner(put_member("challenge", b64u(bytes(16))))}, "challenge"),
        ("alg none", {"algorithm": "none"}, "untrusted"), ("an alg that is not for this", {"algorithm": "PS384"}, "untrusted"),
        ("a typ that nobody knows", {"typ": "JWT"}, "malformed"), ("no typ", {"typ": None}, "malformed"), ("version 1 where it is off", {"typ": "attReq"}, "unsupported"),
        ("crit", {"header": {"crit": ["a"]}}, "malformed"), ("signed by another key", {"signer": new_key()}, "untrusted"),
        ("the payload changed after signing", {"jws": lambda r: r.replace(".", ".e", 1)}, None),
        ("RSA of 1024 bits", {"key": rsa.generate_private_key(65537, 1024)}, "unsupported"), ("exponent 3", {"key": rsa.generate_private_key(3, 2048)}, "unsupported"),
        ("the jwk written again", {"text": lambda t: json.dumps(json.loads(t))}, "quote.nonce"),
        ("a member twice", {"text": lambda t: t.replace('"att_type": "basic"', '"att_type": "basic", "att_type": "basic"')}, "malformed"),
        ("qualifying data of another kind", {"nonce": b"c" * 32}, "quote.nonce"), ("no qualifying data", {"nonce": b""}, "quote.nonce"),
        ("no binding", {"data": inner(lambda d: d["request_key"].update(info={}))}, "unsupported"),
        ("a binding that is not known", {"data": inner(lambda d: d["request_key"].update(info={"vbs_ncrypt": {}}))}, "unsupported"),
        ("three other keys", {"data": inner(put_member("other_keys", [{"jwk": jwk}] * 3))}, "limit"),
        ("tpm_quote in other_keys", {"data": inner(put_member("other_keys", [{"jwk": jwk, "info": {"tpm_quote": {"hash_alg": "sha-256"}}}]))}, "unsupported"),
        ("an enclave", {"data": lambda p, d: p.update(att_type="vbs", att_data={"report_signed": d, "vsm_report": {"enclave": {"report": "AAAA"}}})}, "unsupported"),
        ("a custom claim that does not fit its type", {"data": inner(put_member("custom_claims", [{"name": "a", "value": "5", "value_type": "integer"}]))}, "malformed"),
        ("another magic", {"current": flipped("quote", 0)}, "quote.magic"), ("another type", {"current": flipped("quote", 5)}, "quote.type"),
        ("a byte of the quote", {"current": flipped("quote")}, "quote.signature"), ("a byte of the signature", {"current": flipped("signature")}, "quote.signature"),
        ("a byte behind the quote", {"current": lambda e: e.update(quote=b64u(unb64u(e["quote"]) + b"x"))}, "quote.malformed"),
        ("a register's value", {"current": lambda e: e["pcrs"][0]["values"][3].update(digest=b64u(bytes(32)))}, "quote.pcr_digest"),
        ("a register less", {"current": lambda e: e["pcrs"][0].update(values=registers()[0]["values"][:-1])}, "quote.selection"),
        ("a register twice", {"current": lambda e: e["pcrs"][0]["values"].append(e["pcrs"][0]["values"][0])}, "malformed"),
        ("no registers", {"current": put_member("pcrs", [])}, "quote.selection"),
        ("a log that is cut", {"current": lambda e: e["logs"][0].update(log=b64u(log[:-5]))}, "log.truncated"),
        ("a record that is longer than the log", {"current": lambda e: e["logs"][0].update(log=b64u(log + b"\0\0\0\0\x03\0\0\0\xff\xff\xff\xff"))}, "log.malformed"),
        ("no log", {"current": put_member("logs", [])}, "log.missing"),
        ("a byte of the certificate", {"current": flipped("aik_cert")}, "tpm.ak_untrusted"),
        ("a key without certificate", {"current": lambda e: (e.pop("aik_cert"), e.update(aik_pub=json.loads(guest.jwk(guest.tpm.ak))))}, "tpm.ak_untrusted"),
        ("a certificate of another key", {"current": put_member("aik_pub", jwk)}, "untrusted"),
        ("a boot_attestation without registers", {"data": inner(lambda d: d["tpm_att_data"].update(boot_attestation={**d["tpm_att_data"]["current_attestation"], "pcrs": []}))},
         "quote.selection"),
    ]
    for what, how, code in bad:
        row(f"Tpm: {what}", guest.attest(**how), 400, "InvalidParameter", inner=code)
    for what, body in [("null", "null"), ("an array", "[]"), ("text", '"x"'), ("nothing", ""), ("data null", '{"data":null}'), ("data empty", '{"data":""}'),
                       ("nested deeply", "[" * 70 + "]" * 70), ("data that holds null", json.dumps({"data": b64u(b"null")})),
                       ("an empty message", json.dumps({"data": b64u(b'{"payload":{}}')})), ("another type", json.dumps({"data": b64u(b'{"payload":{"type":"AIKCERT"}}')})),
                       ("UTF-16", '{"data":""}'.encode("utf-16")), ("something behind it", json.dumps({"data": INIT}) + " x")]:
        row(f"Tpm: a body of {what}", tls("POST", f"{P}/attest/Tpm{API}", body, JSON), 400, "InvalidParameter")
    row("Tpm: members in other letters", tls("POST", f"{P}/attest/Tpm{API}", json.dumps({"DATA": b64u(b'{"Payload":{"Type":"aikcert"}}')}), JSON), 200)


# ---- keys that follow each other


def verifies(token, keys):
    header, payload, sign = token.split(".")
    h = json.loads(unb64u(header))
    found = [k for k in keys if k["kid"] == h["kid"]]
    if len(found) != 1 or h["alg"] != "RS256":
        return False
    public = x509.load_der_x509_certificate(base64.b64decode(found[0]["x5c"][0])).public_key()
    public.verify(unb64u(sign), f"{header}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return True


def rotation(auth, guest):
    def tokens():
        report = json.loads(unb64u(json.loads(guest.attest()[2])["data"]))["payload"]["report"]
        return [json.loads(tls("GET", f"{P}/policies/Tpm{API}", headers=auth)[2])["token"], report]

    def keys():
        return json.loads(tls("GET", f"{P}/certs")[2])["keys"]

    made, kids = tokens(), []
    for now in (False, True):
        for use in ("token", "report"):
            got, _, content = owner("POST", "/v1/keys:rotate", {"use": use, "now": now})
            ok(f"rotation: a {use} key {'now' if now else 'later'}", got == 201, content)
        made += tokens()
        kids.append({json.loads(unb64u(t.split(".")[0]))["kid"] for t in made[-2:]})
        ok(f"rotation: every token so far is verified by one key of the list ({len(made)})", all(verifies(t, keys()) for t in made))
    ok("rotation: a key that comes later does not sign yet, one that comes now does", kids[0] != kids[1] and not kids[0] & kids[1], kids)
    openid = json.loads(tls("GET", f"{P}/.well-known/openid-configuration")[2])
    said = set(json.loads(unb64u(made[-1].split(".")[1])))
    ok("rotation: what a report says is announced", said <= set(openid["claims_supported"]), said - set(openid["claims_supported"]))
    ok("the metadata publishes limits", openid["trueboot_limits"]["attestBodyBytes"] == 16 * 1024 * 1024)
    header = json.loads(unb64u(made[-2].split(".")[0]))
    ok("a management token's header is alg, jku, kid, typ", list(header) == ["alg", "jku", "kid", "typ"] and header["jku"] == openid["jwks_uri"])


# ---- several at once


def at_once(*jobs):
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        t.join(120)
    return all(not t.is_alive() for t in threads)


def crowd(auth, guest):
    texts = {who: [jws({"AttestationPolicy": b64u(f"{TEXT} // {who} {i}".encode())}) for i in range(15)] for who in ("one", "two")}
    answered, attested = {"one": [], "two": []}, []

    def operator(who):
        for policy in texts[who]:
            answered[who].append(tls("PUT", f"{P}/policies/Tpm{API}", policy, {**PLAIN, **auth})[0])

    def machine():
        for _ in range(10):
            attested.append(tls("POST", f"{P}/attest/Tpm{API}", json.dumps({"data": INIT}), JSON)[0])

    before = len(json.loads(tls("GET", f"{P}/policies/Tpm/history{API}", headers=auth)[2])["value"])
    ok("two operators and three machines come to an end", at_once(lambda: operator("one"), lambda: operator("two"), machine, machine, machine))
    ok("every policy was set, every machine answered", answered == {"one": [200] * 15, "two": [200] * 15} and attested == [200] * 30, f"{answered} {attested}")
    stored = claims(tls("GET", f"{P}/policies/Tpm{API}", headers=auth)[2])["x-ms-policy"]
    ok("what is in force is the last of one of them", stored in (texts["one"][-1], texts["two"][-1]))
    after = json.loads(tls("GET", f"{P}/policies/Tpm/history{API}", headers=auth)[2])["value"]
    versions = [h["version"] for h in after]
    ok("the history has each of them once, in an order", min(len(after), before + 30) <= len(after) and len(set(versions)) == len(versions), versions[:5])

    owner("PUT", f"{GROUP}/gone{MANAGEMENT}", {"location": "x", "properties": {"tpmAttestationAuthentication": "Disabled"}})
    ask(Local("localhost"), "PUT", f"/providers/gone/policies/Tpm{API}", jws(), PLAIN)
    seen = set()

    def visitor():
        for _ in range(20):
            got = tls("POST", f"/providers/gone/attest/Tpm{API}", json.dumps({"data": INIT}), JSON)
            seen.add((got[0], error_of(got[2]).get("code")))

    def remover():
        time.sleep(0.1)
        owner("DELETE", f"{GROUP}/gone{MANAGEMENT}")
    ok("a provider is deleted while others attest at it", at_once(visitor, visitor, remover) and seen <= {(200, None), (404, "NotFound")}, seen)
    row("and is gone then", tls("GET", "/providers/gone/certs"), 404, "NotFound")


def killed_while_setting(auth):
    policies = [jws({"AttestationPolicy": b64u(f"{TEXT} // {i} {'x' * 20000}".encode())}) for i in range(40)]
    for round_ in range(4):
        confirmed = []

        def set_for_ever():
            try:
                for policy in policies:
                    if tls("PUT", f"{P}/policies/Tpm{API}", policy, {**PLAIN, **auth})[0] == 200:
                        confirmed.append(policy)
            except (OSError, http.client.HTTPException):
                pass
        worker = threading.Thread(target=set_for_ever, daemon=True)
        worker.start()
        time.sleep(0.2 + 0.3 * random.random())
        end_server(signal.SIGKILL)
        worker.join(60)
        if not ok_start(f"after kill -9 number {round_ + 1} in the middle of policies"):
            return
        stored = claims(tls("GET", f"{P}/policies/Tpm{API}", headers=auth)[2])["x-ms-policy"]
        at = policies.index(stored) if stored in policies else -1
        last = policies.index(confirmed[-1]) if confirmed else -1
        ok("the policy is whole, and the last that was confirmed or the next", stored in policies and at in (last, last + 1) or not confirmed, f"{at} {last}")


def ok_start(what):
    started = start(*SETTINGS)
    ok(f"the server starts {what}", started, open(folder + "/log").read()[-500:])
    return started


def killed_at_first_start():
    """Ten servers of their own, killed somewhere in their first second."""
    program, fine, said = f"{wire_rig.BUILD}/src/truebootd/truebootd", 0, ""
    for i in range(10):
        home, at = f"{folder}/first{i}", free_port()
        command = [program, "--data", home, "--listen", f"127.0.0.1:{at}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.1 + 0.08 * i)
        process.kill()
        process.wait()
        with open(home + ".log", "w") as log:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        for _ in range(2400):
            if process.poll() is not None:
                said += open(home + ".log").read()[-200:]
                break
            try:
                socket.create_connection(("127.0.0.1", at), 1).close()
                fine += 1
                break
            except OSError:
                time.sleep(0.05)
        process.kill()
        process.wait()
    ok("ten servers that were killed in their first second start again", fine == 10, said)


SETTINGS = ["limits.attest_per_second=0", "limits.vm_per_minute=0"]


def main():
    if not start(*SETTINGS):
        print("1..1\nnot ok 1 - the server starts")
        print(open(folder + "/log").read())
        return 1
    auth = {"Authorization": "Bearer " + make_token("wire", "contributor")}
    owner("PUT", f"{GROUP}/wire{MANAGEMENT}", {"location": "East US", "properties": {"tpmAttestationAuthentication": "Disabled"}})
    owner("PUT", f"{GROUP}/own{MANAGEMENT}", {"location": "x", "properties": {"tpmAttestationAuthentication": "Disabled", "trueboot": {"attestUri": "https://Own.Example:443"}}})
    for provider in (P, "/providers/own"):
        ask(Local("localhost"), "PUT", f"{provider}/policies/Tpm{API}", jws(), PLAIN)
    http_forms()
    hosts()
    policies(auth)
    isolated(auth)
    management()
    ask(Local("localhost"), "PUT", f"{P}/policies/Tpm{API}", jws(), PLAIN)
    guest = Guest()
    ok("a guest is enrolled", guest.ak_cert is not None)
    tpm_cases(guest)
    rotation(auth, guest)
    crowd(auth, guest)
    killed_while_setting(auth)
    killed_at_first_start()
    ok("the server stops when asked", end_server() == 0)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
