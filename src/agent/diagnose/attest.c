/* End to end: one attestation with the monitor's nonce, and a report that the monitor judges and forgets (guest-agent.md 10; control-plane.md 6.2,
 * ATT.01 and REP.01). */
#include <stdio.h>
#include "agent/diagnose/diagnose.h"
#include "jose/jws.h"
#include "json/parse.h"

/* One signed call to the monitor: a dry report, or without a body the question for a nonce. The TPM is closed again: it may be exclusive. */
static bool call_monitor(struct session *s, const struct report_body *body, struct arena *a, struct report_answer *ret, struct failure *why)
{
    const struct agent_config *config = s->config;
    const char *own = config->report_endpoint;
    const struct server_config where = server_config_of(config, own && *own ? own : config->endpoint);
    const struct ak_options options = session_ak_options(config, true);
    struct server *server CLEANUP(server_close_at) = NULL;
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct reporter who = { .vm_id = s->state.vm_id, .counter = &s->state.counter };

    if (!server_open(&where, &server, why) || !tpm_device_open(config->tcti, &tpm, why) || !ak_open(tpm, &options, &s->state.ak, &ak, why))
        return false;
    for (int attempt = 0;; attempt++) {
        if (body ? report_send(tpm, ak, server, &who, body, a, ret, why) : report_fetch_nonce(tpm, ak, server, &who, a, ret, why))
            return true;
        if (why->id != FAILURE_CLOCK_SKEW || attempt) /* its answer taught us its time */
            return false;
    }
}

static void take_nonce(struct session *s, const struct report_answer *answer)
{
    if (answer->nonce.len > sizeof s->nonce)
        return;
    memcpy(s->nonce, answer->nonce.data, answer->nonce.len);
    s->nonce_len = answer->nonce.len;
}

static void keep_claims(struct diagnosis *d, struct bytes token)
{
    const struct json *claims;
    struct err ignored;
    struct jws jws;

    if (jws_parse(d->arena, token, 0, &jws, &ignored) && json_parse(d->arena, jws.claimed_payload, NULL, &claims, &ignored)) {
        const char *text = json_to_string(d->arena, claims, JSON_COMPACT); /* escapes what a terminal would obey */

        d->claims = text ? bytes_of_string(text) : BYTES_NONE;
    }
}

static void report_failed(struct diagnosis *d, const struct failure *why)
{
    struct checked *c = diagnose_failed(d, CHECK_REPORT, RESULT_FAIL, why);

    if (why->id == FAILURE_CLOCK_SKEW)
        c->cause = CAUSE_TIME;
    if (!c->remedy)
        checked_remedy(d, c, "trueboot diagnose NAME looks at the monitor's side; report.endpoint has to be the monitor");
}

static void dry_report(struct diagnosis *d, struct session *s, const struct attest_result *result)
{
    const struct report_body body = { .facts = { .boot_id = s->host.boot_id,
                                                 .boot_time_ms = s->host.boot_time_ms,
                                                 .kernel_version = s->host.kernel,
                                                 .sequence = s->state.sequence },
                                      .token = result->token,
                                      .appraisal = result->appraisal,
                                      .event_log_sha256 = result->event_log_sha256,
                                      .dry_run = true };
    struct report_answer answer = { 0 };
    struct failure why = FAILURE_INIT;

    if (call_monitor(s, &body, d->arena, &answer, &why))
        diagnosis_add(d, CHECK_REPORT, RESULT_PASS, "the monitor would take this token; nothing was recorded");
    else
        report_failed(d, &why);
}

static bool is_enrolled(const struct session *s) { return s->state.ak_cert.len && s->state.vm_id[0]; }

void diagnose_attest(struct diagnosis *d, const struct agent_config *config)
{
    struct session session CLEANUP(session_done);
    struct report_answer answer = { 0 };
    struct attest_result result;
    struct failure why = FAILURE_INIT, no_nonce = FAILURE_INIT;
    bool reports;

    session_look(&session, config);
    reports = is_enrolled(&session) && !(config->report_format && strcmp(config->report_format, "compatible") == 0);
    if (reports && call_monitor(&session, NULL, d->arena, &answer, &no_nonce))
        take_nonce(&session, &answer);
    if (!session_attest(&session, d->arena, &result, &why)) {
        diagnose_failed(d, CHECK_ATTEST, why.id == FAILURE_NOT_ENROLLED ? RESULT_SKIP : RESULT_FAIL, &why);
    } else {
        keep_claims(d, result.token);
        /* The appraisal's id is beside the answer only when evidence is refused; else it is one of the claims. */
        diagnosis_add(d, CHECK_ATTEST, RESULT_PASS, "accepted%s%.*s", result.appraisal.len ? ", appraisal " : "",
                      BYTES_FMT(bytes_slice(result.appraisal, 0, 80)));
    }
    if (!reports)
        diagnosis_add(d, CHECK_REPORT, RESULT_SKIP, is_enrolled(&session) ? "this relying party takes no dry run" : "not enrolled");
    else if (no_nonce.id)
        report_failed(d, &no_nonce);
    else if (why.id)
        diagnosis_add(d, CHECK_REPORT, RESULT_SKIP, "no token; the monitor knows this machine");
    else
        dry_report(d, &session, &result);
}
