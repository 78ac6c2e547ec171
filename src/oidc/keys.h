/* oidc/keys.h: the issuer's keys: fetched by one thread, shared by all. Private to src/oidc. */
#pragma once
#include <stdatomic.h>
#include "jose/jwks.h"
#include "oidc/oidc.h"

/* What oidc_config says, copied. */
struct oidc_settings {
    const char *issuer, *audiences, *discovery, *jwks_url, *jwks_file, *ca_file, *role_claims, *reader;
    const char *enroller, *auditor, *policy_admin, *security_admin, *contributor, *owner;
    enum http_role otherwise;
    int64_t refresh_ms, stale_ms, floor_ms;
    unsigned timeout_ms;
    int64_t (*now_ms)(void);
    void (*told)(void *context, const char *text);
    void *context;
};

const struct oidc_settings *oidc_settings(const struct oidc *o);

/* One fetched list; immutable; shared by counting. */
struct oidc_keys {
    atomic_uint users;
    struct arena a; /* its text */
    struct jwks *jwks;
};

void oidc_keys_free(struct oidc_keys *keys); /* NULL is fine */
void oidc_keys_free_at(struct oidc_keys **keys);

/* The keys in force; waits a little for the first ones. UNREACHABLE: there are none, or they are too old. */
MUST_CHECK bool oidc_keys_get(struct oidc *o, struct oidc_keys **ret, struct err *err);
/* Has the list fetched again, and waits a little. *ret NULL: it was fetched so lately that this would be no news. */
MUST_CHECK bool oidc_keys_get_newer(struct oidc *o, struct oidc_keys **ret, struct err *err);
