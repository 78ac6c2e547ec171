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

static bool (*const checks[])(const struct certification *, struct err *) = {
    magic_is_the_tpms, type_is_certify, is_signed_by_the_ak, nonce_is_ours, signer_is_the_quotes, name_is_the_objects,
};

bool certify_verify(const struct certify_claim *claim, const struct certify_expectations *want, struct err *err)
{
    struct certification c = { .claim = claim, .want = want };

    if (!attest_decode(claim->attest, &c.attest, err))
        return err_within(err, "certification");
    if (claim->form == SIGNATURE_FORM_RAW_RSASSA ? !tpm_signature_from_raw(claim->signature, DIGEST_SHA256, &c.signature, err)
                                                 : !tpm_signature_decode(claim->signature, &c.signature, err))
        return err_within(err, "certification");
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        if (!checks[i](&c, err))
            return err_within(err, "certification");
    return true;
}
