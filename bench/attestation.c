/* One attestation of the demo VM's evidence, step by step, next to what OpenSSL needs for its crypto: one RSA-2048 verification for each
 * signature checked, SHA-256 over what is hashed, one signature of the token, one of the record. What that denominator holds is printed.
 *
 * The steps are those of attestation/protocol/attest.c in its order; the whole is attest_tpm() itself, so that the two can be compared. */
#include <stdio.h>
#include <stdlib.h>
#include "attestation/protocol/attest.h"
#include "attestation/protocol/message.h"
#include "attestation/protocol/record.h"
#include "attestation/protocol/token.h"
#include "base/hex.h"
#include "bench.h"
#include "bootchain/chain/plain.h"
#include "crypto/random.h"
#include "demo_vm.h"
#include "eventlog/replay/replay.h"
#include "openssl_figures.h"
#include "tpm/quote.h"

enum { ROUNDS = 200, WARM_UP = 10, SIGNATURES_CHECKED = 2 /* the request's and the quote's; the key's chain is cached */ };

/* clang-format off */
#define STEPS(X)                                                                                   \
    X(MESSAGE,   "message: JSON body, base64, envelope")                                           \
    X(REQUEST,   "request: JWS taken apart, payload read, evidence hashed")                        \
    X(CHALLENGE, "challenge: opened, used up")                                                     \
    X(JWS,       "request's signature (PS256)")                                                    \
    X(VOUCH,     "attestation key: certificate recalled, bare key compared")                       \
    X(IDENTIFY,  "whose key: one row read from the database")                                      \
    X(QUOTE,     "quote: checks, signature (RS256)")                                               \
    X(LOG,       "event log read")                                                                 \
    X(REPLAY,    "registers replayed, events proved")                                              \
    X(CHAIN,     "what the events mean: facts, components, findings")                              \
    X(POLICY,    "words for people, claims, policy")                                               \
    X(TOKEN,     "token: claims written, signed (RS256)")                                          \
    X(ANSWER,    "answer: envelope, base64")
/* clang-format on */

enum step {
#define X(name, text) STEP_##name,
    STEPS(X)
#undef X
        STEPS_COUNT
};

static const char *const step_texts[] = {
#define X(name, text) text,
    STEPS(X)
#undef X
};

struct hashed { /* bytes */
    size_t request, quote, events, extends, evidence, keys, token, record;
};

struct run {
    struct demo_vm *demo;
    struct openssl_figures *openssl;
    struct series steps[STEPS_COUNT], whole_appraise, record, stored, verify, sign, es256, hash, hash_record, token_es256;
    struct provider es256_provider; /* the shared one with another token profile */
    struct hashed hashed;
    struct appraised appraised;
    size_t body_len, evidence_len, token_len, record_len, n_events;
    size_t arena_used;
};

/* What one pass through the steps leaves behind. */
struct pass {
    struct arena *a;
    struct attest_message message;
    struct jws jws;
    struct attest_request request;
    struct vouched_key ak;
    struct trust_store *roots;
    const struct policy_claim *claims;
    size_t n_claims;
    struct digest nonce_space;
    struct bytes nonce;
};

static void pass_done(struct pass *p)
{
    attest_request_done(&p->request);
    trust_store_free(p->roots);
    vouched_key_done(&p->ak);
}

static bool read_steps(struct run *r, struct pass *p, const struct http_request *http, struct err *err)
{
    struct attestation_service *s = &r->demo->service;
    double last = cpu_us();
    const struct json *body;
    const struct verified_jws *verified;
    struct open_challenge challenge;
    int64_t now = s->now_ms();

    if (!http_body_json(http, NULL, &body, err) || !attest_message_read(p->a, body, &p->message, err))
        return false;
    series_lap(&r->steps[STEP_MESSAGE], &last);
    if (!jws_parse(p->a, p->message.request, LIMIT_ATTEST_BODY_BYTES, &p->jws, err) ||
        !attest_request_read(p->a, &p->jws, false, &p->request, err))
        return false;
    series_lap(&r->steps[STEP_REQUEST], &last);
    if (!challenge_open(s->challenges, s->issuer, p->request.service_context, now, &challenge, err) ||
        !challenge_use(s->challenges, &challenge, now, err))
        return false;
    series_lap(&r->steps[STEP_CHALLENGE], &last);
    if (!jws_verify(p->a, &p->jws, p->request.request_key.jwk.key, JWS_ALLOW(JWS_PS256), &verified, err))
        return false;
    series_lap(&r->steps[STEP_JWS], &last);
    p->roots = trust_slot_get(s->ak_roots);
    if (!vouch_for(s->vouched, p->roots, p->request.current.aik_cert, p->request.current.aik_pub, now, &p->ak, err))
        return false;
    series_lap(&r->steps[STEP_VOUCH], &last);
    return true;
}

/* As identify_vm of attest.c. */
static bool identify_step(struct run *r, struct pass *p, struct err *err)
{
    struct store_identity identity;
    double last = cpu_us();

    if (!store_identity_active(r->demo->service.store, p->a, DEMO_VM_UUID, &identity, err))
        return false;
    if (!bytes_equal(identity.ak_cert, p->ak.cert->der))
        return err_set(err, ERR_INTERNAL, "the demo VM's key is another");
    series_lap(&r->steps[STEP_IDENTIFY], &last);
    return true;
}

/* Certificates whose fingerprints name the keys of a boot. */
static size_t keys_len(const struct bootchain *c)
{
    const struct boot_keys *const lists[] = { &c->pk, &c->kek, &c->db, &c->dbx, &c->dbr, &c->mok_list, &c->mok_listx };
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (size_t k = 0; k < lists[i]->n; k++)
            len += lists[i]->items[k].kind == KEY_CERTIFICATE ? lists[i]->items[k].data.len : 0;
    for (size_t i = 0; i < c->n_authorities; i++)
        len += c->authorities[i].key.kind == KEY_CERTIFICATE ? c->authorities[i].key.data.len : 0;
    return len;
}

static bool appraise_steps(struct run *r, struct pass *p, struct err *err)
{
    const struct evidence *e = &p->request.current;
    const struct quote_claim claim = { .attest = e->quote, .signature = e->signature, .form = SIGNATURE_FORM_TPMT, .pcrs = &e->pcrs };
    struct quote_expectations want = { .ak = p->ak.key, .nonce = p->nonce, .required_pcr_mask = 0xffffff };
    struct findings findings = { .arena = p->a };
    struct bootchain *chain = ARENA_NEW(p->a, struct bootchain);
    const struct verified_quote *quote;
    const struct replayed_log *replayed;
    struct eventlog log;
    double last = cpu_us();

    if (!chain)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!quote_verify(p->a, &claim, &want, &findings, &quote, err))
        return false;
    registers_judge(verified_quote_pcrs(quote), &findings);
    series_lap(&r->steps[STEP_QUOTE], &last);
    if (!eventlog_parse(p->a, e->logs[0].content, &log, err))
        return false;
    series_lap(&r->steps[STEP_LOG], &last);
    if (!replay_verify(p->a, &log, verified_quote_pcrs(quote), NULL, &findings, &replayed, err))
        return false;
    series_lap(&r->steps[STEP_REPLAY], &last);
    if (!bootchain_read(p->a, replayed, NULL, &findings, chain, err))
        return false;
    series_lap(&r->steps[STEP_CHAIN], &last);

    r->n_events = log.n_events;
    r->hashed.keys = keys_len(chain);
    r->hashed.evidence = e->raw.len;
    r->hashed.quote = e->quote.len + LIMIT_PCRS * digest_len(DIGEST_SHA256);
    r->hashed.events = r->hashed.extends = 0;
    for (size_t i = 0; i < log.n_events; i++) {
        bool extends = log.events[i].type != EVENT_TYPE(EV_NO_ACTION) && log.events[i].pcr < LIMIT_PCRS;
        r->hashed.events += replayed_proved(replayed, i).len;
        r->hashed.extends += extends ? 2 * digest_len(DIGEST_SHA256) : 0;
    }
    return true;
}

static bool token_steps(struct run *r, struct pass *p, struct err *err)
{
    struct attestation_service *s = &r->demo->service;
    struct appraise_request request = { .evidence = &p->request.current,
                                        .form = SIGNATURE_FORM_TPMT,
                                        .ak = p->ak.key,
                                        .ak_trusted = p->ak.trusted,
                                        .nonce = p->nonce,
                                        .policy = r->demo->provider->policies[PROVIDER_TPM].policy,
                                        .now_ms = s->now_ms() };
    struct writer message CLEANUP(writer_done) = { 0 }, answer CLEANUP(writer_done) = { 0 };
    struct json_out inner = json_out_to(&message, JSON_COMPACT), out = json_out_to(&answer, JSON_COMPACT);
    char jti[TOKEN_JTI_LEN];
    struct bytes token, other;
    double last = cpu_us();

    if (!appraise(p->a, &request, &r->appraised, err))
        return false;
    series_lap(&r->whole_appraise, &last);
    if (r->appraised.appraisal.decision != DECISION_PERMITTED)
        return err_set(err, ERR_INTERNAL, "the demo VM's evidence is refused: %s",
                       r->appraised.appraisal.findings.n ? r->appraised.appraisal.findings.items[0].text : "no finding says why");
    memcpy(r->appraised.appraisal.vm, DEMO_VM_UUID, sizeof DEMO_VM_UUID);
    r->appraised.appraisal.provider = s->issuer;
    r->appraised.appraisal.policy_hash = r->demo->provider->policies[PROVIDER_TPM].hash;
    if (!report_token_make(s, r->demo->provider, p->a, &r->appraised, &p->request, &token, jti, err))
        return false;
    series_lap(&r->steps[STEP_TOKEN], &last);
    if (!report_token_make(s, &r->es256_provider, p->a, &r->appraised, &p->request, &other, jti, err))
        return false;
    series_lap(&r->token_es256, &last);
    last = cpu_us();
    json_begin_object(&inner, NULL);
    json_put_bytes(&inner, "report", token);
    json_end(&inner);
    attest_message_write(&out, &p->message, writer_bytes(&message));
    series_lap(&r->steps[STEP_ANSWER], &last);
    r->token_len = token.len;
    r->hashed.token = token.len;
    return writer_ok(&answer) || err_set(err, ERR_NO_MEMORY, "no memory for an answer");
}

/* The record: written and signed; storing it is not in here. */
static bool record_step(struct run *r, struct pass *p, struct err *err)
{
    struct appraisal *appraisal = &r->appraised.appraisal;
    uint8_t id[(APPRAISAL_ID_LEN - 1) / 2];
    double last = cpu_us();
    struct bytes record;

    if (!random_bytes(id, sizeof id, err))
        return false;
    hex_encode(BYTES_OF(id), appraisal->id);
    if (!record_make(&r->demo->service, p->a, appraisal, &record, err))
        return false;
    series_lap(&r->record, &last);
    r->record_len = r->hashed.record = record.len;
    return true;
}

static bool pass_through_steps(struct run *r, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct pass p CLEANUP(pass_done) = { .a = &a };
    struct http_request http = { .arena = &a, .method = "POST" };

    if (!demo_vm_request(r->demo, &a, &http.body, err) || !read_steps(r, &p, &http, err))
        return false;
    p.nonce = attest_request_nonce(&p.request, &p.nonce_space);
    r->body_len = http.body.len;
    r->evidence_len = p.request.current.raw.len;
    r->hashed.request = p.jws.signing_input.len + r->demo->request_jwk.len + 1 + CHALLENGE_LEN;
    return identify_step(r, &p, err) && appraise_steps(r, &p, err) && token_steps(r, &p, err) && record_step(r, &p, err);
}

/* attest_tpm as the HTTP server calls it. With `stored` the VM is known: its record is signed and stored, on disk. */
static bool whole(struct run *r, struct series *into, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct arena own CLEANUP(arena_done) = { 0 };
    struct http_request http = { .arena = &own, .method = "POST" };
    struct http_response response = { .arena = &own, .status = 200 };
    double last;
    bool fine;

    if (!demo_vm_request(r->demo, &a, &http.body, err))
        return false;
    last = cpu_us();
    fine = attest_tpm(&r->demo->service, r->demo->provider, &http, &response, err);
    series_lap(into, &last);
    if (fine && response.status != 200)
        fine = err_set(err, ERR_INTERNAL, "answered with %u: %.*s", response.status,
                       BYTES_FMT(bytes_slice(writer_bytes(&response.body), 0, 200)));
    r->arena_used = own.used;
    writer_done(&response.body);
    return fine;
}

static bool figures(struct run *r, struct err *err)
{
    const struct hashed *h = &r->hashed;
    double last = cpu_us();
    bool fine = openssl_verify_rsa2048(r->openssl);

    series_lap(&r->verify, &last);
    fine = openssl_sign_rs256(r->openssl) && fine;
    series_lap(&r->sign, &last);
    fine = openssl_sign_es256(r->openssl) && fine;
    series_lap(&r->es256, &last);
    fine = openssl_sha256(r->openssl, h->request + h->quote + h->events + h->extends + h->evidence + h->keys + h->token) && fine;
    series_lap(&r->hash, &last);
    fine = openssl_sha256(r->openssl, h->record) && fine;
    series_lap(&r->hash_record, &last);
    return fine || err_set(err, ERR_INTERNAL, "libcrypto failed");
}

static bool measure(struct run *r, int rounds, struct err *err)
{
    for (int i = 0; i < rounds; i++)
        if (!pass_through_steps(r, err) || !whole(r, &r->stored, err) || !figures(r, err))
            return false;
    return true;
}

static void forget_samples(struct run *r)
{
    struct series *all[] = { &r->whole_appraise, &r->record, &r->stored,      &r->verify,     &r->sign,
                             &r->es256,          &r->hash,   &r->hash_record, &r->token_es256 };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        all[i]->n = 0;
    for (size_t i = 0; i < STEPS_COUNT; i++)
        r->steps[i].n = 0;
}

static double step_us(const struct run *r, enum step step)
{
    double inside = 0;

    if (step != STEP_POLICY)
        return series_median(&r->steps[step]);
    for (enum step s = STEP_QUOTE; s <= STEP_CHAIN; s++)
        inside += series_median(&r->steps[s]);
    return series_median(&r->whole_appraise) - inside;
}

static void print_ratio(const char *what, double openssl, double ours)
{
    printf("  %-58s %10.1f us  = %.0f %% OpenSSL\n", what, ours, 100 * openssl / ours);
}

static void report_bound(const struct run *r)
{
    const struct hashed *h = &r->hashed;

    printf(" OpenSSL alone: what the bounds below are made of\n");
    print_row("RSA-2048 verification, for each of 2 signatures", series_median(&r->verify), 0);
    print_row("RS256 signature", series_median(&r->sign), 0);
    print_row("ES256 signature", series_median(&r->es256), 0);
    print_row("SHA-256, in one piece, over all that is hashed", series_median(&r->hash), 0);
    printf(
        "    signed request %zu, evidence %zu, quote and registers %zu, event data %zu, extends %zu, certificates of keys %zu, token %zu "
        "bytes\n",
        h->request, h->evidence, h->quote, h->events, h->extends, h->keys, h->token);
    print_row("SHA-256 over the record", series_median(&r->hash_record), 0);
}

static void report(const struct run *r)
{
    double es256 = series_median(&r->es256), record = series_median(&r->record), steps = 0, rs256_steps, es256_steps;
    double common = SIGNATURES_CHECKED * series_median(&r->verify) + series_median(&r->hash),
           rs256_bound = common + series_median(&r->sign);
    double es256_bound = common + es256, record_bound = es256 + series_median(&r->hash_record);

    print_heading("1. One attestation in this process, default policy");
    printf("  evidence: %s, %zu bytes, %zu events, bank sha256; body %zu bytes\n", r->demo->log_name, r->demo->log.len, r->n_events,
           r->body_len);
    report_bound(r);
    printf(" ours, step by step; share of the sum of steps\n");
    for (enum step s = 0; s < STEPS_COUNT; s++)
        steps += step_us(r, s);
    for (enum step s = 0; s < STEPS_COUNT; s++)
        print_row(step_texts[s], step_us(r, s), steps);
    print_row("the appraisal record: written and signed (ES256)", record, 0);
    rs256_steps = steps;
    es256_steps = steps - step_us(r, STEP_TOKEN) + series_median(&r->token_es256);
    printf(" against the bound (2 verifications + SHA-256 + the token's signature; with the record: + its SHA-256 and signature)\n");
    print_ratio("RS256: verified, judged, token issued", rs256_bound, rs256_steps);
    print_ratio("RS256, with the record", rs256_bound + record_bound, rs256_steps + record);
    print_ratio("ES256: verified, judged, token issued", es256_bound, es256_steps);
    print_ratio("ES256, with the record", es256_bound + record_bound, es256_steps + record);
    print_ratio("attest_tpm() whole, RS256, record stored by SQLite", rs256_bound + record_bound, series_median(&r->stored));
    printf("    the token is %zu, the record %zu bytes; arena %zu KiB, %.1f x the body\n", r->token_len, r->record_len,
           r->arena_used / 1024, (double)r->arena_used / (double)r->body_len);
}

bool bench_attestation(struct openssl_figures *openssl, struct err *err)
{
    struct demo_vm *demo CLEANUP(demo_vm_free_at) = NULL;
    struct run *r;
    bool fine;

    if (!demo_vm_new(&demo, err))
        return false;
    if (!demo) {
        print_heading("1. One attestation in this process");
        printf("  left out: neither tests/data/boots/clean.log nor the shared data is here\n");
        return true;
    }
    r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_NO_MEMORY, "no memory for samples");
    r->demo = demo;
    memcpy(&r->es256_provider, demo->provider, sizeof r->es256_provider);
    r->es256_provider.token_profile = TOKENS_ES256;
    r->openssl = openssl;
    fine = measure(r, WARM_UP, err);
    forget_samples(r);
    fine = fine && measure(r, ROUNDS, err);
    if (fine)
        report(r);
    free(r);
    return fine;
}
