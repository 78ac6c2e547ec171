#include "attestation/policy/policy_trial.h"
#include "appraise/appraise.h"
#include "attestation/service/data_plane.h"
#include "attestation/service/refusal_answer.h"

/* One policy over one piece of evidence. */
struct trial {
    struct appraised appraised;
    struct err unreadable; /* the evidence could not even be appraised: the sentence */
};

static bool try_policy(const struct data_plane_call *call, struct arena *a, const struct policy *policy, struct bytes text,
                       struct trial *ret, struct err *err)
{
    struct trust_store *roots CLEANUP(trust_store_free_at) = attestation_ak_roots(call->service, call->provider);
    struct evidence_file *file = ARENA_NEW(a, struct evidence_file);
    struct vouched_key ak = { 0 };
    struct appraise_request request = { .form = SIGNATURE_FORM_TPMT, .policy = policy, .reference = call->service->reference };
    bool fine;

    ret->unreadable = (struct err)ERR_INIT;
    if (!file)
        return err_set(err, ERR_NO_MEMORY, "no memory for evidence");
    if (!evidence_file_read(a, text, file, &ret->unreadable) ||
        !vouch_for(call->service->vouched, roots, file->current.aik_cert, file->current.aik_pub, file->time_ms, &ak, &ret->unreadable))
        return ret->unreadable.code != ERR_NO_MEMORY || err_set(err, ERR_NO_MEMORY, "no memory for evidence");
    if (ak.trusted && !vouch_counts_for(call->service->store, a, ak.cert, call->provider->name, &ak.why))
        ak.trusted = false;
    request.evidence = &file->current;
    request.ak = ak.key;
    request.ak_trusted = ak.trusted;
    request.nonce = file->nonce;
    request.now_ms = file->time_ms;
    fine = appraise(a, &request, &ret->appraised, err);
    vouched_key_done(&ak);
    return fine;
}

/* ---- telling --------------------------------------------------------------------------------------------------------- */

/* As the attestation itself decides: evidence that is refused gets no token, whatever the policy says. */
static bool decided(const struct trial *t)
{
    return !t->unreadable.code && !refusal_of_evidence(&t->appraised.appraisal.findings) &&
           (t->appraised.outcome || refusal_of_policy(&t->appraised.appraisal.findings));
}

static bool permitted(const struct trial *t)
{
    return decided(t) && !refusal_of_policy(&t->appraised.appraisal.findings) && t->appraised.appraisal.decision == DECISION_PERMITTED;
}

static const char *decision_word(const struct trial *t) { return permitted(t) ? "permitted" : decided(t) ? "denied" : "not decided"; }

static const char *verdict_word(const struct trial *t)
{
    return t->unreadable.code ? "Unknown" : verdict_name(t->appraised.appraisal.verdict);
}

/* The one that the refusal of an attestation would carry. */
static void put_reasons(struct json_out *out, const struct trial *t)
{
    const struct finding *evidence = refusal_of_evidence(&t->appraised.appraisal.findings),
                         *policy = refusal_of_policy(&t->appraised.appraisal.findings);

    json_begin_array(out, "reasons");
    if (t->unreadable.code)
        json_put_string(out, NULL, t->unreadable.text);
    else if (evidence || policy)
        json_put_string(out, NULL, evidence ? evidence->text : policy->text);
    json_end(out);
}

static void put_summary(struct json_out *out, const char *name, const struct trial *t)
{
    json_begin_object(out, name);
    json_put_string(out, "decision", decision_word(t));
    json_put_string(out, "verdict", verdict_word(t));
    put_reasons(out, t);
    json_end(out);
}

static void put_trial(struct json_out *out, const struct trial *t)
{
    const struct policy_outcome *outcome = t->unreadable.code ? NULL : t->appraised.outcome;

    json_begin_object(out, NULL);
    json_put_string(out, "decision", decision_word(t));
    json_put_string(out, "verdict", verdict_word(t));
    put_reasons(out, t);
    if (t->unreadable.code) {
        json_begin_array(out, "rules");
        json_end(out);
    } else {
        appraised_put_rules(out, &t->appraised);
    }
    policy_outgoing_write(out, permitted(t) ? outcome : NULL);
    json_end(out);
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static bool only_tpm(const struct data_plane_call *call)
{
    if (call->type == PROVIDER_TPM)
        return true;
    http_response_error(
        call->response, 400, "NotSupported", NULL,
        "Only policies of type Tpm are tried on evidence files; for AzureGuest send draftPolicyForAttestation with a request.");
    return false;
}

/* The policy of the body, or the one in force. False with *ret_answered when the answer, a parsing error, is made. */
static bool read_policy(const struct data_plane_call *call, const struct json *body, bool needed, const struct policy **ret,
                        bool *ret_answered, struct err *err)
{
    struct arena *a = call->request->arena;
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };
    struct bytes text;

    *ret_answered = false;
    if (!needed && !json_get(body, "policy")) {
        *ret = call->provider->policies[call->type].policy;
        return true;
    }
    if (!json_need_string(body, "policy", &text, err))
        return false;
    if (policy_parse(a, text, ret, &error))
        return true;
    *ret_answered = refusal_answer_policy(call->response, a, &error);
    return false;
}

/* ---- evidence that is sent along ------------------------------------------------------------------------------------- */

static bool answer_dry_run(const struct data_plane_call *call, struct err *err)
{
    const struct json *body, *evidence, *const *files;
    struct arena *a = call->request->arena;
    struct trial *t = ARENA_NEW(a, struct trial);
    const struct policy *policy;
    struct json_out out;
    bool answered;
    size_t n;

    if (!only_tpm(call))
        return true;
    if (!t)
        return err_set(err, ERR_NO_MEMORY, "no memory for a trial");
    if (!http_body_json(call->request, NULL, &body, err))
        return false;
    if (!read_policy(call, body, false, &policy, &answered, err))
        return answered;
    evidence = json_get(body, "evidence");
    files = evidence && evidence->type == JSON_ARRAY ? evidence->array.items : &evidence;
    n = evidence && evidence->type == JSON_ARRAY ? evidence->array.n : 1;
    if (!evidence || n == 0 || n > POLICY_TRIAL_EVIDENCE)
        return err_set(err, ERR_MALFORMED, "evidence is not an evidence file or an array of 1 to %d of them", POLICY_TRIAL_EVIDENCE) ||
               err_at(err, "/evidence");
    out = http_response_json(call->response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++) {
        if (!try_policy(call, a, policy, files[i]->raw, t, err))
            return false;
        put_trial(&out, t);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

bool policy_dry_run(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, true, answer_dry_run);
}

/* ---- the last evidence of every VM ----------------------------------------------------------------------------------- */

struct replay {
    const struct data_plane_call *call;
    const struct policy *before, *after;
    struct json_out *out;
    const char *without[POLICY_TRIAL_PAGE]; /* names of VMs of which no evidence is kept */
    size_t n_without, n_examined;
};

static bool last_evidence(const struct data_plane_call *call, struct arena *a, const char *vm, struct store_appraisal *ret_appraisal,
                          struct bytes *ret, struct err *err)
{
    return store_appraisal_latest(call->service->store, a, vm, ret_appraisal, err) &&
           store_evidence_get(call->service->store, a, vm, ret_appraisal->id, ret, err);
}

static bool replay_one(struct replay *r, const struct store_vm *vm, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 }; /* of this VM alone */
    struct trial *before = ARENA_NEW(&a, struct trial), *after = ARENA_NEW(&a, struct trial);
    struct store_appraisal appraisal;
    struct err why = ERR_INIT;
    struct bytes evidence;

    if (!before || !after)
        return err_set(err, ERR_NO_MEMORY, "no memory for a trial");
    if (!last_evidence(r->call, &a, vm->vm, &appraisal, &evidence, &why)) {
        r->without[r->n_without++] = vm->name;
        return why.code == ERR_NOT_FOUND || err_copy(err, &why);
    }
    if (!try_policy(r->call, &a, r->before, evidence, before, err) || !try_policy(r->call, &a, r->after, evidence, after, err))
        return false;
    r->n_examined++;
    json_begin_object(r->out, NULL);
    json_put_string(r->out, "vm", vm->vm);
    json_put_string(r->out, "name", vm->name);
    json_put_string(r->out, "appraisal", appraisal.id);
    json_put_time(r->out, "time", appraisal.time_ms);
    put_summary(r->out, "before", before);
    put_summary(r->out, "after", after);
    json_put_boolean(r->out, "changed", permitted(before) != permitted(after) || strcmp(verdict_word(before), verdict_word(after)) != 0);
    json_end(r->out);
    return true;
}

static bool read_page(const struct data_plane_call *call, const struct json *body, int64_t *ret_top, const char **ret_after,
                      struct err *err)
{
    struct bytes after;

    *ret_top = POLICY_TRIAL_PAGE;
    *ret_after = NULL;
    if (json_get(body, "top") && (!json_need_integer(body, "top", ret_top, err) || *ret_top < 1 || *ret_top > POLICY_TRIAL_PAGE))
        return err_set(err, ERR_MALFORMED, "top is not a number from 1 to %d", POLICY_TRIAL_PAGE) || err_at(err, "/top");
    if (!json_get(body, "after"))
        return true;
    if (!json_need_string(body, "after", &after, err))
        return false;
    *ret_after = arena_string(call->request->arena, after);
    return *ret_after || err_set(err, ERR_NO_MEMORY, "no memory for a name");
}

/* The answers are about every VM of the server: a policy can be written to ask anything of their evidence. */
static bool may_ask_the_fleet(const struct data_plane_call *call)
{
    const struct http_caller *caller = &call->request->caller;

    if (!caller->scope)
        return true;
    http_response_error(
        call->response, 401, "Unauthorized", NULL,
        "The evidence of every VM is asked: the caller (%s) has its role for %s only. Policies can be tried on evidence that "
        "is sent along: dryRun.",
        caller->subject ? caller->subject : "unnamed", caller->scope);
    return false;
}

static bool answer_replay(const struct data_plane_call *call, struct err *err)
{
    struct arena *a = call->request->arena;
    struct replay *r = ARENA_NEW(a, struct replay);
    const struct store_vm *vms;
    const struct json *body;
    const char *after_name;
    struct json_out out;
    int64_t top;
    bool answered;
    size_t n;

    if (!may_ask_the_fleet(call) || !only_tpm(call))
        return true;
    if (!r)
        return err_set(err, ERR_NO_MEMORY, "no memory for a trial");
    if (!http_body_json(call->request, NULL, &body, err) || !read_page(call, body, &top, &after_name, err))
        return false;
    if (!read_policy(call, body, true, &r->after, &answered, err))
        return answered;
    if (!store_vm_list(call->service->store, a, after_name, (size_t)top, &vms, &n, err))
        return false;
    r->call = call;
    r->before = call->provider->policies[call->type].policy;
    r->out = &out;
    out = http_response_json(call->response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++)
        if (!replay_one(r, &vms[i], err))
            return false;
    json_end(&out);
    json_put_integer(&out, "examined", (int64_t)r->n_examined);
    json_begin_array(&out, "withoutEvidence");
    for (size_t i = 0; i < r->n_without; i++)
        json_put_string(&out, NULL, r->without[i]);
    json_end(&out);
    if (n == (size_t)top)
        json_put_string(&out, "next", vms[n - 1].name);
    json_end(&out);
    return true;
}

bool policy_replay(void *context, const struct http_request *request, struct http_response *response, struct err *err UNUSED)
{
    return data_plane_run(context, request, response, true, answer_replay);
}
