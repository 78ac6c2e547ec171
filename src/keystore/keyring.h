/* keystore/keyring.h: the keys that sign for one purpose, over time: which one signs now, which ones are published, and until when.
 *
 * A key's state follows from the times noted with it and the clock; nothing has to run when a time comes:
 *     published   others can fetch it already; it signs from active_from on
 *     active      the youngest that may sign
 *     retired     a younger one signs; published until the last token that it signed has expired
 *     revoked     not published and not believed any more, from that moment on
 * A new key is published for the longest lifetime of a token and another day before it signs: who fetched the list just before, and holds
 * on to it for as long as the tokens that he knows, still meets no signature of a key that he does not know (attestation-service.md 3.7).
 *
 * On disk, in the folder of the keystore: NAME.key and NAME.pem for each key, and for each purpose USE.ring:
 *     {"version":1,"keys":[{"name":…,"kid":…,"created":ms,"activeFrom":ms,"revoked":ms or 0,"signedUntil":ms,"longest":ms}]}
 * written whole (atomic, 0600) under a lock on USE.lock; several servers may share the folder and see each other's changes within a
 * second. A key that was there before its ring is taken over as the active one.
 *
 * Threads may use a ring at once; keys that were handed out stay valid until keyring_free. Clocks are passed in. */
#pragma once
#include "jose/jwks.h"
#include "x509/ca.h"

/* Those before RECORD are published, in this order (attestation-service.md 3.4): those of the original, then P-256. */
/* clang-format off */
/*   name          of files        family               key               subject; NULL: the issuer */
#define KEY_USES(X)                                                                                                      \
    X(TOKEN,        "token",        SIGNING_SELF_SIGNED, PRIVKEY_RSA_2048, NULL)                                          \
    X(REPORT,       "report",       SIGNING_CA_ISSUED,   PRIVKEY_RSA_2048, "trueboot attestation service")                \
    X(TOKEN_ES256,  "token-es256",  SIGNING_SELF_SIGNED, PRIVKEY_P256,     NULL)                                          \
    X(REPORT_ES256, "report-es256", SIGNING_CA_ISSUED,   PRIVKEY_P256,     "trueboot attestation service")                \
    X(RECORD,       "record",       SIGNING_CA_ISSUED,   PRIVKEY_P256,     "trueboot appraisal records")
/* clang-format on */

enum key_use {
#define X(name, text, family, kind, subject) KEY_USE_##name,
    KEY_USES(X)
#undef X
        KEY_USE_COUNT
};

const char *key_use_name(enum key_use use);
MUST_CHECK bool key_use_from_name(struct bytes name, enum key_use *ret);

enum key_state { KEY_PUBLISHED, KEY_ACTIVE, KEY_RETIRED, KEY_REVOKED };
const char *key_state_name(enum key_state state);

enum {
    KEYRING_MAX = 32,          /* keys of one purpose, those of the past included */
    KEYRING_NAME_MAX = 32,     /* of files, with NUL */
    KEYRING_SKEW_SECONDS = 300 /* that a consumer's clock may lag */
};

struct keyring;

/* keyring_open reads the ring of `use`, or makes its first key, active at once. `ca` issues those of the CA-issued family and must outlive
 * the ring; `issuer` is the subject where the table has none. */
MUST_CHECK bool keyring_open(const char *dir, enum key_use use, const struct ca *ca, const char *issuer, int64_t now_ms,
                             struct keyring **ret, struct err *err);
/* A ring of one key that is on no disk, cannot be rotated, and is taken over (with tests and tools in mind). On failure too. */
MUST_CHECK bool keyring_of_key(struct signing_key *key, struct keyring **ret, struct err *err);
void keyring_free(struct keyring *ring);

/* keyring_signer gives the key that signs now, for something that is believed until `expires_ms` (0: for ever, as records are). That is on
 * disk before this returns, so that a key is never forgotten while something that it signed is believed. */
MUST_CHECK bool keyring_signer(struct keyring *ring, int64_t now_ms, int64_t expires_ms, const struct signing_key **ret, struct err *err);

/* keyring_find gives the key with this kid, to verify with: published, active or retired. Looks at the disk once more when it does not know
 * it (attack-suite.md S14). NOT_FOUND: no such key. UNTRUSTED: it was revoked. */
MUST_CHECK bool keyring_find(struct keyring *ring, int64_t now_ms, struct bytes kid, const struct signing_key **ret, struct err *err);

/* One key, as lists show it. Views live as long as the ring. */
struct ring_view {
    const struct signing_key *key;
    const char *name;
    enum key_state state;
    bool published; /* stands in the key list */
    int64_t created_ms, active_from_ms;
    int64_t published_until_ms; /* of retired ones; 0: without end, or not known yet */
    int64_t revoked_ms;         /* 0: not revoked */
    int64_t not_after_ms;       /* of the certificate, and of those that issued it: the first to end */
};

/* The keys, oldest first. */
MUST_CHECK bool keyring_list(struct keyring *ring, int64_t now_ms, struct ring_view ret[static KEYRING_MAX], size_t *ret_n,
                             struct err *err);

/* keyring_rotate makes the next key, to be active after the overlap, or with `at_once` now (then one that is waiting is taken). Keys whose
 * last token has expired are removed. CONFLICT: one is waiting already. */
MUST_CHECK bool keyring_rotate(struct keyring *ring, int64_t now_ms, bool at_once, struct ring_view *ret_next, struct err *err);

/* keyring_renew rotates when the active key's certificate has less left than the overlap and two months, and nothing waits; *ret_next is
 * set only then. Never for a ring that is on no disk. */
MUST_CHECK bool keyring_renew(struct keyring *ring, int64_t now_ms, bool *ret_renewed, struct ring_view *ret_next, struct err *err);

/* keyring_revoke ends a key now. When it was the active one, the waiting one takes over at once, or a new one is made: what clients have
 * fetched does not hold it yet, which is the price of a revocation. Revoking twice changes nothing. */
MUST_CHECK bool keyring_revoke(struct keyring *ring, int64_t now_ms, struct bytes kid, struct err *err);
