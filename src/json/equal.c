/* Equality of values. Small objects in the same order, the usual case, cost one pass; others are compared through sorted copies,
 * so that hostile objects cost n log n and not n². */
#include "json/value.h"
#include <stdlib.h>

static int name_order(const struct json_member *a, const struct json_member *b) { return bytes_compare(a->name, b->name); }

/* Duplicates come in document order: the address decides. */
static int member_order(const void *left, const void *right)
{
    const struct json_member *a = *(const struct json_member *const *)left, *b = *(const struct json_member *const *)right;
    int order = name_order(a, b);

    return order ? order : (a > b) - (a < b);
}

/* The members that count, sorted by name: of duplicates the last. NULL: no memory. */
static const struct json_member **sorted_members(struct arena *scratch, const struct json *v, size_t *ret_n)
{
    const struct json_member **sorted = arena_array(scratch, v->object.n, sizeof *sorted);
    size_t n = 0;

    if (!sorted)
        return NULL;
    for (size_t i = 0; i < v->object.n; i++)
        sorted[i] = &v->object.members[i];
    qsort(sorted, v->object.n, sizeof *sorted, member_order);
    for (size_t i = 0; i < v->object.n; i++)
        if (i + 1 == v->object.n || name_order(sorted[i], sorted[i + 1]) != 0)
            sorted[n++] = sorted[i];
    *ret_n = n;
    return sorted;
}

static bool same_sets(const struct json *a, const struct json *b)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    size_t n_a, n_b;
    const struct json_member **left = sorted_members(&scratch, a, &n_a), **right = sorted_members(&scratch, b, &n_b);

    if (!left || !right || n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++)
        if (name_order(left[i], right[i]) != 0 || !json_equal(left[i]->value, right[i]->value))
            return false;
    return true;
}

/* Same names in the same order, each once: then values can be compared pair by pair. Names only are looked at here, so that every
 * pair of values is compared once, however deep the objects nest. */
static bool comparable_in_order(const struct json *a, const struct json *b)
{
    enum { FEW = 16 };

    if (a->object.n != b->object.n || a->object.n > FEW)
        return false;
    for (size_t i = 0; i < a->object.n; i++) {
        if (name_order(&a->object.members[i], &b->object.members[i]) != 0)
            return false;
        for (size_t j = 0; j < i; j++)
            if (name_order(&a->object.members[i], &a->object.members[j]) == 0)
                return false;
    }
    return true;
}

static bool objects_equal(const struct json *a, const struct json *b)
{
    if (!comparable_in_order(a, b))
        return same_sets(a, b);
    for (size_t i = 0; i < a->object.n; i++)
        if (!json_equal(a->object.members[i].value, b->object.members[i].value))
            return false;
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->type != b->type)
        return false;
    switch (a->type) {
    case JSON_NULL:
        return true;
    case JSON_BOOLEAN:
        return a->boolean == b->boolean;
    case JSON_NUMBER:
        return json_number_order(a, b) == 0;
    case JSON_STRING:
        return bytes_equal(a->string, b->string);
    case JSON_ARRAY:
        if (a->array.n != b->array.n)
            return false;
        for (size_t i = 0; i < a->array.n; i++)
            if (!json_equal(a->array.items[i], b->array.items[i]))
                return false;
        return true;
    case JSON_OBJECT:
        return objects_equal(a, b);
    }
    return false;
}
