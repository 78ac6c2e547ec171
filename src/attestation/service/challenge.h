/* attestation/service/challenge.h: challenges without state: what the service must remember travels with the client, sealed.
 *
 * service_context = version byte, key id (4 bytes), IV (12), AES-256-GCM of { expiry (8, milliseconds, big-endian), challenge (16), id (16) }, tag (16);
 * the provider's name is the associated data. Opaque to clients (attestation-service.md 6.3). Keys live in memory: a
 * restart voids what is outstanding, and clients ask again. Each context is good for one request. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

enum { CHALLENGE_LEN = 16 };

struct challenges; /* safe to use from any thread */

MUST_CHECK bool challenges_new(struct challenges **ret, struct err *err);
void challenges_free(struct challenges *c);

MUST_CHECK bool challenge_make(struct challenges *c, const char *provider, int64_t now_ms, struct arena *a,
                               uint8_t ret_challenge[static CHALLENGE_LEN], struct bytes *ret_context, struct err *err);

struct open_challenge {
    uint8_t challenge[CHALLENGE_LEN];
    uint8_t id[16];
    int64_t made_ms, expires_ms;
};

/* challenge_open reads a context: ERR_UNTRUSTED when it is not ours, not this provider's, expired, or used. */
MUST_CHECK bool challenge_open(struct challenges *c, const char *provider, struct bytes context, int64_t now_ms, struct open_challenge *ret,
                               struct err *err);
/* challenge_use takes it: true for the first caller only. */
MUST_CHECK bool challenge_use(struct challenges *c, const struct open_challenge *open, int64_t now_ms, struct err *err);
