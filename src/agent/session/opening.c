#include "agent/session/inside.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/hex.h"

void session_keys_done(struct session_keys *keys)
{
    ak_close(keys->ak);
    tpm_device_close(keys->tpm);
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
    if (!s->state.ak_created_ms || !bytes_equal(tpm_name_bytes(&s->state.ak.name), tpm_name_bytes(&now.name)))
        s->state.ak_created_ms = clock_now_ms();
    if (ak_profile_is_platform(now.profile))
        s->state.ak_nv_index = AK_CERT_NV;
    s->state.ak = now;
    state_save_identity(&s->state);
}

static void note_key(struct session *s, const struct ak *ak)
{
    if (ak_was_made_anew(ak)) {
        session_progress(s, "attestation key made", s->ak_name);
        if (s->state.ak.known && s->state.ak.handle)
            notes_add(&s->watch.events, FAILURE_AK_MISSING, "the attestation key was gone; the same one was made again");
    }
    if (ak_lacks_password(ak)) {
        session_progress(s, "the owner hierarchy has a password: the attestation key is not persistent", NULL);
        notes_add(&s->watch.events, FAILURE_OWNER_PASSWORD,
                  "the owner hierarchy has a password: the attestation key is made after each start, and is not where other programs look "
                  "for it");
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

bool session_open_keys(struct session *s, struct session_keys *ret, struct failure *why)
{
    struct ak_options options = session_ak_options(s->config, s->look_only);

    options.context = writer_bytes(&s->state.ak_context);
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
    if (!s->look_only)
        state_keep_context(&s->state, ak_context(ret->ak));
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
bool session_need_monitor(struct session *s, struct failure *why)
{
    const char *own = s->config->report_endpoint && *s->config->report_endpoint ? s->config->report_endpoint : s->config->endpoint;
    struct server_config config = server_config_of(s->config, own);

    if (s->report || (!s->config->client_cert_file && !s->config->client_key_file))
        return need_server(s, &s->report, s->config->report_endpoint, why);
    config.cert_file = s->config->client_cert_file;
    config.key_file = s->config->client_key_file;
    return server_open(&config, &s->report, why);
}

bool session_need_servers(struct session *s, struct failure *why)
{
    return need_server(s, &s->attest, s->config->endpoint, why) && need_server(s, &s->enroll, s->config->enroll_endpoint, why) &&
           session_need_monitor(s, why);
}
