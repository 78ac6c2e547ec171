/* oidc/oidc.h: callers with a bearer token of one configured OpenID Connect issuer (control-plane.md 7.2).
 *
 * The issuer's keys come from its discovery document (https only), from a key list's address, or from a file. One thread fetches them; no request
 * waits for it but the first ones before there are any keys, and those with a key that is not known yet: at most two at a time, for at most
 * OIDC_WAIT_MS; others are told to come back. An unknown key makes the list be fetched again, not more often than every `floor`. While the issuer
 * does not answer the keys that are there go on counting until they are older than `stale`; then nobody is let in any more.
 *
 * A token must be signed by a key of the list with an algorithm that fits the key, be of type JWT or at+jwt (RFC 9068) or of none, name the issuer
 * exactly and one of the audiences, and be valid now, give or take five minutes (attestation-service.md 13.2). */
#pragma once
#include "http/server/route.h"

enum { OIDC_WAIT_MS = 2500, OIDC_SKEW_MS = 300 * 1000 };

struct oidc;

struct oidc_config { /* texts are copied */
    const char *issuer;
    const char *audiences;            /* words */
    const char *discovery;            /* "": ISSUER/.well-known/openid-configuration */
    const char *jwks_url, *jwks_file; /* "": by discovery */
    const char *ca_file;              /* "": the system's */
    const char *role_claims;          /* words: names of claims that hold roles, as a text of words or an array of texts */
    const char *reader, *enroller, *auditor, *policy_admin, *security_admin, *contributor,
        *owner;               /* values that give a role, separated by commas */
    enum http_role otherwise; /* of a genuine token without such a value; HTTP_ANONYMOUS: none */
    int64_t refresh_ms, stale_ms, floor_ms;
    unsigned timeout_ms; /* of one request to the issuer */
    int64_t (*now_ms)(void);
    /* Fetching failed, or works again (text NULL). May be NULL. From the fetching thread. */
    void (*told)(void *context, const char *text);
    void *context;
};

/* MALFORMED: a setting that cannot be: no audience, an address that is not https, … The keys are fetched in the background. */
MUST_CHECK bool oidc_new(const struct oidc_config *config, struct oidc **ret, struct err *err);
void oidc_free(struct oidc *o); /* NULL is fine; waits for a fetch that is going on */
void oidc_refresh(struct oidc *o);

/* *ret_is_ours false: the request carries no JSON web token. UNTRUSTED: it does not hold; DENIED: it does, and gives no role here; UNREACHABLE: there
 * are no keys to tell. */
MUST_CHECK bool oidc_identify(struct oidc *o, const struct http_request *request, bool *ret_is_ours, struct http_caller *ret,
                              struct err *err);

struct oidc_state {
    uint64_t fetched, failed;
    int64_t age_ms; /* of the keys; -1: none */
    size_t n_keys;
};
struct oidc_state oidc_state(struct oidc *o);
