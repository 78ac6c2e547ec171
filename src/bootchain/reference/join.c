#include "bootchain/reference/join.h"
#include <stdlib.h>
#include "base/limits.h"

static bool no_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "no memory for reference data"); }

void revocation_merge(struct revocation *first, const struct revocation *second)
{
    if (!first->what)
        first->what = second->what;
    if (!first->why)
        first->why = second->why;
    if (!first->since)
        first->since = second->since;
    first->architectures |= second->architectures;
    if (second->list < first->list)
        first->list = second->list;
    if (second->signed_after_ms < first->signed_after_ms) /* 0: everything that it signed */
        first->signed_after_ms = second->signed_after_ms;
}

/* Those of `one` first, so that its details win. */
static int compare(const void *a, const void *b)
{
    const struct revocation *const *x = a, *const *y = b;
    int order = revocation_compare(*x, *y);

    return order ? order : (*x > *y) - (*x < *y);
}

static bool join_revocations(struct arena *a, const struct revocation *one, size_t n_one, const struct revocation *two, size_t n_two,
                             const struct revocation **ret, size_t *ret_n, struct err *err)
{
    size_t n = n_one + n_two, kept = 0;
    struct revocation *all, *made;
    const struct revocation **order;

    if (n > LIMIT_SIGNATURES)
        return err_set(err, ERR_LIMIT, "more than %d revocations of one kind", LIMIT_SIGNATURES);
    all = ARENA_ARRAY(a, n, struct revocation);
    made = ARENA_ARRAY(a, n, struct revocation);
    order = ARENA_ARRAY(a, n, const struct revocation *);
    if (!all || !made || !order)
        return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        all[i] = i < n_one ? one[i] : two[i - n_one];
        order[i] = &all[i];
    }
    qsort(order, n, sizeof *order, compare);
    for (size_t i = 0; i < n; i++)
        if (kept && revocation_compare(&made[kept - 1], order[i]) == 0)
            revocation_merge(&made[kept - 1], order[i]);
        else
            made[kept++] = *order[i];
    *ret = made;
    *ret_n = kept;
    return true;
}

static bool join_known(struct arena *a, const struct boot_reference *one, const struct boot_reference *two, struct boot_reference *made,
                       struct err *err)
{
    struct known_certificate *known = ARENA_ARRAY(a, one->n_known + two->n_known, struct known_certificate);

    if (!known)
        return no_memory(err);
    for (size_t i = 0; i < one->n_known; i++)
        known[made->n_known++] = one->known[i];
    for (size_t i = 0; i < two->n_known; i++) {
        size_t k = 0;
        while (k < made->n_known && memcmp(known[k].sha256, two->known[i].sha256, sizeof known[k].sha256) != 0)
            k++;
        if (k == made->n_known)
            known[made->n_known++] = two->known[i];
    }
    made->known = known;
    return true;
}

static bool join_sources(struct arena *a, const struct boot_reference *one, const struct boot_reference *two, struct boot_reference *made,
                         struct err *err)
{
    struct reference_source *sources = ARENA_ARRAY(a, one->n_sources + two->n_sources, struct reference_source);

    if (!sources)
        return no_memory(err);
    for (size_t i = 0; i < one->n_sources + two->n_sources; i++) {
        const struct reference_source *s = i < one->n_sources ? &one->sources[i] : &two->sources[i - one->n_sources];
        size_t k = 0;
        while (k < made->n_sources && (sources[k].as_of_ms != s->as_of_ms || strcmp(sources[k].words, s->words) != 0))
            k++;
        if (k == made->n_sources)
            sources[made->n_sources++] = *s;
    }
    made->sources = sources;
    return true;
}

static bool join_sbat(struct arena *a, const struct boot_reference *one, const struct boot_reference *two, struct boot_reference *made,
                      struct err *err)
{
    const struct boot_reference *newer = two->sbat_date > one->sbat_date ? two : one;
    struct sbat_requirement *sbat;

    made->sbat_date = newer->sbat_date;
    made->sbat = newer->sbat;
    made->n_sbat = newer->n_sbat;
    if (one->sbat_date != two->sbat_date || !one->n_sbat || !two->n_sbat) {
        if (!made->n_sbat && (one->n_sbat || two->n_sbat) && one->sbat_date == two->sbat_date) {
            made->sbat = one->n_sbat ? one->sbat : two->sbat;
            made->n_sbat = one->n_sbat ? one->n_sbat : two->n_sbat;
        }
        return true;
    }
    sbat = ARENA_ARRAY(a, one->n_sbat + two->n_sbat, struct sbat_requirement);
    if (!sbat)
        return no_memory(err);
    made->n_sbat = 0;
    for (size_t i = 0; i < one->n_sbat + two->n_sbat; i++) {
        const struct sbat_requirement *s = i < one->n_sbat ? &one->sbat[i] : &two->sbat[i - one->n_sbat];
        size_t k = 0;
        while (k < made->n_sbat && strcmp(sbat[k].component, s->component) != 0)
            k++;
        if (k == made->n_sbat)
            sbat[made->n_sbat++] = *s;
        else if (s->generation > sbat[k].generation)
            sbat[k].generation = s->generation;
    }
    made->sbat = sbat;
    return true;
}

bool reference_join(struct arena *a, const struct boot_reference *one, const struct boot_reference *two, struct boot_reference *ret,
                    struct err *err)
{
    static const struct boot_reference nothing = { 0 };
    struct boot_reference made = { 0 };

    if (!one)
        one = &nothing;
    made.name = one->name;
    made.as_of_ms = one->as_of_ms;
    if (!join_revocations(a, one->images, one->n_images, two->images, two->n_images, &made.images, &made.n_images, err) ||
        !join_revocations(a, one->certificates, one->n_certificates, two->certificates, two->n_certificates, &made.certificates,
                          &made.n_certificates, err) ||
        !join_known(a, one, two, &made, err) || !join_sources(a, one, two, &made, err) || !join_sbat(a, one, two, &made, err))
        return false;
    *ret = made;
    return true;
}

static bool describe(struct arena *a, const struct revocation **list, size_t n, const struct revocation *notes, size_t n_notes,
                     struct err *err)
{
    struct revocation *made = ARENA_ARRAY(a, n, struct revocation);

    if (!made)
        return no_memory(err);
    for (size_t i = 0, k = 0; i < n; i++) {
        int order = 1;
        made[i] = (*list)[i];
        while (k < n_notes && (order = revocation_compare(&notes[k], &made[i])) < 0)
            k++;
        if (k < n_notes && order == 0)
            revocation_merge(&made[i], &notes[k]);
    }
    *list = made;
    return true;
}

bool reference_describe(struct arena *a, const struct boot_reference *one, const struct boot_reference *notes, struct boot_reference *ret,
                        struct err *err)
{
    struct boot_reference made = *one;

    if (!describe(a, &made.images, made.n_images, notes->images, notes->n_images, err) ||
        !describe(a, &made.certificates, made.n_certificates, notes->certificates, notes->n_certificates, err))
        return false;
    *ret = made;
    return true;
}

/* ---- out of key lists ---- */
