/* attestation/protocol/azureguest_claims.h: what the service says about AzureGuest evidence (attestation-service.md section 10).
 *
 * Every claim stands in the token, unlike those of Tpm, and is offered to the policy as well: booleans, integers and strings as such, an
 * array as one claim per element, an object as a string with its JSON text. What Windows measures is false where nothing proves it;
 * fields of the request (os…) are the client's own words. */
#pragma once
#include "appraise/appraise.h"
#include "attestation/protocol/azureguest_message.h"

/* One member of the token. */
struct azureguest_claim {
    const char *name;
    struct bytes json; /* its value, as JSON text */
};

struct azureguest_claims {
    const struct azureguest_claim *items;
    size_t n;
    const struct policy_claim *policy; /* the same for the policy */
    size_t n_policy;
};

/* azureguest_claims_build is for evidence that passed every check of section 7.4. `enc_key` is EncKeyPub's. */
MUST_CHECK bool azureguest_claims_build(struct arena *a, const struct azureguest_message *message, const struct appraised *appraised,
                                        const struct pubkey *enc_key, const struct boot_reference *reference, const char *policy_hash,
                                        struct azureguest_claims *ret, struct err *err);

/* The known-list claims, from measured and proved lists only.
 * Keys: PK and KEK (or db) are not empty and every entry is a certificate that reference_find_known() knows.
 * Revocations: dbx holds every revocation of the reference data; without reference data, those of the update of July 2020, by
 * which (the published updates are cumulative) that update or a later one is there. */
bool azureguest_platform_keys_are_known(const struct bootchain *chain, const struct boot_reference *reference);
bool azureguest_db_is_known(const struct bootchain *chain, const struct boot_reference *reference);
MUST_CHECK bool azureguest_dbx_is_known(struct arena *a, const struct bootchain *chain, const struct boot_reference *reference, bool *ret,
                                        struct err *err);
