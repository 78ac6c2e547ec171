#include "tpm/certify.h"
#include "tpm/signature.h"

struct certification {
    const struct certify_claim *claim;
    const struct certify_expectations *want;
    struct attest attest;
    struct tpm_signature signature;
};

static bool magic_is_the_tpms(const struct certification *c, struct err *err)
{
    if (c->attest.magic != TPM_GENERATED)
        return err_set(err, ERR_UNTRUSTED, "begins with 0x%08x, not with TPM_GENERATED_VALUE", c->attest.magic);
    return true;
}

static bool type_is_certify(const struct certification *c, struct err *err)
{
    if (c->attest.type != TPM_ST_ATTEST_CERTIFY)
        return err_set(err, ERR_UNTRUSTED, "is a %s (0x%04x)", attest_type_name(c->attest.type), c->attest.type);
    return true;
}

static bool is_signed_by_the_ak(const struct certification *c, struct err *err)
{
    return tpm_signature_verify(&c->signature, c->want->ak, c->want->allow_sha1, c->claim->attest, err);
}

static bool nonce_is_ours(const struct certification *c, struct err *err)
{
    if (!c->want->any_nonce && !bytes_equal_ct(c->attest.extra_data, c->want->nonce))
        return err_set(err, ERR_UNTRUSTED, "qualifying data is not the challenge");
    return true;
}

static bool signer_is_the_quotes(const struct certification *c, struct err *err)
{
    if (c->want->qualified_signer.len != 0 && !bytes_equal(c->attest.qualified_signer, c->want->qualified_signer))
        return err_set(err, ERR_UNTRUSTED, "another key than the quote's has signed");
    return true;
}

static bool name_is_the_objects(const struct certification *c, struct err *err)
{
    struct tpm_name name;

    if (!digest_is_strong(c->claim->object->name_algorithm))
        return err_set(err, ERR_UNTRUSTED, "the key's Name is made with %s", digest_name(c->claim->object->name_algorithm));
    if (!tpm_public_name(c->claim->object, &name, err))
        return false;
    if (!bytes_equal_ct(c->attest.name, tpm_name_bytes(&name)))
        return err_set(err, ERR_UNTRUSTED, "another key than the one shown is certified");
    return true;
}

/* clang-format off */
static const struct {
    enum finding_id refusal;
    bool (*passes)(const struct certification *, struct err *);
} checks[] = {
    { FINDING_CERTIFY_MAGIC,     magic_is_the_tpms },
    { FINDING_CERTIFY_TYPE,      type_is_certify },
    { FINDING_CERTIFY_SIGNATURE, is_signed_by_the_ak },
    { FINDING_CERTIFY_NONCE,     nonce_is_ours },
    { FINDING_CERTIFY_SIGNER,    signer_is_the_quotes },
    { FINDING_CERTIFY_NAME,      name_is_the_objects },
};
/* clang-format on */

/* *ret_refusal says which check refused first. */
static bool verify(const struct certify_claim *claim, const struct certify_expectations *want, enum finding_id *ret_refusal,
                   struct err *err)
{
    struct certification c = { .claim = claim, .want = want };

    *ret_refusal = FINDING_CERTIFY_MALFORMED;
    if (!attest_decode(claim->attest, &c.attest, err))
        return false;
    if (claim->form == SIGNATURE_FORM_RAW_RSASSA ? !tpm_signature_from_raw(claim->signature, DIGEST_SHA256, &c.signature, err)
                                                 : !tpm_signature_decode(claim->signature, &c.signature, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        *ret_refusal = checks[i].refusal;
        if (!checks[i].passes(&c, err))
            return false;
    }
    return true;
}

bool certify_verify(const struct certify_claim *claim, const struct certify_expectations *want, struct err *err)
{
    enum finding_id refusal;

    return verify(claim, want, &refusal, err) || err_within(err, "certification");
}

bool certify_check(const struct certify_claim *claim, const struct certify_expectations *want, struct findings *list, struct err *err)
{
    enum finding_id refusal;

    if (verify(claim, want, &refusal, err))
        return true;
    if (err->code != ERR_NO_MEMORY)
        findings_add(list, refusal, FINDING_NO_PCR, FINDING_NO_EVENT, "certification: %s", err->text);
    return false;
}
