#include "attack/forged_quotes.h"
#include <stdlib.h>

enum { ALG_SHA1 = 0x0004, ALG_SM3 = 0x0012 };

static struct pcr_selection *selection(struct quote_builder *b) { return &b->attest.selection; }

static void add_bank(struct quote_builder *b, uint16_t hash_id, uint32_t mask)
{
    struct pcr_selection *s = selection(b);

    s->banks[s->n_banks++] = (struct pcr_selection_bank){
        .hash_id = hash_id, .algorithm = digest_from_tpm_id(hash_id), .select_len = LIMIT_PCRS / 8, .mask = mask
    };
}

static void put_first(struct quote_builder *b)
{
    struct pcr_selection *s = selection(b);
    struct pcr_selection_bank last = s->banks[s->n_banks - 1];

    memmove(s->banks + 1, s->banks, (s->n_banks - 1) * sizeof last);
    s->banks[0] = last;
}

/* The digest of those registers of the first bank, one list behind the other, as the TPM computes it (Part 1, 17.6). */
static void set_digest(struct quote_builder *b, struct arena *a, enum digest_algorithm hash, const uint32_t *masks, size_t n)
{
    const struct pcr_bank *bank = &b->pcrs->banks[0];
    struct bytes values[4 * LIMIT_PCRS];
    struct digest d;
    size_t n_values = 0;

    for (size_t i = 0; i < n; i++)
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (masks[i] >> pcr & 1)
                values[n_values++] = digest_bytes(&bank->value[pcr]);
    digest_compute_parts(hash, values, n_values, &d);
    if (!arena_copy(a, digest_bytes(&d), &b->attest.pcr_digest))
        abort();
}

/* ---- selections --------------------------------------------------------------------------------------------------------------- */

static void in_four_octets(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].select_len = 4; }

static void register_24(struct quote_builder *b, struct arena *a UNUSED)
{
    selection(b)->banks[0].select_len = 4;
    selection(b)->banks[0].mask |= 1u << 24;
}

static void in_one_octet(struct quote_builder *b, struct arena *a)
{
    selection(b)->banks[0].select_len = 1; /* registers 0 to 7 only, and the digest of those */
    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0xff }, 1);
}

static void in_two_octets_with_all_values(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].select_len = 2; }
static void in_no_octet(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].select_len = 0; }
static void in_five_octets(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].select_len = 5; }
static void in_255_octets(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].select_len = 255; }

static void twice(struct quote_builder *b, struct arena *a)
{
    add_bank(b, selection(b)->banks[0].hash_id, 0xffffff);
    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0xffffff, 0xffffff }, 2);
}

static void in_two_halves(struct quote_builder *b, struct arena *a)
{
    selection(b)->banks[0].mask = 0x0fff;
    add_bank(b, selection(b)->banks[0].hash_id, 0xfff000);
    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0x0fff, 0xfff000 }, 2);
}

static void halves_in_the_other_order(struct quote_builder *b, struct arena *a)
{
    in_two_halves(b, a);
    put_first(b);
    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0xfff000, 0x0fff }, 2);
}

static void register_0_once_more(struct quote_builder *b, struct arena *a)
{
    add_bank(b, selection(b)->banks[0].hash_id, 1);
    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0xffffff, 1 }, 2);
}

static void empty_sha1_behind(struct quote_builder *b, struct arena *a UNUSED) { add_bank(b, ALG_SHA1, 0); }

static void empty_banks_around(struct quote_builder *b, struct arena *a UNUSED)
{
    add_bank(b, ALG_SHA1, 0);
    put_first(b);
    add_bank(b, ALG_SM3, 0);
    add_bank(b, digest_tpm_id(DIGEST_SHA384), 0);
}

static void the_same_bank_empty(struct quote_builder *b, struct arena *a UNUSED)
{
    add_bank(b, selection(b)->banks[0].hash_id, 0);
    put_first(b);
}

static void registers_of_an_unknown_bank(struct quote_builder *b, struct arena *a UNUSED) { add_bank(b, ALG_SM3, 0xff); }
static void registers_of_a_bank_not_shown(struct quote_builder *b, struct arena *a UNUSED) { add_bank(b, digest_tpm_id(DIGEST_SHA384), 1); }
static void under_an_unknown_name(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].hash_id = 0x7fff; }
static void under_sha1s_name(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].hash_id = ALG_SHA1; }
static void no_banks(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->n_banks = 0; }
static void all_banks_empty(struct quote_builder *b, struct arena *a UNUSED) { selection(b)->banks[0].mask = 0; }

static void nothing_with_the_digest_of_nothing(struct quote_builder *b, struct arena *a)
{
    selection(b)->n_banks = 0;
    set_digest(b, a, DIGEST_SHA256, NULL, 0);
}

static void without_register_7(struct quote_builder *b, struct arena *a)
{
    selection(b)->banks[0].mask = 0xffff7f;
    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0xffff7f }, 1);
}

/* ---- digests ------------------------------------------------------------------------------------------------------------------ */

static void digest_of_another_hash(struct quote_builder *b, struct arena *a)
{
    set_digest(b, a, DIGEST_SHA384, (const uint32_t[]){ 0xffffff }, 1);
}

static void digest_in_sha1(struct quote_builder *b, struct arena *a) { set_digest(b, a, DIGEST_SHA1, (const uint32_t[]){ 0xffffff }, 1); }

static void digest_cut(struct quote_builder *b, struct arena *a)
{
    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0xffffff }, 1);
    b->attest.pcr_digest.len--;
}

static void digest_of_no_bytes(struct quote_builder *b, struct arena *a UNUSED)
{
    b->attest.pcr_digest = (struct bytes){ (const uint8_t *)"", 0 };
}

static void digest_padded(struct quote_builder *b, struct arena *a)
{
    uint8_t padded[DIGEST_MAX_LEN] = { 0 };

    set_digest(b, a, DIGEST_SHA256, (const uint32_t[]){ 0xffffff }, 1);
    memcpy(padded, b->attest.pcr_digest.data, b->attest.pcr_digest.len);
    if (!arena_copy(a, BYTES_OF(padded), &b->attest.pcr_digest))
        abort();
}

static void digest_of_65_bytes(struct quote_builder *b, struct arena *a UNUSED)
{
    static const uint8_t zeros[65];

    b->attest.pcr_digest = BYTES_OF(zeros);
}

static void digest_of_zeros(struct quote_builder *b, struct arena *a UNUSED)
{
    static const uint8_t zeros[32];

    b->attest.pcr_digest = BYTES_OF(zeros);
}

/* ---- what stands around it ---------------------------------------------------------------------------------------------------- */

static void unclean_clock(struct quote_builder *b, struct arena *a UNUSED) { b->attest.clock.safe = false; }
static void firmware_0(struct quote_builder *b, struct arena *a UNUSED) { b->attest.firmware_version = 0; }
static void firmware_of_ones(struct quote_builder *b, struct arena *a UNUSED) { b->attest.firmware_version = UINT64_MAX; }

static void counters_of_ones(struct quote_builder *b, struct arena *a UNUSED)
{
    b->attest.clock = (struct tpm_clock_info){ INT64_MAX, UINT32_MAX, UINT32_MAX, true };
}

static void counters_of_zeros(struct quote_builder *b, struct arena *a UNUSED)
{
    b->attest.clock = (struct tpm_clock_info){ 0, 0, 0, true };
}

static void signer_with_a_sha384_name(struct quote_builder *b, struct arena *a UNUSED)
{
    static const uint8_t name[50] = { 0x00, 0x0c, 1 };

    b->attest.qualified_signer = BYTES_OF(name);
}

static void signer_that_is_a_handle(struct quote_builder *b, struct arena *a UNUSED)
{
    b->attest.qualified_signer = BYTES_LIT("\x40\x00\x00\x01"); /* TPM_RH_OWNER: hierarchies have such names, keys do not */
}

static void signer_of_an_unknown_hash(struct quote_builder *b, struct arena *a UNUSED)
{
    static const uint8_t name[34] = { 0x7f, 0xff };

    b->attest.qualified_signer = BYTES_OF(name);
}

static void signer_cut(struct quote_builder *b, struct arena *a UNUSED)
{
    static const uint8_t name[33] = { 0x00, 0x0b };

    b->attest.qualified_signer = BYTES_OF(name);
}

static void certification(struct quote_builder *b, struct arena *a UNUSED)
{
    static const uint8_t name[34] = { 0x00, 0x0b };

    b->attest.type = TPM_ST_ATTEST_CERTIFY;
    b->attest.name = b->attest.qualified_name = BYTES_OF(name);
}

static void magic_of_another_order(struct quote_builder *b, struct arena *a UNUSED) { b->attest.magic = 0x474354ff; }
static void a_byte_behind(struct quote_builder *b, struct arena *a UNUSED) { b->trailing = BYTES_LIT("\0"); }
static void a_second_quote_behind(struct quote_builder *b, struct arena *a UNUSED) { b->trailing = BYTES_LIT("\xffTCG\x80\x18"); }

const struct forged_quote forged_quotes[] = {
    { "registers in four octets, as a TPM with more of them writes it", true, in_four_octets },
    { "register 24", false, register_24 },
    { "registers in one octet", false, in_one_octet },
    { "registers in two octets, and values of all", false, in_two_octets_with_all_values },
    { "registers in no octet", false, in_no_octet },
    { "registers in five octets", false, in_five_octets },
    { "registers in 255 octets", false, in_255_octets },
    { "a bank twice", false, twice },
    { "a bank in two halves", false, in_two_halves },
    { "a bank in two halves, the later one first", false, halves_in_the_other_order },
    { "register 0 once more", false, register_0_once_more },
    { "an empty bank behind", true, empty_sha1_behind },
    { "empty banks around, of an unknown hash, too", true, empty_banks_around },
    { "the same bank, empty, in front", true, the_same_bank_empty },
    { "registers of an unknown bank beside", false, registers_of_an_unknown_bank },
    { "a register of a bank of which no values were sent", false, registers_of_a_bank_not_shown },
    { "the bank under an unknown number", false, under_an_unknown_name },
    { "the bank under SHA-1's number", false, under_sha1s_name },
    { "no banks", false, no_banks },
    { "all banks empty", false, all_banks_empty },
    { "nothing, and the digest of nothing", false, nothing_with_the_digest_of_nothing },
    { "all but register 7", false, without_register_7 },
    { "the digest in another hash than the signature's", false, digest_of_another_hash },
    { "the digest in SHA-1", false, digest_in_sha1 },
    { "the digest cut by a byte", false, digest_cut },
    { "no digest", false, digest_of_no_bytes },
    { "the digest filled up with zeros", false, digest_padded },
    { "a digest longer than any hash", false, digest_of_65_bytes },
    { "a digest of zeros", false, digest_of_zeros },
    { "a clock that is not safe", true, unclean_clock },
    { "firmware version 0", true, firmware_0 },
    { "a firmware version of ones", true, firmware_of_ones },
    { "the largest counters", true, counters_of_ones },
    { "counters of a TPM that was just cleared", true, counters_of_zeros },
    { "a signer whose name is of SHA-384", true, signer_with_a_sha384_name },
    { "a signer that is a handle", false, signer_that_is_a_handle },
    { "a signer whose name is of no known hash", false, signer_of_an_unknown_hash },
    { "a signer whose name is too short", false, signer_cut },
    { "a certification", false, certification },
    { "the magic number in another byte order", false, magic_of_another_order },
    { "a byte behind the structure", false, a_byte_behind },
    { "the beginning of another structure behind it", false, a_second_quote_behind },
};
const size_t n_forged_quotes = ARRAY_LEN(forged_quotes);
