#include "support/quote_builder.h"
#include "tpm/signature.h"

/* Any well-formed Name will do: nothing but a TPM could recompute a qualified one. */
static const uint8_t some_name[34] = { 0x00, 0x0b, 0x5e, 0x1f };

static void init_common(struct quote_builder *b, const struct privkey *key, uint16_t type, struct bytes nonce)
{
    *b = (struct quote_builder){
        .attest = {
            .magic = TPM_GENERATED,
            .type = type,
            .qualified_signer = BYTES_OF(some_name),
            .extra_data = nonce,
            .clock = { .clock_ms = 100000, .reset_count = 7, .restart_count = 3, .safe = true },
            .firmware_version = 0x20191023,
        },
        .scheme = pubkey_type(privkey_public(key)) == KEY_RSA ? SIGNATURE_RSASSA : SIGNATURE_ECDSA,
        .hash = DIGEST_SHA256,
    };
}

void quote_builder_init(struct quote_builder *b, const struct privkey *key, const struct pcr_set *pcrs, struct bytes nonce)
{
    init_common(b, key, TPM_ST_ATTEST_QUOTE, nonce);
    b->pcrs = pcrs;
    pcr_selection_of(pcrs, &b->attest.selection);
}

void quote_builder_init_certify(struct quote_builder *b, const struct privkey *key, struct bytes name, struct bytes nonce)
{
    init_common(b, key, TPM_ST_ATTEST_CERTIFY, nonce);
    b->attest.name = name;
    b->attest.qualified_name = BYTES_OF(some_name);
}

static bool put_signature(struct arena *a, const struct quote_builder *b, struct bytes raw, struct bytes *ret)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct tpm_signature sig = { .scheme = b->scheme, .hash = b->hash };

    if (b->form == SIGNATURE_FORM_RAW_RSASSA)
        return arena_copy(a, raw, ret);
    if (b->scheme == SIGNATURE_ECDSA) {
        sig.r = bytes_slice(raw, 0, raw.len / 2);
        sig.s = bytes_slice(raw, raw.len / 2, raw.len / 2);
    } else {
        sig.rsa = raw;
    }
    tpm_signature_encode(&w, &sig);
    return writer_ok(&w) && arena_copy(a, writer_bytes(&w), ret);
}

bool quote_builder_sign(struct arena *a, const struct quote_builder *b, const struct privkey *key, struct built_quote *ret, struct err *err)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    uint8_t raw[PRIVKEY_SIGNATURE_MAX];
    struct attest attest = b->attest;
    struct digest pcr_digest;
    size_t raw_len;

    if (b->pcrs && !attest.pcr_digest.data) {
        if (!pcr_set_digest(b->pcrs, b->hash, &pcr_digest, err))
            return false;
        attest.pcr_digest = digest_bytes(&pcr_digest);
    }
    attest_encode(&w, &attest);
    write_bytes(&w, b->trailing);
    if (!privkey_sign(key, b->scheme, b->hash, writer_bytes(&w), raw, &raw_len, err))
        return false;
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), &ret->attest) ||
        !put_signature(a, b, (struct bytes){ raw, raw_len }, &ret->signature))
        return err_set(err, ERR_NO_MEMORY, "no memory for a quote");
    return true;
}

void pcr_set_add_test_bank(struct pcr_set *set, enum digest_algorithm algorithm, uint32_t mask)
{
    struct pcr_bank *bank = &set->banks[set->n_banks++];

    *bank = (struct pcr_bank){ .algorithm = algorithm, .present = mask };
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        uint8_t index = (uint8_t)pcr;

        if (mask >> pcr & 1)
            digest_compute(algorithm, (struct bytes){ &index, 1 }, &bank->value[pcr]);
    }
}
