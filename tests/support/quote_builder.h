/* tests/support/quote_builder.h: a software TPM for tests: quotes and certifications signed with any key, right unless told otherwise.
 *
 * quote_builder_init makes a well-formed quote; a test changes the one field that it is about and signs. */
#pragma once
#include "crypto/privkey.h"
#include "tpm/attest.h"
#include "tpm/quote.h"

struct quote_builder {
    struct attest attest;         /* what will be written */
    const struct pcr_set *pcrs;   /* pcr_digest is made of these, unless attest.pcr_digest is set (to no bytes, too) */
    enum signature_scheme scheme; /* as the key's type wants it */
    enum digest_algorithm hash;   /* SHA-256 */
    struct bytes trailing;        /* put after the TPMS_ATTEST, and signed with it */
    enum signature_form form;
};

struct built_quote { /* both in the arena */
    struct bytes attest, signature;
};

/* Selection and digest of `pcrs`, the nonce, TPM_GENERATED, clock 100 000 ms, reset 7, restart 3, safe, firmware 0x20191023. */
void quote_builder_init(struct quote_builder *b, const struct privkey *key, const struct pcr_set *pcrs, struct bytes nonce);
/* The same for TPM2_Certify of the object named `name`. */
void quote_builder_init_certify(struct quote_builder *b, const struct privkey *key, struct bytes name, struct bytes nonce);
MUST_CHECK bool quote_builder_sign(struct arena *a, const struct quote_builder *b, const struct privkey *key, struct built_quote *ret,
                                   struct err *err);

/* Adds a bank whose register i holds H(byte i), for every i in `mask`. */
void pcr_set_add_test_bank(struct pcr_set *set, enum digest_algorithm algorithm, uint32_t mask);
