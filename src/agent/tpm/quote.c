#include "agent/tpm/quote.h"
#include <stdio.h>

static struct pcr_selection selection_of(enum digest_algorithm bank, uint32_t mask)
{
    return (struct pcr_selection){ .n_banks = 1,
                                   .banks = { { .hash_id = digest_tpm_id(bank), .algorithm = bank, .select_len = 3, .mask = mask } } };
}

/* The answer's own selection says which registers its digests are, in ascending order. */
static bool take_values(struct pcr_bank *bank, uint32_t asked, const struct answer_pcrs *answer, struct failure *why)
{
    uint32_t read = answer->selection.n_banks ? answer->selection.banks[0].mask : 0;
    size_t len = digest_len(bank->algorithm), n = 0;

    if (read && answer->selection.banks[0].algorithm != bank->algorithm)
        return failure_set(why, FAILURE_TPM_UNUSABLE, "TPM2_PCR_Read: another bank than asked for");
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        if (!(read & (1u << pcr)))
            continue;
        if (!(asked & (1u << pcr)) || n >= answer->n || answer->value[n].len != len)
            return failure_set(why, FAILURE_TPM_UNUSABLE, "TPM2_PCR_Read: the answer does not fit the question at register %u", pcr);
        bank->value[pcr].algorithm = bank->algorithm;
        memcpy(bank->value[pcr].value, answer->value[n++].data, len);
        bank->present |= 1u << pcr;
    }
    return true;
}

bool quote_read_pcrs(struct tpm_device *tpm, enum digest_algorithm algorithm, uint32_t mask, struct pcr_set *ret, struct failure *why)
{
    static const char what[] = "TPM2_PCR_Read";
    struct pcr_bank *bank = &ret->banks[0];

    *ret = (struct pcr_set){ .n_banks = 1 };
    bank->algorithm = algorithm;
    while (bank->present != mask) {
        uint32_t missing = mask & ~bank->present;
        struct pcr_selection selection = selection_of(algorithm, missing);
        struct answer_pcrs answer;
        struct tpm_response r;
        struct err err = ERR_INIT;

        if (!tpm_call(tpm, request_pcr_read(tpm_out(tpm), &selection), what, &r, why))
            return false;
        if (!answer_pcr_read(r.parameters, &answer, &err))
            return tpm_garbled(why, what, &err);
        if (!take_values(bank, missing, &answer, why))
            return false;
        if ((mask & ~bank->present) == missing)
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
    static const char what[] = "TPM2_Quote";
    struct pcr_selection selection = selection_of(bank, mask);
    struct bytes attest, signature;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(tpm, request_quote(tpm_out(tpm), ak_handle(ak), nonce, &selection), what, &r, why))
        return false;
    if (!answer_attest(r.parameters, &attest, &signature, &err))
        return tpm_garbled(why, what, &err);
    return keep(a, attest, &ret->attest, why) && keep(a, signature, &ret->signature, why);
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

bool quote_against(struct tpm_device *tpm, const struct ak *ak, struct bytes nonce, struct arena *a, struct quoted *ret, bool *ret_same,
                   struct failure *why)
{
    const struct pcr_bank *bank = &ret->pcrs.banks[0];

    if (nonce.len > LIMIT_NONCE_BYTES)
        return failure_set(why, FAILURE_INTERNAL, "qualifying data of %zu bytes", nonce.len);
    return ak_check(ak, why) && quote_once(tpm, ak, bank->algorithm, bank->present, nonce, a, ret, why) &&
           compare(ret, bank->present, ret_same, &ret->clock, why);
}

/* Which registers differ, as "10, 11". */
static void list_moved(const struct pcr_bank *before, const struct pcr_bank *after, char *out, size_t size)
{
    size_t at = 0;

    out[0] = 0;
    for (unsigned pcr = 0; pcr < LIMIT_PCRS && at < size; pcr++)
        if (before->present & after->present & (1u << pcr) && !digest_equal(&before->value[pcr], &after->value[pcr]))
            at += (size_t)snprintf(out + at, size - at, "%s%u", at ? ", " : "", pcr);
}

static bool are_of(const struct pcr_set *set, enum digest_algorithm bank, uint32_t mask)
{
    return set && set->n_banks == 1 && set->banks[0].algorithm == bank && set->banks[0].present == mask;
}

bool quote_take(struct tpm_device *tpm, const struct ak *ak, uint32_t mask, struct bytes nonce, const struct pcr_set *before,
                struct arena *a, struct quoted *ret, struct failure *why)
{
    enum digest_algorithm bank = DIGEST_NONE;
    char moved[100] = "";
    bool same = false;

    *ret = (struct quoted){ 0 };
    if (!choose_bank(tpm, mask, &bank, why))
        return false;
    if (are_of(before, bank, mask)) {
        pcr_set_copy(before, &ret->pcrs);
        ret->attempts = 1;
        if (!quote_against(tpm, ak, nonce, a, ret, &same, why) || same)
            return same;
    }
    for (ret->attempts = 1; ret->attempts <= QUOTE_ATTEMPTS; ret->attempts++) {
        struct pcr_bank last = ret->pcrs.banks[0];

        if (!quote_read_pcrs(tpm, bank, mask, &ret->pcrs, why) || !quote_against(tpm, ak, nonce, a, ret, &same, why))
            return false;
        if (same)
            return true;
        list_moved(&last, &ret->pcrs.banks[0], moved, sizeof moved);
    }
    return failure_set(why, FAILURE_PCR_UNSTABLE, "registers changed during each of %d quotes: %s", QUOTE_ATTEMPTS, moved);
}

bool quote_sign_message(struct tpm_device *tpm, const struct ak *ak, struct bytes message, struct arena *a, struct bytes *ret,
                        struct failure *why)
{
    struct bytes digest, ticket, encoded, raw;
    struct tpm_signature signature;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (message.len > QUOTE_MESSAGE_MAX || bytes_starts_with(message, BYTES_LIT("\xff\x54\x43\x47")))
        return failure_set(why, FAILURE_INTERNAL, "a message of %zu bytes that the attestation key cannot sign", message.len);
    if (!tpm_call(tpm, request_hash(tpm_out(tpm), DIGEST_SHA256, TPM_RH_ENDORSEMENT, message), "TPM2_Hash", &r, why))
        return false;
    if (!answer_hash(r.parameters, &digest, &ticket, &err))
        return tpm_garbled(why, "TPM2_Hash", &err);
    if (!keep(a, digest, &digest, why) || !keep(a, ticket, &ticket, why)) /* the next answer overwrites them */
        return false;
    if (!tpm_call(tpm, request_sign(tpm_out(tpm), ak_handle(ak), digest, ticket), "TPM2_Sign", &r, why))
        return false;
    if (!answer_sign(r.parameters, &encoded, &err) || !tpm_signature_decode(encoded, &signature, &err) ||
        !tpm_signature_raw(a, &signature, ak_key(ak), &raw, &err))
        return tpm_garbled(why, "TPM2_Sign", &err);
    return keep(a, raw, ret, why);
}
