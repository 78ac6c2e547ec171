/* tpm/command/request.h: the commands we send, one writer each; every one writes a whole message into `w`, what stood there before is gone.
 *
 * TPM 2.0 Library Part 3 r1.59. False: it does not fit into a message, or there is no memory. Handles and passwords: tpm/command/command.h.
 * Every authorisation is the empty password unless a `session` parameter says otherwise. */
#pragma once
#include "tpm/attest.h"
#include "tpm/command/command.h"
#include "tpm/public.h"

enum tpm_capability { TPM_CAP_HANDLES = 1, TPM_CAP_PCRS = 5, TPM_CAP_TPM_PROPERTIES = 6 };
enum tpm_startup { TPM_SU_CLEAR = 0, TPM_SU_STATE = 1 };

/* State of the TPM itself. */
MUST_CHECK bool request_startup(struct writer *w, enum tpm_startup type);
MUST_CHECK bool request_shutdown(struct writer *w, enum tpm_startup type);
MUST_CHECK bool request_self_test(struct writer *w, bool full);
MUST_CHECK bool request_get_test_result(struct writer *w);
MUST_CHECK bool request_get_capability(struct writer *w, enum tpm_capability capability, uint32_t first, uint32_t n);
MUST_CHECK bool request_read_clock(struct writer *w);
MUST_CHECK bool request_get_random(struct writer *w, uint16_t n);
MUST_CHECK bool request_clear(struct writer *w, uint32_t authority);

/* Objects. */
MUST_CHECK bool request_read_public(struct writer *w, uint32_t object);
MUST_CHECK bool request_create_primary(struct writer *w, uint32_t hierarchy, const struct tpm_public *template);
MUST_CHECK bool request_evict_control(struct writer *w, uint32_t object, uint32_t persistent); /* with the owner's authorisation */
MUST_CHECK bool request_flush_context(struct writer *w, uint32_t handle);
/* A transient object as only this TPM can read it, until its next reset; `context`: what answer_context_save() gave. */
MUST_CHECK bool request_context_save(struct writer *w, uint32_t object);
MUST_CHECK bool request_context_load(struct writer *w, struct bytes context);

/* NV. `authority`: TPM_RH_OWNER, TPM_RH_PLATFORM or the index itself. */
struct nv_public { /* TPMS_NV_PUBLIC, Part 2, 13.5 */
    uint32_t index;
    enum digest_algorithm name_algorithm;
    uint32_t attributes; /* enum nv_attribute */
    struct bytes policy;
    uint16_t size; /* of the content, in bytes */
};
enum nv_attribute { /* TPMA_NV, Part 2, 13.4 */
                    NV_PPWRITE = 1 << 0,
                    NV_OWNERWRITE = 1 << 1,
                    NV_AUTHWRITE = 1 << 2,
                    NV_PPREAD = 1 << 16,
                    NV_OWNERREAD = 1 << 17,
                    NV_AUTHREAD = 1 << 18,
                    NV_NO_DA = 1 << 25,
                    NV_WRITTEN = 1 << 29,
                    NV_PLATFORMCREATE = 1 << 30,
};
MUST_CHECK bool request_nv_read_public(struct writer *w, uint32_t index);
MUST_CHECK bool request_nv_read(struct writer *w, uint32_t authority, uint32_t index, uint16_t offset, uint16_t len);
MUST_CHECK bool request_nv_define(struct writer *w, const struct nv_public *pub);
MUST_CHECK bool request_nv_undefine(struct writer *w, uint32_t index);
MUST_CHECK bool request_nv_write(struct writer *w, uint32_t index, uint16_t offset, struct bytes data);

/* Registers. */
MUST_CHECK bool request_pcr_read(struct writer *w, const struct pcr_selection *selection);
MUST_CHECK bool request_pcr_extend(struct writer *w, unsigned pcr, const struct digest *with);

/* Signing, with the key's own scheme. */
MUST_CHECK bool request_quote(struct writer *w, uint32_t key, struct bytes qualifying, const struct pcr_selection *selection);
MUST_CHECK bool request_certify(struct writer *w, uint32_t object, uint32_t key, struct bytes qualifying);
MUST_CHECK bool request_hash(struct writer *w, enum digest_algorithm algorithm, uint32_t hierarchy, struct bytes data);
/* `ticket`: the TPMT_TK_HASHCHECK that TPM2_Hash gave. */
MUST_CHECK bool request_sign(struct writer *w, uint32_t key, struct bytes digest, struct bytes ticket);

/* Policy sessions. */
MUST_CHECK bool request_start_policy_session(struct writer *w, enum digest_algorithm algorithm, const uint8_t nonce[static 16]);
MUST_CHECK bool request_policy_secret(struct writer *w, uint32_t authority, uint32_t session);
MUST_CHECK bool request_policy_pcr(struct writer *w, uint32_t session, struct bytes digest, const struct pcr_selection *selection);
MUST_CHECK bool request_policy_or(struct writer *w, uint32_t session, const struct bytes *branches, size_t n);
MUST_CHECK bool request_policy_get_digest(struct writer *w, uint32_t session);
/* Both TPM2Bs whole, as the server sent them. The object's authorisation is the empty password, the key's is `session`. */
MUST_CHECK bool request_activate_credential(struct writer *w, uint32_t object, uint32_t key, uint32_t session, struct bytes id_object_2b,
                                            struct bytes encrypted_secret_2b);
MUST_CHECK bool request_rsa_decrypt_rsaes(struct writer *w, uint32_t key, uint32_t session, struct bytes cipher_text);
