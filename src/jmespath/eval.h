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

MUST_CHECK bool jmespath_evaluate(struct evaluation *ev, const struct node *node, const struct json *value, const struct json **ret);
bool jmespath_out_of_steps(struct evaluation *ev); /* fails with JMESPATH_LIMIT */
enum { JMESPATH_STEPS_BETWEEN_CLOCKS = 4096 };
bool jmespath_in_time(struct evaluation *ev); /* fails with JMESPATH_LATE */

/* jmespath_spend takes `steps` from the budget, or fails. */
MUST_CHECK static inline bool jmespath_spend(struct evaluation *ev, size_t steps)
{
    uint64_t before = ev->budget->steps;

    if (steps > before)
        return jmespath_out_of_steps(ev);
    ev->budget->steps -= steps;
    return (before ^ ev->budget->steps) / JMESPATH_STEPS_BETWEEN_CLOCKS == 0 || jmespath_in_time(ev);
}

/* jmespath_weigh spends as much as it takes to walk through the whole of v. */
MUST_CHECK bool jmespath_weigh(struct evaluation *ev, const struct json *v);
MUST_CHECK bool jmespath_list_add(struct evaluation *ev, struct value_list *list, const struct json *v);
/* jmespath_give sets *ret to v unless v is NULL: then memory is out. */
MUST_CHECK bool jmespath_give(struct evaluation *ev, const struct json *v, const struct json **ret);
MUST_CHECK bool jmespath_give_list(struct evaluation *ev, const struct value_list *list, const struct json **ret);
