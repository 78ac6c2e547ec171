#include "agent/session/session.h"
#include <stdio.h>
#include <stdlib.h>
#include "agent/machine/log_place.h"
#include "agent/session/inside.h"
#include "agent/state/spool.h"
#include "agent/tpm/ek.h"
#include "base/clock.h"
#include "base/file.h"
#include "crypto/random.h"
#include "crypto/secret.h"

enum { EVIDENCE_NONCE_LEN = 32 };

void session_progress(const struct session *s, const char *step, const char *detail)
{
    if (s->progress)
        s->progress(s->context, step, detail);
}

struct ak_options session_ak_options(const struct agent_config *c, bool look_only)
{
    return (struct ak_options){ .handle = c->ak_handle,
                                .handle_fallback = c->ak_handle_fallback,
                                .profile = ak_profile_from_name(bytes_of_string(c->profile ? c->profile : "auto")),
                                .type = c->ak_type && strcmp(c->ak_type, "ecc") == 0 ? AK_P256 : AK_RSA2048,
                                .platform_issuers = c->platform_issuers,
                                .look_only = look_only };
}

struct evidence_sources session_sources(const struct session *s)
{
    return (struct evidence_sources){ .firmware_log = s->config->firmware_log ? s->config->firmware_log : s->collected.firmware_log,
                                      .systemd_log = s->config->systemd_log,
                                      .ima_log = s->config->ima_log ? s->config->ima_log : s->collected.ima_log,
                                      .with_ima = s->config->ima,
                                      .kernel_state = s->config->kernel ? s->collected.kernel_state : NULL,
                                      .run_dir = s->config->run_dir,
                                      .collected_in = !s->config->ima_log && s->collected.ima_log && *s->collected.ima_log
                                                          ? s->config->run_dir
                                                          : NULL };
}

static void begin(struct session *ret)
{
    host_learn(&ret->host, ret->config->run_dir);
    ret->watch.before = state_life_point(&ret->state);
    if (ret->state.damaged)
        notes_add(&ret->watch.events, FAILURE_STATE_CORRUPT, "%s", ret->state.note);
    if (strcmp(ret->state.boot_id, ret->host.boot_id) == 0 && ret->host.boot_id[0]) {
        ret->has_counters = ret->state.clock_ms != 0;
        ret->watch.boot = ret->state.boot_notes;
    }
    snprintf(ret->state.boot_id, sizeof ret->state.boot_id, "%s", ret->host.boot_id);
    collect_sources_of(&ret->arena, "", ret->config->run_dir, ret->host.boot_id, &ret->collected);
    if (!ret->collected.firmware_log)
        ret->collected.firmware_log = log_place_of_tpm(&ret->arena, ret->config->tcti ? ret->config->tcti : getenv("TCTI"));
}

/* NULL: there is none, or no memory. */
char *session_copy_secret(struct bytes text)
{
    char *copy = text.len ? secret_alloc(text.len + 1) : NULL;

    if (copy)
        memcpy(copy, text.data, text.len);
    return copy;
}

/* What the last run could not deliver: the newest token, if it is still worth it, and how much was missed. */
static void take_spooled(struct session *s)
{
    struct spool_summary spooled;
    const struct spool_report *newest = &spooled.newest;

    if (s->state.newer) /* nothing is read that might have to be removed */
        return;
    spool_look(s->config->state_dir, &s->missed_arena, &spooled);
    s->missed = (struct report_missed){ spooled.count, spooled.first_ms, spooled.first_code, spooled.first_message };
    if (!spooled.has_newest || !newest->token.len || newest->until_ms <= clock_now_ms())
        return;
    s->pending.token = session_copy_secret(newest->token);
    s->pending.appraisal = newest->appraisal.len ? strndup((const char *)newest->appraisal.data, newest->appraisal.len) : NULL;
    s->pending.until_ms = newest->until_ms;
    memcpy(s->pending.event_log_sha256, newest->event_log_sha256, sizeof s->pending.event_log_sha256);
}

void session_init(struct session *ret, const struct agent_config *config)
{
    *ret = (struct session){ .config = config };
    state_load(&ret->state, config->state_dir);
    begin(ret);
    take_spooled(ret);
}

void session_look(struct session *ret, const struct agent_config *config)
{
    *ret = (struct session){ .config = config, .look_only = true };
    state_look(&ret->state, config->state_dir);
    begin(ret);
}

void session_drop_pending(struct session *s)
{
    secret_text_free(s->pending.token);
    free(s->pending.appraisal);
    s->pending = (struct pending_report){ 0 };
}

void session_hang_up(struct session *s)
{
    if (s->enroll != s->attest)
        server_close(s->enroll);
    if (s->report != s->attest)
        server_close(s->report);
    server_close(s->attest);
    s->attest = s->enroll = s->report = NULL;
}

void session_part_from_copies(struct session *s)
{
    s->nonce_len = 0;
    session_hang_up(s);
    request_keys_forget(&s->request_keys);
    s->memory = (struct tpm_memory){ 0 };
    s->token_was_told = false;
    random_reseed();
}

void session_done(struct session *s)
{
    session_hang_up(s);
    request_keys_forget(&s->request_keys);
    session_drop_pending(s);
    free(s->enroll_id);
    state_done(&s->state);
    arena_done(&s->arena);
    arena_done(&s->missed_arena);
    wipe(s->nonce, sizeof s->nonce);
}

/* Enrolment. */

void session_keep_nonce(struct session *s, struct bytes nonce)
{
    if (!nonce.len || nonce.len > sizeof s->nonce)
        return;
    memcpy(s->nonce, nonce.data, nonce.len);
    s->nonce_len = nonce.len;
}

bool session_enrol(struct session *s, bool anew, struct failure *why)
{
    struct session_keys keys CLEANUP(session_keys_done) = { 0 };

    if (anew) {
        s->state.ak = (struct ak_record){ 0 };
        state_forget_certificate(&s->state);
        s->state.ak_created_ms = s->state.ak_nv_index = 0;
        s->state.vm_id[0] = s->state.ek_cert_sha256[0] = 0;
    }
    if (!session_need_servers(s, why) || !session_open_keys(s, &keys, why))
        return false;
    return ak_profile_is_platform(ak_profile(keys.ak)) ? session_platform_certificate(s, &keys, why) : session_enrol_with(s, &keys, why);
}

/* Evidence file. */

static bool first_ek_certificate(struct session_keys *keys, struct arena *a, struct bytes *ret, struct failure *why)
{
    struct ek_certificates certs;

    if (!ek_read_certificates(keys->tpm, a, &certs, why))
        return false;
    *ret = certs.n ? certs.der[0] : BYTES_NONE;
    return true;
}

bool session_evidence(struct session *s, struct bytes nonce, struct writer *w, struct failure *why)
{
    struct session_keys keys CLEANUP(session_keys_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct evidence_sources sources = session_sources(s);
    struct evidence_logs logs;
    struct evidence_file_content content = { .time_ms = clock_now_ms(), .logs = &logs };
    uint8_t random[EVIDENCE_NONCE_LEN];
    struct err err = ERR_INIT;
    struct quoted quoted;
    bool fits;

    if (!nonce.len) {
        if (!random_bytes(random, sizeof random, &err))
            return failure_from(why, FAILURE_INTERNAL, &err);
        nonce = BYTES_OF(random);
    }
    if (!session_open_keys(s, &keys, why) || !first_ek_certificate(&keys, &a, &content.ek_cert, why))
        return false;
    if (!session_certificate_at_hand(s, &keys, &fits, why))
        return false;
    if (!quote_take(keys.tpm, keys.ak, QUOTE_ALL_PCRS, nonce, NULL, &a, &quoted, why) || !evidence_collect_logs(&sources, &a, &logs, why))
        return false;
    content.vm_id = fits ? s->state.vm_id : s->host.vm_uuid;
    content.nonce = nonce;
    content.ak = keys.ak;
    content.ak_cert = fits ? writer_bytes(&s->state.ak_cert) : BYTES_NONE;
    content.quoted = &quoted;
    return evidence_file_text(&content, w, why);
}
