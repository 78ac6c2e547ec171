#!/usr/bin/env python3
"""Every class of network failure (guest-agent.md 8.5), made for real in network namespaces, and the code that the agent gives it. Prints TAP.

usage: network_classes.py NET_PROBE BUILD_FOLDER"""
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from network_lab import NAME, PORTS, SECRET, SERVER, SERVER6, Lab, missing  # noqa: E402
from tap import ok, tap  # noqa: E402

PROBE = sys.argv[1]
why_not = missing()
if why_not:
    tap.skip_all("network failure classes", why_not)

# what is done · where · settings · code, number · words of the sentence
QUICK = {"net.timeout_connect": "2s", "net.timeout_tls": "2s", "net.timeout_first_byte": "3s", "net.timeout_total": "6s"}


def at(what, host=NAME):
    return f"https://{host}:{PORTS[what]}"


def via(what, **more):
    return {"net.proxy": f"http://{SERVER}:{PORTS[what]}", **more}


CASES = [
    ("a good server answers", at("good"), {}, None, None, []),
    ("over IPv6, too", at("good", f"[{SERVER6}]"), {}, None, None, []),
    ("a name that does not exist", "https://nowhere.test", {}, "DNS", 6401, ["nowhere.test", SERVER, "53"]),
    ("a resolver in trouble", "https://broken.test", {}, "DNS", 6401, ["broken.test"]),
    ("a dropped connection", at("dropped"), {}, "CONNECT_TIMEOUT", 6402, ["allow"]),
    ("a rejected connection", at("rejected"), {}, "CONNECT_REFUSED", 6404, ["refused"]),
    ("a prohibiting firewall", at("prohibited"), {}, "CONNECT_REFUSED", 6404, []),
    ("no route", "https://10.88.0.1", {}, "CONNECT_REFUSED", 6404, ["route"]),
    ("a port where nobody listens", f"https://{SERVER}:6666", {}, "CONNECT_REFUSED", 6404, []),
    ("a foreign CA", at("foreign"), {}, "TLS_UNTRUSTED", 6406, ["CN=Corporate Inspection CA", "net.ca_file"]),
    ("an inspecting proxy", at("good"), via("proxy-inspect"), "TLS_UNTRUSTED", 6406, ["CN=Corporate Inspection CA", "inspect"]),
    ("an expired certificate", at("expired"), {}, "TLS_TIME", 6408, ["expired since", "this machine's clock says", "Date agrees"]),
    ("a certificate of the future", at("early"), {}, "TLS_TIME", 6408, ["not valid before", "this machine's clock says"]),
    ("a certificate for another name", at("wrong-name"), {}, "TLS_NAME", 6407, ["elsewhere.test", NAME]),
    ("TLS 1.0 only", at("old-tls"), {}, "TLS_PROTO", 6409, []),
    ("a reset after the ClientHello", at("reset"), {}, "TLS_PROTO", 6409, ["reset", "name"]),
    ("a ClientHello that is swallowed", at("swallow-hello"), {}, "TLS_PROTO", 6409, ["filters by name"]),
    ("large packets lost on the way down", at("small-mtu-down"), {}, "MTU", 6410, ["MTU"]),
    ("large packets lost on the way up", at("small-mtu-up"), {}, "MTU", 6410, ["MTU"]),
    ("a handshake that is never answered", at("silent"), {}, "TIMEOUT", 6411, []),
    ("a server that never answers", at("slow"), {}, "TIMEOUT", 6411, []),
    ("an answer that drips", at("drip"), {}, "TIMEOUT", 6411, []),
    ("a page instead of JSON", at("page"), {}, "PROXY_BLOCK", 6405, ["<html><title>Access[2J denied</title>", "allow-list"]),
    ("through a proxy", at("good"), via("proxy"), None, None, []),
    ("to an IPv6 address through a proxy", at("good", f"[{SERVER6}]"), via("proxy"), None, None, []),
    ("a proxy that wants credentials", at("good"), via("proxy-auth"), "PROXY_AUTH", 6403, ["net.proxy_credentials_file"]),
    ("a proxy that forbids", at("good"), via("proxy-403"), "PROXY_BLOCK", 6405, ["403", "allow-list"]),
    ("a proxy that cannot reach us", at("good"), via("proxy-502"), "PROXY_BLOCK", 6405, ["502"]),
    ("a proxy that is busy", at("good"), via("proxy-503"), "PROXY_BLOCK", 6405, ["503"]),
    ("a proxy that hangs up", at("good"), via("proxy-hangup"), "PROXY_BLOCK", 6405, []),
    ("a proxy with a log-in page for an answer", at("good"), via("proxy-page"), "TLS_PROTO", 6409, []),
    ("a proxy that says nothing", at("good"), via("proxy-silent"), "TIMEOUT", 6411, ["proxy"]),
    ("a proxy behind a firewall", at("good"), via("dropped"), "CONNECT_TIMEOUT", 6402, [f"proxy http://{SERVER}"]),
    ("a proxy that is down", at("good"), via("rejected"), "CONNECT_REFUSED", 6404, [f"proxy http://{SERVER}"]),
    ("a proxy whose name does not resolve", at("good"), {"net.proxy": "http://nowhere.test:1"}, "DNS", 6401, ["proxy's name nowhere.test"]),
    ("an exception by suffix", at("good"), via("proxy-403", **{"net.no_proxy": ".test"}), None, None, []),
    ("an exception by block", at("good", SERVER), via("proxy-403", **{"net.no_proxy": "10.77.0.0/16"}), None, None, []),
    ("an exception for everything", at("good"), via("proxy-403", **{"net.no_proxy": "*"}), None, None, []),
    ("an answer that is too large", at("huge"), {}, "BAD_ANSWER", None, ["larger"]),
    ("an error full of control characters", at("hostile"), {}, "SERVER_TROUBLE", None, []),
]

with tempfile.TemporaryDirectory() as folder, Lab(folder) as lab:

    def probe(endpoint, settings, body="60000", environment=None):
        pairs = {"attest.endpoint": endpoint, "net.ca_file": f"{folder}/ca.pem", **QUICK, **settings}
        run = lab.near_run([PROBE, body, *(f"{k}={v}" for k, v in pairs.items())], env={**os.environ, **(environment or {})})
        try:
            return json.loads(run.stdout), run.stdout.decode() + run.stderr.decode()
        except ValueError:
            return {"code": "no answer of the probe"}, run.stdout.decode() + run.stderr.decode()

    for what, endpoint, settings, code, number, words in CASES:
        got, text = probe(endpoint, settings)
        if code is None:
            ok(f"{what}", got is None, text)
        else:
            fits = got is not None and got.get("code") == code and got.get("number") == number and all(w in got["message"] for w in words)
            ok(f"{what}: {code}" + (f" {number}" if number else ""), fits, text)
        if got and any(ord(c) < 0x20 or c in "\x7f\u202e" for c in got.get("message", "")):
            ok(f"{what}: its sentence is safe to show", False, repr(got))

    lab.resolve_at("10.77.0.53")
    got, text = probe(at("good"), {})
    ok("a resolver that never answers: DNS 6401", got and got["code"] == "DNS" and got["number"] == 6401 and "10.77.0.53" in got["message"], text)
    lab.resolve_at(SERVER)

    secret = f"{folder}/credentials"
    with open(secret, "w") as f:
        f.write(SECRET + "\n")
    os.chmod(secret, 0o600)
    got, text = probe(at("good"), via("proxy-auth", **{"net.proxy_credentials_file": secret}))
    ok("credentials from the protected file open the proxy", got is None, text)
    os.chmod(secret, 0o644)
    got, text = probe(at("good"), via("proxy-auth", **{"net.proxy_credentials_file": secret}))
    ok("a file that others may read is refused", got and got["code"] == "PROXY_AUTH" and "chmod 0600" in got["message"], text)
    got, text = probe(at("good"), {"net.proxy": f"http://{SECRET}@{SERVER}:{PORTS['proxy-auth']}"})
    ok("credentials in the address are refused and not repeated", got and "credentials" in got["message"] and "s3cret" not in text, text)
    got, text = probe(at("good"), {}, environment={"https_proxy": f"http://{SERVER}:{PORTS['proxy-403']}"})
    ok("the environment's proxy is used", got and got["code"] == "PROXY_BLOCK", text)
    got, text = probe(at("good"), via("proxy"), environment={"https_proxy": f"http://{SERVER}:{PORTS['proxy-403']}"})
    ok("the configured one wins", got is None, text)
    got, text = probe(at("good"), {}, environment={"https_proxy": f"http://{SERVER}:{PORTS['proxy-403']}", "no_proxy": NAME})
    ok("the environment's exceptions hold", got is None, text)
    with open(f"{folder}/proxy.log") as f:
        ok("the proxy saw the name, not the address", f"CONNECT {NAME}:443" in f.read())
    got, text = probe(at("good"), {"net.pins": "0" * 64})
    ok("a key that is not pinned: TLS_UNTRUSTED 6406", got and got["number"] == 6406 and "net.pins" in got["message"], text)

    # ---- what `trueboot-agent diagnose` makes of it

    def diagnose(endpoint, settings):
        start = time.monotonic()
        pairs = {"net.ca_file": f"{folder}/ca.pem", "state.dir": f"{folder}/state", "run.dir": f"{folder}/run", **settings}
        run = lab.near_run([f"{sys.argv[2]}/src/agent/trueboot-agent", "diagnose", "--json", "--fw-cfg", "", "--tcti", "swtpm:path=/nonexistent",
                            "--endpoint", endpoint, *(f"--set={k}={v}" for k, v in pairs.items())], 120)
        try:
            return json.loads(run.stdout), time.monotonic() - start, run.returncode
        except ValueError:
            return {"checks": [], "cause": run.stdout.decode() + run.stderr.decode()}, time.monotonic() - start, run.returncode

    # what is done · where · settings · the check that fails · class · words of its fixes
    for what, endpoint, settings, check, name, number, fix in [
        ("a dropped port", at("dropped"), {}, "NET.03", "connect_timeout", 6402, [f"nft insert rule inet filter output ip6 daddr {SERVER6} tcp dport 5001 accept",
                                                                                   "az network nsg rule create", "firewall-cmd"]),
        ("a rejected port", at("rejected", SERVER), {}, "NET.03", "connect_refused", 6404, [f"ip daddr {SERVER} tcp dport 5002 accept"]),
        ("a name that does not exist", "https://nowhere.test", {}, "NET.01", "dns", 6401, ["dport 53 accept"]),
        ("no route", "https://10.88.0.1", {}, "NET.02", "connect_refused", 6404, []),
        ("a foreign CA", at("foreign"), {}, "TLS.01", "tls_untrusted", 6406, ["ssl_bump splice", "net.ca_file"]),
        ("an expired certificate", at("expired"), {}, "TLS.01", "tls_time", 6408, ["timedatectl"]),
        ("a wrong name", at("wrong-name"), {}, "TLS.01", "tls_name", 6407, []),
        ("TLS 1.0 only", at("old-tls"), {}, "TLS.01", "tls_proto", 6409, []),
        ("large packets lost on the way down", at("small-mtu-down"), {}, "TLS.02", "mtu", 6410, ["mtu 1400"]),
        ("large packets lost on the way up", at("small-mtu-up"), {}, "TLS.02", "mtu", 6410, ["mtu 1400"]),
        ("a server that never answers", at("slow"), {}, "HTTP.01", "timeout", 6411, []),
        ("large packets lost on the way up to the monitor only", at("good"), {"report.endpoint": at("small-mtu-up")}, "TLS.02", "mtu", 6410, ["mtu 1400"]),
        ("an answer that is too large", at("huge"), {}, "HTTP.01", "too_large", None, ["dstdomain"]),
        ("a page instead of JSON", at("page"), {}, "HTTP.01", "proxy_block", 6405, [f"acl attestation dstdomain {NAME}"]),
        ("a proxy that wants credentials", at("good"), via("proxy-auth"), "PXY.02", "proxy_auth", 6403, ["net.proxy_credentials_file"]),
        ("a proxy that forbids", at("good"), via("proxy-403"), "PXY.02", "proxy_block", 6405, ["http_access allow CONNECT"]),
        ("an inspecting proxy", at("good"), via("proxy-inspect"), "TLS.01", "tls_untrusted", 6406, ["ssl_bump splice"]),
    ]:
        got, seconds, code = diagnose(endpoint, settings)
        found = [c for c in got["checks"] if c["id"] == check and c["result"] == "FAIL"]
        fits = bool(found) and found[0].get("class") == name and found[0].get("number") == number and "remedy" in found[0]
        fits = fits and all(any(f in line for line in found[0].get("fixes", [])) for f in fix) and seconds < 90 and code == 2
        ok(f"diagnose: {what}: {check} {name} {number}", fits, json.dumps(found or [c for c in got["checks"] if c["group"] == "Network"], indent=1) + got["cause"])

    got, seconds, code = diagnose(at("good"), {})
    network = {c["id"]: c["result"] for c in got["checks"] if c["group"] == "Network"}
    ok("diagnose: a good way passes up to the server", all(network.get(i) == "PASS" for i in ("PXY.01", "NET.01", "NET.02", "NET.03", "TLS.01", "CLK.01", "TLS.02")),
       json.dumps(network))
    lab.near_run(["nft", "-f", "-"], input=b"table inet own { chain out { type filter hook output priority 0; tcp dport 443 drop; }; }\n")
    got, seconds, code = diagnose(at("good"), {})
    rule = [c for c in got["checks"] if c["id"] == "NET.04"]
    ok("diagnose: a rule of this machine that drops is quoted", bool(rule) and rule[0]["result"] == "WARN" and "tcp dport 443 drop" in rule[0]["measured"], json.dumps(rule))
    ok("diagnose: nothing was made", not os.path.exists(f"{folder}/state"))

sys.exit(tap.done())
