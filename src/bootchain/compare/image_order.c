/* The order of the images in register 4.
 *
 * Root can extend any register after the boot, and so bring in afterwards what a boot past an accepted loader lacks: GRUB's image behind the
 * kernel that shim started by itself with another command line, and GRUB's commands and files in registers 8 and 9. What it cannot do is to
 * put something in front of what is measured already. So an image has to come after the one that it came after in the accepted boot. */
#include "bootchain/compare/comparison.h"

enum { NAMES_SHOWN = 6 };

#define AT_THE_BEGINNING SIZE_MAX

struct follows {
    size_t image, after; /* indices of the accepted boot's components, or AT_THE_BEGINNING */
};

struct order {
    struct comparison *c;
    struct follows *accepted;
    size_t n_accepted;
};

static bool is_image(const struct component *x) { return x->pcr == 4 && x->kind != COMPONENT_BOOT_ATTEMPT && x->n_digests; }

/* The firmware begins anew with each boot entry that it tries. Its text is proved; whoever adds one later only begins another order. */
static bool is_beginning(const struct component *x) { return x->pcr == 4 && x->kind == COMPONENT_BOOT_ATTEMPT; }

/* What may take the place of another image stands where that one does. */
static size_t place_of_alternative(const struct side *was, size_t i)
{
    for (size_t k = 0; was->items[i].accepts == COMPONENT_ALTERNATIVE && k < was->n; k++)
        if (is_image(&was->items[k]) && was->items[k].accepts != COMPONENT_ALTERNATIVE && same_step(&was->items[i], &was->items[k]))
            return k;
    return i;
}

/* The first of the accepted images with this content, or with any. False: it is not among them, which is another finding. */
static bool accepted_image(const struct side *was, const struct component *x, size_t *ret)
{
    for (size_t k = 0; k < x->n_digests; k++)
        for (size_t p = side_find(was, &x->digests[k]); p < was->n_places && digest_equal(was->places[p].digest, &x->digests[k]); p++)
            if (is_image(&was->items[was->places[p].component]) && same_place(&was->items[was->places[p].component], x)) {
                *ret = place_of_alternative(was, was->places[p].component);
                return true;
            }
    for (size_t i = 0; i < was->n; i++)
        if (was->items[i].accepts == COMPONENT_ANY && is_image(&was->items[i]) && same_role(&was->items[i], x)) {
            *ret = i;
            return true;
        }
    return false;
}

static bool read_accepted(struct order *o)
{
    const struct side *was = &o->c->was;
    size_t after = AT_THE_BEGINNING, image;

    o->accepted = ARENA_ARRAY(o->c->a, was->n ? was->n : 1, struct follows);
    if (!o->accepted)
        return err_set(o->c->err, ERR_NO_MEMORY, "no memory to compare boots");
    for (size_t i = 0; i < was->n; i++) {
        if (is_beginning(&was->items[i]))
            after = AT_THE_BEGINNING;
        if (!is_image(&was->items[i]) || was->items[i].accepts == COMPONENT_ALTERNATIVE || !accepted_image(was, &was->items[i], &image))
            continue;
        o->accepted[o->n_accepted++] = (struct follows){ image, after };
        after = image;
    }
    return true;
}

/* A chain may begin anew at any time; an image that is measured twice in a row (by shim and by GRUB) is one. */
static bool is_accepted(const struct order *o, size_t image, size_t after)
{
    for (size_t i = 0; i < o->n_accepted; i++)
        if (o->accepted[i].image == image && (o->accepted[i].after == after || o->accepted[i].after == AT_THE_BEGINNING))
            return true;
    return image == after;
}

static const char *names(struct comparison *c, const struct side *side)
{
    const char *text = "";
    size_t n = 0;

    for (size_t i = 0; i < side->n && text; i++)
        if (is_image(&side->items[i]) && side->items[i].accepts != COMPONENT_ALTERNATIVE && n++ < NAMES_SHOWN)
            text = arena_printf(c->a, "%s%s%s", text, text[0] ? ", " : "", side->items[i].name);
    return n > NAMES_SHOWN && text ? arena_printf(c->a, "%s and %zu more", text, n - NAMES_SHOWN) : text;
}

static void report(struct comparison *c, const struct component *image, const struct component *after)
{
    struct finding *f = findings_add(c->findings, FINDING_BOOT_CHAIN_CHANGED, 4, image->event,
                                     after ? "%s was not started by what starts it in the accepted boot: it came after %s."
                                           : "%s was not started by what starts it in the accepted boot: the firmware started it.",
                                     image->name, after ? after->name : "");

    finding_was_is(c->findings, f, names(c, &c->was), names(c, &c->is));
}

/* An image that is new, another or missing is said already, and brings the order into disorder. */
static bool is_said(const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        bool of_images =
            f->id == FINDING_BOOT_CHAIN_CHANGED || f->id == FINDING_BOOT_LOADER_CHANGED || f->id == FINDING_BOOT_KERNEL_CHANGED;
        if (of_images && f->pcr == 4 && f->severity >= SEVERITY_MEDIUM)
            return true;
    }
    return false;
}

bool images_compare(struct comparison *c)
{
    struct order o = { .c = c };
    const struct component *before = NULL;
    size_t after = AT_THE_BEGINNING, image;

    if (is_said(c->findings))
        return true;
    if (!read_accepted(&o))
        return false;
    for (size_t i = 0; i < c->is.n; i++) {
        const struct component *x = &c->is.items[i];
        if (is_beginning(x)) {
            after = AT_THE_BEGINNING;
            before = NULL;
        }
        if (!is_image(x) || !accepted_image(&c->was, x, &image))
            continue;
        if (!is_accepted(&o, image, after)) {
            report(c, x, before);
            return true; /* one says it */
        }
        after = image;
        before = x;
    }
    return true;
}
