/* attestation/service/vouch.h: who vouches for an attestation key: its certificate's chain, remembered for a while.
 *
 * Checking a chain costs more than all else in an attestation; the same certificate comes again every few hours. A cached
 * answer holds only for the set of roots that gave it and until the chain expires (attestation-service.md 6.5 step 4). */
#pragma once
#include "jose/jwk.h"
#include "x509/trust.h"

struct vouch_cache;

MUST_CHECK bool vouch_cache_new(size_t entries, struct vouch_cache **ret, struct err *err);
void vouch_cache_free(struct vouch_cache *cache);

struct vouched_key {
    struct cert *cert;        /* NULL when only a bare key came; release with vouched_key_done */
    struct pubkey *bare;      /* set when there is no certificate */
    const struct pubkey *key; /* view into either */
    bool trusted;             /* chains to a root */
    bool pinned;              /* is one itself */
    struct err why;           /* why not */
};

/* vouch_for reads certificate and bare key (at least one; equal if both) and decides. ERR_MALFORMED for what cannot be read. */
MUST_CHECK bool vouch_for(struct vouch_cache *cache, const struct trust_store *roots, struct bytes aik_cert, const struct json *aik_pub,
                          int64_t now_ms, struct vouched_key *ret, struct err *err);
void vouched_key_done(struct vouched_key *key);

/* vouch_counts_for says whether a certificate that chains to a trusted root counts at this provider: one that our CA issued because an endorsement root of one
 * provider vouched for the machine counts there alone, and there as long as it is what the VM enrolled last. UNTRUSTED: it does not. */
struct store;
MUST_CHECK bool vouch_counts_for(struct store *store, struct arena *a, const struct cert *cert, const char *provider, struct err *err);
