#include "agent/session/inside.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/secret_file.h"
#include "agent/protocol/enrol.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/secret.h"
#include "x509/cert.h"
#include "x509/name.h"

enum { TOKEN_FILE_MAX = 4096 };

static void hash_text(struct bytes of, char ret[static 65])
{
    struct digest digest;

    ret[0] = 0;
    if (!of.len)
        return;
    digest_compute(DIGEST_SHA256, of, &digest);
    hex_encode(digest_bytes(&digest), ret);
}

/* Cut between two characters. */
static void keep_text(char *out, size_t size, const char *text)
{
    size_t n = strlen(text);

    if (n >= size)
        for (n = size - 1; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    memcpy(out, text, n);
    out[n] = 0;
}

/* Who this TPM is, for people: what it is held against is the attestation key. */
static void keep_endorsement(struct agent_state *state, const struct enrolment *e)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    const char *subject;

    hash_text(bytes_slice(e->ek_public, 2, e->ek_public.len), state->ek_public_sha256); /* without its size */
    hash_text(e->ek_cert, state->ek_cert_sha256);
    state->ek_cert_serial[0] = state->ek_cert_subject[0] = 0;
    if (!e->ek_cert.len || !cert_parse(e->ek_cert, &cert, &err))
        return;
    if (cert->serial.len < sizeof state->ek_cert_serial / 2)
        hex_encode(cert->serial, state->ek_cert_serial);
    subject = name_text(&a, cert->subject);
    if (subject)
        keep_text(state->ek_cert_subject, sizeof state->ek_cert_subject, subject);
}

static void keep_certificate(struct session *s, const struct enrolment *e)
{
    state_forget_certificate(&s->state);
    write_bytes(&s->state.ak_cert, e->ak_cert);
    write_bytes(&s->state.ak_chain, e->ak_chain);
    memcpy(s->state.vm_id, e->vm_id, sizeof s->state.vm_id);
    keep_endorsement(&s->state, e);
    memcpy(s->state.machine_id_sha256, s->host.machine_id_sha256, sizeof s->state.machine_id_sha256);
    if (!s->state.first_seen_ms)
        s->state.first_seen_ms = clock_now_ms();
    session_keep_nonce(s, e->nonce);
    state_save_identity(&s->state);
}

/* The copy in the TPM; where it does not fit, the file serves. */
static void publish_copy(struct session *s, struct session_keys *keys, struct bytes der)
{
    struct failure problem = FAILURE_INIT;

    if (!ak_certificate_publish(keys->tpm, der, &problem)) {
        notes_add(&s->watch.events, problem.id, "the certificate is kept in its file only: %s", problem.text);
        return;
    }
    s->nv_certificate_is_stale = false;
    if (s->state.ak_nv_index == AK_CERT_NV)
        return;
    s->state.ak_nv_index = AK_CERT_NV;
    state_save_identity(&s->state);
}

static bool read_token(struct session *s, struct arena *a, struct bytes *ret, struct failure *why)
{
    struct err err = ERR_INIT;

    *ret = BYTES_NONE;
    if (!s->config->token_file || !*s->config->token_file)
        return true;
    if (!file_read_in(a, s->config->token_file, TOKEN_FILE_MAX, ret, &err))
        return err.code == ERR_NOT_FOUND ||
               failure_set(why, FAILURE_ENROLL_REFUSED, "enroll.token_file cannot be read: %s", err_slug(err.code));
    *ret = bytes_trim(*ret);
    if (ret->len && secret_file_is_open(s->config->token_file)) {
        notes_add(&s->watch.events, FAILURE_BAD_SETTINGS, "enroll.token_file may be read by others, who may enrol with it: %s",
                  secret_file_remedy);
        session_progress(s, "enroll.token_file may be read by others", secret_file_remedy);
    }
    return true;
}

/* Good once, and used: it is of no use to us any more, and must not be to anybody else (2.5). */
static void drop_token(struct session *s)
{
    if (unlink(s->config->token_file) != 0 && errno != ENOENT)
        session_progress(s, "the enrolment token is used up, and its file cannot be removed", strerror(errno));
}

/* A credential that was made for another key may have been an old one: enrolment is repeated once (9.2 ACTIVATE_FAIL). */
static bool enrol_or_once_more(struct session *s, struct session_keys *keys, const struct enrol_request *request, struct arena *a,
                               struct enrolment *ret, struct bytes *ret_id, struct failure *why)
{
    struct failure first;

    if (enrol(keys->tpm, s->enroll, request, a, ret, ret_id, why))
        return true;
    if (why->id != FAILURE_ACTIVATE_FAIL)
        return false;
    first = *why;
    if (enrol(keys->tpm, s->enroll, request, a, ret, ret_id, why))
        return true;
    *why = first;
    return false;
}

bool session_enrol_with(struct session *s, struct session_keys *keys, struct failure *why)
{
    struct arena a CLEANUP(arena_done_secret) = { 0 };
    struct evidence_sources sources = session_sources(s);
    struct enrol_request request = { .ak = keys->ak,
                                     .run_dir = s->config->run_dir,
                                     .sources = &sources,
                                     .iak = iak_use_from_name(s->config->iak),
                                     .notes = &s->watch.events,
                                     .enroll_id = s->enroll_id ? bytes_of_string(s->enroll_id) : BYTES_NONE };
    struct enrolment enrolment;
    const struct note *note;
    struct bytes id;

    session_progress(s, "enrolling", server_endpoint(s->enroll));
    if (!read_token(s, &a, &request.token, why))
        return false;
    if (!enrol_or_once_more(s, keys, &request, &a, &enrolment, &id, why)) {
        free(s->enroll_id);
        s->enroll_id = id.len ? strndup((const char *)id.data, id.len) : NULL;
        return false;
    }
    free(s->enroll_id);
    s->enroll_id = NULL;
    keep_certificate(s, &enrolment);
    if (request.token.len)
        drop_token(s);
    s->nv_certificate_is_stale = true;
    if (s->config->publish_nv)
        publish_copy(s, keys, enrolment.ak_cert);
    if (enrolment.by_iak)
        session_progress(s, "the TPM's initial attestation key vouched for ours", s->state.vm_id);
    else if ((note = notes_find(&s->watch.events, FAILURE_IAK_UNUSABLE)))
        session_progress(s, "the TPM's initial attestation key did not vouch", note->text);
    session_progress(s, "enrolled", s->state.vm_id);
    return true;
}

/* Decoding it is dear, and nothing but another certificate or another key changes what comes out. */
static bool certificate_fits(struct session *s, const struct session_keys *keys, struct bytes der, int64_t *ret_from_ms,
                             int64_t *ret_until_ms)
{
    struct certificate_memory *m = &s->certificate;
    char key[sizeof m->key];
    struct failure problem;
    struct digest of;

    hex_encode(ak_name(keys->ak), key);
    digest_compute(DIGEST_SHA256, der, &of);
    if (!m->known || !digest_equal(&m->of, &of) || strcmp(m->key, key) != 0) {
        *m = (struct certificate_memory){ .known = true, .of = of };
        memcpy(m->key, key, sizeof m->key);
        m->fits = ak_certificate_fits(keys->ak, der, m->vm_id, &m->from_ms, &m->until_ms, &problem);
    }
    if (!m->fits)
        return false;
    memcpy(s->state.vm_id, m->vm_id, sizeof m->vm_id);
    *ret_from_ms = m->from_ms;
    *ret_until_ms = m->until_ms;
    return true;
}

/* *ret_fits: *der is a certificate of our key; then *ret_due says whether it is time for another one. */
static void judge_certificate(struct session *s, const struct session_keys *keys, struct bytes der, bool *ret_fits, bool *ret_due)
{
    int64_t from_ms, until_ms, now_ms = clock_now_ms();

    *ret_fits = der.len && certificate_fits(s, keys, der, &from_ms, &until_ms);
    *ret_due = *ret_fits && ak_certificate_is_due(from_ms, until_ms, now_ms);
    s->renewal_ms = *ret_fits ? ak_certificate_due_ms(from_ms, until_ms) : 0;
    if (*ret_fits && now_ms > until_ms)
        notes_add(&s->watch.events, FAILURE_AK_CERT_EXPIRED, "the attestation key's certificate has expired; a new one is being asked for");
}

bool session_platform_certificate(struct session *s, struct session_keys *keys, struct failure *why)
{
    static const unsigned pauses[] = { 60, 300, 900, 3600 }; /* seconds */
    struct arena a CLEANUP(arena_done) = { 0 };
    int64_t from_ms, until_ms;
    struct bytes der;

    if (!ak_platform_certificate(keys->ak, &a, &der, &from_ms, &until_ms, why)) {
        if (why->id == FAILURE_AK_CERT_PENDING) {
            why->retry_after_seconds =
                pauses[s->pending_certificates < ARRAY_LEN(pauses) ? s->pending_certificates : ARRAY_LEN(pauses) - 1];
            s->pending_certificates++;
        }
        return false;
    }
    s->pending_certificates = 0;
    state_forget_certificate(&s->state);
    write_bytes(&s->state.ak_cert, der);
    if (!s->state.vm_id[0])
        memcpy(s->state.vm_id, s->host.vm_uuid, sizeof s->state.vm_id);
    if (clock_now_ms() > until_ms)
        notes_add(&s->watch.events, FAILURE_AK_CERT_EXPIRED, "the platform's certificate of the attestation key has expired");
    return true;
}

static bool adopt_nv_certificate(struct session *s, const struct session_keys *keys, bool *ret_fits, bool *ret_due, struct failure *why)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes der;

    *ret_fits = *ret_due = false;
    if (s->nv_certificate_is_stale)
        return true;
    if (!ak_certificate_read(keys->tpm, &a, &der, why))
        return false;
    judge_certificate(s, keys, der, ret_fits, ret_due);
    if (!*ret_fits)
        return true;
    state_forget_certificate(&s->state);
    write_bytes(&s->state.ak_cert, der);
    s->state.ak_nv_index = AK_CERT_NV;
    session_progress(s, "certificate found in the TPM", s->state.vm_id);
    state_save_identity(&s->state);
    return true;
}

bool session_certificate(struct session *s, struct session_keys *keys, struct failure *why)
{
    struct failure renewal = FAILURE_INIT;
    bool fits, due;

    if (ak_profile_is_platform(ak_profile(keys->ak)))
        return session_platform_certificate(s, keys, why);
    judge_certificate(s, keys, writer_bytes(&s->state.ak_cert), &fits, &due);
    if (!fits) {
        state_forget_certificate(&s->state);
        if (!adopt_nv_certificate(s, keys, &fits, &due, why))
            return false;
    }
    if (!fits && s->look_only)
        return failure_set(why, FAILURE_NOT_ENROLLED, "there is no certificate for this key yet");
    if (!fits) {
        if (!session_enrol_with(s, keys, why))
            return false;
        judge_certificate(s, keys, writer_bytes(&s->state.ak_cert), &fits, &due);
        return true;
    }
    if (ak_was_made_anew(keys->ak) && s->config->publish_nv &&
        !s->look_only) /* what took the key, TPM2_Clear as a rule, took the copy, too (9.4) */
        publish_copy(s, keys, writer_bytes(&s->state.ak_cert));
    if (due && !s->look_only && !session_enrol_with(s, keys, &renewal))
        session_progress(s, "the certificate could not be renewed yet", renewal.text); /* the old one serves until the new one is there */
    return true;
}

bool session_certificate_at_hand(struct session *s, struct session_keys *keys, bool *ret_fits, struct failure *why)
{
    bool fits, due;

    judge_certificate(s, keys, writer_bytes(&s->state.ak_cert), &fits, &due);
    if (!fits && !adopt_nv_certificate(s, keys, &fits, &due, why))
        return false;
    *ret_fits = fits;
    return true;
}
