#!/usr/bin/env python3
"""Attack suite 4.4 against a real truebootd: what needs sockets, processes, files and other people's servers. Prints TAP, one test a row.

usage: service.py BUILD_FOLDER"""
import base64
import datetime
import http.server
import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings

warnings.simplefilter("ignore")  # newer versions of cryptography want other names, which Debian 12's does not have
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from serving import Server, free_port  # noqa: E402
from tap import tap  # noqa: E402

try:
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError:
    tap.skip_all("S8_the_rows_about_a_running_service", "python3-cryptography is not installed")

BUILD = sys.argv[1]
API = "?api-version=2022-08-01"
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def row(name, problems):
    """A row of the suite: passed when there is nothing to say."""
    if problems:  # before its line, as the tests in C do: tools/attack_suite shows it with its row
        tap.note("\n".join(map(str, problems)))
    tap.check(not problems, name)


# ---- S5: killed at any instant ------------------------------------------------------------------------------------------------------


def vm_names(server):
    names, page = set(), "/v1/vms"
    while page:
        listed = server.local("GET", page).json()
        names |= {vm["name"] for vm in listed["value"]}
        page = listed["next"] and "/v1/vms?after=" + listed["next"]
    return names


def check_kills(folder):
    """Writers that note what was acknowledged; the server is killed while they write. Whatever was acknowledged is there, nothing is there twice or in half,
    and what was deleted stays deleted."""
    problems, known, gone, number = [], set(), set(), [0]
    server = Server(BUILD, folder, "--set", "limits.requests_per_second=0")
    for round_ in range(6):
        if not server.start():
            problems.append(f"no start after kill {round_}: {server.logged()[-400:]}")
            break
        listed = vm_names(server)
        if not known <= listed or gone & listed:
            problems.append(f"round {round_}: lost {known - listed}, came back {gone & listed}")
        stop = []

        def write(who):
            while not stop:
                number[0] += 1
                name = f"vm-{who}-{number[0]}"
                uuid = f"{who:08x}-0000-4000-8000-{number[0]:012x}"
                try:
                    if server.local("POST", "/v1/vms", {"name": name, "uuid": uuid}).status != 201:
                        continue
                    if number[0] % 3 == 0:
                        doubtful.add(name)
                        if server.local("DELETE", f"/v1/vms/{name}").status == 204:
                            gone.add(name)
                    else:
                        known.add(name)
                except (OSError, ValueError):
                    return

        doubtful = set()
        threads = [threading.Thread(target=write, args=(who,)) for who in range(3)]
        for t in threads:
            t.start()
        time.sleep(0.15 + 0.17 * round_)
        server.end(signal.SIGKILL)
        stop.append(True)
        for t in threads:
            t.join()
    code, out, err = server.command("audit", "verify", "--data", server.data, "-o", "json")
    if code:
        problems.append(f"audit log: {out}{err}")
    if len(known) < 10 or not gone:
        problems.append(f"too little was written to show anything: {len(known)}, {len(gone)}")
    row("S5_killed_at_any_instant_the_server_starts_again_and_keeps_what_it_acknowledged", problems)


# ---- S8: files, secrets, resets ------------------------------------------------------------------------------------------------------


def check_files(server, secrets):
    problems = []
    for folder, _, files in os.walk(server.data):
        for name in files:
            path = os.path.join(folder, name)
            mode = stat.S_IMODE(os.stat(path).st_mode)
            inside = os.path.relpath(folder, server.data) == "keys"  # a folder that nobody else may enter
            secret = not name.endswith(".sock") and b"PRIVATE KEY" in open(path, "rb").read()
            readers = 0o007 if name == "truebootd.sock" or folder.endswith("/audit") else 0o077  # the group trueboot: operators
            if secret and mode != 0o600 or not inside and name != "ca.pem" and mode & readers or mode & 0o002:
                problems.append(f"{path} has mode {mode:o}")
    keys = os.path.join(server.data, "keys")
    if stat.S_IMODE(os.stat(keys).st_mode) != 0o700:
        problems.append("keys/ is open to others")
    private = [open(os.path.join(keys, f), "rb").read() for f in os.listdir(keys)]
    lines = {line for text in private if b"PRIVATE KEY" in text for line in text.split(b"\n") if len(line) > 40}
    said = server.logged().encode()
    for folder, _, files in os.walk(os.path.join(server.data, "audit")):
        for name in files:
            said += open(os.path.join(folder, name), "rb").read()
    for secret in [s.encode() for s in secrets] + sorted(lines):
        if secret in said:
            problems.append(f"a secret stands in a log: {secret[:12]}…")
    database = b"".join(open(os.path.join(server.data, f), "rb").read() for f in os.listdir(server.data) if f.startswith("trueboot.db"))
    problems += [f"an API token stands in the database: {s[:12]}…" for s in secrets if s.encode() in database]
    row("S8_files_are_for_their_owner_alone_and_no_log_holds_a_secret", problems)


def check_no_fixed_names(folder):
    """Everything that is opened below a temporary folder under a name that others can foresee is a link that they can put there first."""
    if not shutil.which("strace"):
        source = subprocess.run(["grep", "-rnE", r"\"/(tmp|var/tmp|dev/shm)/", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src")],
                                capture_output=True, text=True).stdout
        row("S8_no_program_uses_a_temporary_file_of_a_fixed_name", source.splitlines())
        return
    trace = folder + "/trace"
    server = Server(BUILD, folder + "/traced")
    os.mkdir(folder + "/traced")
    run = subprocess.Popen(["strace", "-f", "-e", "trace=openat,open,creat,mkdir,mkdirat", "-o", trace, f"{BUILD}/src/truebootd/truebootd", "--data", server.data,
                            "--listen", f"127.0.0.1:{server.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        if os.path.exists(f"{server.data}/truebootd.sock"):
            break
        time.sleep(0.1)
    run.send_signal(signal.SIGTERM)
    subprocess.run(["kill", "-TERM", *[p for p in open(trace).read().split("\n", 1)[0].split()[:1]]], stderr=subprocess.DEVNULL)
    run.wait(30)
    opened = re.findall(r'"(/(?:tmp|var/tmp|dev/shm)/[^"]*)"', open(trace).read())
    row("S8_no_program_uses_a_temporary_file_of_a_fixed_name", sorted({p for p in opened if not p.startswith((folder, os.path.abspath(BUILD)))}))


def check_resets(server):
    """Whatever takes something back wants a credential, over TLS and with that of a reader."""
    reader = server.token("reader")
    calls = [("DELETE", "/v1/vms/web1"), ("POST", "/v1/vms/web1/identity:release"), ("POST", "/v1/vms/web1/baseline:approve"),
             ("POST", f"/policies/Tpm:reset{API}"), ("POST", "/v1/keys:rotate"), ("POST", "/v1/keys:revoke"), ("DELETE", "/v1/roots/ek/" + "0" * 64),
             ("DELETE", "/v1/providers/x"), ("POST", "/v1/providers/x:undelete")]
    problems = []
    for method, path in calls:
        for token in (None, reader, "tbt_forged", ""):
            answer = server.ask(method, path, {} if method == "POST" else None, token)
            if answer.status not in (401, 403):
                problems.append(f"{method} {path} as {'nobody' if not token else token[:8]}: {answer.status}")
    row("S8_nothing_is_taken_back_without_a_credential_for_it", problems)


# ---- S13: certificates that end --------------------------------------------------------------------------------------------------------


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(folder, end, names=("localhost",), authority=None):
    """A certificate and its key, self-signed or by `authority` (another result of this function): two files."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, signer = (name_of("test"), key) if not authority else (authority["subject"], authority["key"])
    subject = name_of("test") if not authority else name_of("localhost")
    alt = [x509.DNSName(n) for n in names] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    cert = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 90 * DAY).not_valid_after(end).add_extension(x509.BasicConstraints(authority is None, None), True)
            .add_extension(x509.SubjectAlternativeName(alt), False).sign(signer, hashes.SHA256()))
    made = {"subject": subject, "key": key, "cert": f"{folder}/cert-{cert.serial_number}.pem", "key_file": f"{folder}/key-{cert.serial_number}.pem"}
    with open(made["cert"], "wb") as file:
        file.write(cert.public_bytes(serialization.Encoding.PEM))
    with open(os.open(made["key_file"], os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return made


def start_by_socket(server):
    """The list of keys once it runs: its TLS certificate is one that nobody here trusts."""
    server.log = open(server.log_file, "ab")
    server.process = subprocess.Popen([f"{BUILD}/src/truebootd/truebootd", "--data", server.data, "--listen", f"127.0.0.1:{server.port}"] + server.options,
                                      stdout=server.log, stderr=server.log)
    for _ in range(300):
        try:
            return server.local("GET", "/v1/keys").json()
        except OSError:
            if server.process.poll() is not None:
                return None
            time.sleep(0.1)
    return None


def check_expiry(folder):
    problems = []
    for days, alarm in ((200, False), (29, True), (6, True), (0.5, True)):
        made = certificate(folder, NOW + days * DAY)
        place = f"{folder}/expiry-{days}"
        os.mkdir(place)
        server = Server(BUILD, place, "--set", f"tls.certificate={made['cert']}", "--set", f"tls.key={made['key_file']}")
        keys = start_by_socket(server)
        if not keys:
            problems.append(f"{days} days: no start: {server.logged()[-300:]}")
            continue
        shown = [c["daysLeft"] for c in keys["certificates"] if c["name"] == "tls"]
        if shown not in ([int(days)], [int(days) - 1]):
            problems.append(f"{days} days: shown as {shown}")
        metric = server.metrics().get('trueboot_certificate_days_left{certificate="tls"}', -1)
        if not days - 2 < metric <= days:
            problems.append(f"{days} days: the metric is {metric}")
        for _ in range(50):
            if not alarm or "a certificate ends soon" in server.logged():
                break
            time.sleep(0.1)
        said = [line for line in server.logged().splitlines() if "a certificate ends soon" in line]
        if alarm != bool(said) or (alarm and "certificate=\"tls\"" not in said[-1]):
            problems.append(f"{days} days: alarms {said}")
        server.end()
    row("S13_the_end_of_every_certificate_is_shown_and_warned_of_thirty_seven_and_one_days_before", problems)


# ---- S16: what the server asks of others ------------------------------------------------------------------------------------------------


class Issuer:
    """An OpenID Connect issuer that would like the server to look elsewhere."""

    def __init__(self, made):
        self.port, self.asked, self.trap = free_port(), [], []
        self.behave = None
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                issuer.asked.append(self.path)
                try:
                    issuer.behave(self)
                except OSError:
                    pass

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made["cert"], made["key_file"])
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def document(self, handler, keys):
        self.answer(handler, 200, json.dumps({"issuer": self.url, "jwks_uri": keys}).encode())

    @staticmethod
    def answer(handler, status, body=b"", **headers):
        handler.send_response(status)
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class Inside:
    """Something that only this machine can reach, and that notes who came."""

    def __init__(self):
        self.port, self.came = free_port(), []
        inside = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                inside.came.append(self.path)
                Issuer.answer(self, 200, b'{"keys":[]}')

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def check_fetching(folder):
    made = certificate(folder, NOW + 30 * DAY)
    issuer, inside, problems = Issuer(made), Inside(), []
    well_known = "/.well-known/openid-configuration"
    plain = f"http://127.0.0.1:{inside.port}/secret"

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        for _ in range(4096):
            handler.wfile.write(b'{"keys":[' + b" " * 65536)

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        for _ in range(600):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.2)

    behaviours = {
        "redirects to an address inside": lambda h: issuer.answer(h, 302, Location=plain),
        "redirects for good": lambda h: issuer.answer(h, 308, Location=plain),
        "redirects to a file": lambda h: issuer.answer(h, 301, Location="file:///etc/passwd"),
        "names keys over http": lambda h: issuer.document(h, plain),
        "names keys in a file": lambda h: issuer.document(h, "file:///etc/passwd"),
        "names keys of another protocol": lambda h: issuer.document(h, f"gopher://127.0.0.1:{inside.port}/_GET%20/secret"),
        "names keys without a host": lambda h: issuer.document(h, "https:///secret"),
        "names keys behind another user's name": lambda h: issuer.document(h, f"https://localhost@127.0.0.1:{inside.port}/secret"),
        "names link-local keys": lambda h: issuer.document(h, "https://169.254.169.254/latest/meta-data"),
        "names link-local keys in IPv6": lambda h: issuer.document(h, "https://[fe80::1]/latest"),
        "names link-local keys in IPv6 for IPv4": lambda h: issuer.document(h, "https://[::ffff:169.254.169.254]/latest"),
        "names keys that redirect": lambda h: issuer.document(h, issuer.url + "/keys") if h.path == well_known else issuer.answer(h, 302, Location=plain),
        "has keys without end": lambda h: issuer.document(h, issuer.url + "/keys") if h.path == well_known else endless(h),
        "sends its document byte by byte": drip,
        "asks for another name and password": lambda h: issuer.answer(h, 401, WWW_Authenticate='Basic realm="x"'),
        "is no JSON": lambda h: issuer.answer(h, 200, b"<html>" + b"(" * 100000),
        "is JSON too deep": lambda h: issuer.answer(h, 200, b"[" * 100000),
    }
    place = folder + "/fetching"
    os.mkdir(place)
    server = Server(BUILD, place, "--set", f"oidc.issuer={issuer.url}", "--set", "oidc.audience=a", "--set", f"oidc.ca_file={made['cert']}", "--set",
                    "oidc.timeout=2s", "--set", "oidc.floor=1s")
    issuer.behave = behaviours["is no JSON"]
    if not server.start():
        row("S16_whoever_is_asked_for_keys_leads_the_server_nowhere_else", [server.logged()[-600:]])
        return
    before = server.metrics()["process_resident_memory_bytes"]
    for what, behave in behaviours.items():  # the server asks anew for every key that it does not know, once a second
        issuer.behave = behave
        asked = len(issuer.asked)
        began = time.monotonic()
        deadline = began + 20
        while time.monotonic() < deadline and len(issuer.asked) == asked:
            answer = server.ask("GET", "/v1/vms", None, unknown_key(issuer))
            if answer.status not in (401, 503):
                problems.append(f"{what}: {answer.status}")
            if time.monotonic() - began > 18:
                problems.append(f"{what}: the issuer is not asked any more")
            time.sleep(0.3)
        began = time.monotonic()
        if server.ask("GET", "/servicehealth").status != 204 or time.monotonic() - began > 3:
            problems.append(f"{what}: the server does not answer others meanwhile")
        if inside.came:
            problems.append(f"{what}: somebody came in: {inside.came}")
            inside.came.clear()
    time.sleep(2.5)
    grown = server.metrics()["process_resident_memory_bytes"] - before
    if grown > 32 * 1024 * 1024:
        problems.append(f"memory grew by {grown / 1e6:.0f} MB")
    if not any("link-local" in line for line in server.logged().splitlines()):
        problems.append(f"link-local addresses are not what was refused: {server.logged()[-1500:]}")
    if "root:" in server.logged():
        problems.append("a file's content in the log")
    server.end()
    row("S16_whoever_is_asked_for_keys_leads_the_server_nowhere_else", problems)


def unknown_key(issuer):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    now = int(time.time())
    return (part({"alg": "RS256", "kid": f"kid-{time.monotonic_ns()}"}) + "." + part({"iss": issuer.url, "aud": "a", "sub": "s", "exp": now + 600, "iat": now}) +
            "." + "A" * 342)


# ---- S18: text of strangers in pages, tables and documents -----------------------------------------------------------------------------------


HOSTILE = "<script>alert(1)</script>"


def raw(server, request):
    context = ssl.create_default_context(cafile=f"{server.data}/ca.pem")
    with context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=10), server_hostname="localhost") as s:
        s.sendall(request)
        s.settimeout(5)
        answer = b""
        try:
            while chunk := s.recv(65536):
                answer += chunk
        except OSError:
            pass
        return answer


def check_pages(server):
    problems = []
    owner = server.token("owner")
    requests = [f"GET /{HOSTILE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", f"GET /v1/vms/{HOSTILE} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {owner}\r\nConnection: close\r\n\r\n", f"GET / HTTP/1.1\r\nHost: {HOSTILE}\r\nConnection: close\r\n\r\n",
                f"{HOSTILE} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", f"POST /attest/{HOSTILE}{API} HTTP/1.1\r\nHost: x\r\n"
                "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                f"POST /attest/Tpm?api-version={HOSTILE} HTTP/1.1\r\nHost: x\r\nContent-Type: {HOSTILE}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n" + "{}",
                f"GET /certs HTTP/9.9 {HOSTILE}\r\n\r\n", f"GET /servicehealth HTTP/1.1\r\n{HOSTILE}\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                f"GET /metrics?x={HOSTILE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                f"POST /v1/vms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {HOSTILE}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                "Connection: close\r\n\r\n{}"]
    for request in requests:
        answer = raw(server, request.encode())
        head, _, body = answer.partition(b"\r\n\r\n")
        what = request.split("\r\n")[0][:60]
        if not answer:
            continue  # closed without a word
        if b"content-type: text/html" in head.lower() and b"<script" in body:
            problems.append(f"{what}: {answer[:400]}")
        if b"application/json" in head.lower() or b"text/plain" in head.lower():
            for header in (b"x-content-type-options: nosniff", b"content-security-policy: default-src 'none'; frame-ancestors 'none'"):
                if header not in head.lower():
                    problems.append(f"{what}: no {header.decode()}")
        if b"unsafe-inline" in head:
            problems.append(f"{what}: unsafe-inline")
    row("S18_no_page_of_the_server_repeats_a_strangers_words_as_markup_or_may_be_framed", problems)


def check_forms(server):
    """A form of another page can send these content types without asking; a browser adds no credentials of ours, and none of them is taken for JSON."""
    problems = []
    owner = server.token("owner")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = server.ask("POST", "/v1/vms", b'{"name":"csrf","uuid":"11111111-2222-4333-8444-00000000c5f0"}', owner, {"Content-Type": kind, "Origin": "https://evil.example"})
        if answer.status < 400:
            problems.append(f"{kind or 'no content type'}: {answer.status}")
        if answer.headers.get("Access-Control-Allow-Origin"):
            problems.append(f"{kind}: another origin is let in")
    answer = server.ask("OPTIONS", "/v1/vms", None, None, {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    if answer.headers.get("Access-Control-Allow-Origin"):
        problems.append("another origin is let in when it asks first")
    if "csrf" in vm_names(server):
        problems.append("the VM is there")
    row("S18_a_page_of_somebody_else_can_change_nothing", problems)


def check_tables(server):
    """What the command line prints for people and for programs."""
    problems = []
    words = ["<b>x</b>", "a\x1b[2Jb", "a\u202eb", "a\u009bb", "=cmd|' /C calc'!A0", "a\tb", "line\nline", "yaml: [", "- x", "{{7*7}}", "%s%n", "'; rm -rf /"]
    for i, word in enumerate(words):
        server.local("POST", "/v1/tokens", {"name": word, "role": "reader"})
        answer = server.local("POST", "/v1/vms", {"name": word, "uuid": f"11111111-2222-4333-8444-{i:012d}"})
        if answer.status < 400:
            problems.append(f"a VM named {word!r}: {answer.status}")
    for arguments in (["token", "list"], ["status"], ["vm", "list"], ["audit", "show", "--data", server.data]):
        for form in ("table", "json", "yaml"):
            code, out, err = server.command(*arguments, "-o", form)
            said = out + err
            bad = [c for c in said if (ord(c) < 32 and c != "\n") or 0x7f <= ord(c) < 0xa0 or 0x202a <= ord(c) <= 0x202e]
            if code > 11 or bad:
                problems.append(f"{arguments} -o {form}: exit {code}, {bad}: {said[:200]!r}")
            if form == "json" and code == 0:
                json.loads(out)
            if form == "yaml" and code == 0:
                try:
                    import yaml
                    yaml.safe_load(out)
                except ImportError:
                    pass
                except yaml.YAMLError as e:
                    problems.append(f"{arguments}: {e}")
    row("S18_tables_and_documents_of_the_command_line_show_a_strangers_words_as_words", problems)


def main():
    folder = tempfile.mkdtemp(prefix="trueboot-attack-")
    servers = []
    try:
        for name in ("kills", "common"):
            os.mkdir(f"{folder}/{name}")
        check_kills(f"{folder}/kills")
        server = Server(BUILD, f"{folder}/common", "--set", "limits.requests_per_second=0")
        servers.append(server)
        if not server.start():
            row("S8_the_server_starts", [server.logged()])
            return tap.done()
        secrets = [server.token("owner"), server.token("reader")]
        for token in secrets:
            server.ask("GET", "/v1/vms", None, token)
            server.ask("GET", "/v1/vms", None, token + "x")
        check_resets(server)
        check_pages(server)
        check_forms(server)
        check_tables(server)
        check_files(server, secrets)
        server.end()
        check_no_fixed_names(folder)
        check_expiry(folder)
        check_fetching(folder)
    finally:
        for server in servers:
            if server.process and server.process.poll() is None:
                server.end(signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    for name, why in (("S16_a_webhook_leads_the_server_nowhere_it_should_not_go", "not applicable: there are no webhooks"),
                      ("S18_the_portals_pages_run_no_strangers_script", "not applicable: there is no portal")):
        tap.skip(name, why)
    return tap.done()


sys.exit(main())
