#include "cli/eventlog/confidential_diff.h"
#include <stdlib.h>

/* One event of a log, in the order in which it is looked for. */
struct item {
    const struct event *event;
    struct bytes digest; /* in the bank that both logs have */
    bool matched;
};

struct items {
    size_t n;
    struct item *items;
};

/* The strongest bank of both. */
static enum digest_algorithm common_bank(const struct eventlog *was, const struct eventlog *is)
{
    enum digest_algorithm best = DIGEST_NONE;

    for (size_t i = 0; i < was->n_parts; i++)
        for (size_t k = 0; k < was->parts[i].n_banks; k++) {
            enum digest_algorithm bank = was->parts[i].banks[k].algorithm;
            if (eventlog_has_bank(is, bank) && digest_len(bank) > digest_len(best))
                best = bank;
        }
    return best;
}

static int by_number(const struct item *x, const struct item *y)
{
    return x->event->number < y->event->number ? -1 : x->event->number > y->event->number;
}

static int compare_registers(const struct item *x, const struct item *y)
{
    return x->event->pcr < y->event->pcr ? -1 : x->event->pcr > y->event->pcr;
}

static int compare_contents(const struct item *x, const struct item *y)
{
    int order = compare_registers(x, y);

    if (!order)
        order = x->digest.len < y->digest.len ? -1 : x->digest.len > y->digest.len;
    return order || !x->digest.len ? order : memcmp(x->digest.data, y->digest.data, x->digest.len);
}

static int compare_kinds(const struct item *x, const struct item *y)
{
    int order = compare_registers(x, y);

    return order ? order : x->event->type < y->event->type ? -1 : x->event->type > y->event->type;
}

static int by_content(const void *a, const void *b)
{
    int order = compare_contents(a, b);

    return order ? order : by_number(a, b);
}

static int by_kind(const void *a, const void *b)
{
    int order = compare_kinds(a, b);

    return order ? order : by_number(a, b);
}

static bool collect(struct arena *a, const struct eventlog *log, enum digest_algorithm bank, struct items *ret, struct err *err)
{
    *ret = (struct items){ .items = ARENA_ARRAY(a, log->n_events ? log->n_events : 1, struct item) };
    if (!ret->items)
        return err_set(err, ERR_NO_MEMORY, "no memory to compare events");
    for (size_t i = 0; i < log->n_events; i++)
        if (log->events[i].type != EVENT_TYPE(EV_NO_ACTION))
            ret->items[ret->n++] = (struct item){ &log->events[i], event_digest(log, &log->events[i], bank), false };
    if (ret->n)
        qsort(ret->items, ret->n, sizeof *ret->items, by_content);
    return true;
}

/* Both are sorted: each event of one finds at most one of the other. */
static void match(struct items *was, struct items *is)
{
    for (size_t i = 0, k = 0; i < was->n && k < is->n;) {
        int order = compare_contents(&was->items[i], &is->items[k]);
        if (order == 0)
            was->items[i].matched = is->items[k].matched = true;
        i += order <= 0;
        k += order >= 0;
    }
}

static void keep_unmatched(struct items *side)
{
    size_t n = 0;

    for (size_t i = 0; i < side->n; i++)
        if (!side->items[i].matched)
            side->items[n++] = side->items[i];
    side->n = n;
    if (n)
        qsort(side->items, n, sizeof *side->items, by_kind);
}

bool confidential_differences(struct arena *a, const struct eventlog *was, const struct eventlog *is, size_t *ret_n,
                              const struct measured_difference **ret, struct err *err)
{
    enum digest_algorithm bank = common_bank(was, is);
    struct items old, new;
    struct measured_difference *found;
    size_t n = 0, i = 0, k = 0;

    if (bank == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, "the logs have no digests of the same algorithm");
    if (!collect(a, was, bank, &old, err) || !collect(a, is, bank, &new, err))
        return false;
    match(&old, &new);
    keep_unmatched(&old);
    keep_unmatched(&new);
    found = ARENA_ARRAY(a, old.n + new.n + 1, struct measured_difference);
    if (!found)
        return err_set(err, ERR_NO_MEMORY, "no memory to compare events");
    while (i < old.n || k < new.n) {
        int order = i == old.n ? 1 : k == new.n ? -1 : compare_kinds(&old.items[i], &new.items[k]);
        found[n++] = (struct measured_difference){ order == 0  ? MEASURED_CHANGED
                                                   : order < 0 ? MEASURED_MISSING
                                                               : MEASURED_NEW,
                                                   order <= 0 ? old.items[i].event : NULL, order >= 0 ? new.items[k].event : NULL };
        i += order <= 0;
        k += order >= 0;
    }
    *ret_n = n;
    *ret = found;
    return true;
}
