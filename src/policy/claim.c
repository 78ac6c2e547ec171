#include "policy/policy.h"

const char *policy_issuer_name(enum policy_issuer issuer)
{
    static const char *const names[] = { "AttestationService", "AttestationPolicy", "CustomClaim" };

    return names[issuer];
}

const char *policy_value_type_name(enum policy_value_type type)
{
    static const char *const names[] = { "Boolean", "Integer", "String" };

    return names[type];
}

bool policy_value_equal(struct policy_value a, struct policy_value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case POLICY_BOOLEAN:
        return a.boolean == b.boolean;
    case POLICY_INTEGER:
        return a.integer == b.integer;
    case POLICY_STRING:
        return bytes_equal(a.string, b.string);
    }
    return false;
}

struct policy_claim policy_claim_boolean(const char *type, bool value)
{
    return (struct policy_claim){ .type = bytes_of_string(type), .value = { .type = POLICY_BOOLEAN, .boolean = value } };
}

struct policy_claim policy_claim_integer(const char *type, int64_t value)
{
    return (struct policy_claim){ .type = bytes_of_string(type), .value = { .type = POLICY_INTEGER, .integer = value } };
}

struct policy_claim policy_claim_string(const char *type, struct bytes value)
{
    return (struct policy_claim){ .type = bytes_of_string(type), .value = { .type = POLICY_STRING, .string = value } };
}

bool policy_name_is_reserved(struct bytes name)
{
    static const char *const names[] = { "nbf", "exp", "iat", "iss", "jti", "ver", "rp_data", "nonce", "cnf", "aud", "sub", "trueboot" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal_string(name, names[i]))
            return true;
    return bytes_starts_with(name, BYTES_LIT("x-ms-"));
}
