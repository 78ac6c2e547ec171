/* Windows' boot modules of two boots: register 12 has a digest for each and no name. An update changes dozens: one finding says how many. */
#include "bootchain/compare/comparison.h"

static bool is_module(const struct component *x) { return x->kind == COMPONENT_LOADER_FILE && strcmp(x->key, "windows:module") == 0; }

/* Those of one side that the other does not have; *ret_first is one of them, or NULL. */
static size_t take_others(struct side *side, const struct component **ret_first)
{
    size_t n = 0;

    *ret_first = NULL;
    for (size_t i = 0; i < side->n; i++) {
        if (side->done[i] || !is_module(&side->items[i]))
            continue;
        *ret_first = *ret_first ? *ret_first : &side->items[i];
        side->done[i] = true;
        n++;
    }
    return n;
}

void modules_compare(struct comparison *c)
{
    const struct component *missing, *added;
    size_t n_missing, n_added;

    for (size_t i = 0; i < c->was.n; i++) /* alternatives are matched one by one */
        if (is_module(&c->was.items[i]) && c->was.items[i].accepts != COMPONENT_EXPECTED)
            return;
    n_missing = take_others(&c->was, &missing);
    n_added = take_others(&c->is, &added);
    if (n_missing || n_added)
        deviation_report(
            c, FINDING_BOOT_CONFIG_CHANGED, SEVERITY_MEDIUM, missing, added,
            arena_printf(c->a, "Windows loaded other boot modules: %zu new, %zu missing; the first ones are shown.", n_added, n_missing));
}
