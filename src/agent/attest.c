#include "agent/attest.h"
#include "base/base64.h"
#include "base/hex.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "json/parse.h"

#define ATTEST_PATH "/attest/Tpm?api-version=2022-08-01"

static bool out_of_memory(struct failure *why) { return failure_set(why, FAILURE_NO_MEMORY, "out of memory"); }

/* The envelope of 6.2, both ways. */

static bool send(struct server *server, struct bytes message, struct arena *a, struct server_answer *ret, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_ATTEST_BODY_BYTES };

    write_string(&w, "{\"data\":\"");
    base64_write(&w, BASE64_URL, message);
    write_string(&w, "\"}");
    if (!writer_ok(&w))
        return failure_set(why, FAILURE_LOG_TOO_LARGE, "the evidence is larger than the %d bytes that a server takes",
                           LIMIT_ATTEST_BODY_BYTES);
    return server_post(server, ATTEST_PATH, writer_bytes(&w), NULL, a, ret, why);
}

static bool open_envelope(const struct server_answer *answer, struct arena *a, const struct json **ret_payload, struct failure *why)
{
    struct bytes data, text;
    const struct json *inner;
    struct err err = ERR_INIT;

    if (!json_need_string(answer->json, "data", &data, &err) || !base64_decode_any(a, data, &text, &err) ||
        !json_parse(a, text, NULL, &inner, &err)) {
        failure_from(why, FAILURE_BAD_ANSWER, &err);
        return failure_within(why, "the attestation service's answer");
    }
    *ret_payload = json_get(inner, "payload");
    if (!*ret_payload)
        *ret_payload = inner;
    return true;
}

/* Refusals. */

static bool contains(struct bytes text, const char *word) { return bytes_find(text, bytes_of_string(word)) != SIZE_MAX; }

/* Sub-codes after which the same evidence may be fine next time. The findings' ids are in findings/list.h. */
static bool may_start_over(const struct server_answer *answer)
{
    static const char *const words[] = {
        "challenge", "service_context", "serviceContext", "quote.nonce", "quote.raced", "quote.pcr_digest"
    };

    if (answer->status != 400)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (contains(answer->inner, words[i]))
            return true;
    return false;
}

static struct bytes appraisal_of(const struct json *body)
{
    const struct json *error = json_get_no_case(body, "error");
    const struct json *places[] = { json_get(body, "trueboot"), json_get(error, "trueboot"), json_get(error, "innererror") };
    static const char *const names[] = { "appraisalId", "appraisal" };

    for (size_t p = 0; p < ARRAY_LEN(places); p++)
        for (size_t n = 0; n < ARRAY_LEN(names); n++)
            if (json_get(places[p], names[n]))
                return json_text(json_get(places[p], names[n]), BYTES_NONE);
    return BYTES_NONE;
}

static bool refused(const struct server_answer *answer, struct attest_result *result, struct failure *why)
{
    result->appraisal = appraisal_of(answer->json);
    server_refusal(answer, why);
    if (may_start_over(answer))
        why->id = FAILURE_NONCE;
    else if (contains(answer->inner, "tpm.ak_untrusted")) /* another server, or its CA was made anew: enrol there */
        why->id = FAILURE_IDENTITY_UNKNOWN;
    return failure_within(why, "attestation");
}

/* The exchange. */

struct challenge {
    struct bytes text, octets; /* as received; decoded */
    struct bytes context;      /* as received */
};

static bool fetch_challenge(struct server *server, struct arena *a, struct attest_result *result, struct challenge *ret,
                            struct failure *why)
{
    static const char init[] = "{\"payload\":{\"type\":\"aikcert\"},\"metadata\":{\"agent\":\"trueboot-agent/" TRUEBOOT_VERSION "\"}}";
    struct server_answer answer;
    const struct json *payload;
    struct err err = ERR_INIT;

    if (!send(server, bytes_of_string(init), a, &answer, why))
        return false;
    if (answer.status != 200)
        return refused(&answer, result, why);
    if (!open_envelope(&answer, a, &payload, why))
        return false;
    if (!json_need_string(payload, "challenge", &ret->text, &err) || !json_need_string(payload, "service_context", &ret->context, &err) ||
        !base64_decode_any(a, ret->text, &ret->octets, &err)) {
        failure_from(why, FAILURE_BAD_ANSWER, &err);
        return failure_within(why, "the challenge");
    }
    return true;
}

static bool write_jwk(const struct privkey *key, struct arena *a, struct bytes *ret, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    jwk_write_key(&out, privkey_public(key));
    json_end(&out);
    return writer_ok(&w) && arena_copy(a, writer_bytes(&w), ret) ? true : out_of_memory(why);
}

static void put_claim(struct json_out *out, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    json_begin_object(out, NULL);
    json_put_string(out, "name", name);
    json_put_string(out, "value", value);
    json_put_string(out, "value_type", "string");
    json_end(out);
}

static void write_payload(const struct attest_request *request, const struct challenge *challenge, struct bytes jwk,
                          const struct quoted *quoted, const struct evidence_logs *logs, struct writer *w)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "att_type", "basic");
    json_begin_object(&out, "att_data");
    if (request->nonce.len)
        json_put_base64url(&out, "rp_data", request->nonce);
    json_put_bytes(&out, "challenge", challenge->text);
    json_begin_object(&out, "tpm_att_data");
    evidence_put_attestation(&out, "current_attestation", request->ak, request->ak_cert, quoted, logs, true);
    json_end(&out);
    json_begin_object(&out, "request_key");
    json_put_raw(&out, "jwk", jwk); /* the very characters that the quote covers */
    json_begin_object(&out, "info");
    json_begin_object(&out, "tpm_quote");
    json_put_string(&out, "hash_alg", "sha-256");
    json_end(&out);
    json_end(&out);
    json_end(&out);
    json_begin_array(&out, "custom_claims");
    put_claim(&out, "agentVersion", TRUEBOOT_VERSION);
    put_claim(&out, "bootId", request->boot_id);
    json_end(&out);
    json_put_bytes(&out, "service_context", challenge->context);
    json_end(&out);
    json_end(&out);
}

static bool sign_request(const struct attest_request *request, const struct challenge *challenge, struct bytes jwk,
                         const struct quoted *quoted, const struct evidence_logs *logs, struct arena *a, struct bytes *ret,
                         struct failure *why)
{
    struct writer payload CLEANUP(writer_done) = { .limit = LIMIT_ATTEST_BODY_BYTES };
    struct err err = ERR_INIT;

    write_payload(request, challenge, jwk, quoted, logs, &payload);
    if (!writer_ok(&payload))
        return failure_set(why, FAILURE_LOG_TOO_LARGE, "the evidence is larger than the %d bytes that a server takes",
                           LIMIT_ATTEST_BODY_BYTES);
    if (!jws_sign(a, request->request_key, JWS_PS256, BYTES_LIT("{\"alg\":\"PS256\",\"typ\":\"attReqV2\"}"), writer_bytes(&payload), ret,
                  &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    return true;
}

static bool post_request(struct server *server, struct bytes jws, struct arena *a, struct attest_result *result, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_ATTEST_BODY_BYTES };
    struct server_answer answer;
    const struct json *payload;
    struct err err = ERR_INIT;

    write_string(&w, "{\"payload\":{\"request\":\"");
    write_bytes(&w, jws);
    write_string(&w, "\"}}");
    if (!writer_ok(&w))
        return failure_set(why, FAILURE_LOG_TOO_LARGE, "the evidence is larger than the %d bytes that a server takes",
                           LIMIT_ATTEST_BODY_BYTES);
    if (!send(server, writer_bytes(&w), a, &answer, why))
        return false;
    if (answer.status != 200)
        return refused(&answer, result, why);
    if (!open_envelope(&answer, a, &payload, why))
        return false;
    if (!json_need_string(payload, "report", &result->token, &err)) {
        failure_from(why, FAILURE_BAD_ANSWER, &err);
        return failure_within(why, "the attestation service's answer");
    }
    return true;
}

bool attest(struct tpm_device *tpm, struct server *server, const struct attest_request *request, struct arena *a, struct attest_result *ret,
            struct failure *why)
{
    struct challenge challenge;
    struct evidence_logs logs;
    struct digest binding, log_digest;
    struct bytes jwk, jws;

    *ret = (struct attest_result){ 0 };
    if (!write_jwk(request->request_key, a, &jwk, why) || !fetch_challenge(server, a, ret, &challenge, why))
        return false;
    const struct bytes bound[] = { jwk, BYTES_LIT("\0"), challenge.octets };
    digest_compute_parts(DIGEST_SHA256, bound, ARRAY_LEN(bound), &binding);
    /* Logs after the quote: a list that ran ahead can be cut back to what was quoted, one that lags cannot be completed (4.2). */
    if (!quote_take(tpm, request->ak, QUOTE_ALL_PCRS, digest_bytes(&binding), a, &ret->quoted, why) ||
        !evidence_collect_logs(request->sources, a, &logs, why))
        return false;
    if (logs.firmware.len) {
        digest_compute(DIGEST_SHA256, logs.firmware, &log_digest);
        hex_encode(digest_bytes(&log_digest), ret->event_log_sha256);
    }
    return sign_request(request, &challenge, jwk, &ret->quoted, &logs, a, &jws, why) && post_request(server, jws, a, ret, why);
}
