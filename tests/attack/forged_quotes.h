/* tests/attack/forged_quotes.h: quotes that the attestation key signed, and that differ from the TPM's in one respect.
 *
 * The same rows go through the appraisal (test_forgery.c, and from there to other verifiers) and through the service (test_service.c). What has
 * to become of each is derived from TPM 2.0 Library Part 2, 10.6 and 10.12, and Part 3, 18.4, not from what we answer. */
#pragma once
#include "support/quote_builder.h"

struct forged_quote {
    const char *what;
    bool sound; /* it says no less than the one that the TPM makes */
    void (*change)(struct quote_builder *b, struct arena *a);
};

/* Each begins as a sound quote over all 24 registers of bank SHA-256. */
extern const struct forged_quote forged_quotes[];
extern const size_t n_forged_quotes;
