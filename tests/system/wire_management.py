#!/usr/bin/env python3
"""The management API as programs see it (control-plane.md 1.1, 1.5; attestation-service.md 12): which member an error means and what to do about
it, ETags, private links, who changed a resource, who may do what. Each row is a request to a running truebootd and what must come of it. Prints TAP.

usage: wire_management.py BUILD_FOLDER"""
import json
import os
import sys

from tap import ok, tap
from wire_rig import API, GROUP, JSON, MANAGEMENT, PLAIN, RESET, end_server, error_of, folder, jws, make_token, owner, start, tls

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SIGNERS = "/properties/policySigningCertificates"


def put(properties, **more):
    return {"location": "x", "properties": properties, **more}


def remedy_of(error):
    found = [i["info"] for i in error.get("additionalInfo", []) if i["type"] == "Remedy"]
    return found[0] if found else {}


def points_at():
    """what, method, path, body, status, target (None: nothing to point at), a word of the command (None: no remedy)"""
    new, aad = f"{GROUP}/news{MANAGEMENT}", f"{GROUP}/wire{MANAGEMENT}"
    for what, method, path, body, status, target, command in [
        ("no location", "PUT", new, {"properties": {}}, 400, "/location", None),
        ("no properties", "PUT", new, {"location": "x"}, 400, "/properties", None),
        ("properties that are none", "PUT", new, {"location": "x", "properties": 7}, 400, "/properties", None),
        ("a switch that is neither", "PUT", new, put({"publicNetworkAccess": "on"}), 400, "/properties/publicNetworkAccess", None),
        ("a switch in another case of its name", "PUT", new, put({"TPMATTESTATIONAUTHENTICATION": True}), 400, "/properties/tpmAttestationAuthentication", None),
        ("tags that are a list", "PUT", new, put({}, tags=[]), 400, "/tags", None),
        ("a tag that is a number", "PUT", new, put({}, tags={"a": "b", "c": 1}), 400, "/tags/c", None),
        ("a tag whose name needs escapes", "PUT", new, put({}, tags={"a/b~c": None}), 400, "/tags/a~1b~0c", None),
        ("a tag whose pointer would be too long", "PUT", new, put({}, tags={"x" * 200: 1}), 400, None, None),
        ("signers that are none", "PUT", new, put({"policySigningCertificates": {"keys": []}}), 400, f"{SIGNERS}/keys", None),
        ("a key without a certificate", "PUT", new, put({"policySigningCertificates": {"keys": [{"kty": "RSA"}]}}), 400, f"{SIGNERS}/keys/0", None),
        ("a certificate that is none", "PUT", new, put({"policySigningCertificates": {"keys": [{"X5C": ["AAAA"]}]}}), 400, f"{SIGNERS}/keys/0", None),
        ("own settings that are none", "PUT", new, put({"trueboot": 1}), 400, "/properties/trueboot", None),
        ("an own switch", "PUT", new, put({"trueboot": {"serverAkCa": 1}}), 400, "/properties/trueboot/serverAkCa", None),
        ("a token profile that is none", "PUT", new, put({"trueboot": {"tokenProfile": "x"}}), 400, "/properties/trueboot/tokenProfile", None),
        ("an address that is none", "PUT", new, put({"trueboot": {"attestUri": "ftp://x"}}), 400, "/properties/trueboot/attestUri", None),
        ("an address that is another's", "PUT", new, put({"trueboot": {"attestUri": "https://own.example"}}), 409, "/properties/trueboot/attestUri", None),
        ("another location", "PUT", aad, {"location": "y", "properties": {}}, 409, "/location", None),
        ("signers for AAD", "PUT", aad, put({"policySigningCertificates": {"keys": []}}), 409, SIGNERS, None),
        ("a merge of a bad switch", "PATCH", aad, {"properties": {"publicNetworkAccess": 0}}, 400, "/properties/publicNetworkAccess", None),
        ("no api-version", "GET", GROUP, None, 400, "api-version", None),
        ("an api-version that is none", "GET", f"{GROUP}?api-version=1", None, 400, "api-version", None),
        ("no api-version of the data plane", "GET", "/providers/wire/policies/Tpm", None, 400, "api-version", None),
        ("an api-version that the data plane does not know", "GET", "/providers/wire/policies/Tpm?api-version=2019-01-01", None, 400, "api-version", None),
        ("a page that is none", "GET", f"{GROUP}{MANAGEMENT}&$top=0", None, 400, "$top", None),
        ("an own page that is none", "GET", "/v1/providers?top=x", None, 400, "top", None),
        ("a provider that is none", "GET", f"{GROUP}/nobody{MANAGEMENT}", None, 404, None, "trueboot provider list"),
        ("a provider of another group", "GET", f"{GROUP.replace('/g1/', '/g2/')}/wire{MANAGEMENT}", None, 404, None, "trueboot provider list"),
        ("a provider that is none, of the data plane", "GET", f"/providers/nobody/policies/Tpm{API}", None, 404, None, "trueboot provider list"),
        ("a provider that was deleted", "PUT", f"{GROUP}/gone{MANAGEMENT}", put({}), 409, None, "trueboot provider undelete gone"),
        ("attesting before a policy was set", "POST", f"/providers/wire/attest/Tpm{API}", {"data": "e30"}, 400, None, "trueboot policy set Tpm FILE --provider wire"),
        ("a draft policy that is no text", "POST", f"/providers/wire/attest/Tpm{API}", {"draftPolicyForAttestation": 1}, 400, "/draftPolicyForAttestation", None),
        ("a policy to try that is none", "POST", f"/providers/wire/policies/Tpm:dryRun{API}", {"policy": 1}, 400, "/policy", None),
        ("a policy to try that does not parse", "POST", f"/providers/wire/policies/Tpm:dryRun{API}", {"policy": "x"}, 400, None, "trueboot policy lint FILE"),
        ("a trial without evidence", "POST", f"/providers/wire/policies/Tpm:dryRun{API}", {}, 400, "/evidence", None),
        ("a VM that is none", "GET", "/v1/vms/nobody", None, 404, None, "trueboot vm list"),
        ("the status of a VM that is none", "GET", "/v1/vms/nobody/status", None, 404, None, "trueboot vm list"),
        ("a VM without a name", "POST", "/v1/vms", {"uuid": "x"}, 400, "/name", None),
        ("a VM whose name is none", "POST", "/v1/vms", {"name": "A b"}, 400, "/name", None),
        ("a VM without a UUID", "POST", "/v1/vms", {"name": "a"}, 400, "/uuid", None),
        ("a VM whose UUID is none", "POST", "/v1/vms", {"name": "a", "uuid": "1"}, 400, "/uuid", None),
        ("a root of no kind", "POST", "/v1/roots", {"kind": "x", "pem": ""}, 400, "/kind", None),
        ("a root that is none", "POST", "/v1/roots", {"kind": "ak", "pem": "x"}, 400, "/pem", None),
        ("a root for a provider that is none", "POST", "/v1/roots", {"kind": "ak", "pem": "x", "provider": "nobody"}, 404, "/provider", "trueboot provider list"),
        ("a token of no role", "POST", "/v1/tokens", {"name": "a", "role": "x"}, 400, "/role", None),
        ("a token for too long", "POST", "/v1/tokens", {"name": "a", "role": "reader", "days": 0}, 400, "/days", None),
        ("a token for nothing", "POST", "/v1/tokens", {"name": "a", "role": "reader", "scope": "x"}, 400, "/scope", None),
        ("a key for no use", "POST", "/v1/keys:rotate", {"use": "x"}, 400, "/use", None),
        ("a key that is none", "POST", "/v1/keys:revoke", {"kid": "x"}, 404, "/kid", "trueboot key list"),
    ]:
        status_got, _, content = owner(method, path, body)
        error = error_of(content)
        remedy = remedy_of(error)
        fine = status_got == status and error.get("target") == target and remedy.get("command") == command
        fine = fine and (not remedy or os.path.isfile(os.path.join(DOCS, remedy["doc"])))
        ok(f"{what}: {status} {target or ''} {command or ''}", fine, f"{status_got} {content[:300]!r}")


def who_may():
    """Who lacks a role is told which token would do."""
    reader = {"Authorization": "Bearer " + make_token("a reader", "reader")}
    for what, method, path, headers, status, role in [
        ("a stranger who lists", "GET", "/v1/vms", {}, 401, "reader"),
        ("a stranger who sets a policy", "PUT", f"/providers/wire/policies/Tpm{API}", PLAIN, 401, "policy-admin"),
        ("a reader who sets a policy", "PUT", f"/providers/wire/policies/Tpm{API}", {**PLAIN, **reader}, 401, "policy-admin"),
        ("a reader who creates a provider", "PUT", f"{GROUP}/news{MANAGEMENT}", {**JSON, **reader}, 403, "owner"),
    ]:
        got, _, content = tls(method, path, jws() if method == "PUT" else None, headers)
        ok(f"{what}: {status}, and a {role} is needed", got == status and remedy_of(error_of(content)).get("command") == f"trueboot token create NAME --role {role}", content)


def two_admins():
    """Who sets policies and who approves baselines: control-plane.md 7.2."""
    owner("POST", "/v1/vms", {"name": "roles1", "uuid": "22222222-2222-4333-8444-555555555555"})
    owner("PUT", f"{GROUP}/roles{MANAGEMENT}", put({"tpmAttestationAuthentication": "Disabled"}))
    calls = {
        "make an enrolment token": ("POST", "/v1/enrolmentTokens", '{"name":"a","vm":"roles1"}'),
        "read the audit log": ("GET", "/v1/audit", None),
        "read a policy": ("GET", f"/providers/roles/policies/Tpm{API}", None),
        "set a policy": ("PUT", f"/providers/roles/policies/Tpm{API}", jws()),
        "reset a policy": ("POST", f"/providers/roles/policies/Tpm:reset{API}", RESET),
        "add a signer": ("POST", f"/providers/roles/certificates:add{API}", jws()),
        "approve a baseline": ("POST", "/v1/vms/roles1/baseline:approve", "{}"),
        "change a VM": ("PATCH", "/v1/vms/roles1", '{"power":"off"}'),
        "create a provider": ("PUT", f"{GROUP}/roles2{MANAGEMENT}", json.dumps(put({}))),
    }
    policies = ["read a policy", "set a policy", "reset a policy", "add a signer"]
    may = {
        "reader": policies[:1],
        "enroller": ["make an enrolment token"],
        "auditor": policies[:1] + ["read the audit log"],
        "policy-admin": policies,
        "security-admin": policies[:1] + ["approve a baseline"],
        "contributor": policies + ["approve a baseline", "change a VM", "make an enrolment token"],
        "owner": list(calls),
    }
    for role, allowed in may.items():
        bearer = {**JSON, "Authorization": "Bearer " + make_token(role, role)}
        for what, (method, path, body) in calls.items():
            status = tls(method, path, body, bearer)[0]
            ok(f"a {role} {'may' if what in allowed else 'may not'} {what}", (status not in (401, 403)) == (what in allowed), status)
    owner("DELETE", f"{GROUP}/roles{MANAGEMENT}")
    owner("DELETE", f"{GROUP}/roles2{MANAGEMENT}")


def row(what, got, status, code=None, words=None):
    error = error_of(got[2])
    fine = got[0] == status and (code is None or error.get("code") == code) and (words is None or words in error.get("message", ""))
    ok(f"{what}: {status} {code or ''}", fine, f"{got[0]} {got[2][:300]!r}")
    return got


def private_links():
    """What clients ask of every resource, and there is none of: control-plane.md 1.5."""
    base = f"{GROUP}/wire/privateEndpointConnections"
    body = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}
    row("private endpoint connections are listed", owner("GET", f"{base}{MANAGEMENT}"), 200)
    row("one that is not there is shown", owner("GET", f"{base}/c1{MANAGEMENT}"), 404, "NotFound", "no private endpoint connections")
    row("one is approved", owner("PUT", f"{base}/c1{MANAGEMENT}", body), 400, "NotSupported", "network")
    row("one that is not there is deleted", owner("DELETE", f"{base}/c1{MANAGEMENT}"), 204)
    row("of a provider that is none", owner("DELETE", f"{base.replace('wire', 'nobody')}/c1{MANAGEMENT}"), 404, "NotFound")
    row("without an api-version", owner("GET", f"{base}/c1"), 400, "MissingApiVersionParameter")
    row("private link resources are listed", owner("GET", f"{GROUP}/wire/privateLinkResources{MANAGEMENT}"), 200)


def operations():
    """A list for people: every row says what it is."""
    content = json.loads(owner("GET", f"/providers/Microsoft.Attestation/operations{MANAGEMENT}")[2])
    shown = all(o["name"].startswith("Microsoft.Attestation/") and all(o["display"][m] for m in ("provider", "resource", "operation", "description"))
                for o in content["value"])
    ok("every operation of the resource provider says what it is", len(content["value"]) == 6 and shown, content)


def conditions():
    """ETags: control-plane.md 10. The same of each kind of resource that has settings."""
    vm = owner("POST", "/v1/vms", {"name": "etag1", "uuid": "11111111-2222-4333-8444-555555555555"})
    for what, path, create, change in [
        ("provider", f"{GROUP}/etags{MANAGEMENT}", put({}, tags={"a": "1"}), {"tags": {"a": "2"}}),
        ("provider by its short path", "/v1/providers/etagv", put({}, tags={"a": "1"}), {"tags": {"a": "2"}}),
        ("VM", "/v1/vms/etag1", None, {"power": "off"}),
    ]:
        def at(etag, name="If-Match"):
            return {**JSON, name: etag}

        if create:
            row(f"{what}: If-Match of what is not there", owner("PUT", path, create, at('"x"')), 412, "PreconditionFailed")
            row(f"{what}: and nothing was made", owner("GET", path), 404)
            made = row(f"{what}: made if it is not there", owner("PUT", path, create, at("*", "If-None-Match")), 201)
            row(f"{what}: not made over what is there", owner("PUT", path, create, at("*", "If-None-Match")), 412, "PreconditionFailed")
        first = (made if create else vm)[1].get("etag", "")
        ok(f"{what}: has an ETag when it is made, and the same when it is read", first and first == owner("GET", path)[1].get("etag"), first)
        got = row(f"{what}: no news", owner("GET", path, headers={"If-None-Match": first}), 304)
        ok(f"{what}: no news has no body", got[2] == b"" and got[1].get("etag") == first, got)
        second = row(f"{what}: changed as it was read", owner("PATCH", path, change, at(first)), 200)[1].get("etag")
        ok(f"{what}: another ETag, the one that is read", second != first and second == owner("GET", path)[1].get("etag"), second)
        row(f"{what}: changed as it was read before", owner("PATCH", path, change, at(first)), 412, "PreconditionFailed")
        ok(f"{what}: and nothing changed", owner("GET", path)[1].get("etag") == second)
        row(f"{what}: news", owner("GET", path, headers={"If-None-Match": first}), 200)
        if create:
            third = row(f"{what}: replaced as it was read", owner("PUT", path, create, at(second)), 200)[1].get("etag")
            row(f"{what}: replaced as it was read before", owner("PUT", path, create, at(second)), 412, "PreconditionFailed")
            second = third
        row(f"{what}: deleted as it was read before", owner("DELETE", path, headers={"If-Match": first}), 412, "PreconditionFailed")
        row(f"{what}: is still there", owner("GET", path), 200)
        ok(f"{what}: deleted as it was read", owner("DELETE", path, headers={"If-Match": second})[0] in (200, 204))
        row(f"{what}: is gone", owner("GET", path), 404)


def directory():
    """What az asks when somebody logs in, and before it touches a resource."""
    def answer(path, version="2022-12-01"):
        got = owner("GET", f"{path}?api-version={version}")
        return json.loads(got[2]) if got[0] == 200 else {}

    nothing = "00000000-0000-0000-0000-000000000000"
    owner("PUT", f"{GROUP.replace('/s1/', '/S1/')}/dir1{MANAGEMENT}", put({}))
    owner("PUT", f"{GROUP.replace('/s1/', '/other/')}/dir2{MANAGEMENT}", put({}))
    listed = answer("/subscriptions")["value"]
    ok("subscriptions are what providers were created under, each once in any case, and that of /v1",
       sorted(s["subscriptionId"].lower() for s in listed) == sorted([nothing, "s1", "other"]), listed)
    ok("each is enabled and has a tenant", all(s["state"] == "Enabled" and s["tenantId"] and s["id"] == f"/subscriptions/{s['subscriptionId']}" for s in listed), listed)
    ok("one is shown before anything was created under it", answer("/subscriptions/new").get("id") == "/subscriptions/new")
    ok("there is a tenant", len(answer("/tenants", "2016-06-01")["value"]) == 1)
    found = answer("/subscriptions/s1/providers/microsoft.attestation", "2015-11-01")
    types = {t["resourceType"]: t["apiVersions"] for t in found.get("resourceTypes", [])}
    ok("the resource provider is registered, with types and api-versions", found.get("registrationState") == "Registered" and "2021-06-01" in types["attestationProviders"], found)
    ok("and among all of them", [n["namespace"] for n in answer("/subscriptions/s1/providers")["value"]] == ["Microsoft.Attestation"])
    row("registering it changes nothing", owner("POST", "/subscriptions/s1/providers/Microsoft.Attestation/register?api-version=2016-02-01"), 200)
    row("another one is not here", owner("GET", "/subscriptions/s1/providers/Microsoft.Compute?api-version=2022-12-01"), 404, "NotFound", "Microsoft.Compute")
    row("another one is not registered either", owner("POST", "/subscriptions/s1/providers/Microsoft.Compute/register?api-version=2022-12-01"), 404, "NotFound")
    row("without an api-version", owner("GET", "/subscriptions"), 400, "MissingApiVersionParameter")
    row("with one from before there was any", owner("GET", "/subscriptions?api-version=2014-03-31"), 400, "InvalidApiVersionParameter")
    row("a stranger", tls("GET", "/subscriptions?api-version=2022-12-01"), 401, "Unauthorized")
    row("a caller for one provider", tls("GET", "/subscriptions?api-version=2022-12-01", headers={"Authorization": "Bearer " + make_token("one", "owner", "provider/dir1")}), 403, "Forbidden")
    for name, subscription in [("dir1", "S1"), ("dir2", "other")]:
        owner("DELETE", f"{GROUP.replace('/s1/', f'/{subscription}/')}/{name}{MANAGEMENT}")


def who_changed_it():
    """systemData: control-plane.md 1.1."""
    by_token = {**JSON, "Authorization": "Bearer " + make_token("an owner", "owner")}
    path = f"{GROUP}/whose{MANAGEMENT}"
    data = json.loads(owner("PUT", path, put({}))[2])["systemData"]
    ok("who made it changed it last", data["createdBy"] == data["lastModifiedBy"] and data["createdAt"] == data["lastModifiedAt"] and data["createdByType"] == "User", data)
    changed = json.loads(tls("PATCH", path, '{"tags":{"x":"y"}}', by_token)[2])["systemData"]
    kept = changed["createdBy"] == data["createdBy"] and changed["createdAt"] == data["createdAt"]
    ok("who changed it is named, and what kind of caller", kept and "an owner" in changed["lastModifiedBy"] and changed["lastModifiedByType"] == "Key", changed)
    ok("and read back", json.loads(owner("GET", path)[2])["systemData"] == changed)


def main():
    if not start():
        print("1..1\nnot ok 1 - the server starts")
        print(open(folder + "/log").read())
        return 1
    owner("PUT", f"{GROUP}/wire{MANAGEMENT}", put({"tpmAttestationAuthentication": "Disabled"}))
    owner("PUT", f"{GROUP}/own{MANAGEMENT}", put({"trueboot": {"attestUri": "https://own.example"}}))
    owner("PUT", f"{GROUP}/gone{MANAGEMENT}", put({}))
    owner("DELETE", f"{GROUP}/gone{MANAGEMENT}")
    points_at()
    who_may()
    two_admins()
    private_links()
    operations()
    conditions()
    directory()
    who_changed_it()
    ok("the server stops when asked", end_server() == 0)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
