/* Limine: registers 8 and 9 (eventlog/software/limine.h). Names are labels: whatever they say, a text in register 8 is looked at as a command line. */
#include "base/utf8.h"
#include "bootchain/chain/cmdline.h"
#include "bootchain/chain/plain.h"
#include "bootchain/chain/walk.h"
#include "eventlog/software/limine.h"

static bool command_line(struct walk *w, const struct step *s, struct bytes text, const char *shown)
{
    struct component *c = walk_add(w, s, COMPONENT_COMMAND_LINE, "command-line", "kernel command line");

    if (!c)
        return false;
    c->text = shown;
    w->loader_line = true;
    loader_command_line(w, s, text, shown);
    return stub_remember_chained(w, text, shown);
}

/* Register 8. */
static bool text_step(struct walk *w, const struct step *s, enum limine_kind kind)
{
    struct bytes text = s->mark->proved;
    char *shown = text_for_people(w->a, text);
    struct component *c;

    if (!shown)
        return walk_no_memory(w);
    w->limine_seen = true;
    loader_watch_command(w, s, text);
    if (kind == LIMINE_CMDLINE)
        return command_line(w, s, text, shown);
    cmdline_judge(text, s->pcr, s->event->number, w->findings);
    w->limine_module = w->limine_module || kind == LIMINE_MODULE;
    if (kind == LIMINE_KERNEL && !loader_kernel(w, plain_file_name(w->a, shown)))
        return false;
    c = walk_add(w, s, COMPONENT_LOADER_FILE, kind == LIMINE_KERNEL ? "limine:path" : walk_numbered_key(w, s, "limine"),
                 ARENA_JOIN(w->a, "path of a file that Limine loads, ", shown));
    if (!c)
        return false;
    c->text = shown;
    return true;
}

/* Register 9: the digest is a file's. */
static bool file_step(struct walk *w, const struct step *s, const struct limine_event *event)
{
    static const struct {
        enum component_kind kind;
        const char *words;
    } rows[] = { [LIMINE_KERNEL] = { COMPONENT_KERNEL, "kernel " },
                 [LIMINE_MODULE] = { COMPONENT_INITRD, "initial RAM disk " },
                 [LIMINE_OTHER] = { COMPONENT_LOADER_FILE, "file " } };
    char *shown;

    if (event->kind == LIMINE_CONFIG)
        return walk_add(w, s, COMPONENT_LOADER_FILE, "file:limine.conf", "Limine's configuration") != NULL;
    if (event->kind == LIMINE_CMDLINE) /* it measures none here */
        return walk_add(w, s, COMPONENT_OTHER, walk_numbered_key(w, s, "loader"), walk_title(w, s)) != NULL;
    shown = text_for_people(w->a, event->text);
    if (!shown)
        return walk_no_memory(w);
    return walk_add(w, s, rows[event->kind].kind, ARENA_JOIN(w->a, "file:", shown), ARENA_JOIN(w->a, rows[event->kind].words, shown)) !=
           NULL;
}

bool limine_step(struct walk *w, const struct step *s, bool *ret_taken)
{
    struct limine_event event = limine_event_of(s->event);

    *ret_taken = event.kind != LIMINE_NOT && (s->pcr == 9 || (step_proved(s) && s->mark->rule == PROOF_RULE_AFTER_LIMINE_NAME));
    if (!*ret_taken)
        return true;
    return s->pcr == 9 ? file_step(w, s, &event) : text_step(w, s, event.kind);
}
