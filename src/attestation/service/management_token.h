/* attestation/service/management_token.h: the signed answers of the policy and signer APIs (attestation-service.md 3.6, 11). */
#pragma once
#include "attestation/service/data_plane.h"

/* Begin; put the claims into `out` in ascending order of name (they all begin with "x-ms-"); answer. */
struct management_token {
    struct writer payload;
    struct json_out out;
    int64_t now_ms;
};

/* Writes exp (an hour), iat, iss and nbf (back-dated, 3.6). Release with management_token_done. */
void management_token_begin(struct management_token *token, const struct provider *provider, int64_t now_ms);
void management_token_done(struct management_token *token);
/* {"token": …} with status 200, signed with the self-signed family. */
MUST_CHECK bool management_token_answer(struct management_token *token, const struct data_plane_call *call, struct err *err);

/* A certificate as a flat JWK that also has a "jwk" member: every client finds what it looks for (4.2). */
void management_token_put_signer(struct json_out *out, const char *name, const struct cert *cert);
