/* attestation/protocol/azureguest_verify.h: whether AzureGuest evidence holds: the checks of attestation-service.md 7.4 up to the policy, in their order. Pure: no
 * store, no network, the clock passed in; the service and `trueboot evidence claims` use it. */
#pragma once
#include "attestation/protocol/azureguest_message.h"
#include "appraise/appraise.h"
#include "x509/cert.h"
#include "x509/trust.h"

struct azureguest_checks {
    bool ak_vouched;                        /* the caller vouches for the attestation key: its certificate is not looked at */
    const struct trust_store *ak_roots;     /* otherwise: who may vouch for attestation keys; NULL: nobody */
    const struct boot_reference *reference; /* NULL: none */
    int64_t now_ms;
    /* Whether a certificate that chains to these roots counts here; NULL: it does. UNTRUSTED and why not. */
    bool (*counts)(void *context, struct arena *a, const struct cert *cert, struct err *err);
    void *context;
};

/* Released with azureguest_evidence_done; the rest is the arena's. */
struct azureguest_evidence {
    struct azureguest_message message;
    struct cert *ak_cert;        /* NULL: none came */
    struct pubkey *ak, *enc_key; /* enc_key NULL: it is no key that an answer could be sealed to */
    bool ak_trusted;
    struct findings findings; /* of the keys and of isolation: what is not the appraisal's */
    struct appraised appraised;
};

/* False when the evidence cannot be read, or memory ends; what does not hold is a finding. */
MUST_CHECK bool azureguest_verify(struct arena *a, struct bytes text, const struct azureguest_checks *checks,
                                  struct azureguest_evidence *ret, struct err *err);
void azureguest_evidence_done(struct azureguest_evidence *evidence);

/* The finding that refuses the evidence, in the order of 7.4: isolation and the key come before the quote, its findings before those of the key for the
 * answer. NULL: it holds. */
const struct finding *azureguest_refusal(const struct azureguest_evidence *evidence);
