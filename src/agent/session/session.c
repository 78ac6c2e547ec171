#include "agent/session/session.h"
#include <stdio.h>
#include <stdlib.h>
#include "agent/files/secret_file.h"
#include "agent/protocol/azureguest.h"
#include "agent/protocol/enrol.h"
#include "agent/protocol/report_compat.h"
#include "agent/session/inside.h"
#include "agent/state/spool.h"
#include "agent/tpm/ek.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "x509/cert.h"

enum { EVIDENCE_NONCE_LEN = 32 };

static void keys_done(struct session_keys *keys)
{
    ak_close(keys->ak);
    tpm_device_close(keys->tpm);
}

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

static bool open_tpm(struct session *s, struct tpm_device **ret, struct failure *why)
{
    return s->open_tpm ? s->open_tpm(s->tpm_context, ret, why) : tpm_device_open(s->config->tcti, ret, why);
}

/* A platform that changes a VM's identity makes the key anew and issues its certificate later: a day is allowed for that (9.4). */
static bool await_rekey(struct session *s, struct failure *why)
{
    enum { DAY_MS = 24 * 3600 * 1000, PAUSE_SECONDS = 15 * 60 };

    if (why->id != FAILURE_PLATFORM_REKEY)
        return false;
    if (!s->rekey_since_ms)
        s->rekey_since_ms = clock_now_ms();
    if (clock_now_ms() - s->rekey_since_ms > DAY_MS)
        why->id = FAILURE_AK_REPLACED;
    else
        why->retry_after_seconds = PAUSE_SECONDS;
    return false;
}

static void keep_record(struct session *s, const struct ak *ak)
{
    struct ak_record now;

    ak_remember(ak, &now);
    if (s->state.ak.known && s->state.ak.handle == now.handle && s->state.ak.profile == now.profile && s->state.ak.asked == now.asked)
        return;
    s->state.ak = now;
    state_save_identity(&s->state);
}

static void note_key(struct session *s, const struct ak *ak)
{
    if (ak_was_made_anew(ak)) {
        session_progress(s, "attestation key made", s->ak_name);
        if (s->state.ak.known)
            notes_add(&s->watch.events, FAILURE_AK_MISSING, "the attestation key was gone; the same one was made again");
    }
    if (ak_handle_is_taken(ak))
        session_progress(s, "another key sits at the usual handle; the fallback is used", NULL);
}

/* 9.4 SEED_CHANGED. Whether the server takes the new machine for the VM is its operator's word: the old one has to be released there. */
static bool is_new_machine(struct session *s, struct failure *why)
{
    struct err err = ERR_INIT;

    if (why->id != FAILURE_SEED_CHANGED || !s->config->new_tpm || s->look_only)
        return false;
    if (!state_set_aside(&s->state, &err)) {
        failure_from(why, FAILURE_SEED_CHANGED, &err);
        return failure_within(why, "the old state cannot be kept aside");
    }
    *why = FAILURE_INIT;
    s->nv_certificate_is_stale = true;
    s->memory = (struct tpm_memory){ 0 };
    notes_add(&s->watch.events, FAILURE_SEED_CHANGED, "the TPM was made anew: this is a new machine, the old one's state is kept aside");
    return true;
}

static bool open_keys(struct session *s, struct session_keys *ret, struct failure *why)
{
    struct ak_options options = session_ak_options(s->config, s->look_only);

    if (!open_tpm(s, &ret->tpm, why))
        return false;
    if (s->memory.has_facts)
        tpm_facts_give(ret->tpm, &s->memory.facts);
    if (!ak_open(ret->tpm, &options, &s->state.ak, &ret->ak, why) &&
        !(is_new_machine(s, why) && ak_open(ret->tpm, &options, &s->state.ak, &ret->ak, why)))
        return await_rekey(s, why);
    s->rekey_since_ms = 0;
    snprintf(s->tpm_name, sizeof s->tpm_name, "%.63s", tpm_device_name(ret->tpm));
    hex_encode(ak_name(ret->ak), s->ak_name);
    note_key(s, ret->ak);
    keep_record(s, ret->ak);
    return true;
}

/* Servers. */

static bool open_server(const struct session *s, const char *endpoint, struct server **ret, struct failure *why)
{
    struct server_config config = server_config_of(s->config, endpoint);

    return server_open(&config, ret, why);
}

static bool need_server(struct session *s, struct server **slot, const char *endpoint, struct failure *why)
{
    const char *own = endpoint && *endpoint ? endpoint : s->config->endpoint;

    if (*slot)
        return true;
    if (own && s->attest && strcmp(own, s->config->endpoint) == 0) {
        *slot = s->attest;
        return true;
    }
    return open_server(s, own, slot, why);
}

/* The monitor alone is shown our certificate (7.4), so its connections are its own then. */
static bool need_monitor(struct session *s, struct failure *why)
{
    const char *own = s->config->report_endpoint && *s->config->report_endpoint ? s->config->report_endpoint : s->config->endpoint;
    struct server_config config = server_config_of(s->config, own);

    if (s->report || (!s->config->client_cert_file && !s->config->client_key_file))
        return need_server(s, &s->report, s->config->report_endpoint, why);
    config.cert_file = s->config->client_cert_file;
    config.key_file = s->config->client_key_file;
    return server_open(&config, &s->report, why);
}

static bool need_servers(struct session *s, struct failure *why)
{
    return need_server(s, &s->attest, s->config->endpoint, why) && need_server(s, &s->enroll, s->config->enroll_endpoint, why) &&
           need_monitor(s, why);
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
}

/* NULL: there is none, or no memory. */
static char *copy_secret(struct bytes text)
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

    spool_look(s->config->state_dir, &s->missed_arena, &spooled);
    s->missed = (struct report_missed){ spooled.count, spooled.first_ms, spooled.first_code, spooled.first_message };
    if (!spooled.has_newest || !newest->token.len || newest->until_ms <= clock_now_ms())
        return;
    s->pending.token = copy_secret(newest->token);
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

static void drop_pending(struct session *s)
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
    random_reseed();
}

void session_done(struct session *s)
{
    session_hang_up(s);
    request_keys_forget(&s->request_keys);
    drop_pending(s);
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
    struct session_keys keys CLEANUP(keys_done) = { 0 };

    if (anew) {
        s->state.ak = (struct ak_record){ 0 };
        state_forget_certificate(&s->state);
        s->state.vm_id[0] = s->state.ek_cert_sha256[0] = 0;
    }
    if (!need_servers(s, why) || !open_keys(s, &keys, why))
        return false;
    return ak_profile_is_platform(ak_profile(keys.ak)) ? session_platform_certificate(s, &keys, why) : session_enrol_with(s, &keys, why);
}

/* Attestation. */

static void note_clock(struct session *s, const struct tpm_clock_info *clock)
{
    s->state.clock_ms = clock->clock_ms;
    s->state.reset_count = clock->reset_count;
    s->state.restart_count = clock->restart_count;
    s->state.safe = clock->safe;
    s->has_counters = true;
}

static bool attest_native(struct session *s, struct session_keys *keys, struct arena *a, struct attest_result *ret, struct failure *why)
{
    struct evidence_sources sources = session_sources(s);
    struct attest_request request = { .ak = keys->ak,
                                      .ak_cert = writer_bytes(&s->state.ak_cert),
                                      .sources = &sources,
                                      .request_keys = &s->request_keys,
                                      .nonce = { s->nonce, s->nonce_len },
                                      .boot_id = s->host.boot_id,
                                      .ima_sent = &s->ima_sent,
                                      .pcrs_before = s->memory.pcrs_rest ? &s->memory.pcrs : NULL };

    *ret = (struct attest_result){ 0 };
    return attest(keys->tpm, s->attest, &request, a, ret, why);
}

static bool attest_compatible(struct session *s, struct session_keys *keys, struct arena *a, struct attest_result *ret, struct failure *why)
{
    struct evidence_sources sources = session_sources(s);
    const struct azureguest_request request = { .ak = keys->ak,
                                                .ak_cert = writer_bytes(&s->state.ak_cert),
                                                .sources = &sources,
                                                .nonce = { s->nonce, s->config->challenge ? s->nonce_len : 0 },
                                                .arm_id = s->config->resource_id,
                                                .with_pcr11 = ak_profile(keys->ak) == AK_PROFILE_AZURELOCAL };

    *ret = (struct attest_result){ 0 };
    if (ak_type(keys->ak) != AK_RSA2048)
        return failure_set(why, FAILURE_BAD_SETTINGS,
                           "AzureGuest wants an RSA attestation key: ak.type and attest.protocol contradict each other");
    return azureguest_attest(keys->tpm, s->attest, &request, a, ret, why);
}

/* 3.7: the service has no such endpoint, or no policy for it. */
static bool speaks_no_tpm(const struct failure *why)
{
    return why->id == FAILURE_WRONG_ENDPOINT || (why->id == FAILURE_REFUSED && strstr(why->text, "olicy") && strstr(why->text, "not set"));
}

static bool attest_by_protocol(struct session *s, struct session_keys *keys, struct arena *a, struct attest_result *ret,
                               struct failure *why)
{
    const char *usual = ak_profile_is_platform(ak_profile(keys->ak)) ? "azureguest" : "tpm";
    const char *protocol = s->config->protocol ? s->config->protocol : usual;

    if (strcmp(protocol, "azureguest") == 0)
        return attest_compatible(s, keys, a, ret, why);
    if (attest_native(s, keys, a, ret, why))
        return true;
    return strcmp(protocol, "auto") == 0 && speaks_no_tpm(why) && attest_compatible(s, keys, a, ret, why);
}

static bool refuse_confidential(struct session_keys *keys, struct failure *why)
{
    enum { HARDWARE_REPORT_NV = 0x01400001, REPORT_MAX = 4096 }; /* readable on confidential VMs only (2.2) */
    struct arena a CLEANUP(arena_done) = { 0 };
    struct failure unreadable;
    struct bytes report;
    bool present = false;

    if (!tpm_nv_read(keys->tpm, HARDWARE_REPORT_NV, REPORT_MAX, &a, &present, &report, &unreadable))
        return true;
    return !present ||
           failure_set(why, FAILURE_CVM_FOUND,
                       "NV 0x01400001 holds a hardware report: this is a confidential VM, which AzureGuest evidence of a Trusted "
                       "Launch VM would misrepresent");
}

static void remember(struct session *s, struct session_keys *keys, const struct quoted *quoted)
{
    struct tpm_memory *m = &s->memory;
    struct failure ignored;

    m->has_facts = tpm_facts_read(keys->tpm, &m->facts, &ignored);
    m->pcrs_rest = pcr_sets_equal(&m->pcrs, &quoted->pcrs);
    m->pcrs = quoted->pcrs;
}

static bool attest_with(struct session *s, struct session_keys *keys, struct arena *a, struct attest_result *ret, struct failure *why)
{
    bool accepted;

    *ret = (struct attest_result){ 0 };
    if (s->watch.resumed)
        s->memory = (struct tpm_memory){ 0 };
    if (!refuse_confidential(keys, why) || !watch_before(&s->watch, keys->tpm, &s->host, why))
        return false;
    session_progress(s, "attesting", s->config->endpoint);
    accepted = attest_by_protocol(s, keys, a, ret, why);
    if (ret->quoted.attest.len) {
        note_clock(s, &ret->quoted.clock);
        s->nonce_len = 0; /* a nonce is for one quote */
        watch_after(&s->watch, ret, s->host.boot_id);
        memcpy(s->state.pcrs, s->watch.before.pcrs, sizeof s->state.pcrs);
        remember(s, keys, &ret->quoted);
    }
    if (accepted || why->id == FAILURE_REFUSED) {
        snprintf(s->state.last_verdict, sizeof s->state.last_verdict, "%s", accepted ? "accepted" : "refused");
        s->state.last_verdict_ms = clock_now_ms();
    }
    if (accepted)
        session_progress(s, "evidence accepted", NULL);
    if (accepted)
        attest_token_glance(ret->token, s->token_id, &s->token_until_ms);
    return accepted;
}

bool session_attest(struct session *s, struct arena *a, struct attest_result *ret, struct failure *why)
{
    struct session_keys keys CLEANUP(keys_done) = { 0 };

    *ret = (struct attest_result){ 0 };
    return need_servers(s, why) && open_keys(s, &keys, why) && session_certificate(s, &keys, why) && attest_with(s, &keys, a, ret, why);
}

/* Reports. */

int64_t session_certificate_until(const struct session *s)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

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
    if (failure_retry(why->id) != RETRY_IN_CYCLE && why->id != FAILURE_CLOCK_SKEW)
        drop_pending(s); /* refused, not lost: the same token would be refused again */
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

static bool send_report(struct session *s, struct session_keys *keys, const struct report_body *body, struct report_answer *ret,
                        struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct reporter who = reporter_of(s);

    if (!report_send(keys->tpm, keys->ak, s->report, &who, body, &a, ret, why))
        return false;
    session_keep_nonce(s, ret->nonce);
    ret->nonce = BYTES_NONE; /* the arena goes away */
    if (s->missed.count)
        spool_clear(s->config->state_dir);
    s->missed = (struct report_missed){ 0 };
    arena_reset(&s->missed_arena);
    return true;
}

void session_spool(struct session *s, const struct failure *why)
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
    drop_pending(s);
    s->pending.token = copy_secret(result->token);
    s->pending.appraisal = copy_text(result->appraisal);
    s->pending.until_ms = attest_token_worth_until(result->token, clock_now_ms());
    memcpy(s->pending.event_log_sha256, result->event_log_sha256, sizeof s->pending.event_log_sha256);
    return s->pending.token ? true : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
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
    drop_pending(s);
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
    struct attest_result result = { 0 };

    if (s->pending.token && clock_now_ms() >= s->pending.until_ms)
        drop_pending(s);
    if (!s->pending.token) {
        if (!need_nonce(s, keys, why))
            return false;
        if (!attest_with(s, keys, &a, &result, why)) {
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

/* One cycle with a relying party that expects the product's names: it hands out no nonce, and every outcome but a new outage is told. */
static bool cycle_compatible(struct session *s, struct failure *why)
{
    struct session_keys keys CLEANUP(keys_done) = { 0 };
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct attest_result result = { 0 };
    struct notes notes;
    struct failure telling;
    bool done =
        need_servers(s, why) && open_keys(s, &keys, why) && session_certificate(s, &keys, why) && attest_with(s, &keys, &a, &result, why);
    struct compat_report report;
    struct bytes bearer;

    s->failed_cycles = done ? 0 : s->failed_cycles + 1;
    if (!s->report || !read_bearer(s, result.token, &a, &bearer, done ? why : &telling))
        return false;
    s->state.sequence++;
    report = (struct compat_report){ .resource_id = s->config->resource_id,
                                     .attest_uri = s->config->endpoint,
                                     .health = report_compat_health(done ? NULL : why, s->failed_cycles),
                                     .token = result.token,
                                     .bearer = bearer,
                                     .failure = done ? NULL : why,
                                     .facts = facts_of(s, &notes),
                                     .vm_uuid = s->state.vm_id[0] ? s->state.vm_id : s->host.vm_uuid,
                                     .ak_name = s->ak_name,
                                     .notes = &notes };
    if (!report_compat_send(s->report, &report, &a, done ? why : &telling))
        return false;
    if (report.health != COMPAT_NOTHING_NEW)
        watch_told(&s->watch);
    return done;
}

bool session_cycle(struct session *s, struct report_answer *ret_answer, struct failure *why)
{
    struct session_keys keys CLEANUP(keys_done) = { 0 };
    bool done;

    *ret_answer = (struct report_answer){ 0 };
    done = is_compatible(s) ? cycle_compatible(s, why)
                            : need_servers(s, why) && open_keys(s, &keys, why) && session_certificate(s, &keys, why) &&
                                  attest_and_report(s, &keys, ret_answer, why);
    if (!done) {
        heed(s, why);
        s->memory = (struct tpm_memory){ 0 };
    } else if (s->state.identity_lost) {
        state_save_identity(&s->state);
    }
    s->state.boot_notes = s->watch.boot;
    state_save_progress(&s->state);
    return done;
}

bool session_heartbeat(struct session *s, const char *state, const struct failure *last_error, struct report_answer *ret_answer,
                       struct failure *why)
{
    struct session_keys keys CLEANUP(keys_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct notes notes;
    struct heartbeat_body body = { .facts = facts_of(s, &notes), .state = state, .last_error = last_error };
    struct reporter who = reporter_of(s);

    *ret_answer = (struct report_answer){ 0 };
    if (is_compatible(s))
        return true; /* it knows no heartbeats */
    if (!s->state.ak_cert.len)
        return failure_set(why, FAILURE_NOT_ENROLLED, "no certificate yet");
    if (!need_servers(s, why) || !open_keys(s, &keys, why))
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
    struct session_keys keys CLEANUP(keys_done) = { 0 };
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
    if (!open_keys(s, &keys, why) || !first_ek_certificate(&keys, &a, &content.ek_cert, why))
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
