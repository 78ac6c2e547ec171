"""Two network namespaces joined by a cable, and in the far one everything that can go wrong between an agent and its server: used by
network_classes.py. Only addresses of these namespaces are used; everything ends with the block.

run as a program (inside the far namespace): network_lab.py FOLDER        serves until its standard input ends"""
import contextlib
import datetime
import importlib.util
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings

CLIENT, SERVER = "10.77.0.1", "10.77.0.2"
CLIENT6, SERVER6 = "fd77::1", "fd77::2"
NAME = "server.test"
PORTS = {
    "good": 443, "expired": 4401, "early": 4402, "wrong-name": 4403, "foreign": 4404, "old-tls": 4405, "reset": 4406, "slow": 4407,
    "silent": 4408, "page": 4409, "huge": 4410, "hostile": 4411, "swallow-hello": 4412, "small-mtu-down": 4413, "small-mtu-up": 4414,
    "drip": 4415, "proxy": 3128, "proxy-auth": 3129, "proxy-403": 3130, "proxy-502": 3131, "proxy-503": 3132, "proxy-page": 3133,
    "proxy-inspect": 3134, "proxy-hangup": 3135, "proxy-silent": 3136, "dropped": 5001, "rejected": 5002, "prohibited": 5003,
}
SECRET = "ann:s3cret-of-the-proxy"


def missing():
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for tool in ("ip", "nft"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if not importlib.util.find_spec("cryptography"):
        return "python3-cryptography is not installed"
    probe = f"tb-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode != 0:
        return "network namespaces cannot be made here"
    works = subprocess.run(["ip", "netns", "exec", probe, "nft", "list", "ruleset"], capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", probe])
    return None if works else "nftables does not work here"


# ---- certificates


def make_certificates(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.utcnow()
    day = datetime.timedelta(days=1)
    pem = serialization.Encoding.PEM

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def issue(subject, key, issuer, issuer_key, begin, end, extension):
        builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        return builder.add_extension(extension, False).sign(issuer_key, hashes.SHA256())

    cas = {}
    for ca, subject in (("ca", "Lab CA"), ("foreign", "Corporate Inspection CA")):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = issue(subject, key, subject, key, now - 400 * day, now + 400 * day, x509.BasicConstraints(True, None))
        open(f"{folder}/{ca}.pem", "wb").write(cert.public_bytes(pem))
        cas[ca] = (subject, key, cert)
    names = [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address(SERVER)), x509.IPAddress(ipaddress.ip_address(SERVER6))]
    # Many names make a certificate that fills more than one segment.
    many = names + [x509.DNSName(f"a-rather-long-name-number-{i}.some-department.of-a-large-company.test") for i in range(60)]
    for leaf, ca, begin, end, alt in (("good", "ca", -1, 30, names), ("expired", "ca", -30, -1, names), ("early", "ca", 1, 30, names),
                                      ("wrong-name", "ca", -1, 30, [x509.DNSName("elsewhere.test")]), ("inspected", "foreign", -1, 30, names),
                                      ("large", "ca", -1, 30, many)):
        subject, ca_key, ca_cert = cas[ca]
        key = ec.generate_private_key(ec.SECP256R1())
        cert = issue(leaf, key, subject, ca_key, now + begin * day, now + end * day, x509.SubjectAlternativeName(alt))
        with open(f"{folder}/leaf-{leaf}.pem", "wb") as f:
            f.write(cert.public_bytes(pem) + (ca_cert.public_bytes(pem) if ca == "foreign" else b""))
            f.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


# ---- the far side


def context(folder, leaf, **more):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if more.get("old"):
        c.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is deprecated is the point
            c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1
    c.load_cert_chain(f"{folder}/leaf-{leaf}.pem")
    return c


def read_head(peer):
    data = b""
    while b"\r\n\r\n" not in data and len(data) < 100000:
        piece = peer.recv(4096)
        if not piece:
            return data
        data += piece
    return data


def read_request(peer):
    head, _, body = read_head(peer).partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line.lower().startswith(b"expect:"):
            peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while len(body) < length:
        piece = peer.recv(65536)
        if not piece:
            break
        body += piece
    return head


def answer(peer, body, status="200 OK", kind="application/json", more=""):
    date = datetime.datetime.utcnow().strftime("%a, %d %b %Y %H:%M:%S GMT")
    head = f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    peer.sendall(head.encode() + body)


def serve_tls(folder, leaf, how, **more):
    c = context(folder, leaf, **more)

    def handle(raw):
        with c.wrap_socket(raw, server_side=True) as peer:
            how(peer)

    return handle


def good(peer):
    read_request(peer)
    answer(peer, b'{"ok":true}')


def slow(peer):
    read_request(peer)
    time.sleep(30)


def drip(peer):
    read_request(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(60):
        peer.sendall(b" ")
        time.sleep(0.5)


def page(peer):
    read_request(peer)
    answer(peer, b"<html><title>Access\x1b[2J denied\x00</title><body>by policy 17 of the company, ask your administrator, please, kindly</body>", "200 OK",
           "text/html")


def huge(peer):
    read_request(peer)
    answer(peer, b'"' + b"x" * (3 << 20) + b'"')


def hostile(peer):
    read_request(peer)
    answer(peer, b'{"error":{"code":"Bad\\u001b[31m\\u0000\\n","message":"line\\nforged=yes \\u202e\\u001b]0;title\\u0007"}}', "503 Nope",
           more="Retry-After: 99999999999999999999\r\n")


def silent(raw):
    time.sleep(30)


def reset(raw):
    raw.recv(100)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def relay(a, b):
    def copy(x, y):
        with contextlib.suppress(OSError):
            while piece := x.recv(65536):
                y.sendall(piece)
        with contextlib.suppress(OSError):
            y.shutdown(socket.SHUT_WR)

    other = threading.Thread(target=copy, args=(b, a), daemon=True)
    other.start()
    copy(a, b)
    other.join(30)


def proxy(folder, log, credentials=None):
    import base64

    def handle(raw):
        head = read_head(raw)
        with open(log, "ab") as f:
            f.write(head.split(b"\r\n")[0] + b"\n")
        want = b"Proxy-Authorization: Basic " + base64.b64encode((credentials or "").encode())
        if credentials and want not in head:
            answer(raw, b"who are you?", "407 Proxy Authentication Required", "text/plain", 'Proxy-Authenticate: Basic realm="x"\r\n')
            return
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        host = {NAME: SERVER}.get(host.strip("[]"), host.strip("[]"))
        with socket.create_connection((host, int(port)), 5) as far:
            raw.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            relay(raw, far)

    return handle


def proxy_says(status, body, kind="text/html"):
    def handle(raw):
        read_head(raw)
        answer(raw, body, status, kind)

    return handle


def proxy_inspects(folder):
    c = context(folder, "inspected")

    def handle(raw):
        read_head(raw)
        raw.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with c.wrap_socket(raw, server_side=True) as peer:
            good(peer)

    return handle


def listen(port, handle, family=socket.AF_INET6):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", port))
    s.listen(20)

    def one(raw):
        with contextlib.suppress(OSError, ssl.SSLError, ValueError, IndexError):
            with raw:
                handle(raw)

    def loop():
        while True:
            raw, _ = s.accept()
            threading.Thread(target=one, args=(raw,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def resolver():
    """Answers for NAME; NXDOMAIN for nowhere.test, SERVFAIL for broken.test."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((SERVER, 53))

    def loop():
        while True:
            query, who = s.recvfrom(1000)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode("latin1"))
                at += 1 + query[at]
            question, kind = query[12:at + 5], int.from_bytes(query[at + 1:at + 3], "big")
            name = ".".join(labels).lower()
            code = {"nowhere.test": 3, "broken.test": 2}.get(name, 0 if name == NAME else 3)
            data = b""
            if name == NAME and kind in (1, 28):
                address = ipaddress.ip_address(SERVER if kind == 1 else SERVER6).packed
                data = b"\xc0\x0c" + kind.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(address).to_bytes(2, "big") + address
            s.sendto(query[:2] + bytes([0x81, 0x80 | code]) + b"\0\1" + (b"\0\1" if data else b"\0\0") + b"\0\0\0\0" + question + data, who)

    threading.Thread(target=loop, daemon=True).start()


def far_side(folder):
    def tls(leaf, how, **more):
        return serve_tls(folder, leaf, how, **more)

    handlers = {
        "good": tls("good", good), "expired": tls("expired", good), "early": tls("early", good), "wrong-name": tls("wrong-name", good),
        "foreign": tls("inspected", good), "old-tls": tls("good", good, old=True), "reset": reset, "slow": tls("good", slow), "silent": silent,
        "page": tls("good", page), "huge": tls("good", huge), "hostile": tls("good", hostile), "swallow-hello": tls("good", good),
        "small-mtu-down": tls("large", good), "small-mtu-up": tls("good", good), "drip": tls("good", drip),
        "proxy": proxy(folder, f"{folder}/proxy.log"), "proxy-auth": proxy(folder, f"{folder}/proxy.log", SECRET),
        "proxy-403": proxy_says("403 Forbidden", b"<h1>no</h1>"), "proxy-502": proxy_says("502 Bad Gateway", b""),
        "proxy-503": proxy_says("503 Busy", b"busy", "text/plain"), "proxy-page": proxy_says("200 OK", b"<html>please log in</html>"),
        "proxy-inspect": proxy_inspects(folder), "proxy-hangup": lambda raw: read_head(raw), "proxy-silent": silent,
        "dropped": tls("good", good), "rejected": tls("good", good), "prohibited": tls("good", good),
    }
    for what, handle in handlers.items():
        listen(PORTS[what], handle)
    resolver()
    print("ready", flush=True)
    sys.stdin.read()


# ---- the near side

RULES = f"""
table inet lab {{
  chain in {{
    type filter hook input priority 0;
    tcp dport {PORTS["dropped"]} drop
    tcp dport {PORTS["rejected"]} reject with tcp reset
    tcp dport {PORTS["prohibited"]} reject with icmpx type admin-prohibited
    tcp dport {PORTS["small-mtu-up"]} meta length > 1000 drop
    tcp dport {PORTS["swallow-hello"]} meta length > 200 drop
    ip daddr 10.77.0.53 drop
  }}
  chain out {{
    type filter hook output priority 0;
    tcp sport {PORTS["small-mtu-down"]} meta length > 1000 drop
  }}
}}
"""


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.near, self.far = f"tb-near-{os.getpid()}", f"tb-far-{os.getpid()}"

    def __enter__(self):
        make_certificates(self.folder)
        for ns in (self.near, self.far):
            self.ip("netns", "add", ns)
            self.ip("-n", ns, "link", "set", "lo", "up")
        self.ip("link", "add", "cable", "netns", self.near, "type", "veth", "peer", "name", "cable", "netns", self.far)
        for ns, addresses in ((self.near, (CLIENT, CLIENT6)), (self.far, (SERVER, SERVER6, "10.77.0.53"))):
            for a in addresses:
                self.ip("-n", ns, "address", "add", f"{a}/{64 if ':' in a else 24}", "dev", "cable", *(["nodad"] if ":" in a else []))
            self.ip("-n", ns, "link", "set", "cable", "up")
            # Else the kernel finds the path's MTU itself, sooner or later.
            subprocess.run(["ip", "netns", "exec", ns, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/tcp_mtu_probing"], check=False)
        self.resolve_at(SERVER)
        subprocess.run(["ip", "netns", "exec", self.far, "nft", "-f", "-"], input=RULES.encode(), check=True)
        self.server = subprocess.Popen(["ip", "netns", "exec", self.far, sys.executable, os.path.abspath(__file__), self.folder],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.server.stdout.readline() != b"ready\n":
            raise RuntimeError("the far side did not start")
        return self

    def __exit__(self, *what):
        if hasattr(self, "server"):
            self.server.stdin.close()
            try:
                self.server.wait(5)
            except subprocess.TimeoutExpired:
                self.server.kill()
        for ns in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", ns], capture_output=True)
        shutil.rmtree(f"/etc/netns/{self.near}", ignore_errors=True)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    def resolve_at(self, *addresses):
        os.makedirs(f"/etc/netns/{self.near}", exist_ok=True)
        with open(f"/etc/netns/{self.near}/resolv.conf", "w") as f:
            f.write("".join(f"nameserver {a}\n" for a in addresses))

    def near_run(self, command, seconds=60, **more):
        """In the near namespace."""
        return subprocess.run(["ip", "netns", "exec", self.near, *command], capture_output=True, timeout=seconds, **more)


if __name__ == "__main__":
    far_side(sys.argv[1])
