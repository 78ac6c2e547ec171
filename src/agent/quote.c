#include "agent/quote.h"
#include <tss2/tss2_mu.h>
#include "agent/ak_esys.h"
#include "agent/tpm_esys.h"

static TPML_PCR_SELECTION selection_of(enum digest_algorithm bank, uint32_t mask)
{
    TPML_PCR_SELECTION s = { .count = 1, .pcrSelections = { { .hash = digest_tpm_id(bank), .sizeofSelect = 3 } } };

    for (unsigned i = 0; i < 3; i++)
        s.pcrSelections[0].pcrSelect[i] = (uint8_t)(mask >> (8 * i));
    return s;
}

/* Bits of the first selection; 0 when the TPM selected nothing. */
static uint32_t mask_of(const TPML_PCR_SELECTION *s)
{
    uint32_t mask = 0;

    if (s->count == 1)
        for (unsigned i = 0; i < s->pcrSelections[0].sizeofSelect && i < 4; i++)
            mask |= (uint32_t)s->pcrSelections[0].pcrSelect[i] << (8 * i);
    return mask;
}

/* The answer's own selection says which registers its digests are, in ascending order. */
static bool take_values(struct pcr_bank *bank, uint32_t read, uint32_t asked, const TPML_DIGEST *values, struct failure *why)
{
    size_t len = digest_len(bank->algorithm);
    uint32_t n = 0;

    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        if (!(read & (1u << pcr)))
            continue;
        if (!(asked & (1u << pcr)) || n >= values->count || values->digests[n].size != len)
            return failure_set(why, FAILURE_TPM_REFUSED, "TPM2_PCR_Read: the answer does not fit the question at register %u", pcr);
        bank->value[pcr].algorithm = bank->algorithm;
        memcpy(bank->value[pcr].value, values->digests[n++].buffer, len);
        bank->present |= 1u << pcr;
    }
    return true;
}

bool quote_read_pcrs(struct tpm_device *tpm, enum digest_algorithm algorithm, uint32_t mask, struct pcr_set *ret, struct failure *why)
{
    struct pcr_bank *bank = &ret->banks[0];

    *ret = (struct pcr_set){ .n_banks = 1 };
    bank->algorithm = algorithm;
    while (bank->present != mask) {
        TPML_PCR_SELECTION in = selection_of(algorithm, mask & ~bank->present), *out TPM_FREE = NULL;
        TPML_DIGEST *values TPM_FREE = NULL;
        uint32_t counter, before = bank->present;
        TSS2_RC rc = TPM_CALL(Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &in, &counter, &out, &values));

        if (rc != TSS2_RC_SUCCESS)
            return tpm_refused(why, "TPM2_PCR_Read", rc);
        if (!take_values(bank, mask_of(out), mask & ~before, values, why))
            return false;
        if (bank->present == before)
            return failure_set(why, FAILURE_PCR_BANK, "the TPM keeps no %s registers", digest_name(algorithm));
    }
    return true;
}

static bool keep(struct arena *a, struct bytes b, struct bytes *ret, struct failure *why)
{
    return arena_copy(a, b, ret) ? true : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}

static bool quote_once(struct tpm_device *tpm, const struct ak *ak, enum digest_algorithm bank, uint32_t mask, struct bytes nonce,
                       struct arena *a, struct quoted *ret, struct failure *why)
{
    TPM2B_ATTEST *attest TPM_FREE = NULL;
    TPMT_SIGNATURE *signature TPM_FREE = NULL;
    TPM2B_DATA extra = { .size = (uint16_t)nonce.len };
    const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
    TPML_PCR_SELECTION selection = selection_of(bank, mask);
    uint8_t encoded[sizeof(TPMT_SIGNATURE)];
    size_t len = 0;
    TSS2_RC rc;

    memcpy(extra.buffer, nonce.data ? nonce.data : (const uint8_t *)"", nonce.len);
    rc = TPM_CALL(Esys_Quote(tpm->esys, ak_esys_object(ak), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &extra, &scheme, &selection,
                             &attest, &signature));
    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_Quote", rc);
    if (Tss2_MU_TPMT_SIGNATURE_Marshal(signature, encoded, sizeof encoded, &len) != TSS2_RC_SUCCESS)
        return failure_set(why, FAILURE_INTERNAL, "the quote's signature does not encode");
    return keep(a, (struct bytes){ attest->attestationData, attest->size }, &ret->attest, why) &&
           keep(a, (struct bytes){ encoded, len }, &ret->signature, why);
}

/* A quote over a bank that is not there succeeds with nothing selected (2.6), so the selection that came back is compared.
 * *ret_same: the values read before are those that were quoted. */
static bool compare(const struct quoted *q, uint32_t mask, bool *ret_same, struct tpm_clock_info *ret_clock, struct failure *why)
{
    struct attest attest;
    struct digest digest;
    struct err err = ERR_INIT;

    if (!attest_decode(q->attest, &attest, &err) || !pcr_set_digest(&q->pcrs, DIGEST_SHA256, &digest, &err))
        return failure_from(why, FAILURE_TPM_REFUSED, &err);
    if (attest.type != TPM_ST_ATTEST_QUOTE || attest.selection.n_banks != 1 || attest.selection.banks[0].mask != mask ||
        attest.selection.banks[0].algorithm != q->pcrs.banks[0].algorithm)
        return failure_set(why, FAILURE_PCR_BANK, "the TPM quoted other registers than asked for");
    *ret_same = bytes_equal(attest.pcr_digest, digest_bytes(&digest));
    *ret_clock = attest.clock;
    return true;
}

static bool choose_bank(struct tpm_device *tpm, uint32_t mask, enum digest_algorithm *ret, struct failure *why)
{
    static const enum digest_algorithm wanted[] = { DIGEST_SHA256, DIGEST_SHA384 };
    struct tpm_facts facts;

    if (!tpm_facts_read(tpm, &facts, why))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if ((facts.pcr_banks[wanted[i]] & mask) == mask) {
            *ret = wanted[i];
            return true;
        }
    }
    return failure_set(why, FAILURE_PCR_BANK, "the TPM has neither a SHA-256 nor a SHA-384 bank; enable one in the firmware or the vTPM");
}

bool quote_take(struct tpm_device *tpm, const struct ak *ak, uint32_t mask, struct bytes nonce, struct arena *a, struct quoted *ret,
                struct failure *why)
{
    enum digest_algorithm bank = DIGEST_NONE;

    *ret = (struct quoted){ 0 };
    if (nonce.len > LIMIT_NONCE_BYTES)
        return failure_set(why, FAILURE_INTERNAL, "qualifying data of %zu bytes", nonce.len);
    if (!choose_bank(tpm, mask, &bank, why))
        return false;
    for (ret->attempts = 1; ret->attempts <= QUOTE_ATTEMPTS; ret->attempts++) {
        bool same;

        if (!quote_read_pcrs(tpm, bank, mask, &ret->pcrs, why) || !quote_once(tpm, ak, bank, mask, nonce, a, ret, why) ||
            !compare(ret, mask, &same, &ret->clock, why))
            return false;
        if (same)
            return true;
    }
    return failure_set(why, FAILURE_PCR_UNSTABLE, "registers changed during each of %d quotes", QUOTE_ATTEMPTS);
}

bool quote_sign_message(struct tpm_device *tpm, const struct ak *ak, struct bytes message, uint8_t ret[static QUOTE_SIGNATURE_LEN],
                        struct failure *why)
{
    TPM2B_MAX_BUFFER data = { .size = (uint16_t)message.len };
    TPM2B_DIGEST *digest TPM_FREE = NULL;
    TPMT_TK_HASHCHECK *ticket TPM_FREE = NULL;
    TPMT_SIGNATURE *signature TPM_FREE = NULL;
    const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
    TSS2_RC rc;

    if (message.len > QUOTE_MESSAGE_MAX || bytes_starts_with(message, BYTES_LIT("\xff\x54\x43\x47")))
        return failure_set(why, FAILURE_INTERNAL, "a message of %zu bytes that the attestation key cannot sign", message.len);
    memcpy(data.buffer, message.data, message.len);
    rc = TPM_CALL(
        Esys_Hash(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &data, TPM2_ALG_SHA256, ESYS_TR_RH_ENDORSEMENT, &digest, &ticket));
    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_Hash", rc);
    rc = TPM_CALL(
        Esys_Sign(tpm->esys, ak_esys_object(ak), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, digest, &scheme, ticket, &signature));
    if (rc != TSS2_RC_SUCCESS)
        return tpm_refused(why, "TPM2_Sign", rc);
    if (signature->sigAlg != TPM2_ALG_RSASSA || signature->signature.rsassa.sig.size != QUOTE_SIGNATURE_LEN)
        return failure_set(why, FAILURE_TPM_REFUSED, "TPM2_Sign: not an RSASSA signature of 2048 bits");
    memcpy(ret, signature->signature.rsassa.sig.buffer, QUOTE_SIGNATURE_LEN);
    return true;
}
