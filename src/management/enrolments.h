/* management/enrolments.h: enrolments that were begun and not yet finished. In memory: a restart makes agents begin again. Private to src/management. */
#pragma once
#include "base/limits.h"
#include "management/vouching.h"
#include "tpm/public.h"
#include "x509/cert.h"

enum { ENROL_SECRET_LEN = 32, ENROL_NONCE_LEN = 32, ENROL_ID_LEN = 33, ENROL_PROVIDER_MAX = LIMIT_NAME_BYTES + 1 };

struct enrolment {
    char id[ENROL_ID_LEN]; /* "" when free */
    char vm[UUID_TEXT_LEN];
    char provider[ENROL_PROVIDER_MAX]; /* that alone believes it; "": everybody */
    bool ek_pinned;                    /* the certificate that vouches for it was pinned, not issued by a CA that we believe */
    char token_sha256[65];             /* of the one-time token that it will use up; "": none */
    bool known;                        /* its TPM was this VM's when it began */
    int64_t expires_ms;
    unsigned tries_left;
    uint8_t secret[ENROL_SECRET_LEN], nonce[ENROL_NONCE_LEN];
    struct tpm_name ak_name, ek_name;          /* the second only without an IAK */
    char cert_sha256[2 * CERT_SHA256_LEN + 1]; /* of the certificate that vouches for the TPM: its endorsement key's, or its IAK's */
    char iak_sha256[65];                       /* of the IAK's SubjectPublicKeyInfo; "": an endorsement key vouches */
    size_t n_said;                             /* endorsement keys that are nobody else's, either: vouching.h */
    struct tpm_name said[LIMIT_EK_CERTS];
    size_t ak_public_len;
    uint8_t ak_public[VOUCHING_PUBLIC_MAX]; /* TPM2B_PUBLIC */
};

void enrolment_done(struct enrolment *e); /* wipes */

/* UNREACHABLE: there are too many at once. */
MUST_CHECK bool enrolments_keep(struct enrolments *all, const struct enrolment *fresh, int64_t now_ms, struct err *err);
/* enrolments_take copies one and counts the try; false: unknown, over, or used up. */
bool enrolments_take(struct enrolments *all, struct bytes id, int64_t now_ms, struct enrolment *ret);
/* enrolments_remove takes a finished one away: true for one caller only, so that an activation cannot be replayed. */
bool enrolments_remove(struct enrolments *all, const char *id);
