#include "tpm/quote.h"
#include <stdio.h>
#include "tpm/key_profile.h"
#include "tpm/signature.h"

/* What the checks look at. The decoded halves are there only when their error says ERR_NONE. */
struct quote_parts {
    const struct quote_claim *claim;
    const struct quote_expectations *want;
    struct attest attest;
    struct err attest_err;
    struct tpm_signature signature;
    struct err signature_err;
};

struct verified_quote {
    struct pcr_set pcrs;
    struct attest attest; /* views into a copy of the attestation in the same arena */
    enum digest_algorithm hash;
    struct digest id;
};

static bool has_attest(const struct quote_parts *e) { return e->attest_err.code == ERR_NONE; }
static bool has_quote(const struct quote_parts *e) { return has_attest(e) && e->attest.type == TPM_ST_ATTEST_QUOTE; }
static bool has_signature(const struct quote_parts *e) { return e->signature_err.code == ERR_NONE; }
static bool always(const struct quote_parts *e UNUSED) { return true; }
static bool has_quote_and_signature(const struct quote_parts *e) { return has_quote(e) && has_signature(e); }

static bool is_well_formed(const struct quote_parts *e, struct err *err)
{
    if (!has_attest(e))
        *err = e->attest_err;
    return has_attest(e);
}

/* Part 2, 6.2: TPM_GENERATED_VALUE "differentiates TPM-generated structures from non-TPM structures"; a restricted key
 * signs nothing from outside that begins with it. */
static bool magic_is_the_tpms(const struct quote_parts *e, struct err *err)
{
    if (e->attest.magic != TPM_GENERATED)
        return err_set(err, ERR_UNTRUSTED, "begins with 0x%08x, not with TPM_GENERATED_VALUE", e->attest.magic);
    return true;
}

static bool type_is_quote(const struct quote_parts *e, struct err *err)
{
    if (e->attest.type != TPM_ST_ATTEST_QUOTE)
        return err_set(err, ERR_UNTRUSTED, "is a %s (0x%04x), not a quote", attest_type_name(e->attest.type), e->attest.type);
    return true;
}

/* attack-suite.md Q8: a key that may sign anything may have signed a forged quote. */
static bool key_attests_only(const struct quote_parts *e, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct findings reasons = { .arena = &a };

    if (!e->want->ak_public || key_profile_check(KEY_PROFILE_AK, e->want->ak_public, FINDING_AK_ATTRIBUTES, &reasons))
        return true;
    return err_set(err, ERR_UNTRUSTED, "%s", reasons.n ? reasons.items[0].text : "not an attestation key");
}

static bool algorithm_is_accepted(const struct quote_parts *e, struct err *err)
{
    if (has_signature(e))
        return tpm_signature_suits(&e->signature, e->want->ak, e->want->allow_sha1, err) &&
               (!e->want->ak_public || tpm_signature_is_of_scheme(&e->signature, &e->want->ak_public->scheme, err));
    if (e->signature_err.code != ERR_UNSUPPORTED)
        return true; /* unreadable: is_signed_by_the_ak says so */
    *err = e->signature_err;
    return false;
}

/* SHA-1 is algorithm_is_accepted()'s matter: a good signature of a weak kind is one finding, not two. */
static bool is_signed_by_the_ak(const struct quote_parts *e, struct err *err)
{
    if (has_signature(e))
        return tpm_signature_verify(&e->signature, e->want->ak, true, e->claim->attest, err);
    *err = e->signature_err;
    return false;
}

/* Exact length (attack Q7: prefixes and padding), constant time. */
static bool nonce_is_ours(const struct quote_parts *e, struct err *err)
{
    if (e->want->any_nonce || bytes_equal_ct(e->attest.extra_data, e->want->nonce))
        return true;
    if (e->attest.extra_data.len != e->want->nonce.len)
        return err_set(err, ERR_UNTRUSTED, "qualifying data has %zu bytes, the challenge %zu", e->attest.extra_data.len,
                       e->want->nonce.len);
    return err_set(err, ERR_UNTRUSTED, "qualifying data is not the challenge");
}

/* Banks that are listed without any register add nothing to the digest: a TPM lists so a bank that it does not have. */
static bool next_bank(const struct pcr_selection *selection, size_t *i)
{
    while (*i < selection->n_banks && selection->banks[*i].mask == 0)
        ++*i;
    return *i < selection->n_banks;
}

static bool selection_is_what_we_were_shown(const struct quote_parts *e, struct err *err)
{
    const struct pcr_selection *quoted = &e->attest.selection;
    struct pcr_selection shown;
    uint64_t seen = 0;
    size_t q = 0, s = 0;

    pcr_selection_of(e->claim->pcrs, &shown);
    if (!next_bank(quoted, &q))
        return err_set(err, ERR_UNTRUSTED, "the quote selects no register");
    while (next_bank(quoted, &q) && next_bank(&shown, &s)) {
        const struct pcr_selection_bank *in_quote = &quoted->banks[q++], *in_claim = &shown.banks[s++];

        if (in_quote->algorithm != in_claim->algorithm)
            return err_set(err, ERR_UNTRUSTED, "the quote selects bank 0x%04x where values of %s were sent", in_quote->hash_id,
                           digest_name(in_claim->algorithm));
        if (in_quote->mask != in_claim->mask)
            return err_set(err, ERR_UNTRUSTED, "the quote selects registers 0x%06x of bank %s; values were sent for 0x%06x", in_quote->mask,
                           digest_name(in_claim->algorithm), in_claim->mask);
        if (in_claim->algorithm == DIGEST_NONE || seen >> in_claim->algorithm & 1)
            return err_set(err, ERR_UNTRUSTED, "bank %s is selected twice or unknown", digest_name(in_claim->algorithm));
        seen |= (uint64_t)1 << in_claim->algorithm;
    }
    if (next_bank(quoted, &q))
        return err_set(err, ERR_UNTRUSTED, "the quote selects bank 0x%04x, of which no values were sent", quoted->banks[q].hash_id);
    if (next_bank(&shown, &s))
        return err_set(err, ERR_UNTRUSTED, "values of bank %s were sent, which the quote does not select",
                       digest_name(shown.banks[s].algorithm));
    return true;
}

static bool a_strong_bank_is_quoted(const struct quote_parts *e, struct err *err)
{
    const struct pcr_selection *selection = &e->attest.selection;

    for (size_t i = 0; i < selection->n_banks; i++)
        if (digest_is_strong(selection->banks[i].algorithm) && selection->banks[i].mask != 0)
            return true;
    return err_set(err, ERR_UNTRUSTED, "no register of a SHA-256 or better bank is quoted");
}

/* "0-9, 14" */
static void list_registers(uint32_t mask, char *out, size_t room)
{
    size_t n = 0;

    out[0] = '\0';
    for (unsigned first = 0; first < LIMIT_PCRS; first++) {
        unsigned last = first;
        if (!(mask >> first & 1))
            continue;
        while (last + 1 < LIMIT_PCRS && (mask >> (last + 1) & 1))
            last++;
        if (n < room)
            n += (size_t)snprintf(out + n, room - n, "%s%u", n ? ", " : "", first);
        if (last > first && n < room)
            n += (size_t)snprintf(out + n, room - n, "-%u", last);
        first = last;
    }
}

/* attestation-service.md 6.5 step 8. */
static bool required_registers_are_quoted(const struct quote_parts *e, struct err *err)
{
    const struct pcr_selection *selection = &e->attest.selection;
    uint32_t missing = e->want->required_pcr_mask;
    char required_list[96], missing_list[96];

    for (size_t i = 0; i < selection->n_banks; i++) {
        uint32_t lacking = e->want->required_pcr_mask & ~selection->banks[i].mask;

        if (!digest_is_strong(selection->banks[i].algorithm))
            continue;
        if (lacking == 0)
            return true;
        if (__builtin_popcount(lacking) < __builtin_popcount(missing))
            missing = lacking;
    }
    if (missing == 0)
        return true;
    list_registers(e->want->required_pcr_mask, required_list, sizeof required_list);
    list_registers(missing, missing_list, sizeof missing_list);
    return err_set(err, ERR_UNTRUSTED, "registers %s have to be quoted together in one bank of SHA-256 or better; missing: %s",
                   required_list, missing_list);
}

/* Part 3, 18.4 TPM2_Quote: "the digest … is computed with the hash algorithm of the signing scheme". */
static bool pcr_digest_matches(const struct quote_parts *e, struct err *err)
{
    struct digest computed;

    if (!pcr_set_digest(e->claim->pcrs, e->signature.hash, &computed, err))
        return false;
    if (!bytes_equal_ct(digest_bytes(&computed), e->attest.pcr_digest))
        return err_set(err, ERR_UNTRUSTED, "the values sent do not hash to the quoted digest");
    return true;
}

/* A check that cannot run (its part of the evidence is unreadable) has not passed. */
static const struct check {
    enum finding_id id;
    bool (*can_run)(const struct quote_parts *);
    bool (*passes)(const struct quote_parts *, struct err *);
} checks[] = {
    { FINDING_QUOTE_MALFORMED, always, is_well_formed },
    { FINDING_QUOTE_MAGIC, has_attest, magic_is_the_tpms },
    { FINDING_QUOTE_TYPE, has_attest, type_is_quote },
    { FINDING_AK_ATTRIBUTES, always, key_attests_only },
    { FINDING_QUOTE_ALGORITHM, always, algorithm_is_accepted },
    { FINDING_QUOTE_SIGNATURE, always, is_signed_by_the_ak },
    { FINDING_QUOTE_NONCE, has_attest, nonce_is_ours },
    { FINDING_QUOTE_SELECTION, has_quote, selection_is_what_we_were_shown },
    { FINDING_QUOTE_BANK, has_quote, a_strong_bank_is_quoted },
    { FINDING_QUOTE_PCR_MISSING, has_quote, required_registers_are_quoted },
    { FINDING_QUOTE_DIGEST, has_quote_and_signature, pcr_digest_matches },
};

static void decode(struct quote_parts *e)
{
    e->attest_err = e->signature_err = ERR_INIT;
    if (!attest_decode(e->claim->attest, &e->attest, &e->attest_err))
        e->attest = (struct attest){ 0 };
    if (e->claim->form == SIGNATURE_FORM_RAW_RSASSA
            ? !tpm_signature_from_raw(e->claim->signature, DIGEST_SHA256, &e->signature, &e->signature_err)
            : !tpm_signature_decode(e->claim->signature, &e->signature, &e->signature_err))
        e->signature = (struct tpm_signature){ 0 };
}

/* Runs every row; true only if each of them ran and passed. */
static bool run_checks(const struct quote_parts *e, struct findings *list, struct err *err)
{
    size_t passed = 0;
    bool reported = false;

    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct err why = ERR_INIT;

        if (!checks[i].can_run(e))
            continue;
        if (checks[i].passes(e, &why)) {
            passed++;
            continue;
        }
        findings_add(list, checks[i].id, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", why.text);
        if (!reported)
            err_set(err, ERR_UNTRUSTED, "%s: %s", finding_kind(checks[i].id)->id, why.text);
        reported = true;
    }
    return passed == ARRAY_LEN(checks);
}

static bool is_a_check(enum finding_id id)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (checks[i].id == id)
            return true;
    return false;
}

bool quote_was_raced(const struct findings *list, size_t since)
{
    bool digest_differs = false;

    for (size_t i = since; i < list->n; i++) {
        if (list->items[i].id == FINDING_QUOTE_DIGEST)
            digest_differs = true;
        else if (is_a_check(list->items[i].id))
            return false;
    }
    return digest_differs && !list->overflow;
}

/* The result must not depend on the caller's buffers: everything is copied, and read once more from the copy. */
static struct verified_quote *keep(struct arena *a, const struct quote_parts *e, struct err *err)
{
    struct verified_quote *verified = ARENA_NEW(a, struct verified_quote);
    struct bytes copy;

    if (!verified || !arena_copy(a, e->claim->attest, &copy)) {
        err_set(err, ERR_NO_MEMORY, "no memory for a quote");
        return NULL;
    }
    if (!attest_decode(copy, &verified->attest, err))
        return NULL;
    verified->pcrs = *e->claim->pcrs;
    verified->hash = e->signature.hash;
    digest_compute(DIGEST_SHA256, copy, &verified->id);
    return verified;
}

bool quote_verify(struct arena *a, const struct quote_claim *claim, const struct quote_expectations *want, struct findings *list,
                  const struct verified_quote **ret, struct err *err)
{
    struct quote_parts e = { .claim = claim, .want = want };
    const struct verified_quote *verified;
    size_t before = list->n;

    decode(&e);
    if (!run_checks(&e, list, err)) {
        if (quote_was_raced(list, before))
            list->items[before].unsettled = true;
        return false;
    }
    verified = keep(a, &e, err);
    if (!verified)
        return false;
    if (!verified->attest.clock.safe)
        findings_add(list, FINDING_QUOTE_CLOCK_UNSAFE, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "the TPM says that its clock may have stepped back");
    *ret = verified;
    return true;
}

const struct pcr_set *verified_quote_pcrs(const struct verified_quote *quote) { return &quote->pcrs; }
const struct tpm_clock_info *verified_quote_clock(const struct verified_quote *quote) { return &quote->attest.clock; }
uint64_t verified_quote_firmware_version(const struct verified_quote *quote) { return quote->attest.firmware_version; }
struct bytes verified_quote_qualified_signer(const struct verified_quote *quote) { return quote->attest.qualified_signer; }
struct bytes verified_quote_extra_data(const struct verified_quote *quote) { return quote->attest.extra_data; }
struct bytes verified_quote_pcr_digest(const struct verified_quote *quote) { return quote->attest.pcr_digest; }
enum digest_algorithm verified_quote_hash(const struct verified_quote *quote) { return quote->hash; }
const struct digest *verified_quote_id(const struct verified_quote *quote) { return &quote->id; }
