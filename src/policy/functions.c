#include "policy/functions.h"
#include <math.h>
#include "json/parse.h"
#include "json/write.h"

enum { SHOWN_BYTES = 60 };

/* ---- JmesPath ---- */

static enum err_code code_of(enum jmespath_error_kind kind)
{
    return kind == JMESPATH_LIMIT       ? ERR_LIMIT
           : kind == JMESPATH_NO_MEMORY ? ERR_NO_MEMORY
           : kind == JMESPATH_LATE      ? ERR_LATE
                                        : ERR_MALFORMED;
}

static bool query_failed(struct policy_run *run, const struct expression *where, struct bytes query, const struct jmespath_error *error)
{
    bool cut = query.len > SHOWN_BYTES;

    return run_fail(run, where, code_of(error->kind), "JmesPath(): in the query \"%.*s%s\", byte %zu: %s",
                    BYTES_FMT(bytes_slice(query, 0, SHOWN_BYTES)), cut ? "…" : "", error->offset + 1, error->text);
}

/* The text is bounded before it is made: a query can give a small value that is very long when written out. */
static bool give_text(struct policy_run *run, const struct json *result, struct value_set *ret)
{
    struct writer w CLEANUP(writer_done) = { .limit = run->value_bytes ? run->value_bytes : 1 };
    struct bytes text;

    json_write(&w, result, JSON_COMPACT);
    if (!writer_ok(&w))
        return run_fail(run, NULL, ERR_LIMIT, "JmesPath(): the result is too long or nests too deeply");
    if (!arena_copy(run->arena, writer_bytes(&w), &text))
        return run_no_memory(run);
    return run_spend_bytes(run, text.len) && run_give(run, (struct cell){ { .type = POLICY_STRING, .string = text }, result }, ret);
}

static bool call_jmespath(struct policy_run *run, const struct expression *call, const struct value_set *args, struct value_set *ret)
{
    struct jmespath_budget budget = { .steps = run->steps };
    struct bytes query = args[1].items[0].value.string;
    const struct jmespath_expr *expr = call->query;
    struct jmespath_error error;
    struct err err = ERR_INIT;
    const struct json *value = run_parse(run, &args[0].items[0], &err), *result;
    bool found;

    if (!value)
        return run_fail(run, call->args[0], err.code, "JmesPath(): %s", err.text);
    if (!expr && !run_spend(run, query.len)) /* the rules made it: it is read for this call alone */
        return false;
    if (!expr && !jmespath_parse(run->arena, query, &expr, &error))
        return query_failed(run, call->args[1], query, &error);
    found = jmespath_search(run->arena, expr, value, &budget, &result, &error);
    run->steps = budget.steps;
    if (!found)
        return query_failed(run, call->args[1], query, &error);
    return give_text(run, result, ret);
}

/* ---- JsonToClaimValue ---- */

/* A number that a query gave is what its text says: 2.0 is written as 2. Large ones are written with an exponent. */
static bool whole_number(const struct json *v, bool from_query, int64_t *ret)
{
    const double written_without_exponent = 1e15;

    if (json_as_integer(v, ret))
        return true;
    if (!from_query || v->number.value != floor(v->number.value) || fabs(v->number.value) >= written_without_exponent)
        return false;
    *ret = (int64_t)v->number.value;
    return true;
}

static bool primitive(struct policy_run *run, const struct expression *call, const struct json *v, bool from_query, struct cell *ret)
{
    *ret = (struct cell){ 0 };
    switch (v->type) {
    case JSON_BOOLEAN:
        ret->value = (struct policy_value){ .type = POLICY_BOOLEAN, .boolean = v->boolean };
        return true;
    case JSON_NUMBER:
        ret->value.type = POLICY_INTEGER;
        return whole_number(v, from_query, &ret->value.integer) ||
               run_fail(run, call, ERR_MALFORMED, "JsonToClaimValue(): a number with a fraction or beyond 64 bits is no claim value");
    case JSON_STRING:
        ret->value = (struct policy_value){ .type = POLICY_STRING, .string = v->string };
        return true;
    default:
        return run_fail(run, call, ERR_MALFORMED, "JsonToClaimValue(): %s is no claim value",
                        v->type == JSON_ARRAY ? "an array inside of an array" : "an object");
    }
}

/* Nulls drop out; an empty array gives no value. */
static bool array_to_set(struct policy_run *run, const struct expression *call, const struct json *v, bool from_query,
                         struct value_set *ret)
{
    struct cell *cells = ARENA_ARRAY(run->arena, v->array.n, struct cell);
    size_t n = 0;

    if (!cells)
        return run_no_memory(run);
    if (!run_spend(run, v->array.n))
        return false;
    for (size_t i = 0; i < v->array.n; i++)
        if (v->array.items[i]->type != JSON_NULL && !primitive(run, call, v->array.items[i], from_query, &cells[n++]))
            return false;
    *ret = (struct value_set){ .items = cells, .n = n };
    return true;
}

/* 8.6: bare text such as abc is taken as a string. What begins like JSON and is not is a mistake. */
static bool looks_like_json(struct bytes text)
{
    struct bytes trimmed = bytes_trim(text);

    return trimmed.len && memchr("{[\"", trimmed.data[0], 3);
}

static bool call_json_to_claim_value(struct policy_run *run, const struct expression *call, const struct value_set *args,
                                     struct value_set *ret)
{
    const struct cell *arg = &args[0].items[0];
    struct err err = ERR_INIT;
    const struct json *v = run_parse(run, arg, &err);
    bool from_query = arg->json != NULL;
    struct cell cell;

    if (!v && (looks_like_json(arg->value.string) || err.code == ERR_NO_MEMORY || err.code == ERR_LIMIT))
        return run_fail(run, call->args[0], err.code, "JsonToClaimValue(): %s", err.text);
    if (!v)
        return run_give(run, *arg, ret);
    if (v->type == JSON_ARRAY)
        return array_to_set(run, call, v, from_query, ret);
    *ret = (struct value_set){ 0 };
    return v->type == JSON_NULL || (primitive(run, call, v, from_query, &cell) && run_give(run, cell, ret));
}

/* ---- the others ---- */

static bool give_boolean(struct policy_run *run, bool value, struct value_set *ret)
{
    return run_give(run, (struct cell){ { .type = POLICY_BOOLEAN, .boolean = value }, NULL }, ret);
}

static bool occurs(struct policy_run *run, struct policy_value value, const struct value_set *set, bool *ret)
{
    *ret = false;
    for (size_t i = 0; i < set->n && !*ret; i++) {
        if (!run_spend_compare(run, value, 1))
            return false;
        *ret = policy_value_equal(value, set->items[i].value);
    }
    return true;
}

static bool call_is_subset_of(struct policy_run *run, const struct expression *call UNUSED, const struct value_set *args,
                              struct value_set *ret)
{
    bool all = true;

    for (size_t i = 0; i < args[0].n && all; i++)
        if (!occurs(run, args[0].items[i].value, &args[1], &all))
            return false;
    return give_boolean(run, all, ret);
}

static bool call_contains_only_value(struct policy_run *run, const struct expression *call UNUSED, const struct value_set *args,
                                     struct value_set *ret)
{
    bool all = args[0].n > 0;

    if (!run_spend_compare(run, args[1].items[0].value, args[0].n))
        return false;
    for (size_t i = 0; i < args[0].n && all; i++)
        all = policy_value_equal(args[0].items[i].value, args[1].items[0].value);
    return give_boolean(run, all, ret);
}

static bool call_append_string(struct policy_run *run, const struct expression *call UNUSED, const struct value_set *args,
                               struct value_set *ret)
{
    struct bytes a = args[0].items[0].value.string, b = args[1].items[0].value.string;
    uint8_t *text;

    if (!run_spend_bytes(run, a.len) || !run_spend_bytes(run, b.len))
        return false;
    text = arena_alloc(run->arena, a.len + b.len);
    if (!text)
        return run_no_memory(run);
    if (a.len)
        memcpy(text, a.data, a.len);
    if (b.len)
        memcpy(text + a.len, b.data, b.len);
    return run_give(run, (struct cell){ { .type = POLICY_STRING, .string = { text, a.len + b.len } }, NULL }, ret);
}

static bool call_negate_bool(struct policy_run *run, const struct expression *call UNUSED, const struct value_set *args,
                             struct value_set *ret)
{
    return give_boolean(run, !args[0].items[0].value.boolean, ret);
}

/* clang-format off */
static const struct policy_function functions[] = {
    { "JmesPath",          2, { ARGUMENT_TEXT, ARGUMENT_TEXT },     true,  call_jmespath },
    { "JsonToClaimValue",  1, { ARGUMENT_STRING },                  true,  call_json_to_claim_value },
    { "IsSubsetOf",        2, { ARGUMENT_SET, ARGUMENT_SET },       false, call_is_subset_of },
    { "AppendString",      2, { ARGUMENT_STRING, ARGUMENT_STRING }, true,  call_append_string },
    { "NegateBool",        1, { ARGUMENT_BOOLEAN },                 true,  call_negate_bool },
    { "ContainsOnlyValue", 2, { ARGUMENT_SET, ARGUMENT_ONE },       false, call_contains_only_value },
};
/* clang-format on */

const struct policy_function *policy_function_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (bytes_equal_string(name, functions[i].name))
            return &functions[i];
    return NULL;
}

const struct policy_function *policy_function_jmespath(void) { return &functions[0]; }

static bool check_argument(struct policy_run *run, const struct expression *call, size_t i, const struct value_set *arg)
{
    static const char *const wanted[] = { "one string", "one string that is not empty", "one Boolean", "one value", "values" };
    enum argument_kind kind = call->function->kinds[i];
    enum policy_value_type type = arg->n ? arg->items[0].value.type : POLICY_STRING;

    if (kind == ARGUMENT_SET)
        return true;
    if (arg->n != 1)
        return run_fail(run, call->args[i], ERR_MALFORMED, "%s(): argument %zu must be %s, but is a set of %zu", call->function->name,
                        i + 1, wanted[kind], arg->n);
    if (kind != ARGUMENT_ONE && type != (kind == ARGUMENT_BOOLEAN ? POLICY_BOOLEAN : POLICY_STRING))
        return run_fail(run, call->args[i], ERR_MALFORMED, "%s(): argument %zu must be %s, but is of type %s", call->function->name, i + 1,
                        wanted[kind], policy_value_type_name(type));
    if (kind == ARGUMENT_TEXT && arg->items[0].value.string.len == 0)
        return run_fail(run, call->args[i], ERR_MALFORMED, "%s(): argument %zu is empty", call->function->name, i + 1);
    return true;
}

bool policy_function_call(struct policy_run *run, const struct expression *call, const struct value_set *args, struct value_set *ret)
{
    const struct policy_function *f = call->function;
    bool read_only = false;

    for (size_t i = 0; i < f->n_args; i++) {
        if (!check_argument(run, call, i, &args[i]))
            return false;
        read_only = read_only || args[i].read_only;
    }
    if (!f->call(run, call, args, ret))
        return false;
    ret->read_only = f->keeps_read_only && read_only;
    return true;
}
