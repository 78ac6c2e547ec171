/* Who is trusted: added, listed, removed, in force at once. */
#include "base/hex.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

/* PEM with line feeds as JSON spells them. */
static const char *json_pem(struct fixture *f, const struct cert *cert)
{
    const char *pem = cert_pem(cert, &f->a);
    struct writer w CLEANUP(writer_done) = { 0 };

    for (; pem && *pem; pem++)
        if (*pem == '\n')
            write_string(&w, "\\n");
        else
            write_u8(&w, (uint8_t)*pem);
    return arena_string(&f->a, writer_bytes(&w));
}

static void set_permit_all(struct fixture *f, const char *provider)
{
    struct answer answer;

    fixture_call(
        f,
        &(struct call){ .method = "PUT",
                        .path = arena_printf(&f->a, "/providers/%s/policies/Tpm" FIXTURE_API, provider),
                        .body = BYTES_LIT("eyJhbGciOiJub25lIn0.eyJBdHRlc3RhdGlvblBvbGljeSI6ImRtVnljMmx2YmoweExqSTdJR0YxZEdodmNtbDZZWFJwYjI1"
                                          "eWRXeGxjM3M5UG5CbGNtMXBkQ2dwTzMwNyJ9."),
                        .as = HTTP_OWNER },
        &answer);
    CHECK_INT(answer.status, 200);
}

static void add(struct fixture *f, const char *kind, const char *pem, struct answer *ret)
{
    fixture_ask(f, ret, "POST", "/v1/roots", "{\"kind\":\"%s\",\"pem\":\"%s\"}", kind, pem);
}

static size_t listed(struct fixture *f, const char *sha256)
{
    struct answer answer;
    const struct json *value;
    size_t n = 0;

    fixture_ask(f, &answer, "GET", "/v1/roots", NULL);
    value = json_get(answer.json, "value");
    for (size_t i = 0; value && i < value->array.n; i++)
        n += json_is_string(json_get(value->array.items[i], "sha256"), sha256);
    return n;
}

/* A foreign CA's AK certificate for a VM of ours: genuine evidence, once that CA is trusted. provider NULL: the shared one; ca NULL: our own. */
static unsigned attest_at(struct fixture *f, const struct test_vm *vm, const struct ca *ca, const char *provider)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct attestation t;
    struct answer answer;
    struct err err = ERR_INIT;

    if (!attestation_begin_at(f, vm, provider, &t) || (ca && !ca_issue_ak(ca, vm->uuid, privkey_public(vm->ak), fixture_time, &cert, &err)))
        return 0;
    if (cert)
        t.aik_cert = cert->der;
    attestation_send(&t, &answer);
    return answer.status;
}

TEST(a_root_counts_from_being_added_until_it_is_removed)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    char sha256[2 * CERT_SHA256_LEN + 1];
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("another AK CA", fixture_time, &ca, &err), err);
    hex_encode((struct bytes){ ca_cert(ca, 0)->sha256, CERT_SHA256_LEN }, sha256);
    CHECK_INT(attest_at(&f, vm, ca, NULL), 400);
    add(&f, "ak", json_pem(&f, ca_cert(ca, 0)), &answer);
    CHECK_INT(answer.status, 200);
    CHECK_INT(listed(&f, sha256), 1);
    CHECK_INT(attest_at(&f, vm, ca, NULL), 200);
    add(&f, "ak", json_pem(&f, ca_cert(ca, 0)), &answer);
    CHECK_INT(answer.status, 200);
    CHECK(!json_get(json_get(answer.json, "value")->array.items[0], "added")->boolean);
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ak/%s", sha256), NULL);
    CHECK_INT(answer.status, 204);
    CHECK_INT(listed(&f, sha256), 0);
    CHECK_INT(attest_at(&f, vm, ca, NULL), 400); /* what was remembered of it no longer counts */
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ak/%s", sha256), NULL);
    CHECK_INT(answer.status, 404);
}

TEST(a_custom_provider_believes_what_it_was_given_and_our_own_ca_unless_switched_off)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    char sha256[2 * CERT_SHA256_LEN + 1];
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("another AK CA", fixture_time, &ca, &err), err);
    hex_encode((struct bytes){ ca_cert(ca, 0)->sha256, CERT_SHA256_LEN }, sha256);
    for (const char *const *name = (const char *const[]){ "one", "two", NULL }; *name; name++) {
        fixture_ask(&f, &answer, "PUT", arena_printf(&f.a, "/v1/providers/%s", *name),
                    "{\"location\":\"x\",\"properties\":{\"tpmAttestationAuthentication\":\"Disabled\"}}");
        CHECK_INT(answer.status, 201);
        set_permit_all(&f, *name);
    }
    CHECK_INT(attest_at(&f, vm, NULL, "one"), 200);
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0); /* a tenant's attestation is none of the monitor's */
    CHECK_INT(attest_at(&f, vm, ca, "one"), 400);
    fixture_ask(&f, &answer, "POST", "/v1/roots", "{\"kind\":\"ak\",\"provider\":\"ONE\",\"pem\":\"%s\"}", json_pem(&f, ca_cert(ca, 0)));
    CHECK_INT(answer.status, 200);
    CHECK_INT(attest_at(&f, vm, ca, "one"), 200);
    CHECK_INT(attest_at(&f, vm, ca, "two"), 400);
    CHECK_INT(attest_at(&f, vm, ca, NULL), 400); /* nor the shared one */
    fixture_ask(&f, &answer, "PATCH", "/v1/providers/one", "{\"properties\":{\"trueboot\":{\"serverAkCa\":\"Disabled\"}}}");
    CHECK_INT(answer.status, 200);
    CHECK_INT(attest_at(&f, vm, NULL, "one"), 400);
    CHECK_INT(attest_at(&f, vm, ca, "one"), 200);
    fixture_ask(&f, &answer, "GET", "/v1/roots?provider=one", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 1);
    fixture_ask(&f, &answer, "GET", "/v1/roots?provider=two", NULL);
    CHECK_INT(json_get(answer.json, "value")->array.n, 1);
    CHECK(json_get(json_get(answer.json, "value")->array.items[0], "server")->boolean);
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ak/%s", sha256), NULL);
    CHECK_INT(answer.status, 404); /* the shared provider has none */
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ak/%s?provider=one", sha256), NULL);
    CHECK_INT(answer.status, 204);
    CHECK_INT(attest_at(&f, vm, ca, "one"), 400);
}

TEST(roots_are_replaced_in_one_step)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct ca *one CLEANUP(ca_free_at) = NULL, *two CLEANUP(ca_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("one", fixture_time, &one, &err) && ca_new("two", fixture_time, &two, &err), err);
    add(&f, "ak", json_pem(&f, ca_cert(one, 0)), &answer);
    fixture_ask(&f, &answer, "POST", "/v1/roots", "{\"kind\":\"ak\",\"replace\":true,\"pem\":\"%s\"}", json_pem(&f, ca_cert(two, 0)));
    CHECK_INT(answer.status, 200);
    CHECK_INT(attest_at(&f, vm, one, NULL), 400);
    CHECK_INT(attest_at(&f, vm, two, NULL), 200);
}

TEST(a_pin_trusts_one_certificate_and_what_it_issues_not_at_all)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct cert *leaf CLEANUP(cert_free_at) = NULL;
    struct attestation t;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("another", fixture_time, &ca, &err) && ca_issue_ak(ca, vm->uuid, privkey_public(vm->ak), fixture_time, &leaf, &err),
               err);
    fixture_ask(&f, &answer, "POST", "/v1/roots", "{\"kind\":\"ak\",\"pin\":true,\"pem\":\"%s\"}", json_pem(&f, ca_cert(ca, 0)));
    CHECK_INT(answer.status, 200);
    CHECK_STRING(arena_string(&f.a, json_text(json_get(json_get(answer.json, "value")->array.items[0], "role"), BYTES_NONE)), "pin");
    CHECK_INT(attest_at(&f, vm, ca, NULL), 400);
    add(&f, "ak", json_pem(&f, leaf), &answer);
    CHECK_STRING(arena_string(&f.a, json_text(json_get(json_get(answer.json, "value")->array.items[0], "role"), BYTES_NONE)), "pin");
    REQUIRE(attestation_begin(&f, vm, &t));
    t.aik_cert = leaf->der;
    attestation_send(&t, &answer);
    CHECK_INT(answer.status, 200);
}

TEST(a_ca_that_comes_with_its_issuer_is_an_intermediate_and_falls_with_it)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct ca *top CLEANUP(ca_free_at) = NULL, *below CLEANUP(ca_free_at) = NULL;
    char sha256[2 * CERT_SHA256_LEN + 1];
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("top", fixture_time, &top, &err) && ca_new_below(top, "below", fixture_time, &below, &err), err);
    add(&f, "ak", arena_printf(&f.a, "%s%s", json_pem(&f, ca_cert(below, 0)), json_pem(&f, ca_cert(top, 0))), &answer);
    CHECK_INT(answer.status, 200);
    CHECK_STRING(arena_string(&f.a, json_text(json_get(json_get(answer.json, "value")->array.items[0], "role"), BYTES_NONE)),
                 "intermediate");
    CHECK_INT(attest_at(&f, vm, below, NULL), 200);
    hex_encode((struct bytes){ ca_cert(top, 0)->sha256, CERT_SHA256_LEN }, sha256);
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ak/%s", sha256), NULL);
    CHECK_INT(answer.status, 204);
    CHECK_INT(attest_at(&f, vm, below, NULL), 400);
    add(&f, "ak", json_pem(&f, ca_cert(below, 0)), &answer); /* alone it is an anchor */
    CHECK_INT(attest_at(&f, vm, below, NULL), 200);
}

TEST(an_attestation_finishes_with_the_roots_that_it_began_with)
{
    FIXTURE(f);
    const struct provider *before CLEANUP(provider_free_at) = NULL;
    struct trust_store *set CLEANUP(trust_store_free_at) = NULL;
    struct answer answer;

    fixture_ask(&f, &answer, "PUT", "/v1/providers/one", "{\"location\":\"x\",\"properties\":{}}");
    before = providers_get(f.attestation.providers, BYTES_LIT("one"));
    REQUIRE(before != NULL);
    set = attestation_ak_roots(&f.attestation, before);
    fixture_ask(&f, &answer, "PATCH", "/v1/providers/one", "{\"properties\":{\"trueboot\":{\"serverAkCa\":\"Disabled\"}}}");
    CHECK_INT(trust_store_count(set), 1);
    provider_free_at(&before);
    CHECK_INT(trust_store_count(set), 1);
}

TEST(a_root_for_one_kind_of_key_does_not_count_for_the_other)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("another CA", fixture_time, &ca, &err), err);
    add(&f, "ek", json_pem(&f, ca_cert(ca, 0)), &answer);
    CHECK_INT(answer.status, 200);
    CHECK_INT(attest_at(&f, vm, ca, NULL), 400);
}

TEST(a_bundle_is_added_whole)
{
    FIXTURE(f);
    struct ca *one CLEANUP(ca_free_at) = NULL, *two CLEANUP(ca_free_at) = NULL;
    struct answer answer;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("one", fixture_time, &one, &err) && ca_new("two", fixture_time, &two, &err), err);
    add(&f, "ek", arena_printf(&f.a, "words around\\n%s%s", json_pem(&f, ca_cert(one, 0)), json_pem(&f, ca_cert(two, 0))), &answer);
    CHECK_INT(answer.status, 200);
    CHECK_INT(json_get(answer.json, "value")->array.n, 2);
}

TEST(what_is_no_certificate_or_no_kind_is_refused)
{
    static const char *const bodies[] = { "{\"kind\":\"ek\",\"pem\":\"\"}",
                                          "{\"kind\":\"ek\",\"pem\":\"-----BEGIN CERTIFICATE-----\"}",
                                          "{\"kind\":\"xk\",\"pem\":\"\"}",
                                          "{\"kind\":1,\"pem\":\"\"}",
                                          "{\"pem\":\"\"}",
                                          "{\"kind\":\"ek\"}",
                                          "{\"kind\":\"ek\",\"pem\":[]}",
                                          "{\"kind\":\"ak\",\"pem\":\"\",\"pin\":1}",
                                          "{\"kind\":\"ak\",\"provider\":\"nobody\",\"pem\":\"\"}",
                                          "{\"kind\":\"ak\",\"provider\":7,\"pem\":\"\"}",
                                          "[]" };
    FIXTURE(f);
    struct answer answer;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        fixture_ask(&f, &answer, "POST", "/v1/roots", "%s", bodies[i]);
        CHECK(answer.status == 400 || answer.status == 404);
    }
    fixture_ask(&f, &answer, "DELETE", "/v1/roots/xk/00", NULL);
    CHECK_INT(answer.status, 400);
}
