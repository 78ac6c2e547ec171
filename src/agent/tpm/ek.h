/* agent/tpm/ek.h: the endorsement side of the TPM: certificates, keys, opening a credential (guest-agent.md 2.2, 2.5). */
#pragma once
#include "agent/tpm/ak.h"
#include "base/limits.h"
#include "tpm/key_template.h"

struct ek_certificates {
    size_t n;
    enum ek_kind kind[EK_KIND_COUNT]; /* in the order of 2.5: RSA-2048, P-256, P-384, others */
    struct bytes der[EK_KIND_COUNT];  /* trimmed by DER length, in the arena */
    size_t n_chain;
    struct bytes chain[LIMIT_EK_CERTS]; /* NV 0x01C00100–0x01C001FF, one certificate each */
    struct bytes platform;              /* NV 0x01C08000; empty: none */
};

/* No certificate at all is n == 0, not a failure. An index that holds no certificate is passed over. */
MUST_CHECK bool ek_read_certificates(struct tpm_device *tpm, struct arena *a, struct ek_certificates *ret, struct failure *why);

struct ek; /* opaque; belongs to its device; may occupy a transient slot until closed */

/* ek_open finds the key at its persistent handle, else makes it from the template in NV or the default one. With `certificate`
 * (DER, empty: none) the key must be the certificate's: EK_CERT_MISMATCH. EK_UNUSABLE: this TPM makes no such key. */
MUST_CHECK bool ek_open(struct tpm_device *tpm, enum ek_kind kind, struct bytes certificate, struct ek **ret, struct failure *why);
void ek_close(struct ek *ek);
void ek_close_at(struct ek **ek);
struct bytes ek_public_2b(const struct ek *ek); /* TPM2B_PUBLIC, size field included */

/* ek_activate runs TPM2_ActivateCredential through the policy of the EK (PolicySecret, and PolicyOR for the high range). Both inputs
 * are whole TPM2Bs as they came over the wire. ACTIVATE_FAIL: the credential is for another AK or EK. Wipe ret_secret. */
enum { EK_SECRET_MAX = 64 };
MUST_CHECK bool ek_activate(const struct ek *ek, const struct ak *ak, struct bytes id_object, struct bytes encrypted_secret,
                            uint8_t ret_secret[static EK_SECRET_MAX], size_t *ret_len, struct failure *why);
