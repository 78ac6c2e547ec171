#include "extension/compose.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/utf8.h"
#include "extension/outcome.h"
#include "json/parse.h"

enum { CODE_DOWN = 68 };

/* The daemon's words are shown to people elsewhere: made harmless here. */
static bool take_text(struct arena *a, const struct json *from, const char *name, const char **ret, struct err *err)
{
    *ret = text_for_people(a, json_text(json_get(from, name), BYTES_NONE));
    return *ret ? true : err_set(err, ERR_NO_MEMORY, "out of memory");
}

static int64_t time_of(const struct json *from, const char *name)
{
    int64_t time_ms;

    return clock_parse(json_text(json_get(from, name), BYTES_NONE), &time_ms) ? time_ms : 0;
}

static bool take_notes(struct arena *a, const struct json *list, struct daemon_state *ret, struct err *err)
{
    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n && ret->n_notes < COMPOSE_NOTES_MAX; i++) {
        struct daemon_note *note = &ret->notes[ret->n_notes++];

        if (!take_text(a, list->array.items[i], "code", &note->code, err) ||
            !take_text(a, list->array.items[i], "message", &note->message, err))
            return false;
    }
    return true;
}

bool daemon_state_parse(struct arena *a, struct bytes text, struct daemon_state *ret, struct err *err)
{
    const struct json_options options = { .max_depth = LIMIT_SETTINGS_DEPTH };
    struct daemon_state found = { 0 };
    const struct json *all, *failure;

    if (text.len > LIMIT_SMALL_BODY_BYTES)
        return err_set(err, ERR_LIMIT, "the daemon's status is at most %d bytes", LIMIT_SMALL_BODY_BYTES);
    if (!json_parse(a, text, &options, &all, err))
        return err_within(err, "the daemon's status");
    if (all->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "the daemon's status: an object is expected");
    failure = json_get(all, "failure");
    if (!take_text(a, all, "state", &found.state, err) || !take_text(a, all, "lastVerdict", &found.verdict, err) ||
        !take_text(a, all, "akName", &found.ak_name, err) || !take_text(a, failure, "code", &found.failure, err) ||
        !take_text(a, failure, "message", &found.failure_message, err))
        return false;
    if (!take_notes(a, json_get(all, "notes"), &found, err))
        return false;
    found.cert_until_ms = time_of(all, "akCertificateExpiryTime");
    found.verdict_ms = time_of(all, "lastVerdictTime");
    found.report_ms = time_of(all, "lastReportTime");
    found.next_ms = time_of(all, "nextAttestationTime");
    found.failing_since_ms = time_of(all, "failingSince");
    found.started_ms = time_of(all, "startedTime");
    *ret = found;
    return true;
}

/* A clock that was set back must not make an old sign look fresh for ever, nor a new one old. */
static bool within(int64_t since_ms, int64_t now_ms, int64_t span_ms)
{
    return since_ms && now_ms < since_ms + span_ms && now_ms > since_ms - span_ms;
}

static bool is_up(const struct compose_facts *facts, int64_t now_ms)
{
    return facts->daemon && within(facts->beat_ms, now_ms, COMPOSE_START_MS);
}

static bool is_starting(const struct compose_facts *facts, int64_t now_ms)
{
    return !is_up(facts, now_ms) && within(facts->enabled_ms, now_ms, COMPOSE_START_MS);
}

static bool has_failure(const struct compose_facts *facts) { return facts->daemon->failure[0] != 0; }

/* Substatus: one row a step of the way, in the order of the way. */

static void note_step(struct handler_status *to, const struct daemon_state *d, enum substatus_name name, bool done, const char *done_text)
{
    const struct outcome *o = outcome_of(d->failure);

    if (d->failure[0] && o->concerns == name)
        handler_status_sub(to, name, o->class == OUTCOME_TROUBLE || o->class == OUTCOME_WARNING ? STATUS_WARNING : STATUS_ERROR, o->code,
                           "%s: %s", d->failure, d->failure_message);
    else if (done)
        handler_status_sub(to, name, STATUS_SUCCESS, 0, "%s", done_text);
    else
        handler_status_sub(to, name, STATUS_TRANSITIONING, 0, "pending");
}

/* A note is a warning of the step that it is about (9.3: LOG_REPLAY, LOG_SHA1, …), which otherwise went well. */
static void note_notes(struct handler_status *to, const struct daemon_state *d)
{
    for (size_t i = 0; i < d->n_notes; i++) {
        const struct outcome *o = outcome_of(d->notes[i].code);
        struct substatus *sub = &to->sub[o->concerns];

        if (o->failure[0] && (!sub->shown || sub->status == STATUS_SUCCESS || sub->status == STATUS_TRANSITIONING))
            handler_status_sub(to, o->concerns, STATUS_WARNING, o->code, "%s: %s", d->notes[i].code, d->notes[i].message);
    }
}

static void note_integrity(struct handler_status *to, const struct daemon_state *d)
{
    bool accepted = strcmp(d->verdict, "accepted") == 0;
    char verified[CLOCK_TEXT_LEN] = "", next[CLOCK_TEXT_LEN] = "";

    if (!d->verdict[0]) {
        handler_status_sub(to, SUBSTATUS_BOOT_INTEGRITY, STATUS_TRANSITIONING, 0, "pending: no verdict yet");
        return;
    }
    if (d->verdict_ms)
        clock_format(d->verdict_ms, verified);
    if (d->next_ms)
        clock_format(d->next_ms, next);
    handler_status_sub(to, SUBSTATUS_BOOT_INTEGRITY, accepted ? STATUS_SUCCESS : STATUS_ERROR, 0, "%s, verified %s%s%s",
                       accepted ? "Healthy" : "Unhealthy", verified, next[0] ? ", next " : "", next);
}

static void note_configuration(const struct compose_facts *facts, struct handler_status *to)
{
    char text[STATUS_MESSAGE_MAX + 1] = "";
    size_t len = 0;

    for (size_t i = 0; i < facts->n_warnings && len < sizeof text - 1; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? "; " : "", facts->warnings[i]);
    if (facts->n_warnings)
        handler_status_sub(to, SUBSTATUS_CONFIGURATION, STATUS_WARNING, 0, "%s", text);
    else
        handler_status_sub(to, SUBSTATUS_CONFIGURATION, STATUS_SUCCESS, 0, "applied");
}

static void note_steps(const struct compose_facts *facts, struct handler_status *to)
{
    const struct daemon_state *d = facts->daemon;
    bool judged = d->verdict[0] != 0, accepted = strcmp(d->verdict, "accepted") == 0;
    char key[96], until[CLOCK_TEXT_LEN] = "";

    if (d->cert_until_ms)
        clock_format(d->cert_until_ms, until);
    snprintf(key, sizeof key, "AK %.12s%s%s%.10s", d->ak_name, strlen(d->ak_name) > 12 ? ".." : "",
             until[0] ? " certificate valid to " : "", until);
    if (d->failure[0] && outcome_of(d->failure)->concerns == SUBSTATUS_CONFIGURATION) /* weighs more than a warning about a setting */
        note_step(to, d, SUBSTATUS_CONFIGURATION, false, "");
    note_step(to, d, SUBSTATUS_TPM_ACCESS, d->ak_name[0] != 0, "the TPM answers");
    note_step(to, d, SUBSTATUS_EVENT_LOG, judged, "sent with the evidence");
    note_step(to, d, SUBSTATUS_PROVIDER_REACHABLE, judged, "the attestation service answers");
    note_step(to, d, SUBSTATUS_PROVIDER_AUTH, judged, "this machine is known there");
    note_step(to, d, SUBSTATUS_TOKEN_ISSUED, accepted, "a token was issued");
    note_step(to, d, SUBSTATUS_REPORT_ACCEPTED, d->report_ms != 0, "the monitor accepted the report");
    note_step(to, d, SUBSTATUS_ATTESTATION_KEY, d->ak_name[0] != 0, key);
    note_step(to, d, SUBSTATUS_EVENT_LOG_REPLAY, judged, "the log gives the registers");
    note_integrity(to, d);
    note_notes(to, d);
}

/* Status. */

static void say_working(const struct daemon_state *d, struct handler_status *ret)
{
    if (!d->verdict[0])
        handler_status_set(ret, STATUS_SUCCESS, 0, "Boot integrity monitoring is running, the first attestation is pending.");
    else
        handler_status_set(ret, STATUS_SUCCESS, 0, "Boot integrity monitoring is running. Last verdict: %s.",
                           strcmp(d->verdict, "accepted") == 0 ? "Healthy" : "Unhealthy");
}

static void say_failing(const struct compose_facts *facts, int64_t now_ms, struct handler_status *ret)
{
    const struct daemon_state *d = facts->daemon;
    const struct outcome *o = outcome_of(d->failure);

    if (o->class == OUTCOME_FOR_GOOD)
        handler_status_set(ret, STATUS_ERROR, o->code, "Boot integrity cannot be monitored: %s [%s]", d->failure_message, d->failure);
    else if (o->class == OUTCOME_VERDICT)
        say_working(d, ret);
    else if (o->class == OUTCOME_WARNING || (d->failing_since_ms && !within(d->failing_since_ms, now_ms, COMPOSE_TROUBLE_MS)))
        handler_status_set(ret, STATUS_WARNING, o->code, "Boot integrity monitoring is running, but: %s [%s]", d->failure_message,
                           d->failure);
    else
        say_working(d, ret);
}

/* Success ends a deployment: whoever wants it to fail without a verdict has to be kept waiting for one until the deadline (6.9). */
static void be_strict(const struct compose_facts *facts, int64_t now_ms, struct handler_status *ret)
{
    const struct daemon_state *d = facts->daemon;

    if (within(facts->first_enabled_ms, now_ms, COMPOSE_STRICT_MS))
        handler_status_set(ret, STATUS_TRANSITIONING, 0, "Boot integrity monitoring is running, the first attestation is pending%s%s",
                           d->failure_message[0] ? ": " : ".", d->failure_message);
    else
        handler_status_set(ret, STATUS_ERROR, has_failure(facts) ? outcome_of(d->failure)->code : CODE_DOWN,
                           "No verdict within 5 minutes of enabling%s%s", d->failure_message[0] ? ": " : ".", d->failure_message);
}

void compose_status(const struct compose_facts *facts, int64_t now_ms, struct handler_status *ret)
{
    *ret = (struct handler_status){ .operation = facts->operation, .applied_ms = facts->applied_ms };
    note_configuration(facts, ret);
    if (facts->daemon)
        note_steps(facts, ret);
    if (is_starting(facts, now_ms)) {
        handler_status_set(ret, STATUS_TRANSITIONING, 0, "Boot integrity monitoring is starting.");
        return;
    }
    if (!is_up(facts, now_ms)) {
        handler_status_set(ret, STATUS_ERROR, CODE_DOWN,
                           "The agent's daemon does not run; the machine's journal of trueboot-agent.service says why.");
        return;
    }
    if (has_failure(facts))
        say_failing(facts, now_ms, ret);
    else
        say_working(facts->daemon, ret);
    if (facts->strict && !facts->daemon->verdict[0] && ret->status != STATUS_ERROR)
        be_strict(facts, now_ms, ret);
}

void compose_heartbeat(const struct compose_facts *facts, int64_t now_ms, struct heartbeat *ret)
{
    *ret = (struct heartbeat){ 0 };
    if (is_up(facts, now_ms) && strcmp(facts->daemon->state, "degraded") == 0) {
        ret->code = outcome_of(facts->daemon->failure)->code;
        snprintf(ret->message, sizeof ret->message, "degraded: %s", facts->daemon->failure);
        return;
    }
    ret->ready = is_up(facts, now_ms) || is_starting(facts, now_ms);
    ret->code = ret->ready ? 0 : CODE_DOWN;
    snprintf(ret->message, sizeof ret->message, "%s", ret->ready ? "monitoring" : "the daemon does not run");
}
