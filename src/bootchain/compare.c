/* Comparing two boots: components are matched by content first, then by role; what is left over was added or is missing. */
#include "bootchain/compare.h"
#include <stdlib.h>
#include "base/hex.h"
#include "bootchain/keys.h"
#include "bootchain/plain.h"

/* How a deviation of a kind is called. A severity is given where it differs from the finding's own. */
struct verdict_row {
    enum finding_id changed, added_or_missing;
    enum severity severity;
};

#define ROW(kind, changed_, chain_, severity_) \
    [COMPONENT_##kind] = { .changed = FINDING_##changed_, .added_or_missing = FINDING_##chain_, .severity = SEVERITY_##severity_ }
/* clang-format off */
static const struct verdict_row verdicts[] = {
    ROW(CRTM_VERSION,      FIRMWARE_CHANGED,         FIRMWARE_CHANGED,        MEDIUM),
    ROW(FIRMWARE_CODE,     FIRMWARE_CHANGED,         FIRMWARE_CHANGED,        MEDIUM),
    ROW(FIRMWARE_SHAPE,    FIRMWARE_CHANGED,         FIRMWARE_CHANGED,        MEDIUM), /* see shape_alone() */
    ROW(FIRMWARE_DATA,     FIRMWARE_CONFIG,          FIRMWARE_CONFIG,         LOW),
    ROW(FIRMWARE_CONFIG,   FIRMWARE_CONFIG,          FIRMWARE_CONFIG,         LOW),
    ROW(BOOT_ORDER,        BOOT_ORDER_CHANGED,       BOOT_ORDER_CHANGED,      LOW),
    ROW(BOOT_ENTRY,        BOOT_ORDER_CHANGED,       BOOT_ORDER_CHANGED,      LOW),
    ROW(OPTION_ROM,        FIRMWARE_OPTION_ROM,      FIRMWARE_OPTION_ROM,     MEDIUM),
    ROW(SECURE_BOOT_STATE, SECUREBOOT_KEYS_CHANGED,  SECUREBOOT_KEYS_CHANGED, MEDIUM),
    ROW(SECURE_BOOT_KEYS,  SECUREBOOT_KEYS_CHANGED,  SECUREBOOT_KEYS_CHANGED, MEDIUM),
    ROW(REVOCATIONS,       SECUREBOOT_DBX_SHRUNK,    SECUREBOOT_DBX_SHRUNK,   HIGH),   /* see revocations() */
    ROW(AUTHORITY,         SECUREBOOT_AUTHORITY,     SECUREBOOT_AUTHORITY,    MEDIUM),
    ROW(POLICY_OTHER,      SECUREBOOT_KEYS_CHANGED,  SECUREBOOT_KEYS_CHANGED, MEDIUM),
    ROW(MOK,               SECUREBOOT_MOK_CHANGED,   SECUREBOOT_MOK_CHANGED,  MEDIUM),
    ROW(SHIM_STATE,        SECUREBOOT_MOK_CHANGED,   SECUREBOOT_MOK_CHANGED,  MEDIUM),
    ROW(SBAT_LEVEL,        SBAT_CHANGED,             SBAT_CHANGED,            MEDIUM),
    ROW(BOOT_ATTEMPT,      BOOT_ORDER_CHANGED,       BOOT_ORDER_CHANGED,      LOW),
    ROW(FIRMWARE_APP,      BOOT_LOADER_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM), /* see firmware_app_is_harmless() */
    ROW(LOADER,            BOOT_LOADER_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(GPT,               BOOT_GPT_CHANGED,         BOOT_GPT_CHANGED,        LOW),
    ROW(KERNEL,            BOOT_KERNEL_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(INITRD,            BOOT_INITRD_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(COMMAND_LINE,      BOOT_CMDLINE_CHANGED,     BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(LOADER_COMMAND,    BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     MEDIUM),
    ROW(LOADER_FILE,       BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     MEDIUM),
    ROW(LOADER_STATE,      BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     LOW),
    ROW(UKI_SECTION,       BOOT_UKI_CHANGED,         BOOT_UKI_CHANGED,        MEDIUM),
    ROW(OS_SETTING,        BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     MEDIUM),
    ROW(USER_SPACE,        USERSPACE_CHANGED,        USERSPACE_CHANGED,       MEDIUM),
    ROW(APPLICATION,       VALUE_PCR_USED,           VALUE_PCR_USED,          INFO),
    ROW(OTHER,             BOOT_CHAIN_CHANGED,       BOOT_CHAIN_CHANGED,      MEDIUM),
};
/* clang-format on */
#undef ROW

/* One side of the comparison. */
struct side {
    const struct component *items;
    size_t n;
    bool *done;           /* matched, or dealt with */
    struct place *places; /* every digest, for finding equal content */
    size_t n_places;
};

struct place {
    const struct digest *digest;
    size_t component;
};

struct comparison {
    struct arena *a;
    struct side was, is;
    const struct bootchain *chain;
    const struct boot_reference *reference;
    struct findings *findings;
    bool code_changed; /* firmware code or a Secure Boot key deviates: low findings lose their excuse */
    bool shape_changed;
    struct err *err;
};

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

static bool same_role(const struct component *a, const struct component *b) { return a->pcr == b->pcr && strcmp(a->key, b->key) == 0; }

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

/* The first place in `side` with this digest. */
static size_t lower_bound(const struct side *side, const struct digest *digest)
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

/* Content counts where it stands: the same register. */
static bool same_place(const struct component *a, const struct component *b) { return a->pcr == b->pcr && component_same_content(a, b); }

/* Equal content on both sides is no deviation, however often and in whatever order it was measured. */
static void match_content(struct side *from, const struct side *to)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct component *c = &from->items[i];
        for (size_t k = 0; k < c->n_digests && !from->done[i]; k++)
            for (size_t p = lower_bound(to, &c->digests[k]); p < to->n_places && digest_equal(to->places[p].digest, &c->digests[k]); p++)
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

static bool alternative_ran(const struct comparison *c, const struct component *expected)
{
    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *other = &c->was.items[i];
        if (other->accepts != COMPONENT_ALTERNATIVE || !same_role(other, expected))
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

static const char *content_words(struct comparison *c, const struct component *x)
{
    const char *digest;

    if (x->text)
        return x->text;
    if (!x->n_digests)
        return "not measured";
    digest = component_digest_text(c->a, x);
    return digest ? arena_printf(c->a, "%s, %s", x->name, digest) : NULL;
}

static const char *signer_words(struct comparison *c, const struct component *x)
{
    return x->signer ? arena_printf(c->a, ", authorised by %s", x->signer) : "";
}

static struct finding *report(struct comparison *c, enum finding_id id, enum severity severity, const struct component *was,
                              const struct component *is, const char *sentence)
{
    const struct component *about = is ? is : was;
    struct finding *f =
        findings_add(c->findings, id, about->pcr, is ? is->event : FINDING_NO_EVENT, "%s", sentence ? sentence : about->name);

    f->severity = severity;
    finding_was_is(c->findings, f, was ? content_words(c, was) : NULL, is ? content_words(c, is) : NULL);
    return f;
}

/* Every added certificate is one of Microsoft's of 2023 and nothing went away: the vendor's key rollover (control-plane.md 4.4). */
static bool is_key_rollover(const struct comparison *c, const struct component *was, const struct component *is)
{
    const struct boot_keys *lists[] = { c->chain ? &c->chain->db : NULL, c->chain ? &c->chain->kek : NULL };

    if (!c->chain || strcmp(is->key, "variable:PK") == 0 || members_missing(was->members, is->members))
        return false;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        if (lists[l]->event != is->event)
            continue;
        for (size_t i = 0; i < lists[l]->n; i++) {
            uint8_t member[32];
            boot_key_member(&lists[l]->items[i], member);
            if (!members_have(was->members, member) && lists[l]->items[i].generation != 2023)
                return false;
        }
        return true;
    }
    return false;
}

static void keys_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    size_t added = members_missing(is->members, was->members), removed = members_missing(was->members, is->members);
    enum severity severity = SEVERITY_MEDIUM;
    const char *note = "";

    if (was->members.len && !added && !removed) {
        severity = SEVERITY_INFO;
        note = "; the entries are the same in another order or form";
    } else if (was->members.len && is_key_rollover(c, was, is)) {
        severity = SEVERITY_INFO;
        note = "; what was added are Microsoft's certificates of 2023";
    }
    report(c, FINDING_SECUREBOOT_KEYS_CHANGED, severity, was, is,
           arena_printf(c->a, "%s: %zu entries added, %zu removed%s.", is->key + strlen("variable:"), added, removed, note));
    c->code_changed = c->code_changed || severity >= SEVERITY_MEDIUM;
}

/* The list grew and nothing left it: every image that ran is still allowed, or boot.revoked_image says so. */
static void revocations_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    size_t added = members_missing(is->members, was->members), removed = members_missing(was->members, is->members);
    const char *sentence = arena_printf(c->a, "The dbx has %zu entries, %zu before: %zu added, %zu removed.", is->members.len / 32,
                                        was->members.len / 32, added, removed);
    struct finding *f;

    if (removed) {
        report(c, FINDING_SECUREBOOT_DBX_SHRUNK, SEVERITY_HIGH, was, is, sentence);
        c->code_changed = true;
        return;
    }
    f = report(c, FINDING_SECUREBOOT_DBX_CHANGED, SEVERITY_INFO, was, is, sentence);
    finding_was_is(c->findings, f, was->name, is->name);
}

static void sbat_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    bool newer = was->revision && is->revision > was->revision;

    report(c, FINDING_SBAT_CHANGED, newer ? SEVERITY_INFO : SEVERITY_MEDIUM, was, is,
           arena_printf(c->a, "The SBAT level went from %u to %u.", (unsigned)was->revision, (unsigned)is->revision));
}

static void command_line_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    struct cmdline_diff diff = { .added = "", .removed = "" };
    const char *sentence = NULL;

    if (was->text && is->text && plain_cmdline_diff(c->a, was->text, is->text, &diff))
        sentence = arena_printf(c->a, "The kernel command line changed: %s%s%s%s%s%s.", diff.added[0] ? "added " : "", diff.added,
                                diff.added[0] && diff.removed[0] ? "; " : "", diff.removed[0] ? "removed " : "", diff.removed,
                                diff.added[0] || diff.removed[0] ? "" : "the same words in another order or spacing");
    else
        sentence = "The kernel command line changed; its text is not in the log.";
    report(c, FINDING_BOOT_CMDLINE_CHANGED, SEVERITY_MEDIUM, was, is, sentence);
}

/* Secure Boot switched on since the baseline was learned is no danger; off is secureboot.disabled and this. */
static void state_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    bool better = is->text && strcmp(is->text, fact_name(FACT_YES)) == 0;

    for (size_t i = 0; !better && i < c->findings->n; i++)
        if (c->findings->items[i].id == FINDING_SECUREBOOT_DISABLED) { /* said already, without a baseline */
            finding_was_is(c->findings, &c->findings->items[i], "Secure Boot on", "Secure Boot off");
            return;
        }
    report(c, better ? FINDING_SECUREBOOT_KEYS_CHANGED : FINDING_SECUREBOOT_DISABLED, better ? SEVERITY_INFO : SEVERITY_HIGH, was, is,
           better ? "Secure Boot was off in the accepted boot and is on now." : "Secure Boot was on in the accepted boot and is not now.");
}

static enum finding_id uki_finding(const struct component *x)
{
    if (strcmp(x->key, "uki:.cmdline") == 0)
        return FINDING_BOOT_CMDLINE_CHANGED;
    if (strcmp(x->key, "uki:.initrd") == 0)
        return FINDING_BOOT_INITRD_CHANGED;
    return strcmp(x->key, "uki:.linux") == 0 ? FINDING_BOOT_KERNEL_CHANGED : FINDING_BOOT_UKI_CHANGED;
}

static bool is_machine_identity(const struct component *x)
{
    return x->kind == COMPONENT_USER_SPACE && strcmp(x->key, "systemd:machine-id") == 0;
}

/* The accepted boot says what kind of thing stood there: labels of this boot cannot talk a deviation down. */
static void changed(struct comparison *c, const struct component *was, const struct component *is)
{
    const struct verdict_row *row = &verdicts[was->kind];
    enum finding_id id = was->kind == COMPONENT_UKI_SECTION ? uki_finding(was) : row->changed;
    enum severity severity = is_machine_identity(was) ? SEVERITY_LOW : row->severity;

    switch (was->kind) {
    case COMPONENT_SECURE_BOOT_STATE:
        state_changed(c, was, is);
        return;
    case COMPONENT_SECURE_BOOT_KEYS:
        keys_changed(c, was, is);
        return;
    case COMPONENT_REVOCATIONS:
        revocations_changed(c, was, is);
        return;
    case COMPONENT_SBAT_LEVEL:
        sbat_changed(c, was, is);
        return;
    case COMPONENT_COMMAND_LINE:
        command_line_changed(c, was, is);
        return;
    case COMPONENT_FIRMWARE_SHAPE: /* judged when all else is known */
        c->shape_changed = true;
        return;
    default:
        break;
    }
    if (severity >= SEVERITY_MEDIUM && (was->phase == PHASE_FIRMWARE || was->phase == PHASE_SECURE_BOOT_POLICY))
        c->code_changed = true;
    report(c, id, severity, was, is, arena_printf(c->a, "%s changed%s.", is->name, signer_words(c, is)));
}

static void gone(struct comparison *c, const struct component *was)
{
    const struct verdict_row *row = &verdicts[was->kind];
    enum severity severity = is_machine_identity(was) ? SEVERITY_LOW : row->severity;

    if (severity >= SEVERITY_MEDIUM && (was->phase == PHASE_FIRMWARE || was->phase == PHASE_SECURE_BOOT_POLICY))
        c->code_changed = true;
    report(c, row->added_or_missing, severity, was, NULL, arena_printf(c->a, "Missing in this boot: %s.", was->name));
}

/* What registers hold decides how an unknown newcomer is judged; its own labels may only make that worse. */
static enum severity newcomer_severity(const struct component *is)
{
    enum severity severity = verdicts[is->kind].severity;

    switch (is->pcr) {
    case 1:
    case 3:
    case 5:
    case 6:
        return severity;
    case 16:
    case 23:
        return SEVERITY_INFO;
    case 4: /* what was attempted is proved by its text */
        return is->kind == COMPONENT_BOOT_ATTEMPT ? SEVERITY_LOW : SEVERITY_MEDIUM;
    default:
        return is_machine_identity(is) ? SEVERITY_LOW : severity > SEVERITY_MEDIUM ? severity : SEVERITY_MEDIUM;
    }
}

static void appeared(struct comparison *c, const struct component *is)
{
    enum severity severity = newcomer_severity(is);

    if (severity >= SEVERITY_MEDIUM && (is->phase == PHASE_FIRMWARE || is->phase == PHASE_SECURE_BOOT_POLICY))
        c->code_changed = true;
    report(c, verdicts[is->kind].added_or_missing, severity, NULL, is,
           arena_printf(c->a, "New in this boot: %s%s.", is->name, signer_words(c, is)));
}

/* Pairs what is left by role, then by kind for things that a boot has one of. */
static void pair(struct comparison *c, bool (*fits)(const struct component *was, const struct component *is))
{
    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *was = &c->was.items[i];
        if (c->was.done[i] || was->kind == COMPONENT_LOADER_COMMAND)
            continue;
        for (size_t k = 0; k < c->is.n; k++) {
            if (c->is.done[k] || !fits(was, &c->is.items[k]))
                continue;
            c->was.done[i] = c->is.done[k] = true;
            changed(c, was, &c->is.items[k]);
            break;
        }
    }
}

static bool is_single(enum component_kind kind)
{
    return kind == COMPONENT_KERNEL || kind == COMPONENT_INITRD || kind == COMPONENT_COMMAND_LINE || kind == COMPONENT_GPT ||
           kind == COMPONENT_SBAT_LEVEL;
}

static bool same_single_kind(const struct component *was, const struct component *is)
{
    return was->pcr == is->pcr && was->kind == is->kind && is_single(was->kind);
}

/* GRUB's way to its decision: where files are looked for, what is shown, what is remembered. What it then loads is measured by itself. */
static bool is_harmless_command(const struct component *x)
{
    static const char *const words[] = { "[",
                                         "test",
                                         "true",
                                         "false",
                                         "set",
                                         "unset",
                                         "export",
                                         "echo",
                                         "sleep",
                                         "load_env",
                                         "save_env",
                                         "search",
                                         "search.fs_uuid",
                                         "search.file",
                                         "search.fs_label",
                                         "setparams",
                                         "terminal_input",
                                         "terminal_output",
                                         "serial",
                                         "gfxmode",
                                         "loadfont",
                                         "load_video",
                                         "insmod",
                                         "recordfail",
                                         "initrdfail",
                                         "background_color",
                                         "videoinfo",
                                         "play",
                                         "cpuid",
                                         "regexp",
                                         "probe",
                                         "increment",
                                         "fwsetup",
                                         "smbios",
                                         "rmmod",
                                         "clear",
                                         "return",
                                         "savedefault" };
    size_t len = x->text ? strcspn(x->text, " \n\t") : 0;

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (len == strlen(words[i]) && strncmp(x->text, words[i], len) == 0)
            return true;
    return len && memchr(x->text, '=', len); /* an assignment */
}

struct command_tally {
    size_t added, removed;
    const struct component *first_added, *first_removed;
};

static void tally(struct command_tally *t, const struct component *x, bool added)
{
    if (added) {
        t->first_added = t->first_added ? t->first_added : x;
        t->added++;
    } else {
        t->first_removed = t->first_removed ? t->first_removed : x;
        t->removed++;
    }
}

static void report_commands(struct comparison *c, const struct command_tally *t, enum severity severity, const char *words)
{
    const struct component *about = t->first_added ? t->first_added : t->first_removed;
    struct finding *f;

    if (!about)
        return;
    f = report(c, FINDING_BOOT_CONFIG_CHANGED, severity, t->first_removed, t->first_added,
               arena_printf(c->a, "%s: %zu new, %zu missing; the first ones are shown.", words, t->added, t->removed));
    f->pcr = about->pcr;
}

/* GRUB counts disks as the firmware happens to connect them: past "hd0" in "(hd0,gpt1)" or "=hd0,gpt1"; else `text` itself. */
static const char *past_disk(const char *start, const char *text)
{
    const char *end = text;

    if (text[0] != 'h' || text[1] != 'd' || (text != start && !strchr("(= '", text[-1])))
        return text;
    for (end += 2; *end >= '0' && *end <= '9'; end++)
        ;
    return end > text + 2 && (*end == ',' || *end == ')' || !*end) ? end : text;
}

static bool differ_in_disk_only(const char *was, const char *is)
{
    const char *a = was, *b = is;

    while (*a || *b) {
        const char *after_a = past_disk(was, a), *after_b = past_disk(is, b);
        if (after_a != a && after_b != b) {
            a = after_a;
            b = after_b;
        } else if (*a++ != *b++)
            return false;
    }
    return true;
}

/* Commands that differ in the disk's number only, harmless ones, and the rest: one finding each. */
static void compare_commands(struct comparison *c)
{
    struct command_tally renamed = { 0 }, harmless = { 0 }, serious = { 0 };

    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *was = &c->was.items[i];
        bool found = false;
        if (c->was.done[i] || was->kind != COMPONENT_LOADER_COMMAND)
            continue;
        for (size_t k = 0; k < c->is.n; k++)
            if (c->is.items[k].kind == COMPONENT_LOADER_COMMAND && was->text && c->is.items[k].text &&
                differ_in_disk_only(was->text, c->is.items[k].text)) {
                found = true;
                if (!c->is.done[k])
                    tally(&renamed, &c->is.items[k], true);
                c->is.done[k] = true;
            }
        if (found)
            tally(&renamed, was, false);
        else if (!alternative_ran(c, was))
            tally(is_harmless_command(was) ? &harmless : &serious, was, false);
        c->was.done[i] = true;
    }
    for (size_t k = 0; k < c->is.n; k++) {
        const struct component *is = &c->is.items[k];
        if (c->is.done[k] || is->kind != COMPONENT_LOADER_COMMAND)
            continue;
        tally(is_harmless_command(is) ? &harmless : &serious, is, true);
        c->is.done[k] = true;
    }
    report_commands(c, &renamed, SEVERITY_LOW, "GRUB's commands differ in the name of the disk only");
    report_commands(c, &harmless, SEVERITY_LOW, "GRUB took another way to the same files");
    report_commands(c, &serious, SEVERITY_MEDIUM, "GRUB's commands differ");
}

/* A program inside the firmware that a boot entry started and that came back: the firmware is unchanged, Secure Boot on, and nobody
 * else's key was used. */
static bool firmware_app_is_harmless(const struct comparison *c)
{
    return c->chain && c->chain->secure_boot == SECURE_BOOT_ENABLED && !c->code_changed;
}

static void firmware_apps(struct comparison *c)
{
    for (size_t k = 0; k < c->is.n; k++) {
        const struct component *is = &c->is.items[k];
        if (c->is.done[k] || is->kind != COMPONENT_FIRMWARE_APP)
            continue;
        c->is.done[k] = true;
        report(c, FINDING_BOOT_ORDER_CHANGED, firmware_app_is_harmless(c) ? SEVERITY_LOW : SEVERITY_MEDIUM, NULL, is,
               arena_printf(c->a, "A boot entry started a %s, which returned.", is->name));
    }
}

/* The volume that holds the machine's shape, while the firmware's version and every other volume are as accepted. */
static void shape_alone(struct comparison *c)
{
    bool other_code = false, deviates = false;
    const struct component *was = NULL, *is = NULL;
    enum severity severity;

    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *x = &c->was.items[i];
        bool there = false;
        if (x->pcr != 0 || (x->kind != COMPONENT_FIRMWARE_CODE && x->kind != COMPONENT_CRTM_VERSION && x->kind != COMPONENT_FIRMWARE_SHAPE))
            continue;
        for (size_t k = 0; k < c->is.n && !there; k++) {
            there = same_place(x, &c->is.items[k]);
            if (!there && x->kind == COMPONENT_FIRMWARE_SHAPE && same_role(x, &c->is.items[k]))
                is = &c->is.items[k];
        }
        if (x->kind == COMPONENT_FIRMWARE_SHAPE)
            was = x;
        else {
            other_code = other_code || (there && x->kind == COMPONENT_FIRMWARE_CODE);
            deviates = deviates || !there;
        }
    }
    severity = other_code && !deviates ? SEVERITY_LOW : SEVERITY_MEDIUM;
    if (was && is)
        report(c, severity == SEVERITY_LOW ? FINDING_FIRMWARE_CONFIG : FINDING_FIRMWARE_CHANGED, severity, was, is,
               severity == SEVERITY_LOW ? "The firmware volume that holds memory size and CPU count differs; the firmware's version and "
                                          "its other code are the same."
                                        : "The firmware's first volume changed, and other parts of the firmware with it.");
}

static void leftovers(struct comparison *c)
{
    for (size_t i = 0; i < c->was.n; i++)
        if (!c->was.done[i] && !alternative_ran(c, &c->was.items[i]))
            gone(c, &c->was.items[i]);
    for (size_t k = 0; k < c->is.n; k++)
        if (!c->is.done[k] && c->is.items[k].kind != COMPONENT_FIRMWARE_APP)
            appeared(c, &c->is.items[k]);
    firmware_apps(c);
}

static bool banks_meet(const struct comparison *c)
{
    for (size_t i = 0; i < c->was.n_places; i++)
        for (size_t k = 0; k < c->is.n_places && k < 64; k++)
            if (c->was.places[i].digest->algorithm == c->is.places[k].digest->algorithm)
                return true;
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

static void compare_components(struct comparison *c)
{
    if (!banks_meet(c)) {
        findings_add(c->findings, FINDING_BASELINE_BANKS, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The accepted boot was measured in other banks than this one: their components cannot be compared.");
        return;
    }
    match_content(&c->is, &c->was);
    match_content(&c->was, &c->is);
    match_holes(c);
    apply_consent(c);
    pair(c, same_role);
    pair(c, same_single_kind);
    compare_commands(c);
    if (c->shape_changed)
        shape_alone(c);
    leftovers(c);
    accept_holes(c);
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
    for (size_t i = 0; i < baseline->registers.n_banks; i++) {
        enum digest_algorithm bank = baseline->registers.banks[i].algorithm;
        const struct digest *was = pcr_find(&baseline->registers, bank, pcr), *is = pcr_find(&now->registers, bank, pcr);
        struct finding *f;
        char *was_text, *is_text;
        if (!was || !is || digest_equal(was, is))
            continue;
        was_text = hex_in(c->a, digest_bytes(was));
        is_text = hex_in(c->a, digest_bytes(is));
        if (!was_text || !is_text)
            return no_memory(c);
        f = findings_add(c->findings, FINDING_PCR_CHANGED, (int)pcr, FINDING_NO_EVENT,
                         "Register %u (%s) differs from the accepted value, and no event log says why.", pcr, digest_name(bank));
        f->severity = severity;
        finding_was_is(c->findings, f, was_text, is_text);
        return true;
    }
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

bool bootchain_compare(struct arena *a, const struct boot_record *baseline, const struct boot_record *now, const struct bootchain *chain,
                       const struct boot_reference *reference, struct findings *findings, struct err *err)
{
    struct comparison c = { .a = a, .chain = chain, .reference = reference, .findings = findings, .err = err };

    *err = ERR_INIT;
    if (!baseline->has_log || !now->has_log)
        return compare_registers(&c, baseline, now);
    if (!side_begin(&c, &c.was, baseline->components) || !side_begin(&c, &c.is, now->components))
        return false;
    compare_components(&c);
    return true;
}
