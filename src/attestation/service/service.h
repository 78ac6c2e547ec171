/* attestation/service/service.h: the attestation service: verifies evidence, applies a policy, issues a signed token, and keeps a signed
 * record of every appraisal (architecture.md decision 4). It trusts neither the agent nor the monitor.
 *
 * Endpoints (attestation-service.md 2.2): POST /attest/{type}, GET /certs, GET /.well-known/openid-configuration, GET /servicehealth,
 * /policies/{type}, /certificates: of the provider that the Host header names, and below /providers/{provider} of that one. */
#pragma once
#include "attestation/provider/providers.h"
#include "attestation/service/challenge.h"
#include "attestation/service/vouch.h"
#include "bootchain/reference/reference.h"
#include "http/server/rate.h"
#include "http/server/route.h"
#include "keystore/keyring.h"
#include "policy/policy.h"
#include "store/store.h"
#include "x509/trust.h"

struct service_cert {
    const char *name;
    const struct cert *_Atomic cert; /* that of TLS is replaced while others look; the one before stays until the server ends */
};

struct attestation_service {
    struct store *store;
    struct providers *providers;
    const char *issuer;                  /* attestUri of the shared provider, no slash at the end: iss of its tokens, exactly */
    const char *provider;                /* its name */
    struct keyring *keys[KEY_USE_COUNT]; /* all but the record keys, which only the monitor needs, are published */
    struct trust_slot *ak_roots;         /* who may vouch for attestation keys at the shared provider; custom ones have their own */
    struct vouch_cache *vouched;         /* AK certificates that chained lately */
    struct challenges *challenges;
    struct service_cert certs[4]; /* whose end is shown besides that of the keys: authorities, TLS */
    size_t n_certs;
    const struct boot_reference *reference; /* may be NULL */
    size_t keep_evidence;                   /* evidence files kept per VM */
    int64_t (*now_ms)(void);
    bool enrolment_token;           /* what the shared provider says of itself: enrolling takes a one-time token */
    bool signer_dates_do_not_count; /* the operator's switch for policy signers' test certificates (4.2) */
    /* Who calls a route that is open to everybody, for providers that want to know; may be NULL. As http_server_config.identify. */
    bool (*identify)(void *context, const struct http_request *request, struct http_caller *ret, struct err *err);
    void *identify_context;
    struct rate_limiter *per_vm;      /* attestations of one key, once its quote has been proved genuine; may be NULL */
    struct rate_limiter *per_address; /* calls of /attest, which the server counts before it comes here: to be published; may be NULL */
    /* Told after an appraisal was stored for a known VM; may be NULL. */
    void (*on_appraisal)(void *context, const char *vm);
    void *on_appraisal_context;
};

/* The set of roots in force for a provider, for as long as one request takes: a new reference, to be given back with trust_store_free. */
MUST_CHECK struct trust_store *attestation_ak_roots(const struct attestation_service *service, const struct provider *provider);

/* The service's routes; the context is the service. */
extern const struct http_route attestation_routes[];
extern const size_t attestation_n_routes;
