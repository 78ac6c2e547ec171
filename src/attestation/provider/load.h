/* attestation/provider/load.h: a provider as the store has it. Private to attestation/provider: providers.c keeps those that are in force. */
#pragma once
#include "attestation/provider/provider.h"
#include "store/store.h"

/* What one is made from. */
struct provider_sources {
    struct store *store;
    struct cert *server_ak_ca;                            /* or NULL */
    struct provider_policy defaults[PROVIDER_TYPE_COUNT]; /* of custom providers */
};

/* Empty, with one reference. NULL: err is set. */
struct provider *provider_new(struct err *err);
const struct provider *provider_ref(const struct provider *provider); /* NULL is fine */

/* Fills what provider_new made: switches, policies, signers, roots. */
MUST_CHECK bool provider_load(const struct provider_sources *from, const char *name, struct provider *ret, struct err *err);
MUST_CHECK bool provider_load_row(const struct provider_sources *from, const struct store_provider *row, struct provider *ret,
                                  struct err *err);
/* The built-in policy of a type. */
MUST_CHECK bool provider_set_default(struct arena *a, enum provider_type type, bool shared, struct provider_policy *ret, struct err *err);

/* Names compare in either case. */
bool provider_same_letters(struct bytes a, struct bytes b);
