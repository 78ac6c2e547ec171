#include "tpm/key_profile.h"

enum {
    FOR_AK = 1 << KEY_PROFILE_AK,
    FOR_EK = 1 << KEY_PROFILE_EK,
    FOR_SEALING = 1 << KEY_PROFILE_SEALING,
    FOR_ALL = FOR_AK | FOR_EK | FOR_SEALING
};

/* clang-format off */
static const struct {
    unsigned profiles;
    enum object_attribute attribute;
    bool wanted;
    const char *otherwise;
} attribute_rules[] = {
    { FOR_ALL,              OBJECT_FIXED_TPM,             true,  "the key may be moved to another TPM" },
    { FOR_ALL,              OBJECT_FIXED_PARENT,          true,  "the key may be moved under another parent" },
    { FOR_ALL,              OBJECT_SENSITIVE_DATA_ORIGIN, true,  "the key was made outside the TPM" },
    { FOR_AK | FOR_EK,      OBJECT_RESTRICTED,            true,  "the key also works on data from outside the TPM" },
    { FOR_SEALING,          OBJECT_RESTRICTED,            false, "the key opens only what the TPM made" },
    { FOR_AK,               OBJECT_SIGN,                  true,  "the key cannot sign" },
    { FOR_EK | FOR_SEALING, OBJECT_SIGN,                  false, "the key can sign" },
    { FOR_AK,               OBJECT_DECRYPT,               false, "the key can decrypt" },
    { FOR_EK | FOR_SEALING, OBJECT_DECRYPT,               true,  "the key cannot decrypt" },
    { FOR_SEALING,          OBJECT_USER_WITH_AUTH,        false, "the key opens without its policy" },
};
/* clang-format on */

static const char *strong_name(const struct tpm_public *pub)
{
    return digest_is_strong(pub->name_algorithm) ? NULL : "the key's Name is made with a weak hash";
}

/* A restricted signing key has its scheme in the public area (Part 2, 12.2.3.5); with none it would be no signing key. */
static const char *signing_scheme(const struct tpm_public *pub)
{
    uint16_t alg = pub->scheme.algorithm;
    bool fits = pub->type == TPM_ALG_RSA ? alg == TPM_ALG_RSASSA || alg == TPM_ALG_RSAPSS : alg == TPM_ALG_ECDSA;

    if (!fits)
        return "the key's scheme is not RSASSA, RSAPSS or ECDSA";
    return digest_is_strong(digest_from_tpm_id(pub->scheme.hash)) ? NULL : "the key signs with a weak hash";
}

static const char *has_policy(const struct tpm_public *pub) { return pub->policy.len != 0 ? NULL : "the key has no policy"; }

static const struct {
    unsigned profiles;
    const char *(*refusal)(const struct tpm_public *); /* NULL: none */
} other_rules[] = {
    { FOR_ALL, strong_name },
    { FOR_AK, signing_scheme },
    { FOR_SEALING, has_policy },
};

bool key_profile_check(enum key_profile profile, const struct tpm_public *pub, enum finding_id id, struct findings *list)
{
    bool accepted = true;

    for (size_t i = 0; i < ARRAY_LEN(attribute_rules); i++) {
        bool set = pub->attributes & attribute_rules[i].attribute;

        if (!(attribute_rules[i].profiles >> profile & 1) || set == attribute_rules[i].wanted)
            continue;
        findings_add(list, id, FINDING_NO_PCR, FINDING_NO_EVENT, "%s: %s is %s", attribute_rules[i].otherwise,
                     object_attribute_name(attribute_rules[i].attribute), set ? "set" : "not set");
        accepted = false;
    }
    for (size_t i = 0; i < ARRAY_LEN(other_rules); i++) {
        const char *refusal = other_rules[i].profiles >> profile & 1 ? other_rules[i].refusal(pub) : NULL;

        if (!refusal)
            continue;
        findings_add(list, id, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", refusal);
        accepted = false;
    }
    return accepted;
}
