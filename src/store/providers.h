/* store/providers.h: attestation providers, their policies with history, their policy signers, and callers' API tokens.
 *
 * The rules of store/store.h hold: shapes, ownership, threads, errors. */
#pragma once
#include "store/store.h"

/* ---- providers ------------------------------------------------------------------------------------------------------- */

/* How a provider's tokens are made: as the original's (RS256), the same members with ES256, or as EAT Attestation Results with ES256. */
enum token_profile { TOKENS_ORIGINAL, TOKENS_ES256, TOKENS_EAR, TOKEN_PROFILE_COUNT };

const char *token_profile_name(enum token_profile profile); /* "original", "es256", "ear" */
MUST_CHECK bool token_profile_from_name(struct bytes name, enum token_profile *ret);

struct store_provider {
    const char *name;           /* 3 to 24 lower-case letters, digits and inner hyphens */
    const char *subscription;   /* as in the path it was created by */
    const char *resource_group; /* the same */
    const char *location;
    const char *attest_uri; /* issuer of its tokens, exactly */
    bool isolated;          /* trust model Isolated, else AAD; fixed at creation */
    bool tpm_authentication;
    bool public_network_access;
    const char *tags; /* JSON object */
    int64_t created_ms;
    const char *created_by;
    int64_t version; /* grows by one with each update; 1 when created */
    enum token_profile token_profile;
    bool server_ak_ca;      /* believes the AK certificates that this server's own CA issues, besides the roots it was given */
    bool tpm_v1;            /* answers /attest/Tpm messages of version 1 */
    bool enrolment_token;   /* whoever enrols by it the first time needs a one-time token */
    int64_t deleted_ms;     /* 0: it is there; else when it was deleted: it can be brought back until it is purged */
    const char *deleted_by; /* NULL: it is there */
    int64_t modified_ms;    /* 0: never since it was made */
    const char *modified_by;
};

struct store_signer {
    const char *provider;
    const char *sha256; /* hex, of der */
    struct bytes der;
    int64_t added_ms;
    const char *by;
};

/* What store_provider_create would say about a provider's name, texts and address, before anything is done. */
MUST_CHECK bool store_provider_check_new(struct store *store, const struct store_provider *provider, struct err *err);
/* A new provider with its first signers (none for AAD); `version` and what came later (deleted, modified) are ignored. CONFLICT: the name is taken, by a
 * deleted provider too, or attest_uri is another's. The functions below see only providers that are there, unless their name says it. */
MUST_CHECK bool store_provider_create(struct store *store, const struct store_provider *provider, const struct store_signer *signers,
                                      size_t n_signers, struct err *err);
MUST_CHECK bool store_provider_get(struct store *store, struct arena *a, const char *name, struct store_provider *ret, struct err *err);
/* Compare and set as store_vm_update: switches, tags, the token profile and modified_ms and _by change, the rest stays. */
MUST_CHECK bool store_provider_update(struct store *store, const struct store_provider *provider, struct err *err);
/* Marks it: policies with their history, signers, roots and switches stay. */
MUST_CHECK bool store_provider_delete(struct store *store, const char *name, int64_t now_ms, const char *by, struct err *err);
MUST_CHECK bool store_provider_get_deleted(struct store *store, struct arena *a, const char *name, struct store_provider *ret,
                                           struct err *err);
MUST_CHECK bool store_provider_list_deleted(struct store *store, struct arena *a, const char *after_name, size_t limit,
                                            const struct store_provider **ret, size_t *ret_n, struct err *err);
/* It is there again as it was. */
MUST_CHECK bool store_provider_undelete(struct store *store, const char *name, struct err *err);
/* For good: a deleted provider with all that belongs to it. */
MUST_CHECK bool store_provider_purge(struct store *store, const char *name, struct err *err);
/* Ordered by name; `after_name` NULL starts at the beginning. */
MUST_CHECK bool store_provider_list(struct store *store, struct arena *a, const char *after_name, size_t limit,
                                    const struct store_provider **ret, size_t *ret_n, struct err *err);

/* ---- VMs that one provider alone believes ----------------------------------------------------------------------------- */

/* Enrolled by an endorsement root of that provider (management/enrolment.c). They are no identities of the inventory (store/store.h): nobody else
 * believes them. */
struct store_provider_identity {
    const char *provider;
    const char *vm;
    const char *cert_sha256; /* hex, of the certificate that vouched for its TPM: its endorsement key's, or its IAK's */
    struct bytes ak_cert;    /* DER */
    int64_t enrolled_ms;
    const char *ak_name; /* hex of the TPM name; NULL: a row from before it was kept */
};

/* The VM's one identity at that provider; again, for a renewed certificate or another key of the same TPM. CONFLICT: another TPM has it. */
MUST_CHECK bool store_provider_identity_put(struct store *store, const struct store_provider_identity *identity, struct err *err);
MUST_CHECK bool store_provider_identity_get(struct store *store, struct arena *a, const char *provider, const char *vm,
                                            struct store_provider_identity *ret, struct err *err);
/* At every provider; none is fine. */
MUST_CHECK bool store_provider_identity_release(struct store *store, const char *vm, struct err *err);

/* ---- policy signers --------------------------------------------------------------------------------------------------- */

/* Adding one that is there changes nothing. LIMIT: there would be more than `max`. */
MUST_CHECK bool store_signer_add(struct store *store, const struct store_signer *signer, size_t max, struct err *err);
/* Removing one that is not there changes nothing. CONFLICT: it is the last one. */
MUST_CHECK bool store_signer_remove(struct store *store, const char *provider, const char *sha256, struct err *err);
MUST_CHECK bool store_signer_list(struct store *store, struct arena *a, const char *provider, const struct store_signer **ret,
                                  size_t *ret_n, struct err *err);

/* ---- policies: append only ------------------------------------------------------------------------------------------- */

struct store_policy {
    const char *provider;
    const char *type; /* "Tpm", … */
    int64_t version;  /* 1, 2, … within provider and type */
    struct bytes jws; /* exactly as submitted; no bytes: this step was a reset */
    const char *hash; /* x-ms-policy-hash; NULL for a reset */
    const char *by;   /* who */
    int64_t time_ms;  /* when */
};

/* Appends; *ret_version (may be NULL) is what it became. `version` of the row is ignored. */
MUST_CHECK bool store_policy_add(struct store *store, const struct store_policy *policy, int64_t *ret_version, struct err *err);
/* The latest step, set or reset. NOT_FOUND: never touched. */
MUST_CHECK bool store_policy_latest(struct store *store, struct arena *a, const char *provider, const char *type, struct store_policy *ret,
                                    struct err *err);
/* Steps of all types together. */
MUST_CHECK bool store_policy_count(struct store *store, const char *provider, int64_t *ret, struct err *err);
/* Newest first; before_version 0 starts at the newest. */
MUST_CHECK bool store_policy_list(struct store *store, struct arena *a, const char *provider, const char *type, int64_t before_version,
                                  size_t limit, const struct store_policy **ret, size_t *ret_n, struct err *err);

/* ---- API tokens ------------------------------------------------------------------------------------------------------ */

/* ---- one-time enrolment tokens (guest-agent.md 2.5) ---- */

struct store_enrolment_token {
    const char *sha256;   /* hex, of the whole token; the token itself is never kept */
    const char *name;     /* for people */
    const char *provider; /* "": the shared one */
    const char *vm;       /* whom it is for: a UUID, a name, or a pattern with * and ? */
    int64_t created_ms;
    int64_t expires_ms;
    const char *by;
    int64_t used_ms;     /* 0: never */
    const char *used_by; /* UUID of the VM; "": nobody */
};

/* Those that expired more than a month before created_ms go. LIMIT: there are LIMIT_ENROLMENT_TOKENS. */
MUST_CHECK bool store_enrolment_token_add(struct store *store, const struct store_enrolment_token *token, struct err *err);
/* Used and expired ones too: the caller compares. */
MUST_CHECK bool store_enrolment_token_get(struct store *store, struct arena *a, const char *sha256, struct store_enrolment_token *ret,
                                          struct err *err);
MUST_CHECK bool store_enrolment_token_list(struct store *store, struct arena *a, const char *after_sha256, size_t limit,
                                           const struct store_enrolment_token **ret, size_t *ret_n, struct err *err);
/* Enrolment tokens end by the server's clock, and do not live longer when that is set back: their ends go back with it. The latest time that was seen is
 * kept, across restarts; to be called before a token's end is looked at, and now and then. *ret_back_ms: by how much, 0: not at all. */
MUST_CHECK bool store_enrolment_tokens_follow_clock(struct store *store, int64_t now_ms, int64_t *ret_back_ms, struct err *err);
/* Of several callers at once one succeeds. CONFLICT: it is used, has expired, or is gone. */
MUST_CHECK bool store_enrolment_token_use(struct store *store, const char *sha256, const char *vm, int64_t now_ms, struct err *err);
MUST_CHECK bool store_enrolment_token_delete(struct store *store, const char *sha256, struct err *err);

/* ---- API tokens ---- */

struct store_api_token {
    const char *sha256; /* hex, of the whole token; the token itself is never kept */
    const char *name;   /* for people */
    const char *role;
    int64_t created_ms;
    int64_t expires_ms;
    const char *by;
    int64_t last_used_ms; /* 0: never */
    const char *scope;    /* "": everything that the role may; "provider/NAME", "vm/NAME" */
};

MUST_CHECK bool store_api_token_add(struct store *store, const struct store_api_token *token, struct err *err);
/* Expired ones too: the caller compares. */
MUST_CHECK bool store_api_token_get(struct store *store, struct arena *a, const char *sha256, struct store_api_token *ret, struct err *err);
MUST_CHECK bool store_api_token_list(struct store *store, struct arena *a, const char *after_sha256, size_t limit,
                                     const struct store_api_token **ret, size_t *ret_n, struct err *err);
/* Never goes back; a token that is gone is no error. */
MUST_CHECK bool store_api_token_used(struct store *store, const char *sha256, int64_t now_ms, struct err *err);
MUST_CHECK bool store_api_token_delete(struct store *store, const char *sha256, struct err *err);
