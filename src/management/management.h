/* management/management.h: the inventory, who is trusted, and enrolment: how a virtual TPM's endorsement certificate becomes
 * an AK certificate (guest-agent.md 2.5, architecture.md decision 7). */
#pragma once
#include "http/server/route.h"
#include "refdata/refdata.h"
#include "store/store.h"
#include "x509/ca.h"
#include "x509/trust.h"

struct enrolments; /* those that were begun and not yet finished; in memory: a restart makes agents begin again */

struct management {
    struct store *store;
    const struct ca *ak_ca; /* issues AK certificates; always among the AK roots */
    struct trust_slot *ak_roots, *ek_roots;
    struct enrolments *enrolments;
    const char *version, *data_dir, *url, *profile; /* what GET /v1/server tells */
    const struct refdata *reference;                /* this as well; NULL: none */
    const char *ca_pem;                             /* certificate that signs our TLS certificate: what agents trust */
    bool enrolment_token;                           /* who enrols at the shared provider the first time needs a one-time token */
    int64_t (*now_ms)(void);
    /* Puts in force what the store says now about an attestation provider's roots; NULL: there are no providers but the shared one. */
    bool (*reload_provider)(void *context, const char *provider, struct err *err);
    /* The custom provider that a Host header chooses, by name; "": none, the shared one. NULL: there are none. */
    void (*provider_of_host)(void *context, struct bytes host, char *ret, size_t size);
    void *providers_context; /* of both */
};

MUST_CHECK bool enrolments_new(struct enrolments **ret, struct err *err);
void enrolments_free(struct enrolments *e);

/* roots_load builds a trust store of one kind from the database. `provider` "": the shared provider's, for EKs everybody's; for AKs of the shared one
 * our own CA as well. */
MUST_CHECK bool roots_load(const struct management *management, enum store_root_kind kind, const char *provider, struct trust_store **ret,
                           struct err *err);
/* roots_reload replaces the set in force. Call after a change. */
MUST_CHECK bool roots_reload(const struct management *management, enum store_root_kind kind, struct err *err);

/* The context is the management. {vm} is a name or a UUID. */
extern const struct http_route management_routes[];
extern const size_t management_n_routes;

/* Handlers, by file: inventory.c, roots.c, enrolment.c. */
bool server_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool vm_post(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool vm_list_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool vm_get_one(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool vm_patch(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool vm_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool vm_release_identity(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool roots_post(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool roots_get(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool roots_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool enrol_begin(void *context, const struct http_request *request, struct http_response *response, struct err *err);
bool enrol_activate(void *context, const struct http_request *request, struct http_response *response, struct err *err);
