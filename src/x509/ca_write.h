/* x509/ca_write.h: a certificate on its way out. Not for other folders. */
#pragma once
#include "base/writer.h"
#include "crypto/privkey.h"
#include "x509/cert.h"

enum ca_profile {
    CA_PROFILE_ROOT,
    CA_PROFILE_BELOW,
    CA_PROFILE_AK,
    CA_PROFILE_EK,
    CA_PROFILE_IAK,
    CA_PROFILE_TLS_SERVER,
    CA_PROFILE_SIGNER
};

struct ca_request {
    enum ca_profile profile;
    const char *common_name;  /* of the subject */
    const struct pubkey *key; /* of the subject */
    int64_t not_before_ms, not_after_ms;
    const struct cert *issuer;    /* NULL: self-signed */
    const struct privkey *signer; /* the issuer's key */
    const char *const *names;     /* TLS: DNS names and addresses; an AK: URIs */
    size_t n_names;
};

MUST_CHECK bool ca_write_cert(const struct ca_request *request, struct cert **ret, struct err *err);
