/* x509/pkcs7.h: detached signatures as UEFI's authenticated variables carry them: PKCS #7 SignedData, DER, with or without the
 * ContentInfo around it (RFC 2315; UEFI 2.10, 8.2.2: SHA-256 or better, RSA, no authenticated attributes, no content inside).
 *
 * Nothing here says whether a certificate may be believed: the caller names the anchors. Dates are not looked at, as firmware
 * does not: a revocation stays good after its signer's certificate has run out. */
#pragma once
#include "x509/cert.h"

enum { PKCS7_CERTS_MAX = 8, PKCS7_SIGNERS_MAX = 4 };

struct pkcs7_signer {
    struct bytes issuer, serial; /* which certificate: DER Name, minimal big-endian number */
    enum digest_algorithm hash;
    struct bytes signature;
};

struct pkcs7 {
    size_t n_certs;
    struct cert *certs[PKCS7_CERTS_MAX]; /* owned */
    size_t n_signers;
    struct pkcs7_signer signers[PKCS7_SIGNERS_MAX]; /* views into the input */
};

/* pkcs7_parse reads `der`, which must outlive *ret and hold nothing else. Zeroed storage is safe for pkcs7_done. ERR_TRUNCATED,
 * ERR_MALFORMED, ERR_UNSUPPORTED (other contents, attributes, algorithms), ERR_LIMIT. */
MUST_CHECK bool pkcs7_parse(struct bytes der, struct pkcs7 *ret, struct err *err);
void pkcs7_done(struct pkcs7 *p);

/* pkcs7_verify: some signer's key made the signature over `message`, and its certificate is one of `anchors` or was issued by one, directly or
 * through certificates that came along. ERR_UNTRUSTED says what failed last. */
MUST_CHECK bool pkcs7_verify(const struct pkcs7 *p, struct bytes message, const struct cert *const *anchors, size_t n_anchors,
                             struct err *err);
