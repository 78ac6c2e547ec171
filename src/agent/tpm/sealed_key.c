#include "agent/tpm/sealed_key.h"
#include "tpm/key_template.h"
#include "tpm/policy_digest.h"

bool sealed_key_make(struct tpm_device *tpm, const struct pcr_set *pcrs, struct sealed_key *ret, struct failure *why)
{
    struct tpm_public template;
    struct digest policy;
    struct err err = ERR_INIT;

    *ret = (struct sealed_key){ .tpm = tpm, .pcrs = *pcrs };
    if (!policy_pcr_digest(DIGEST_SHA256, pcrs, &policy, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    sealing_template(digest_bytes(&policy), &template);
    return tpm_create_primary(tpm, TPM_RH_NULL, &template, "making the ephemeral key", &ret->handle, &ret->known, why);
}

void sealed_key_flush(struct sealed_key *key)
{
    if (key->handle)
        tpm_flush(key->tpm, &key->handle);
}

struct bytes sealed_key_public_2b(const struct sealed_key *key) { return (struct bytes){ key->known.encoded, key->known.encoded_len }; }

bool sealed_key_certify(const struct sealed_key *key, const struct ak *ak, struct bytes qualifying, struct arena *a,
                        struct bytes *ret_attest, struct bytes *ret_signature, struct failure *why)
{
    static const char what[] = "TPM2_Certify";
    struct bytes attest, encoded;
    struct tpm_signature signature;
    struct tpm_response r;
    struct err err = ERR_INIT;

    if (!tpm_call(key->tpm, request_certify(tpm_out(key->tpm), key->handle, ak_handle(ak), qualifying), what, &r, why))
        return false;
    if (!answer_attest(r.parameters, &attest, &encoded, &err) || !tpm_signature_decode(encoded, &signature, &err))
        return tpm_garbled(why, what, &err);
    if (signature.scheme != SIGNATURE_RSASSA)
        return failure_set(why, FAILURE_AK_REPLACED, "%s: AzureGuest wants an RSASSA signature", what);
    return arena_copy(a, attest, ret_attest) && arena_copy(a, signature.rsa, ret_signature)
               ? true
               : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}

/* 2.9: what says that the state is no longer the one the key was made in. */
static bool state_moved(uint32_t rc)
{
    uint32_t own = tpm_rc_own(rc);

    return own == TPM_RC_PCR_CHANGED || tpm_rc_base(rc) == TPM_RC_POLICY_FAIL || tpm_rc_base(rc) == TPM_RC_HANDLE ||
           (own >= TPM_RC_REFERENCE_H0 && own < TPM_RC_REFERENCE_H0 + 15);
}

static enum failure_id decryption_failure(struct tpm_device *tpm, uint32_t rc)
{
    enum failure_id usual = tpm_rc_failure(rc);

    if (state_moved(rc))
        return FAILURE_PCR_CHANGED;
    return usual == FAILURE_TPM_REFUSED || (tpm_rc_own(rc) == TPM_RC_FAILURE && tpm_still_works(tpm)) ? FAILURE_TOKEN_DECRYPT : usual;
}

/* 9.3: registers that are not the policy's are told by this command (VALUE of its digest), too. */
static bool satisfy_policy(const struct sealed_key *key, uint32_t session, const struct pcr_selection *selection, struct failure *why)
{
    if (tpm_call(key->tpm, request_policy_pcr(tpm_out(key->tpm), session, BYTES_NONE, selection), "TPM2_PolicyPCR", NULL, why))
        return true;
    if (state_moved(why->tpm_rc) || tpm_rc_own(why->tpm_rc) == (TPM_RC_VALUE | TPM_RC_P(1)))
        why->id = FAILURE_PCR_CHANGED;
    return false;
}

static bool decrypt_in(const struct sealed_key *key, uint32_t session, struct bytes cipher, uint8_t ret_plain[static SEALED_PLAIN_MAX],
                       size_t *ret_len, struct failure *why)
{
    static const char what[] = "TPM2_RSA_Decrypt";
    struct pcr_selection selection;
    struct bytes plain;
    struct tpm_response r;
    struct err err = ERR_INIT;

    pcr_selection_of(&key->pcrs, &selection);
    if (!satisfy_policy(key, session, &selection, why) ||
        !tpm_try(key->tpm, request_rsa_decrypt_rsaes(tpm_out(key->tpm), key->handle, session, cipher), &r, why))
        return false;
    if (r.rc != TPM_RC_SUCCESS) {
        tpm_refused(why, what, r.rc);
        why->id = decryption_failure(key->tpm, r.rc);
        if (why->id == FAILURE_TOKEN_DECRYPT) /* libtpms says "failure mode" of a wrong padding, and goes on */
            failure_record(
                why, FAILURE_TOKEN_DECRYPT,
                "the inner key of %zu bytes does not open (%s answers 0x%x): it was sealed for another key, or changed on its way",
                cipher.len, what, r.rc);
        return false;
    }
    if (!answer_2b(r.parameters, &plain, &err))
        return tpm_garbled(why, what, &err);
    if (plain.len > SEALED_PLAIN_MAX)
        return failure_set(why, FAILURE_TOKEN_DECRYPT, "%s: %zu bytes come out", what, plain.len);
    memcpy(ret_plain, plain.data, plain.len);
    *ret_len = plain.len;
    return true;
}

bool sealed_key_decrypt(const struct sealed_key *key, struct bytes cipher, uint8_t ret_plain[static SEALED_PLAIN_MAX], size_t *ret_len,
                        struct failure *why)
{
    uint32_t session = 0;
    bool done;

    if (!tpm_start_policy(key->tpm, DIGEST_SHA256, &session, why))
        return false;
    done = decrypt_in(key, session, cipher, ret_plain, ret_len, why);
    tpm_flush(key->tpm, &session);
    return done;
}
