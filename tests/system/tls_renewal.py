#!/usr/bin/env python3
"""The TLS certificate changes while the server runs: the operator's files, and one of our own that nears its end. Prints TAP.

usage: tls_renewal.py BUILD_FOLDER"""
import hashlib
import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import time
import warnings

warnings.simplefilter("ignore") # newer versions of cryptography want other names, which Debian 12's does not have
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serving import Server
from tap import ok, tap

try:
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import NameOID
except ImportError:
    tap.skip_all("TLS certificates", "python3-cryptography is not installed")

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem_of(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Authority:
    def __init__(self, text):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), name(text)
        self.cert = (x509.CertificateBuilder().subject_name(self.name).issuer_name(self.name).public_key(self.key.public_key())
                     .serial_number(x509.random_serial_number()).not_valid_before(NOW - DAY).not_valid_after(NOW + 3650 * DAY)
                     .add_extension(x509.BasicConstraints(True, None), True).sign(self.key, hashes.SHA256()))

    def issue(self, key, end, start=-DAY, like=None):
        names = like or x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return (x509.CertificateBuilder().subject_name(name("localhost")).issuer_name(self.name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(NOW + start).not_valid_after(NOW + end)
                .add_extension(names, False).sign(self.key, hashes.SHA256()))


def put(path, content, mode=0o644):
    """As renewal tools do: beside it, then in its place."""
    with open(path + ".new", "wb") as f:
        f.write(content)
    os.chmod(path + ".new", mode)
    os.replace(path + ".new", path)


def shown(server):
    """The certificate that a new connection gets: its digest."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port), 10) as s, context.wrap_socket(s, server_hostname="localhost") as tls:
        return hashlib.sha256(tls.getpeercert(True)).hexdigest()


def digest(cert):
    return cert.fingerprint(hashes.SHA256()).hex()


def until(what, seconds=120):
    for _ in range(seconds * 10):
        if what():
            return True
        time.sleep(0.1)
    return False


def hang_up(server):
    server.process.send_signal(signal.SIGHUP)


def operators_files(build, folder):
    ca = Authority("the operator's CA")
    keys = [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)]
    cert_file, key_file, ca_file = folder + "/tls.crt", folder + "/tls.key", folder + "/ca.crt"
    first, second = ca.issue(keys[0], 90 * DAY), ca.issue(keys[1], 90 * DAY)
    put(cert_file, pem_of(first))
    put(key_file, key_pem(keys[0]), 0o600)
    put(ca_file, pem_of(ca.cert))
    server = Server(build, folder + "/one", "--set", f"tls.certificate={cert_file}", "--set", f"tls.key={key_file}", "--set", f"tls.ca={ca_file}",
                    "--set", "metrics.open=yes")
    os.makedirs(folder + "/one")
    if not ok("a server starts with a certificate of the operator's, and says in ca.pem whom to trust", server.start() and
              shown(server) == digest(first) and open(server.data + "/ca.pem", "rb").read() == pem_of(ca.cert), server.logged()):
        return
    old = server.connection()
    ok("a request on the first connection", server.send(old, "GET", "/servicehealth", None, None, None).status == 204)

    put(key_file, key_pem(keys[1]), 0o600)
    put(cert_file, pem_of(second))
    hang_up(server)
    ok("after SIGHUP new connections get the new certificate", until(lambda: shown(server) == digest(second)), server.logged())
    ok("the connection that was open goes on", server.send(old, "GET", "/servicehealth", None, None, None).status == 204)

    broken = {
        "a certificate that is no PEM": (b"no certificate\n", key_pem(keys[1])),
        "a key of another certificate": (pem_of(second), key_pem(keys[0])),
        "a certificate that has ended": (pem_of(ca.issue(keys[1], -DAY, -2 * DAY)), key_pem(keys[1])),
        "a certificate of the future": (pem_of(ca.issue(keys[1], 9 * DAY, 2 * DAY)), key_pem(keys[1])),
        "an empty file": (b"", key_pem(keys[1])),
    }
    for n, (what, (cert, key)) in enumerate(broken.items(), 1):
        put(cert_file, cert)
        put(key_file, key, 0o600)
        hang_up(server)
        ok(f"{what} is refused with a line in the log and a metric", until(
            lambda: server.metrics()['trueboot_tls_replacements_total{result="refused"}'] == n), server.logged())
        ok("and the one before goes on", shown(server) == digest(second) and server.metrics()["trueboot_tls_certificate_refused"] == 1 and
           server.send(old, "GET", "/servicehealth", None, None, None).status == 204)
    ok("each was said once", server.logged().count("the one before goes on") == len(broken), server.logged())

    third = ca.issue(keys[0], 90 * DAY)
    put(key_file, key_pem(keys[0]), 0o600)
    put(cert_file, pem_of(third))
    ok("files that change are taken without a signal, too", until(lambda: shown(server) == digest(third)), server.logged())
    metrics = server.metrics()
    ok("and the metric is quiet again", metrics["trueboot_tls_certificate_refused"] == 0 and
       metrics['trueboot_tls_replacements_total{result="ok"}'] >= 2)
    old.close()
    server.end()
    put(cert_file, b"broken\n")
    ok("a server does not start with a broken one, and says which file", not server.start() and cert_file in server.logged())


def our_own(build, folder):
    os.makedirs(folder + "/two")
    server = Server(build, folder + "/two")
    if not ok("a server with a certificate of our own starts", server.start(), server.logged()):
        return
    keys = server.data + "/keys"
    mine = x509.load_pem_x509_certificate(open(keys + "/tls.pem", "rb").read())
    ca_key = serialization.load_pem_private_key(open(keys + "/ca.key", "rb").read(), None)
    tls_key = serialization.load_pem_private_key(open(keys + "/tls.key", "rb").read(), None)
    ca = Authority("unused")
    ca.key, ca.name = ca_key, mine.issuer
    ending = ca.issue(tls_key, 20 * DAY, like=mine.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    before, old = shown(server), server.connection()
    server.send(old, "GET", "/servicehealth", None, None, None)
    put(keys + "/tls.pem", pem_of(ending))
    hang_up(server)
    ok("one that ends within a month is renewed while the server runs", until(lambda: shown(server) not in (before, digest(ending))), server.logged())
    renewed = x509.load_pem_x509_certificate(open(keys + "/tls.pem", "rb").read())
    ok("the new one is kept and lasts", digest(renewed) == shown(server) and renewed.not_valid_after > (NOW + 300 * DAY).replace(tzinfo=None))
    ok("clients that trust our CA go on, and open connections too", server.ask("GET", "/servicehealth").status == 204 and
       server.send(old, "GET", "/servicehealth", None, None, None).status == 204)
    old.close()
    put(keys + "/tls.key", b"damaged\n", 0o600)
    now = shown(server)
    hang_up(server)
    ok("a key that was damaged on disk is refused, and the server goes on", until(lambda: "the one before goes on" in server.logged()) and
       shown(server) == now, server.logged())
    server.end()


def main():
    folder = tempfile.mkdtemp(prefix="trueboot-tls-")
    try:
        operators_files(sys.argv[1], folder)
        our_own(sys.argv[1], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return tap.done()


sys.exit(main())
