/* attestation/provider/providers.h: the providers in force, and which one a caller means. */
#pragma once
#include "attestation/provider/provider.h"

struct providers; /* safe to use from any thread */

struct providers_config {
    struct store *store;
    const char *shared_name, *shared_issuer, *shared_location;
    const char *const *own_hosts; /* names of this server that mean the shared provider, besides the host of shared_issuer */
    size_t n_own_hosts;
    bool shared_tpm_v1;
    const struct cert
        *server_ak_ca; /* our own CA of AK certificates: custom providers believe it unless switched off; NULL: there is none */
};

/* providers_new reads all from the store; the strings are copied. */
MUST_CHECK bool providers_new(const struct providers_config *config, struct providers **ret, struct err *err);
void providers_free(struct providers *providers);

/* New references. providers_get: NULL when there is none of this name. */
const struct provider *providers_shared(struct providers *providers);
const struct provider *providers_get(struct providers *providers, struct bytes name);
/* By the request's Host header: the host of an attestUri (its port may differ: ports are changed on the way), a name of this server, an address
 * or a name without a dot, which all mean the shared one, or NAME.anything. NOT_FOUND: none of these; MALFORMED: no host. */
MUST_CHECK bool providers_by_host(struct providers *providers, struct bytes host, const struct provider **ret, struct err *err);

/* providers_reload puts in force what the store says now about `name`: a new one, a changed one, or none any more. Call after a change. */
MUST_CHECK bool providers_reload(struct providers *providers, const char *name, struct err *err);

/* providers_reload_all does so for every one, in memory or in the store. */
MUST_CHECK bool providers_reload_all(struct providers *providers, struct err *err);

/* A deleted provider as it would come back: everything that the store keeps for it is read and checked. Not in force. Release with
 * provider_free. */
MUST_CHECK bool providers_peek_deleted(struct providers *providers, const char *name, const struct provider **ret, struct err *err);
