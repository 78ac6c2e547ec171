/* agent/tpm/iak.h: the initial attestation key (IAK) that a TPM was made with, and what it says of our key.
 *
 * guest-agent.md 2.2 and 2.4; TCG, TPM 2.0 Keys for Device Identity and Attestation 1.00, 7.3. The key lies at its persistent handle, or is made again from
 * its template: TPM2_Clear takes the handle away and leaves the certificate, which the manufacturer wrote. It may certify with its empty password, as every
 * key with userWithAuth may; its policy is for what the administrator's role does, which nothing here needs. */
#pragma once
#include "agent/tpm/ak.h"
#include "base/limits.h"

enum { IAK_HANDLE = 0x81020001, IAK_CERT_NV = 0x01c90100 };

/* Whether an initial attestation key is let to vouch (2.4). AUTO: where there is one, and the endorsement key when it is refused. */
enum iak_use { IAK_AUTO, IAK_REQUIRE, IAK_NEVER };
enum iak_use iak_use_from_name(const char *name); /* of the setting; NULL: AUTO */

struct iak; /* opaque; belongs to its device; may occupy a transient slot until closed */

/* iak_open finds certificate and key. *ret is NULL when the TPM has no certificate in IAK_CERT_NV: most have none. IAK_UNUSABLE: what lies there is no
 * certificate, is of another key than the TPM's, or that key is none that its statements could be believed of. The certificates live in the arena. */
MUST_CHECK bool iak_open(struct tpm_device *tpm, struct arena *a, struct iak **ret, struct failure *why);
void iak_close(struct iak *iak); /* NULL is fine */
void iak_close_at(struct iak **iak);

struct bytes iak_certificate(const struct iak *iak); /* DER */
bool iak_was_made_anew(const struct iak *iak);       /* from its template: it was not at its handle */

/* What an IAK says of a key, and who says that it is one. Everything lives in the arena. */
struct iak_word {
    struct bytes cert;              /* DER */
    struct bytes attest, signature; /* TPMS_ATTEST without its size, TPMT_SIGNATURE */
    size_t n_chain;
    struct bytes chain[LIMIT_EK_CERTS]; /* the certificate's issuers, as far as they lay in the index as well */
};

/* iak_certify runs TPM2_Certify of the AK. */
MUST_CHECK bool iak_certify(const struct iak *iak, const struct ak *ak, struct bytes qualifying, struct arena *a, struct iak_word *ret,
                            struct failure *why);
/* iak_hear opens, certifies and closes: the key takes its slot for this moment only. *ret_present false: the TPM has none. */
MUST_CHECK bool iak_hear(struct tpm_device *tpm, const struct ak *ak, struct bytes qualifying, struct arena *a, bool *ret_present,
                         struct iak_word *ret, struct failure *why);
