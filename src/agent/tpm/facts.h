/* agent/tpm/facts.h: what kind of TPM it is and what it can take (TPM 2.0 Library Part 2 r1.59, 6.13). */
#pragma once
#include "agent/failure/failure.h"
#include "crypto/digest.h"

struct tpm_device;

struct tpm_facts {
    char manufacturer[5];      /* "IBM" for libtpms */
    char firmware[24];         /* "major.minor" of the first version word */
    uint32_t nv_index_max;     /* bytes; 2048 on libtpms */
    uint32_t nv_buffer_max;    /* bytes a single NV command moves */
    uint32_t input_buffer_max; /* bytes that TPM2_Hash takes */
    bool in_lockout;           /* after wrong passwords; quotes go on */
    uint32_t lockout_interval; /* seconds until one of them is forgotten */
    uint32_t pcr_banks[8];     /* per digest_algorithm: bit i when register i is allocated; index = enum value below 8 */
};
MUST_CHECK bool tpm_facts_ask(struct tpm_device *tpm, struct tpm_facts *ret, struct failure *why);
/* Only what changes while the TPM runs: the lock-out. */
MUST_CHECK bool tpm_facts_ask_lockout(struct tpm_device *tpm, struct tpm_facts *facts, struct failure *why);
