/* x509/cert.h: one certificate, read strictly. Nothing here says whether it may be believed: see x509/chain.h.
 *
 * Rules: RFC 5280 4.1 and 4.2; DER only (X.690), so that one certificate has one encoding. Every view points into the
 * certificate's own copy of the DER and lives as long as it. A struct cert is immutable and may be shared between threads. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "crypto/pubkey.h"

enum { CERT_SHA256_LEN = 32, CERT_SHA1_LEN = 20, CERT_EKUS_MAX = 16, CERT_NO_PATH_LEN = -1 };

/* keyUsage: bit i is the i-th named bit of RFC 5280 4.2.1.3. */
enum cert_key_usage {
    KEY_USAGE_DIGITAL_SIGNATURE = 1 << 0,
    KEY_USAGE_NON_REPUDIATION = 1 << 1,
    KEY_USAGE_KEY_ENCIPHERMENT = 1 << 2,
    KEY_USAGE_DATA_ENCIPHERMENT = 1 << 3,
    KEY_USAGE_KEY_AGREEMENT = 1 << 4,
    KEY_USAGE_CERT_SIGN = 1 << 5,
    KEY_USAGE_CRL_SIGN = 1 << 6,
};

/* Extended key usages that mean something to us. */
enum cert_eku {
    EKU_ANY = 1 << 0,
    EKU_TLS_SERVER = 1 << 1,   /* 1.3.6.1.5.5.7.3.1 */
    EKU_TLS_CLIENT = 1 << 2,   /* 1.3.6.1.5.5.7.3.2 */
    EKU_TPM_EK = 1 << 3,       /* 2.23.133.8.1, tcg-kp-EKCertificate */
    EKU_TPM_PLATFORM = 1 << 4, /* 2.23.133.8.2, tcg-kp-PlatformAttributeCertificate */
    EKU_TPM_AK = 1 << 5,       /* 2.23.133.8.3, tcg-kp-AIKCertificate */
    EKU_OTHER = 1 << 6,
};

/* Certificate policies with which an issuer says what it verified of a TPM key (TCG, TPM 2.0 Keys for Device Identity and Attestation 1.00, 8.2). */
enum cert_policy {
    POLICY_TPM_RESIDENCY = 1 << 0,  /* 2.23.133.11.1.1, tcg-cap-verifiedTPMResidency */
    POLICY_TPM_FIXED = 1 << 1,      /* 2.23.133.11.1.2, tcg-cap-verifiedTPMFixed */
    POLICY_TPM_RESTRICTED = 1 << 2, /* 2.23.133.11.1.3, tcg-cap-verifiedTPMRestricted: fixedTPM and restricted */
};

struct cert {
    struct bytes der;                /* the whole certificate */
    uint8_t sha256[CERT_SHA256_LEN]; /* of der: the name to cache it under */
    struct bytes tbs;                /* the signed part */
    unsigned version;                /* 1 or 3 */
    struct bytes serial;             /* big-endian, minimal, not negative; at most 20 bytes */
    struct bytes issuer, subject;    /* DER Name, header included */
    struct bytes common_name;        /* the subject's last CN, UTF-8; empty when there is none or it is not UTF-8 text */
    int64_t not_before_ms, not_after_ms;
    struct bytes spki;        /* DER SubjectPublicKeyInfo */
    const struct pubkey *key; /* NULL: a key that crypto/pubkey.h does not make; key_problem says why */
    const char *key_problem;  /* a sentence, or NULL */

    bool has_basic_constraints, is_ca;
    int path_len; /* CERT_NO_PATH_LEN: unlimited */
    bool has_key_usage;
    unsigned key_usage; /* of enum cert_key_usage */
    bool has_ekus;
    unsigned ekus; /* of enum cert_eku */
    size_t n_eku_oids;
    struct bytes eku_oids[CERT_EKUS_MAX];
    unsigned policies;                             /* of enum cert_policy */
    struct bytes subject_key_id, authority_key_id; /* empty when absent */
    bool has_alt_names, alt_names_critical;
    struct bytes alt_names;        /* content of the GeneralNames sequence; see cert_alt_name_next */
    struct bytes unknown_critical; /* OID content of the first critical extension that we do not process, or empty */

    /* The signature is only readable through cert_is_signed_by. */
    enum signature_scheme signature_scheme;
    enum digest_algorithm signature_hash; /* DIGEST_NONE: an algorithm we do not accept */
    struct bytes signature_algorithm;     /* OID content */
    struct bytes signature;               /* as it stands in the BIT STRING */
};

/* cert_parse copies `der` (at most LIMIT_CERT_BYTES, nothing may follow the certificate). Free with cert_free.
 * ERR_LIMIT, ERR_TRUNCATED, ERR_MALFORMED; a key that is too weak is no error here. */
MUST_CHECK bool cert_parse(struct bytes der, struct cert **ret, struct err *err);
/* The first "CERTIFICATE" block; text around it is ignored. */
MUST_CHECK bool cert_parse_pem(struct bytes pem, struct cert **ret, struct err *err);
/* Either form: DER, or PEM text. */
MUST_CHECK bool cert_parse_any(struct bytes content, struct cert **ret, struct err *err);
/* cert_ref counts one more holder; each of them calls cert_free. */
struct cert *cert_ref(const struct cert *cert);
void cert_free(struct cert *cert);
void cert_free_at(struct cert **cert);
bool cert_equal(const struct cert *a, const struct cert *b);

/* A bundle: every "CERTIFICATE" block of a PEM text in order, or one DER certificate, or several DER certificates one after the
 * other. At most `max`, else ERR_LIMIT; none at all is ERR_NOT_FOUND. The caller frees each. */
MUST_CHECK bool cert_parse_bundle(struct bytes content, struct cert **ret, size_t max, size_t *ret_n, struct err *err);

/* cert_trim gives the DER at the start of a padded NV index: what follows must be all 00 or all FF (guest-agent.md 2.2). */
MUST_CHECK bool cert_trim(struct bytes padded, struct bytes *ret_der, struct err *err);
/* The same for an index that holds several, one after the other: without the padding behind the last one. What is no padding stays. */
struct bytes cert_trim_bundle(struct bytes padded);

/* Whether `issuer`'s key made the signature, nothing else. ERR_UNTRUSTED when it did not; ERR_UNSUPPORTED for algorithms that are weak
 * (SHA-1, MD5) or unknown, whoever signed. */
MUST_CHECK bool cert_is_signed_by(const struct cert *cert, const struct pubkey *issuer, struct err *err);
bool cert_has_eku(const struct cert *cert, struct bytes oid);
void cert_sha1(const struct cert *cert, uint8_t ret[static CERT_SHA1_LEN]); /* the x5t of published shapes; never a proof */

/* subjectAltName, one by one: start with *rest = cert->alt_names; false at the end. Entries were checked by cert_parse. */
struct cert_alt_name {
    enum { ALT_NAME_OTHER, ALT_NAME_EMAIL, ALT_NAME_DNS, ALT_NAME_DIRECTORY, ALT_NAME_URI, ALT_NAME_IP } kind;
    struct bytes value; /* text; 4 or 16 address bytes; for DIRECTORY the DER Name */
};
bool cert_alt_name_next(struct bytes *rest, struct cert_alt_name *ret);

/* PEM text, lines of 64; NULL: no memory. */
MUST_CHECK char *cert_pem(const struct cert *cert, struct arena *a);
