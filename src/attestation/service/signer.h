/* attestation/service/signer.h: which key signs a provider's tokens: two families (attestation-service.md 3.2), each with RSA and with P-256 keys;
 * the provider's token profile chooses. */
#pragma once
#include "attestation/service/service.h"

/* The family's key for tokens of this profile that are believed until `expires_ms`, as keyring_signer. */
MUST_CHECK bool signer_for(const struct attestation_service *service, enum token_profile profile, enum signing_family family,
                           int64_t now_ms, int64_t expires_ms, const struct signing_key **ret, struct err *err);
/* "RS256" or "ES256": of everything that a provider with this profile signs. */
const char *signer_algorithm(enum token_profile profile);
