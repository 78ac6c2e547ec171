#define _GNU_SOURCE
#include "demo_vm.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "bench.h"
#include "eventlog/replay/replay.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "keystore/keystore.h"
#include "support/quote_builder.h"

enum { VOUCH_ENTRIES = 1024, KEEP_EVIDENCE = 5, FOLDERS_OPEN = 8 };
static const char issuer[] = "https://localhost:8443", in_memory[] = "/dev/shm";
static int64_t now_ms;

int64_t demo_vm_now_ms(void) { return now_ms; }

void demo_vm_wait_ms(int64_t duration_ms) { now_ms += duration_ms; }

/* ---- evidence ---- */

static bool find_log(struct demo_vm *d, bool *ret_found, struct err *err)
{
    static const char shared_log[] = "boot-logs/debian-sb-sha256-only/binary_bios_measurements";
    const char *path = source_file("tests/data/boots/clean.log");

    d->log_name = "tests/data/boots/clean.log";
    if (!path) {
        path = shared_file(shared_log);
        d->log_name = shared_log;
    }
    *ret_found = path != NULL;
    return !path || file_read_in(&d->arena, path, LIMIT_LOG_BYTES, &d->log, err);
}

/* The registers of the SHA-256 bank as the log leaves them; those that it does not touch have their reset value. */
static bool replay_log(struct demo_vm *d, struct err *err)
{
    struct eventlog log;
    struct pcr_set all;
    const struct pcr_bank *bank;

    if (!eventlog_parse(&d->arena, d->log, &log, err))
        return false;
    replay_compute(&log, &all);
    bank = pcr_bank_find(&all, DIGEST_SHA256);
    if (!bank)
        return err_set(err, ERR_UNSUPPORTED, "%s has no SHA-256 bank", d->log_name);
    d->pcrs.n_banks = 1;
    d->pcrs.banks[0] = *bank;
    d->pcrs.banks[0].present = (1u << LIMIT_PCRS) - 1;
    return true;
}

static void put_registers(struct json_out *out, const struct pcr_bank *bank)
{
    json_begin_array(out, "pcrs");
    json_begin_object(out, NULL);
    json_put_integer(out, "algorithm", digest_tpm_id(bank->algorithm));
    json_begin_array(out, "values");
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        json_begin_object(out, NULL);
        json_put_integer(out, "index", pcr);
        json_put_base64url(out, "digest", digest_bytes(&bank->value[pcr]));
        json_end(out);
    }
    json_end(out);
    json_end(out);
    json_end(out);
}

static void put_evidence(struct json_out *out, const struct demo_vm *d, const struct built_quote *quote)
{
    json_begin_object(out, "current_attestation");
    json_begin_array(out, "logs");
    json_begin_object(out, NULL);
    json_put_string(out, "type", "TCG");
    json_put_base64url(out, "log", d->log);
    json_end(out);
    json_end(out);
    json_put_base64url(out, "aik_cert", d->ak_cert->der);
    json_begin_object(out, "aik_pub");
    jwk_write_key(out, privkey_public(d->ak));
    json_end(out);
    put_registers(out, &d->pcrs.banks[0]);
    json_put_base64url(out, "quote", quote->attest);
    json_put_base64url(out, "signature", quote->signature);
    json_end(out);
}

/* The members in the order of our agent. */
static void write_payload(struct writer *w, const struct demo_vm *d, struct bytes challenge, struct bytes context,
                          const struct built_quote *quote)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "att_type", "basic");
    json_begin_object(&out, "att_data");
    json_put_string(&out, "rp_data", "bm9uY2Utb2YtYS1tb25pdG9y");
    json_put_base64url(&out, "challenge", challenge);
    json_begin_object(&out, "tpm_att_data");
    put_evidence(&out, d, quote);
    json_end(&out);
    json_begin_object(&out, "request_key");
    json_put_raw(&out, "jwk", d->request_jwk);
    json_begin_object(&out, "info");
    json_begin_object(&out, "tpm_quote");
    json_put_string(&out, "hash_alg", "sha-256");
    json_end(&out);
    json_end(&out);
    json_end(&out);
    json_put_base64url(&out, "service_context", context);
    json_end(&out);
    json_end(&out);
}

static bool quote(struct demo_vm *d, struct arena *a, struct bytes challenge, struct built_quote *ret, struct err *err)
{
    const struct bytes parts[] = { d->request_jwk, { (const uint8_t *)"", 1 }, challenge };
    struct quote_builder *builder = ARENA_NEW(a, struct quote_builder);
    struct digest nonce;

    if (!builder)
        return err_set(err, ERR_NO_MEMORY, "no memory for a quote");
    digest_compute_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &nonce);
    quote_builder_init(builder, d->ak, &d->pcrs, digest_bytes(&nonce));
    return quote_builder_sign(a, builder, d->ak, ret, err);
}

/* {"data": b64u({"payload":{"request": JWS}})} */
static bool write_body(struct arena *a, struct bytes jws, struct bytes *ret, struct err *err)
{
    struct writer inner CLEANUP(writer_done) = { 0 }, body CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&body, JSON_COMPACT);

    write_string(&inner, "{\"payload\":{\"request\":\"");
    write_bytes(&inner, jws);
    write_string(&inner, "\"}}");
    json_begin_object(&out, NULL);
    json_put_base64url(&out, "data", writer_bytes(&inner));
    json_end(&out);
    return (writer_ok(&inner) && writer_ok(&body) && arena_copy(a, writer_bytes(&body), ret)) ||
           err_set(err, ERR_NO_MEMORY, "no memory for a request");
}

bool demo_vm_answer(struct demo_vm *d, struct arena *a, struct bytes challenge, struct bytes context, struct bytes *ret_body,
                    struct err *err)
{
    struct writer payload CLEANUP(writer_done) = { 0 };
    struct built_quote built;
    struct bytes jws;

    if (!quote(d, a, challenge, &built, err))
        return false;
    write_payload(&payload, d, challenge, context, &built);
    return (writer_ok(&payload) || err_set(err, ERR_NO_MEMORY, "no memory for a request")) &&
           jws_sign(a, d->request_key, JWS_PS256, BYTES_LIT("{\"alg\":\"PS256\",\"typ\":\"attReqV2\"}"), writer_bytes(&payload), &jws,
                    err) &&
           write_body(a, jws, ret_body, err);
}

bool demo_vm_request(struct demo_vm *d, struct arena *a, struct bytes *ret_body, struct err *err)
{
    uint8_t challenge[CHALLENGE_LEN];
    struct bytes context;

    return challenge_make(d->service.challenges, d->service.issuer, now_ms, a, challenge, &context, err) &&
           demo_vm_answer(d, a, BYTES_OF(challenge), context, ret_body, err);
}

/* ---- the service ---- */

static bool make_keys(struct demo_vm *d, struct err *err)
{
    struct attestation_service *s = &d->service;
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    if (!keystore_ca(d->folder, "ca", NULL, "bench CA", now_ms, &d->root_ca, err) ||
        !keystore_ca(d->folder, "ak-ca", d->root_ca, "bench AK CA", now_ms, &d->ak_ca, err) ||
        !keystore_ca(d->folder, "token-ca", d->root_ca, "bench token CA", now_ms, &d->token_ca, err) ||
        !keyring_open(d->folder, KEY_USE_REPORT, d->token_ca, issuer, now_ms, &s->keys[KEY_USE_REPORT], err) ||
        !keyring_open(d->folder, KEY_USE_REPORT_ES256, d->token_ca, issuer, now_ms, &s->keys[KEY_USE_REPORT_ES256], err) ||
        !keyring_open(d->folder, KEY_USE_RECORD, d->token_ca, issuer, now_ms, &s->keys[KEY_USE_RECORD], err) ||
        !privkey_generate(PRIVKEY_RSA_2048, &d->ak, err) || !privkey_generate(PRIVKEY_RSA_2048, &d->request_key, err) ||
        !ca_issue_ak(d->ak_ca, DEMO_VM_UUID, privkey_public(d->ak), now_ms, &d->ak_cert, err))
        return false;
    json_begin_object(&out, NULL);
    jwk_write_key(&out, privkey_public(d->request_key));
    json_end(&out);
    return (writer_ok(&w) && arena_copy(&d->arena, writer_bytes(&w), &d->request_jwk)) ||
           err_set(err, ERR_NO_MEMORY, "no memory for a key");
}

static bool trust_ak_ca(struct demo_vm *d, struct err *err)
{
    const struct trust_entry entry = { TRUST_CA, ca_cert(d->ak_ca, 0) };
    struct trust_store *roots;

    return trust_store_new(&entry, 1, &roots, err) && trust_slot_new(roots, &d->service.ak_roots, err);
}

static bool enrol(struct demo_vm *d, struct err *err)
{
    const struct store_vm vm = {
        .vm = DEMO_VM_UUID, .name = "demo", .created_ms = now_ms, .security_type = "TrustedLaunch", .secure_boot = true, .vtpm = true
    };
    const struct store_identity identity = { .vm = DEMO_VM_UUID,
                                             .ak_name = "000b5e1f00000000000000000000000000000000000000000000000000000000beef",
                                             .ak_cert = d->ak_cert->der,
                                             .enrolled_ms = now_ms };
    char file[96];

    snprintf(file, sizeof file, "%s/trueboot.db", d->folder);
    return store_open(file, &d->service.store, err) && store_vm_create(d->service.store, &vm, err) &&
           store_identity_register(d->service.store, &identity, NULL, err);
}

static bool start(struct demo_vm *d, struct err *err)
{
    struct attestation_service *s = &d->service;
    struct providers_config providers = { .shared_name = "shared", .shared_issuer = issuer, .shared_location = "local" };

    s->issuer = issuer;
    s->provider = "shared";
    s->keep_evidence = KEEP_EVIDENCE;
    s->now_ms = demo_vm_now_ms;
    if (!make_keys(d, err) || !trust_ak_ca(d, err) || !enrol(d, err))
        return false;
    providers.store = s->store;
    if (!providers_new(&providers, &s->providers, err))
        return false;
    d->provider = providers_shared(s->providers);
    return vouch_cache_new(VOUCH_ENTRIES, &s->vouched, err) && challenges_new(&s->challenges, err);
}

bool demo_vm_new(struct demo_vm **ret, struct err *err)
{
    struct demo_vm *d CLEANUP(demo_vm_free_at) = calloc(1, sizeof *d);
    const char *temporary = getenv("TMPDIR");
    bool found;

    *ret = NULL;
    if (!d)
        return err_set(err, ERR_NO_MEMORY, "no memory for the demo VM");
    now_ms = clock_now_ms();
    snprintf(d->folder, sizeof d->folder, "%.40s/trueboot-bench-XXXXXX",
             temporary                      ? temporary
             : access(in_memory, W_OK) == 0 ? in_memory
                                            : "/tmp");
    if (!find_log(d, &found, err))
        return false;
    if (!found)
        return true;
    if (!mkdtemp(d->folder)) {
        d->folder[0] = '\0';
        return err_set(err, ERR_IO, "cannot make a temporary folder");
    }
    if (!replay_log(d, err) || !start(d, err))
        return false;
    *ret = TAKE(d);
    return true;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *where UNUSED) { return remove(path); }

void demo_vm_free(struct demo_vm *d)
{
    if (!d)
        return;
    for (enum key_use use = 0; use < KEY_USE_COUNT; use++)
        keyring_free(d->service.keys[use]);
    provider_free(d->provider);
    providers_free(d->service.providers);
    vouch_cache_free(d->service.vouched);
    challenges_free(d->service.challenges);
    if (d->service.ak_roots)
        trust_slot_free(d->service.ak_roots);
    store_close(d->service.store);
    cert_free(d->ak_cert);
    privkey_free(d->ak);
    privkey_free(d->request_key);
    ca_free(d->token_ca);
    ca_free(d->ak_ca);
    ca_free(d->root_ca);
    if (d->folder[0])
        nftw(d->folder, remove_one, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
    arena_done(&d->arena);
    free(d);
}

void demo_vm_free_at(struct demo_vm **demo) { demo_vm_free(*demo); }
