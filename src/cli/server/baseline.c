/* trueboot baseline show, approve: what the server holds to be a good boot of a VM. (`baseline learn` asks no server: cli/offline/verify.c.) */
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "cli/server/status.h"

static const char *json_body(struct cli *cli, const char *name1, const char *value1, const char *name2, struct bytes value2)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, name1, value1);
    if (name2)
        json_put_bytes(&out, name2, value2);
    json_end(&out);
    return writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
}

static void baseline_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "PHASE", "PCR", "KIND", "WHAT", "DIGEST" };
    const struct json *components = json_at(v, "baseline", "boot", "components", NULL);
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));
    int64_t version = 0;

    if (json_as_integer(json_get(v, "version"), &version))
        printf("%s: baseline %lld, %s, by %s: %s\n\n", show_member(cli, v, "vm"), (long long)version, show_member(cli, v, "created"),
               show_member(cli, v, "by"), show_member(cli, v, "reason"));
    for (size_t i = 0; components && components->type == JSON_ARRAY && i < components->array.n; i++) {
        const struct json *c = components->array.items[i], *digests = json_get(c, "digests");
        const char *digest = "-", *text = show_member(cli, c, "text");
        int64_t pcr = -1;
        if (digests && digests->type == JSON_OBJECT && digests->object.n)
            digest = arena_printf(&cli->arena, "%.*s:%.12s…", BYTES_FMT(digests->object.members[0].name),
                                  arena_string(&cli->arena, json_text(digests->object.members[0].value, BYTES_NONE)));
        if (!json_as_integer(json_get(c, "pcr"), &pcr))
            pcr = -1;
        table_row(t, (const char *const[]){
                         show_member(cli, c, "phase"), arena_printf(&cli->arena, "%lld", (long long)pcr), show_member(cli, c, "kind"),
                         text ? arena_printf(&cli->arena, "%s: %.80s", show_member(cli, c, "name"), text) : show_member(cli, c, "name"),
                         digest });
    }
    table_print(t);
}

static int run_baseline_show(struct cli *cli)
{
    return remote_print(cli, "GET", vm_route(cli, cli->arguments[0], "/baseline"), NULL, baseline_table);
}

static void approved_table(struct cli *cli, const struct json *status) { status_print_one(cli, status, true); }

static int run_baseline_approve(struct cli *cli)
{
    const char *reason = cli_option(cli, "reason"), *appraisal = cli_option(cli, "appraisal");
    const char *body = json_body(cli, "reason", reason ? reason : "approved on the command line", appraisal ? "appraisal" : NULL,
                                 appraisal ? bytes_of_string(appraisal) : BYTES_NONE);
    return remote_print(cli, "POST", vm_route(cli, cli->arguments[0], "/baseline:approve"), body, approved_table);
}

static const struct cli_option approve_options[] = {
    { "reason", "TEXT", "why; kept with the baseline" },
    { "appraisal", "ID", "the one you have looked at (status --explain names it): refused when the VM has attested again since" },
};
const struct cli_command command_baseline_show = { "baseline show",  "NAME", 1, 1, "What a good boot of this VM consists of", NULL, 0,
                                                   run_baseline_show };
const struct cli_command command_baseline_approve = {
    "baseline approve",  "NAME", 1, 1, "Accept the VM's last boot as good from now on", approve_options, ARRAY_LEN(approve_options),
    run_baseline_approve
};
