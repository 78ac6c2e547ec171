#!/usr/bin/env python3
"""A running truebootd, and a client that shares no line with it: a TPM in Python enrols and attests over TLS; somebody else's X.509 and
JOSE verify what comes back; then the server is killed and started again. Prints TAP.

usage: server_interop.py BUILD_FOLDER BOOT_LOG_MAKER"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid

from ports import free_port
from tap import ok, tap

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.x509.oid import NameOID, ObjectIdentifier
except ImportError:
    tap.skip_all("server and foreign client", "python3-cryptography is not installed")
import datetime

BUILD, MAKER = sys.argv[1], sys.argv[2]
API = "?api-version=2022-08-01"


def b64u(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def prefixed(data):
    return len(data).to_bytes(2, "big") + data


# ---- the server


class Server:
    started = []

    def __init__(self, data, port):
        self.data, self.port, self.process = data, port, None
        Server.started.append(self)

    def start(self):
        self.log = open(self.data + ".log", "ab")
        self.process = subprocess.Popen([f"{BUILD}/src/truebootd/truebootd", "--data", self.data, "--listen", f"127.0.0.1:{self.port}"],
                                        stdout=self.log, stderr=self.log,
                                        # What packages know of revocations differs from machine to machine; this boot is made up.
                                        env={**os.environ, "TRUEBOOT_REFERENCE": self.data + ".no-reference"})
        for _ in range(1200):
            if self.process.poll() is not None:
                return False
            try:
                if self.local("GET", "/v1/server")[0] == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.1)
        return False

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(60)

    def local(self, method, path, body=None):
        """Over the local socket: the caller's user id is the credential."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(60)
        connection.sock.connect(f"{self.data}/truebootd.sock")
        return self.exchange(connection, method, path, body)

    def tls(self, method, path, body=None):
        context = ssl.create_default_context(cafile=f"{self.data}/ca.pem")
        return self.exchange(http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60), method, path, body)

    @staticmethod
    def exchange(connection, method, path, body):
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content) if content else None, answer.headers


# ---- a TPM


def kdf_a(key, label, context, length):
    block = hmac.new(key, (1).to_bytes(4, "big") + label + b"\0" + context + (8 * length).to_bytes(4, "big"), hashlib.sha256).digest()
    return block[:length]


def cfb_decrypt(key, data):
    """AES-CFB128 with a zero IV, a block at a time."""
    block, out = bytes(16), b""
    for i in range(0, len(data), 16):
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        stream = encryptor.update(block) + encryptor.finalize()
        block = data[i:i + 16]
        out += bytes(a ^ b for a, b in zip(block, stream))
    return out


class Tpm:
    def __init__(self, folder):
        self.ek = rsa.generate_private_key(65537, 2048)
        self.ak = rsa.generate_private_key(65537, 2048)
        policy = bytes.fromhex("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa")
        self.ek_public = self.public(0x000300B2, policy, bytes.fromhex("000600800043") + bytes.fromhex("0010"), self.ek)
        self.ak_public = self.public(0x00050472, b"", bytes.fromhex("0010") + bytes.fromhex("0014000b"), self.ak)
        self.ak_name = bytes.fromhex("000b") + hashlib.sha256(self.ak_public[2:]).digest()
        self.log = open(f"{folder}/log", "rb").read()
        self.registers = [bytes.fromhex(line) for line in open(f"{folder}/registers")]
        self.clock = 1000

    @staticmethod
    def public(attributes, policy, algorithms_, key):
        n = key.public_key().public_numbers().n.to_bytes(256, "big")
        return prefixed(bytes.fromhex("0001000b") + attributes.to_bytes(4, "big") + prefixed(policy) + algorithms_ +
                        (2048).to_bytes(2, "big") + bytes(4) + prefixed(n))

    def activate(self, blob, secret):
        seed = self.ek.decrypt(secret[2:], padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"IDENTITY\0"))
        integrity, identity = blob[4:36], blob[36:]
        key = kdf_a(seed, b"INTEGRITY", b"", 32)
        assert hmac.compare_digest(integrity, hmac.new(key, identity + self.ak_name, hashlib.sha256).digest())
        return cfb_decrypt(kdf_a(seed, b"STORAGE", self.ak_name, 16), identity)[2:]

    def quote(self, nonce):
        self.clock += 1000
        attest = (bytes.fromhex("ff5443478018") + prefixed(bytes.fromhex("000b") + bytes(32)) + prefixed(nonce) +
                  self.clock.to_bytes(8, "big") + (7).to_bytes(4, "big") + bytes(4) + b"\1" + bytes(8) +
                  bytes.fromhex("00000001000b03ffffff") + prefixed(hashlib.sha256(b"".join(self.registers)).digest()))
        signature = self.ak.sign(attest, padding.PKCS1v15(), hashes.SHA256())
        return attest, bytes.fromhex("0014000b") + prefixed(signature)

    def pcrs(self):
        return [{"algorithm": 11, "values": [{"index": i, "digest": b64u(d)} for i, d in enumerate(self.registers)]}]


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(subject, key, issuer, issuer_key, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
               .not_valid_after(now + datetime.timedelta(days=2)))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def host_ca():
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return key, certificate(name("a host of somebody else"), key, name("a host of somebody else"), key,
                            [(x509.BasicConstraints(True, None), True), (usage, True)])


def ek_certificate(tpm, ca_key, ca_cert, vm):
    tcg = [("2.23.133.2.1", "id:00001014"), ("2.23.133.2.2", "swtpm"), ("2.23.133.2.3", "id:20191023")]
    names = x509.Name([x509.NameAttribute(ObjectIdentifier(oid), value) for oid, value in tcg])
    usage = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    return certificate(name(f"web1:{vm}"), tpm.ek, ca_cert.subject, ca_key,
                       [(x509.BasicConstraints(False, None), True), (usage, True),
                        (x509.ExtendedKeyUsage([ObjectIdentifier("2.23.133.8.1")]), False),
                        (x509.SubjectAlternativeName([x509.DirectoryName(names)]), True)])


def der(cert):
    return cert.public_bytes(serialization.Encoding.DER)


# ---- the guest


def enrol(server, tpm, ek_cert):
    status, begun, _ = server.tls("POST", "/enroll/v1/begin",
                                  {"ekCerts": [b64u(der(ek_cert))], "ekPub": b64u(tpm.ek_public), "akPub": b64u(tpm.ak_public)})
    if status != 200:
        print("#", begun)
        return None
    secret = tpm.activate(unb64u(begun["credentialBlob"]), unb64u(begun["encryptedSecret"]))
    proof = hmac.new(secret, b"trueboot-enroll-1\0" + begun["enrollId"].encode() + b"\0" + tpm.ak_name, hashlib.sha256).digest()
    quote, signature = tpm.quote(unb64u(begun["nonce"]))
    status, done, _ = server.tls("POST", "/enroll/v1/activate", {"enrollId": begun["enrollId"], "proof": b64u(proof), "quote": b64u(quote),
                                                                 "signature": b64u(signature), "pcrs": tpm.pcrs()})
    if status != 200:
        print("#", done)
        return None
    return unb64u(done["akCert"])


def message(server, payload):
    status, answer, _ = server.tls("POST", "/attest/Tpm" + API, {"data": b64u(json.dumps({"payload": payload}).encode())})
    if status != 200:
        print("#", answer)
        return None
    return json.loads(unb64u(answer["data"]))["payload"]


def attest(server, tpm, ak_cert, rp_data):
    challenge = message(server, {"type": "aikcert"})
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    jwk = json.dumps({"kty": "RSA", "e": b64u(numbers.e.to_bytes(3, "big")), "n": b64u(numbers.n.to_bytes(256, "big"))}, indent=1)
    quote, signature = tpm.quote(hashlib.sha256(jwk.encode() + b"\0" + unb64u(challenge["challenge"])).digest())
    current = {"logs": [{"type": "TCG", "log": b64u(tpm.log)}], "aik_cert": b64u(ak_cert), "pcrs": tpm.pcrs(), "quote": b64u(quote),
               "signature": b64u(signature)}
    payload = json.dumps({"att_type": "basic",
                          "att_data": {"rp_data": rp_data, "challenge": challenge["challenge"],
                                       "tpm_att_data": {"current_attestation": current},
                                       "request_key": {"jwk": "JWK", "info": {"tpm_quote": {"hash_alg": "sha-256"}}},
                                       "service_context": challenge["service_context"]}}).replace('"JWK"', jwk)
    signing = b64u(b'{"alg":"PS256","typ":"attReqV2"}') + "." + b64u(payload.encode())
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    answer = message(server, {"request": signing + "." + b64u(key.sign(signing.encode(), pss, hashes.SHA256()))})
    return answer and answer["report"]


# ---- the relying party


def holds(token, certificates):
    header, payload, signature = token.split(".")
    try:
        certificates[0].public_key().verify(unb64u(signature), f"{header}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def issued_by(cert, issuer):
    try:
        issuer.public_key().verify(cert.signature, cert.tbs_certificate_bytes, ec.ECDSA(cert.signature_hash_algorithm))
    except InvalidSignature:
        return False
    return cert.issuer == issuer.subject


def check_documents(server, token, rp_data, vm):
    status, openid, headers = server.tls("GET", "/.well-known/openid-configuration")
    ok("the metadata is JSON over TLS under the server's own CA", status == 200 and headers["Content-Type"].startswith("application/json"))
    issuer = f"https://localhost:{server.port}"
    ok("it names this issuer", openid["issuer"] == issuer and openid["jwks_uri"] == issuer + "/certs")
    status, certs, headers = server.tls("GET", "/certs")
    ok("the key list is application/json", status == 200 and headers["Content-Type"].startswith("application/json"))
    header = json.loads(unb64u(token.split(".")[0]))
    ok("the report's header is in the published order", list(header) == ["typ", "alg", "x5c", "kid"] and header["alg"] == "RS256")
    ok("its algorithm is announced", header["alg"] in openid["id_token_signing_alg_values_supported"])
    found = [key for key in certs["keys"] if key["kid"] == header["kid"]]
    if not ok("its key is in the list once", len(found) == 1):
        return
    ok("with the same certificates", found[0]["x5c"] == header["x5c"])
    chain = [x509.load_der_x509_certificate(base64.b64decode(entry)) for entry in header["x5c"]]
    ok("the report verifies with the leaf's key", holds(token, chain))
    part = token.split(".")
    other = b64u(unb64u(part[1]).replace(b'"Healthy"', b'"healthy"', 1))
    ok("and not when a letter is changed", other != part[1] and not holds(".".join([part[0], other, part[2]]), chain))
    ok("each certificate is signed by the next", all(issued_by(chain[i], chain[i + 1]) for i in range(len(chain) - 1)))
    root = x509.load_pem_x509_certificate(open(f"{server.data}/ca.pem", "rb").read())
    ok("the last one is the root in ca.pem", der(chain[-1]) == der(root) and issued_by(root, root))
    ok("kid is the leaf's SHA-1", header["kid"] == b64u(hashlib.sha1(der(chain[0])).digest()))
    numbers = chain[0].public_key().public_numbers()
    ok("n and e are the leaf's", unb64u(found[0]["n"]) == numbers.n.to_bytes(256, "big") and unb64u(found[0]["e"]) == b"\1\0\1")
    own = [key for key in certs["keys"] if len(key["x5c"]) == 1]
    leaf = x509.load_der_x509_certificate(base64.b64decode(own[0]["x5c"][0]))
    pem = leaf.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    ok("the self-signed key's kid is the SHA-256 of its PEM and a NUL",
       own[0]["kid"] == base64.b64encode(hashlib.sha256(pem + b"\0").digest()).decode())
    ok("its subject and issuer are the address", leaf.subject == leaf.issuer == name(issuer))
    claims = json.loads(unb64u(part[1]))
    now = time.time()
    ok("the claims are this server's, now", claims["iss"] == issuer and claims["nbf"] <= now < claims["exp"])
    ok("the nonce came back unchanged", claims["nonce"] == claims["rp_data"] == rp_data)
    ok("the VM is named", claims["trueboot"]["vm"] == vm and claims["trueboot"]["verdict"] == "Healthy")
    return chain


def status_of(server):
    return server.local("GET", "/v1/vms/web1/status")[1]["properties"]["healthStatus"]


def refused_start(data, port):
    """Exit status of a server that cannot start, and what it says besides its log."""
    done = subprocess.run([f"{BUILD}/src/truebootd/truebootd", "--data", data, "--listen", f"127.0.0.1:{port}"], capture_output=True,
                          text=True, timeout=30)
    return done.returncode, "\n".join(line for line in done.stderr.splitlines() if not line.startswith("time="))


def run(folder):
    server = Server(f"{folder}/data", free_port())
    if not ok("the server starts", server.start()):
        return
    tpm, vm = Tpm(folder), str(uuid.uuid4())
    ca_key, ca_cert = host_ca()
    ca_pem = ca_cert.public_bytes(serialization.Encoding.PEM).decode()
    ok("the host's CA is registered", server.local("POST", "/v1/roots", {"kind": "ek", "pem": ca_pem})[0] == 200)
    ok("the VM is in the inventory", server.local("POST", "/v1/vms", {"name": "web1", "uuid": vm, "monitoring": True})[0] == 201)
    ak_cert = enrol(server, tpm, ek_certificate(tpm, ca_key, ca_cert, vm))
    if not ok("a TPM written from the specification enrols", ak_cert is not None):
        return
    token = attest(server, tpm, ak_cert, "cnBfZGF0YQ")
    if not ok("and attests", bool(token)):
        return
    chain = check_documents(server, token, "cnBfZGF0YQ", vm)
    ok("the VM is Healthy", status_of(server) == "Healthy")
    modes_ = {f: os.stat(f"{server.data}/keys/{f}").st_mode & 0o777 for f in os.listdir(f"{server.data}/keys") if f.endswith(".key")}
    ok("every key is its owner's alone", modes_ and set(modes_.values()) == {0o600} and
       os.stat(f"{server.data}/keys").st_mode & 0o777 == 0o700)

    # in the way
    code, said = refused_start(f"{folder}/other", server.port)
    print("#", said)
    ok("a port in use is said in one sentence", code == 1 and "\n" not in said and "in use" in said and str(server.port) in said)
    code, said = refused_start(server.data, free_port())
    print("#", said)
    ok("so is a second server on the same folder", code == 1 and "\n" not in said and said.startswith("truebootd:"))

    # killed at any instant
    for round_ in range(3):
        server.end(signal.SIGKILL)
        ok(f"killed and started again ({round_ + 1})", server.start())
        ok("nothing was forgotten", status_of(server) == "Healthy")
        ok("the old report verifies under the keys of now", server.tls("GET", "/certs")[1]["keys"] and holds(token, chain) and
           any(base64.b64decode(key["x5c"][0]) == der(chain[0]) for key in server.tls("GET", "/certs")[1]["keys"]))
        ok("the enrolled key attests again", bool(attest(server, tpm, ak_cert, "cnBfZGF0YQ")))
    ok("its baseline is the one of the first boot", server.local("GET", "/v1/vms/web1/baseline")[1]["version"] == 1)
    ok("it stops when asked", server.end(signal.SIGTERM) == 0)


def main():
    folder = tempfile.mkdtemp()
    try:
        subprocess.run([MAKER], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TRUEBOOT_BOOT_FOLDER": folder})
        run(folder)
    finally:
        if tap.failed and os.path.exists(f"{folder}/data.log"):
            for line in open(f"{folder}/data.log", errors="replace"):
                print("# server:", line.rstrip())
        for server in Server.started:
            if server.process and server.process.poll() is None:
                server.process.kill()
        shutil.rmtree(folder)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
