/* A quote and its signature, both the guest's: u16be length, TPMS_ATTEST, then the TPMT_SIGNATURE. */
#include "crypto/privkey.h"
#include "fuzz.h"
#include "tpm/attest.h"
#include "tpm/certify.h"
#include "tpm/key_template.h"
#include "tpm/quote.h"
#include "tpm/signature.h"

/* Findings: their texts quote what was sent. */
enum { BYTES_PER_BYTE = 32, FIXED = 32 * 1024 };

/* Nobody has the private half any more: nothing here can verify. */
static const struct pubkey *lost_key(void)
{
    static struct pubkey *key;
    struct err err = ERR_INIT;

    if (!key) {
        struct privkey *made = NULL;

        ENSURE(privkey_generate(PRIVKEY_P256, &made, &err));
        ENSURE(pubkey_from_ec(CURVE_P256, pubkey_ec_x(privkey_public(made)), pubkey_ec_y(privkey_public(made)), &key, &err));
        privkey_free(made);
    }
    return key;
}

static void check_attest(struct bytes input, const uint8_t *data, size_t size)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct err err = ERR_INIT;
    struct attest attest;

    if (!attest_decode(input, &attest, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0] != '\0');
        return;
    }
    ENSURE(lies_within(attest.qualified_signer, data, size) && lies_within(attest.extra_data, data, size));
    ENSURE(lies_within(attest.pcr_digest, data, size) && lies_within(attest.other, data, size));
    ENSURE(lies_within(attest.name, data, size) && lies_within(attest.qualified_name, data, size));
    ENSURE(attest.selection.n_banks <= LIMIT_PCR_BANKS);
    attest_encode(&w, &attest);
    ENSURE(writer_ok(&w) && bytes_equal(writer_bytes(&w), input));
}

static void check_signature(struct bytes input, const uint8_t *data, size_t size)
{
    CLEANUP(writer_done) struct writer w = { 0 };
    struct err err = ERR_INIT;
    struct tpm_signature sig;

    if (!tpm_signature_decode(input, &sig, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0] != '\0');
        return;
    }
    ENSURE(lies_within(sig.rsa, data, size) && lies_within(sig.r, data, size) && lies_within(sig.s, data, size));
    tpm_signature_encode(&w, &sig);
    ENSURE(writer_ok(&w) && bytes_equal(writer_bytes(&w), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct reader r = reader_over((struct bytes){ data, size });
    struct findings list = { .arena = &a };
    const struct verified_quote *verified = NULL;
    struct pcr_set pcrs = { .n_banks = 1, .banks = { { .algorithm = DIGEST_SHA256, .present = 0xff } } };
    struct quote_claim claim = { .pcrs = &pcrs };
    struct quote_expectations want = { .ak = lost_key(), .any_nonce = true };
    struct certify_expectations certified = { .ak = lost_key(), .any_nonce = true };
    struct err err = ERR_INIT;
    struct tpm_public object;

    arena_reset(&a);
    if (!read_u16be_prefixed(&r, &claim.attest))
        return 0;
    claim.signature = read_rest(&r);
    check_attest(claim.attest, data, size);
    check_signature(claim.signature, data, size);
    ENSURE(!quote_verify(&a, &claim, &want, &list, &verified, &err));
    ENSURE(verified == NULL && list.n > 0 && err.code == ERR_UNTRUSTED);
    err = ERR_INIT;
    sealing_template(BYTES_NONE, &object);
    ENSURE(!certify_verify(&(struct certify_claim){ claim.attest, claim.signature, SIGNATURE_FORM_TPMT, &object }, &certified, &err));
    ENSURE(err.code != ERR_NONE);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
