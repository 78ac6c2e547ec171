/* tpm/key_profile.h: what a TPM key must and must not be allowed to do before we rely on it.
 *
 * attestation-service.md 7.4, guest-agent.md 2.3, attack-suite.md Q8. Each rule is a row; every broken rule is a finding. */
#pragma once
#include "findings/finding.h"
#include "tpm/public.h"

enum key_profile {
    KEY_PROFILE_AK,      /* signs only what the TPM itself made: restricted, sign, not decrypt, cannot leave the TPM */
    KEY_PROFILE_EK,      /* a storage key that cannot leave the TPM: restricted, decrypt, not sign */
    KEY_PROFILE_SEALING, /* AzureGuest's ephemeral key: decrypt, not sign, not restricted, usable through its policy only */
};

/* key_profile_check adds one finding of kind `id` (tpm.ak_attributes, tpm.ek_refused, …) for every rule that `pub`
 * breaks. True: it keeps them all. It says nothing about whose key it is. */
MUST_CHECK bool key_profile_check(enum key_profile profile, const struct tpm_public *pub, enum finding_id id, struct findings *list);
