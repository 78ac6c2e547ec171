// The cloud's management client, unmodified, against trueboot: every call of @azure/arm-attestation, and what it makes of errors.
import assert from "node:assert/strict";
import { AttestationManagementClient } from "@azure/arm-attestation";

const group = "rg1", subscription = "11111111-2222-3333-4444-555555555555";

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

// test(name, run): registers; owner and reader: credentials; certificate: base64 of a signer's DER.
export function managementTests({ test, url, owner, reader, certificate }) {
  const client = new AttestationManagementClient(owner, subscription, { endpoint: url });
  const providers = client.attestationProviders, links = client.privateEndpointConnections;

  test("arm-attestation creates, shows, changes, lists and deletes providers", async () => {
    const made = await providers.create(group, "armaad", { location: "East US", tags: { a: "b" }, properties: {} });
    assert.equal(made.id, `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Attestation/attestationProviders/armaad`);
    assert.equal(made.attestUri, `${url}/providers/armaad`);
    assert.deepEqual([made.trustModel, made.status, made.tags], ["AAD", "Ready", { a: "b" }]);
    assert.ok(made.systemData.createdAt instanceof Date && made.systemData.lastModifiedAt instanceof Date);
    assert.equal(made.systemData.createdByType, "Key");
    const isolated = await providers.create(group, "armiso", {
      location: "East US", properties: { policySigningCertificates: { keys: [{ kty: "RSA", alg: "RS256", use: "sig", x5C: [certificate] }] } } });
    assert.equal(isolated.trustModel, "Isolated");
    assert.deepEqual((await providers.update(group, "armaad", { tags: { c: "d" } })).tags, { c: "d" });
    assert.deepEqual((await providers.get("RG1", "armaad")).tags, { c: "d" });
    assert.deepEqual((await providers.list()).value.map((p) => p.name), ["armaad", "armiso"]);
    assert.equal((await providers.listByResourceGroup(group)).value.length, 2);
    assert.equal((await providers.listByResourceGroup("another")).value.length, 0);
    for (const name of ["armaad", "armiso", "armiso"]) await providers.delete(group, name);
    assert.equal((await providers.list()).value.length, 0);
  });

  test("arm-attestation finds the shared provider, by its location too", async () => {
    const [shared] = (await providers.listDefault()).value;
    assert.equal(shared.attestUri, url);
    assert.equal((await providers.getDefaultByLocation(shared.location)).name, shared.name);
    await assert.rejects(providers.getDefaultByLocation("elsewhere"), (e) => e.statusCode === 404 && e.code === "NotFound");
  });

  test("arm-attestation lists operations that say what they are", async () => {
    const list = (await client.operations.list()).value;
    assert.ok(list.length >= 6 && list.every((o) => o.name && o.display.provider && o.display.operation && o.display.description));
  });

  test("arm-attestation finds no private endpoint connections, and taking one away is no mistake", async () => {
    await providers.create(group, "armlinks", { location: "x", properties: {} });
    assert.deepEqual(await all(links.list(group, "armlinks")), []);
    await assert.rejects(links.get(group, "armlinks", "one"), (e) => e.statusCode === 404);
    await assert.rejects(links.create(group, "armlinks", "one", { privateLinkServiceConnectionState: { status: "Approved" } }),
      (e) => e.statusCode === 400 && e.code === "NotSupported");
    await links.delete(group, "armlinks", "one");
    await providers.delete(group, "armlinks");
  });

  test("arm-attestation understands refusals: status, code, sentence, target", async () => {
    const refused = (what, status, code, more = () => true) =>
      assert.rejects(what, (e) => e.statusCode === status && e.code === code && more(e.details.error) && e.message.length > 10);
    await refused(providers.get(group, "nobody"), 404, "NotFound");
    await refused(providers.create(group, "a", { location: "x", properties: {} }), 400, "InvalidParameter");
    const keys = [{ kty: "RSA", x5C: ["AAAA"] }];
    await refused(providers.create(group, "armbad", { location: "x", properties: { policySigningCertificates: { keys } } }), 400, "InvalidParameter",
      (error) => error.target === "/properties/policySigningCertificates/keys/0");
    const other = new AttestationManagementClient(reader, subscription, { endpoint: url });
    await refused(other.attestationProviders.create(group, "armno", { location: "x", properties: {} }), 403, "Forbidden",
      (error) => error.additionalInfo[0].info.command.includes("--role owner"));
    const old = new AttestationManagementClient(owner, subscription, { endpoint: url, apiVersion: "1999-01-01" });
    await refused(old.attestationProviders.list(), 400, "InvalidApiVersionParameter", (error) => error.target === "api-version");
  });
}
