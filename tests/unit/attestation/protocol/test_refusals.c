/* Every row of attestation-service.md 6.8: what is answered, and what is kept. */
#include <stdlib.h>
#include "base/base64.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

/* What a refusal leaves behind. Evidence that is not authentic leaves nothing: anybody could make a VM look bad with it. */
enum kept { NOTHING, UNHEALTHY, UNKNOWN };

struct row {
    const char *what;
    void (*spoil)(struct attestation *t);
    const char *inner; /* finding or sub-code */
    const char *says;  /* a part of the message */
    enum kept kept;
    const char *code; /* NULL: InvalidParameter */
};

static void alter(struct bytes b, size_t at) { ((uint8_t *)b.data)[at] ^= 1; }

/* ---- message, challenge, possession of the key ---------------------------------------------------------------------------- */

static void context_altered(struct attestation *t) { alter(t->context, t->context.len - 1); }
static void context_of_another_server(struct attestation *t) { alter(t->context, 2); }
static void context_cut(struct attestation *t) { t->context.len--; }
static void context_expired(struct attestation *t UNUSED) { fixture_time += LIMIT_CHALLENGE_SECONDS * INT64_C(1000) + 1; }
static void challenge_differs(struct attestation *t) { alter(t->challenge, 0); }
static void alg_none(struct attestation *t) { t->alg = "none"; }
static void alg_hs256(struct attestation *t) { t->alg = "HS256"; }
static void alg_of_another_key(struct attestation *t) { t->alg = "RS256"; }
static void typ_unknown(struct attestation *t) { t->typ = "attReqV3"; }
static void typ_v1(struct attestation *t) { t->typ = "attReq"; }
static void signature_wrong(struct attestation *t) { t->break_signature = true; }
static void signed_by_another_key(struct attestation *t) { t->request_key = test_key(PRIVKEY_P256, 29); }
static void no_challenge(struct attestation *t) { t->leave_out = "challenge"; }
static void no_context(struct attestation *t) { t->leave_out = "service_context"; }
static void no_request_key(struct attestation *t) { t->leave_out = "request_key"; }
static void not_bound(struct attestation *t) { t->info = "{}"; }
static void bound_with_sha1(struct attestation *t) { t->info = "{\"tpm_quote\":{\"hash_alg\":\"sha-1\"}}"; }
static void enclave(struct attestation *t) { t->att_type = "vbs"; }
static void other_keys(struct attestation *t) { t->more_data = ",\"other_keys\":[{\"jwk\":{}},{\"jwk\":{}},{\"jwk\":{}}]"; }
static void other_key_by_quote(struct attestation *t)
{
    t->more_data = arena_printf(t->a, ",\"other_keys\":[{\"jwk\":%s,\"info\":{\"tpm_quote\":{\"hash_alg\":\"sha-256\"}}}]", t->jwk);
}
static void member_twice(struct attestation *t) { t->more_data = ",\"challenge\":\"AAAA\""; }
static void claim_of_wrong_type(struct attestation *t)
{
    t->more_data = ",\"custom_claims\":[{\"name\":\"x\",\"value\":\"1\",\"value_type\":\"integer\"}]";
}
static void weak_request_key(struct attestation *t)
{
    t->jwk =
        "{\"kty\":\"RSA\",\"n\":\"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1h"
        "GzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c\",\"e\":\"AQAB\"}";
}

/* ---- the quote ---------------------------------------------------------------------------------------------------------------- */

static void magic_wrong(struct attestation *t) { t->quote.attest.magic ^= 1; }
static void type_wrong(struct attestation *t) { t->quote.attest.type = TPM_ST_ATTEST_TIME; }
static void quote_trailing(struct attestation *t) { t->quote.trailing = BYTES_LIT("x"); }
static void quote_by_another_key(struct attestation *t) { t->quote_key = test_key(PRIVKEY_P256, 28); }
static void nonce_wrong(struct attestation *t)
{
    t->own_nonce = true;
    t->quote.attest.extra_data = BYTES_LIT("01234567890123456789012345678901");
}
static void nonce_empty(struct attestation *t)
{
    t->own_nonce = true;
    t->quote.attest.extra_data = BYTES_NONE;
}
/* The service must not write the key anew before it hashes it: blanks count. */
static void jwk_written_anew(struct attestation *t)
{
    t->bound_jwk = t->jwk;
    t->jwk = arena_printf(t->a, "{ %s", t->jwk + 1);
}
static void jwk_of_another_session(struct attestation *t)
{
    struct attestation other;

    if (!attestation_begin(t->f, t->vm, &other))
        abort();
    t->own_nonce = true;
    t->quote.attest.extra_data = other.challenge;
}
static void raced(struct attestation *t)
{
    struct pcr_set *quoted = ARENA_NEW(t->a, struct pcr_set);

    *quoted = t->shown;
    quoted->banks[0].value[10].value[0] ^= 1;
    t->quote.pcrs = quoted;
}
static void selection_differs(struct attestation *t) { t->quote.attest.selection.banks[0].mask &= ~(1u << 16); }
static void register_missing(struct attestation *t)
{
    t->shown.banks[0].present &= ~(1u << 16);
    t->quote.attest.selection.banks[0].mask &= ~(1u << 16);
}
static void only_sha1(struct attestation *t)
{
    t->shown = (struct pcr_set){ 0 };
    pcr_set_add_test_bank(&t->shown, DIGEST_SHA1, 0xffffff);
    pcr_selection_of(&t->shown, &t->quote.attest.selection);
}
static void no_quote(struct attestation *t) { t->leave_out = "quote"; }
static void no_signature(struct attestation *t) { t->leave_out = "signature"; }
static void no_registers(struct attestation *t) { t->leave_out = "pcrs"; }

/* ---- the key -------------------------------------------------------------------------------------------------------------------- */

static const char *some_jwk(struct attestation *t, const struct privkey *key)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *text;

    json_begin_object(&out, NULL);
    jwk_write_key(&out, privkey_public(key));
    json_end(&out);
    text = arena_string(t->a, writer_bytes(&w));
    return text ? text : "";
}
static void bare_key(struct attestation *t)
{
    t->aik_cert = BYTES_NONE;
    t->aik_pub = some_jwk(t, t->vm->ak);
}
static void no_key(struct attestation *t) { t->aik_cert = BYTES_NONE; }
static void bare_key_differs(struct attestation *t) { t->aik_pub = some_jwk(t, test_key(PRIVKEY_P256, 28)); }
static void certificate_garbled(struct attestation *t) { t->aik_cert = BYTES_LIT("not a certificate"); }
/* A CA of somebody else's with the right names and our VM's UUID. */
static void certificate_of_another_ca(struct attestation *t)
{
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    if (!ca_new("AK CA", fixture_time, &ca, &err) || !ca_issue_ak(ca, t->vm->uuid, privkey_public(t->vm->ak), fixture_time, &cert, &err) ||
        !arena_copy(t->a, cert->der, &t->aik_cert))
        abort();
}
/* A genuine certificate of ours for another purpose. */
static void certificate_of_a_server(struct attestation *t)
{
    static const char *const names[] = { "localhost" };
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    if (!ca_issue_tls_server(t->f->ak_ca, names, 1, privkey_public(t->vm->ak), fixture_time, CA_DAY_MS, &cert, &err) ||
        !arena_copy(t->a, cert->der, &t->aik_cert))
        abort();
}
static void certificate_expired(struct attestation *t)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    if (!ca_issue_ak(t->f->ak_ca, t->vm->uuid, privkey_public(t->vm->ak), fixture_time - 366 * CA_DAY_MS, &cert, &err) ||
        !arena_copy(t->a, cert->der, &t->aik_cert))
        abort();
}
/* CVE-2022-1053, attack I3: the VM enrolled another key since. The old one's certificate is genuine and valid. */
static void key_replaced(struct attestation *t)
{
    struct test_vm *vm = (struct test_vm *)t->vm;
    const struct privkey *old = vm->ak;

    if (!fixture_new_ak(t->f, vm, test_key(PRIVKEY_P256, 27)) || !fixture_enrol(t->f, vm))
        abort();
    t->quote_key = old;
}
/* ---- the log ---------------------------------------------------------------------------------------------------------------------- */

static void log_cut(struct attestation *t) { t->log.len -= 10; }
static void log_missing(struct attestation *t) { t->log = BYTES_NONE; }
static void log_of_another_boot(struct attestation *t)
{
    struct test_boot other;

    if (!test_boot_make(t->a, &(struct boot_shape){ .command_line = "/vmlinuz-6.1 init=/bin/sh" }, &other))
        abort();
    t->log = other.log;
}
static void log_record_too_long(struct attestation *t)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_bytes(&w, t->log);
    write_u32le(&w, 8);
    write_u32le(&w, 0x0d);
    write_u32le(&w, 1);
    write_u16le(&w, 0x000b);
    write_bytes(&w, (struct bytes){ t->log.data, 32 });
    write_u32le(&w, UINT32_MAX);
    if (!writer_ok(&w) || !arena_copy(t->a, writer_bytes(&w), &t->log))
        abort();
}
static void log_unreadable(struct attestation *t) { t->more_att = ",\"logs\":[{\"type\":\"TCG\",\"log\":\"!\"}]"; }

/* ---- the policy --------------------------------------------------------------------------------------------------------------------- */

static void secure_boot_off(struct attestation *t)
{
    struct test_boot *off = ARENA_NEW(t->a, struct test_boot);

    if (!off || !test_boot_make(t->a, &(struct boot_shape){ .secure_boot_off = true }, off))
        abort();
    t->log = off->log;
    t->shown = off->registers;
}

static const struct row rows[] = {
    { "context altered", context_altered, "challenge", "altered", NOTHING, NULL },
    { "context of another server", context_of_another_server, "challenge", "another server", NOTHING, NULL },
    { "context cut", context_cut, "challenge", "not one of ours", NOTHING, NULL },
    { "context expired", context_expired, "challenge", "expired", NOTHING, NULL },
    { "challenge differs", challenge_differs, "challenge", "challenge", NOTHING, NULL },
    { "alg none", alg_none, "untrusted", "request", NOTHING, NULL },
    { "alg HS256", alg_hs256, "unsupported", "request", NOTHING, NULL },
    { "alg of another key", alg_of_another_key, "untrusted", "request", NOTHING, NULL },
    { "typ unknown", typ_unknown, "malformed", "typ", NOTHING, NULL },
    { "typ of version 1", typ_v1, "unsupported", "attReqV2", NOTHING, NULL },
    { "signature wrong", signature_wrong, "untrusted", "request", NOTHING, NULL },
    { "signed by another key", signed_by_another_key, "untrusted", "request", NOTHING, NULL },
    { "no challenge", no_challenge, "malformed", "challenge", NOTHING, NULL },
    { "no service_context", no_context, "malformed", "service_context", NOTHING, NULL }, /* not "challenge": another one would not help */
    { "no request_key", no_request_key, "malformed", "request_key", NOTHING, NULL },
    { "key not bound", not_bound, "unsupported", "tpm_quote", NOTHING, NULL },
    { "key bound with SHA-1", bound_with_sha1, "unsupported", "hash_alg", NOTHING, NULL },
    { "enclave report", enclave, "unsupported", "att_type", NOTHING, NULL },
    { "three other_keys", other_keys, NULL, "other_keys", NOTHING, NULL },
    { "tpm_quote in other_keys", other_key_by_quote, NULL, "other_keys", NOTHING, NULL },
    { "a member twice", member_twice, "malformed", "twice", NOTHING, NULL },
    { "claim of a wrong type", claim_of_wrong_type, "malformed", "custom_claims[0]", NOTHING, NULL },
    { "request key of 1024 bits", weak_request_key, NULL, "request_key", NOTHING, NULL },
    { "magic wrong", magic_wrong, "quote.magic", "", NOTHING, NULL },
    { "type wrong", type_wrong, "quote.type", "", NOTHING, NULL },
    { "bytes behind the quote", quote_trailing, "quote.malformed", "", NOTHING, NULL },
    { "quote by another key", quote_by_another_key, "quote.signature", "", NOTHING, NULL },
    { "nonce wrong", nonce_wrong, "quote.nonce", "", NOTHING, NULL },
    { "nonce empty", nonce_empty, "quote.nonce", "", NOTHING, NULL },
    { "jwk written anew", jwk_written_anew, "quote.nonce", "", NOTHING, NULL },
    { "challenge of another session", jwk_of_another_session, "quote.nonce", "", NOTHING, NULL },
    { "registers raced", raced, "quote.pcr_digest", "", UNKNOWN, NULL },
    { "selection differs", selection_differs, "quote.selection", "", UNHEALTHY, NULL },
    { "a register of the mask missing", register_missing, "quote.pcr_missing", "missing: 16", UNHEALTHY, NULL },
    { "only SHA-1 registers", only_sha1, "quote.bank_weak", "", UNHEALTHY, NULL },
    { "no quote", no_quote, "malformed", "current_attestation: \"quote\"", NOTHING, NULL },
    { "no signature", no_signature, "malformed", "current_attestation: \"signature\"", NOTHING, NULL },
    { "no pcrs", no_registers, "malformed", "current_attestation: \"pcrs\"", NOTHING, NULL },
    { "a key that nobody vouches for", bare_key, "tpm.ak_untrusted", "", NOTHING, NULL },
    { "no key at all", no_key, "malformed", "aik", NOTHING, NULL },
    { "aik_pub is another key", bare_key_differs, "untrusted", "aik_pub", NOTHING, NULL },
    { "certificate garbled", certificate_garbled, NULL, "aik_cert", NOTHING, NULL },
    { "certificate of another CA", certificate_of_another_ca, "tpm.ak_untrusted", "", NOTHING, NULL },
    { "certificate of a TLS server", certificate_of_a_server, "tpm.ak_untrusted", "", NOTHING, NULL },
    { "certificate expired", certificate_expired, "tpm.ak_untrusted", "", NOTHING, NULL },
    { "key replaced by a later enrolment", key_replaced, "tpm.ak_replaced", "", NOTHING, NULL },
    { "log cut", log_cut, "log.truncated", "", UNHEALTHY, NULL },
    { "log of another boot", log_of_another_boot, "log.replay_mismatch", "", UNHEALTHY, NULL },
    { "log missing", log_missing, "log.missing", "", UNHEALTHY, NULL },
    { "a record that is longer than the log", log_record_too_long, NULL, "", UNHEALTHY, NULL },
    { "logs is no base64", log_unreadable, "malformed", "twice", NOTHING, NULL },
    { "Secure Boot off", secure_boot_off, "policy.denied", "Deny", UNHEALTHY, "PolicyEvaluationError" },
};

static void check_kept(struct fixture *f, const struct test_vm *vm, const struct answer *answer, const struct row *row)
{
    const char *verdict;
    size_t n = fixture_appraisals(f, vm->uuid, &verdict);
    const struct json *id = json_at(answer->json, "error", "trueboot", "appraisalId", NULL);

    CHECK_INT(n, row->kept != NOTHING);
    CHECK_STRING(verdict, row->kept == NOTHING ? "" : row->kept == UNKNOWN ? "Unknown" : "Unhealthy");
    if (row->kept != NOTHING)
        CHECK(id && id->type == JSON_STRING && id->string.len == 32);
}

/* What was vouched for is remembered, but no longer than the certificate holds. */
TEST(a_certificate_that_ran_out_after_it_was_last_seen_counts_no_more)
{
    enum { DAY_MS = 24 * 3600 * 1000 };
    static const struct {
        int64_t days;
        bool counts;
    } times[] = { { 0, true }, { 1, true }, { 364, true }, { 366, false } };
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    int64_t start = fixture_time;

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct attestation t;
        struct answer answer;

        fixture_time = start + times[i].days * DAY_MS;
        REQUIRE(attestation_begin(&f, vm, &t));
        attestation_send(&t, &answer);
        CHECK_INT(answer.status, times[i].counts ? 200 : 400);
        if (!times[i].counts)
            CHECK_STRING(answer.inner, "tpm.ak_untrusted");
    }
}

TEST(every_case_of_6_8_is_refused_and_keeps_what_it_should)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        FIXTURE(f);
        struct test_vm *vm = fixture_vm(&f, "web1");
        struct attestation t;
        struct answer answer;

        REQUIRE(attestation_begin(&f, vm, &t));
        row->spoil(&t);
        attestation_send(&t, &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, row->code ? row->code : "InvalidParameter");
        if (row->inner)
            CHECK_STRING(answer.inner, row->inner);
        CHECK(strstr(answer.message, row->says) != NULL);
        check_kept(&f, vm, &answer, row);
        if (test_failed()) {
            test_note("in the row: %s; answered: %u %s %s: %s", row->what, answer.status, answer.code, answer.inner, answer.message);
            return;
        }
    }
}

/* ---- the envelope -------------------------------------------------------------------------------------------------------------------- */

TEST(an_envelope_without_a_message_that_we_know_is_refused_and_named)
{
    static const struct {
        const char *body, *says;
    } bodies[] = {
        { "", "JSON" },
        { "{", "JSON" },
        { "[]", "data" },
        { "{}", "data" },
        { "{\"data\":1}", "data" },
        { "{\"data\":\"!!\"}", "data" },
        { "{\"data\":\"AAAA\"}", "data" },
        { "{\"data\":\"W10\"}", "data" },                /* [] */
        { "{\"data\":\"e30\"}", "neither" },             /* {} */
        { "{\"data\":\"eyJwYXlsb2FkIjoxfQ\"}", "data" }, /* {"payload":1} */
    };
    FIXTURE(f);

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct answer answer;
        fixture_call(&f, &(struct call){ .method = "POST", .path = "/attest/Tpm" FIXTURE_API, .body = bytes_of_string(bodies[i].body) },
                     &answer);
        CHECK_INT(answer.status, 400);
        CHECK_STRING(answer.code, "InvalidParameter");
        if (!strstr(answer.message, bodies[i].says))
            test_note("%s: %s", bodies[i].body, answer.message);
        CHECK(strstr(answer.message, bodies[i].says) != NULL);
    }
}

TEST(messages_of_other_kinds_are_refused)
{
    static const char *const messages[] = { "{\"type\":\"aik\"}",      "{\"type\":\"AIKCERT\"}",       "{\"type\":1}",
                                            "{\"request\":1}",         "{\"request\":\"\"}",           "{\"request\":\"a.b\"}",
                                            "{\"request\":\"a.b.c\"}", "{\"request\":\"e30.e30.e30\"}" };
    FIXTURE(f);

    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        for (int bare = 0; bare < 2; bare++) {
            struct answer answer;
            attest_post(&f, attestation_envelope(&f.a, messages[i], bare), &answer);
            CHECK_INT(answer.status, 400);
            CHECK_STRING(answer.code, "InvalidParameter");
        }
}

TEST(a_request_cut_anywhere_is_refused_and_leaves_nothing)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct attestation t;
    struct bytes whole;

    REQUIRE(attestation_begin(&f, vm, &t));
    whole = attestation_envelope(t.a, attestation_message(&t), false);
    for (size_t n = 0; n < whole.len; n += n < 100 || n + 100 > whole.len ? 1 : 97) {
        struct bytes cut = exact_copy(bytes_slice(whole, 0, n));
        struct arena a CLEANUP(arena_done) = { 0 };
        struct answer answer;
        fixture_call(&f, &(struct call){ .method = "POST", .path = "/attest/Tpm" FIXTURE_API, .body = cut, .arena = &a }, &answer);
        CHECK_INT(answer.status, 400);
        free((void *)cut.data);
    }
    CHECK_INT(fixture_appraisals(&f, vm->uuid, NULL), 0);
}
