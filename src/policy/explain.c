#include "policy/explain.h"
#include "json/write.h"
#include "policy/eval.h"
#include "policy/suggest.h"

enum { SHOWN = 3, VALUE_SHOWN = 60, NAME_MAX_BYTES = 32 };

/* ---- claims and values ---- */

static struct bytes cut_at_character(struct bytes text, size_t max)
{
    size_t len = text.len < max ? text.len : max;

    while (len && len < text.len && (text.data[len] & 0xc0) == 0x80)
        len--;
    return bytes_slice(text, 0, len);
}

/* In quotes that it does not hold itself, so that JSON stays readable. */
static void write_text(struct writer *w, struct bytes text)
{
    if (bytes_find(text, BYTES_LIT("\"")) == SIZE_MAX) {
        json_write_string(w, text);
        return;
    }
    write_u8(w, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            write_printf(w, "\\u%04x", text.data[i]);
        else
            write_u8(w, text.data[i]);
    }
    write_u8(w, '\'');
}

static void write_value(struct writer *w, struct policy_value value)
{
    struct bytes shown;

    if (value.type == POLICY_BOOLEAN) {
        write_string(w, value.boolean ? "true" : "false");
    } else if (value.type == POLICY_INTEGER) {
        write_printf(w, "%lld", (long long)value.integer);
    } else {
        shown = cut_at_character(value.string, VALUE_SHOWN);
        write_text(w, shown);
        if (shown.len < value.string.len)
            write_printf(w, "… (%zu bytes)", value.string.len);
    }
}

void explain_claim(struct writer *w, const struct policy_claim *claim)
{
    write_bytes(w, cut_at_character(claim->type, VALUE_SHOWN));
    write_string(w, " = ");
    write_value(w, claim->value);
    write_printf(w, " (%s%s)", policy_issuer_name(claim->issuer), claim->read_only ? ", read-only" : "");
}

/* ---- which claims ---- */

static bool meets(const struct condition *c, const struct value_set *right, const struct policy_claim *claim)
{
    for (size_t i = 0; i < c->n_tests; i++)
        if (!run_test_holds(&c->tests[i], claim, &right[i]))
            return false;
    return true;
}

/* Whether it is at least a claim of the type that the condition asks for; without such a test every claim is. */
static bool is_of_the_type(const struct condition *c, const struct value_set *right, const struct policy_claim *claim)
{
    for (size_t i = 0; i < c->n_tests; i++)
        if (c->tests[i].property == CLAIM_TYPE && !run_test_holds(&c->tests[i], claim, &right[i]))
            return false;
    return true;
}

static void write_matches(struct writer *w, const struct policy_trace *rule, const struct condition *c, const struct value_set *right,
                          size_t n)
{
    size_t shown = 0;

    for (size_t i = 0; i < rule->n_seen && shown < SHOWN; i++) {
        if (!meets(c, right, rule->claims[i]))
            continue;
        write_string(w, shown++ ? ", " : "");
        explain_claim(w, rule->claims[i]);
    }
    if (n > shown)
        write_printf(w, " and %zu more", n - shown);
}

/* ---- why none ---- */

/* A name that a claim there is bears, and that is nearly the one asked for. */
static bool write_nearest(struct writer *w, const struct policy_trace *rule, struct bytes wanted)
{
    char name[NAME_MAX_BYTES + 1];
    const char *candidate = name;

    for (size_t i = 0; i < rule->n_seen; i++) {
        struct bytes type = rule->claims[i]->type;
        if (type.len > NAME_MAX_BYTES || !type.len || memchr(type.data, 0, type.len))
            continue;
        memcpy(name, type.data, type.len);
        name[type.len] = 0;
        if (!suggest_nearest(wanted, &candidate, 1))
            continue;
        write_printf(w, ": is %s meant?", name);
        return true;
    }
    return false;
}

static void write_no_such_type(struct writer *w, const struct policy_trace *rule, const struct condition *c, const struct value_set *right)
{
    for (size_t i = 0; i < c->n_tests; i++) {
        const struct value_set *type = &right[i];
        if (c->tests[i].property != CLAIM_TYPE || c->tests[i].op != POLICY_TOKEN_EQ || type->n != 1 ||
            type->items[0].value.type != POLICY_STRING)
            continue;
        write_string(w, "there is no claim ");
        write_bytes(w, cut_at_character(type->items[0].value.string, VALUE_SHOWN));
        if (!write_nearest(w, rule, type->items[0].value.string))
            write_string(w, " at this point");
        return;
    }
    write_string(w, "no claim is of such a type");
}

/* The test that this claim fails, and against what when that is not written there. */
static void write_failed_test(struct writer *w, const struct condition *c, const struct value_set *right, const struct policy_claim *claim)
{
    for (size_t i = 0; i < c->n_tests; i++) {
        const struct property_condition *test = &c->tests[i];
        if (run_test_holds(test, claim, &right[i]))
            continue;
        write_bytes(w, cut_at_character(test->text, 2 * VALUE_SHOWN));
        write_string(w, " does not hold for ");
        explain_claim(w, claim);
        if (test->right->kind != EXPRESSION_LITERAL) {
            write_string(w, right[i].n ? ": the right side is " : ": the right side is empty");
            for (size_t k = 0; k < right[i].n && k < SHOWN; k++) {
                write_string(w, k ? ", " : "");
                write_value(w, right[i].items[k].value);
            }
            if (right[i].n > SHOWN)
                write_printf(w, " and %zu more", right[i].n - SHOWN);
        } else if (test->property == CLAIM_VALUE && right[i].items[0].value.type != claim->value.type) {
            write_printf(w, ": the value is of type %s, not %s", policy_value_type_name(claim->value.type),
                         policy_value_type_name(right[i].items[0].value.type));
        }
        return;
    }
}

static void write_why_none(struct writer *w, const struct policy_trace *rule, const struct condition *c, const struct value_set *right)
{
    size_t near = 0, shown = 0;
    bool by_type = false;

    for (size_t i = 0; i < c->n_tests; i++)
        by_type |= c->tests[i].property == CLAIM_TYPE;
    for (size_t i = 0; i < rule->n_seen; i++)
        near += is_of_the_type(c, right, rule->claims[i]);
    if (!near || !by_type) {
        if (by_type)
            write_no_such_type(w, rule, c, right);
        else
            write_printf(w, "none of the %zu claims meets it", rule->n_seen);
        return;
    }
    for (size_t i = 0; i < rule->n_seen && shown < SHOWN; i++) {
        if (!is_of_the_type(c, right, rule->claims[i]))
            continue;
        write_string(w, shown++ ? "; " : "");
        write_failed_test(w, c, right, rule->claims[i]);
    }
    if (near > shown)
        write_printf(w, "; nor for %zu more", near - shown);
}

/* ---- a condition ---- */

bool explain_condition(struct writer *w, const struct policy_trace *rule, size_t i)
{
    const struct condition *c = &rule->parsed->conditions[i];
    const struct value_set *right = rule->right_sides[i];
    size_t n = 0;

    for (size_t k = 0; k < rule->n_seen; k++)
        n += meets(c, right, rule->claims[k]);
    if (n) {
        write_string(w, c->negated ? "there is " : "");
        write_matches(w, rule, c, right, n);
    } else if (c->negated) {
        write_string(w, "no claim meets it");
    } else {
        write_why_none(w, rule, c, right);
    }
    return (n > 0) != c->negated;
}
