/* tpm/attest.h: reading what a TPM says it signed. Everything here is a claim: tpm/quote.h and tpm/certify.h decide.
 *
 * TPM 2.0 Library Part 2 r1.59: 10.12.12 TPMS_ATTEST, 10.12.1–10.12.9, 10.11.1 TPMS_CLOCK_INFO, 10.9.7 TPML_PCR_SELECTION. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/digest.h"
#include "crypto/pcr.h"
#include "tpm/ids.h"

struct tpm_clock_info {
    uint64_t clock_ms;
    uint32_t reset_count, restart_count;
    bool safe; /* the clock has not stepped back */
};

struct pcr_selection_bank {
    uint16_t hash_id;                /* TPM_ALG_ID as it stood there */
    enum digest_algorithm algorithm; /* DIGEST_NONE for what we do not know */
    uint8_t select_len;              /* bytes of the bitmap, 0–4 */
    uint32_t mask;                   /* bit i: register i; below 1 << LIMIT_PCRS */
};

struct pcr_selection {
    size_t n_banks;
    struct pcr_selection_bank banks[LIMIT_PCR_BANKS];
};

struct attest {
    uint32_t magic;                /* recorded, not judged here */
    uint16_t type;                 /* TPM_ST_ATTEST_…; recorded, not judged here */
    struct bytes qualified_signer; /* a Name, or empty */
    struct bytes extra_data;       /* qualifying data, at most LIMIT_NONCE_BYTES + 2 */
    struct tpm_clock_info clock;
    uint64_t firmware_version;
    struct pcr_selection selection; /* QUOTE */
    struct bytes pcr_digest;        /* QUOTE */
    struct bytes name;              /* CERTIFY: the object's Name */
    struct bytes qualified_name;    /* CERTIFY */
    struct bytes other;             /* any other type: what follows, unread */
};

/* attest_decode takes the whole input (a TPMS_ATTEST without size prefix). A quote or a certification must fill it exactly;
 * of other types only the common part is read. Views live as long as the input. */
MUST_CHECK bool attest_decode(struct bytes tpms_attest, struct attest *ret, struct err *err);
/* attest_encode is its mirror image; the TPM emulation in tests uses it. */
void attest_encode(struct writer *w, const struct attest *attest);

MUST_CHECK bool read_pcr_selection(struct reader *r, struct pcr_selection *ret, struct err *err);
void write_pcr_selection(struct writer *w, const struct pcr_selection *selection);
/* The selection of exactly these registers: one bank for each of the set's, in its order, bitmaps of three bytes. */
void pcr_selection_of(const struct pcr_set *set, struct pcr_selection *ret);
/* H(concat of the values, bank by bank in the set's order, ascending index): what a TPM puts into pcrDigest. */
MUST_CHECK bool pcr_set_digest(const struct pcr_set *set, enum digest_algorithm hash, struct digest *ret, struct err *err);

const char *attest_type_name(uint16_t type); /* "quote", "certification", …; "unknown structure" */
