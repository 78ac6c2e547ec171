/* attestation/service.h: the attestation service: verifies evidence, applies a policy, issues a signed token, and keeps a signed
 * record of every appraisal (architecture.md decision 4). It trusts neither the agent nor the monitor.
 *
 * Endpoints (attestation-service.md 2.2): POST /attest/{type}, GET /certs, GET /.well-known/openid-configuration,
 * GET /servicehealth. One provider for now: the shared one with the built-in, unchangeable policy. */
#pragma once
#include "attestation/challenge.h"
#include "attestation/vouch.h"
#include "bootchain/reference.h"
#include "http/route.h"
#include "jose/jwks.h"
#include "policy/policy.h"
#include "store/store.h"
#include "x509/trust.h"

struct attestation_service {
    struct store *store;
    const char *issuer;            /* attestUri, no slash at the end: iss of every token, exactly */
    const char *provider;          /* "shared" */
    struct signing_key report_key; /* CA-issued family: signs TPM reports and records */
    struct signing_key token_key;  /* self-signed family: other tokens; published with the first */
    struct trust_slot *ak_roots;   /* who may vouch for attestation keys */
    struct vouch_cache *vouched;   /* AK certificates that chained lately */
    struct challenges *challenges;
    const struct policy *policy;            /* built in */
    char policy_hash[44];                   /* b64u SHA-256 (4.5) */
    const struct boot_reference *reference; /* may be NULL */
    size_t keep_evidence;                   /* evidence files kept per VM */
    int64_t (*now_ms)(void);
    /* Told after an appraisal was stored for a known VM; may be NULL. */
    void (*on_appraisal)(void *context, const char *vm);
    void *on_appraisal_context;
};

/* The built-in policy of the shared provider, for `Tpm` (architecture.md decision 14). docs/policy.md prints it. */
extern const char attestation_builtin_policy[];

/* attestation_set_policy parses the text into `a` (which must outlive the service) and notes its hash. */
MUST_CHECK bool attestation_set_policy(struct attestation_service *service, struct arena *a, const char *text, struct err *err);

/* The service's routes; the context is the service. */
extern const struct http_route attestation_routes[];
extern const size_t attestation_n_routes;
