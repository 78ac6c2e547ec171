/* What a TPM shows to become enrolled: that it opened the credential, or its IAK's word, and a first quote. */
#include "appraise/evidence.h"
#include "management/enrolment_parts.h"
#include "management/vouching.h"
#include "tpm/quote.h"

static bool check_proof(const struct enrolment *p, struct bytes proof, struct err *err)
{
    const struct bytes zero = { (const uint8_t *)"", 1 };
    const struct bytes parts[] = { BYTES_LIT("trueboot-enroll-1"), zero, bytes_of_string(p->id), zero, tpm_name_bytes(&p->ak_name) };
    uint8_t wanted[32];

    hmac_sha256(BYTES_OF(p->secret), parts, ARRAY_LEN(parts), wanted);
    return bytes_equal_ct(proof, BYTES_OF(wanted)) ||
           err_set(err, ERR_UNTRUSTED, "proof: the credential was not opened by the TPM it was made for");
}

/* The first quote of this key: it works, and the server has seen it work. */
static bool check_quote(struct arena *a, const struct json *body, const struct enrolment *p, const struct pubkey *ak,
                        const struct tpm_public *ak_public, const struct verified_quote **ret, struct err *err)
{
    struct evidence *evidence = ARENA_NEW(a, struct evidence);
    struct findings reasons = { .arena = a };
    struct json_member members[5];
    const struct json *att;
    size_t n = 0;

    if (!evidence)
        return err_set(err, ERR_NO_MEMORY, "no memory for a quote");
    for (const char *const *name = (const char *const[]){ "quote", "signature", "pcrs", NULL }; *name; name++)
        if (json_get(body, *name))
            members[n++] = (struct json_member){ bytes_of_string(*name), json_get(body, *name) };
    members[n++] = (struct json_member){ BYTES_LIT("aik_pub"), json_object(a, NULL, 0) };
    att = json_object(a, members, n);
    if (!att || !evidence_read(a, att, evidence, err))
        return false;
    const struct quote_claim claim = {
        .attest = evidence->quote, .signature = evidence->signature, .form = SIGNATURE_FORM_TPMT, .pcrs = &evidence->pcrs
    };
    const struct quote_expectations want = { .ak = ak, .ak_public = ak_public, .nonce = BYTES_OF(p->nonce), .required_pcr_mask = 0xff };
    if (!quote_verify(a, &claim, &want, &reasons, ret, err))
        return err_set(err, ERR_UNTRUSTED, "quote: %s", reasons.n ? reasons.items[0].text : err->text);
    return true;
}

/* Over the nonce of this enrolment: what the IAK said to begin with may be a recording. */
static bool check_iak(struct arena *a, const struct json *body, const struct enrolment *p, const struct tpm_public *ak_public,
                      const struct verified_quote *quote, struct err *err)
{
    struct cert *iak CLEANUP(cert_free_at) = NULL;
    const struct bytes nonce = BYTES_OF(p->nonce);
    struct iak_word want = { .ak = ak_public, .nonce = &nonce, .qualified_ak = verified_quote_qualified_signer(quote) };

    if (!vouching_same_iak(a, body, p->cert_sha256, &iak, err))
        return false;
    want.iak = iak->key;
    return vouching_hear_iak(a, body, &want, err);
}

bool enrolment_check_possession(struct arena *a, const struct json *body, const struct enrolment *p, const struct pubkey *ak,
                                const struct tpm_public *ak_public, bool *ret_by_iak, struct err *err)
{
    const struct verified_quote *quote;
    struct bytes proof;

    if (!p->iak_sha256[0])
        return vouching_decode(a, json_get(body, "proof"), "proof", 64, &proof, err) && check_proof(p, proof, err) &&
               check_quote(a, body, p, ak, ak_public, &quote, err);
    if (!check_quote(a, body, p, ak, ak_public, &quote, err))
        return false;
    *ret_by_iak = true;
    if (!check_iak(a, body, p, ak_public, quote, err))
        return false;
    *ret_by_iak = false;
    return true;
}
