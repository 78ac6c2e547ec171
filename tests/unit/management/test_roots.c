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

/* A foreign CA's AK certificate for a VM of ours: genuine evidence, once that CA is trusted. */
static unsigned attest_under(struct fixture *f, const struct test_vm *vm, const struct ca *ca)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct attestation t;
    struct answer answer;
    struct err err = ERR_INIT;

    if (!attestation_begin(f, vm, &t) || !ca_issue_ak(ca, vm->uuid, privkey_public(vm->ak), fixture_time, &cert, &err))
        return 0;
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
    CHECK_INT(attest_under(&f, vm, ca), 400);
    add(&f, "ak", json_pem(&f, ca_cert(ca, 0)), &answer);
    CHECK_INT(answer.status, 200);
    CHECK_INT(listed(&f, sha256), 1);
    CHECK_INT(attest_under(&f, vm, ca), 200);
    add(&f, "ak", json_pem(&f, ca_cert(ca, 0)), &answer);
    CHECK_INT(answer.status, 200);
    CHECK(!json_get(json_get(answer.json, "value")->array.items[0], "added")->boolean);
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ak/%s", sha256), NULL);
    CHECK_INT(answer.status, 204);
    CHECK_INT(listed(&f, sha256), 0);
    CHECK_INT(attest_under(&f, vm, ca), 400); /* what was remembered of it no longer counts */
    fixture_ask(&f, &answer, "DELETE", arena_printf(&f.a, "/v1/roots/ak/%s", sha256), NULL);
    CHECK_INT(answer.status, 404);
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
    CHECK_INT(attest_under(&f, vm, ca), 400);
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
