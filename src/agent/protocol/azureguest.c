#include "agent/protocol/azureguest.h"
#include "agent/evidence/log_check.h"
#include "agent/machine/os_release.h"
#include "agent/protocol/sealed_token.h"
#include "agent/tpm/sealed_key.h"
#include "base/base64.h"
#include "base/hex.h"
#include "eventlog/log/trim.h"

enum { PCRS_LINUX = 0xff, PCRS_AZURE_LOCAL = 0x8ff, PCRS_WINDOWS = 0x78ff }; /* 2.6 */

/* One attestation under way. Everything lives in the arena, but for the key in the TPM. */
struct exchange {
    struct tpm_device *tpm;
    struct server *server;
    const struct azureguest_request *request;
    struct arena *a;
    struct attest_result *result;
    struct os_release os;
    uint32_t mask;
    struct evidence_logs logs;
    struct bytes log;     /* as sent */
    struct bytes payload; /* ClientPayload, compact JSON */
    struct sealed_key key;
    struct bytes certify, certify_signature;
};

static bool out_of_memory(struct failure *why) { return failure_set(why, FAILURE_NO_MEMORY, "out of memory"); }

/* Address. */

char *azureguest_path(struct arena *a, const char *endpoint)
{
    const char *path = strstr(endpoint, "/attest/") ? "" : "/attest/AzureGuest";
    const char *query = strchr(endpoint, '?');

    if (query && strstr(query, "api-version="))
        return arena_printf(a, "%s", path);
    return arena_printf(a, "%s%capi-version=2020-10-01", path, query ? '&' : '?');
}

/* ClientPayload and what binds it. */

static void put_base64(struct json_out *out, const char *name, struct bytes b)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    base64_write(&w, BASE64_STANDARD, b);
    json_put_bytes(out, name, writer_bytes(&w));
    out->to->bad = out->to->bad || !writer_ok(&w);
}

static void put_base64_text(struct json_out *out, const char *name, const char *text) { put_base64(out, name, bytes_of_string(text)); }

static bool write_client_payload(struct exchange *x, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL); /* keys in byte order: this text is hashed */
    if (x->request->arm_id && *x->request->arm_id)
        put_base64_text(&out, "ArmID", x->request->arm_id);
    if (x->request->nonce.len)
        put_base64(&out, "nonce", x->request->nonce);
    json_end(&out);
    return writer_ok(&w) && arena_copy(x->a, writer_bytes(&w), &x->payload) ? true : out_of_memory(why);
}

void azureguest_bind(struct bytes nonce, struct bytes enc_key_pub, struct bytes log, struct bytes client_payload, struct digest *ret)
{
    struct digest key, logs, payload;

    digest_compute(DIGEST_SHA256, enc_key_pub, &key);
    digest_compute(DIGEST_SHA256, log, &logs);
    digest_compute(DIGEST_SHA256, client_payload, &payload);
    const struct bytes parts[] = { BYTES_LIT("trueboot-bind-1\0"), nonce, digest_bytes(&key), digest_bytes(&logs), digest_bytes(&payload) };
    digest_compute_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), ret);
}

/* Log. */

static bool trim_log(struct exchange *x, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_AZUREGUEST_LOG_BYTES };
    struct err err = ERR_INIT;
    struct eventlog log;

    if (!eventlog_parse(x->a, x->log, &log, &err) || !eventlog_trim(&log, x->mask, &w, &err)) {
        failure_from(why, FAILURE_LOG_TOO_LARGE, &err);
        return failure_within(why, "the firmware log has %zu bytes, AzureGuest takes %d", x->log.len, LIMIT_AZUREGUEST_LOG_BYTES);
    }
    return arena_copy(x->a, writer_bytes(&w), &x->log) ? true : out_of_memory(why);
}

static bool collect_log(struct exchange *x, struct failure *why)
{
    struct evidence_sources sources = *x->request->sources;
    struct evidence_logs logs;
    struct digest digest;

    sources.systemd_log = ""; /* the protocol has no place for these */
    sources.with_ima = false;
    if (!evidence_collect_logs(&sources, x->a, &logs, why))
        return false;
    if (logs.firmware_state == LOG_STATE_TOO_LARGE)
        return failure_set(why, FAILURE_LOG_TOO_LARGE, "%s", logs.note);
    x->logs = logs;
    x->log = logs.firmware;
    if (x->log.len) {
        digest_compute(DIGEST_SHA256, x->log, &digest);
        hex_encode(digest_bytes(&digest), x->result->event_log_sha256);
    }
    return x->log.len <= LIMIT_AZUREGUEST_LOG_BYTES || trim_log(x, why);
}

/* Evidence: registers, key, quote, certification, in this order; all of it again when a register moves in between (3.6). */

static bool take_once(struct exchange *x, bool *ret_same, struct failure *why)
{
    struct pcr_set pcrs;
    struct digest bind;
    struct bytes qualifying = BYTES_NONE;

    sealed_key_flush(&x->key);
    if (!quote_read_pcrs(x->tpm, DIGEST_SHA256, x->mask, &pcrs, why) || !sealed_key_make(x->tpm, &pcrs, &x->key, why))
        return false;
    if (x->request->nonce.len) {
        azureguest_bind(x->request->nonce, sealed_key_public_2b(&x->key), x->log, x->payload, &bind);
        qualifying = digest_bytes(&bind);
    }
    x->result->quoted.pcrs = pcrs;
    return quote_against(x->tpm, x->request->ak, qualifying, x->a, &x->result->quoted, ret_same, why) &&
           sealed_key_certify(&x->key, x->request->ak, qualifying, x->a, &x->certify, &x->certify_signature, why);
}

static bool take_evidence(struct exchange *x, struct failure *why)
{
    struct tpm_facts facts;

    if (!tpm_facts_read(x->tpm, &facts, why))
        return false;
    if ((facts.pcr_banks[DIGEST_SHA256] & x->mask) != x->mask)
        return failure_set(why, FAILURE_PCR_BANK, "the TPM keeps no SHA-256 registers, which AzureGuest is about");
    for (unsigned i = 0; i < QUOTE_ATTEMPTS; i++) {
        bool same;

        if (!take_once(x, &same, why))
            return false;
        if (same)
            return log_check(&x->logs, &x->result->quoted.pcrs, &x->result->log_notes, why);
    }
    return failure_set(why, FAILURE_PCR_UNSTABLE, "the quoted registers changed during each of %d quotes", QUOTE_ATTEMPTS);
}

/* Message. */

static bool put_tpm_info(struct exchange *x, struct json_out *out, struct failure *why)
{
    const struct pcr_bank *bank = &x->result->quoted.pcrs.banks[0];
    struct tpm_signature signature;
    struct err err = ERR_INIT;

    if (!tpm_signature_decode(x->result->quoted.signature, &signature, &err) || signature.scheme != SIGNATURE_RSASSA)
        return failure_set(why, FAILURE_AK_REPLACED, "AzureGuest wants an attestation key that signs with RSASSA");
    json_begin_object(out, "TpmInfo");
    put_base64(out, "AikCert", x->request->ak_cert);
    put_base64(out, "AikPub", ak_public_2b(x->request->ak));
    put_base64(out, "PcrQuote", x->result->quoted.attest);
    put_base64(out, "PcrSignature", signature.rsa);
    json_begin_array(out, "PcrSet");
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        if (bank->present & (1u << pcr))
            json_put_integer(out, NULL, pcr);
    json_end(out);
    json_begin_array(out, "PCRs");
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        if (!(bank->present & (1u << pcr)))
            continue;
        json_begin_object(out, NULL);
        json_put_integer(out, "Index", pcr);
        put_base64(out, "Digest", digest_bytes(&bank->value[pcr]));
        json_end(out);
    }
    json_end(out);
    put_base64(out, "EncKeyPub", sealed_key_public_2b(&x->key));
    put_base64(out, "EncKeyCertifyInfo", x->certify);
    put_base64(out, "EncKeyCertifyInfoSignature", x->certify_signature);
    json_end(out);
    return true;
}

static bool write_info(struct exchange *x, struct writer *w, struct failure *why)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "AttestationProtocolVersion", "2.0");
    put_base64_text(&out, "OSType", x->os.type);
    put_base64_text(&out, "OSDistro", x->os.name);
    json_put_integer(&out, "OSVersionMajor", x->os.major);
    json_put_integer(&out, "OSVersionMinor", x->os.minor);
    put_base64_text(&out, "OSBuild", x->os.build);
    put_base64(&out, "TcgLogs", x->log);
    json_put_raw(&out, "ClientPayload", x->payload);
    if (!put_tpm_info(x, &out, why))
        return false;
    json_begin_object(&out, "IsolationInfo");
    json_put_string(&out, "Type", "TrustedLaunch");
    json_end(&out);
    json_end(&out);
    return true;
}

static bool write_body(struct exchange *x, struct writer *w, struct failure *why)
{
    struct writer info CLEANUP(writer_done) = { .limit = LIMIT_AZUREGUEST_BODY_BYTES };

    if (!write_info(x, &info, why))
        return false;
    write_string(w, "{\"AttestationInfo\":\"");
    base64_write(w, BASE64_URL, writer_bytes(&info));
    write_string(w, "\"}");
    return writer_ok(&info) && writer_ok(w)
               ? true
               : failure_set(why, FAILURE_LOG_TOO_LARGE, "the request is larger than the %d bytes that a server takes",
                             LIMIT_AZUREGUEST_BODY_BYTES);
}

static bool post(struct exchange *x, struct sealed_token *ret, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_AZUREGUEST_BODY_BYTES };
    const char *path = azureguest_path(x->a, server_endpoint(x->server));
    struct server_answer answer;
    struct err err = ERR_INIT;

    if (!path)
        return out_of_memory(why);
    if (!write_body(x, &w, why))
        return false;
    server_keep_evidence(x->server, writer_bytes(&w));
    if (!server_post(x->server, path, writer_bytes(&w), NULL, x->a, &answer, why))
        return false;
    if (answer.status != 200)
        return attest_refused(&answer, x->result, why);
    if (!sealed_token_read(x->a, answer.json, ret, &err)) {
        failure_from(why, FAILURE_BAD_ANSWER, &err);
        return failure_within(why, "the attestation service's answer");
    }
    return true;
}

/* Opening the answer, 3.4. */

static bool pcrs_are_still(struct exchange *x, struct failure *why)
{
    const struct pcr_bank *then = &x->key.pcrs.banks[0];
    struct pcr_set now;

    if (!quote_read_pcrs(x->tpm, DIGEST_SHA256, x->mask, &now, why))
        return false;
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        if (x->mask & (1u << pcr) && !digest_equal(&now.banks[0].value[pcr], &then->value[pcr]))
            return failure_set(why, FAILURE_PCR_CHANGED, "register %u changed while the answer was on its way", pcr);
    return true;
}

static bool open_answer(struct exchange *x, const struct sealed_token *token, struct failure *why)
{
    uint8_t key[SEALED_PLAIN_MAX];
    struct err err = ERR_INIT;
    size_t len = 0;
    bool open;

    if (!pcrs_are_still(x, why) || !sealed_key_decrypt(&x->key, token->inner_key, key, &len, why))
        return false;
    open = sealed_token_open(x->a, token, (struct bytes){ key, len }, &x->result->token, &err);
    wipe(key, sizeof key);
    return open ? true : failure_from(why, FAILURE_TOKEN_DECRYPT, &err);
}

bool azureguest_attest(struct tpm_device *tpm, struct server *server, const struct azureguest_request *request, struct arena *a,
                       struct attest_result *ret, struct failure *why)
{
    struct exchange x = { .tpm = tpm, .server = server, .request = request, .a = a, .result = ret };
    struct sealed_token token;
    bool done = false;

    attest_result_clear(ret);
    os_release_read(&x.os);
    x.mask = x.os.is_windows ? PCRS_WINDOWS : request->with_pcr11 ? PCRS_AZURE_LOCAL : PCRS_LINUX;
    if (!write_client_payload(&x, why) || !collect_log(&x, why))
        return false;
    for (unsigned attempt = 1; !done && attempt <= AZUREGUEST_ATTEMPTS; attempt++) {
        done = take_evidence(&x, why) && post(&x, &token, why) && open_answer(&x, &token, why);
        sealed_key_flush(&x.key);
        if (!done && why->id != FAILURE_PCR_CHANGED)
            break;
    }
    if (!done)
        ret->token = BYTES_NONE;
    return done;
}
