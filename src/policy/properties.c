#include "policy/properties.h"

static const struct known_property {
    const char *name;
    enum policy_value_type type;
    int64_t min, max;
    bool clamped; /* more than max counts as max, and is no mistake */
} known[] = {
    { "require_valid_aik_cert", POLICY_BOOLEAN, 0, 0, false },
    { "required_pcr_mask", POLICY_INTEGER, 0, 0xffffff, false },
    { "report_validity_in_minutes", POLICY_INTEGER, 1, 525600, true },
    { "omit_x5c", POLICY_BOOLEAN, 0, 0, false },
};

static const struct known_property *find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (bytes_equal_string(name, known[i].name))
            return &known[i];
    return NULL;
}

bool policy_property_is_known(struct bytes name) { return find(name) != NULL; }

const char *policy_property_problem(const struct policy_claim *claim)
{
    const struct known_property *p = find(claim->type);

    if (!p)
        return NULL;
    if (claim->value.type != p->type)
        return p->type == POLICY_BOOLEAN ? "must be a Boolean" : "must be an Integer";
    if (p->type == POLICY_INTEGER && (claim->value.integer < p->min || (claim->value.integer > p->max && !p->clamped)))
        return "is out of range";
    return NULL;
}

static const struct policy_claim *last(const struct claim_list *list, const char *name)
{
    for (size_t i = list->n; i-- > 0;)
        if (bytes_equal_string(list->items[i]->type, name))
            return list->items[i];
    return NULL;
}

int64_t policy_property_integer(const struct claim_list *list, const char *name, int64_t otherwise)
{
    const struct policy_claim *claim = last(list, name);
    const struct known_property *p = find(bytes_of_string(name));

    if (!claim)
        return otherwise;
    return p && claim->value.integer > p->max ? p->max : claim->value.integer;
}

bool policy_property_boolean(const struct claim_list *list, const char *name, bool otherwise)
{
    const struct policy_claim *claim = last(list, name);

    return claim ? claim->value.boolean : otherwise;
}
