#include "agent/session/inside.h"
#include <stdio.h>
#include "agent/protocol/azureguest.h"
#include "base/clock.h"
#include "base/file.h"

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

    attest_result_clear(ret);
    if (ak_type(keys->ak) != AK_RSA2048)
        return failure_set(why, FAILURE_BAD_SETTINGS,
                           "AzureGuest wants an RSA attestation key: ak.type and attest.protocol contradict each other");
    return azureguest_attest(keys->tpm, s->attest, &request, a, ret, why);
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
    return strcmp(protocol, "auto") == 0 && ret->no_tpm_here && attest_compatible(s, keys, a, ret, why);
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

static void keep_token(struct session *s, struct bytes token)
{
    attest_token_glance(token, s->state.token_id, &s->state.token_until_ms);
    state_keep_token(&s->state, token);
}

static void remember(struct session *s, struct session_keys *keys, const struct quoted *quoted)
{
    struct tpm_memory *m = &s->memory;
    struct failure ignored;

    m->has_facts = tpm_facts_read(keys->tpm, &m->facts, &ignored);
    m->pcrs_rest = pcr_sets_equal(&m->pcrs, &quoted->pcrs);
    pcr_set_copy(&quoted->pcrs, &m->pcrs);
}

void session_name_refusal(const struct session *s, struct failure *why)
{
    enum { PATIENCE = 3 };

    if (why->id != FAILURE_NOT_AUTHORISED || s->refused_entry + 1 < PATIENCE)
        return;
    why->id = FAILURE_SETTINGS_REFUSED;
    failure_prefix(why, "refused %u times in a row", s->refused_entry + 1);
}

bool session_attest_with(struct session *s, struct session_keys *keys, struct arena *a, struct attest_result *ret, struct failure *why)
{
    bool accepted;

    attest_result_clear(ret);
    if (s->watch.resumed) {
        s->memory = (struct tpm_memory){ 0 };
        s->token_was_told = false; /* it is of the time before */
    }
    if (!refuse_confidential(keys, why) || !watch_before(&s->watch, keys->tpm, &s->host, why))
        return false;
    session_progress(s, "attesting", s->config->endpoint);
    accepted = attest_by_protocol(s, keys, a, ret, why);
    if (!accepted)
        session_name_refusal(s, why);
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
        keep_token(s, ret->token);
    return accepted;
}

bool session_attest(struct session *s, struct arena *a, struct attest_result *ret, struct failure *why)
{
    struct session_keys keys CLEANUP(session_keys_done) = { 0 };

    attest_result_clear(ret);
    return session_need_servers(s, why) && session_open_keys(s, &keys, why) && session_certificate(s, &keys, why) &&
           session_attest_with(s, &keys, a, ret, why);
}
