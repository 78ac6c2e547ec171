#include "agent/protocol/attest.h"
#include <stdio.h>
#include "agent/evidence/log_check.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "json/parse.h"

#define ATTEST_PATH "/attest/Tpm?api-version=2022-08-01"

enum {
    DEFAULT_TOKEN_LIFE_MS = 5 * 60 * 1000,
    ATTEST_ROUNDS = 64 /* pieces of an IMA list, one after the other, and one start over; the rest follows at the next attestation */
};

static bool out_of_memory(struct failure *why) { return failure_set(why, FAILURE_NO_MEMORY, "out of memory"); }

/* The envelope of 6.2, both ways. */

static bool too_large(struct failure *why)
{
    return failure_set(why, FAILURE_LOG_TOO_LARGE, "the evidence is larger than the %d bytes that a server takes", LIMIT_ATTEST_BODY_BYTES);
}

/* Puts what `w` holds, base64url, between `prefix` and `suffix`, where it stands: it moves to the end of the buffer and is encoded towards it from
 * the front. What is written never reaches what is still to be read, as the rest grows by a third. A copy would double what a large log costs. */
static void encode_in_place(struct writer *w, struct bytes prefix, struct bytes suffix)
{
    enum { STEP = 3 * 1024 };
    struct writer part CLEANUP(writer_done) = { 0 };
    size_t n = w->len, total = prefix.len + base64_encoded_len(BASE64_URL, n) + suffix.len, at = prefix.len;

    if (!write_space(w, total - n))
        return;
    memmove(w->data + total - n, w->data, n);
    if (prefix.len)
        memcpy(w->data, prefix.data, prefix.len);
    for (size_t i = 0; i < n; i += STEP) {
        writer_reset(&part);
        base64_write(&part, BASE64_URL, (struct bytes){ w->data + total - n + i, n - i < STEP ? n - i : STEP });
        if (!writer_ok(&part)) {
            w->bad = true;
            return;
        }
        memcpy(w->data + at, part.data, part.len);
        at += part.len;
    }
    if (suffix.len)
        memcpy(w->data + at, suffix.data, suffix.len);
}

/* `message` is used up. */
static bool send(struct server *server, struct writer *message, struct arena *a, struct server_answer *ret, struct failure *why)
{
    encode_in_place(message, BYTES_LIT("{\"data\":\""), BYTES_LIT("\"}"));
    if (!writer_ok(message))
        return too_large(why);
    server_keep_evidence(server, writer_bytes(message));
    return server_post(server, ATTEST_PATH, writer_bytes(message), NULL, a, ret, why);
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

bool attest_refused(const struct server_answer *answer, struct attest_result *result, struct failure *why)
{
    result->appraisal = appraisal_of(answer->json);
    server_refusal(answer, why);
    if (may_start_over(answer))
        why->id = FAILURE_NONCE;
    else if (contains(answer->inner, "tpm.ak_untrusted")) /* another server, or its CA was made anew: enrol there */
        why->id = FAILURE_IDENTITY_UNKNOWN;
    return failure_within(why, "attestation");
}

/* The code decides where it can. The first call brings nothing that could be an operation in the wrong state but attesting itself
 * (attestation-service.md 2.5, 6.8); which code the published service gives is not known, but its words are. A policy that ran is one that is set. */
static bool says_no_tpm(const struct server_answer *answer, bool first_call)
{
    if (answer->status != 400)
        return answer->status == 404;
    if (first_call && bytes_equal_string(answer->code, "InvalidOperation"))
        return true;
    return !bytes_equal_string(answer->code, "PolicyEvaluationError") && contains(answer->message, "olicy") &&
           (contains(answer->message, "not been set") || contains(answer->message, "not set"));
}

/* The exchange. */

struct challenge {
    struct bytes text, octets; /* as received; decoded */
    struct bytes context;      /* as received */
    bool takes_kernel;         /* the guest's own words about its kernel */
    bool takes_pieces;         /* of the IMA list */
    bool takes_es256;          /* for the request */
};

static bool takes_es256(const struct json *payload)
{
    const struct json *list = json_at(payload, "trueboot", "requestAlgorithms", NULL);

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++)
        if (json_is_string(list->array.items[i], "ES256"))
            return true;
    return false;
}

/* Which of our own additions the service understands; another's says nothing, and gets none. */
static void take_offer(const struct json *payload, struct challenge *ret)
{
    bool yes;

    ret->takes_kernel = json_as_boolean(json_at(payload, "trueboot", "kernel", NULL), &yes) && yes;
    ret->takes_pieces = json_as_boolean(json_at(payload, "trueboot", "imaPieces", NULL), &yes) && yes;
    ret->takes_es256 = takes_es256(payload);
}

static bool fetch_challenge(struct server *server, struct arena *a, struct attest_result *result, struct challenge *ret,
                            struct failure *why)
{
    static const char init[] =
        "{\"payload\":{\"type\":\"aikcert\"},\"metadata\":{\"agent\":\"trueboot-agent/" TRUEBOOT_VERSION "\",\"trueboot\":1}}";
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_ATTEST_BODY_BYTES };
    struct server_answer answer;
    const struct json *payload;
    struct err err = ERR_INIT;

    write_string(&w, init);
    if (!send(server, &w, a, &answer, why))
        return false;
    if (answer.status != 200) {
        result->no_tpm_here = says_no_tpm(&answer, true);
        return attest_refused(&answer, result, why);
    }
    if (!open_envelope(&answer, a, &payload, why))
        return false;
    if (!json_need_string(payload, "challenge", &ret->text, &err) || !json_need_string(payload, "service_context", &ret->context, &err) ||
        !base64_decode_any(a, ret->text, &ret->octets, &err)) {
        failure_from(why, FAILURE_BAD_ANSWER, &err);
        return failure_within(why, "the challenge");
    }
    take_offer(payload, ret);
    return true;
}

void request_keys_forget(struct request_keys *keys)
{
    privkey_free(keys->p256);
    privkey_free(keys->rsa);
    *keys = (struct request_keys){ 0 };
}

static bool need_key(struct request_keys *keys, bool p256, const struct privkey **ret, struct failure *why)
{
    struct privkey **slot = p256 ? &keys->p256 : &keys->rsa;
    struct err err = ERR_INIT;

    if (!*slot && !privkey_generate(p256 ? PRIVKEY_P256 : PRIVKEY_RSA_2048, slot, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    *ret = *slot;
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

/* Of the IMA list only what the service has not got. */
static bool take_piece(const struct attest_request *request, struct attest_result *result, struct arena *a, struct ima_part *part,
                       struct evidence_logs *logs, struct failure *why)
{
    const char *path = request->sources->ima_log ? request->sources->ima_log : "/sys/kernel/security/ima/binary_runtime_measurements";

    if (!ima_list_take(path, request->sources->collected_in, request->boot_id, request->ima_sent, &result->quoted.pcrs, a, part,
                       &result->log_notes, why))
        return false;
    if (!part->there)
        return true;
    logs->ima = part->content;
    logs->ima_piece = true;
    logs->ima_from = part->from;
    logs->ima_more = part->more;
    return true;
}

/* All of what is sent in the end: three layers of base64 around the logs. */
static void reserve_for(const struct evidence_logs *logs, struct writer *w)
{
    enum { BESIDE_LOGS = 8 * 1024, AROUND = 1024 };
    size_t n = BESIDE_LOGS + base64_encoded_len(BASE64_URL, logs->firmware.len + logs->systemd_events.len + logs->ima.len);

    for (unsigned layer = 0; layer < 2; layer++)
        n = AROUND + base64_encoded_len(BASE64_URL, n);
    writer_reserve(w, n);
}

/* Logs after the quote: a list that ran ahead can be cut back to what was quoted, one that lags cannot be completed (4.2). They live only until
 * they are written. */
static bool collect_and_write(const struct attest_request *request, const struct challenge *challenge, struct bytes jwk,
                              struct attest_result *result, struct ima_part *part, struct writer *w, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct evidence_sources sources = *request->sources;
    bool pieces = sources.with_ima && challenge->takes_pieces && request->ima_sent;
    struct evidence_logs logs;
    struct digest digest;

    sources.with_ima &= !pieces;
    if (!evidence_collect_logs(&sources, &a, &logs, why) || (pieces && !take_piece(request, result, &a, part, &logs, why)))
        return false;
    if (logs.firmware_state == LOG_STATE_TOO_LARGE)
        return failure_set(why, FAILURE_LOG_TOO_LARGE, "%s", logs.note);
    if (logs.firmware.len) {
        digest_compute(DIGEST_SHA256, logs.firmware, &digest);
        hex_encode(digest_bytes(&digest), result->event_log_sha256);
    }
    if (!challenge->takes_kernel)
        logs.kernel = NULL;
    if (!log_check(&logs, &result->quoted.pcrs, &result->log_notes, why))
        return false;
    reserve_for(&logs, w);
    write_payload(request, challenge, jwk, &result->quoted, &logs, w);
    return writer_ok(w) ? true : too_large(why);
}

/* The payload becomes {"payload":{"request":"<JWS>"}}. */
static bool sign_request(const struct privkey *key, struct writer *w, struct failure *why)
{
    static const char opening[] = "{\"payload\":{\"request\":\"";
    bool ec = pubkey_type(privkey_public(key)) == KEY_EC;
    struct writer prefix CLEANUP(writer_done) = { 0 };
    uint8_t signature[PRIVKEY_SIGNATURE_MAX];
    struct err err = ERR_INIT;
    size_t len = 0;

    write_string(&prefix, opening);
    base64_write(&prefix, BASE64_URL,
                 ec ? BYTES_LIT("{\"alg\":\"ES256\",\"typ\":\"attReqV2\"}") : BYTES_LIT("{\"alg\":\"PS256\",\"typ\":\"attReqV2\"}"));
    write_string(&prefix, ".");
    if (!writer_ok(&prefix))
        return out_of_memory(why);
    encode_in_place(w, writer_bytes(&prefix), BYTES_NONE);
    if (!writer_ok(w))
        return too_large(why);
    if (!privkey_sign(key, ec ? SIGNATURE_ECDSA : SIGNATURE_RSAPSS, DIGEST_SHA256, bytes_slice(writer_bytes(w), sizeof opening - 1, w->len),
                      signature, &len, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    write_string(w, ".");
    base64_write(w, BASE64_URL, (struct bytes){ signature, len });
    write_string(w, "\"}}");
    return writer_ok(w) ? true : too_large(why);
}

/* Whether it is true is for others to say; that it is a token at all is seen here. An algorithm that we do not have may be another's. */
static bool check_token(struct bytes token, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *claims;
    struct err err = ERR_INIT;
    struct jws jws;

    if (jws_parse(&a, token, LIMIT_SEALED_TOKEN_BYTES, &jws, &err)) {
        if (json_parse(&a, jws.claimed_payload, NULL, &claims, &err) && claims->type != JSON_OBJECT)
            err_set(&err, ERR_MALFORMED, "the claims are not an object");
    }
    if (err.code == ERR_NONE || err.code == ERR_UNSUPPORTED)
        return true;
    failure_from(why, FAILURE_BAD_ANSWER, &err);
    return failure_within(why, "the attestation service's token");
}

/* How far the service has the IMA list now. It counts as we do; if not, it gets the list from its start. */
static void note_entries(const struct attest_request *request, const struct ima_part *part, const struct json *ima)
{
    int64_t n;

    if (!part->there)
        return;
    if (json_as_integer(json_get(ima, "entries"), &n) && n == (int64_t)part->next.replay.n)
        *request->ima_sent = part->next;
    else
        *request->ima_sent = (struct ima_sent){ .offset = 0 };
}

static bool post_request(struct server *server, const struct attest_request *request, struct writer *message, struct ima_part *part,
                         struct arena *a, struct attest_result *result, bool *ret_resume, struct failure *why)
{
    struct server_answer answer;
    const struct json *payload;
    struct err err = ERR_INIT;

    if (!send(server, message, a, &answer, why))
        return false;
    if (answer.status != 200) {
        *ret_resume = part->from && contains(answer.inner, "ima.resume");
        note_entries(request, part, json_at(answer.json, "error", "trueboot", "ima", NULL));
        result->no_tpm_here = says_no_tpm(&answer, false);
        return attest_refused(&answer, result, why);
    }
    if (!open_envelope(&answer, a, &payload, why))
        return false;
    if (!json_need_string(payload, "report", &result->token, &err)) {
        failure_from(why, FAILURE_BAD_ANSWER, &err);
        return failure_within(why, "the attestation service's answer");
    }
    note_entries(request, part, json_at(payload, "trueboot", "ima", NULL));
    return check_token(result->token, why);
}

void attest_result_clear(struct attest_result *result)
{
    result->token = result->appraisal = BYTES_NONE;
    result->no_tpm_here = false;
    result->quoted.attest = result->quoted.signature = BYTES_NONE;
    result->quoted.pcrs.n_banks = 0;
    result->quoted.clock = (struct tpm_clock_info){ 0 };
    result->quoted.attempts = 0;
    notes_clear(&result->log_notes);
    memset(result->event_log_sha256, 0, sizeof result->event_log_sha256);
}

/* As far as it is looked at then: what it could hold is large, and as a rule there is none. */
static void no_part(struct ima_part *part)
{
    part->there = part->more = false;
    part->from = 0;
    part->content = BYTES_NONE;
}

/* One exchange. *ret_again: it is to be done once more at once, because the IMA list goes on, or is wanted from its start. */
static bool exchange(struct tpm_device *tpm, struct server *server, const struct attest_request *request, struct arena *a,
                     struct attest_result *ret, bool *ret_again, struct failure *why)
{
    struct writer message CLEANUP(writer_done) = { .limit = LIMIT_ATTEST_BODY_BYTES };
    struct ima_part part;
    const struct privkey *key;
    struct challenge challenge;
    struct digest binding;
    struct bytes jwk;
    bool done;

    attest_result_clear(ret);
    *ret_again = false;
    no_part(&part);
    if (!fetch_challenge(server, a, ret, &challenge, why) || !need_key(request->request_keys, challenge.takes_es256, &key, why) ||
        !write_jwk(key, a, &jwk, why))
        return false;
    const struct bytes bound[] = { jwk, BYTES_LIT("\0"), challenge.octets };
    digest_compute_parts(DIGEST_SHA256, bound, ARRAY_LEN(bound), &binding);
    if (!quote_take(tpm, request->ak, QUOTE_ALL_PCRS, digest_bytes(&binding), request->pcrs_before, a, &ret->quoted, why) ||
        !collect_and_write(request, &challenge, jwk, ret, &part, &message, why) || !sign_request(key, &message, why))
        return false;
    done = post_request(server, request, &message, &part, a, ret, ret_again, why);
    /* A refused boot is refused whole: what follows of the list can wait for the next attestation. */
    *ret_again |= done && part.there && part.more && request->ima_sent->replay.n > part.from;
    return done;
}

bool attest(struct tpm_device *tpm, struct server *server, const struct attest_request *request, struct arena *a, struct attest_result *ret,
            struct failure *why)
{
    bool again = true, resumed = false;

    for (unsigned i = 0; again && i < ATTEST_ROUNDS; i++) {
        if (exchange(tpm, server, request, a, ret, &again, why))
            continue;
        if (!again || resumed)
            return false;
        resumed = true;
        *why = FAILURE_INIT;
    }
    return true;
}

static const struct json *claims_of(struct arena *a, struct bytes token)
{
    const struct json *claims;
    struct err err = ERR_INIT;
    struct jws jws;

    return jws_parse(a, token, 0, &jws, &err) && json_parse(a, jws.claimed_payload, NULL, &claims, &err) ? claims : NULL;
}

void attest_token_glance(struct bytes token, char ret_id[static ATTEST_TOKEN_ID_LEN], int64_t *ret_until_ms)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *claims = claims_of(&a, token);
    const char *id = text_for_people(&a, json_text(json_get(claims, "jti"), BYTES_LIT("")));
    int64_t exp;

    snprintf(ret_id, ATTEST_TOKEN_ID_LEN, "%.*s", ATTEST_TOKEN_ID_LEN - 1, id ? id : "");
    *ret_until_ms = json_as_integer(json_get(claims, "exp"), &exp) && exp > 0 && exp < INT64_C(253402300800) ? exp * 1000 : 0;
}

int64_t attest_token_worth_until(struct bytes token, int64_t now_ms)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *claims = claims_of(&a, token);
    int64_t iat, exp;

    if (!claims || !json_as_integer(json_get(claims, "iat"), &iat) || !json_as_integer(json_get(claims, "exp"), &exp) || exp <= iat ||
        exp - iat > INT64_C(366) * 86400)
        return now_ms + DEFAULT_TOKEN_LIFE_MS;
    return now_ms + (exp - iat) * 800;
}
