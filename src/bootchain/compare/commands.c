/* GRUB's commands of two boots. The order in which they ran does not matter; what they loaded is measured by itself. */
#include "bootchain/compare/comparison.h"

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
                                         "clear",
                                         "return",
                                         "savedefault" };
    size_t len = x->text ? strcspn(x->text, " \n\t") : 0;

    if (len && (strstr(x->text, "check_signatures") || strstr(x->text, "superusers"))) /* GRUB's own protections */
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (len == strlen(words[i]) && strncmp(x->text, words[i], len) == 0)
            return true;
    return len && memchr(x->text, '=', len); /* an assignment */
}

/* Whether `is` is `was` with each `from` in it replaced by `to`, at least once. */
static bool differs_only_in(const char *was, const char *is, const char *from, const char *to)
{
    size_t from_len = from ? strlen(from) : 0, to_len = to ? strlen(to) : 0;
    bool any = false;

    if (!from_len || !to)
        return false;
    while (*was)
        if (strncmp(was, from, from_len) == 0 && strncmp(is, to, to_len) == 0) {
            was += from_len;
            is += to_len;
            any = true;
        } else if (*was++ != *is++) {
            return false;
        }
    return any && !*is;
}

/* GRUB measures what it hands to a kernel again and again: in its menu entry, as its command, and as the kernel's line. A change is one, and the
 * finding about the line says it. */
static bool is_line_again(const struct comparison *c, const struct component *was, const struct component *is)
{
    for (size_t i = 0; was->text && is->text && was->pcr == is->pcr && i < c->n_lines; i++)
        if (c->lines[i].was->pcr == was->pcr && differs_only_in(was->text, is->text, c->lines[i].was->text, c->lines[i].is->text))
            return true;
    return false;
}

/* A new kernel brings an initial RAM disk with another name, and GRUB a command with that name: the finding about the file says it. */
static bool is_path_again(const struct comparison *c, const struct component *was, const struct component *is)
{
    for (size_t i = 0; was->text && is->text && was->pcr == is->pcr && i < c->n_paths; i++)
        if (strncmp(was->text, "initrd", 6) == 0 && differs_only_in(was->text, is->text, c->paths[i].from, c->paths[i].to))
            return true;
    return false;
}

static void settle_lines(struct comparison *c)
{
    for (size_t i = 0; (c->n_lines || c->n_paths) && i < c->was.n; i++) {
        if (c->was.done[i] || c->was.items[i].kind != COMPONENT_LOADER_COMMAND)
            continue;
        for (size_t k = 0; k < c->is.n; k++)
            if (!c->is.done[k] && c->is.items[k].kind == COMPONENT_LOADER_COMMAND &&
                (is_line_again(c, &c->was.items[i], &c->is.items[k]) || is_path_again(c, &c->was.items[i], &c->is.items[k]))) {
                c->was.done[i] = c->is.done[k] = true;
                break;
            }
    }
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
    f = deviation_report(c, FINDING_BOOT_CONFIG_CHANGED, severity, t->first_removed, t->first_added,
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
void commands_compare(struct comparison *c)
{
    struct command_tally renamed = { 0 }, harmless = { 0 }, serious = { 0 };

    settle_lines(c);
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
        else if (!comparison_alternative_ran(c, was))
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
