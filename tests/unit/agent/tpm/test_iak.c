/* The initial attestation key of a real emulator, and what it says of ours (guest-agent.md 2.4). */
#include <stdio.h>
#include "base/clock.h"
#include "tpm/certify.h"
#include "unit/agent/iak_guest.h"
#include "unit/agent/require_done.h"

#define WITH_VTPM(v)                          \
    struct vtpm v CLEANUP(vtpm_stop) = { 0 }; \
    if (!vtpm_start(&v))                      \
    SKIP("%s", v.why)

static struct ca *test_ca(void)
{
    struct ca *ca = NULL;
    struct err err = ERR_INIT;

    if (!ca_new("host CA", clock_now_ms(), &ca, &err))
        abort();
    return ca;
}

/* TPM and attestation key, open together; what the IAK says. */
struct hearing {
    struct tpm_device *tpm;
    struct ak *ak;
    struct arena a;
    struct iak_word word;
    bool present;
    struct failure why;
};

static void hearing_done(struct hearing *h)
{
    ak_close(h->ak);
    tpm_device_close(h->tpm);
    arena_done(&h->a);
}

static bool hear(const struct vtpm *v, struct bytes nonce, struct hearing *h)
{
    const struct ak_options options = { .look_only = true }; /* the attestation key takes a slot, too */
    const struct ak_record unknown = { 0 };

    *h = (struct hearing){ 0 };
    return tpm_device_open(v->tcti, &h->tpm, &h->why) && ak_open(h->tpm, &options, &unknown, &h->ak, &h->why) &&
           iak_hear(h->tpm, h->ak, nonce, &h->a, &h->present, &h->word, &h->why);
}

static void check_word(const struct hearing *h, struct bytes nonce)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct certify_claim claim = {
        .attest = h->word.attest, .signature = h->word.signature, .form = SIGNATURE_FORM_TPMT, .object = ak_public(h->ak)
    };
    struct certify_expectations want = { .nonce = nonce };
    struct tpm_usage usage = tpm_device_usage(h->tpm);
    struct err err = ERR_INIT;

    REQUIRE_OK(cert_parse(h->word.cert, &cert, &err), err);
    want.ak = cert->key;
    REQUIRE_OK(certify_verify(&claim, &want, &err), err);
    CHECK(usage.most_objects <= 2 && usage.most_sessions <= 1);
    CHECK_INT(usage.objects, 1); /* the attestation key */
}

TEST(an_iak_certifies_our_key_wherever_the_tpm_keeps_it)
{
    static const struct iak_plan plans[] = {
        { .kind = IAK_RSA2048 },
        { .kind = IAK_P384 },
        { .kind = IAK_RSA2048, .not_kept = true }, /* from its template */
        { .kind = IAK_P384, .not_kept = true },
        { .kind = IAK_P384, .content = IAK_ISSUER_BEHIND },
        { .kind = IAK_P384, .content = IAK_ISSUER_BEFORE },
        { .kind = IAK_P384, .content = IAK_PADDED },
        { .kind = IAK_P384, .content = IAK_BOTH_PADDED },
    };
    struct ca *ca CLEANUP(ca_free_at) = test_ca();
    const uint8_t nonce[32] = { 7 };

    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        WITH_VTPM(v);
        struct hearing h CLEANUP(hearing_done) = { 0 };

        iak_provision(&v, &plans[i], ca);
        REQUIRE_DONE(hear(&v, BYTES_OF(nonce), &h), h.why);
        REQUIRE(h.present);
        check_word(&h, BYTES_OF(nonce));
        CHECK_INT(h.word.n_chain,
                  plans[i].content == IAK_ISSUER_BEHIND || plans[i].content == IAK_ISSUER_BEFORE || plans[i].content == IAK_BOTH_PADDED);
        if (h.word.n_chain)
            CHECK_BYTES(h.word.chain[0], ca_cert(ca, 0)->der);
    }
}

TEST(an_iak_survives_tpm2_clear_by_its_template)
{
    struct ca *ca CLEANUP(ca_free_at) = test_ca();
    WITH_VTPM(v);
    struct hearing h CLEANUP(hearing_done) = { 0 };

    iak_provision(&v, &(struct iak_plan){ .kind = IAK_P384 }, ca);
    REQUIRE(vtpm_run(&v, "tpm2_clear -c p || tpm2_clear -c l"));
    REQUIRE_DONE(hear(&v, BYTES_NONE, &h), h.why);
    REQUIRE(h.present);
    check_word(&h, BYTES_NONE);
}

TEST(most_tpms_have_none)
{
    WITH_VTPM(v);
    struct hearing h CLEANUP(hearing_done) = { 0 };

    REQUIRE_DONE(hear(&v, BYTES_NONE, &h), h.why);
    CHECK(!h.present);
}

TEST(a_key_without_its_certificate_is_none)
{
    WITH_VTPM(v);
    struct hearing h CLEANUP(hearing_done) = { 0 };

    iak_provision(&v, &(struct iak_plan){ .kind = IAK_P384, .content = IAK_EMPTY }, NULL);
    REQUIRE_DONE(hear(&v, BYTES_NONE, &h), h.why);
    CHECK(!h.present);
}

TEST(what_nobody_could_believe_is_not_said)
{
    static const struct {
        struct iak_plan plan;
        const char *says;
    } rows[] = {
        { { .kind = IAK_P384, .content = IAK_GARBLED }, "0x01C90100" },
        { { .kind = IAK_P384, .other_key = true }, "another key than the one at 0x81020001" },
        { { .kind = IAK_P384, .other_key = true, .not_kept = true }, "another key than the templates give" },
        { { .kind = IAK_P384, .as_ak = true }, "2.23.133.11.1.3" },
        { { .kind = IAK_P384, .without = OBJECT_RESTRICTED }, "restricted is not set" }, /* an IDevID */
        { { .kind = IAK_RSA2048, .without = OBJECT_RESTRICTED }, "restricted is not set" },
        { { .kind = IAK_P384, .without = OBJECT_USER_WITH_AUTH }, "userWithAuth" },
    };
    struct ca *ca CLEANUP(ca_free_at) = test_ca();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WITH_VTPM(v);
        struct hearing h CLEANUP(hearing_done) = { 0 };

        iak_provision(&v, &rows[i].plan, ca);
        CHECK(!hear(&v, BYTES_NONE, &h));
        CHECK_STRING(failure_name(h.why.id), "IAK_UNUSABLE");
        if (!strstr(h.why.text, rows[i].says))
            test_note("%zu: %s", i, h.why.text);
        CHECK(strstr(h.why.text, rows[i].says) != NULL);
        if (h.tpm)
            CHECK_INT(tpm_device_usage(h.tpm).objects, 1);
    }
}

TEST(certificates_cut_anywhere_are_none)
{
    struct ca *ca CLEANUP(ca_free_at) = test_ca();
    struct arena a CLEANUP(arena_done) = { 0 };

    WITH_VTPM(v);
    struct hearing whole CLEANUP(hearing_done) = { 0 };
    iak_provision(&v, &(struct iak_plan){ .kind = IAK_P384 }, ca);
    REQUIRE_DONE(hear(&v, BYTES_NONE, &whole), whole.why);
    struct bytes der;
    REQUIRE(arena_copy(&a, whole.word.cert, &der));
    hearing_done(&whole);
    whole = (struct hearing){ 0 };
    for (size_t n = 1; n < der.len; n += n < 16 ? 1 : 61) {
        struct hearing h CLEANUP(hearing_done) = { 0 };

        iak_write(&v, bytes_slice(der, 0, n));
        CHECK(!hear(&v, BYTES_NONE, &h));
        CHECK_STRING(failure_name(h.why.id), "IAK_UNUSABLE");
    }
}

TEST(a_locked_out_tpm_says_so)
{
    struct ca *ca CLEANUP(ca_free_at) = test_ca();
    WITH_VTPM(v);
    struct hearing h CLEANUP(hearing_done) = { 0 };

    iak_provision(&v, &(struct iak_plan){ .kind = IAK_P384 }, ca);
    REQUIRE(vtpm_run(&v, "tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000 && tpm2_createprimary -C o -p secret -c p.ctx && "
                         "(tpm2_create -C p.ctx -P wrong -u u -r r; tpm2_create -C p.ctx -P wrong -u u -r r; tpm2_flushcontext -t; true)"));
    CHECK(!hear(&v, BYTES_NONE, &h));
    CHECK_STRING(failure_name(h.why.id), "TPM_LOCKOUT");
}
