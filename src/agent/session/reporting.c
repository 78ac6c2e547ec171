#include "agent/session/inside.h"
#include <stdio.h>
#include <stdlib.h>
#include "agent/files/secret_file.h"
#include "agent/protocol/report_compat.h"
#include "agent/state/spool.h"
#include "base/clock.h"
#include "base/file.h"
#include "x509/cert.h"

/* Reports. */

int64_t session_certificate_until(const struct session *s)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    struct digest of;

    digest_compute(DIGEST_SHA256, writer_bytes(&s->state.ak_cert), &of);
    if (s->certificate.known && s->certificate.fits && digest_equal(&s->certificate.of, &of))
        return s->certificate.until_ms;
    return s->state.ak_cert.len && cert_parse(writer_bytes(&s->state.ak_cert), &cert, &err) ? cert->not_after_ms : 0;
}

void session_notes(const struct session *s, struct notes *ret)
{
    const struct server *servers[] = { s->attest, s->report };

    watch_notes(&s->watch, ret);
    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        server_note_skew(servers[i], ret);
    if (s->state.in_memory && s->state.note[0] && (s->state.newer || !s->state.damaged))
        notes_add(ret, s->state.newer ? FAILURE_STATE_NEWER : FAILURE_DISK_FULL, "the state lives in memory only: %s", s->state.note);
}

/* `notes` is filled, and must live as long as what is returned. */
static struct report_facts facts_of(const struct session *s, struct notes *notes)
{
    session_notes(s, notes);
    return (struct report_facts){ .notes = notes,
                                  .boot_id = s->host.boot_id,
                                  .boot_time_ms = s->host.boot_time_ms,
                                  .kernel_version = s->host.kernel,
                                  .sequence = s->state.sequence,
                                  .cluster_id = s->config->cluster_id,
                                  .cluster_tenant = s->config->cluster_tenant,
                                  .alerts_disabled = !s->config->alerts,
                                  .has_counters = s->has_counters,
                                  .reset_count = s->state.reset_count,
                                  .restart_count = s->state.restart_count };
}

static struct reporter reporter_of(struct session *s) { return (struct reporter){ .vm_id = s->state.vm_id, .counter = &s->state.counter }; }

/* After "I do not know you" the certificate is worth nothing, wherever it lies. */
static void heed(struct session *s, const struct failure *why)
{
    if (why->id == FAILURE_IDENTITY_UNKNOWN) {
        state_forget_certificate(&s->state);
        s->nv_certificate_is_stale = true;
    }
    if (why->id == FAILURE_IDENTITY_UNKNOWN || why->id == FAILURE_NONCE)
        s->nonce_len = 0;
    if (failure_retry(why->id) != RETRY_IN_CYCLE && why->id != FAILURE_CLOCK_SKEW && !failure_is_network(why->id))
        session_drop_pending(s); /* refused, not lost: the same token would be refused again */
}

static bool need_nonce(struct session *s, struct session_keys *keys, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct reporter who = reporter_of(s);
    struct report_answer answer = { 0 };

    if (s->nonce_len)
        return true;
    if (!report_fetch_nonce(keys->tpm, keys->ak, s->report, &who, &a, &answer, why))
        return false;
    session_keep_nonce(s, answer.nonce);
    return true;
}

static void forget_missed(struct session *s)
{
    if (s->missed.count && !s->state.newer)
        spool_clear(s->config->state_dir);
    s->missed = (struct report_missed){ 0 };
    arena_reset(&s->missed_arena);
}

static bool send_report(struct session *s, struct session_keys *keys, const struct report_body *body, struct report_answer *ret,
                        struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct reporter who = reporter_of(s);

    if (!report_send(keys->tpm, keys->ak, s->report, &who, body, &a, ret, why))
        return false;
    session_keep_nonce(s, ret->nonce);
    ret->nonce = BYTES_NONE; /* the arena goes away */
    forget_missed(s);
    return true;
}

static void spool(struct session *s, const struct failure *why)
{
    const struct spool_report report = { .time_ms = clock_now_ms(),
                                         .token = s->pending.token ? bytes_of_string(s->pending.token) : BYTES_NONE,
                                         .until_ms = s->pending.until_ms,
                                         .appraisal = s->pending.appraisal ? bytes_of_string(s->pending.appraisal) : BYTES_NONE,
                                         .failure = why->id,
                                         .message = why->text };
    struct spool_report kept = report;

    if (!failure_is_network(why->id) && why->id != FAILURE_SERVER_TROUBLE && why->id != FAILURE_BAD_ANSWER)
        return;
    memcpy(kept.event_log_sha256, s->pending.event_log_sha256, sizeof kept.event_log_sha256);
    if (!s->state.in_memory)
        spool_put(s->config->state_dir, &kept);
    if (!s->missed.count++) {
        s->missed.first_ms = kept.time_ms;
        s->missed.first_code = failure_name(why->id);
        s->missed.first_message = arena_printf(&s->missed_arena, "%s", why->text);
    }
}

static char *copy_text(struct bytes text) { return text.len ? strndup((const char *)text.data, text.len) : NULL; }

static bool keep_pending(struct session *s, const struct attest_result *result, struct failure *why)
{
    session_drop_pending(s);
    s->pending.token = session_copy_secret(result->token);
    s->pending.appraisal = copy_text(result->appraisal);
    s->pending.until_ms = attest_token_worth_until(result->token, clock_now_ms());
    memcpy(s->pending.event_log_sha256, result->event_log_sha256, sizeof s->pending.event_log_sha256);
    return s->pending.token ? true : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}

static void drop_old_pending(struct session *s)
{
    if (s->pending.token && clock_now_ms() >= s->pending.until_ms)
        session_drop_pending(s);
}

static bool send_pending(struct session *s, struct session_keys *keys, struct report_answer *ret, struct failure *why)
{
    struct notes notes;
    struct report_body body = { .facts = facts_of(s, &notes),
                                .missed = s->missed,
                                .token = bytes_of_string(s->pending.token),
                                .appraisal = s->pending.appraisal ? bytes_of_string(s->pending.appraisal) : BYTES_NONE,
                                .event_log_sha256 = s->pending.event_log_sha256 };

    if (!send_report(s, keys, &body, ret, why))
        return false;
    watch_told(&s->watch);
    session_drop_pending(s);
    session_progress(s, "reported", s->state.vm_id);
    return true;
}

/* What goes wrong after the key is open is told to the monitor, if it can be told. */
static void send_failure(struct session *s, struct session_keys *keys, const struct attest_result *result, const struct failure *failure,
                         struct report_answer *ret)
{
    struct notes notes;
    struct report_body body = { .facts = facts_of(s, &notes),
                                .missed = s->missed,
                                .appraisal = result->appraisal,
                                .event_log_sha256 = result->event_log_sha256,
                                .failure = failure };
    struct failure ignored;

    if (failure_is_network(failure->id) || failure_retry(failure->id) == RETRY_AGAIN)
        return;
    s->state.sequence++;
    if (!send_report(s, keys, &body, ret, &ignored))
        return;
    watch_told(&s->watch);
    session_progress(s, "failure reported", failure_name(failure->id));
}

static bool attest_and_report(struct session *s, struct session_keys *keys, struct report_answer *ret, struct failure *why)
{
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct attest_result result;

    drop_old_pending(s);
    if (!s->pending.token) {
        if (!need_nonce(s, keys, why))
            return false;
        if (!session_attest_with(s, keys, &a, &result, why)) {
            send_failure(s, keys, &result, why, ret);
            return false;
        }
        s->state.sequence++;
        if (!keep_pending(s, &result, why))
            return false;
    }
    return send_pending(s, keys, ret, why);
}

static bool is_compatible(const struct session *s)
{
    return s->config->report_format && strcmp(s->config->report_format, "compatible") == 0;
}

/* What a report logs in with when useCustomToken is on (7.4). The file is read each time: its owner may renew it. */
static bool read_bearer(const struct session *s, struct bytes attestation_token, struct arena *a, struct bytes *ret, struct failure *why)
{
    const struct agent_config *c = s->config;

    *ret = BYTES_NONE;
    if (!c->custom_token && !(c->report_auth && strcmp(c->report_auth, "custom") == 0))
        return true;
    if (c->report_token_file && *c->report_token_file)
        return secret_file_read("report.token_file", c->report_token_file, LIMIT_TOKEN_BYTES, a, ret, why);
    if (!c->client_cert_file)
        *ret = attestation_token;
    return true;
}

/* `notes` is filled, and must live as long as what is returned. */
static struct compat_report compatible_report(const struct session *s, struct notes *notes)
{
    return (struct compat_report){ .resource_id = s->config->resource_id,
                                   .attest_uri = s->config->endpoint,
                                   .facts = facts_of(s, notes),
                                   .next_ms = clock_now_ms() + (int64_t)s->config->frequency_seconds * 1000,
                                   .vm_uuid = s->state.vm_id[0] ? s->state.vm_id : s->host.vm_uuid,
                                   .ak_name = s->ak_name,
                                   .notes = notes };
}

/* `failure` NULL: the token that is pending. */
static bool tell_compatible(struct session *s, const struct failure *failure, struct report_answer *ret, struct failure *why)
{
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct notes notes;
    struct compat_report report = compatible_report(s, &notes);

    report.health = report_compat_health(failure, s->failed_cycles);
    report.token = !failure && s->pending.token ? bytes_of_string(s->pending.token) : BYTES_NONE;
    report.failure = failure;
    report.missed = s->missed;
    s->token_was_told = false; /* whether it arrives or not: it is the newer word */
    if (!read_bearer(s, report.token, &a, &report.bearer, why) || !report_compat_send(s->report, &report, &a, ret, why))
        return false;
    s->token_was_told = !failure;
    watch_told(&s->watch);
    forget_missed(s);
    session_drop_pending(s);
    return true;
}

/* One cycle with a relying party that expects the product's names: it hands out no nonce. */
static bool cycle_compatible(struct session *s, struct report_answer *ret, struct failure *why)
{
    struct session_keys keys CLEANUP(session_keys_done) = { 0 };
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct attest_result result;
    struct failure ignored;

    drop_old_pending(s);
    if (s->pending.token)
        return session_need_servers(s, why) && tell_compatible(s, NULL, ret, why);
    if (session_need_servers(s, why) && session_open_keys(s, &keys, why) && session_certificate(s, &keys, why) &&
        session_attest_with(s, &keys, &a, &result, why)) {
        s->state.sequence++;
        return keep_pending(s, &result, why) && tell_compatible(s, NULL, ret, why);
    }
    if (!s->report || report_compat_is_about_the_way(why) || failure_retry(why->id) == RETRY_AGAIN)
        return false; /* session_give_up tells what remains */
    s->state.sequence++;
    if (tell_compatible(s, why, ret, &ignored))
        session_progress(s, "failure reported", failure_name(why->id));
    return false;
}

/* Nothing new (8.2): the last report once more, with its sequence number, marked as what it is. It counts for nothing here: what was missed is still to be
 * told, and when to come again is not asked. What has happened to the machine since is no matter of that token. */
static void repeat_token(struct session *s)
{
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct notes notes;
    struct compat_report report = compatible_report(s, &notes);
    struct report_answer ignored_answer;
    struct failure ignored;

    if (!s->token_was_told || s->watch.resumed || s->watch.events.n ||
        clock_now_ms() + server_clock_ahead_ms(s->report) >= s->state.token_until_ms)
        return;
    report.health = COMPAT_HEALTHY;
    report.token = state_read_token(&s->state, &a);
    report.token_repeated = true;
    if (report.token.len && read_bearer(s, report.token, &a, &report.bearer, &ignored) &&
        report_compat_send(s->report, &report, &a, &ignored_answer, &ignored))
        session_progress(s, "last token repeated", s->state.token_id);
}

/* What a whole cycle did not get over (8.2): with a token the attestation service is not what was missed. */
static void give_up_compatible(struct session *s, const struct failure *why)
{
    bool way = report_compat_is_about_the_way(why);
    struct report_answer answer;
    struct failure ignored;

    s->failed_cycles = way && !s->pending.token ? s->failed_cycles + 1 : 0;
    if (s->pending.token || (!way && failure_retry(why->id) != RETRY_AGAIN)) /* the rest was told when it came */
        return;
    if (!s->report)
        return;
    if (report_compat_health(why, s->failed_cycles) == COMPAT_NOTHING_NEW) {
        repeat_token(s);
        return;
    }
    s->state.sequence++;
    if (tell_compatible(s, why, &answer, &ignored))
        session_progress(s, "failure reported", failure_name(why->id));
}

void session_give_up(struct session *s, const struct failure *why)
{
    spool(s, why);
    if (is_compatible(s))
        give_up_compatible(s, why);
}

/* A restart, and with it new settings, begins anew: the error that comes of it must not be the first that a new version says, or an upgrade during such an
 * outage would be taken back (6.14). */
static void count_refusal(struct session *s, const struct failure *why)
{
    if (why->id == FAILURE_NOT_AUTHORISED || why->id == FAILURE_SETTINGS_REFUSED)
        s->refused_entry++;
    else if (!report_compat_is_about_the_way(why))
        s->refused_entry = 0;
}

bool session_cycle_unsaved(struct session *s, struct report_answer *ret_answer, struct failure *why)
{
    struct session_keys keys CLEANUP(session_keys_done) = { 0 };
    bool done;

    *ret_answer = (struct report_answer){ 0 };
    done = is_compatible(s) ? cycle_compatible(s, ret_answer, why)
                            : session_need_servers(s, why) && session_open_keys(s, &keys, why) && session_certificate(s, &keys, why) &&
                                  attest_and_report(s, &keys, ret_answer, why);
    if (done)
        s->failed_cycles = s->refused_entry = 0;
    if (!done) {
        session_name_refusal(s, why);
        count_refusal(s, why);
        heed(s, why);
        s->memory = (struct tpm_memory){ 0 };
    } else if (s->state.identity_lost) {
        state_save_identity(&s->state);
    }
    s->state.boot_notes = s->watch.boot;
    return done;
}

void session_save(struct session *s, const struct failure *waits_for, int64_t due_boot_clock_ms, int64_t due_ms)
{
    snprintf(s->state.backoff, sizeof s->state.backoff, "%s", waits_for ? failure_retry_name(waits_for->id) : "");
    s->state.due_boot_clock_ms = due_boot_clock_ms;
    s->state.due_ms = due_ms;
    state_save_progress(&s->state);
}

bool session_cycle(struct session *s, struct report_answer *ret_answer, struct failure *why)
{
    bool done = session_cycle_unsaved(s, ret_answer, why);

    session_save(s, done ? NULL : why, 0, 0);
    return done;
}

bool session_heartbeat(struct session *s, const char *state, const struct failure *last_error, struct report_answer *ret_answer,
                       struct failure *why)
{
    struct session_keys keys CLEANUP(session_keys_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct notes notes;
    struct heartbeat_body body = { .facts = facts_of(s, &notes), .state = state, .last_error = last_error };
    struct reporter who = reporter_of(s);

    *ret_answer = (struct report_answer){ 0 };
    if (is_compatible(s))
        return true; /* it knows no heartbeats */
    if (!s->state.ak_cert.len)
        return failure_set(why, FAILURE_NOT_ENROLLED, "no certificate yet");
    if (!session_need_servers(s, why) || !session_open_keys(s, &keys, why))
        return false;
    if (!report_heartbeat(keys.tpm, keys.ak, s->report, &who, &body, &a, ret_answer, why)) {
        heed(s, why);
        return false;
    }
    session_keep_nonce(s, ret_answer->nonce);
    ret_answer->nonce = BYTES_NONE;
    state_save_progress(&s->state); /* its ctr: a clock that is set back while we are not there must not make the next one smaller */
    return true;
}
