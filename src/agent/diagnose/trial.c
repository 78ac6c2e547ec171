/* Trials: a quote, and an encryption key as AzureGuest wants it. Nothing of them stays in the TPM (guest-agent.md 10, Keys). */
#include "agent/diagnose/diagnose.h"
#include "agent/tpm/sealed_key.h"
#include "crypto/encrypt.h"
#include "crypto/random.h"
#include "tpm/certify.h"
#include "tpm/quote.h"

enum { NONCE_LEN = 32, SECRET_LEN = 32, FIRMWARE_PCRS = 0xff };

void diagnose_trial_quote(struct diagnosis *d, struct tpm_device *tpm, const struct ak *ak, struct diagnose_findings *ret)
{
    struct findings *findings = ARENA_NEW(d->arena, struct findings);
    uint8_t random[NONCE_LEN];
    const struct verified_quote *verified;
    struct quote_claim claim = { .form = SIGNATURE_FORM_TPMT };
    struct quote_expectations want = { .ak = ak_key(ak), .nonce = BYTES_OF(random), .required_pcr_mask = QUOTE_ALL_PCRS };
    struct failure why = FAILURE_INIT;
    struct err err = ERR_INIT;
    struct quoted quoted;
    struct checked *c;

    if (!findings || !random_bytes(random, sizeof random, &err)) {
        diagnosis_add(d, CHECK_TRIAL_QUOTE, RESULT_SKIP, "out of memory or random numbers");
        return;
    }
    findings->arena = d->arena;
    if (!quote_take(tpm, ak, QUOTE_ALL_PCRS, want.nonce, NULL, d->arena, &quoted, &why)) {
        diagnose_failed(d, CHECK_TRIAL_QUOTE, RESULT_FAIL, &why);
        return;
    }
    ret->pcrs = quoted.pcrs;
    ret->has_pcrs = true;
    claim.attest = quoted.attest;
    claim.signature = quoted.signature;
    claim.pcrs = &quoted.pcrs;
    if (!quote_verify(d->arena, &claim, &want, findings, &verified, &err)) {
        c = diagnosis_add(d, CHECK_TRIAL_QUOTE, RESULT_FAIL, "%s", err.text);
        checked_remedy(d, c, "this TPM signs what a verifier must refuse: is it one that can be trusted?");
        return;
    }
    diagnosis_add(d, CHECK_TRIAL_QUOTE, RESULT_PASS, "24 registers over a fresh nonce; signature, nonce and values hold%s",
                  quoted.attempts > 1 ? "; registers moved meanwhile" : "");
}

/* Whether the attestation key vouches for the trial key, as a verifier would look at it. */
static bool is_certified(const struct sealed_key *key, const struct ak *ak, struct arena *a, struct failure *why)
{
    uint8_t random[NONCE_LEN];
    struct certify_claim claim = { .form = SIGNATURE_FORM_RAW_RSASSA, .object = &key->known.pub };
    const struct certify_expectations want = { .ak = ak_key(ak), .nonce = BYTES_OF(random) };
    struct err err = ERR_INIT;

    if (!random_bytes(random, sizeof random, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    if (!sealed_key_certify(key, ak, want.nonce, a, &claim.attest, &claim.signature, why))
        return false;
    return certify_verify(&claim, &want, &err) ? true : failure_from(why, FAILURE_TPM_REFUSED, &err);
}

/* Encrypted here as a verifier does it, decrypted by the TPM while the registers keep their values. */
static bool comes_back(const struct sealed_key *key, struct failure *why)
{
    uint8_t secret[SECRET_LEN], cipher[ENCRYPT_RSA_MAX], plain[SEALED_PLAIN_MAX];
    struct pubkey *public CLEANUP(pubkey_free_at) = NULL;
    struct err err = ERR_INIT;
    size_t cipher_len = 0, plain_len = 0;
    bool same;

    if (!tpm_public_key(&key->known.pub, &public, &err) || !random_bytes(secret, sizeof secret, &err) ||
        !encrypt_rsa_pkcs1(public, BYTES_OF(secret), cipher, &cipher_len, &err))
        return failure_from(why, FAILURE_TPM_REFUSED, &err);
    if (!sealed_key_decrypt(key, (struct bytes){ cipher, cipher_len }, plain, &plain_len, why))
        return false;
    same = bytes_equal_ct((struct bytes){ plain, plain_len }, BYTES_OF(secret));
    wipe(plain, sizeof plain);
    wipe(secret, sizeof secret);
    return same ? true : failure_set(why, FAILURE_TOKEN_DECRYPT, "other bytes come back than were encrypted");
}

void diagnose_trial_key(struct diagnosis *d, struct tpm_device *tpm, const struct ak *ak, bool sha256_only)
{
    struct sealed_key key CLEANUP(sealed_key_flush) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct failure why = FAILURE_INIT;
    struct pcr_set pcrs;
    struct checked *c;

    if (ak_type(ak) != AK_RSA2048) {
        diagnosis_add(d, CHECK_TRIAL_KEY, RESULT_SKIP, "only AzureGuest uses such a key, and it wants an RSA attestation key");
        return;
    }
    if (quote_read_pcrs(tpm, DIGEST_SHA256, FIRMWARE_PCRS, &pcrs, &why) && sealed_key_make(tpm, &pcrs, &key, &why) &&
        is_certified(&key, ak, &a, &why) && comes_back(&key, &why)) {
        diagnosis_add(d, CHECK_TRIAL_KEY, RESULT_PASS, "certified by the attestation key; what is encrypted to it comes back (RSAES)");
        return;
    }
    if (why.id == FAILURE_PCR_BANK && !sha256_only) {
        diagnosis_add(d, CHECK_TRIAL_KEY, RESULT_SKIP, "only AzureGuest uses such a key, and it wants SHA-256 registers");
        return;
    }
    c = diagnose_failed(d, CHECK_TRIAL_KEY, RESULT_FAIL, &why);
    if (!c->remedy)
        checked_remedy(d, c, "this TPM cannot open what AzureGuest's service seals: set attest.protocol = tpm, or try another vTPM");
}
