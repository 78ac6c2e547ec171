// The unmodified clients of the cloud's attestation service, and those who verify its tokens (jose, jsonwebtoken with jwks-rsa), against trueboot. Prints TAP.
// usage: node clients.mjs URL FOLDER      (FOLDER: the server's data, signers' keys, a report made by a software TPM)
import { request } from "node:http";
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { AttestationAdministrationClient, AttestationClient } from "@azure/attestation";
import { createLocalJWKSet, createRemoteJWKSet, decodeProtectedHeader, importX509, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import jwksRsa from "jwks-rsa";
import { managementTests } from "./arm.mjs";

const [url, folder] = process.argv.slice(2);
const file = (name) => readFileSync(`${folder}/${name}`, "utf8");
const policy = "version= 1.0;authorizationrules{=> permit();};issuancerules{};";
const signers = ["one", "two"].map((n) => ({ privateKey: file(`${n}.key`), certificate: file(`${n}.pem`) }));

// The server's owner: over its local socket.
function owner(method, path, body) {
  return new Promise((resolve, reject) => {
    const text = body ? JSON.stringify(body) : "";
    const headers = { host: "localhost", "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const call = request({ socketPath: `${folder}/data/truebootd.sock`, method, path, headers }, (answer) => {
      let got = "";
      answer.on("data", (part) => (got += part));
      answer.on("end", () => resolve({ status: answer.statusCode, body: got ? JSON.parse(got) : null }));
    });
    call.on("error", reject);
    call.end(text);
  });
}

async function token(role) {
  const made = await owner("POST", "/v1/tokens", { name: `interop ${role}`, role });
  assert.equal(made.status, 201);
  return { getToken: async () => ({ token: made.body.token, expiresOnTimestamp: Date.now() + 3600e3 }) };
}

const tests = [];
const test = (name, run) => tests.push({ name, run });

const x5c = (pem) => pem.replace(/-----[^-]+-----|\s/g, "");
const subscription = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Attestation/attestationProviders";
await owner("PUT", `${subscription}/aadprov?api-version=2021-06-01`, {
  location: "East US", tags: { team: "x" }, properties: { tpmAttestationAuthentication: "Disabled" } });
await owner("PUT", `${subscription}/isoprov?api-version=2021-06-01`, {
  location: "East US",
  properties: { policySigningCertificates: { keys: [{ kty: "RSA", use: "sig", x5c: [x5c(signers[0].certificate)] }] } } });

const reader = await token("reader");
const contributor = await token("contributor");
const places = { aad: `${url}/providers/aadprov`, isolated: `${url}/providers/isoprov`, shared: url };
const validate = (place) => ({ validationOptions: { validateToken: true, validateIssuer: true, expectedIssuer: place } });
const admin = (place, who = contributor) => new AttestationAdministrationClient(place, who, validate(place));
const signing = { aad: {}, isolated: signers[0] };

for (const [model, place] of Object.entries(places)) {
  test(`open-id metadata of the ${model} provider name its issuer and keys`, async () => {
    const metadata = await new AttestationClient(place).getOpenIdMetadata();
    assert.equal(metadata.issuer, place);
    assert.equal(metadata.jwks_uri, `${place}/certs`);
  });
  test(`signers of the ${model} provider are listed`, async () => {
    const list = await new AttestationClient(place).getAttestationSigners();
    assert.ok(list.length >= 2 && list.every((s) => s.keyId && s.certificates[0].includes("BEGIN CERTIFICATE")));
  });
}

for (const model of ["aad", "isolated"])
  for (const type of ["Tpm", "AzureGuest"]) {
    test(`${model}: the ${type} policy can be read before any was set`, async () => {
      const got = await admin(places[model]).getPolicy(type);
      assert.match(got.body, /version/);
    });
    test(`${model}: a ${type} policy is set, read back and reset, with tokens validated`, async () => {
      const client = admin(places[model]);
      const set = await client.setPolicy(type, policy, signing[model]);
      assert.equal(set.body.policyResolution, "Updated");
      const kept = (await (await fetch(`${places[model]}/policies/${type}?api-version=2020-10-01`, {
        headers: { authorization: `Bearer ${(await reader.getToken()).token}` } })).json()).token;
      const stored = JSON.parse(Buffer.from(kept.split(".")[1], "base64url"))["x-ms-policy"];
      assert.deepEqual(Buffer.from(set.body.policyTokenHash), createHash("sha256").update(stored).digest());
      if (model === "isolated") assert.equal(set.body.policySigner.certificates.length, 1);
      assert.equal((await client.getPolicy(type)).body, policy);
      assert.equal((await client.resetPolicy(type, signing[model])).body.policyResolution, "Removed");
      assert.notEqual((await client.getPolicy(type)).body, policy);
    });
  }

test("aad: a signed policy is accepted and its signer named", async () => {
  const set = await admin(places.aad).setPolicy("AzureGuest", policy, signers[1]);
  assert.equal(set.body.policySigner.certificates.length, 1);
  await admin(places.aad).resetPolicy("AzureGuest");
});

test("isolated: an unsigned policy and one of a stranger are refused", async () => {
  await assert.rejects(admin(places.isolated).setPolicy("Tpm", policy), (e) => e.statusCode === 400 && e.code === "InvalidOperation");
  await assert.rejects(admin(places.isolated).setPolicy("Tpm", policy, signers[1]),
    (e) => e.statusCode === 400 && e.code === "InvalidParameter");
});

test("a policy that does not parse is refused with its place", async () => {
  await assert.rejects(admin(places.aad).setPolicy("Tpm", "version=1.0; authorizationrules{ => allow(); };"),
    (e) => e.code === "PolicyParsingError" && /line 1/.test(e.message));
});

test("policy certificates are listed, added, used and removed", async () => {
  const client = admin(places.isolated);
  assert.equal((await admin(places.aad).getPolicyManagementCertificates()).body.length, 0);
  assert.equal((await client.getPolicyManagementCertificates()).body.length, 1);
  const added = await client.addPolicyManagementCertificate(signers[1].certificate, signers[0].privateKey, signers[0].certificate);
  assert.equal(added.body.certificateResolution, "IsPresent");
  assert.match(added.body.certificateThumbprint, /^[0-9A-F]{40}$/);
  assert.equal((await client.getPolicyManagementCertificates()).body.length, 2);
  await client.setPolicy("Tpm", policy, signers[1]);
  const gone = await client.removePolicyManagementCertificate(signers[1].certificate, signers[0].privateKey, signers[0].certificate);
  assert.equal(gone.body.certificateResolution, "IsAbsent");
  await assert.rejects(client.setPolicy("Tpm", policy, signers[1]), (e) => e.statusCode === 400);
  await assert.rejects(client.removePolicyManagementCertificate(signers[0].certificate, signers[0].privateKey, signers[0].certificate),
    (e) => e.statusCode === 400 && e.code === "InvalidOperation");
});

test("an aad provider takes no policy certificates", async () => {
  await assert.rejects(
    admin(places.aad).addPolicyManagementCertificate(signers[1].certificate, signers[0].privateKey, signers[0].certificate),
    (e) => e.statusCode === 400 && e.code === "InvalidOperation");
});

test("the shared provider's policies are read by anyone with the role and changed by nobody", async () => {
  assert.match((await admin(places.shared, reader).getPolicy("Tpm")).body, /secureBootEnabled/);
  await assert.rejects(admin(places.shared).setPolicy("Tpm", policy), (e) => e.statusCode === 400 && e.code === "InvalidOperation");
});

test("a reader and a stranger who set a policy get 401", async () => {
  const stranger = { getToken: async () => ({ token: "tb_nobody", expiresOnTimestamp: Date.now() + 3600e3 }) };
  for (const who of [reader, stranger])
    await assert.rejects(admin(places.aad, who).setPolicy("Tpm", policy), (e) => e.statusCode === 401 && e.code === "Unauthorized");
});

const init = JSON.stringify({ payload: { type: "aikcert" } });

test("attestTpm begins with a challenge, of the shared provider without credentials", async () => {
  const answer = JSON.parse(await new AttestationClient(places.shared).attestTpm(init));
  assert.equal(Buffer.from(answer.payload.challenge, "base64url").length, 16);
  assert.ok(answer.payload.service_context);
});

test("attestTpm of a custom provider wants a policy, and credentials unless that is switched off", async () => {
  await assert.rejects(new AttestationClient(places.aad).attestTpm(init),
    (e) => e.statusCode === 400 && /A VBS attestation policy has not been set/.test(e.message));
  await admin(places.aad).setPolicy("Tpm", policy);
  assert.ok(JSON.parse(await new AttestationClient(places.aad).attestTpm(init)).payload.challenge);
  await admin(places.isolated).setPolicy("Tpm", policy, signers[0]);
  await assert.rejects(new AttestationClient(places.isolated).attestTpm(init), (e) => e.statusCode === 401);
  assert.ok(JSON.parse(await new AttestationClient(places.isolated, reader).attestTpm(init)).payload.challenge);
});

test("jose verifies a management token by kid, with n and e and with x5c", async () => {
  const bearer = { authorization: `Bearer ${(await reader.getToken()).token}` };
  const answer = await fetch(`${places.aad}/policies/Tpm?api-version=2022-08-01`, { headers: bearer });
  const compact = (await answer.json()).token;
  const { payload } = await jwtVerify(compact, createRemoteJWKSet(new URL(`${places.aad}/certs`)), { issuer: places.aad });
  assert.ok(payload["x-ms-policy"]);
  const header = decodeProtectedHeader(compact);
  assert.deepEqual(Object.keys(header), ["alg", "jku", "kid", "typ"]);
  const keys = (await (await fetch(header.jku)).json()).keys;
  const der = keys.find((k) => k.kid === header.kid).x5c[0];
  await jwtVerify(compact, await importX509(`-----BEGIN CERTIFICATE-----\n${der}\n-----END CERTIFICATE-----`, "RS256"));
});

managementTests({ test, url, owner: await token("owner"), reader, certificate: x5c(signers[0].certificate) });

// What Express and its like do: the key by kid from jwks_uri, the issuer compared, the algorithm pinned.
function withJwksRsa(compact, place, algorithm) {
  const keys = jwksRsa({ jwksUri: `${place}/certs` });
  const find = ({ kid }, done) => keys.getSigningKey(kid, (e, key) => done(e, key?.getPublicKey()));
  return new Promise((resolve, reject) =>
    jsonwebtoken.verify(compact, find, { issuer: place, algorithms: [algorithm] }, (e, claims) => (e ? reject(e) : resolve(claims))));
}

for (const [profile, algorithm] of [["original", "RS256"], ["es256", "ES256"]])
  test(`jsonwebtoken and jwks-rsa verify a token of profile ${profile}, and no other issuer's`, async () => {
    const name = `jwks${profile}`, place = `${url}/providers/${name}`;
    await owner("PUT", `${subscription}/${name}?api-version=2021-06-01`, { location: "x", properties: { trueboot: { tokenProfile: profile } } });
    const bearer = { authorization: `Bearer ${(await reader.getToken()).token}` };
    const compact = (await (await fetch(`${place}/policies/Tpm?api-version=2022-08-01`, { headers: bearer })).json()).token;
    assert.ok((await withJwksRsa(compact, place, algorithm))["x-ms-policy"]);
    await assert.rejects(withJwksRsa(compact, places.aad, algorithm), /issuer invalid/);
    await owner("DELETE", `${subscription}/${name}?api-version=2021-06-01`);
  });

// Tokens of evidence, made by the same code over a TPM in software.
const made = JSON.parse(file("report.json")).tokens;
assert.equal(made.length, 6);
for (const { type, profile, algorithm, issuer, now, token: compact, jwks } of made) {
  test(`jose verifies a ${type} token of profile ${profile} by its published key and its certificate`, async () => {
    const options = { issuer, currentDate: new Date(now), algorithms: [algorithm] };
    const { payload, protectedHeader } = await jwtVerify(compact, createLocalJWKSet(jwks), options);
    const ear = profile === "ear";
    assert.equal(ear ? payload.trueboot.attestationType : payload["x-ms-attestation-type"], type);
    if (ear) {
      assert.equal(payload.eat_profile, "tag:github.com,2023:veraison/ear");
      for (const appraisal of Object.values(payload.submods)) {
        assert.ok(["affirming", "warning", "contraindicated", "none"].includes(appraisal["ear.status"]));
        assert.equal(Object.keys(appraisal["ear.trustworthiness-vector"]).length, 8);
      }
    }
    const published = jwks.keys.find((k) => k.kid === protectedHeader.kid);
    assert.deepEqual(Object.keys(protectedHeader), type === "tpm" ? ["typ", "alg", "x5c", "kid"] : ["alg", "jku", "kid", "typ"]);
    if (type === "tpm") assert.deepEqual(protectedHeader.x5c, published.x5c);
    const leaf = `-----BEGIN CERTIFICATE-----\n${published.x5c[0]}\n-----END CERTIFICATE-----`;
    await jwtVerify(compact, await importX509(leaf, algorithm), options);
  });
}

for (const profile of ["es256", "ear"]) {
  test(`the cloud's client verifies management tokens of a provider with profile ${profile}`, async () => {
    const name = `prov${profile}`, place = `${url}/providers/${name}`;
    const put = await owner("PUT", `${subscription}/${name}?api-version=2021-06-01`, {
      location: "East US", properties: { trueboot: { tokenProfile: profile } } });
    assert.equal(put.body.properties.trueboot.tokenProfile, profile);
    assert.equal((await admin(place).setPolicy("Tpm", policy)).body.policyResolution, "Updated");
    assert.equal((await admin(place).getPolicy("Tpm")).body, policy);
    const answer = await fetch(`${place}/policies/Tpm?api-version=2022-08-01`, {
      headers: { authorization: `Bearer ${(await reader.getToken()).token}` } });
    const { protectedHeader } = await jwtVerify((await answer.json()).token, createRemoteJWKSet(new URL(`${place}/certs`)), { issuer: place });
    assert.equal(protectedHeader.alg, "ES256");
    assert.equal((await new AttestationClient(place).getOpenIdMetadata()).issuer, place);
    assert.equal((await owner("DELETE", `${subscription}/${name}?api-version=2021-06-01`)).status, 200);
  });
}

test("the cloud's client verifies after a key was rotated, with the old list in hand", async () => {
  const client = admin(places.aad), before = await client.getPolicy("AzureGuest");
  const rotated = await owner("POST", "/v1/keys:rotate", { use: "token" });
  assert.equal(rotated.status, 201);
  assert.equal(rotated.body.state, "published");
  assert.equal((await client.getPolicy("AzureGuest")).body, before.body);
  const keys = (await (await fetch(`${places.aad}/certs`)).json()).keys;
  assert.ok(keys.some((k) => k.kid === rotated.body.kid));
});

test("providers are shaped as their clients expect", async () => {
  const { body } = await owner("GET", `${subscription}/isoprov?api-version=2021-06-01`);
  assert.equal(body.id, `${subscription}/isoprov`);
  assert.equal(body.properties.trustModel, "Isolated");
  assert.equal(body.properties.attestUri, places.isolated);
  assert.equal(body.properties.policySigningCertificates, undefined);
  const list = await owner("GET", "/subscriptions/s/providers/Microsoft.Attestation/attestationProviders?api-version=2020-10-01");
  assert.equal(list.body.value.length, 2);
  const changed = await owner("PATCH", `${subscription}/isoprov?api-version=2021-06-01`, { tags: { a: "b" }, properties: { tpmAttestationAuthentication: "Disabled" } });
  assert.equal(changed.body.properties.tpmAttestationAuthentication, "Disabled");
  assert.equal((await owner("DELETE", `${subscription}/isoprov?api-version=2021-06-01`)).status, 200);
  assert.equal((await owner("DELETE", `${subscription}/isoprov?api-version=2021-06-01`)).status, 204);
  await assert.rejects(new AttestationClient(places.isolated).getOpenIdMetadata(), (e) => e.statusCode === 404);
});

test("a provider deleted by mistake comes back with its policy and its signers", async () => {
  const undelete = await owner("POST", `${subscription}/isoprov/undelete?api-version=2021-06-01`);
  assert.equal(undelete.status, 202);
  assert.equal((await new AttestationClient(places.isolated).getOpenIdMetadata()).issuer, places.isolated);
  const client = admin(places.isolated);
  assert.equal((await client.getPolicyManagementCertificates()).body.length, 1);
  assert.equal((await client.getPolicy("Tpm")).body, policy);
  await assert.rejects(client.setPolicy("Tpm", policy), (e) => e.code === "InvalidOperation");
  assert.equal((await client.setPolicy("Tpm", policy, signers[0])).body.policyResolution, "Updated");
});

let failed = 0;
console.log(`1..${tests.length}`);
for (const [i, { name, run }] of tests.entries()) {
  try {
    await run();
    console.log(`ok ${i + 1} - ${name}`);
  } catch (e) {
    failed++;
    console.log(`# ${String(e.stack ?? e).replaceAll("\n", "\n# ")}\nnot ok ${i + 1} - ${name}`);
  }
}
process.exit(failed ? 1 : 0);
