#include "cli/show/findings.h"
#include <string.h>
#include "cli/frame/table.h"
#include "cli/frame/terminal.h"

static void put_number(struct json_out *out, const char *name, int64_t value, int64_t none)
{
    if (value == none)
        json_put_null(out, name);
    else
        json_put_integer(out, name, value);
}

void findings_put(struct arena *a, struct json_out *out, const char *name, const struct findings *findings, const char *vm)
{
    json_begin_array(out, name);
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        const struct finding_kind *kind = finding_kind(f->id);

        json_begin_object(out, NULL);
        json_put_string(out, "id", kind->id);
        json_put_string(out, "severity", severity_name(f->severity));
        json_put_string(out, "phase", phase_name(kind->phase));
        json_put_string(out, "title", kind->title);
        put_number(out, "pcr", f->pcr, FINDING_NO_PCR);
        put_number(out, "event", f->event, FINDING_NO_EVENT);
        json_put_string(out, "was", f->was);
        json_put_string(out, "is", f->is);
        json_put_string(out, "text", f->text);
        json_put_string(out, "why", kind->why);
        json_put_string(out, "remedy", finding_remedy(a, kind, vm));
        if (f->unsettled)
            json_put_boolean(out, "unsettled", true);
        if (f->follows)
            json_put_string(out, "follows", f->follows->id);
        json_end(out);
    }
    json_end(out);
}

/* ---- for people ---- */

enum { INDENT = 3, NAME_WIDTH = 10 };

/* The same thing under the name that `trueboot verify` and the one that a server's status has for it. */
static const char *word(struct cli *cli, const struct json *f, const char *ours, const char *status)
{
    const char *text = show_member(cli, f, ours);

    return text ? text : show_member(cli, f, status);
}

static const char *place_of(struct cli *cli, const struct json *f)
{
    const struct json *event = json_get(f, "event") ? json_get(f, "event") : json_get(f, "eventIndex");
    int64_t pcr, number;
    bool has_event = json_as_integer(event, &number);

    if (!json_as_integer(json_get(f, "pcr"), &pcr))
        return has_event ? arena_printf(&cli->arena, "event %lld of the boot's log", (long long)number) : NULL;
    return has_event ? arena_printf(&cli->arena, "PCR %lld, event %lld of the boot's log", (long long)pcr, (long long)number)
                     : arena_printf(&cli->arena, "PCR %lld", (long long)pcr);
}

static void print_whole(struct cli *cli, const struct json *f, unsigned number)
{
    const char *title = show_member(cli, f, "title"), *id = word(cli, f, "id", "code"), *severity = show_member(cli, f, "severity");
    const char *text = word(cli, f, "text", "message");
    int taken = printf("\n%u. ", number);

    print_folded(taken, INDENT,
                 arena_printf(&cli->arena, "%s  [%s, %s]", title ? title : "", id ? id : "", severity ? severity : "") ?: "");
    printf("%*s", INDENT, "");
    print_folded(INDENT, INDENT, text ? text : "");
    print_named(INDENT, NAME_WIDTH, "register", place_of(cli, f));
    print_named(INDENT, NAME_WIDTH, "was", show_member(cli, f, "was"));
    print_named(INDENT, NAME_WIDTH, "is", show_member(cli, f, "is"));
    print_named(INDENT, NAME_WIDTH, "matters", show_member(cli, f, "why"));
    print_named(INDENT, NAME_WIDTH, "to do", show_member(cli, f, "remedy"));
}

/* What was, what is, and what to do where there is something. */
static void print_note(struct cli *cli, const struct json *f)
{
    const char *id = word(cli, f, "id", "code"), *text = word(cli, f, "text", "message");

    printf("%*s", INDENT, "");
    print_folded(INDENT, 2 * INDENT, arena_printf(&cli->arena, "%s: %s", id ? id : "", text ? text : "") ?: "");
    print_named(2 * INDENT, NAME_WIDTH, "was", show_member(cli, f, "was"));
    print_named(2 * INDENT, NAME_WIDTH, "is", show_member(cli, f, "is"));
    if (json_is_string(json_get(f, "severity"), severity_name(SEVERITY_LOW)))
        print_named(2 * INDENT, NAME_WIDTH, "to do", show_member(cli, f, "remedy"));
}

/* Its place in the order of severities, the worst highest; -1: it has none. */
static int weight(const struct json *f)
{
    for (int s = SEVERITY_CRITICAL; s >= SEVERITY_INFO; s--)
        if (json_is_string(json_get(f, "severity"), severity_name((enum severity)s)))
            return s;
    return -1;
}

/* The first of those with this id that are no parts: the parts are said with it. NULL: there is none. */
static const struct json *lead_of(struct cli *cli, const struct json *findings, const char *whole)
{
    for (size_t i = 0; whole && i < findings->array.n; i++) {
        const struct json *f = findings->array.items[i];
        const char *id = word(cli, f, "id", "code");

        if (id && strcmp(id, whole) == 0 && !json_get(f, "follows"))
            return f;
    }
    return NULL;
}

/* The one that says what this one is a part of; NULL: it stands by itself, as what is worse than its whole does. */
static const struct json *whole_of(struct cli *cli, const struct json *findings, const struct json *f)
{
    const struct json *lead = lead_of(cli, findings, show_member(cli, f, "follows"));

    return lead && weight(lead) >= weight(f) ? lead : NULL;
}

static void print_parts(struct cli *cli, const struct json *findings, const struct json *f)
{
    for (size_t i = 0; i < findings->array.n; i++) {
        const struct json *part = findings->array.items[i];
        const char *part_id = word(cli, part, "id", "code"), *text = word(cli, part, "text", "message"), *place = place_of(cli, part);

        if (whole_of(cli, findings, part) == f)
            print_named(INDENT, NAME_WIDTH, "with it",
                        arena_printf(&cli->arena, "%s: %s%s%s%s", part_id ? part_id : "", text ? text : "", place ? " (" : "",
                                     place ? place : "", place ? ")" : ""));
    }
}

bool findings_print(struct cli *cli, const struct json *findings, enum findings_view view)
{
    enum severity whole = view == FINDINGS_JUDGED ? SEVERITY_MEDIUM : SEVERITY_INFO;
    unsigned number = 0, notes = 0;

    for (int s = SEVERITY_CRITICAL; s >= SEVERITY_INFO; s--)
        for (size_t i = 0; findings && findings->type == JSON_ARRAY && i < findings->array.n; i++) {
            const struct json *f = findings->array.items[i];
            if (weight(f) != s || whole_of(cli, findings, f))
                continue;
            if (s >= (int)whole) {
                print_whole(cli, f, ++number);
            } else {
                if (notes++ == 0)
                    puts("\nAlso noted, not held against it:");
                print_note(cli, f);
            }
            print_parts(cli, findings, f);
        }
    return number || notes;
}

void findings_section(struct cli *cli, const char *heading, const struct json *findings, enum findings_view view)
{
    printf("\n%s\n", heading);
    if (!findings_print(cli, findings, view))
        puts("  none");
}
