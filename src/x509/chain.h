/* x509/chain.h: deciding whether a certificate may be believed, for one purpose, at one time.
 *
 * The path is built by keys: an issuer fits when its subject is the certificate's issuer name, its key identifier does not
 * contradict, and its key verifies the signature; all candidates are tried, with a budget, so that equal names and cross-signed loops cost
 * neither correctness nor time. Rules: RFC 5280 6.1 without policies and name constraints (critical ones are refused); attack-suite.md I5. */
#pragma once
#include "base/limits.h"
#include "x509/trust.h"

enum chain_purpose {
    CHAIN_EK,       /* x509/ek_cert.h */
    CHAIN_AK,       /* x509/ak_cert.h */
    CHAIN_IAK,      /* an initial attestation key's: iak_cert_check */
    CHAIN_CLOUD_AK, /* an AK certificate of AzureGuest evidence: ak_cert_check_cloud */
    CHAIN_PLATFORM, /* TPM platform certificate: EKU 2.23.133.8.2 */
    CHAIN_TLS_SERVER,
    CHAIN_POLICY_SIGNER, /* signs policies: digitalSignature if it has key usages; may itself be a CA (self-signed signers are usual) */
    CHAIN_TOKEN_SIGNER,  /* signs tokens: the same */
};

enum { CHAIN_CLOCK_SKEW_MS = 300 * 1000 }; /* how far clocks of issuers and ours may be apart: attestation-service.md 13.2 */

struct chain_options {
    enum chain_purpose purpose;
    int64_t now_ms;
    int64_t skew_ms;   /* tolerated on both ends of every validity */
    bool ignore_dates; /* the operator's switch for test certificates (attestation-service.md 4.2) */
    /* A pinned leaf is believed by the word of whoever pinned it, and until it is unpinned: its dates are its issuer's word about an issuing
     * that nothing is built on here. */
    bool pins_have_no_dates;
};

struct verified_chain; /* chain_verify() is its only constructor */

/* chain_verify looks for a path from `leaf` over `extra` (sent along; untrusted, at most LIMIT_CHAIN_CERTS) and the store's
 * intermediates to one of its anchors. ERR_UNTRUSTED says which certificate refused and why: when there is no path, the sentence of the
 * best attempt; a missing issuer reads "Unable to find issuer certificate CN=…". */
MUST_CHECK bool chain_verify(const struct trust_store *store, const struct cert *leaf, const struct cert *const *extra, size_t n_extra,
                             const struct chain_options *options, struct verified_chain **ret, struct err *err);
void verified_chain_free(struct verified_chain *chain);
void verified_chain_free_at(struct verified_chain **chain);
size_t verified_chain_len(const struct verified_chain *chain); /* ≥ 1 */
/* 0 is the leaf, the last one the anchor (the leaf itself when it is pinned). */
const struct cert *verified_chain_cert(const struct verified_chain *chain, size_t i);
const struct cert *verified_chain_leaf(const struct verified_chain *chain);
const struct cert *verified_chain_anchor(const struct verified_chain *chain);
/* The chain stops being believable when the first of its certificates does. */
int64_t verified_chain_not_after_ms(const struct verified_chain *chain);
