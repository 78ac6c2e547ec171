/* attestation/protocol/message.h: the messages of POST /attest/Tpm, read strictly: claimed, not believed (attestation-service.md 6.2–6.4).
 *
 * Every view points into the arena or the body, which must outlive it. Errors name the member. */
#pragma once
#include "appraise/evidence.h"
#include "attestation/protocol/bound_key.h"
#include "jose/jws.h"
#include "policy/policy.h"

enum attest_message_kind { ATTEST_INIT, ATTEST_REQUEST };

/* The envelope {"data": b64u({"payload": MESSAGE, "metadata": …})}; `wrapped` false: MESSAGE came bare, answer in kind. */
struct attest_message {
    enum attest_message_kind kind;
    bool wrapped;
    bool knows_ours;      /* "trueboot":1 in the metadata: the sender understands what is ours in answers */
    struct bytes request; /* compact JWS, for ATTEST_REQUEST */
};

MUST_CHECK bool attest_message_read(struct arena *a, const struct json *body, struct attest_message *ret, struct err *err);
/* {"data": b64u({"payload": message})}, or without the payload wrapper. */
void attest_message_write(struct json_out *out, const struct attest_message *to, struct bytes message_json);

/* The payload (6.4.1), once its JWS has been taken apart; one of version 1 (6.4.3) in the same shape: attestation/protocol/message_v1.h. */
struct attest_request {
    bool v1; /* request_key is its attest_key, which nothing binds to the TPM; the quote is bound to the challenge alone */
    struct evidence current;
    bool has_boot;
    struct evidence boot;
    struct bytes challenge;
    struct bytes service_context;
    struct bytes rp_id;                            /* text as sent, or BYTES_NONE */
    struct bytes rp_data;                          /* text as sent, or BYTES_NONE: returned unchanged */
    struct bound_key request_key;                  /* signs the request; release with attest_request_done */
    struct bound_key other_keys[LIMIT_OTHER_KEYS]; /* certified, or unbound */
    size_t n_other_keys;
    const struct json *custom_claims; /* array, or NULL */
};

/* The claimed JWS: typ attReqV2 (attReq too, with allow_v1), an algorithm that we allow, the key inside. It still has to be verified with that
 * key. */
MUST_CHECK bool attest_request_read(struct arena *a, const struct jws *jws, bool allow_v1, struct attest_request *ret, struct err *err);
void attest_request_done(struct attest_request *request);

/* The qualifying data that the current quote must carry (6.4.2): H(jwk characters || 00 || challenge), which is made in *space, or, for a
 * certified request key and in version 1, the challenge itself. */
struct bytes attest_request_nonce(const struct attest_request *request, struct digest *space);

/* bound_key_check for every key of the request. */
MUST_CHECK bool attest_request_check_keys(const struct attest_request *request, const struct pubkey *ak, struct bytes qualified_signer,
                                          struct findings *findings, struct err *err);
/* The policy key objects: x-ms-tpm-request-key, and the array x-ms-tpm-other-keys (NULL texts: there are none; in version 1 there is no
 * request key). In the arena. */
MUST_CHECK bool attest_request_key_texts(struct arena *a, const struct attest_request *request, const char **ret_key,
                                         const char **ret_other_keys, struct err *err);

/* The keys become claims of the service; custom claims become claims named PREFIX + name (9.7). The error names the entry. */
MUST_CHECK bool attest_request_claims(struct arena *a, const struct attest_request *request, const char *prefix,
                                      const struct policy_claim **ret, size_t *ret_n, struct err *err);
