/* The AzureGuest side of the stub: what a strict verifier checks (attestation-service.md 7.4, guest-agent.md 3.6), and the sealed answer. */
#include <stdio.h>
#include "agent/protocol/azureguest.h"
#include "attestation/protocol/azureguest_message.h"
#include "attestation/protocol/sealed_answer.h"
#include "base/base64.h"
#include "crypto/privkey.h"
#include "jose/jws.h"
#include "tpm/certify.h"
#include "tpm/policy_digest.h"
#include "tpm/quote.h"
#include "unit/agent/stub.h"

static const char *check(struct stub *s, struct arena *a, struct bytes text, struct azureguest_message *m, struct err *err)
{
    struct findings list = { .arena = a };
    const struct verified_quote *quote;
    struct writer enc_key = { 0 };
    struct bytes expected = BYTES_NONE, nonce;
    struct digest bind, policy;
    const struct json *info;

    if (!azureguest_message_read(a, text, m, err))
        return err->text;
    if (!bytes_equal(m->aik_cert, s->last_cert))
        return "AikCert";
    tpm_public_encode_2b(&enc_key, &m->enc_key);
    if (!json_parse(a, text, NULL, &info, err))
        return "JSON";
    s->azure_logs_len = m->evidence.n_logs ? m->evidence.logs[0].content.len : 0;
    if (m->client_payload && json_get(m->client_payload, "nonce")) {
        if (!base64_decode(a, BASE64_STANDARD, json_text(json_get(m->client_payload, "nonce"), BYTES_NONE), &nonce, err))
            return "nonce";
        azureguest_bind(nonce, writer_bytes(&enc_key), m->evidence.n_logs ? m->evidence.logs[0].content : BYTES_NONE,
                        m->client_payload->raw, &bind);
        expected = digest_bytes(&bind);
        s->azure_bound++;
    }
    writer_done(&enc_key);
    const struct quote_claim claim = {
        .attest = m->evidence.quote, .signature = m->evidence.signature, .form = SIGNATURE_FORM_RAW_RSASSA, .pcrs = &m->evidence.pcrs
    };
    const struct quote_expectations want = { .ak = s->ak, .nonce = expected, .required_pcr_mask = m->pcr_set | 0xff };
    if (!quote_verify(a, &claim, &want, &list, &quote, err))
        return list.n ? list.items[0].text : "quote";
    const struct certify_claim certified = {
        .attest = m->certify_info, .signature = m->certify_signature, .form = SIGNATURE_FORM_RAW_RSASSA, .object = &m->enc_key
    };
    const struct certify_expectations certifier = { .ak = s->ak,
                                                    .nonce = expected,
                                                    .qualified_signer = verified_quote_qualified_signer(quote) };
    if (!certify_verify(&certified, &certifier, err))
        return err->text;
    if (!policy_pcr_digest(DIGEST_SHA256, verified_quote_pcrs(quote), &policy, err) ||
        !bytes_equal(m->enc_key.policy, digest_bytes(&policy)))
        return "authPolicy of EncKeyPub";
    return NULL;
}

static bool seal(struct stub *s, struct arena *a, const struct azureguest_message *m, struct http_response *response, struct err *err)
{
    static const char claims[] = "{\"iat\":1,\"exp\":3600,\"x-ms-attestation-type\":\"azurevm\"}";
    struct privkey *stranger CLEANUP(privkey_free_at) = NULL;
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct sealing_secret secret;
    struct bytes token, sealed;
    struct json_out out;

    if (!tpm_public_key(&m->enc_key, &key, err) || (s->azure_seal_wrong && !privkey_generate(PRIVKEY_RSA_2048, &stranger, err)) ||
        !sealing_secret_new(&secret, err) ||
        !jws_sign(a, s->token_key, JWS_ES256, BYTES_LIT("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"), bytes_of_string(claims), &token, err) ||
        !sealed_answer_make(a, &secret, s->azure_seal_wrong ? privkey_public(stranger) : key, &m->enc_key.scheme, token, &sealed, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_base64url(&out, "token", sealed);
    json_end(&out);
    return true;
}

bool stub_attest_azure(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct azureguest_message m;
    struct stub *s = context;
    const struct json *body;
    const char *problem;
    struct bytes text;

    s->azure_attestations++;
    if (!http_body_json(request, NULL, &body, err) || !azureguest_text_read(request->arena, body, &text, err))
        return false;
    problem = check(s, request->arena, text, &m, err);
    if (problem) {
        if (!s->problem[0])
            snprintf(s->problem, sizeof s->problem, "azureguest: %.250s", problem);
        return http_response_error(response, 400, "StubRefuses", NULL, "%s", problem);
    }
    if (s->refuse_evidence)
        return http_response_error(response, 400, "PolicyEvaluationError", "secureboot.disabled",
                                   "A Deny claim was issued, authorization failed.");
    return seal(s, request->arena, &m, response, err);
}
