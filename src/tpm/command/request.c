#include "tpm/command/request.h"

static const uint32_t password[] = { TPM_RS_PASSWORD, TPM_RS_PASSWORD };

static void begin(struct writer *w, enum tpm_command_code code, uint32_t first, uint32_t second)
{
    const uint32_t handles[TPM_HANDLES_MAX] = { first, second };

    tpm_command_begin(w, code, handles, password);
}

static bool with_u16(struct writer *w, enum tpm_command_code code, uint16_t value)
{
    begin(w, code, 0, 0);
    write_u16be(w, value);
    return tpm_command_end(w);
}

bool request_startup(struct writer *w, enum tpm_startup type) { return with_u16(w, TPM_CC_Startup, (uint16_t)type); }

bool request_shutdown(struct writer *w, enum tpm_startup type) { return with_u16(w, TPM_CC_Shutdown, (uint16_t)type); }

bool request_self_test(struct writer *w, bool full)
{
    begin(w, TPM_CC_SelfTest, 0, 0);
    write_u8(w, full);
    return tpm_command_end(w);
}

static bool bare(struct writer *w, enum tpm_command_code code, uint32_t first, uint32_t second)
{
    begin(w, code, first, second);
    return tpm_command_end(w);
}

bool request_get_test_result(struct writer *w) { return bare(w, TPM_CC_GetTestResult, 0, 0); }

bool request_get_capability(struct writer *w, enum tpm_capability capability, uint32_t first, uint32_t n)
{
    begin(w, TPM_CC_GetCapability, 0, 0);
    write_u32be(w, capability);
    write_u32be(w, first);
    write_u32be(w, n);
    return tpm_command_end(w);
}

bool request_read_clock(struct writer *w) { return bare(w, TPM_CC_ReadClock, 0, 0); }

bool request_get_random(struct writer *w, uint16_t n) { return with_u16(w, TPM_CC_GetRandom, n); }

bool request_clear(struct writer *w, uint32_t authority) { return bare(w, TPM_CC_Clear, authority, 0); }

/* Objects. */

bool request_read_public(struct writer *w, uint32_t object) { return bare(w, TPM_CC_ReadPublic, object, 0); }

bool request_create_primary(struct writer *w, uint32_t hierarchy, const struct tpm_public *template)
{
    begin(w, TPM_CC_CreatePrimary, hierarchy, 0);
    write_u16be(w, 4); /* TPM2B_SENSITIVE_CREATE: */
    write_u16be(w, 0); /*   no password, */
    write_u16be(w, 0); /*   no data of ours */
    tpm_public_encode_2b(w, template);
    write_u16be(w, 0); /* outsideInfo */
    write_u32be(w, 0); /* creationPCR: none */
    return tpm_command_end(w);
}

bool request_evict_control(struct writer *w, uint32_t object, uint32_t persistent)
{
    begin(w, TPM_CC_EvictControl, TPM_RH_OWNER, object);
    write_u32be(w, persistent);
    return tpm_command_end(w);
}

bool request_flush_context(struct writer *w, uint32_t handle)
{
    begin(w, TPM_CC_FlushContext, 0, 0);
    write_u32be(w, handle); /* a parameter, oddly: Part 3, 28.4 */
    return tpm_command_end(w);
}

bool request_context_save(struct writer *w, uint32_t object) { return bare(w, TPM_CC_ContextSave, object, 0); }

bool request_context_load(struct writer *w, struct bytes context)
{
    begin(w, TPM_CC_ContextLoad, 0, 0);
    write_bytes(w, context);
    return tpm_command_end(w);
}

/* NV. */

bool request_nv_read_public(struct writer *w, uint32_t index) { return bare(w, TPM_CC_NV_ReadPublic, index, 0); }

bool request_nv_read(struct writer *w, uint32_t authority, uint32_t index, uint16_t offset, uint16_t len)
{
    begin(w, TPM_CC_NV_Read, authority, index);
    write_u16be(w, len);
    write_u16be(w, offset);
    return tpm_command_end(w);
}

bool request_nv_define(struct writer *w, const struct nv_public *pub)
{
    enum { FIXED_LEN = 14 };

    begin(w, TPM_CC_NV_DefineSpace, TPM_RH_OWNER, 0);
    write_u16be(w, 0); /* its password: none */
    write_u16be(w, (uint16_t)(FIXED_LEN + pub->policy.len));
    write_u32be(w, pub->index);
    write_u16be(w, digest_tpm_id(pub->name_algorithm));
    write_u32be(w, pub->attributes);
    write_u16be_prefixed(w, pub->policy);
    write_u16be(w, pub->size);
    return tpm_command_end(w);
}

bool request_nv_undefine(struct writer *w, uint32_t index) { return bare(w, TPM_CC_NV_UndefineSpace, TPM_RH_OWNER, index); }

bool request_nv_write(struct writer *w, uint32_t index, uint16_t offset, struct bytes data)
{
    begin(w, TPM_CC_NV_Write, TPM_RH_OWNER, index);
    write_u16be_prefixed(w, data);
    write_u16be(w, offset);
    return tpm_command_end(w);
}

/* Registers. */

bool request_pcr_read(struct writer *w, const struct pcr_selection *selection)
{
    begin(w, TPM_CC_PCR_Read, 0, 0);
    write_pcr_selection(w, selection);
    return tpm_command_end(w);
}

bool request_pcr_extend(struct writer *w, unsigned pcr, const struct digest *with)
{
    begin(w, TPM_CC_PCR_Extend, pcr, 0);
    write_u32be(w, 1);
    write_u16be(w, digest_tpm_id(with->algorithm));
    write_bytes(w, digest_bytes(with));
    return tpm_command_end(w);
}

/* Signing. */

bool request_quote(struct writer *w, uint32_t key, struct bytes qualifying, const struct pcr_selection *selection)
{
    begin(w, TPM_CC_Quote, key, 0);
    write_u16be_prefixed(w, qualifying);
    write_u16be(w, TPM_ALG_NULL);
    write_pcr_selection(w, selection);
    return tpm_command_end(w);
}

bool request_certify(struct writer *w, uint32_t object, uint32_t key, struct bytes qualifying)
{
    begin(w, TPM_CC_Certify, object, key);
    write_u16be_prefixed(w, qualifying);
    write_u16be(w, TPM_ALG_NULL);
    return tpm_command_end(w);
}

bool request_hash(struct writer *w, enum digest_algorithm algorithm, uint32_t hierarchy, struct bytes data)
{
    begin(w, TPM_CC_Hash, 0, 0);
    write_u16be_prefixed(w, data);
    write_u16be(w, digest_tpm_id(algorithm));
    write_u32be(w, hierarchy);
    return tpm_command_end(w);
}

bool request_sign(struct writer *w, uint32_t key, struct bytes digest, struct bytes ticket)
{
    begin(w, TPM_CC_Sign, key, 0);
    write_u16be_prefixed(w, digest);
    write_u16be(w, TPM_ALG_NULL);
    write_bytes(w, ticket);
    return tpm_command_end(w);
}

/* Policy sessions. */

bool request_start_policy_session(struct writer *w, enum digest_algorithm algorithm, const uint8_t nonce[static 16])
{
    enum { SE_POLICY = 1, NONCE_LEN = 16 };

    begin(w, TPM_CC_StartAuthSession, TPM_RH_NULL, TPM_RH_NULL); /* neither salted nor bound */
    write_u16be_prefixed(w, (struct bytes){ nonce, NONCE_LEN });
    write_u16be(w, 0);
    write_u8(w, SE_POLICY);
    write_u16be(w, TPM_ALG_NULL); /* no parameter encryption */
    write_u16be(w, digest_tpm_id(algorithm));
    return tpm_command_end(w);
}

bool request_policy_secret(struct writer *w, uint32_t authority, uint32_t session)
{
    begin(w, TPM_CC_PolicySecret, authority, session);
    write_u16be(w, 0); /* nonceTPM */
    write_u16be(w, 0); /* cpHashA */
    write_u16be(w, 0); /* policyRef */
    write_u32be(w, 0); /* expiration: none */
    return tpm_command_end(w);
}

bool request_policy_pcr(struct writer *w, uint32_t session, struct bytes digest, const struct pcr_selection *selection)
{
    begin(w, TPM_CC_PolicyPCR, session, 0);
    write_u16be_prefixed(w, digest);
    write_pcr_selection(w, selection);
    return tpm_command_end(w);
}

bool request_policy_or(struct writer *w, uint32_t session, const struct bytes *branches, size_t n)
{
    begin(w, TPM_CC_PolicyOR, session, 0);
    write_u32be(w, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        write_u16be_prefixed(w, branches[i]);
    return tpm_command_end(w);
}

bool request_policy_get_digest(struct writer *w, uint32_t session) { return bare(w, TPM_CC_PolicyGetDigest, session, 0); }

bool request_activate_credential(struct writer *w, uint32_t object, uint32_t key, uint32_t session, struct bytes id_object_2b,
                                 struct bytes encrypted_secret_2b)
{
    const uint32_t handles[] = { object, key }, sessions[] = { TPM_RS_PASSWORD, session };

    tpm_command_begin(w, TPM_CC_ActivateCredential, handles, sessions);
    write_bytes(w, id_object_2b);
    write_bytes(w, encrypted_secret_2b);
    return tpm_command_end(w);
}

bool request_rsa_decrypt_rsaes(struct writer *w, uint32_t key, uint32_t session, struct bytes cipher_text)
{
    tpm_command_begin(w, TPM_CC_RSA_Decrypt, &key, &session);
    write_u16be_prefixed(w, cipher_text);
    write_u16be(w, TPM_ALG_RSAES);
    write_u16be(w, 0); /* label */
    return tpm_command_end(w);
}
