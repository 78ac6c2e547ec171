#include "attestation/service/signer.h"

static enum key_use use_of(enum token_profile profile, enum signing_family family)
{
    if (family == SIGNING_CA_ISSUED)
        return profile == TOKENS_ORIGINAL ? KEY_USE_REPORT : KEY_USE_REPORT_ES256;
    return profile == TOKENS_ORIGINAL ? KEY_USE_TOKEN : KEY_USE_TOKEN_ES256;
}

bool signer_for(const struct attestation_service *service, enum token_profile profile, enum signing_family family, int64_t now_ms,
                int64_t expires_ms, const struct signing_key **ret, struct err *err)
{
    return keyring_signer(service->keys[use_of(profile, family)], now_ms, expires_ms, ret, err);
}

const char *signer_algorithm(enum token_profile profile) { return jws_algorithm_name(profile == TOKENS_ORIGINAL ? JWS_RS256 : JWS_ES256); }
