#include "jmespath/functions.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/limits.h"
#include "base/utf8.h"
#include "jmespath/fold.h"
#include "json/parse.h"
#include "json/write.h"

enum { BYTES_PER_STEP = 16, FOLDED_BYTES_PER_STEP = 4 };

static bool give_boolean(bool value, const struct json **ret)
{
    *ret = json_boolean(value);
    return true;
}

/* Whole numbers come out as integers, so that they print and convert as such. */
static bool give_number(struct evaluation *ev, double value, const struct json **ret)
{
    const double exact = 9007199254740992.0; /* 2^53 */

    if (!isfinite(value))
        return jmespath_fail(ev->error, JMESPATH_INVALID_VALUE, ev->offset, "the result is too large for a number");
    if (value == floor(value) && fabs(value) <= exact)
        return jmespath_give(ev, json_integer(ev->arena, (int64_t)value), ret);
    return jmespath_give(ev, json_real(ev->arena, value), ret);
}

/* ---- numbers ---- */

static bool call_abs(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *v = args[0].value;

    if (v->number.is_integer && v->number.integer != INT64_MIN)
        return jmespath_give(ev, v->number.integer < 0 ? json_integer(ev->arena, -v->number.integer) : v, ret);
    return give_number(ev, fabs(v->number.value), ret);
}

static bool call_ceil(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    if (args[0].value->number.is_integer)
        return jmespath_give(ev, args[0].value, ret);
    return give_number(ev, ceil(args[0].value->number.value), ret);
}

static bool call_floor(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    if (args[0].value->number.is_integer)
        return jmespath_give(ev, args[0].value, ret);
    return give_number(ev, floor(args[0].value->number.value), ret);
}

static double sum_of(const struct json *numbers)
{
    double sum = 0;

    for (size_t i = 0; i < numbers->array.n; i++)
        sum += numbers->array.items[i]->number.value;
    return sum;
}

/* Integers are added exactly while they fit. */
static bool call_sum(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *numbers = args[0].value;
    int64_t sum = 0;

    for (size_t i = 0; i < numbers->array.n; i++) {
        const struct json *item = numbers->array.items[i];

        if (!item->number.is_integer || __builtin_add_overflow(sum, item->number.integer, &sum))
            return give_number(ev, sum_of(numbers), ret);
    }
    return jmespath_give(ev, json_integer(ev->arena, sum), ret);
}

static bool call_avg(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    size_t count = args[0].value->array.n;

    *ret = &json_null;
    return count == 0 || give_number(ev, sum_of(args[0].value) / (double)count, ret);
}

static bool call_to_number(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *v = args[0].value, *parsed;
    struct err err = ERR_INIT;

    *ret = v->type == JSON_NUMBER ? v : &json_null;
    if (v->type != JSON_STRING)
        return true;
    if (!jmespath_spend(ev, v->string.len / BYTES_PER_STEP))
        return false;
    if (json_parse(ev->arena, v->string, NULL, &parsed, &err))
        *ret = parsed->type == JSON_NUMBER ? parsed : &json_null;
    return err.code != ERR_NO_MEMORY || jmespath_no_memory(ev->error, ev->offset);
}

/* ---- strings ---- */

static bool call_starts_with(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return jmespath_spend(ev, args[1].value->string.len / BYTES_PER_STEP) &&
           give_boolean(bytes_starts_with(args[0].value->string, args[1].value->string), ret);
}

static bool call_ends_with(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return jmespath_spend(ev, args[1].value->string.len / BYTES_PER_STEP) &&
           give_boolean(bytes_ends_with(args[0].value->string, args[1].value->string), ret);
}

/* attestation-service.md 8.6: a null argument gives false. */
static bool call_equals_ignore_case(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *a = args[0].value, *b = args[1].value;

    if (a->type == JSON_NULL || b->type == JSON_NULL)
        return give_boolean(false, ret);
    return jmespath_spend(ev, a->string.len / FOLDED_BYTES_PER_STEP) && give_boolean(fold_equal(a->string, b->string), ret);
}

static bool call_join(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    struct bytes glue = args[0].value->string;
    const struct json *parts = args[1].value;
    size_t len = 0, at = 0;
    uint8_t *text;

    for (size_t i = 0; i < parts->array.n; i++) {
        size_t part = parts->array.items[i]->string.len + (i ? glue.len : 0);

        if (!jmespath_spend(ev, 1 + part / BYTES_PER_STEP))
            return false;
        len += part; /* cannot wrap: the step budget ends long before */
    }
    text = arena_alloc(ev->arena, len);
    if (!text)
        return jmespath_no_memory(ev->error, ev->offset);
    for (size_t i = 0; i < parts->array.n; i++) {
        struct bytes part = parts->array.items[i]->string;

        if (i && glue.len) {
            memcpy(text + at, glue.data, glue.len);
            at += glue.len;
        }
        if (part.len)
            memcpy(text + at, part.data, part.len);
        at += part.len;
    }
    return jmespath_give(ev, json_string(ev->arena, (struct bytes){ text, len }), ret);
}

/* Only for a value that has been weighed. */
static bool nests_deeper(const struct json *v, unsigned depth)
{
    size_t n = v->type == JSON_ARRAY ? v->array.n : v->type == JSON_OBJECT ? v->object.n : 0;

    if (depth == 0 && n)
        return true;
    for (size_t i = 0; i < n; i++)
        if (nests_deeper(v->type == JSON_ARRAY ? v->array.items[i] : v->object.members[i].value, depth - 1))
            return true;
    return false;
}

static bool call_to_string(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    char *text;

    if (args[0].value->type == JSON_STRING)
        return jmespath_give(ev, args[0].value, ret);
    if (!jmespath_weigh(ev, args[0].value))
        return false;
    text = json_to_string(ev->arena, args[0].value, JSON_COMPACT);
    if (!text && nests_deeper(args[0].value, LIMIT_JSON_DEPTH_SUITE))
        return jmespath_fail(ev->error, JMESPATH_LIMIT, ev->offset, "to_string(): the value nests too deeply");
    return text ? jmespath_give(ev, json_string_of(ev->arena, text), ret) : jmespath_no_memory(ev->error, ev->offset);
}

static bool reverse_string(struct evaluation *ev, struct bytes text, const struct json **ret)
{
    uint8_t *out = arena_alloc(ev->arena, text.len);
    size_t end = text.len;
    struct bytes rest = text;

    if (!out)
        return jmespath_no_memory(ev->error, ev->offset);
    while (rest.len) {
        uint32_t codepoint;
        struct bytes before = rest;
        size_t len;

        if (!utf8_next(&rest, &codepoint))
            rest = bytes_slice(rest, 1, rest.len);
        len = before.len - rest.len;
        end -= len;
        memcpy(out + end, before.data, len);
    }
    return jmespath_give(ev, json_string(ev->arena, (struct bytes){ out, text.len }), ret);
}

static bool call_reverse(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *v = args[0].value;
    struct value_list list = { 0 };

    if (v->type == JSON_STRING)
        return jmespath_spend(ev, v->string.len / BYTES_PER_STEP) && reverse_string(ev, v->string, ret);
    if (!jmespath_spend(ev, v->array.n))
        return false;
    for (size_t i = v->array.n; i-- > 0;)
        if (!jmespath_list_add(ev, &list, v->array.items[i]))
            return false;
    return jmespath_give_list(ev, &list, ret);
}

/* ---- any value ---- */

static bool call_type(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    static const char *const names[] = { "null", "boolean", "number", "string", "array", "object" };

    return jmespath_give(ev, json_string_of(ev->arena, names[args[0].value->type]), ret);
}

static bool call_not_null(struct evaluation *ev UNUSED, const struct argument *args, size_t n, const struct json **ret)
{
    *ret = &json_null;
    for (size_t i = 0; i < n && (*ret)->type == JSON_NULL; i++)
        *ret = args[i].value;
    return true;
}

static bool call_to_array(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    struct value_list list = { 0 };

    if (args[0].value->type == JSON_ARRAY)
        return jmespath_give(ev, args[0].value, ret);
    return jmespath_list_add(ev, &list, args[0].value) && jmespath_give_list(ev, &list, ret);
}

static bool call_length(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *v = args[0].value;
    size_t length = v->type == JSON_ARRAY ? v->array.n : v->type == JSON_OBJECT ? v->object.n : 0;

    if (v->type == JSON_STRING) { /* in characters */
        if (!jmespath_spend(ev, v->string.len / BYTES_PER_STEP))
            return false;
        for (size_t i = 0; i < v->string.len; i++)
            length += (v->string.data[i] & 0xc0) != 0x80;
    }
    return jmespath_give(ev, json_integer(ev->arena, (int64_t)length), ret);
}

static bool call_contains(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *where = args[0].value, *what = args[1].value;

    if (where->type == JSON_STRING)
        return jmespath_spend(ev, where->string.len / BYTES_PER_STEP) &&
               give_boolean(what->type == JSON_STRING && bytes_find(where->string, what->string) != SIZE_MAX, ret);
    for (size_t i = 0; i < where->array.n; i++) {
        if (!jmespath_weigh(ev, where->array.items[i]))
            return false;
        if (json_equal(where->array.items[i], what))
            return give_boolean(true, ret);
    }
    return give_boolean(false, ret);
}

/* ---- objects ---- */

static bool call_keys(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *v = args[0].value;
    struct value_list list = { 0 };

    for (size_t i = 0; i < v->object.n; i++) {
        const struct json *name;

        if (!jmespath_spend(ev, 1) || !jmespath_give(ev, json_string(ev->arena, v->object.members[i].name), &name) ||
            !jmespath_list_add(ev, &list, name))
            return false;
    }
    return jmespath_give_list(ev, &list, ret);
}

static bool call_values(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *v = args[0].value;
    struct value_list list = { 0 };

    if (!jmespath_spend(ev, v->object.n))
        return false;
    for (size_t i = 0; i < v->object.n; i++)
        if (!jmespath_list_add(ev, &list, v->object.members[i].value))
            return false;
    return jmespath_give_list(ev, &list, ret);
}

/* Later members replace earlier ones in their place. */
static bool merge_member(struct evaluation *ev, struct json_member *members, size_t *n, struct json_member m)
{
    if (!jmespath_spend(ev, (1 + *n / BYTES_PER_STEP) * (1 + m.name.len / BYTES_PER_STEP)))
        return false;
    for (size_t i = 0; i < *n; i++) {
        if (bytes_equal(members[i].name, m.name)) {
            members[i].value = m.value;
            return true;
        }
    }
    members[(*n)++] = m;
    return true;
}

static bool call_merge(struct evaluation *ev, const struct argument *args, size_t n, const struct json **ret)
{
    struct json_member *members;
    size_t total = 0, used = 0;

    for (size_t i = 0; i < n; i++)
        total += args[i].value->object.n;
    members = ARENA_ARRAY(ev->arena, total, struct json_member);
    if (!members)
        return jmespath_no_memory(ev->error, ev->offset);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < args[i].value->object.n; j++)
            if (!merge_member(ev, members, &used, args[i].value->object.members[j]))
                return false;
    return jmespath_give(ev, json_object(ev->arena, members, used), ret);
}

/* ---- order ---- */

/* Sorting is stable: equal keys keep the order of their indexes. */
struct sortable {
    const struct json *key, *value;
    size_t index;
};

static int order(const struct json *a, const struct json *b)
{
    if (a->type == JSON_STRING) /* UTF-8 sorts like its code points */
        return bytes_compare(a->string, b->string);
    return json_number_order(a, b);
}

static int sortable_order(const void *left, const void *right)
{
    const struct sortable *a = left, *b = right;
    int by_key = order(a->key, b->key);

    return by_key ? by_key : (a->index > b->index) - (a->index < b->index);
}

/* Evaluates `by` (NULL: the element itself) on each element; keys must be all numbers or all strings. */
static bool sort_keys(struct evaluation *ev, const struct json *array, const struct node *by, struct sortable **ret)
{
    struct sortable *rows = ARENA_ARRAY(ev->arena, array->array.n, struct sortable);
    size_t offset = ev->offset;

    if (!rows)
        return jmespath_no_memory(ev->error, ev->offset);
    for (size_t i = 0; i < array->array.n; i++) {
        rows[i] = (struct sortable){ .key = array->array.items[i], .value = array->array.items[i], .index = i };
        if (by && !jmespath_evaluate(ev, by, rows[i].value, &rows[i].key))
            return false;
        if ((rows[i].key->type != JSON_NUMBER && rows[i].key->type != JSON_STRING) || rows[i].key->type != rows[0].key->type)
            return jmespath_fail(ev->error, JMESPATH_INVALID_TYPE, offset, "the keys to order by must be all numbers or all strings");
        if (rows[i].key->type == JSON_STRING && !jmespath_spend(ev, rows[i].key->string.len / BYTES_PER_STEP))
            return false;
    }
    *ret = rows;
    return true;
}

static bool sorted(struct evaluation *ev, const struct json *array, const struct node *by, const struct json **ret)
{
    enum { STEPS_PER_ROW = 8 };
    struct value_list list = { 0 };
    struct sortable *rows;

    if (!jmespath_spend(ev, array->array.n * STEPS_PER_ROW) || !sort_keys(ev, array, by, &rows))
        return false;
    qsort(rows, array->array.n, sizeof *rows, sortable_order);
    for (size_t i = 0; i < array->array.n; i++)
        if (!jmespath_list_add(ev, &list, rows[i].value))
            return false;
    return jmespath_give_list(ev, &list, ret);
}

/* sign is 1 for the greatest, -1 for the least; the first of equals; null of nothing. */
static bool extreme(struct evaluation *ev, const struct json *array, const struct node *by, int sign, const struct json **ret)
{
    struct sortable *rows;
    size_t best = 0;

    *ret = &json_null;
    if (!jmespath_spend(ev, array->array.n) || !sort_keys(ev, array, by, &rows))
        return false;
    for (size_t i = 1; i < array->array.n; i++)
        if (order(rows[i].key, rows[best].key) * sign > 0)
            best = i;
    if (array->array.n)
        *ret = rows[best].value;
    return true;
}

static bool call_sort(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return sorted(ev, args[0].value, NULL, ret);
}

static bool call_sort_by(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return sorted(ev, args[0].value, args[1].expref, ret);
}

static bool call_max(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return extreme(ev, args[0].value, NULL, 1, ret);
}

static bool call_max_by(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return extreme(ev, args[0].value, args[1].expref, 1, ret);
}

static bool call_min(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return extreme(ev, args[0].value, NULL, -1, ret);
}

static bool call_min_by(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    return extreme(ev, args[0].value, args[1].expref, -1, ret);
}

/* Unlike projections map() keeps nulls. */
static bool call_map(struct evaluation *ev, const struct argument *args, size_t n UNUSED, const struct json **ret)
{
    const struct json *array = args[1].value;
    struct value_list list = { 0 };

    for (size_t i = 0; i < array->array.n; i++) {
        const struct json *item;

        if (!jmespath_evaluate(ev, args[0].expref, array->array.items[i], &item) || !jmespath_list_add(ev, &list, item))
            return false;
    }
    return jmespath_give_list(ev, &list, ret);
}

/* ---- the table ---- */

/* clang-format off */
static const struct function functions[] = {
    { "abs",                1, false, { ARG_NUMBER },                              call_abs },
    { "avg",                1, false, { ARG_NUMBERS },                             call_avg },
    { "ceil",               1, false, { ARG_NUMBER },                              call_ceil },
    { "contains",           2, false, { ARG_ARRAY | ARG_STRING, ARG_ANY },         call_contains },
    { "ends_with",          2, false, { ARG_STRING, ARG_STRING },                  call_ends_with },
    { "equals_ignore_case", 2, false, { ARG_STRING | ARG_NULL, ARG_STRING | ARG_NULL }, call_equals_ignore_case },
    { "floor",              1, false, { ARG_NUMBER },                              call_floor },
    { "join",               2, false, { ARG_STRING, ARG_STRINGS },                 call_join },
    { "keys",               1, false, { ARG_OBJECT },                              call_keys },
    { "length",             1, false, { ARG_STRING | ARG_ARRAY | ARG_OBJECT },     call_length },
    { "map",                2, false, { ARG_EXPREF, ARG_ARRAY },                   call_map },
    { "max",                1, false, { ARG_NUMBERS | ARG_STRINGS },               call_max },
    { "max_by",             2, false, { ARG_ARRAY, ARG_EXPREF },                   call_max_by },
    { "merge",              1, true,  { ARG_OBJECT },                              call_merge },
    { "min",                1, false, { ARG_NUMBERS | ARG_STRINGS },               call_min },
    { "min_by",             2, false, { ARG_ARRAY, ARG_EXPREF },                   call_min_by },
    { "not_null",           1, true,  { ARG_ANY },                                 call_not_null },
    { "reverse",            1, false, { ARG_STRING | ARG_ARRAY },                  call_reverse },
    { "sort",               1, false, { ARG_NUMBERS | ARG_STRINGS },               call_sort },
    { "sort_by",            2, false, { ARG_ARRAY, ARG_EXPREF },                   call_sort_by },
    { "starts_with",        2, false, { ARG_STRING, ARG_STRING },                  call_starts_with },
    { "sum",                1, false, { ARG_NUMBERS },                             call_sum },
    { "to_array",           1, false, { ARG_ANY },                                 call_to_array },
    { "to_number",          1, false, { ARG_ANY },                                 call_to_number },
    { "to_string",          1, false, { ARG_ANY },                                 call_to_string },
    { "type",               1, false, { ARG_ANY },                                 call_type },
    { "values",             1, false, { ARG_OBJECT },                              call_values },
};
/* clang-format on */

const struct function *jmespath_function_find(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (bytes_equal_string(name, functions[i].name))
            return &functions[i];
    return NULL;
}

static bool all_of(const struct json *array, enum json_type type)
{
    for (size_t i = 0; i < array->array.n; i++)
        if (array->array.items[i]->type != type)
            return false;
    return true;
}

static bool argument_fits(const struct argument *arg, unsigned types)
{
    static const unsigned bits[] = { [JSON_NULL] = ARG_NULL,     [JSON_BOOLEAN] = ARG_BOOLEAN, [JSON_NUMBER] = ARG_NUMBER,
                                     [JSON_STRING] = ARG_STRING, [JSON_ARRAY] = ARG_ARRAY,     [JSON_OBJECT] = ARG_OBJECT };

    if (!arg->value)
        return types & ARG_EXPREF;
    if (types & bits[arg->value->type])
        return true;
    return arg->value->type == JSON_ARRAY &&
           ((types & ARG_NUMBERS && all_of(arg->value, JSON_NUMBER)) || (types & ARG_STRINGS && all_of(arg->value, JSON_STRING)));
}

static void describe(unsigned types, char *text, size_t size)
{
    static const char *const names[] = {
        "null", "a boolean", "a number", "a string", "an array", "an object", "an array of numbers", "an array of strings", "&expression"
    };
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(names) && at < size; i++)
        if (types & 1U << i)
            at += (size_t)snprintf(text + at, size - at, "%s%s", at ? " or " : "", names[i]);
}

bool jmespath_function_call(struct evaluation *ev, const struct function *f, const struct argument *args, size_t n, const struct json **ret)
{
    for (size_t i = 0; i < n; i++) {
        unsigned types = f->types[i < f->min_args ? i : f->min_args - 1];

        if (args[i].value && args[i].value->type == JSON_ARRAY && !jmespath_spend(ev, args[i].value->array.n / BYTES_PER_STEP))
            return false;
        if (!argument_fits(&args[i], types)) {
            char wanted[160] = "";

            describe(types, wanted, sizeof wanted);
            return jmespath_fail(ev->error, JMESPATH_INVALID_TYPE, ev->offset, "%s(): argument %zu must be %s", f->name, i + 1, wanted);
        }
    }
    return f->call(ev, args, n, ret);
}
