#!/usr/bin/env python3
"""What clients of the cloud's attestation service put on the wire, and what they expect back: a table of requests to a running truebootd
over TLS, each row a sentence of attestation-service.md 2, 3.4, 3.5, 4, 5, 12 or control-plane.md 1.1; then operations that survive kill -9.
Prints TAP.

usage: wire_table.py BUILD_FOLDER"""
import base64
import hashlib
import http.client
import json
import os
import signal
import ssl
import sys
import threading
import time

from tap import ok, tap
from wire_rig import API, GROUP, JSON, PLAIN, RESET, TEXT, Local, ask, b64u, claims, end_server, error_of, folder, jws, owner, port, start, tls, unb64u

if not start():
    print("1..1\nnot ok 1 - the server starts")
    print(open(folder + "/log").read())
    sys.exit(1)

made = json.loads(owner("POST", "/v1/tokens", {"name": "wire", "role": "contributor"})[2])["token"]
reader = json.loads(owner("POST", "/v1/tokens", {"name": "wire reader", "role": "reader"})[2])["token"]
AUTH = {"Authorization": f"Bearer {made}"}
owner("PUT", f"{GROUP}/wire?api-version=2021-06-01", {"location": "East US", "properties": {"tpmAttestationAuthentication": "Disabled"}})
P = "/providers/wire"

JWS = jws()
INIT = b64u(b'{"payload":{"type":"aikcert"}}')
INIT_PADDED = base64.urlsafe_b64encode(b'{"payload":{"type":"aikcert"}}').decode()

# ---- 2.3: bodies of every client. what, method, path, body, headers, status, error code
bodies = [
    ("JS: a policy as text/plain", "PUT", f"{P}/policies/Tpm{API}", JWS, PLAIN, 200, None),
    ("C++: a policy as application/json with the bare JWS", "PUT", f"{P}/policies/Tpm{API}", JWS, JSON, 200, None),
    ("a policy in quotes, as a JSON string", "PUT", f"{P}/policies/Tpm{API}", f'"{JWS}"', JSON, 200, None),
    ("a policy in quotes under text/plain", "PUT", f"{P}/policies/Tpm{API}", f'"{JWS}"', PLAIN, 200, None),
    ("a policy with white space around it", "PUT", f"{P}/policies/Tpm{API}", f"\r\n  {JWS}\n", PLAIN, 200, None),
    ("a policy of a type that nobody registered", "PUT", f"{P}/policies/Tpm{API}", JWS, {"Content-Type": "application/octet-stream"}, 200, None),
    ("a policy without a content type", "PUT", f"{P}/policies/Tpm{API}", JWS, {}, 200, None),
    ("a reset as text/plain", "POST", f"{P}/policies/Tpm:reset{API}", RESET, PLAIN, 200, None),
    ("a reset in quotes", "POST", f"{P}/policies/Tpm:reset{API}", f'"{RESET}"', JSON, 200, None),
    ("a reset whose payload is {}", "POST", f"{P}/policies/Tpm:reset{API}", jws({}), PLAIN, 200, None),
    ("a reset with the colon percent-encoded", "POST", f"{P}/policies/Tpm%3Areset{API}", RESET, PLAIN, 200, None),
    ("a reset with the colon percent-encoded in small letters", "POST", f"{P}/policies/Tpm%3areset{API}", RESET, PLAIN, 200, None),
    ("certificates:add of an AAD provider", "POST", f"{P}/certificates:add{API}", f'"{JWS}"', JSON, 400, "InvalidOperation"),
    ("certificates%3Aadd is the same call", "POST", f"{P}/certificates%3Aadd{API}", f'"{JWS}"', JSON, 400, "InvalidOperation"),
    ("certificates:remove of an AAD provider", "POST", f"{P}/certificates:remove{API}", JWS, JSON, 400, "InvalidOperation"),
    ("a policy of the oldest preview as raw text", "PUT", f"{P}/policies/Tpm?api-version=2018-09-01-preview", jws({"AttestationPolicy": TEXT}), PLAIN, 200, None),
    ("raw text is no base64url for newer versions", "PUT", f"{P}/policies/Tpm{API}", jws({"AttestationPolicy": TEXT}), PLAIN, 400, "InvalidOperation"),
    ("a JWS without periods", "PUT", f"{P}/policies/Tpm{API}", "abc", PLAIN, 400, "InvalidOperation"),
    ("a policy that does not parse", "PUT", f"{P}/policies/Tpm{API}", jws({"AttestationPolicy": b64u(b"version=1.0 x")}), PLAIN, 400, "PolicyParsingError"),
    ("a policy beyond the limit", "PUT", f"{P}/policies/Tpm{API}", None, {**PLAIN, "Content-Length": str(1024 * 1024 + 1)}, 413, "PayloadTooLarge"),
    ("a policy of the shared provider", "PUT", f"/policies/Tpm{API}", JWS, PLAIN, 400, "InvalidOperation"),
    ("a header that must be understood", "PUT", f"{P}/policies/Tpm{API}", jws(header=b'{"alg":"none","crit":["x"]}'), PLAIN, 400, "InvalidOperation"),
    ("typ, kid and cty in the header are ignored", "PUT", f"{P}/policies/Tpm{API}", jws(header=b'{"alg":"none","typ":"JWT","kid":"1","cty":"x"}'), PLAIN, 200, None),
    ("attest: an init", "POST", f"{P}/attest/Tpm{API}", json.dumps({"data": INIT}), JSON, 200, None),
    ("attest: padded base64url", "POST", f"{P}/attest/Tpm{API}", json.dumps({"data": INIT_PADDED}), JSON, 200, None),
    ("attest: a member in another case", "POST", f"{P}/attest/Tpm{API}", json.dumps({"Data": INIT}), JSON, 200, None),
    ("attest: members that nobody knows", "POST", f"{P}/attest/Tpm{API}", json.dumps({"data": INIT, "more": 1}), JSON, 200, None),
    ("attest: a bare message", "POST", f"{P}/attest/Tpm{API}", json.dumps({"data": b64u(b'{"type":"aikcert"}')}), JSON, 200, None),
    ("attest: metadata beside the payload", "POST", f"{P}/attest/Tpm{API}",
     json.dumps({"data": b64u(b'{"metadata":{"os_ver":"10.0"},"payload":{"type":"aikcert"}}')}), JSON, 200, None),
    ("attest: charset in the content type", "POST", f"{P}/attest/Tpm{API}", json.dumps({"data": INIT}), {"Content-Type": "application/json; charset=utf-8"}, 200, None),
    ("attest: the older name of the type", "POST", f"{P}/attest/VSMEnclave{API}", json.dumps({"data": INIT}), JSON, 200, None),
    ("attest: the type in small letters", "POST", f"{P}/attest/tpm{API}", json.dumps({"data": INIT}), JSON, 200, None),
    ("attest: the path of the oldest preview", "POST", f"{P}/attest/Tee/Tpm?api-version=2018-09-01-preview", json.dumps({"data": INIT}), JSON, 200, None),
    ("attest: another type of init", "POST", f"{P}/attest/Tpm{API}", json.dumps({"data": b64u(b'{"payload":{"type":"x"}}')}), JSON, 400, "InvalidParameter"),
    ("attest: no data", "POST", f"{P}/attest/Tpm{API}", "{}", JSON, 400, "InvalidParameter"),
    ("attest: data that is no base64url", "POST", f"{P}/attest/Tpm{API}", '{"data":"(((("}', JSON, 400, "InvalidParameter"),
    ("attest: no JSON", "POST", f"{P}/attest/Tpm{API}", "{", JSON, 400, "InvalidParameter"),
    ("attest: enclaves", "POST", f"{P}/attest/SgxEnclave{API}", "{}", JSON, 400, "NotSupported"),
    ("attest: a type that nobody knows", "POST", f"{P}/attest/Nothing{API}", "{}", JSON, 404, "NotFound"),
    ("attest: AzureGuest by its capital member", "POST", f"{P}/attest/AzureGuest{API}", '{"AttestationInfo":"e30"}', JSON, 400, "InvalidParameter"),
    ("attest: AzureGuest by its small member", "POST", f"{P}/attest/AzureGuest{API}", '{"attestationInfo":"e30"}', JSON, 400, "InvalidParameter"),
    ("no api-version", "GET", f"{P}/policies/Tpm", None, {}, 400, "MissingApiVersionParameter"),
    ("an unknown api-version", "GET", f"{P}/policies/Tpm?api-version=2000-01-01", None, {}, 400, "UnsupportedApiVersion"),
    ("a provider that nobody has", "GET", "/providers/nobody/certs", None, {}, 404, "NotFound"),
    ("a path that nobody has", "GET", "/nothing", None, {}, 404, "NotFound"),
    ("SGX baselines", "GET", f"/tcbbaselines/azure{API}", None, {}, 404, "NotFound"),
    ("revoking", "POST", "/revoke", "", {}, 404, "NotFound"),
    ("the wrong method", "DELETE", f"{P}/policies/Tpm{API}", None, {}, 405, None),
]
owner("PUT", f"{P}/policies/Tpm{API}", None)
for what, method, path, body, headers, status, code in bodies:
    if "attest:" in what:
        tls("PUT", f"{P}/policies/Tpm{API}", JWS, {**PLAIN, **AUTH})
    got, answered, content = tls(method, path, body, {**headers, **AUTH})
    right = got == status and (code is None or error_of(content).get("code") == code)
    if status >= 400 and status != 405:
        right &= answered.get("x-ms-error-code") == error_of(content).get("code") and bool(error_of(content).get("message"))
    right &= "x-ms-request-id" in answered
    if status == 200:
        right &= answered["content-type"] == "application/json; charset=utf-8" and answered["cache-control"] == "no-store"
        right &= "access-control-allow-origin" not in answered
    ok(f"{what}: {status}{' ' + code if code else ''}", right, f"{got} {answered} {content[:300]!r}")

# ---- 2.5: the sentences that people search for
sentences = [
    ("A policy of a JWS without periods", "PUT", f"{P}/policies/Tpm{API}", "abc", "Malformed JWT: Could not find first period in the token."),
    ("Tpm without a policy", "POST", f"{P}/attest/Tpm{API}", json.dumps({"data": INIT}), "A VBS attestation policy has not been set on the attestation provider."),
    ("a character that is none", "PUT", f"{P}/policies/Tpm{API}", jws({"AttestationPolicy": "abc)"}), "Unknown base64 character: 41 (')')"),
    ("a missing semicolon", "PUT", f"{P}/policies/Tpm{API}", jws({"AttestationPolicy": b64u(b"version=1.0 [")}), "mismatched input '[' expecting ';'"),
]
tls("POST", f"{P}/policies/Tpm:reset{API}", RESET, {**PLAIN, **AUTH})
for what, method, path, body, sentence in sentences:
    got, _, content = tls(method, path, body, {**JSON, **AUTH})
    ok(f"{what} says: {sentence}", got == 400 and sentence in error_of(content).get("message", ""), content[:300])

# ---- 1.3, 2.5: who may call
roles = [
    ("policies are not for strangers", "GET", f"{P}/policies/Tpm{API}", {}, 401),
    ("nor for a token that nobody made", "GET", f"{P}/policies/Tpm{API}", {"Authorization": "Bearer tbt_nobody"}, 401),
    ("a reader reads", "GET", f"{P}/policies/Tpm{API}", {"Authorization": f"Bearer {reader}"}, 200),
    ("a reader who writes gets 401, not 403", "POST", f"{P}/policies/Tpm:reset{API}", {"Authorization": f"Bearer {reader}"}, 401),
    ("signers are not for strangers", "GET", f"{P}/certificates{API}", {}, 401),
    ("keys are for everybody", "GET", f"{P}/certs", {}, 200),
    ("keys, with an api-version that is ignored", "GET", f"{P}/certs?api-version=1", {}, 200),
    ("metadata is for everybody", "GET", f"{P}/.well-known/openid-configuration", {}, 200),
    ("a credential that comes along does not disturb", "GET", f"{P}/certs", {"Authorization": "Bearer x"}, 200),
    ("service health", "GET", "/servicehealth", {}, 204),
]
for what, method, path, headers, status in roles:
    got, answered, content = tls(method, path, RESET if method == "POST" else None, headers)
    ok(f"{what}: {status}", got == status and (status != 401 or (answered.get("www-authenticate", "").startswith("Bearer") and
       error_of(content).get("code") == "Unauthorized")) and (status != 204 or content == b""), f"{got} {content[:200]!r}")

# ---- 3.4, 3.5, 13.4: documents
got, answered, content = tls("GET", f"{P}/certs", headers={"accept": "application/jwk+json, application/json"})
keys = json.loads(content)["keys"]
ok("the key list is plain application/json, cacheable, and open to browsers",
   answered["content-type"].startswith("application/json") and "max-age=3600" in answered["cache-control"] and
   answered["access-control-allow-origin"] == "*")
ok("every key has x5c, kid, kty, and what other libraries want", all({"x5c", "kid", "kty", "use", "alg"} <= set(k) for k in keys) and len(keys) >= 2)
_, answered, content = tls("GET", f"{P}/.well-known/openid-configuration")
metadata = json.loads(content)
ok("the metadata names issuer and key list exactly", metadata["issuer"] == f"https://localhost:{port}{P}" and
   metadata["jwks_uri"] == metadata["issuer"] + "/certs" and metadata["revocation_endpoint"] == metadata["issuer"] + "/revoke" and
   answered["access-control-allow-origin"] == "*")
_, answered, _ = tls("GET", f"{P}/certs", headers={"x-ms-client-request-id": "7f3c", "x-ms-return-client-request-id": "true"})
ok("the client's request id comes back", answered.get("x-ms-client-request-id") == "7f3c")
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    ok(f"{version.name} is spoken", tls("GET", "/certs", version=version)[0] == 200)
got, answered, _ = tls("GET", "/certs", headers={"accept-encoding": "gzip, deflate"})
ok("a client that accepts gzip gets identity", got == 200 and "content-encoding" not in answered)
got, _, content = tls("GET", f"/policies/Tpm{API}", headers=AUTH, host="wire.eus.attest.example")
ok("a host name chooses its provider", got == 200 and claims(content)["iss"].endswith(P))

# ---- 4: what the tokens say
got, answered, content = tls("PUT", f"{P}/policies/Tpm{API}", f'"{JWS}"\n', {**JSON, **AUTH})
c = claims(content)
ok("the token hash is over the JWS without quotes and white space", c["x-ms-policy-token-hash"] == b64u(hashlib.sha256(JWS.encode()).digest()))
ok("management tokens live an hour and are back-dated", c["exp"] - c["iat"] == 3600 and c["iat"] - c["nbf"] == 300 and "jti" not in c)
ok("their members are ordered", list(c) == sorted(c) and "x-ms-policy-signer" not in c)
ok("setting a policy is an operation", "azure-asyncoperation" in answered)
ok("what was stored is what was sent", claims(tls("GET", f"{P}/policies/Tpm{API}", headers=AUTH)[2])["x-ms-policy"] == JWS)
c = claims(tls("POST", f"{P}/policies/Tpm:reset{API}", RESET, {**PLAIN, **AUTH})[2])
ok("a reset says Removed and nothing else", c["x-ms-policy-result"] == "Removed" and set(c) == {"exp", "iat", "iss", "nbf", "x-ms-policy-result"})
text = json.loads(unb64u(claims(tls("GET", f"{P}/policies/Tpm{API}", headers=AUTH)[2])["x-ms-policy"].split(".")[1]))["AttestationPolicy"]
ok("a Tpm policy can be read where none is set", b"version" in unb64u(text))
c = claims(tls("GET", f"{P}/certificates{API}", headers=AUTH)[2])
ok("an AAD provider has an empty list of signers", c["x-ms-policy-certificates"] == {"keys": []})

# ---- 12, control-plane.md 1.1: the management plane
rows = [
    ("list in a group", "GET", f"{GROUP}?api-version=2021-06-01", None, 200),
    ("ids compare in either case", "GET", f"{GROUP.replace('resourceGroups', 'resourcegroups').replace('g1', 'G1')}/WIRE?api-version=2021-06-01", None, 200),
    ("a group that is another's", "GET", f"{GROUP.replace('g1', 'g2')}/wire?api-version=2021-06-01", None, 404),
    ("replace", "PUT", f"{GROUP}/wire?api-version=2021-06-01", {"location": "East US", "properties": {}}, 200),
    ("update by PATCH", "PATCH", f"{GROUP}/wire?api-version=2021-06-01", {"tags": {"k": "v"}}, 200),
    ("property names in any case", "PATCH", f"{GROUP}/wire?api-version=2021-06-01", {"Properties": {"PublicNetworkAccess": "Enabled"}}, 200),
    ("a switch that is neither", "PATCH", f"{GROUP}/wire?api-version=2021-06-01", {"properties": {"publicNetworkAccess": "On"}}, 400),
    ("no api-version", "GET", f"{GROUP}/wire", None, 400),
    ("operations of the resource provider", "GET", "/providers/Microsoft.Attestation/operations?api-version=2021-06-01", None, 200),
    ("the shared ones", "GET", "/subscriptions/s1/providers/Microsoft.Attestation/defaultProviders?api-version=2021-06-01", None, 200),
    ("private links", "GET", f"{GROUP}/wire/privateEndpointConnections?api-version=2021-06-01", None, 200),
    ("private link resources", "GET", f"{GROUP}/wire/privateLinkResources?api-version=2021-06-01", None, 200),
    ("delete", "DELETE", f"{GROUP}/wire?api-version=2021-06-01", None, 200),
    ("delete again", "DELETE", f"{GROUP}/wire?api-version=2021-06-01", None, 204),
    ("bring back", "POST", f"{GROUP}/wire/undelete?api-version=2021-06-01", None, 202),
]
for what, method, path, body, status in rows:
    got, answered, content = owner(method, path, body)
    right = got == status and (status < 400 or bool(error_of(content).get("code")))
    if status == 202:
        right &= content == b"" and "location" in answered and "azure-asyncoperation" in answered and answered.get("retry-after") == "1"
        local = answered["azure-asyncoperation"].split(str(port), 1)[1]
        right &= json.loads(owner("GET", local)[2])["status"] == "Succeeded"
        right &= owner("GET", answered["location"].split(str(port), 1)[1])[0] == 200
    ok(f"management: {what}: {status}", right, f"{got} {answered} {content[:200]!r}")
got, _, content = tls("GET", f"{P}/certs")
ok("what was brought back answers", got == 200)

# ---- 7.4: the real request of a guest, at the provider that trusts its key, and with one thing wrong at a time
shared = os.environ.get("TRUEBOOT_SHARED_DATA", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared/data"))
real = os.path.join(shared, "azureguest/request-Linux.json")


def guest_post(provider, decoded):
    body = json.dumps({"AttestationInfo": b64u(json.dumps(decoded).encode())})
    got, _, content = ask(Local("localhost"), "POST", f"{provider}/attest/AzureGuest{API}", body, JSON)
    return got, error_of(content).get("code"), error_of(content).get("innererror", {}).get("code"), content


def flipped(text, offset):
    raw = bytearray(base64.b64decode(text))
    raw[offset] ^= 1
    return base64.b64encode(raw).decode()


if not os.path.exists(real):
    tap.skip("the real request", "the shared data is not here")
else:
    request = json.loads(unb64u(json.load(open(real))["AttestationInfo"]))
    pem = "-----BEGIN CERTIFICATE-----\n" + request["TpmInfo"]["AikCert"] + "\n-----END CERTIFICATE-----\n"
    owner("PUT", "/v1/providers/guests", {"location": "x", "properties": {}})
    ok("the real request is refused where nobody vouches for its key", guest_post("/providers/guests", request)[:3] == (400, "InvalidParameter", "tpm.ak_untrusted"))
    added = json.loads(owner("POST", "/v1/roots", {"kind": "ak", "provider": "guests", "pem": pem})[2])["value"][0]
    ok("its certificate becomes a pin of one provider", added["role"] == "pin" and added["provider"] == "guests")
    got = guest_post("/providers/guests", request)
    sealed = json.loads(unb64u(json.loads(got[3])["token"])) if got[0] == 200 else {}
    ok("the real request is accepted there, with a sealed answer", set(sealed) >= {"Jwt", "EncryptedInnerKey", "EncryptionParams", "AuthenticationData"}, got)
    ok("and at no other provider", guest_post("", request)[0] == 400 and guest_post(P, request)[0] == 400)
    wrong = [
        ("the version", None, "AttestationProtocolVersion", lambda v: "3.0", "unsupported"),
        ("the kind of system", None, "OSType", lambda v: base64.b64encode(b"Plan9").decode(), "unsupported"),
        ("a byte of the log", None, "TcgLogs", lambda v: flipped(v, 140), "log.replay_mismatch"),
        ("no log", None, "TcgLogs", lambda v: "", "log.missing"),
        ("no certificate", "TpmInfo", "AikCert", lambda v: "", "tpm.ak_untrusted"),
        ("a byte of the certificate", "TpmInfo", "AikCert", lambda v: flipped(v, -1), "tpm.ak_untrusted"),
        ("a byte of the public key", "TpmInfo", "AikPub", lambda v: flipped(v, -100), "tpm.ak_public"),
        ("the magic of the quote", "TpmInfo", "PcrQuote", lambda v: flipped(v, 0), "quote.magic"),
        ("a byte of the quote's digest", "TpmInfo", "PcrQuote", lambda v: flipped(v, -1), "quote.signature"),
        ("a byte of the signature", "TpmInfo", "PcrSignature", lambda v: flipped(v, 0), "quote.signature"),
        ("a register left out", "TpmInfo", "PcrSet", lambda v: v[1:], "quote.selection"),
        ("a byte of the certification", "TpmInfo", "EncKeyCertifyInfoSignature", lambda v: flipped(v, 0), "certify.signature"),
        ("a byte of the sealing key", "TpmInfo", "EncKeyPub", lambda v: flipped(v, -1), "certify.name"),
        ("a confidential machine without a verifier", None, "IsolationInfo", lambda v: {"Type": "SevSnp", "Evidence": {}}, "isolation.unsupported"),
    ]
    for what, inside, name, change, code in wrong:
        broken = json.loads(json.dumps(request))
        holder = broken[inside] if inside else broken
        holder[name] = change(holder.get(name))
        if name == "IsolationInfo":
            broken["AttestationProtocolVersion"] = "2.0"
        got = guest_post("/providers/guests", broken)
        ok(f"the real request with {what} changed is refused as {code}", got[:3] == (400, "InvalidParameter", code), got)
    owner("DELETE", f"/v1/roots/ak/{added['sha256']}?provider=guests")
    ok("and is refused again once its key is not trusted any more", guest_post("/providers/guests", request)[2] == "tpm.ak_untrusted")

# ---- operations survive kill -9
stop, rounds_made = threading.Event(), []


def change_for_ever(n):
    i = 0
    while not stop.is_set():
        try:
            owner("PUT", f"/v1/providers/kill{n}x{i}", {"location": "x", "properties": {}})
            ask(Local("localhost"), "PUT", f"/providers/kill{n}x{i}/policies/Tpm{API}", JWS, PLAIN)
            owner("DELETE", f"/v1/providers/kill{n}x{i}")
            if owner("POST", f"/v1/providers/kill{n}x{i}:undelete")[0] < 300:
                rounds_made.append(n)
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
        i += 1


for round_ in range(3):
    stop.clear()
    rounds_made.clear()
    workers = [threading.Thread(target=change_for_ever, args=(f"{round_}a{n}",), daemon=True) for n in range(3)]
    for w in workers:
        w.start()
    for _ in range(1200):  # however long so many take, and then somewhere in the middle
        if len(rounds_made) > 6:
            break
        time.sleep(0.1)
    time.sleep(0.5)
    end_server(signal.SIGKILL)
    stop.set()
    for w in workers:
        w.join(40)
    if not start():
        ok(f"the server starts after kill {round_ + 1}", False, open(folder + "/log").read()[-500:])
        break
    path, statuses = "/v1/operations?top=1000", []
    while path:
        page = json.loads(owner("GET", path)[2])
        statuses += [o["status"] for o in page["value"]]
        path = page.get("nextLink", "").split(str(port), 1)[-1]
    ok(f"after kill -9 number {round_ + 1} no operation of {len(statuses)} is running, and none was forgotten",
       "Running" not in statuses and statuses.count("Succeeded") > 5 * (round_ + 1), str(set(statuses)))
    names = {p["name"] for p in json.loads(owner("GET", "/v1/providers")[2])["value"]}
    answers = [owner("GET", f"/providers/{n}/certs")[0] for n in names]
    ok(f"every provider that is listed answers ({len(names)})", all(a == 200 for a in answers))

ok("the server stops when asked", end_server() == 0)
sys.exit(tap.done())
