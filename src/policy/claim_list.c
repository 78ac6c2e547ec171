#include "policy/claim_list.h"

/* What the words of the list mean, where it is expanded. */
enum { PLAIN = CLAIM_PLAIN, SINCE_1_2 = CLAIM_SINCE_1_2, READ_ONLY = CLAIM_READ_ONLY, REPEATED = CLAIM_REPEATED };

const struct service_claim service_claims[CLAIM_COUNT] = {
#define X(id, name, evidence, type, marks, ground, argument, rests_on) \
    [CLAIM_##id] = { name, CLAIM_EVIDENCE_##evidence, CLAIM_TYPE_##type, marks, CLAIM_GROUND_##ground, argument, rests_on },
    CLAIM_LIST(X)
#undef X
};

const struct service_claim *service_claim_find(struct bytes name)
{
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        if (bytes_equal_string(name, service_claims[i].name))
            return &service_claims[i];
    return NULL;
}

enum policy_value_type service_claim_value_type(const struct service_claim *claim)
{
    static const enum policy_value_type types[] = {
        [CLAIM_TYPE_BOOLEAN] = POLICY_BOOLEAN, [CLAIM_TYPE_INTEGER] = POLICY_INTEGER,  [CLAIM_TYPE_STRING] = POLICY_STRING,
        [CLAIM_TYPE_JSON] = POLICY_STRING,     [CLAIM_TYPE_INTEGERS] = POLICY_INTEGER, [CLAIM_TYPE_OBJECT] = POLICY_STRING
    };

    return types[claim->type];
}

char *service_claim_type_text(struct arena *a, const struct service_claim *claim)
{
    static const char *const names[] = {
        [CLAIM_TYPE_BOOLEAN] = "Boolean",    [CLAIM_TYPE_INTEGER] = "Integer",   [CLAIM_TYPE_STRING] = "String",
        [CLAIM_TYPE_JSON] = "String (JSON)", [CLAIM_TYPE_INTEGERS] = "Integers", [CLAIM_TYPE_OBJECT] = "Object"
    };

    return arena_printf(a, "%s%s%s", names[claim->type], claim->marks & CLAIM_READ_ONLY ? ", read-only" : "",
                        claim->marks & CLAIM_SINCE_1_2 ? ", policies 1.2" : "");
}

static struct policy_claim begin(enum claim_id id, struct policy_claim claim)
{
    claim.read_only = (service_claims[id].marks & CLAIM_READ_ONLY) != 0;
    return claim;
}

struct policy_claim service_claim_boolean(enum claim_id id, bool value)
{
    return begin(id, policy_claim_boolean(service_claims[id].name, value));
}

struct policy_claim service_claim_integer(enum claim_id id, int64_t value)
{
    return begin(id, policy_claim_integer(service_claims[id].name, value));
}

struct policy_claim service_claim_string(enum claim_id id, struct bytes value)
{
    return begin(id, policy_claim_string(service_claims[id].name, value));
}
