/* agent/session/inside.h: what the files of a session share.
 *
 * session.c: a session's life, enrolling, evidence as a file      opening.c: the TPM with its key, and servers
 * certificate.c: the certificate of the attestation key: kept, found in the TPM, or enrolled for
 * attesting.c: one attestation, by whichever protocol             reporting.c: cycles, reports, heartbeats */
#pragma once
#include "agent/session/session.h"

/* The TPM and its key, open together. */
struct session_keys {
    struct tpm_device *tpm;
    struct ak *ak;
};

void session_progress(const struct session *s, const char *step, const char *detail);
struct evidence_sources session_sources(const struct session *s);
/* The server's nonce for the next report; an empty one, or one that is too long, changes nothing. */
void session_keep_nonce(struct session *s, struct bytes nonce);

/* A certificate of the key in s->state.ak_cert; asks the server when there is none, or when it is due (guest-agent.md 2.5). The server
 * is open (need_servers). A renewal that fails is progress, not failure, while the old certificate serves. */
bool session_certificate(struct session *s, struct session_keys *keys, struct failure *why);
bool session_enrol_with(struct session *s, struct session_keys *keys, struct failure *why);
/* The platform's own business: there is nothing to enrol, only to wait for, longer each time (9.2). */
bool session_platform_certificate(struct session *s, struct session_keys *keys, struct failure *why);
/* The certificate kept or found in the TPM; asks nobody. *ret_fits: it is one of this key. */
bool session_certificate_at_hand(struct session *s, struct session_keys *keys, bool *ret_fits, struct failure *why);

/* Opened when they are needed, and kept open. */
bool session_need_servers(struct session *s, struct failure *why);
bool session_need_monitor(struct session *s, struct failure *why);
bool session_open_keys(struct session *s, struct session_keys *ret, struct failure *why);
void session_keys_done(struct session_keys *keys);

/* 3.8: 401 and 403 are answers that nobody expects; the third of them is a matter of the settings, and is called so: SETTINGS_REFUSED. */
void session_name_refusal(const struct session *s, struct failure *why);

bool session_attest_with(struct session *s, struct session_keys *keys, struct arena *a, struct attest_result *ret, struct failure *why);

/* In memory that is wiped (crypto/secret.h); NULL: there is none, or no memory. */
char *session_copy_secret(struct bytes text);
void session_drop_pending(struct session *s);
