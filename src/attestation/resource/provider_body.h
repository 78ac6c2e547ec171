/* attestation/resource/provider_body.h: what callers of the management plane say about a provider (attestation-service.md 12). Names of members count
 * in either case; null is as good as absent for what the cloud publishes. */
#pragma once
#include "attestation/service/service.h"
#include "json/value.h"
#include "store/providers.h"

/* A new provider: `p` has name, path, caller and defaults; the body adds location, tags, switches, address and trust model. *ret: its first
 * signers, as many as there are given; some make it Isolated. */
MUST_CHECK bool provider_body_create(const struct attestation_service *service, struct arena *a, const struct json *body,
                                     struct store_provider *p, struct store_signer **ret, size_t *ret_n, struct err *err);

/* PUT of one that is there: tags and switches that are not said get their defaults. Location and trust model are what they were, and CONFLICT
 * when the body wants others; signers are changed by signed requests only (section 5), and what lies below properties.trueboot, which tools of
 * the cloud do not know, stays unless it is said. */
MUST_CHECK bool provider_body_replace(struct arena *a, const struct json *body, struct store_provider *p, struct err *err);

/* PATCH: what is not said stays. */
MUST_CHECK bool provider_body_merge(struct arena *a, const struct json *body, struct store_provider *p, struct err *err);

bool provider_same_place(struct bytes a, const char *b); /* "East US" is "eastus" */
