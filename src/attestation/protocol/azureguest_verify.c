#include "attestation/protocol/azureguest_verify.h"
#include "appraise/refusal.h"
#include "tpm/certify.h"
#include "tpm/key_profile.h"
#include "tpm/policy_digest.h"
#include "x509/ak_cert.h"
#include "x509/chain.h"

enum { REGISTERS_REQUIRED = 0xff /* 7.2: any set that contains 0–7 */ };

struct verifying {
    struct arena *a;
    const struct azureguest_checks *checks;
    struct azureguest_evidence *ret;
};

static void refuse(struct verifying *v, enum finding_id id, const char *text)
{
    findings_add(&v->ret->findings, id, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", text);
}

/* ---- 7.4 step 2: the attestation key ---- */

static void chain_to_root(struct verifying *v)
{
    const struct chain_options options = {
        .purpose = CHAIN_CLOUD_AK, .now_ms = v->checks->now_ms, .skew_ms = CHAIN_CLOCK_SKEW_MS, .pins_have_no_dates = true
    };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;
    struct err why = ERR_INIT;

    v->ret->ak_trusted = chain_verify(v->checks->ak_roots, v->ret->ak_cert, NULL, 0, &options, &chain, &why) &&
                         (!v->checks->counts || v->checks->counts(v->checks->context, v->a, v->ret->ak_cert, &why));
    if (!v->ret->ak_trusted)
        refuse(v, FINDING_AK_UNTRUSTED,
               ak_cert_is_placeholder(v->ret->ak_cert) ? "AikCert is the platform's placeholder: the attestation key has no certificate yet"
                                                       : why.text);
}

static bool check_key(struct verifying *v, struct err *err)
{
    const struct azureguest_message *m = &v->ret->message;

    if (!tpm_public_key(&m->ak, &v->ret->ak, err))
        return err_within(err, "AikPub");
    if (m->aik_cert.len == 0 && !v->checks->ak_vouched) {
        refuse(v, FINDING_AK_UNTRUSTED, "AikCert is missing: nobody vouches for the attestation key");
        return true;
    }
    v->ret->ak_trusted = v->checks->ak_vouched;
    if (m->aik_cert.len > 0 && !cert_parse(m->aik_cert, &v->ret->ak_cert, err))
        return err_within(err, "AikCert");
    if (v->ret->ak_cert && (!v->ret->ak_cert->key || !pubkey_equal(v->ret->ak_cert->key, v->ret->ak)))
        refuse(v, FINDING_AK_PUBLIC, "AikPub is another key than AikCert's");
    if (!key_profile_check(KEY_PROFILE_AK, &m->ak, FINDING_AK_ATTRIBUTES, &v->ret->findings))
        return true;
    if (!v->checks->ak_vouched)
        chain_to_root(v);
    return true;
}

/* ---- step 3 and 6: quote and log ---- */

static bool appraise_evidence(struct verifying *v, struct err *err)
{
    const struct azureguest_message *m = &v->ret->message;
    const struct appraise_request request = { .evidence = &m->evidence,
                                              .form = SIGNATURE_FORM_RAW_RSASSA,
                                              .ak = v->ret->ak,
                                              .ak_trusted = v->ret->ak_trusted,
                                              .any_nonce = true,
                                              .no_policy_needed = true, /* it speaks of other claims, and runs later */
                                              .required_pcr_mask = m->pcr_set | REGISTERS_REQUIRED,
                                              .reference = v->checks->reference,
                                              .now_ms = v->checks->now_ms };

    if (m->evidence.pcrs.banks[0].present != m->pcr_set)
        refuse(v, FINDING_QUOTE_SELECTION, "PcrSet and PCRs list different registers");
    return appraise(v->a, &request, &v->ret->appraised, err);
}

/* ---- steps 4 and 5: the key that the answer is sealed to ---- */

static bool check_certification(struct verifying *v, struct err *err)
{
    const struct azureguest_message *m = &v->ret->message;
    const struct certify_claim claim = {
        .attest = m->certify_info, .signature = m->certify_signature, .form = SIGNATURE_FORM_RAW_RSASSA, .object = &m->enc_key
    };
    const struct certify_expectations want = { .ak = v->ret->ak,
                                               .any_nonce = true,
                                               .qualified_signer = verified_quote_qualified_signer(v->ret->appraised.quote) };

    return certify_check(&claim, &want, &v->ret->findings, err) || err->code != ERR_NO_MEMORY;
}

static bool check_sealing_key(struct verifying *v, struct err *err)
{
    const struct tpm_public *pub = &v->ret->message.enc_key;
    struct err why = ERR_INIT;
    struct digest policy;

    if (pub->type != TPM_ALG_RSA)
        refuse(v, FINDING_SEALING_KEY, "EncKeyPub is no RSA key");
    else if (!tpm_public_key(pub, &v->ret->enc_key, &why))
        refuse(v, FINDING_SEALING_KEY, why.text);
    if (!key_profile_check(KEY_PROFILE_SEALING, pub, FINDING_SEALING_KEY, &v->ret->findings))
        return true;
    if (!policy_pcr_digest(pub->name_algorithm, verified_quote_pcrs(v->ret->appraised.quote), &policy, err))
        return false;
    if (!bytes_equal(pub->policy, digest_bytes(&policy)))
        refuse(v, FINDING_SEALING_POLICY, "authPolicy of EncKeyPub is not PolicyPCR over the quoted registers");
    return true;
}

static bool verify(struct verifying *v, struct err *err)
{
    if (v->ret->message.isolation != AZUREGUEST_TRUSTED_LAUNCH)
        refuse(v, FINDING_ISOLATION, "IsolationInfo is not of type TrustedLaunch: no verifier for hardware reports is set up");
    if (!check_key(v, err) || !appraise_evidence(v, err))
        return false;
    return !v->ret->appraised.quote || (check_certification(v, err) && check_sealing_key(v, err));
}

/* ---- the whole ---- */

bool azureguest_verify(struct arena *a, struct bytes text, const struct azureguest_checks *checks, struct azureguest_evidence *ret,
                       struct err *err)
{
    struct verifying v = { a, checks, ret };

    *ret = (struct azureguest_evidence){ .findings = { .arena = a } };
    return azureguest_message_read(a, text, &ret->message, err) && verify(&v, err);
}

void azureguest_evidence_done(struct azureguest_evidence *evidence)
{
    cert_free(evidence->ak_cert);
    pubkey_free(evidence->ak);
    pubkey_free(evidence->enc_key);
}

/* The order of 7.4: isolation and the key come before the quote, its findings before those of the key for the answer. */
const struct finding *azureguest_refusal(const struct azureguest_evidence *evidence)
{
    const struct finding *own = refusal_of_evidence(&evidence->findings),
                         *appraised = refusal_of_evidence(&evidence->appraised.appraisal.findings);
    bool own_first = own && (own->id < FINDING_CERTIFY_MALFORMED || own->id == FINDING_ISOLATION);

    return own_first || !appraised ? own : appraised;
}
