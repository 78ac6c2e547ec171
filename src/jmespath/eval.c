#include "jmespath/eval.h"
#include "base/deadline.h"
#include "base/limits.h"
#include "jmespath/functions.h"

enum { MEMBERS_PER_STEP = 16, BYTES_PER_STEP = 64 };

/* jmespath_evaluate() runs for every node and every element: what needs registers and stack is kept out of its frame. */
#define OUT_OF_LINE __attribute__((noinline))

bool jmespath_out_of_steps(struct evaluation *ev)
{
    ev->budget->steps = 0;
    return jmespath_fail(ev->error, JMESPATH_LIMIT, ev->offset, "the query takes more steps than allowed");
}

bool jmespath_in_time(struct evaluation *ev)
{
    struct err err = ERR_INIT;

    return deadline_check("evaluating a query", &err) || jmespath_fail(ev->error, JMESPATH_LATE, ev->offset, "%s", err.text);
}

bool jmespath_weigh(struct evaluation *ev, const struct json *v)
{
    size_t n = v->type == JSON_ARRAY ? v->array.n : v->type == JSON_OBJECT ? v->object.n : 0;

    if (!jmespath_spend(ev, 1 + (v->type == JSON_STRING ? v->string.len / BYTES_PER_STEP : n)))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v->type == JSON_OBJECT && !jmespath_spend(ev, v->object.members[i].name.len / BYTES_PER_STEP))
            return false;
        if (!jmespath_weigh(ev, v->type == JSON_ARRAY ? v->array.items[i] : v->object.members[i].value))
            return false;
    }
    return true;
}

bool jmespath_give(struct evaluation *ev, const struct json *v, const struct json **ret)
{
    if (!v)
        return jmespath_no_memory(ev->error, ev->offset);
    *ret = v;
    return true;
}

bool jmespath_list_add(struct evaluation *ev, struct value_list *list, const struct json *v)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        const struct json **grown = arena_grow(ev->arena, list->items, list->n, capacity, sizeof *grown);

        if (!grown)
            return jmespath_no_memory(ev->error, ev->offset);
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = v;
    return true;
}

bool jmespath_give_list(struct evaluation *ev, const struct value_list *list, const struct json **ret)
{
    return jmespath_give(ev, json_array(ev->arena, list->items, list->n), ret);
}

/* The specification's "false-like" values. */
static bool is_true(const struct json *v)
{
    switch (v->type) {
    case JSON_NULL:
        return false;
    case JSON_BOOLEAN:
        return v->boolean;
    case JSON_NUMBER:
        return true;
    case JSON_STRING:
        return v->string.len > 0;
    case JSON_ARRAY:
        return v->array.n > 0;
    case JSON_OBJECT:
        return v->object.n > 0;
    }
    return false;
}

static bool get_field(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    const struct json *member;

    if (value->type == JSON_OBJECT && !jmespath_spend(ev, value->object.n * (1 + node->name.len / BYTES_PER_STEP) / MEMBERS_PER_STEP))
        return false;
    member = json_get_bytes(value, node->name);
    *ret = member ? member : &json_null;
    return true;
}

static const struct json *get_index(const struct json *value, int64_t index)
{
    if (value->type != JSON_ARRAY)
        return &json_null;
    if (index < 0)
        index += (int64_t)value->array.n;
    return index < 0 || (uint64_t)index >= value->array.n ? &json_null : value->array.items[index];
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) { return value < low ? low : value > high ? high : value; }

/* A bound counted from the end when negative, and clamped to where the walk may begin or stop. */
static int64_t slice_bound(int64_t bound, int64_t n, bool backwards)
{
    if (bound < 0)
        bound = bound < -n ? -1 : bound + n;
    return backwards ? clamp(bound, -1, n - 1) : clamp(bound, 0, n);
}

static OUT_OF_LINE bool get_slice(struct evaluation *ev, const struct slice *slice, const struct json *value, const struct json **ret)
{
    struct value_list list = { 0 };
    bool backwards = slice->step < 0;
    int64_t n, start, stop;

    *ret = &json_null;
    if (value->type != JSON_ARRAY)
        return true;
    n = (int64_t)value->array.n;
    start = slice->has_start ? slice_bound(slice->start, n, backwards) : backwards ? n - 1 : 0;
    stop = slice->has_stop ? slice_bound(slice->stop, n, backwards) : backwards ? -1 : n;
    for (int64_t i = start; backwards ? i > stop : i < stop;) {
        if (!jmespath_spend(ev, 1) || !jmespath_list_add(ev, &list, value->array.items[i]))
            return false;
        if (__builtin_add_overflow(i, slice->step, &i))
            break;
    }
    return jmespath_give_list(ev, &list, ret);
}

static OUT_OF_LINE bool flatten(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    struct value_list list = { 0 };
    const struct json *base;

    if (!jmespath_evaluate(ev, node->left, value, &base))
        return false;
    *ret = &json_null;
    if (base->type != JSON_ARRAY)
        return true;
    for (size_t i = 0; i < base->array.n; i++) {
        const struct json *item = base->array.items[i];

        if (item->type != JSON_ARRAY) {
            if (!jmespath_spend(ev, 1) || !jmespath_list_add(ev, &list, item))
                return false;
            continue;
        }
        if (!jmespath_spend(ev, 1 + item->array.n))
            return false;
        for (size_t j = 0; j < item->array.n; j++)
            if (!jmespath_list_add(ev, &list, item->array.items[j]))
                return false;
    }
    return jmespath_give_list(ev, &list, ret);
}

/* Nulls drop out of projections. */
static bool project_one(struct evaluation *ev, const struct node *node, const struct json *item, struct value_list *list)
{
    const struct json *result;

    if (node->kind == NODE_FILTER) {
        if (!jmespath_evaluate(ev, node->condition, item, &result))
            return false;
        if (!is_true(result))
            return true;
    }
    return jmespath_evaluate(ev, node->right, item, &result) && (result->type == JSON_NULL || jmespath_list_add(ev, list, result));
}

static OUT_OF_LINE bool project(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    struct value_list list = { 0 };
    const struct json *base;
    bool of_object = node->kind == NODE_VALUE_PROJECTION;
    size_t n;

    if (!jmespath_evaluate(ev, node->left, value, &base))
        return false;
    *ret = &json_null;
    if (base->type != (of_object ? JSON_OBJECT : JSON_ARRAY))
        return true;
    n = of_object ? base->object.n : base->array.n;
    for (size_t i = 0; i < n; i++)
        if (!project_one(ev, node, of_object ? base->object.members[i].value : base->array.items[i], &list))
            return false;
    return jmespath_give_list(ev, &list, ret);
}

/* Comparing it costs more than the step of the comparison itself. */
static bool is_large(const struct json *v) { return v->type == JSON_STRING ? v->string.len > BYTES_PER_STEP : v->type > JSON_STRING; }

/* Most operands are names and literals. */
static inline bool evaluate_operand(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    if (node->kind == NODE_LITERAL) {
        *ret = node->literal;
        return true;
    }
    return node->kind == NODE_FIELD ? get_field(ev, node, value, ret) : jmespath_evaluate(ev, node, value, ret);
}

/* Order is defined for numbers only; anything else gives null. */
static OUT_OF_LINE bool compare(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    const struct json *a, *b;
    int order;

    if (!evaluate_operand(ev, node->left, value, &a) || !evaluate_operand(ev, node->right, value, &b))
        return false;
    if (node->comparison == TOKEN_EQ || node->comparison == TOKEN_NE) {
        if (is_large(a) && is_large(b) && (!jmespath_weigh(ev, a) || !jmespath_weigh(ev, b)))
            return false;
        *ret = json_boolean(json_equal(a, b) == (node->comparison == TOKEN_EQ));
        return true;
    }
    *ret = &json_null;
    if (a->type != JSON_NUMBER || b->type != JSON_NUMBER)
        return true;
    order = json_number_order(a, b);
    switch (node->comparison) {
    case TOKEN_LT:
        *ret = json_boolean(order < 0);
        break;
    case TOKEN_LE:
        *ret = json_boolean(order <= 0);
        break;
    case TOKEN_GT:
        *ret = json_boolean(order > 0);
        break;
    default:
        *ret = json_boolean(order >= 0);
    }
    return true;
}

static OUT_OF_LINE bool make_list(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    struct value_list list = { 0 };

    *ret = &json_null;
    if (value->type == JSON_NULL)
        return true;
    for (size_t i = 0; i < node->n; i++) {
        const struct json *item;

        if (!jmespath_evaluate(ev, node->items[i], value, &item) || !jmespath_list_add(ev, &list, item))
            return false;
    }
    return jmespath_give_list(ev, &list, ret);
}

static OUT_OF_LINE bool make_hash(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    struct json_member *members;

    *ret = &json_null;
    if (value->type == JSON_NULL)
        return true;
    members = ARENA_ARRAY(ev->arena, node->n, struct json_member);
    if (!members)
        return jmespath_no_memory(ev->error, node->offset);
    for (size_t i = 0; i < node->n; i++) {
        members[i].name = node->names[i];
        if (!jmespath_evaluate(ev, node->items[i], value, &members[i].value))
            return false;
    }
    return jmespath_give(ev, json_object(ev->arena, members, node->n), ret);
}

static OUT_OF_LINE bool call(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    enum { FEW = 4 };
    struct argument few[FEW], *args = few;

    if (node->n > FEW) {
        args = ARENA_ARRAY(ev->arena, node->n, struct argument);
        if (!args)
            return jmespath_no_memory(ev->error, node->offset);
    }
    for (size_t i = 0; i < node->n; i++) {
        args[i] = (struct argument){ NULL, NULL };
        if (node->items[i]->kind == NODE_EXPREF)
            args[i].expref = node->items[i]->left;
        else if (!jmespath_evaluate(ev, node->items[i], value, &args[i].value))
            return false;
    }
    ev->offset = node->offset;
    return jmespath_function_call(ev, node->function, args, node->n, ret);
}

static OUT_OF_LINE bool evaluate_chain(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    const struct json *left;

    return jmespath_evaluate(ev, node->left, value, &left) && jmespath_evaluate(ev, node->right, left, ret);
}

/* or, and: the left value where it decides, else the right one. */
static OUT_OF_LINE bool evaluate_logic(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    const struct json *left;

    if (!jmespath_evaluate(ev, node->left, value, &left))
        return false;
    if (is_true(left) != (node->kind == NODE_OR))
        return jmespath_evaluate(ev, node->right, value, ret);
    *ret = left;
    return true;
}

static OUT_OF_LINE bool evaluate_not(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    const struct json *left;

    if (!jmespath_evaluate(ev, node->left, value, &left))
        return false;
    *ret = json_boolean(!is_true(left));
    return true;
}

bool jmespath_evaluate(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret)
{
    if (!jmespath_spend(ev, 1))
        return false;
    switch (node->kind) {
    case NODE_CURRENT:
        *ret = value;
        return true;
    case NODE_FIELD:
        return get_field(ev, node, value, ret);
    case NODE_LITERAL:
        *ret = node->literal;
        return true;
    case NODE_CHAIN:
    case NODE_PIPE:
        return evaluate_chain(ev, node, value, ret);
    case NODE_INDEX:
        *ret = get_index(value, node->index);
        return true;
    case NODE_SLICE:
        return get_slice(ev, &node->slice, value, ret);
    case NODE_FLATTEN:
        return flatten(ev, node, value, ret);
    case NODE_PROJECTION:
    case NODE_VALUE_PROJECTION:
    case NODE_FILTER:
        return project(ev, node, value, ret);
    case NODE_OR:
    case NODE_AND:
        return evaluate_logic(ev, node, value, ret);
    case NODE_NOT:
        return evaluate_not(ev, node, value, ret);
    case NODE_COMPARISON:
        return compare(ev, node, value, ret);
    case NODE_LIST:
        return make_list(ev, node, value, ret);
    case NODE_HASH:
        return make_hash(ev, node, value, ret);
    case NODE_CALL:
        return call(ev, node, value, ret);
    case NODE_EXPREF: /* the parser lets it stand only where call() takes it apart */
        break;
    }
    return jmespath_fail(ev->error, JMESPATH_INVALID_TYPE, node->offset, "'&' outside of arguments");
}

bool jmespath_search(struct arena *a, const struct jmespath_expr *expr, const struct json *value, struct jmespath_budget *budget,
                     const struct json **ret, struct jmespath_error *error)
{
    struct jmespath_budget own = { .steps = LIMIT_POLICY_STEPS };
    struct evaluation ev = { .arena = a, .budget = budget ? budget : &own, .error = error };
    const struct json *result;

    if (!jmespath_evaluate(&ev, expr->root, value, &result))
        return false;
    *ret = result;
    return true;
}
