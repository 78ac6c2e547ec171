/* Keys that the attestation key has certified: the request key, and others (attestation-service.md 6.4.2). */
#include "base/base64.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

/* What differs from a sound certification of `key`, made by the VM's AK over the challenge. */
struct certification {
    const struct privkey *key;  /* whose public area is certified and shown */
    const struct privkey *ak;   /* NULL: the VM's */
    struct bytes nonce;         /* BYTES_NONE: the challenge */
    const struct privkey *name; /* whose Name stands in it; NULL: the key's */
};

static struct tpm_public public_of(const struct privkey *key)
{
    const struct pubkey *pub = privkey_public(key);

    return (struct tpm_public){ .type = TPM_ALG_ECC,
                                .name_algorithm = DIGEST_SHA256,
                                .attributes = 0x00040072,
                                .symmetric.algorithm = TPM_ALG_NULL,
                                .scheme.algorithm = TPM_ALG_NULL,
                                .curve_id = TPM_CURVE_P256,
                                .kdf.algorithm = TPM_ALG_NULL,
                                .ecc_x = pubkey_ec_x(pub),
                                .ecc_y = pubkey_ec_y(pub) };
}

static const char *base64url(struct attestation *t, struct bytes b) { return base64_in(t->a, BASE64_URL, b); }

/* {"tpm_certify":{…}} */
static const char *certified(struct attestation *t, const struct certification *c)
{
    const struct privkey *ak = c->ak ? c->ak : t->vm->ak;
    struct tpm_public shown = public_of(c->key), named = public_of(c->name ? c->name : c->key);
    struct writer w CLEANUP(writer_done) = { 0 };
    struct quote_builder b;
    struct built_quote built = { BYTES_NONE, BYTES_NONE };
    struct tpm_name name;
    struct err err = ERR_INIT;

    tpm_public_encode(&w, &shown);
    if (!tpm_public_name(&named, &name, &err))
        test_note("error: %s", err.text);
    quote_builder_init_certify(&b, ak, tpm_name_bytes(&name), c->nonce.data ? c->nonce : t->challenge);
    if (!quote_builder_sign(t->a, &b, ak, &built, &err))
        test_note("error: %s", err.text);
    return arena_printf(t->a, "{\"tpm_certify\":{\"public\":\"%s\",\"certification\":\"%s\",\"signature\":\"%s\"}}",
                        base64url(t, writer_bytes(&w)), base64url(t, built.attest), base64url(t, built.signature));
}

static const char *jwk_of(struct attestation *t, const struct privkey *key)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    jwk_write_key(&out, privkey_public(key));
    json_end(&out);
    return arena_string(t->a, writer_bytes(&w));
}

static const struct json *payload_of(struct fixture *f, struct bytes token)
{
    const struct json *payload = &json_null;
    struct err err = ERR_INIT;
    struct jws jws;

    if (!jws_parse(&f->a, token, 0, &jws, &err) || !json_parse(&f->a, jws.claimed_payload, NULL, &payload, &err))
        test_note("%s", err.text);
    return payload;
}

/* For a certified request key the quote holds the challenge itself. */
static void quote_the_challenge(struct attestation *t)
{
    t->own_nonce = true;
    t->quote.attest.extra_data = t->challenge;
}

TEST(a_request_key_that_the_tpm_certified_is_accepted_and_named_in_the_report)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct json *payload;
    struct attestation t;
    struct answer answer;

    REQUIRE(vm && attestation_begin(&f, vm, &t));
    t.info = certified(&t, &(struct certification){ .key = t.request_key });
    quote_the_challenge(&t);
    attestation_send(&t, &answer);
    CHECK_STRING(answer.message, "");
    REQUIRE(answer.status == 200);
    payload = payload_of(&f, answer_token(&f, &answer));
    CHECK_STRING(json_to_string(&f.a, json_at(payload, "x-ms-tpm-request-key", "info", NULL), JSON_COMPACT),
                 "{\"tpm_certify\":{\"name_alg\":11,\"obj_attr\":262258}}");
    CHECK(json_get(payload, "x-ms-tpm-other-keys") == NULL);
}

TEST(a_certification_that_does_not_hold_is_refused_by_its_own_name)
{
    static const uint8_t other_nonce[16] = { 1 };
    enum { OTHER = 31 };
    const struct {
        const char *what, *inner;
        struct certification c;
        bool bound_by_hash;
    } rows[] = {
        { "another nonce", "certify.nonce", { .nonce = BYTES_OF(other_nonce) }, false },
        { "another AK", "certify.signature", { .ak = test_key(PRIVKEY_P256, 28) }, false },
        { "another key's Name", "certify.name", { .name = test_key(PRIVKEY_P256, OTHER) }, false },
        { "another key than jwk", "certify.name", { .key = test_key(PRIVKEY_P256, OTHER) }, false },
        { "quote over the key's hash", "quote.nonce", { .ak = NULL }, true },
    };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    REQUIRE(vm);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct certification c = rows[i].c;
        struct attestation t;
        struct answer answer;
        REQUIRE(attestation_begin(&f, vm, &t));
        c.key = c.key ? c.key : t.request_key;
        t.info = certified(&t, &c);
        if (!rows[i].bound_by_hash)
            quote_the_challenge(&t);
        attestation_send(&t, &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.inner, rows[i].inner);
        if (strcmp(answer.inner, rows[i].inner) != 0)
            test_note("%s: %s", rows[i].what, answer.message);
    }
}

TEST(other_keys_are_certified_over_the_challenge_or_stand_there_unbound)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    const struct privkey *other = test_key(PRIVKEY_P256, 31);
    const struct json *keys;
    struct attestation t;
    struct answer answer;

    REQUIRE(vm && attestation_begin(&f, vm, &t));
    t.more_data = arena_printf(t.a, ",\"other_keys\":[{\"jwk\":%s,\"info\":%s},{\"jwk\":%s,\"info\":{}}]", jwk_of(&t, other),
                               certified(&t, &(struct certification){ .key = other }), jwk_of(&t, other));
    attestation_send(&t, &answer);
    CHECK_STRING(answer.message, "");
    REQUIRE(answer.status == 200);
    keys = json_get(payload_of(&f, answer_token(&f, &answer)), "x-ms-tpm-other-keys");
    REQUIRE(keys && keys->type == JSON_ARRAY && keys->array.n == 2);
    CHECK(json_at(keys->array.items[0], "info", "tpm_certify", NULL) != NULL);
    CHECK_INT(json_get(keys->array.items[1], "info")->object.n, 0);

    REQUIRE(attestation_begin(&f, vm, &t));
    t.more_data = arena_printf(t.a, ",\"other_keys\":[{\"jwk\":%s,\"info\":%s}]", jwk_of(&t, other),
                               certified(&t, &(struct certification){ .key = other, .ak = test_key(PRIVKEY_P256, 28) }));
    attestation_send(&t, &answer);
    CHECK_STRING(answer.inner, "certify.signature");
}
