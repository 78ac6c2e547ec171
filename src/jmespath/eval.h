/* jmespath/eval.h: what the evaluator lends to functions. */
#pragma once
#include "jmespath/ast.h"

struct evaluation {
    struct arena *arena;
    struct jmespath_budget *budget;
    struct jmespath_error *error;
    size_t offset; /* of the call that runs */
};

/* A list of values that grows in the arena. */
struct value_list {
    const struct json **items;
    size_t n, capacity;
};

MUST_CHECK bool evaluate(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret);
/* evaluation_spend takes `steps` from the budget, or fails with JMESPATH_LIMIT. */
MUST_CHECK bool evaluation_spend(struct evaluation *ev, size_t steps);
/* evaluation_weigh spends as much as it takes to walk through the whole of v. */
MUST_CHECK bool evaluation_weigh(struct evaluation *ev, const struct json *v);
MUST_CHECK bool value_list_add(struct evaluation *ev, struct value_list *list, const struct json *v);
/* evaluation_give sets *ret to v unless v is NULL: then memory is out. */
MUST_CHECK bool evaluation_give(struct evaluation *ev, const struct json *v, const struct json **ret);
MUST_CHECK bool evaluation_give_list(struct evaluation *ev, const struct value_list *list, const struct json **ret);
