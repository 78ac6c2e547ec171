/* attestation/resource/operation_kinds.h: the inputs of the operations that there are, made by the APIs and read by the steps. */
#pragma once
#include "attestation/resource/operation.h"
#include "store/providers.h"

#define OPERATION_PROVIDER_CREATE   "provider.create"
#define OPERATION_PROVIDER_DELETE   "provider.delete"
#define OPERATION_PROVIDER_UNDELETE "provider.undelete"
#define OPERATION_PROVIDER_PURGE    "provider.purge"
#define OPERATION_POLICY_SET        "policy.set"
#define OPERATION_POLICY_RESET      "policy.reset"

/* NULL: no memory. */
const char *operation_input_create(struct arena *a, const struct store_provider *provider, const struct store_signer *signers,
                                   size_t n_signers);
/* A policy's next step; no bytes: a reset. */
const char *operation_input_policy(struct arena *a, const char *type, struct bytes jws, const char *hash);
