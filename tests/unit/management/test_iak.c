/* Enrolment by an initial attestation key: the IAK's certificate names the machine, and the IAK certifies the key (guest-agent.md 2.4; attack-suite.md
 * I1 to I5, I8). */
#include <stdlib.h>
#include "enrolment_guest.h"

/* One certification, right unless a row spoils it. */
struct saying {
    struct quote_builder b;
    const struct privkey *key;   /* that signs it */
    struct bytes attest_as_sent; /* empty: as signed */
    struct bytes signature_as_sent;
    struct bytes cert;
    const char *json; /* in place of the object; NULL: the object */
};

/* A VM with an IAK, and what it says in both steps. */
struct iak_guest {
    struct fixture *f;
    struct test_vm *vm;
    const struct privkey *iak;
    struct bytes cert;    /* of the IAK */
    const char *ek_certs; /* JSON; what is sent along */
    struct answer begun, done;
    const struct privkey *quote_key;
    void (*spoil)(struct iak_guest *g, struct saying *s);
    const char *token;
};

static struct bytes issued(struct fixture *f, const struct ca *ca, const char *name, const struct privkey *key,
                           bool (*issue)(const struct ca *, const char *, const struct pubkey *, int64_t, struct cert **, struct err *))
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct bytes der;
    struct err err = ERR_INIT;

    if (!issue(ca, name, privkey_public(key), fixture_time, &cert, &err) || !arena_copy(&f->a, cert->der, &der))
        abort();
    return der;
}

static struct iak_guest guest_of(struct fixture *f, struct test_vm *vm, enum privkey_kind kind, unsigned number)
{
    struct iak_guest g = { .f = f, .vm = vm, .iak = test_key(kind, number), .ek_certs = "[]", .quote_key = vm->ak };

    g.cert = issued(f, f->host_ca, arena_printf(&f->a, "%s:%s", vm->name, vm->uuid), g.iak, ca_issue_iak);
    return g;
}

static const char *iak_json(struct iak_guest *g, struct bytes nonce, bool spoiled)
{
    struct saying s = { .key = g->iak, .cert = g->cert };
    struct arena *a = &g->f->a;
    struct built_quote built;
    struct err err = ERR_INIT;

    quote_builder_init_certify(&s.b, s.key, g->vm->ak_name, nonce);
    if (spoiled && g->spoil)
        g->spoil(g, &s);
    if (s.json)
        return s.json;
    if (!quote_builder_sign(a, &s.b, s.key, &built, &err))
        abort();
    return arena_printf(a, "{\"cert\":\"%s\",\"certify\":\"%s\",\"signature\":\"%s\"}", b64(a, s.cert),
                        b64(a, s.attest_as_sent.data ? s.attest_as_sent : built.attest),
                        b64(a, s.signature_as_sent.data ? s.signature_as_sent : built.signature));
}

static void iak_begin(struct iak_guest *g, bool spoiled)
{
    struct arena *a = &g->f->a;
    const char *body = arena_printf(a, "{\"ekCerts\":%s,\"akPub\":\"%s\",\"iak\":%s}", g->ek_certs, b64(a, g->vm->ak_public),
                                    iak_json(g, BYTES_NONE, spoiled));

    fixture_call(g->f,
                 &(struct call){ .path = arena_printf(a, "%s/enroll/v1/begin", g->f->at ? g->f->at : ""),
                                 .body = bytes_of_string(body),
                                 .authorization = g->token },
                 &g->begun);
}

static void iak_activate(struct iak_guest *g, bool spoiled)
{
    struct arena *a = &g->f->a;
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct bytes nonce = member(a, g->begun.json, "nonce");
    struct quote_builder builder;
    struct built_quote quote;
    struct pcr_set pcrs = { 0 };
    struct err err = ERR_INIT;
    const char *text;

    pcr_set_add_test_bank(&pcrs, DIGEST_SHA256, 0xffffff);
    quote_builder_init(&builder, g->quote_key, &pcrs, nonce);
    if (!quote_builder_sign(a, &builder, g->quote_key, &quote, &err))
        abort();
    json_begin_object(&out, NULL);
    json_put_bytes(&out, "enrollId", json_text(json_get(g->begun.json, "enrollId"), BYTES_NONE));
    json_put_base64url(&out, "quote", quote.attest);
    json_put_base64url(&out, "signature", quote.signature);
    put_registers(&out, &pcrs);
    json_end(&out);
    text = arena_printf(a, "%.*s,\"iak\":%s}", (int)writer_bytes(&w).len - 1, (const char *)writer_bytes(&w).data,
                        iak_json(g, nonce, spoiled));
    fixture_call(
        g->f, &(struct call){ .path = arena_printf(a, "%s/enroll/v1/activate", g->f->at ? g->f->at : ""), .body = bytes_of_string(text) },
        &g->done);
}

static bool iak_enrol(struct iak_guest *g)
{
    iak_begin(g, false);
    if (g->begun.status != 200)
        return false;
    iak_activate(g, false);
    if (g->done.status != 200)
        return false;
    g->vm->ak_cert = member(&g->f->a, g->done.json, "akCert");
    return true;
}

static bool active(struct fixture *f, const struct test_vm *vm, struct store_identity *ret)
{
    struct err err = ERR_INIT;

    return store_identity_active(f->store, &f->a, vm->uuid, ret, &err);
}

static void check_said(const struct answer *answer, unsigned status, const char *code, const char *says)
{
    CHECK_INT(answer->status, status);
    CHECK_STRING(answer->code, code);
    if (!strstr(answer->message, says))
        test_note("%s", answer->message);
    CHECK(strstr(answer->message, says) != NULL);
}

/* ---- what works ------------------------------------------------------------------------------------------------------------ */

TEST(a_key_that_the_iak_certifies_gets_a_certificate_without_any_endorsement_key)
{
    static const enum privkey_kind kinds[] = { PRIVKEY_RSA_2048, PRIVKEY_P256 };
    FIXTURE(f);

    for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
        struct test_vm *vm = listed(&f, arena_printf(&f.a, "web%u", i + 1), i + 1);
        struct iak_guest g = guest_of(&f, vm, kinds[i], 30 + i);
        struct store_identity identity;

        REQUIRE(iak_enrol(&g));
        CHECK(json_get(g.begun.json, "credentialBlob")->type == JSON_NULL && json_get(g.begun.json, "encryptedSecret")->type == JSON_NULL &&
              json_get(g.begun.json, "ekIndex")->type == JSON_NULL);
        CHECK(json_is_string(json_get(g.done.json, "vmId"), vm->uuid));
        REQUIRE(active(&f, vm, &identity));
        CHECK_STRING(identity.ak_name, hex_in(&f.a, vm->ak_name));
        CHECK(!identity.ek_cert_sha256 && !identity.ek_pub_name && identity.iak_sha256);
        CHECK(attest_once(&f, vm, NULL));
    }
}

TEST(an_iak_renews_and_may_bring_another_key_of_its_tpm)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);

    REQUIRE(iak_enrol(&g));
    REQUIRE(iak_enrol(&g));
    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_P256, 20)));
    g.quote_key = vm->ak;
    g.cert =
        issued(&f, f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), g.iak, ca_issue_iak); /* a renewed certificate of the same IAK */
    REQUIRE(iak_enrol(&g));
    CHECK(attest_once(&f, vm, NULL));
}

TEST(it_is_the_same_tpm_whether_its_endorsement_key_or_its_iak_vouches)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct store_identity identity;
    struct answer answer;

    REQUIRE(enrol(&f, &f.a, vm, &answer));
    REQUIRE(iak_enrol(&g)); /* the same attestation key: it cannot be in two TPMs */
    REQUIRE(active(&f, vm, &identity));
    CHECK(identity.ek_cert_sha256 && identity.ek_pub_name && identity.iak_sha256);
    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_P256, 20)));
    g.quote_key = vm->ak;
    CHECK(iak_enrol(&g));                /* known by its IAK */
    CHECK(enrol(&f, &f.a, vm, &answer)); /* known by its endorsement key */
    REQUIRE(active(&f, vm, &identity));
    CHECK(identity.ek_cert_sha256 && identity.iak_sha256);
}

/* ---- what is refused to begin --------------------------------------------------------------------------------------------------- */

static void spoil_magic(struct iak_guest *g UNUSED, struct saying *s) { s->b.attest.magic ^= 1; }
static void spoil_type(struct iak_guest *g UNUSED, struct saying *s) { s->b.attest.type = TPM_ST_ATTEST_CREATION; }
static void spoil_name(struct iak_guest *g UNUSED, struct saying *s)
{
    static uint8_t other[34] = { 0x00, 0x0b, 0x01 };

    s->b.attest.name = BYTES_OF(other);
}
static void spoil_no_name(struct iak_guest *g UNUSED, struct saying *s) { s->b.attest.name = BYTES_NONE; }
static void spoil_signer(struct iak_guest *g, struct saying *s) { s->key = g->vm->ak; }
static void spoil_trailing(struct iak_guest *g UNUSED, struct saying *s) { s->b.trailing = BYTES_LIT("x"); }
static void spoil_empty(struct iak_guest *g UNUSED, struct saying *s) { s->attest_as_sent = s->signature_as_sent = BYTES_LIT(""); }
static void spoil_long(struct iak_guest *g, struct saying *s)
{
    uint8_t *big = arena_alloc(&g->f->a, 1025);

    if (!big)
        abort();
    memset(big, 0, 1025);
    s->attest_as_sent = (struct bytes){ big, 1025 };
}
static void spoil_quote(struct iak_guest *g, struct saying *s) /* a quote that the IAK did make, over the right nonce */
{
    static struct pcr_set pcrs;

    pcrs = (struct pcr_set){ 0 };
    pcr_set_add_test_bank(&pcrs, DIGEST_SHA256, 0xff);
    quote_builder_init(&s->b, g->iak, &pcrs, s->b.attest.extra_data);
}
static void spoil_cert(struct iak_guest *g UNUSED, struct saying *s) { s->cert = BYTES_LIT("garbled"); }
static void spoil_number(struct iak_guest *g UNUSED, struct saying *s) { s->json = "1"; }
static void spoil_object(struct iak_guest *g UNUSED, struct saying *s) { s->json = "{}"; }
static void spoil_false(struct iak_guest *g UNUSED, struct saying *s) { s->json = "false"; }

static const struct forgery {
    void (*spoil)(struct iak_guest *g, struct saying *s);
    const char *says;
} forgeries[] = {
    { spoil_magic, "TPM_GENERATED" },
    { spoil_type, "creation certificate" },
    { spoil_name, "another key than the one shown" },
    { spoil_no_name, "another key" },
    { spoil_signer, "iak" },
    { spoil_trailing, "iak" },
    { spoil_empty, "iak" },
    { spoil_long, "iak.certify" },
    { spoil_quote, "is a quote" },
    { spoil_cert, "iak.cert" },
    { spoil_number, "iak.cert" },
    { spoil_object, "iak.cert" },
    { spoil_false, "iak.cert" },
};

TEST(certifications_that_prove_nothing_begin_nothing)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);

    for (size_t i = 0; i < ARRAY_LEN(forgeries); i++) {
        g.spoil = forgeries[i].spoil;
        iak_begin(&g, true);
        check_said(&g.begun, 400, "IakRefused", forgeries[i].says);
        CHECK_STRING(g.begun.inner, "tpm.iak_refused");
    }
}

/* What the first certification says is known to everybody who saw it. */
TEST(certifications_that_prove_nothing_now_end_nothing)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct store_identity identity;

    for (size_t i = 0; i < ARRAY_LEN(forgeries); i++) {
        iak_begin(&g, false);
        REQUIRE(g.begun.status == 200);
        g.spoil = forgeries[i].spoil;
        iak_activate(&g, true);
        check_said(&g.done, 400, "IakRefused", forgeries[i].says);
        CHECK(!active(&f, vm, &identity));
    }
}

static void spoil_nonce(struct iak_guest *g UNUSED, struct saying *s) { s->b.attest.extra_data = BYTES_NONE; }
static void spoil_old_nonce(struct iak_guest *g UNUSED, struct saying *s)
{
    s->b.attest.extra_data = BYTES_LIT("a nonce that was given once, 32b");
}
static void spoil_hierarchy(struct iak_guest *g UNUSED, struct saying *s)
{
    static uint8_t other[34] = { 0x00, 0x0b, 0x77 };

    s->b.attest.qualified_name = BYTES_OF(other);
}
static void spoil_absent(struct iak_guest *g UNUSED, struct saying *s) { s->json = "null"; }
static void spoil_other_cert(struct iak_guest *g, struct saying *s)
{
    s->cert = issued(g->f, g->f->host_ca, arena_printf(&g->f->a, "web1:%s", g->vm->uuid), g->iak, ca_issue_iak);
}

TEST(a_certification_counts_over_the_nonce_of_this_enrolment_only)
{
    static const struct forgery rows[] = { { spoil_nonce, "not the challenge" },
                                           { spoil_old_nonce, "not the challenge" },
                                           { spoil_hierarchy, "another one than the quote's" },
                                           { spoil_absent, "iak" },
                                           { spoil_other_cert, "another certificate" } };
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct store_identity identity;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        iak_begin(&g, false);
        REQUIRE(g.begun.status == 200);
        g.spoil = rows[i].spoil;
        iak_activate(&g, true);
        check_said(&g.done, 400, "IakRefused", rows[i].says);
        CHECK(!active(&f, vm, &identity));
    }
    g.quote_key = test_key(PRIVKEY_P256, 19); /* and the quote is the certified key's */
    iak_begin(&g, false);
    iak_activate(&g, false);
    check_said(&g.done, 400, "EnrolmentRefused", "quote");
    CHECK(!active(&f, vm, &identity));
}

TEST(a_certification_cut_anywhere_is_refused)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct quote_builder b;
    struct built_quote whole;
    struct err err = ERR_INIT;

    quote_builder_init_certify(&b, g.iak, vm->ak_name, BYTES_NONE);
    REQUIRE_OK(quote_builder_sign(&f.a, &b, g.iak, &whole, &err), err);
    for (size_t n = 0; n < whole.attest.len + whole.signature.len; n++) {
        size_t n_signature = n < whole.attest.len ? whole.signature.len : n - whole.attest.len;
        const char *body =
            arena_printf(&f.a, "{\"ekCerts\":[],\"akPub\":\"%s\",\"iak\":{\"cert\":\"%s\",\"certify\":\"%s\",\"signature\":\"%s\"}}",
                         b64(&f.a, vm->ak_public), b64(&f.a, g.cert), b64(&f.a, bytes_slice(whole.attest, 0, n)),
                         b64(&f.a, bytes_slice(whole.signature, 0, n_signature)));
        fixture_call(&f, &(struct call){ .path = "/enroll/v1/begin", .body = bytes_of_string(body) }, &g.begun);
        check_said(&g.begun, 400, "IakRefused", "iak");
    }
}

/* ---- whose certificate --------------------------------------------------------------------------------------------------------- */

TEST(only_the_certificate_of_an_iak_by_somebody_we_believe_counts)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct ca *other CLEANUP(ca_free_at) = NULL;
    const char *name = arena_printf(&f.a, "web1:%s", vm->uuid);
    struct cert *ak_cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new("host CA", fixture_time, &other, &err), err);
    g.cert = issued(&f, other, name, g.iak, ca_issue_iak); /* the same name is not the same CA */
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "iak.cert");

    REQUIRE_OK(ca_issue_ak(f.host_ca, vm->uuid, privkey_public(g.iak), fixture_time, &ak_cert, &err), err);
    g.cert = ak_cert->der; /* nobody verified that it signs a TPM's own words only: an IDevID's looks the same */
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "2.23.133.11.1.3");

    g.cert = issued(&f, f.host_ca, name, g.iak, ca_issue_ek);
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "2.23.133.8.3");

    g.cert = issued(&f, f.host_ca, "web1", g.iak, ca_issue_iak);
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "UUID");

    g.cert = ca_cert(f.host_ca, 0)->der;
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "iak.cert");

    g = guest_of(&f, vm, PRIVKEY_P256, 30);
    fixture_time -= 3 * CA_BACKDATE_MS; /* as of now: it is not valid yet */
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "not valid before");
}

TEST(the_issuers_of_an_iak_certificate_may_come_along_and_are_believed_for_what_is_above_them)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct ca *below CLEANUP(ca_free_at) = NULL, *other CLEANUP(ca_free_at) = NULL, *others_below CLEANUP(ca_free_at) = NULL;
    struct err err = ERR_INIT;

    REQUIRE_OK(ca_new_below(f.host_ca, "one host's CA", fixture_time, &below, &err) && ca_new("nobody's", fixture_time, &other, &err) &&
                   ca_new_below(other, "one host's CA", fixture_time, &others_below, &err),
               err);
    g.cert = issued(&f, below, arena_printf(&f.a, "web1:%s", vm->uuid), g.iak, ca_issue_iak);
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "issuer");
    g.ek_certs = arena_printf(&f.a, "[],\"ekChain\":[\"%s\"]", b64(&f.a, ca_cert(others_below, 0)->der));
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "iak.cert");
    g.ek_certs =
        arena_printf(&f.a, "[],\"ekChain\":[\"%s\",\"%s\"]", b64(&f.a, ca_cert(others_below, 0)->der), b64(&f.a, ca_cert(below, 0)->der));
    CHECK(iak_enrol(&g));
}

/* Our own CA vouches for attestation keys that enrolled, not for initial ones: an AK is no way to bring the next one. */
TEST(an_attestation_key_that_enrolled_is_no_initial_one)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct answer answer;

    REQUIRE(enrol(&f, &f.a, vm, &answer));
    g.cert = member(&f.a, answer.json, "akCert");
    g.iak = vm->ak;
    iak_begin(&g, false);
    check_said(&g.begun, 400, "IakRefused", "iak.cert");
}

TEST(attestation_keys_that_could_sign_anything_are_refused_whoever_certifies_them)
{
    static const uint32_t needed[] = { OBJECT_RESTRICTED, OBJECT_FIXED_TPM, OBJECT_FIXED_PARENT, OBJECT_SENSITIVE_DATA_ORIGIN,
                                       OBJECT_SIGN };
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct bytes right = vm->ak_public;

    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct tpm_public pub;
        struct tpm_name name;
        struct err err = ERR_INIT;

        REQUIRE_OK(tpm_public_decode_2b(right, &pub, &err), err);
        pub.attributes &= ~needed[i];
        tpm_public_encode_2b(&w, &pub);
        REQUIRE_OK(tpm_public_name(&pub, &name, &err), err);
        vm->ak_public = writer_bytes(&w);
        vm->ak_name = tpm_name_bytes(&name); /* the IAK says the truth about it */
        iak_begin(&g, false);
        CHECK_INT(g.begun.status, 400);
        CHECK(strstr(g.begun.message, "akPub") != NULL);
    }
    vm->ak_public = right;
}

/* ---- whose machine ------------------------------------------------------------------------------------------------------------- */

TEST(another_iak_does_not_become_an_enrolled_vm)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *thief = fixture_machine(&f, "web1", 2);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30), t;
    struct store_identity identity;
    struct answer answer;

    REQUIRE(iak_enrol(&g));
    memcpy(thief->uuid, vm->uuid, sizeof vm->uuid);
    t = guest_of(&f, thief, PRIVKEY_P256, 31);
    CHECK(!iak_enrol(&t));
    check_said(&t.begun, 409, "IdentityDuplicated", "another TPM");
    thief->ek_cert = issued(&f, f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), thief->ek, ca_issue_ek);
    CHECK(!enrol(&f, &f.a, thief, &answer)); /* nor by its endorsement key */
    CHECK_INT(answer.status, 409);
    REQUIRE(active(&f, vm, &identity));
    CHECK_STRING(identity.ak_name, hex_in(&f.a, vm->ak_name));
    fixture_ask(&f, &answer, "POST", "/v1/vms/web1/identity:release", NULL);
    CHECK_INT(answer.status, 204);
    CHECK(iak_enrol(&t));
}

TEST(one_iak_is_one_vm)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *copy = listed(&f, "web2", 2);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30), c = guest_of(&f, copy, PRIVKEY_P256, 30);
    struct answer answer;

    REQUIRE(iak_enrol(&g));
    CHECK(attest_once(&f, vm, NULL));
    CHECK(!iak_enrol(&c));
    check_said(&c.done, 409, "IdentityDuplicated", vm->uuid);
    fixture_ask(&f, &answer, "GET", "/v1/vms/web1/status", NULL);
    CHECK(bytes_find(answer.body, BYTES_LIT("tpm.identity_duplicated")) != SIZE_MAX);
}

/* A template captured with its TPM: its copy comes by its endorsement key, and with an attestation key that nobody knows (attack I8). */
TEST(the_copy_of_a_tpm_that_enrolled_by_its_iak_is_known_by_its_endorsement_key)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *copy = listed(&f, "web2", 2);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct answer answer;

    g.ek_certs = arena_printf(&f.a, "[\"%s\"],\"ekPub\":\"%s\"", b64(&f.a, vm->ek_cert), b64(&f.a, vm->ek_public));
    REQUIRE(iak_enrol(&g));
    copy->ek = vm->ek;
    copy->ek_public = vm->ek_public;
    copy->ek_cert = issued(&f, f.host_ca, arena_printf(&f.a, "web2:%s", copy->uuid), vm->ek, ca_issue_ek);
    CHECK(!enrol(&f, &f.a, copy, &answer));
    check_said(&answer, 409, "IdentityDuplicated", vm->uuid);
    /* Its own TPM is known as ever; what was only said of it is no proof. */
    REQUIRE(iak_enrol(&g));
    fixture_ask(&f, &answer, "POST", "/v1/vms/web1/identity:release", NULL);
    CHECK_INT(answer.status, 204);
    CHECK(enrol(&f, &f.a, copy, &answer));
}

/* The same of a TPM that has two endorsement keys, and enrolled by the first. */
TEST(the_copy_of_a_tpm_is_known_by_the_endorsement_key_that_was_not_used)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *copy = listed(&f, "web2", 2), *second = fixture_machine(&f, "second", 3);
    struct bytes second_cert = issued(&f, f.host_ca, arena_printf(&f.a, "web1:%s", vm->uuid), second->ek, ca_issue_ek);
    struct activation x;
    struct answer answer;
    const char *body =
        arena_printf(&f.a, "{\"ekCerts\":[\"%s\",\"%s\"],\"ekPubs\":[\"%s\",\"%s\"],\"akPub\":\"%s\"}", b64(&f.a, vm->ek_cert),
                     b64(&f.a, second_cert), b64(&f.a, vm->ek_public), b64(&f.a, second->ek_public), b64(&f.a, vm->ak_public));

    fixture_call(&f, &(struct call){ .path = "/enroll/v1/begin", .body = bytes_of_string(body) }, &answer);
    REQUIRE(answer.status == 200 && open_answer(&f.a, vm, &answer, &x));
    activate(&f, &f.a, &x, &answer);
    REQUIRE(answer.status == 200);
    copy->ek = second->ek;
    copy->ek_public = second->ek_public;
    copy->ek_cert = issued(&f, f.host_ca, arena_printf(&f.a, "web2:%s", copy->uuid), second->ek, ca_issue_ek);
    CHECK(!enrol(&f, &f.a, copy, &answer));
    check_said(&answer, 409, "IdentityDuplicated", vm->uuid);
}

/* The machine that an endorsement certificate in the same message names is nobody's business: it is not proved. */
TEST(an_endorsement_certificate_that_came_along_names_nothing)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1), *victim = listed(&f, "web2", 2);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct store_identity identity;
    struct answer answer;

    g.ek_certs = arena_printf(&f.a, "[\"%s\"]", b64(&f.a, victim->ek_cert));
    REQUIRE(iak_enrol(&g));
    CHECK(active(&f, vm, &identity) && !identity.ek_cert_sha256);
    CHECK(!active(&f, victim, &identity));
    CHECK(enrol(&f, &f.a, victim, &answer));
}

/* An enrolment ends the way that it began: what was begun with a stranger's word is not ended with one's own. */
TEST(a_proof_is_no_certification_and_the_other_way_round)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct beginning b = beginning_of(vm);
    struct store_identity identity;
    struct activation x;
    struct answer answer;

    iak_begin(&g, false);
    REQUIRE(g.begun.status == 200);
    x = (struct activation){ .id = arena_string(&f.a, json_text(json_get(g.begun.json, "enrollId"), BYTES_NONE)),
                             .nonce = member(&f.a, g.begun.json, "nonce"),
                             .ak_name = vm->ak_name,
                             .quote_key = vm->ak,
                             .shown = 0xffffff };
    activate(&f, &f.a, &x, &answer);
    check_said(&answer, 400, "IakRefused", "iak");
    begin(&f, &f.a, &b, &g.begun);
    REQUIRE(g.begun.status == 200);
    iak_activate(&g, false);
    check_said(&g.done, 400, "EnrolmentRefused", "proof");
    CHECK(!active(&f, vm, &identity));
}

TEST(a_vm_that_is_not_in_the_inventory_is_not_found_by_its_iak)
{
    FIXTURE(f);
    struct iak_guest g = guest_of(&f, fixture_machine(&f, "web1", 1), PRIVKEY_P256, 30);

    iak_begin(&g, false);
    check_said(&g.begun, 404, "UnknownVm", "inventory");
}

TEST(an_enrolment_token_is_needed_once_by_an_iak_too)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct answer answer;

    f.management.enrolment_token = true;
    CHECK(!iak_enrol(&g));
    check_said(&g.begun, 401, "EnrolmentTokenRequired", "token");
    fixture_ask(&f, &answer, "POST", "/v1/enrolmentTokens", "{\"name\":\"t\",\"vm\":\"web1\"}");
    REQUIRE(answer.status == 201);
    g.token = arena_printf(&f.a, "Bearer %s", arena_string(&f.a, json_text(json_get(answer.json, "token"), BYTES_NONE)));
    CHECK(iak_enrol(&g));
    g.token = NULL;
    CHECK(iak_enrol(&g)); /* known: renewing is not enrolling */
}

/* ---- roots of one provider ------------------------------------------------------------------------------------------------------ */

TEST(an_iak_by_a_root_of_one_provider_counts_there_alone)
{
    FIXTURE(f);
    struct test_vm *vm = listed(&f, "web1", 1);
    struct iak_guest g = guest_of(&f, vm, PRIVKEY_P256, 30);
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct store_identity identity;
    struct answer answer;
    struct err err = ERR_INIT;
    const char *name = arena_printf(&f.a, "web1:%s", vm->uuid);

    REQUIRE(fixture_provider(&f, "tenant", "original", "version=1.0; authorizationrules{ => permit(); };"));
    REQUIRE_OK(ca_new("tenant's host CA", fixture_time, &ca, &err), err);
    g.cert = issued(&f, ca, name, g.iak, ca_issue_iak);
    vm->ek_cert = issued(&f, ca, name, vm->ek, ca_issue_ek);
    fixture_ask(&f, &answer, "POST", "/v1/roots",
                "{\"kind\":\"ek\",\"provider\":\"tenant\",\"pem\":\"-----BEGIN CERTIFICATE-----\\n%s\\n-----END CERTIFICATE-----\\n\"}",
                base64_in(&f.a, BASE64_STANDARD, ca_cert(ca, 0)->der));
    REQUIRE(answer.status == 200);
    f.at = "";
    CHECK(!iak_enrol(&g) && g.begun.status == 400);
    f.at = "/providers/tenant";
    REQUIRE(iak_enrol(&g));
    CHECK(!active(&f, vm, &identity));
    CHECK(iak_enrol(&g));
    CHECK(enrol(&f, &f.a, vm, &answer)); /* the same attestation key, so the same TPM */
    REQUIRE(fixture_new_ak(&f, vm, test_key(PRIVKEY_P256, 20)));
    g = guest_of(&f, vm, PRIVKEY_P256, 31);
    g.cert = issued(&f, ca, name, g.iak, ca_issue_iak);
    CHECK(!iak_enrol(&g)); /* another IAK and another key */
    check_said(&g.done, 409, "IdentityDuplicated", "another TPM");
}
