#include "appraise/appraise.h"
#include "appraise/claimed.h"
#include "appraise/claims.h"
#include "appraise/ima_words.h"
#include "appraise/verdict.h"
#include "base/clock.h"
#include "base/deadline.h"
#include "bootchain/chain/plain.h"
#include "eventlog/ima/kexec.h"
#include "eventlog/ima/list.h"
#include "eventlog/replay/replay.h"
#include "tpm/attest.h"

/* What one appraisal carries from step to step. */
struct work {
    struct arena *a;
    const struct appraise_request *request;
    struct appraised *out;
    struct findings *findings;
    struct policy_configuration configuration;
};

static void check_key(struct work *w)
{
    if (!w->request->ak_trusted && w->configuration.require_valid_aik_cert)
        findings_add(w->findings, FINDING_AK_UNTRUSTED, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "no certificate that chains to a trusted root vouches for the attestation key");
}

static uint32_t required_pcr_mask(const struct work *w)
{
    return w->request->required_pcr_mask ? w->request->required_pcr_mask : w->configuration.required_pcr_mask;
}

static void note_clock(struct appraisal *appraisal, const struct tpm_clock_info *clock)
{
    appraisal->clock_ms = clock->clock_ms;
    appraisal->reset_count = clock->reset_count;
    appraisal->restart_count = clock->restart_count;
    appraisal->clock_safe = clock->safe;
}

/* A register that moved between reading and quoting is trouble, not an attack: unsettled, to be tried again. Which boot it was is known
 * all the same: the signature holds, it is only the values beside it that do not. */
static void note_race(struct work *w, size_t before)
{
    struct err ignored = ERR_INIT;
    struct attest attest;

    for (size_t i = before; i < w->findings->n; i++)
        w->findings->items[i].unsettled = true;
    if (attest_decode(w->request->evidence->quote, &attest, &ignored))
        note_clock(&w->out->appraisal, &attest.clock);
}

/* check_quote is the gate: *ret_verified says whether anything behind it may be looked at. */
static bool check_quote(struct work *w, bool *ret_verified, struct err *err)
{
    const struct appraise_request *r = w->request;
    const struct quote_claim claim = {
        .attest = r->evidence->quote, .signature = r->evidence->signature, .form = r->form, .pcrs = &r->evidence->pcrs
    };
    const struct quote_expectations want = {
        .ak = r->ak, .ak_public = r->ak_public, .any_nonce = r->any_nonce, .nonce = r->nonce, .required_pcr_mask = required_pcr_mask(w)
    };
    struct appraisal *appraisal = &w->out->appraisal;
    size_t before = w->findings->n;

    *ret_verified = quote_verify(w->a, &claim, &want, w->findings, &w->out->quote, err);
    if (!*ret_verified) {
        if (quote_was_raced(w->findings, before))
            note_race(w, before);
        return w->findings->n > before || w->findings->overflow; /* no finding: no memory */
    }
    appraisal->quote_verified = true;
    note_clock(appraisal, verified_quote_clock(w->out->quote));
    appraisal->firmware_version = verified_quote_firmware_version(w->out->quote);
    appraisal->boot.registers = *verified_quote_pcrs(w->out->quote);
    return true;
}

/* The entries themselves, for a policy that looks at them. The register is explained already. */
static bool keep_entries(struct work *w, struct bytes content, struct err *err)
{
    struct findings said_already = { .arena = w->a };
    struct ima_list *list = ARENA_NEW(w->a, struct ima_list); /* verified_ima goes on looking at it */

    if (!list)
        return err_set(err, ERR_NO_MEMORY, "no memory for an IMA list");
    return ima_parse(w->a, content, list, err) && ima_verify(w->a, list, verified_quote_pcrs(w->out->quote),
                                                             replayed_computed(w->out->replayed), &said_already, &w->out->ima, err);
}

/* Where the replay of this list begins: at the register's start, or where the service left off. */
static bool begin_ima(struct work *w, struct ima_progress *p)
{
    const struct evidence *e = w->request->evidence;

    if (!e->ima_from) {
        ima_replay_begin(verified_quote_pcrs(w->out->quote), replayed_computed(w->out->replayed), &p->replay);
        return true;
    }
    p->detached = !w->request->ima_state || w->request->ima_state->n != e->ima_from;
    if (!p->detached)
        p->replay = *w->request->ima_state;
    else
        findings_add(w->findings, FINDING_IMA_INCOMPLETE, 10, FINDING_NO_EVENT,
                     "The IMA list that came begins after entry %u, and what came before is not known here.", e->ima_from);
    return !p->detached;
}

/* One list against the quoted register 10 (attestation-service.md 6.5 step 10; guest-agent.md 4.2). Entries behind the quoted value are no evidence; a
 * piece that more will follow need not reach it. */
static bool replay_ima(struct work *w, struct bytes content, struct err *err)
{
    const struct evidence *e = w->request->evidence;
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct ima_progress *p = ARENA_NEW(w->a, struct ima_progress);

    if (!p)
        return err_set(err, ERR_NO_MEMORY, "no memory for an IMA list");
    w->out->ima_progress = p;
    if (!begin_ima(w, p))
        return true;
    if (!ima_replay_take(&p->replay, content, verified_quote_pcrs(w->out->quote), &scratch, &p->proved, &p->fit, err)) {
        if (err_ends_work(err))
            return false;
        p->broken = true;
        findings_add(w->findings, FINDING_IMA_MALFORMED, 10, FINDING_NO_EVENT, "%s", err->text);
        return true;
    }
    if (!p->proved && !e->ima_from && !(e->ima_piece && e->ima_more) &&
        ima_replay_behind_kexec(content, verified_quote_pcrs(w->out->quote), replayed_computed(w->out->replayed), &p->replay, &p->fit)) {
        p->proved = true; /* kernel_judge() tells how many kernels there were; a policy does not see the entries of the last one only */
        return true;
    }
    if (p->proved)
        return w->request->no_ima_entries || e->ima_from || keep_entries(w, content, err);
    if (e->ima_piece && e->ima_more)
        findings_add(w->findings, FINDING_IMA_INCOMPLETE, 10, FINDING_NO_EVENT,
                     "%u entries of the IMA list have come; the rest is still to come.", p->replay.n);
    else
        ima_explain_mismatch(w->a, e->ima_from ? BYTES_NONE : content, p->replay.n, verified_quote_pcrs(w->out->quote),
                             replayed_computed(w->out->replayed), w->out->chain, w->findings);
    return true;
}

static bool quotes_ima(const struct pcr_set *quoted)
{
    for (size_t i = 0; i < quoted->n_banks; i++)
        if (pcr_find(quoted, quoted->banks[i].algorithm, 10))
            return true;
    return false;
}

/* A piece may well be empty: nothing was measured since. */
static bool check_ima(struct work *w, struct err *err)
{
    const struct evidence *e = w->request->evidence;
    bool any = false;

    if (!quotes_ima(verified_quote_pcrs(w->out->quote)))
        return true;
    for (size_t i = 0; i < e->n_logs; i++) {
        if (e->logs[i].kind != EVIDENCE_LOG_IMA || e->logs[i].content.len == 0)
            continue;
        if (any && e->ima_piece) {
            findings_add(w->findings, FINDING_IMA_MALFORMED, 10, FINDING_NO_EVENT, "a piece of an IMA list is one log, not several");
            return true;
        }
        any = true;
        if (!replay_ima(w, e->logs[i].content, err))
            return false;
    }
    return any || !e->ima_piece || replay_ima(w, BYTES_NONE, err);
}

static bool check_logs(struct work *w, struct err *err)
{
    struct appraisal *appraisal = &w->out->appraisal;
    struct eventlog *log = ARENA_NEW(w->a, struct eventlog);
    struct bootchain *chain = ARENA_NEW(w->a, struct bootchain);
    bool any;

    if (!log || !chain)
        return err_set(err, ERR_NO_MEMORY, "no memory for the event log");
    if (!evidence_join_logs(w->a, w->request->evidence, w->findings, log, &any, err))
        return false;
    if (!replay_verify(w->a, log, verified_quote_pcrs(w->out->quote), NULL, w->findings, &w->out->replayed, err))
        return false;
    appraisal->boot.has_log = any;
    appraisal->facts.has_log = any;
    if (!any)
        return true;
    if (!bootchain_read(w->a, w->out->replayed, w->request->reference, w->findings, chain, err))
        return false;
    appraisal->boot.components = chain->components;
    w->out->chain = chain;
    return true;
}

static bool note_facts(struct work *w, struct err *err)
{
    struct appraisal_facts *facts = &w->out->appraisal.facts;
    const struct bootchain *chain = w->out->chain;
    const struct boot_reference *reference = w->request->reference;

    if (chain) {
        facts->secure_boot = chain->secure_boot;
        facts->setup_mode = chain->setup_mode;
        facts->kernel_label = chain->kernel;
        facts->command_line = chain->command_line;
        facts->os_release = chain->os_release;
        facts->boot_summary = plain_boot_summary(w->a, chain);
        for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
            facts->phase_summary[p] = plain_phase_summary(w->a, chain, p);
        if (!facts->boot_summary)
            return err_set(err, ERR_NO_MEMORY, "no memory for facts");
    }
    if (reference && reference->name) {
        w->out->appraisal.reference = reference_words(w->a, reference, w->request->now_ms);
        if (!w->out->appraisal.reference)
            return err_set(err, ERR_NO_MEMORY, "no memory for facts");
    }
    return true;
}

static void policy_failed(struct work *w, const struct policy_error *why)
{
    struct policy_error *fault = ARENA_NEW(w->a, struct policy_error);

    findings_add(w->findings, FINDING_POLICY_ERROR, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", why->err.text);
    if (fault) /* for people; the finding decides */
        *fault = *why;
    if (!w->out->fault)
        w->out->fault = fault;
}

static bool check_kernel(struct work *w, struct err *err)
{
    const struct ima_progress *p = w->out->ima_progress;
    const struct ima_summary *measured = p && p->proved ? ima_replay_summary(&p->replay, &p->fit) : NULL;

    return kernel_judge(w->a, w->request->evidence->kernel, measured, w->out->chain, w->findings, &w->out->appraisal.facts.running, err);
}

static bool run_policy(struct work *w, struct err *err)
{
    struct appraisal *appraisal = &w->out->appraisal;
    struct policy_outcome *outcome = ARENA_NEW(w->a, struct policy_outcome);
    struct policy_error why = { .kind = POLICY_EVALUATION_ERROR };
    const struct policy_claim *claims;
    const char *text;
    size_t n_claims;

    if (!w->request->policy) {
        if (!w->request->no_policy_needed)
            findings_add(w->findings, FINDING_POLICY_NOT_PERMITTED, FINDING_NO_PCR, FINDING_NO_EVENT, "no attestation policy is set");
        return true;
    }
    if (!claims_build(w->a, w->request, w->out, &claims, &n_claims, err))
        return false;
    if (!outcome)
        return err_set(err, ERR_NO_MEMORY, "no memory for a policy's outcome");
    appraisal->decision = DECISION_REFUSED;
    if (!policy_evaluate(w->a, w->request->policy, claims, n_claims, NULL, outcome, &why)) {
        if (why.err.code == ERR_LATE)
            return err_set(err, ERR_LATE, "%s", why.err.text);
        policy_failed(w, &why);
        return true;
    }
    w->out->outcome = outcome;
    if (outcome->decision == POLICY_PERMITTED) {
        appraisal->decision = DECISION_PERMITTED;
        return true;
    }
    text = policy_refusal_text(w->a, outcome);
    findings_add(w->findings, outcome->decision == POLICY_NO_PERMIT ? FINDING_POLICY_NOT_PERMITTED : FINDING_POLICY_DENIED, FINDING_NO_PCR,
                 FINDING_NO_EVENT, "%s", text ? text : "refused");
    return true;
}

/* configure asks the policy how the evidence is to be verified (attestation-service.md 8.4, steps 1 and 2). A policy whose
 * configuration fails permits nothing, and the strictest settings hold. */
static void configure(struct work *w)
{
    struct policy_error why = { .kind = POLICY_EVALUATION_ERROR };

    w->configuration = (struct policy_configuration){ .require_valid_aik_cert = true, .required_pcr_mask = 0xffffff };
    if (w->request->policy && !policy_configure(w->a, w->request->policy, NULL, &w->configuration, &why)) {
        w->configuration = (struct policy_configuration){ .require_valid_aik_cert = true, .required_pcr_mask = 0xffffff };
        policy_failed(w, &why);
    }
    w->out->configured = w->configuration.trace;
    w->out->n_configured = w->configuration.n_trace;
}

void appraised_put_rules(struct json_out *out, const struct appraised *appraised)
{
    const struct policy_outcome *outcome = appraised->outcome;
    const struct policy_error *fault = appraised->fault;
    const struct policy_trace *rules = outcome ? outcome->trace : fault ? fault->trace : NULL;
    size_t n = outcome ? outcome->n_trace : fault ? fault->n_trace : 0;

    json_begin_array(out, "rules");
    for (size_t i = 0; i < appraised->n_configured; i++)
        policy_trace_write(out, &appraised->configured[i]);
    for (size_t i = 0; i < n; i++)
        policy_trace_write(out, &rules[i]);
    json_end(out);
    if (fault)
        policy_error_write(out, "policyError", fault);
}

bool appraise(struct arena *a, const struct appraise_request *request, struct appraised *ret, struct err *err)
{
    struct appraised *out = ARENA_NEW(a, struct appraised); /* large: not on the stack */
    struct work w = { .a = a, .request = request, .out = out };
    bool verified;

    if (!out)
        return err_set(err, ERR_NO_MEMORY, "no memory for an appraisal");
    w.findings = &out->appraisal.findings;
    w.findings->arena = a;
    out->appraisal.time_ms = request->now_ms;
    out->appraisal.ak_trusted = request->ak_trusted;
    out->appraisal.evidence_digest = request->evidence->digest;
    configure(&w);
    check_key(&w);
    if (!check_quote(&w, &verified, err))
        return err_set(err, ERR_NO_MEMORY, "no memory to verify a quote");
    if (verified) {
        if (!check_logs(&w, err) || !check_ima(&w, err))
            return false;
        registers_judge(&out->appraisal.boot.registers, w.findings);
        if (!note_facts(&w, err) || !check_kernel(&w, err) || !run_policy(&w, err))
            return false;
    }
    out->appraisal.verdict = verdict_of(w.findings);
    *ret = *out;
    return true;
}
