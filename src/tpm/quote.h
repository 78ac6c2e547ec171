/* tpm/quote.h: deciding whether a TPM quote is genuine, fresh and about the registers we were shown.
 *
 * Claimed and verified are different types: `struct quote_claim` is what the guest sent; a `struct verified_quote` is made
 * by quote_verify() alone. Nothing here talks to a TPM.
 * TPM 2.0 Library Part 1, 31 (attestation); attestation-service.md 6.5 steps 5–8, 7.4 step 3; attack-suite.md Q1–Q10. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/pcr.h"
#include "crypto/pubkey.h"
#include "findings/finding.h"
#include "tpm/attest.h"
#include "tpm/public.h"

enum signature_form {
    SIGNATURE_FORM_TPMT,       /* TPMT_SIGNATURE: native evidence, tpm2-tools */
    SIGNATURE_FORM_RAW_RSASSA, /* bare RSASSA with SHA-256: AzureGuest */
};

struct quote_claim {
    struct bytes attest; /* TPMS_ATTEST without size prefix */
    struct bytes signature;
    enum signature_form form;
    const struct pcr_set *pcrs; /* the values sent along; banks in the order of the selection, which they must fit exactly */
};

struct quote_expectations {
    const struct pubkey *ak;            /* whose signature it must be; vouched for elsewhere */
    const struct tpm_public *ak_public; /* the same key's public area, where it is known: what it may sign, and how; or NULL */
    bool any_nonce;                     /* do not look at the qualifying data (AzureGuest, boot attestation) */
    struct bytes nonce;                 /* else it must be exactly this; may be empty */
    uint32_t required_pcr_mask;         /* every one of these in one and the same bank of SHA-256 or better */
    bool allow_sha1;                    /* as hash of the signature; registers of a sha1 bank alone never suffice */
};

struct verified_quote; /* opaque; lives in the arena */

/* quote_verify runs every check. Each refusal is a finding (quote.…) and makes it return false, with err ERR_UNTRUSTED
 * and the first refusal's sentence. Only when every check passed *ret is set. A false return without a new finding
 * is ERR_NO_MEMORY. When `quote.pcr_digest` is the only refusal, a register may have moved between reading and quoting:
 * that finding is marked unsettled, and the caller lets the guest try again (architecture.md 8, attack-suite.md Q12). */
MUST_CHECK bool quote_verify(struct arena *a, const struct quote_claim *claim, const struct quote_expectations *want, struct findings *list,
                             const struct verified_quote **ret, struct err *err);
/* True when the findings from number `since` on hold quote.pcr_digest and no other refusal of a quote. */
bool quote_was_raced(const struct findings *list, size_t since);

/* The registers, each covered by the signature; banks in the selection's order. */
const struct pcr_set *verified_quote_pcrs(const struct verified_quote *quote);
const struct tpm_clock_info *verified_quote_clock(const struct verified_quote *quote);
uint64_t verified_quote_firmware_version(const struct verified_quote *quote);
struct bytes verified_quote_qualified_signer(const struct verified_quote *quote);
struct bytes verified_quote_extra_data(const struct verified_quote *quote);
struct bytes verified_quote_pcr_digest(const struct verified_quote *quote);
enum digest_algorithm verified_quote_hash(const struct verified_quote *quote); /* of the signature and of pcrDigest */
/* SHA-256 of the TPMS_ATTEST: names this one quote in records. */
const struct digest *verified_quote_id(const struct verified_quote *quote);
