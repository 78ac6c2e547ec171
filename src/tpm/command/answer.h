/* tpm/command/answer.h: the parameters of responses, one reader for each command that answers something; commands without one have none.
 *
 * TPM 2.0 Library Part 3 r1.59. Each takes the whole of struct tpm_response's `parameters`; nothing may be left over. Views live as long as
 * the message. What a TPM says is hostile, too: an emulator or a resource manager may be anybody's. */
#pragma once
#include "tpm/command/request.h"
#include "tpm/signature.h"

enum { ANSWER_HANDLES_MAX = 254, ANSWER_PROPERTIES_MAX = 127 }; /* MAX_CAP_HANDLES, MAX_TPM_PROPERTIES: what 1024 bytes hold */

/* TPM2_GetCapability in the forms we ask for. A list of another kind than `wanted` is refused. */
struct answer_handles {
    bool more;
    size_t n;
    uint32_t handle[ANSWER_HANDLES_MAX];
};
struct answer_properties {
    bool more;
    size_t n;
    struct {
        uint32_t property, value;
    } item[ANSWER_PROPERTIES_MAX];
};
MUST_CHECK bool answer_handles(struct bytes parameters, struct answer_handles *ret, struct err *err);
MUST_CHECK bool answer_properties(struct bytes parameters, struct answer_properties *ret, struct err *err);
MUST_CHECK bool answer_pcr_banks(struct bytes parameters, struct pcr_selection *ret, struct err *err);

/* One TPM2B and nothing else: GetRandom, NV_Read, RSA_Decrypt, PolicyGetDigest, ActivateCredential; StartAuthSession's nonce. */
MUST_CHECK bool answer_2b(struct bytes parameters, struct bytes *ret, struct err *err);
MUST_CHECK bool answer_nothing(struct bytes parameters, struct err *err);

MUST_CHECK bool answer_test_result(struct bytes parameters, uint32_t *ret_rc, struct err *err);
MUST_CHECK bool answer_read_clock(struct bytes parameters, struct tpm_clock_info *ret, struct err *err);

/* *ret_public_2b: the TPM2B_PUBLIC with its size field; decode it with tpm/public.h. The Name that came along is compared with the public area:
 * ERR_MALFORMED where it is of another one. */
MUST_CHECK bool answer_read_public(struct bytes parameters, struct bytes *ret_public_2b, struct bytes *ret_qualified_name, struct err *err);
MUST_CHECK bool answer_create_primary(struct bytes parameters, struct bytes *ret_public_2b, struct err *err);
/* *ret_context: the whole TPMS_CONTEXT (Part 2, 14.5). */
MUST_CHECK bool answer_context_save(struct bytes parameters, struct bytes *ret_context, struct err *err);
MUST_CHECK bool answer_nv_read_public(struct bytes parameters, struct nv_public *ret, struct err *err);

/* *ret_values: as many digests as *ret_selection has registers (of its single bank), in ascending order. */
struct answer_pcrs {
    struct pcr_selection selection;
    size_t n;
    struct bytes value[LIMIT_PCRS];
};
MUST_CHECK bool answer_pcr_read(struct bytes parameters, struct answer_pcrs *ret, struct err *err);

/* TPM2_Quote and TPM2_Certify: a TPMS_ATTEST without its size and the whole TPMT_SIGNATURE. */
MUST_CHECK bool answer_attest(struct bytes parameters, struct bytes *ret_attest, struct bytes *ret_signature, struct err *err);
MUST_CHECK bool answer_sign(struct bytes parameters, struct bytes *ret_signature, struct err *err); /* TPMT_SIGNATURE */
MUST_CHECK bool answer_hash(struct bytes parameters, struct bytes *ret_digest, struct bytes *ret_ticket, struct err *err);
