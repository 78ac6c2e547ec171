/* audit/checkpoint.h: a signed word about how far an audit log goes (audit/audit.h). */
#pragma once
#include "audit/line.h"
#include "base/arena.h"
#include "jose/jwks.h"

struct audit_checkpoint {
    char log[37]; /* the log's id */
    int64_t seq;
    char hash[AUDIT_HASH_TEXT_LEN];
    int64_t time_ms;
};

MUST_CHECK bool audit_checkpoint_sign(struct arena *a, const struct signing_key *key, const struct audit_checkpoint *c, const char **ret,
                                      struct err *err);
/* UNTRUSTED: not signed by `key`. With `key` NULL it is read without a proof. */
MUST_CHECK bool audit_checkpoint_read(struct arena *a, struct bytes text, const struct pubkey *key, struct audit_checkpoint *ret,
                                      struct err *err);
