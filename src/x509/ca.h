/* x509/ca.h: our small certificate authority: AK certificates, TLS certificates of our own servers, certificates of token keys.
 *
 * P-256 keys, ecdsa-with-SHA256. notBefore lies CA_BACKDATE_MS before `now_ms`. Serials are 16 random bytes, positive. A CA is
 * immutable and may be shared between threads. Profile: attestation-service.md 3.2, architecture.md 8 (AK certificate). */
#pragma once
#include "crypto/privkey.h"
#include "x509/cert.h"

#define CA_BACKDATE_MS    (5 * 60 * INT64_C(1000))
#define CA_DAY_MS         (24 * 60 * 60 * INT64_C(1000))
#define CA_AK_VALIDITY_MS (365 * CA_DAY_MS)
#define CA_VALIDITY_MS    (3650 * CA_DAY_MS)
enum { CA_CHAIN_MAX = 4, CA_AK_CERT_BYTES_MAX = 1500 /* fits an NV index of libtpms: guest-agent.md 2.4 */ };

struct ca;

/* A self-signed root; a CA below another one (path length 0). */
MUST_CHECK bool ca_new(const char *common_name, int64_t now_ms, struct ca **ret, struct err *err);
MUST_CHECK bool ca_new_below(const struct ca *parent, const char *common_name, int64_t now_ms, struct ca **ret, struct err *err);
/* Key (PKCS#8) and chain (own certificate first, then its issuers up to the root) as PEM; ca_load refuses a key that does not belong
 * to the certificate. Wipe `ret_key_pem`: it is writable memory of the arena. */
MUST_CHECK bool ca_load(struct bytes key_pem, struct bytes chain_pem, struct ca **ret, struct err *err);
MUST_CHECK bool ca_save(const struct ca *ca, struct arena *a, struct bytes *ret_key_pem, struct bytes *ret_chain_pem, struct err *err);
void ca_free(struct ca *ca);
void ca_free_at(struct ca **ca);
/* 0 is the CA itself; the last one is the root. Views live as long as the CA. */
size_t ca_chain_len(const struct ca *ca);
const struct cert *ca_cert(const struct ca *ca, size_t i);

/* Subject CN = the VM's UUID in lower case, EKU 2.23.133.8.3, digitalSignature, one year. */
MUST_CHECK bool ca_issue_ak(const struct ca *ca, const char *vm_uuid, const struct pubkey *ak, int64_t now_ms, struct cert **ret,
                            struct err *err);
/* The same, and what it says besides, as subjectAltNames (x509/ak_cert.h). */
struct ca_ak_terms {
    const char *provider; /* it is good for this attestation provider only; NULL: for all */
    bool ek_pinned;       /* the certificate that it rests on was pinned */
    bool by_iak;          /* that is an initial attestation key's, not an endorsement key's */
};
MUST_CHECK bool ca_issue_ak_on_terms(const struct ca *ca, const char *vm_uuid, const struct ca_ak_terms *terms, const struct pubkey *ak,
                                     int64_t now_ms, struct cert **ret, struct err *err);
/* Each name is a DNS name (a first label of * is fine) or an IP address as text; the first one is the CN, too. */
MUST_CHECK bool ca_issue_tls_server(const struct ca *ca, const char *const *names, size_t n_names, const struct pubkey *key, int64_t now_ms,
                                    int64_t validity_ms, struct cert **ret, struct err *err);
/* The leaf of the CA-issued family of token keys. */
MUST_CHECK bool ca_issue_token_signer(const struct ca *ca, const char *common_name, const struct pubkey *key, int64_t now_ms,
                                      int64_t validity_ms, struct cert **ret, struct err *err);
/* The self-signed family: subject = issuer = CN=`common_name`, e.g. https://host:port. Also what policy signers use in tests. */
MUST_CHECK bool ca_self_signed_signer(const struct privkey *key, const char *common_name, int64_t now_ms, int64_t validity_ms,
                                      struct cert **ret, struct err *err);
/* An endorsement certificate as swtpm_localca writes it, with the critical directoryName; CN = `name:uuid`. For virtual TPMs that we
 * manufacture. notAfter is 9999-12-31T23:59:59Z. */
MUST_CHECK bool ca_issue_ek(const struct ca *ca, const char *common_name, const struct pubkey *ek, int64_t now_ms, struct cert **ret,
                            struct err *err);
/* A certificate of an initial attestation key (x509/ak_cert.h), for such a TPM as well. */
MUST_CHECK bool ca_issue_iak(const struct ca *ca, const char *common_name, const struct pubkey *iak, int64_t now_ms, struct cert **ret,
                             struct err *err);
