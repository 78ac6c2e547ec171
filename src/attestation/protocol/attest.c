/* POST /attest/Tpm: from the request's message to a token or a refusal, in the order of checks of attestation-service.md 6.5. */
#include "attestation/protocol/attest.h"
#include "appraise/verdict.h"
#include "attestation/protocol/boot_evidence.h"
#include "attestation/protocol/ima_piece.h"
#include "attestation/protocol/message.h"
#include "attestation/protocol/record.h"
#include "attestation/protocol/token.h"
#include "attestation/service/data_plane.h"
#include "attestation/service/refusal_answer.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "x509/ak_cert.h"

/* 6.4: PS256, and what TPM-resident keys can do instead; each of the curves of 6.5 step 3 has its one algorithm. */
#define REQUEST_ALGORITHMS \
    (JWS_ALLOW(JWS_PS256) | JWS_ALLOW(JWS_RS256) | JWS_ALLOW(JWS_ES256) | JWS_ALLOW(JWS_ES384) | JWS_ALLOW(JWS_ES512))

/* What one request carries from step to step; everything is released by attestation_done. */
struct attestation {
    struct attestation_service *service;
    const struct provider *provider;
    bool draft; /* the policy came with the request: the token is unsecured, and nothing is kept (section 11) */
    struct arena *a;
    int64_t now_ms;
    struct attest_message message;
    struct jws jws;
    bool has_request;
    bool stale_challenge; /* why the request was refused: ask for another one */
    struct attest_request request;
    struct open_challenge challenge;
    struct trust_store *roots;
    struct vouched_key ak;
    char vm[UUID_TEXT_LEN]; /* "" unless the key is the active identity of a VM that we know */
    const char *ak_name;    /* of that identity */
    const char *assurance;  /* as that identity's certificate says */
    bool ak_replaced;       /* the certificate names a VM whose active key is another */
    struct appraised appraised;
    struct boot_evidence *boot;         /* NULL: none came */
    const struct ima_replay *ima_state; /* of the entries before a piece; NULL: it begins the list, or none came */
};

static void attestation_done(struct attestation *t)
{
    if (t->has_request)
        attest_request_done(&t->request);
    trust_store_free(t->roots);
    vouched_key_done(&t->ak);
    if (t->boot)
        vouched_key_done(&t->boot->ak);
}

static bool open_challenge(struct attestation *t, struct err *err)
{
    return challenge_open(t->service->challenges, t->provider->issuer, t->request.service_context, t->now_ms, &t->challenge, err) &&
           (bytes_equal_ct(t->request.challenge, BYTES_OF(t->challenge.challenge)) ||
            err_set(err, ERR_UNTRUSTED, "challenge is not the one that service_context holds"));
}

/* Steps 1 to 3: shape, challenge, possession of the request key. */
static bool read_request(struct attestation *t, struct err *err)
{
    const struct verified_jws *verified;

    if (!jws_parse_loose(t->a, t->message.request, LIMIT_ATTEST_BODY_BYTES, &t->jws, err) ||
        !attest_request_read(t->a, &t->jws, t->provider->tpm_v1, &t->request, err))
        return err_within(err, "request");
    t->has_request = true;
    t->stale_challenge = !open_challenge(t, err);
    if (t->stale_challenge)
        return false;
    if (!jws_verify(t->a, &t->jws, t->request.request_key.jwk.key, REQUEST_ALGORITHMS, &verified, err))
        return err_within(err, "request");
    t->stale_challenge = !challenge_use(t->service->challenges, &t->challenge, t->now_ms, err);
    return !t->stale_challenge;
}

/* Of a certificate that our CA issued when the machine enrolled. */
static const char *enrolled_assurance(const struct cert *cert)
{
    if (ak_cert_is_by_iak(cert))
        return ak_cert_ek_is_pinned(cert) ? ASSURANCE_IAK_PINNED : ASSURANCE_IAK_CERTIFIED;
    return ak_cert_ek_is_pinned(cert) ? ASSURANCE_EK_PINNED : ASSURANCE_EK_CERTIFIED;
}

/* The certificate that was stored is nearly always the one that was sent; a renewed one may be for the same key. */
static bool compare_enrolled(struct attestation *t, const struct store_identity *identity, struct err *err)
{
    struct cert *enrolled CLEANUP(cert_free_at) = NULL;

    t->ak_replaced = false;
    if (bytes_equal(identity->ak_cert, t->ak.cert->der)) {
        t->assurance = enrolled_assurance(t->ak.cert);
        return true;
    }
    if (!cert_parse(identity->ak_cert, &enrolled, err))
        return err_within(err, "stored AK certificate");
    t->ak_replaced = !enrolled->key || !pubkey_equal(enrolled->key, t->ak.key);
    t->assurance = enrolled_assurance(enrolled);
    return true;
}

/* identify_vm finds whose key this is: the VM that our certificate names, if the key is the one that it enrolled last. */
static bool identify_vm(struct attestation *t, struct err *err)
{
    struct store_identity identity;
    char vm[UUID_TEXT_LEN];
    struct err why = ERR_INIT;

    if (!t->ak.trusted || ak_cert_provider(t->ak.cert).len || !ak_cert_vm_uuid(t->ak.cert, vm, &why))
        return true; /* somebody else's machine, or one that this provider alone believes: appraised, but no VM of ours */
    if (!store_identity_active(t->service->store, t->a, vm, &identity, &why))
        return why.code == ERR_NOT_FOUND || err_copy(err, &why);
    if (!compare_enrolled(t, &identity, err))
        return false;
    if (t->ak_replaced)
        return true;
    memcpy(t->vm, vm, sizeof vm);
    t->ak_name = identity.ak_name;
    return true;
}

/* Step 4: who vouches for the attestation key, and whose it is. */
static bool take_key(struct attestation *t, struct err *err)
{
    const struct evidence *e = &t->request.current;

    t->roots = attestation_ak_roots(t->service, t->provider);
    if (!vouch_for(t->service->vouched, t->roots, e->aik_cert, e->aik_pub, t->now_ms, &t->ak, err))
        return false;
    if (t->ak.trusted && !vouch_counts_for(t->service->store, t->a, t->ak.cert, t->provider->name, &t->ak.why)) {
        if (t->ak.why.code != ERR_UNTRUSTED)
            return err_copy(err, &t->ak.why);
        t->ak.trusted = false;
    }
    return identify_vm(t, err);
}

/* What says that the key lives in a TPM; never the same words for less. */
static const char *assurance_of(const struct attestation *t)
{
    if (!t->ak.trusted)
        return NULL;
    if (t->vm[0])
        return t->assurance;
    if (ak_cert_provider(t->ak.cert).len) /* enrolled by an endorsement root of this provider's */
        return enrolled_assurance(t->ak.cert);
    return t->ak.pinned ? ASSURANCE_ADMIN_APPROVED : ASSURANCE_CLOUD_AK;
}

/* Whose it is, which is a finding when the key was replaced; so the verdict is that of all findings only here. */
static bool complete_appraisal(struct appraisal *appraisal, struct attestation *t, struct err *err)
{
    uint8_t id[(APPRAISAL_ID_LEN - 1) / 2];

    if (!random_bytes(id, sizeof id, err))
        return false;
    hex_encode(BYTES_OF(id), appraisal->id);
    memcpy(appraisal->vm, t->vm, sizeof appraisal->vm);
    appraisal->provider = t->provider->issuer;
    appraisal->assurance = assurance_of(t);
    appraisal->asked_ms = t->challenge.made_ms;
    appraisal->policy_hash = t->provider->policies[PROVIDER_TPM].hash;
    if (t->ak_replaced)
        findings_add(&appraisal->findings, FINDING_AK_REPLACED, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "the key's certificate is genuine, but this VM has enrolled another key since");
    appraisal->verdict = verdict_of(&appraisal->findings);
    return true;
}

/* Step 11, before the policy runs: it may ask about the boot's events. */
static bool appraise_boot(struct attestation *t, struct appraise_request *current, struct err *err)
{
    struct policy_claim *claims;
    size_t n;

    if (!t->request.has_boot)
        return true;
    t->boot = ARENA_NEW(t->a, struct boot_evidence);
    claims = ARENA_ARRAY(t->a, current->n_claims + BOOT_EVIDENCE_CLAIMS, struct policy_claim);
    if (!t->boot || !claims)
        return err_set(err, ERR_NO_MEMORY, "no memory for boot_attestation");
    if (!boot_evidence_appraise(t->a, t->service->vouched, t->roots, current, &t->request.boot, t->boot, err) ||
        !boot_evidence_claims(t->a, t->boot, current->policy, claims, &n, err))
        return false;
    memcpy(claims + n, current->claims, current->n_claims * sizeof *claims);
    current->claims = claims;
    current->n_claims += n;
    return true;
}

/* Step 12: keys that the TPM certified; only a genuine quote says which key may have done so. */
static bool check_certified_keys(struct attestation *t, struct err *err)
{
    struct appraised *appraised = &t->appraised;

    return !appraised->quote || attest_request_check_keys(&t->request, t->ak.key, verified_quote_qualified_signer(appraised->quote),
                                                          &appraised->appraisal.findings, err);
}

/* Steps 5 to 13: the pure part. */
static bool appraise_request(struct attestation *t, struct err *err)
{
    struct digest nonce;
    struct appraise_request request = { .evidence = &t->request.current,
                                        .form = SIGNATURE_FORM_TPMT,
                                        .ak = t->ak.key,
                                        .ak_trusted = t->ak.trusted,
                                        .policy = t->provider->policies[PROVIDER_TPM].policy,
                                        .no_ima_entries = ima_pieces_allowed(t->provider->policies[PROVIDER_TPM].policy),
                                        .ima_state = t->ima_state,
                                        .reference = t->service->reference,
                                        .now_ms = t->now_ms };
    const char *prefix = arena_printf(t->a, "%s/custom/", t->provider->issuer);

    if (!prefix)
        return err_set(err, ERR_NO_MEMORY, "no memory for claims");
    request.nonce = attest_request_nonce(&t->request, &nonce);
    if (!attest_request_claims(t->a, &t->request, prefix, &request.claims, &request.n_claims, err) || !appraise_boot(t, &request, err) ||
        !appraise(t->a, &request, &t->appraised, err))
        return false;
    if (t->boot)
        boot_evidence_judge(t->boot, t->ak.key, &t->appraised);
    return check_certified_keys(t, err) && complete_appraisal(&t->appraised.appraisal, t, err);
}

/* {"version":1,"vm":…,"time":…,"nonce":…,"current_attestation":…}: what `trueboot verify` reads again later. */
static bool evidence_file(struct attestation *t, struct writer *w)
{
    struct writer state CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(w, JSON_COMPACT);
    struct digest nonce;

    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", 1);
    json_put_string(&out, "vm", t->vm);
    json_put_time(&out, "time", t->now_ms);
    json_put_base64url(&out, "nonce", attest_request_nonce(&t->request, &nonce));
    json_put_raw(&out, "current_attestation", t->request.current.raw);
    if (t->ima_state) {
        ima_replay_write(&state, t->ima_state);
        w->bad |= !writer_ok(&state);
        json_put_base64url(&out, "ima_state", writer_bytes(&state));
    }
    json_end(&out);
    return writer_ok(w);
}

/* Only the shared provider's word counts for the monitor: what a tenant's own policy says must neither help nor harm a VM. */
static bool has_record(const struct attestation *t) { return t->provider->shared && !t->draft && record_is_due(&t->appraised.appraisal); }

static bool store_record(struct attestation *t, const char *jti, struct err *err)
{
    struct writer evidence CLEANUP(writer_done) = { 0 };

    if (!has_record(t))
        return true;
    if (!evidence_file(t, &evidence))
        return err_set(err, ERR_NO_MEMORY, "no memory for evidence");
    return record_store(t->service, t->a, &t->appraised.appraisal, t->ak_name, writer_bytes(&evidence), jti, err);
}

/* How far the list has come: the next piece begins there. */
static void put_ima(struct json_out *out, const struct attestation *t)
{
    const struct ima_progress *p = t->appraised.ima_progress;

    if (!t->request.current.ima_piece || !p || !t->vm[0] || p->broken || p->detached)
        return;
    json_begin_object(out, "ima");
    json_put_integer(out, "entries", p->replay.n);
    json_put_boolean(out, "proved", p->proved);
    json_end(out);
}

/* The error body of 2.5; innererror names the finding, and the appraisal that an operator can look up. */
static bool refuse(const struct attestation *t, struct http_response *response, const char *code, const struct finding *f)
{
    const struct appraisal *appraisal = &t->appraised.appraisal;
    struct json_out out;

    writer_reset(&response->body);
    response->error_text = f->text;
    http_response_header(response, "x-ms-error-code", code);
    out = http_response_json(response, 400);
    json_begin_object(&out, NULL);
    json_begin_object(&out, "error");
    json_put_string(&out, "code", code);
    json_put_string(&out, "message", f->text);
    json_begin_object(&out, "innererror");
    json_put_string(&out, "code", finding_kind(f->id)->id);
    json_end(&out);
    json_begin_object(&out, "trueboot");
    json_put_string(&out, "appraisalId", has_record(t) ? appraisal->id : NULL);
    json_put_string(&out, "verdict", verdict_name(appraisal->verdict));
    put_ima(&out, t);
    json_end(&out);
    json_end(&out);
    json_end(&out);
    return true;
}

static bool answer_token(struct attestation *t, struct http_response *response, struct bytes token)
{
    struct writer message CLEANUP(writer_done) = { 0 };
    struct json_out inner = json_out_to(&message, JSON_COMPACT), out = http_response_json(response, 200);

    json_begin_object(&inner, NULL);
    json_put_bytes(&inner, "report", token);
    if (t->request.current.ima_piece) {
        json_begin_object(&inner, "trueboot");
        put_ima(&inner, t);
        json_end(&inner);
    }
    json_end(&inner);
    response->body.bad |= !writer_ok(&message);
    attest_message_write(&out, &t->message, writer_bytes(&message));
    return true;
}

/* The report of a draft says what it would be, and nobody vouches for it (3.3). */
static bool take_signature_off(struct attestation *t, struct bytes *token, struct err *err)
{
    struct jws jws;

    return jws_parse(t->a, *token, LIMIT_ATTEST_BODY_BYTES, &jws, err) &&
           jws_make_unsecured(t->a, BYTES_LIT("{\"alg\":\"none\"}"), jws.claimed_payload, token, err);
}

static bool decide(struct attestation *t, struct http_response *response, struct err *err)
{
    const struct findings *findings = &t->appraised.appraisal.findings;
    const struct finding *bad_evidence = refusal_of_evidence(findings), *denied = refusal_of_policy(findings);
    char jti[TOKEN_JTI_LEN];
    struct bytes token;

    if (bad_evidence || denied || t->appraised.appraisal.decision != DECISION_PERMITTED || findings->overflow) {
        if (!store_record(t, NULL, err))
            return false;
        if (bad_evidence)
            return refuse(t, response, "InvalidParameter", bad_evidence);
        if (denied)
            return refuse(t, response, "PolicyEvaluationError", denied);
        return err_set(err, ERR_LIMIT, "the evidence raises more findings than can be kept");
    }
    if (!report_token_make(t->service, t->provider, t->a, &t->appraised, &t->request, &token, jti, err) || !store_record(t, jti, err) ||
        (t->draft && !take_signature_off(t, &token, err)))
        return false;
    for (size_t i = 0; i < t->appraised.outcome->n_outgoing; i++)
        if (policy_name_is_reserved(t->appraised.outcome->outgoing[i].type))
            response->warning =
                "the policy issues a claim under a name of the service's, which is left out of the token (trueboot policy lint)";
    return answer_token(t, response, token);
}

/* Published clients sign with PS256 and know nothing else. Who reads this may spare itself an RSA key (6.4: we should take ES256, too). */
static void put_algorithms(struct json_out *out)
{
    json_begin_array(out, "requestAlgorithms");
    for (unsigned i = 0; i < JWS_ALGORITHM_COUNT; i++)
        if (REQUEST_ALGORITHMS & JWS_ALLOW(i))
            json_put_string(out, NULL, jws_algorithm_name((enum jws_algorithm)i));
    json_end(out);
}

/* What of our own additions may come with the evidence; only who asked for it is told. */
static void put_offer(struct json_out *out, const struct attestation *t)
{
    json_begin_object(out, "trueboot");
    json_put_boolean(out, "kernel", true);
    json_put_boolean(out, "imaPieces", ima_pieces_allowed(t->provider->policies[PROVIDER_TPM].policy));
    put_algorithms(out);
    json_end(out);
}

static bool answer_challenge(struct attestation *t, struct http_response *response, struct err *err)
{
    struct writer message CLEANUP(writer_done) = { 0 };
    struct json_out inner = json_out_to(&message, JSON_COMPACT), out;
    uint8_t challenge[CHALLENGE_LEN];
    struct bytes context;

    if (!challenge_make(t->service->challenges, t->provider->issuer, t->now_ms, t->a, challenge, &context, err))
        return false;
    json_begin_object(&inner, NULL);
    json_put_base64url(&inner, "challenge", BYTES_OF(challenge));
    json_put_base64url(&inner, "service_context", context);
    if (t->message.knows_ours)
        put_offer(&inner, t);
    json_end(&inner);
    response->outcome = "challenge";
    out = http_response_json(response, 200);
    response->body.bad |= !writer_ok(&message);
    attest_message_write(&out, &t->message, writer_bytes(&message));
    return true;
}

/* ---- a policy that came to be tried ---- */

static const struct json *draft_of(const struct json *body)
{
    const struct json *draft = json_get_no_case(body, "draftPolicyForAttestation");

    return draft && draft->type != JSON_NULL ? draft : NULL;
}

/* The provider with the draft in the place of its policy. False when the answer, a refusal, is made. */
static bool take_draft(struct attestation *t, const struct http_request *http, const struct json *draft, struct http_response *response)
{
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };
    struct provider *tried = ARENA_NEW(t->a, struct provider);
    struct provider_policy *policy;

    if (!data_plane_reader(t->service, http, response))
        return false;
    if (draft->type != JSON_STRING || !tried) {
        err_point(&response->about, "/draftPolicyForAttestation");
        http_response_error(response, 400, "PolicyParsingError", NULL, "draftPolicyForAttestation is not a string");
        return false;
    }
    memcpy(tried, t->provider, sizeof *tried); /* a view for this request: it is never released */
    policy = &tried->policies[PROVIDER_TPM];
    *policy = (struct provider_policy){ .is_set = true };
    if (!provider_policy_parse(t->a, draft->string, policy, &error)) {
        err_point(&response->about, "/draftPolicyForAttestation");
        refusal_answer_policy(response, t->a, &error);
        return false;
    }
    t->provider = tried;
    t->draft = true;
    return true;
}

static const struct policy *policy_of(const struct attestation *t) { return t->provider->policies[PROVIDER_TPM].policy; }

/* All of it, from the request's words to the answer. A piece of an IMA list that cannot be continued is no evidence of anything: the agent is told so,
 * and starts over. */
static bool attest(struct attestation *t, struct http_response *response, struct err *err)
{
    const struct evidence *current = &t->request.current;
    bool kept;

    if (!read_request(t, err) || !take_key(t, err))
        return false;
    if (!ima_piece_find(t->service, t->a, t->vm, policy_of(t), current, &t->ima_state, err))
        return err->code == ERR_CONFLICT && http_response_error(response, 400, "InvalidParameter", "ima.resume", "%s", err->text);
    if (!appraise_request(t, err))
        return false;
    if (!data_plane_within_budget(t->service, t->ak.cert, t->appraised.quote, response))
        return true;
    kept = t->draft || ima_piece_keep(t->service, t->a, t->vm, current, &t->appraised, err);
    if (!kept)
        return err->code == ERR_CONFLICT && http_response_error(response, 400, "InvalidParameter", "ima.resume", "%s", err->text);
    return decide(t, response, err);
}

bool attest_tpm(struct attestation_service *service, const struct provider *provider, const struct http_request *http,
                struct http_response *response, struct err *err)
{
    struct attestation *t = ARENA_NEW(http->arena, struct attestation); /* large: not on the stack */
    const struct json *body = NULL, *draft;
    bool fine;

    if (!t)
        return err_set(err, ERR_NO_MEMORY, "no memory for a request");
    fine = http_body_json(http, NULL, &body, err);
    draft = fine ? draft_of(body) : NULL;
    if (!provider->policies[PROVIDER_TPM].is_set && !draft) {
        err_advise(&response->about, "docs/policy.md", "trueboot policy set Tpm FILE --provider %s", provider->name);
        return http_response_error(response, 400, "InvalidOperation", NULL,
                                   "A VBS attestation policy has not been set on the attestation provider. Set one with PUT "
                                   "%s/policies/Tpm (trueboot policy set Tpm FILE --provider %s).",
                                   provider->issuer, provider->name);
    }
    t->service = service;
    t->provider = provider;
    t->a = http->arena;
    t->now_ms = service->now_ms();
    if (draft && !take_draft(t, http, draft, response))
        return true;
    fine = fine && attest_message_read(t->a, body, &t->message, err);
    if (fine && t->message.kind == ATTEST_INIT)
        fine = answer_challenge(t, response, err);
    else if (fine)
        fine = attest(t, response, err);
    attestation_done(t);
    if (!fine && t->stale_challenge && err->code == ERR_UNTRUSTED)
        return http_response_error(response, 400, "InvalidParameter", "challenge", "%s", err->text);
    return fine || refusal_answer_error(response, err);
}
