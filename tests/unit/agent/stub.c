#include "unit/agent/stub.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "jose/jwk.h"
#include "jose/jws.h"
#include "json/parse.h"
#include "tpm/certify.h"
#include "tpm/credential.h"
#include "tpm/quote.h"
#include "x509/ak_cert.h"

#define VM_ID "0c5c3a34-6f0b-4f33-9c0e-61a1b2c3d4e5"

/* Says what is wrong with a request: kept for the test, and answered. */
static bool wrong(struct stub *s, struct http_response *response, const char *what)
{
    if (!s->problem[0])
        snprintf(s->problem, sizeof s->problem, "%s", what);
    return http_response_error(response, 400, "StubRefuses", NULL, "%s", what);
}

static bool decode(struct arena *a, const struct json *v, struct bytes *ret)
{
    struct err err;

    return v && base64_decode(a, BASE64_URL, json_text(v, BYTES_NONE), ret, &err);
}

static bool read_pcrs(struct arena *a, const struct json *list, struct pcr_set *ret)
{
    *ret = (struct pcr_set){ 0 };
    for (size_t b = 0; list && list->type == JSON_ARRAY && b < list->array.n && b < LIMIT_PCR_BANKS; b++) {
        const struct json *values = json_get(list->array.items[b], "values");
        struct pcr_bank *bank = &ret->banks[ret->n_banks++];
        int64_t id, index;

        if (!json_as_integer(json_get(list->array.items[b], "algorithm"), &id))
            return false;
        bank->algorithm = digest_from_tpm_id((uint16_t)id);
        for (size_t i = 0; values && i < values->array.n; i++) {
            struct bytes digest;

            if (!json_as_integer(json_get(values->array.items[i], "index"), &index) || index < 0 || index >= LIMIT_PCRS ||
                !decode(a, json_get(values->array.items[i], "digest"), &digest) || digest.len != digest_len(bank->algorithm))
                return false;
            bank->value[index].algorithm = bank->algorithm;
            memcpy(bank->value[index].value, digest.data, digest.len);
            bank->present |= 1u << index;
        }
    }
    return ret->n_banks == 1;
}

static bool quote_holds(struct stub *s, struct arena *a, const struct json *att, struct bytes nonce)
{
    struct quote_expectations want = { .ak = s->ak, .nonce = nonce, .required_pcr_mask = 0xffffff };
    struct findings list = { .arena = a };
    const struct verified_quote *verified;
    struct quote_claim claim = { .form = SIGNATURE_FORM_TPMT };
    struct pcr_set pcrs;
    struct err err;

    claim.pcrs = &pcrs;
    return decode(a, json_get(att, "quote"), &claim.attest) && decode(a, json_get(att, "signature"), &claim.signature) &&
           read_pcrs(a, json_get(att, "pcrs"), &pcrs) && quote_verify(a, &claim, &want, &list, &verified, &err);
}

/* True when the call was answered by a switch that holds for all of them. */
static bool unavailable(struct stub *s, struct http_response *response)
{
    if (!s->fail_requests)
        return false;
    s->fail_requests--;
    if (s->fail_status == 200) {
        struct json_out out = http_response_json(response, 200);

        json_begin_object(&out, NULL);
        json_end(&out);
        return true;
    }
    return http_response_error(response, s->fail_status ? s->fail_status : 503, "ServiceUnavailable", NULL, "later");
}

/* POST /enroll/v1/begin */

static bool learn_ak(struct stub *s, struct arena *a, const struct json *body)
{
    struct bytes encoded, name;
    struct tpm_public pub;
    struct err err;

    if (!decode(a, json_get(body, "akPub"), &encoded) || !tpm_public_decode_2b(encoded, &pub, &err) ||
        !tpm_public_name(&pub, &s->ak_name, &err))
        return false;
    pubkey_free(s->ak);
    s->ak = NULL;
    if (!arena_copy(&s->arena, encoded, &s->ak_public))
        return false;
    return tpm_public_key(&pub, &s->ak, &err) && hex_decode(a, json_text(json_get(body, "akName"), BYTES_LIT("x")), &name, &err) &&
           bytes_equal(name, tpm_name_bytes(&s->ak_name)) &&
           json_is_string(json_get(body, "templateId"), encoded.len == 282 ? "ak-rsa2048-e-1" : "ak-p256-e-1") &&
           json_at(body, "hints", "hostname", NULL) && json_at(body, "hints", "agentVersion", NULL);
}

/* The IAK's certificate is one, names the machine, and its key has certified the attestation key over this nonce. */
static bool iak_holds(struct stub *s, struct arena *a, const struct json *iak, struct bytes nonce)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct certify_claim claim = { .form = SIGNATURE_FORM_TPMT };
    struct certify_expectations want = { .nonce = nonce };
    struct tpm_public ak;
    struct bytes der;
    struct err err;

    if (!decode(a, json_get(iak, "cert"), &der) || !cert_parse(der, &cert, &err) || !iak_cert_check(cert, &err) ||
        !bytes_equal(cert->common_name, BYTES_LIT("web1:" VM_ID)))
        return false;
    claim.object = &ak;
    want.ak = cert->key;
    return decode(a, json_get(iak, "certify"), &claim.attest) && decode(a, json_get(iak, "signature"), &claim.signature) &&
           tpm_public_decode_2b(s->ak_public, &ak, &err) && certify_verify(&claim, &want, &err);
}

static bool answer_begin_by_iak(struct stub *s, struct http_response *response, struct err *err)
{
    struct json_out out;

    if (!random_bytes(s->enrol_nonce, sizeof s->enrol_nonce, err))
        return false;
    s->iak_vouches = true;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_string(&out, "enrollId", "enrol-1");
    json_put_null(&out, "ekIndex");
    json_put_null(&out, "credentialBlob");
    json_put_null(&out, "encryptedSecret");
    json_put_base64url(&out, "nonce", BYTES_OF(s->enrol_nonce));
    json_put_time(&out, "expires", clock_now_ms() + 300000);
    json_end(&out);
    return true;
}

static bool make_credential(struct stub *s, struct arena *a, const struct json *body, struct bytes *ret_blob, struct bytes *ret_secret)
{
    const struct json *certs = json_get(body, "ekCerts"), *pubs = json_get(body, "ekPubs");
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct bytes der, encoded, first;
    struct tpm_name name = s->ak_name;
    struct tpm_public ek;
    struct err err;

    if (!certs || certs->array.n != 2 || !pubs || pubs->array.n != 2 || !decode(a, certs->array.items[0], &der) ||
        !decode(a, pubs->array.items[0], &encoded) || !decode(a, json_get(body, "ekPub"), &first) || !bytes_equal(first, encoded))
        return false;
    if (!cert_parse(der, &cert, &err) || !tpm_public_decode_2b(encoded, &ek, &err) || !tpm_public_key(&ek, &key, &err) ||
        !pubkey_equal(key, cert->key))
        return false;
    name.value[5] ^= s->credential_for_other_key;
    return random_bytes(s->secret, sizeof s->secret, &err) && random_bytes(s->enrol_nonce, sizeof s->enrol_nonce, &err) &&
           credential_make(a, &ek, tpm_name_bytes(&name), BYTES_OF(s->secret), ret_blob, ret_secret, &err);
}

static bool answer_begin_otherwise(struct stub *s, struct http_response *response)
{
    struct json_out out;

    if (strcmp(s->begin_answer, "202") != 0)
        return http_response_error(response,
                                   strcmp(s->begin_answer, "IdentityDuplicated") == 0 ? 409
                                   : strcmp(s->begin_answer, "UnknownVm") == 0        ? 404
                                                                                      : 403,
                                   s->begin_answer, NULL, "no");
    out = http_response_json(response, 202);
    json_begin_object(&out, NULL);
    json_put_string(&out, "enrollId", "waiting-1");
    json_put_string(&out, "state", "awaitingApproval");
    json_put_integer(&out, "retryAfter", 17);
    json_end(&out);
    return true;
}

static bool begin(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct stub *s = context;
    struct bytes blob, secret;
    const struct json *body, *iak;
    struct json_out out;

    s->begins++;
    s->iak_vouches = false;
    if (unavailable(s, response))
        return true;
    if (!http_body_json(request, NULL, &body, err))
        return false;
    s->last_begin = arena_string(&s->arena, request->body);
    iak = json_get(body, "iak");
    s->iaks += iak && iak->type == JSON_OBJECT;
    if (iak && iak->type == JSON_OBJECT && s->refuse_iak)
        return http_response_error(response, strcmp(s->refuse_iak, "IdentityDuplicated") == 0 ? 409 : 400, s->refuse_iak, NULL,
                                   "not this one");
    if (s->begin_answer)
        return answer_begin_otherwise(s, response);
    if (!learn_ak(s, request->arena, body))
        return wrong(s, response, "begin: the attestation key");
    if (iak && iak->type == JSON_OBJECT && !iak_holds(s, request->arena, iak, BYTES_NONE))
        return wrong(s, response, "begin: the iak");
    if (iak && iak->type == JSON_OBJECT && s->takes_iak)
        return answer_begin_by_iak(s, response, err);
    if (!make_credential(s, request->arena, body, &blob, &secret))
        return wrong(s, response, "begin: keys or certificates");
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_string(&out, "enrollId", "enrol-1");
    json_put_integer(&out, "ekIndex", 0);
    json_put_base64url(&out, "credentialBlob", blob);
    json_put_base64url(&out, "encryptedSecret", secret);
    json_put_base64url(&out, "nonce", BYTES_OF(s->enrol_nonce));
    json_put_time(&out, "expires", clock_now_ms() + 300000);
    json_end(&out);
    return true;
}

/* POST /enroll/v1/activate */

static bool proof_holds(struct stub *s, struct arena *a, const struct json *body)
{
    const struct bytes parts[] = { BYTES_LIT("trueboot-enroll-1\0enrol-1\0"), tpm_name_bytes(&s->ak_name) };
    uint8_t want[32];
    struct bytes proof;

    hmac_sha256(BYTES_OF(s->secret), parts, ARRAY_LEN(parts), want);
    return decode(a, json_get(body, "proof"), &proof) && bytes_equal_ct(proof, BYTES_OF(want));
}

static bool activate(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct stub *s = context;
    const struct json *body;
    struct json_out out;

    s->activations++;
    if (unavailable(s, response))
        return true;
    if (!http_body_json(request, NULL, &body, err))
        return false;
    if (s->iak_vouches && s->forget_iak)
        return http_response_error(response, 400, "IakRefused", NULL, "another certificate");
    if (!json_is_string(json_get(body, "enrollId"), "enrol-1") ||
        !(s->iak_vouches ? !json_get(body, "proof") && iak_holds(s, request->arena, json_get(body, "iak"), BYTES_OF(s->enrol_nonce))
                         : !json_get(body, "iak") && proof_holds(s, request->arena, body)))
        return wrong(s, response, "activate: the proof does not hold");
    s->by_iak += s->iak_vouches;
    if (!quote_holds(s, request->arena, body, BYTES_OF(s->enrol_nonce)) || !json_get(body, "logs"))
        return wrong(s, response, "activate: the quote does not hold");
    if (!ca_issue_ak(s->ca, VM_ID, s->ak, clock_now_ms() - s->certificate_age_ms, &cert, err) ||
        !arena_copy(&s->arena, cert->der, &s->last_cert))
        return false;
    s->forget_identity = false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_base64url(&out, "akCert", cert->der);
    json_begin_array(&out, "akChain");
    json_put_base64url(&out, NULL, ca_cert(s->ca, 0)->der);
    json_end(&out);
    json_put_string(&out, "vmId", VM_ID);
    json_end(&out);
    return true;
}

/* POST /attest/Tpm */

static bool put_envelope(struct http_response *response, struct arena *a, const char *payload)
{
    char *inner = arena_printf(a, "{\"payload\":%s}", payload);
    struct json_out out = http_response_json(response, 200);

    json_begin_object(&out, NULL);
    json_put_base64url(&out, "data", bytes_of_string(inner));
    json_end(&out);
    return true;
}

static bool send_challenge(struct stub *s, const struct json *payload, struct arena *a, struct http_response *response)
{
    struct err err;

    s->challenges++;
    if (!json_is_string(json_get(payload, "type"), "aikcert") || !random_bytes(s->challenge, sizeof s->challenge, &err))
        return wrong(s, response, "attest: no init message");
    return put_envelope(response, a,
                        arena_printf(a, "{\"challenge\":\"%s\",\"service_context\":\"Y29udGV4dA\"%s}",
                                     base64_in(a, BASE64_URL, BYTES_OF(s->challenge)),
                                     s->only_ps256 ? "" : ",\"trueboot\":{\"requestAlgorithms\":[\"ES256\",\"PS256\"]}"));
}

static bool evidence_holds(struct stub *s, struct arena *a, struct bytes text)
{
    struct jwk key CLEANUP(jwk_done) = { 0 };
    const struct verified_jws *verified;
    const struct json *claimed, *data, *att;
    struct bytes challenge, cert;
    struct digest binding;
    struct jws jws;
    struct err err;

    if (!jws_parse(a, text, LIMIT_ATTEST_BODY_BYTES, &jws, &err) || !bytes_equal_string(jws.typ, "attReqV2") || jws.kid.len ||
        !json_parse(a, jws.claimed_payload, &(struct json_options){ .refuse_duplicates = true }, &claimed, &err))
        return false;
    data = json_get(claimed, "att_data");
    att = json_at(data, "tpm_att_data", "current_attestation", NULL);
    if (!jwk_parse(json_at(data, "request_key", "jwk", NULL), &key, &err) ||
        !jws_verify(a, &jws, key.key, s->only_ps256 ? JWS_ALLOW(JWS_PS256) : JWS_ALLOW(JWS_ES256), &verified, &err))
        return false;
    const struct bytes bound[] = { json_at(data, "request_key", "jwk", NULL)->raw, BYTES_LIT("\0"), BYTES_OF(s->challenge) };
    digest_compute_parts(DIGEST_SHA256, bound, ARRAY_LEN(bound), &binding);
    return decode(a, json_get(data, "challenge"), &challenge) && bytes_equal(challenge, BYTES_OF(s->challenge)) &&
           json_is_string(json_get(data, "service_context"), "Y29udGV4dA") && decode(a, json_get(att, "aik_cert"), &cert) &&
           bytes_equal(cert, s->last_cert) && quote_holds(s, a, att, digest_bytes(&binding));
}

static bool nonce_is_the_open_one(struct stub *s, struct arena *a, struct bytes text)
{
    const struct json *claimed;
    struct bytes nonce;
    struct jws jws;
    struct err err;

    return jws_parse(a, text, LIMIT_ATTEST_BODY_BYTES, &jws, &err) && json_parse(a, jws.claimed_payload, NULL, &claimed, &err) &&
           decode(a, json_at(claimed, "att_data", "rp_data", NULL), &nonce) && s->nonce_is_open && bytes_equal(nonce, BYTES_OF(s->nonce));
}

static bool send_token(struct stub *s, struct arena *a, struct http_response *response, struct err *err)
{
    char *claims = arena_printf(a, "{\"iat\":%lld,\"jti\":\"t-17\",\"exp\":%lld}", (long long)(clock_now_ms() / 1000),
                                (long long)(clock_now_ms() / 1000 + 3600));
    struct bytes token;

    if (!jws_sign(a, s->token_key, JWS_ES256, BYTES_LIT("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"), bytes_of_string(claims), &token, err))
        return false;
    return put_envelope(response, a, arena_printf(a, "{\"report\":\"%.*s\"}", BYTES_FMT(token)));
}

static bool attest_tpm(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct json *body, *message, *payload;
    struct stub *s = context;
    struct bytes text, jws;

    if (unavailable(s, response))
        return true;
    if (!http_body_json(request, NULL, &body, err))
        return false;
    if (s->no_tpm_endpoint)
        return http_response_error(response, 404, "NotFound", NULL, "no such attestation type");
    if (!decode(request->arena, json_get(body, "data"), &text) || !json_parse(request->arena, text, NULL, &message, err))
        return wrong(s, response, "attest: no envelope");
    payload = json_get(message, "payload");
    jws = json_text(json_get(payload, "request"), BYTES_NONE);
    if (!jws.len ? s->refuse_challenge != NULL : s->refuse_request != NULL)
        return http_response_error(response, 400, jws.len ? s->refuse_request : s->refuse_challenge, NULL, "%s", s->refuse_words);
    if (!jws.len)
        return send_challenge(s, payload, request->arena, response);
    s->attestations++;
    if (!evidence_holds(s, request->arena, jws))
        return wrong(s, response, "attest: the evidence does not hold");
    if (!s->any_nonce && !nonce_is_the_open_one(s, request->arena, jws))
        return wrong(s, response, "attest: rp_data is not the monitor's nonce");
    s->nonce_is_open = false;
    if (!s->refuse_evidence)
        return send_token(s, request->arena, response, err);
    http_response_error(response, 400, "PolicyEvaluationError", "secureboot.disabled", "A Deny claim was issued, authorization failed.");
    response->body.len--; /* reopen the object: our own key stands beside the published one */
    write_string(&response->body, ",\"trueboot\":{\"appraisalId\":\"appraisal-7\"}}");
    return true;
}

/* POST /report/v1/{vm}… */

static bool request_is_signed(struct stub *s, const struct http_request *request)
{
    struct bytes header = http_header(request, "Authorization"), vm = http_param(request, "vm"), bh, kid;
    const struct verified_jws *verified;
    struct arena *a = request->arena;
    const struct json *claims;
    struct digest want;
    struct jws jws;
    struct err err;
    int64_t iat, counter;

    if (!s->ak || !bytes_starts_with(header, BYTES_LIT("TrueBoot-AK ")) ||
        !jws_parse(a, bytes_slice(header, 12, header.len - 12), 0, &jws, &err) ||
        !jws_verify(a, &jws, s->ak, JWS_ALLOW(JWS_RS256) | JWS_ALLOW(JWS_ES256), &verified, &err) ||
        !json_parse(a, verified_jws_payload(verified), NULL, &claims, &err) || !base64_decode(a, BASE64_URL, jws.kid, &kid, &err))
        return false;
    s->last_authorization = arena_string(&s->arena, header);
    digest_compute(DIGEST_SHA256, tpm_name_bytes(&s->ak_name), &want);
    if (!bytes_equal(kid, digest_bytes(&want)))
        return false;
    digest_compute(DIGEST_SHA256, request->body, &want);
    if (!decode(a, json_get(claims, "bh"), &bh) || !bytes_equal(bh, digest_bytes(&want)) ||
        !json_as_integer(json_get(claims, "iat"), &iat) || !json_as_integer(json_get(claims, "ctr"), &counter) ||
        counter <= s->last_counter)
        return false;
    iat -= time(NULL); /* not the clock of ours that a test may set */
    s->iat_is_off = iat <= -120 || iat >= 120;
    if (!s->iat_is_off)
        s->last_counter = counter;
    return !s->iat_is_off && bytes_equal(json_text(json_get(claims, "vm"), BYTES_NONE), vm) && bytes_equal_string(vm, VM_ID) &&
           json_is_string(json_get(claims, "htm"), "POST") && bytes_equal(json_text(json_get(claims, "htu"), BYTES_NONE), request->path);
}

/* True when an answer was made: the caller is not let in. */
static bool refuse_stranger(struct stub *s, const struct http_request *request, struct http_response *response)
{
    if (unavailable(s, response))
        return true;
    if (s->forget_identity)
        return http_response_error(response, 401, "IdentityUnknown", NULL, "this key is not known here");
    if (request_is_signed(s, request))
        return false;
    return s->iat_is_off ? http_response_error(response, 401, "ClockSkew", NULL, "made too long ago, or in the future")
                         : wrong(s, response, "report: the request is not signed as it should be");
}

static bool put_next(struct stub *s, struct http_response *response, unsigned status, struct err *err)
{
    struct json_out out = http_response_json(response, status);

    if (!random_bytes(s->nonce, sizeof s->nonce, err))
        return false;
    s->nonce_is_open = true;
    json_begin_object(&out, NULL);
    json_put_integer(&out, "nextReportSeconds", s->next_report_seconds);
    json_put_integer(&out, "nextHeartbeatSeconds", s->next_heartbeat_seconds);
    if (s->is_demo)
        json_put_string(&out, "profile", "demo");
    json_put_base64url(&out, "nonce", BYTES_OF(s->nonce));
    json_end(&out);
    return true;
}

static bool send_nonce(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct stub *s = context;

    s->nonces++;
    return refuse_stranger(s, request, response) || put_next(s, response, 200, err);
}

static bool take_report(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct stub *s = context;

    s->reports++;
    if (refuse_stranger(s, request, response))
        return true;
    s->last_report = arena_string(&s->arena, request->body);
    if (s->refuse_tokens)
        return http_response_error(response, 400, "InvalidToken", NULL, "not one of ours");
    if (s->refuse_nonces) {
        s->refuse_nonces--;
        return http_response_error(response, 400, "NonceExpired", NULL, "take another");
    }
    return put_next(s, response, 202, err);
}

static bool take_heartbeat(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct stub *s = context;

    s->heartbeats++;
    if (refuse_stranger(s, request, response))
        return true;
    s->last_heartbeat = arena_string(&s->arena, request->body);
    return put_next(s, response, 202, err);
}

/* Somebody else's monitor: it takes what it is sent, and says when it wants more. */
static bool take_party(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    struct stub *s = context;
    struct json_out out;

    if (s->fail_party) {
        s->fail_party--;
        return http_response_error(response, 503, "ServiceUnavailable", NULL, "later");
    }
    s->party_reports++;
    s->last_party = arena_string(&s->arena, request->body);
    out = http_response_json(response, 202);
    json_begin_object(&out, NULL);
    json_put_integer(&out, "nextReportSeconds", s->next_report_seconds);
    json_end(&out);
    return true;
}

/* The signature is looked at by the handlers, which say what is wrong with it. */
static bool identify(void *context UNUSED, const struct http_request *request UNUSED, struct http_caller *ret, struct err *err UNUSED)
{
    *ret = (struct http_caller){ .role = HTTP_AGENT, .subject = VM_ID };
    return true;
}

void stub_keep_connections(struct stub *s, bool keep)
{
    for (size_t i = 0; i < s->table.n; i++)
        if (strncmp(s->routes[i].pattern, "/report/", 8) == 0)
            s->routes[i].role = keep ? HTTP_AGENT : HTTP_ANONYMOUS;
}

bool stub_start(struct stub *ret, struct err *err) { return stub_start_impatient(ret, 0, err); }

bool stub_start_impatient(struct stub *ret, unsigned deadline_ms, struct err *err)
{
    enum { KEPT_MS = 20 * 60 * 1000 };
    static const char *const names[] = { "127.0.0.1" };
    const struct http_route routes[] = {
        { "POST", "/enroll/v1/begin", HTTP_ANONYMOUS, LIMIT_REPORT_BODY_BYTES, HTTP_JSON, begin, 0 },
        { "POST", "/enroll/v1/activate", HTTP_ANONYMOUS, LIMIT_ATTEST_BODY_BYTES, HTTP_JSON, activate, 0 },
        { "POST", "/attest/Tpm", HTTP_ANONYMOUS, LIMIT_ATTEST_BODY_BYTES, HTTP_JSON, attest_tpm, 0 },
        { "POST", "/attest/AzureGuest", HTTP_ANONYMOUS, LIMIT_ATTEST_BODY_BYTES, HTTP_JSON, stub_attest_azure, 0 },
        { "POST", "/report/v1/{vm}/nonce", HTTP_ANONYMOUS, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, send_nonce, 0 },
        { "POST", "/report/v1/{vm}/heartbeat", HTTP_ANONYMOUS, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, take_heartbeat, 0 },
        { "POST", "/report/v1/{vm}", HTTP_ANONYMOUS, LIMIT_REPORT_BODY_BYTES, HTTP_JSON, take_report, 0 },
        { "POST", "/party", HTTP_ANONYMOUS, LIMIT_REPORT_BODY_BYTES, HTTP_JSON, take_party, 0 },
    };
    struct privkey *tls_key CLEANUP(privkey_free_at) = NULL;
    struct cert *tls CLEANUP(cert_free_at) = NULL;
    struct http_server_config config = { .listen = "127.0.0.1:0",
                                         .tables = &ret->table,
                                         .n_tables = 1,
                                         .threads = 1,
                                         .deadline_ms = deadline_ms,
                                         .answer_ms = 600 * 1000, /* a busy machine is no overloaded server */
                                         .kept_ms = KEPT_MS,
                                         .identify = identify };
    struct bytes ca_key;

    *ret = (struct stub){ .next_report_seconds = 3600, .next_heartbeat_seconds = 900 };
    memcpy(ret->routes, routes, sizeof routes);
    ret->table = (struct http_routes){ .routes = ret->routes, .n = ARRAY_LEN(routes), .context = ret };
    if (!ca_new("stub CA", clock_now_ms(), &ret->ca, err) || !privkey_generate(PRIVKEY_P256, &ret->token_key, err) ||
        !privkey_generate(PRIVKEY_P256, &tls_key, err) ||
        !ca_issue_tls_server(ret->ca, names, 1, privkey_public(tls_key), clock_now_ms(), CA_DAY_MS, &tls, err) ||
        !ca_save(ret->ca, &ret->arena, &ca_key, &ret->ca_pem, err) || !privkey_to_pem(tls_key, &ret->arena, &config.key_pem, err))
        return false;
    config.cert_pem = bytes_of_string(cert_pem(tls, &ret->arena));
    if (!http_server_start(&config, &ret->server, err))
        return false;
    snprintf(ret->endpoint, sizeof ret->endpoint, "https://127.0.0.1:%u", http_server_port(ret->server));
    return true;
}

void stub_stop(struct stub *s)
{
    http_server_stop(s->server, 1000);
    ca_free(s->ca);
    privkey_free(s->token_key);
    pubkey_free(s->ak);
    arena_done(&s->arena);
}
