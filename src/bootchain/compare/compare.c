/* Comparing two boots: components are matched by content first, then by role; what is left over was added or is missing.
 * Last comes the order of the images. */
#include "bootchain/compare/comparison.h"
#include <stdlib.h>
#include "base/deadline.h"
#include "base/hex.h"

static bool no_memory(struct comparison *c) { return err_set(c->err, ERR_NO_MEMORY, "no memory to compare boots"); }

static int compare_places(const void *a, const void *b)
{
    const struct digest *x = ((const struct place *)a)->digest, *y = ((const struct place *)b)->digest;
    size_t i = ((const struct place *)a)->component, k = ((const struct place *)b)->component;
    int order;

    if (x->algorithm != y->algorithm)
        return x->algorithm < y->algorithm ? -1 : 1;
    order = memcmp(x->value, y->value, digest_len(x->algorithm));
    return order ? order : (i > k) - (i < k);
}

/* Register 10 is IMA's; 16 and 23 belong to programs. */
static bool is_judged(const struct component *c) { return c->pcr != 10; }

/* The same thing measured twice is one thing (shim and GRUB both measure the kernel). */
static void settle_repeats(struct side *side)
{
    for (size_t i = 1; i < side->n_places; i++) {
        const struct component *later = &side->items[side->places[i].component], *earlier = &side->items[side->places[i - 1].component];
        if (digest_equal(side->places[i].digest, side->places[i - 1].digest) && same_role(earlier, later) &&
            component_same_content(earlier, later))
            side->done[side->places[i].component] = true;
    }
}

static bool side_begin(struct comparison *c, struct side *side, struct component_list list)
{
    size_t n = 0;

    *side = (struct side){ .items = list.items, .n = list.n };
    for (size_t i = 0; i < list.n; i++)
        n += list.items[i].n_digests;
    side->done = ARENA_ARRAY(c->a, list.n ? list.n : 1, bool);
    side->places = ARENA_ARRAY(c->a, n ? n : 1, struct place);
    if (!side->done || !side->places)
        return no_memory(c);
    for (size_t i = 0; i < list.n; i++)
        for (size_t k = 0; k < list.items[i].n_digests; k++)
            side->places[side->n_places++] = (struct place){ &list.items[i].digests[k], i };
    qsort(side->places, side->n_places, sizeof *side->places, compare_places);
    for (size_t i = 0; i < list.n; i++)
        side->done[i] = !is_judged(&list.items[i]);
    settle_repeats(side);
    return true;
}

size_t side_find(const struct side *side, const struct digest *digest)
{
    const struct place wanted = { digest, 0 };
    size_t low = 0, high = side->n_places;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_places(&side->places[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Equal content on both sides is no deviation, however often and in whatever order it was measured. */
static void match_content(struct side *from, const struct side *to)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct component *c = &from->items[i];
        for (size_t k = 0; k < c->n_digests && !from->done[i]; k++)
            for (size_t p = side_find(to, &c->digests[k]); p < to->n_places && digest_equal(to->places[p].digest, &c->digests[k]); p++)
                if (same_place(c, &to->items[to->places[p].component])) {
                    from->done[i] = true;
                    break;
                }
    }
}

/* A baseline's component with "any" takes all of its role, holes included; one alternative that is there excuses the others. */
static void apply_consent(struct comparison *c)
{
    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *accepted = &c->was.items[i];
        if (accepted->accepts == COMPONENT_ALTERNATIVE) {
            c->was.done[i] = true;
            continue;
        }
        if (accepted->accepts != COMPONENT_ANY)
            continue;
        for (size_t k = 0; k < c->was.n; k++)
            if (same_role(accepted, &c->was.items[k]))
                c->was.done[k] = true;
        for (size_t k = 0; k < c->is.n; k++)
            if (same_role(accepted, &c->is.items[k]))
                c->is.done[k] = true;
    }
}

bool comparison_alternative_ran(const struct comparison *c, const struct component *expected)
{
    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *other = &c->was.items[i];
        if (other->accepts != COMPONENT_ALTERNATIVE || !same_step(other, expected))
            continue;
        for (size_t k = 0; k < c->is.n; k++)
            if (same_place(other, &c->is.items[k]))
                return true;
    }
    return false;
}

/* Holes: nothing measured then, nothing measured now. The standing finding remains unless the baseline consents. */
static void match_holes(struct comparison *c)
{
    for (size_t i = 0; i < c->was.n; i++)
        for (size_t k = 0; !c->was.items[i].n_digests && k < c->is.n; k++)
            if (!c->is.items[k].n_digests && same_role(&c->was.items[i], &c->is.items[k]))
                c->was.done[i] = c->is.done[k] = true;
}

/* Pairs what is left by role, then by kind for things that a boot has one of. A guest that measured thousands of things alike pays with time: no further
 * than its request's deadline. */
static bool pair(struct comparison *c, bool (*fits)(const struct component *was, const struct component *is))
{
    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *was = &c->was.items[i];
        if (!DEADLINE_EVERY(i, 64, "comparing two boots", c->err))
            return false;
        if (c->was.done[i] || was->kind == COMPONENT_LOADER_COMMAND)
            continue;
        for (size_t k = 0; k < c->is.n; k++) {
            if (c->is.done[k] || !fits(was, &c->is.items[k]))
                continue;
            c->was.done[i] = c->is.done[k] = true;
            deviation_changed(c, was, &c->is.items[k]);
            break;
        }
    }
    return true;
}

static void leftovers(struct comparison *c)
{
    for (size_t i = 0; i < c->was.n; i++)
        if (!c->was.done[i] && !comparison_alternative_ran(c, &c->was.items[i]))
            deviation_gone(c, &c->was.items[i]);
    for (size_t k = 0; k < c->is.n; k++)
        if (!c->is.done[k] && c->is.items[k].kind != COMPONENT_FIRMWARE_APP)
            deviation_appeared(c, &c->is.items[k]);
    deviation_firmware_apps(c);
}

static bool banks_meet(const struct comparison *c)
{
    for (size_t i = 0; i < c->was.n_places; i++) { /* places are sorted by bank: each is looked for once */
        enum digest_algorithm bank = c->was.places[i].digest->algorithm;
        if (i > 0 && c->was.places[i - 1].digest->algorithm == bank)
            continue;
        for (size_t k = 0; k < c->is.n_places; k++)
            if (c->is.places[k].digest->algorithm == bank)
                return true;
    }
    return !c->was.n_places || !c->is.n_places;
}

/* Standing findings that the baseline consents to: the hole they are about is there with "any". */
static void accept_holes(struct comparison *c)
{
    static const struct {
        enum finding_id id;
        enum component_kind kind;
    } holes[] = { { FINDING_BOOT_INITRD_UNMEASURED, COMPONENT_INITRD }, { FINDING_BOOT_NO_IMAGE, COMPONENT_LOADER } };

    for (size_t h = 0; h < ARRAY_LEN(holes); h++)
        for (size_t i = 0; i < c->was.n; i++)
            for (size_t f = 0; c->was.items[i].accepts == COMPONENT_ANY && c->was.items[i].kind == holes[h].kind && f < c->findings->n; f++)
                if (c->findings->items[f].id == holes[h].id)
                    c->findings->items[f].severity = SEVERITY_INFO;
}

static bool compare_components(struct comparison *c)
{
    if (!banks_meet(c)) {
        findings_add(c->findings, FINDING_BASELINE_BANKS, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The accepted boot was measured in other banks than this one: their components cannot be compared.");
        return true;
    }
    match_content(&c->is, &c->was);
    match_content(&c->was, &c->is);
    match_holes(c);
    apply_consent(c);
    modules_compare(c);
    if (!pair(c, same_role) || !pair(c, same_step))
        return false;
    commands_compare(c);
    if (c->shape_changed)
        deviation_shape(c);
    leftovers(c);
    accept_holes(c);
    return images_compare(c) && consequences_mark(c);
}

/* By register alone: which of them hold configuration only, which belong to programs, which somebody else judges. */
static bool register_severity(unsigned pcr, enum severity *ret)
{
    switch (pcr) {
    case 1:
    case 3:
    case 5:
    case 6:
        *ret = SEVERITY_LOW;
        return true;
    case 10:
    case 17:
    case 18:
    case 19:
    case 20:
    case 21:
    case 22:
        return false;
    case 16:
    case 23:
        *ret = SEVERITY_INFO;
        return true;
    default:
        *ret = SEVERITY_MEDIUM;
        return true;
    }
}

static bool compare_register(struct comparison *c, const struct boot_record *baseline, const struct boot_record *now, unsigned pcr,
                             enum severity severity)
{
    const struct digest *was = NULL, *is = NULL;
    struct finding *f;
    char *was_text, *is_text;

    for (size_t i = 0; i < baseline->registers.n_banks; i++) { /* the strongest bank that differs is shown */
        enum digest_algorithm bank = baseline->registers.banks[i].algorithm;
        const struct digest *then = pcr_find(&baseline->registers, bank, pcr), *here = pcr_find(&now->registers, bank, pcr);
        if (!then || !here || digest_equal(then, here) || (was && digest_len(bank) < digest_len(was->algorithm)))
            continue;
        was = then;
        is = here;
    }
    if (!was)
        return true;
    was_text = hex_in(c->a, digest_bytes(was));
    is_text = hex_in(c->a, digest_bytes(is));
    if (!was_text || !is_text)
        return no_memory(c);
    f = findings_add(c->findings, FINDING_PCR_CHANGED, (int)pcr, FINDING_NO_EVENT,
                     "Register %u (%s) differs from the accepted value, and no event log says why.", pcr, digest_name(was->algorithm));
    f->severity = severity;
    finding_was_is(c->findings, f, was_text, is_text);
    return true;
}

static bool compare_registers(struct comparison *c, const struct boot_record *baseline, const struct boot_record *now)
{
    bool common = false;

    for (size_t i = 0; i < baseline->registers.n_banks; i++)
        common = common || pcr_bank_find(&now->registers, baseline->registers.banks[i].algorithm);
    if (!common) {
        findings_add(c->findings, FINDING_BASELINE_BANKS, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The accepted boot has registers of other banks than this one: they cannot be compared.");
        return true;
    }
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        enum severity severity;
        if (register_severity(pcr, &severity) && !compare_register(c, baseline, now, pcr, severity))
            return false;
    }
    return true;
}

/* attack-suite.md L5, B1: with the SHA-256 bank revoked images go out of sight. */
static void banks_narrowed(struct comparison *c, const struct boot_record *baseline, const struct boot_record *now)
{
    if (pcr_find(&baseline->registers, DIGEST_SHA256, 4) && !pcr_find(&now->registers, DIGEST_SHA256, 4))
        findings_add(c->findings, FINDING_BOOT_REVOCATIONS_UNCHECKED, 4, FINDING_NO_EVENT,
                     "The accepted boot was quoted in bank sha256, in which revocation lists name images; this one is not.")
            ->severity = SEVERITY_MEDIUM;
}

bool bootchain_compare(struct arena *a, const struct boot_record *baseline, const struct boot_record *now, const struct bootchain *chain,
                       const struct boot_reference *reference, struct findings *findings, struct err *err)
{
    struct comparison c = { .a = a, .chain = chain, .reference = reference, .findings = findings, .err = err };

    *err = ERR_INIT;
    banks_narrowed(&c, baseline, now);
    if (!baseline->has_log || !now->has_log)
        return compare_registers(&c, baseline, now);
    if (!side_begin(&c, &c.was, baseline->components) || !side_begin(&c, &c.is, now->components))
        return false;
    return compare_components(&c);
}
