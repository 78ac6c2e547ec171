#include "cli/findings_show.h"

/* Where nobody named the VM, it is "this VM" in a sentence and NAME in a command, which stands between backquotes. */
static const char *remedy_text(struct arena *a, const char *remedy, const char *vm)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    bool in_command = false;
    const char *text;

    for (const char *at; (at = strstr(remedy, "{vm}")); remedy = at + strlen("{vm}")) {
        for (const char *c = remedy; c < at; c++)
            in_command ^= *c == '`';
        write_bytes(&w, (struct bytes){ (const uint8_t *)remedy, (size_t)(at - remedy) });
        write_string(&w, vm ? vm : in_command ? "NAME" : "this VM");
    }
    write_string(&w, remedy);
    text = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    return text ? text : remedy;
}

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
        json_put_string(out, "remedy", remedy_text(a, kind->remedy, vm));
        if (f->unsettled)
            json_put_boolean(out, "unsettled", true);
        json_end(out);
    }
    json_end(out);
}

static void line(const char *name, const char *value)
{
    if (value && *value)
        printf("      %-7s %s\n", name, value);
}

static void print_one(struct cli *cli, const struct json *f)
{
    const char *severity = show_member(cli, f, "severity"), *title = show_member(cli, f, "title"), *id = show_member(cli, f, "id");
    int64_t pcr = FINDING_NO_PCR, event = FINDING_NO_EVENT;

    printf("  %-8s  %s (%s", severity ? severity : "", title ? title : "", id ? id : "");
    if (json_as_integer(json_get(f, "pcr"), &pcr))
        printf(", PCR %d", (int)pcr);
    if (json_as_integer(json_get(f, "event"), &event))
        printf(", event %lld", (long long)event);
    puts(")");
    line("what", show_member(cli, f, "text"));
    line("was", show_member(cli, f, "was"));
    line("is", show_member(cli, f, "is"));
    line("remedy", show_member(cli, f, "remedy"));
}

void findings_print(struct cli *cli, const struct json *findings, enum severity least)
{
    bool any = false;

    for (int s = SEVERITY_CRITICAL; s >= (int)least; s--)
        for (size_t i = 0; findings && findings->type == JSON_ARRAY && i < findings->array.n; i++)
            if (json_is_string(json_get(findings->array.items[i], "severity"), severity_name((enum severity)s))) {
                print_one(cli, findings->array.items[i]);
                any = true;
            }
    if (!any)
        puts("  none");
}
