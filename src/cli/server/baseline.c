/* trueboot baseline list, show, approve, reject, pin: which boots of a VM the server holds to be good. (`baseline learn` asks no server:
 * cli/offline/verify.c.) */
#include <string.h>
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "cli/server/status.h"

/* How long it is accepted, in a few words. */
static const char *how_long(struct cli *cli, const struct json *row)
{
    bool pinned = false;
    const char *until = show_member(cli, row, "until");

    if (json_is_string(json_get(row, "state"), "ended"))
        return arena_printf(&cli->arena, "ended %.10s", show_member(cli, json_get(row, "ended"), "time"));
    if (json_as_boolean(json_get(row, "pinned"), &pinned) && pinned)
        return "pinned";
    return until ? arena_printf(&cli->arena, "until %.10s", until) : "accepted";
}

/* As much as a column has room for, and a mark where that is not all: `-o json` has the whole. "-": nothing. */
static const char *shortened(struct cli *cli, const char *text, size_t room)
{
    if (!text || strlen(text) <= room)
        return text ? text : "-";
    while (room && ((unsigned char)text[room] & 0xC0) == 0x80) /* never within a character of UTF-8 */
        room--;
    return arena_printf(&cli->arena, "%.*s…", (int)room, text);
}

static void baseline_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "PHASE", "PCR", "KIND", "WHAT", "DIGEST" };
    const struct json *components = json_at(v, "baseline", "boot", "components", NULL);
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));
    int64_t version = 0;

    if (json_as_integer(json_get(v, "version"), &version))
        printf("%s: baseline %lld, %s, by %s: %s (%s)\n\n", show_member(cli, v, "vm"), (long long)version, show_member(cli, v, "created"),
               show_member(cli, v, "by"), show_member(cli, v, "reason"), how_long(cli, v));
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
                         text ? arena_printf(&cli->arena, "%s: %s", show_member(cli, c, "name"), shortened(cli, text, 80))
                              : show_member(cli, c, "name"),
                         digest });
    }
    table_print(t);
}

static int run_baseline_show(struct cli *cli)
{
    int64_t version = cli_number(cli, "version", 0);
    const char *rest = version ? arena_printf(&cli->arena, "/baseline?version=%lld", (long long)version) : "/baseline";

    return remote_print(cli, "GET", rest ? vm_route(cli, cli->arguments[0], rest) : NULL, NULL, baseline_table);
}

static void list_table(struct cli *cli, const struct json *list)
{
    static const char *const headings[] = { "VERSION", "STATE", "APPROVED", "BY", "REASON", "KERNEL", "COMMAND LINE" };
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *row = list->array.items[i];
        const char *created = show_member(cli, row, "created"), *kernel = show_member(cli, row, "kernel");
        const char *line = show_member(cli, row, "commandLine");
        int64_t version = 0;

        table_row(t, (const char *const[]){
                         json_as_integer(json_get(row, "version"), &version) ? arena_printf(&cli->arena, "%lld", (long long)version) : "-",
                         how_long(cli, row), created ? arena_printf(&cli->arena, "%.10s", created) : "-", show_member(cli, row, "by"),
                         shortened(cli, show_member(cli, row, "reason"), 40), kernel ? kernel : "-", shortened(cli, line, 60) });
    }
    table_print(t);
}

static int run_baseline_list(struct cli *cli)
{
    const char *path = vm_route(cli, cli->arguments[0], "/baselines");
    const struct json *list;
    int code = path ? remote_list(cli, path, &list) : cli_fail(EXIT_ERROR, "out of memory");

    return code == EXIT_OK ? cli_print(cli, list, list_table) : code;
}

/* ---- decisions, each answered with the VM's status ---- */

static void status_table(struct cli *cli, const struct json *status) { status_print_one(cli, status, true); }

static int post(struct cli *cli, const char *verb, struct writer *body)
{
    const char *text = writer_ok(body) ? arena_string(&cli->arena, writer_bytes(body)) : NULL;

    if (!text)
        return cli_fail(EXIT_ERROR, "out of memory");
    return remote_print(cli, "POST", vm_route(cli, cli->arguments[0], verb), text, status_table);
}

static int run_baseline_approve(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *reason = cli_option(cli, "reason"), *appraisal = cli_option(cli, "appraisal");

    json_begin_object(&out, NULL);
    json_put_string(&out, "reason", reason ? reason : "approved on the command line");
    if (appraisal)
        json_put_string(&out, "appraisal", appraisal);
    json_put_boolean(&out, "replace", cli_flag(cli, "replace", false));
    json_put_boolean(&out, "pin", cli_flag(cli, "pin", false));
    json_end(&out);
    return post(cli, "/baseline:approve", &w);
}

/* The second argument. */
static bool read_version(const char *text, int64_t *ret)
{
    enum { DIGITS_MAX = 9 };
    size_t len = strlen(text);

    *ret = 0;
    for (size_t i = 0; i < len && len <= DIGITS_MAX; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *ret = 10 * *ret + (text[i] - '0');
    }
    return *ret > 0;
}

static int no_version(struct cli *cli)
{
    return cli_fail(EXIT_USAGE, "%.40s is no version of a baseline: `trueboot baseline list %.64s` shows them", cli->arguments[1],
                    cli->arguments[0]);
}

static int run_baseline_reject(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *reason = cli_option(cli, "reason");
    int64_t version;

    if (!read_version(cli->arguments[1], &version))
        return no_version(cli);
    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", version);
    json_put_string(&out, "reason", reason ? reason : "rejected on the command line");
    json_end(&out);
    return post(cli, "/baseline:reject", &w);
}

static int run_baseline_pin(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    int64_t version;

    if (!read_version(cli->arguments[1], &version))
        return no_version(cli);
    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", version);
    json_put_boolean(&out, "pinned", !cli_flag(cli, "off", false));
    json_end(&out);
    return post(cli, "/baseline:pin", &w);
}

static const struct cli_option show_options[] = {
    { "version", "N", "the one that was accepted as this version (default: the newest that is)", VALUE_NUMBER, 999999999 },
};
static const struct cli_option approve_options[] = {
    { "reason", "TEXT", "why; kept with the baseline" },
    { "appraisal", "ID", "the one you have looked at (status --explain names it): refused when the VM has attested again since" },
    { "replace", NULL, "this boot alone is accepted from now on, not beside those before it" },
    { "pin", NULL, "it is accepted until it is rejected, whatever is approved after it" },
};
static const struct cli_option reject_options[] = {
    { "reason", "TEXT", "why; kept with the baseline" },
};
static const struct cli_option pin_options[] = {
    { "off", NULL, "not any longer: it is accepted for 30 days more, unless it is the newest" },
};
const struct cli_command command_baseline_list = { "baseline list",  "NAME", 1, 1, "Which boots of this VM are, or were, accepted", NULL, 0,
                                                   run_baseline_list };
const struct cli_command command_baseline_show = {
    "baseline show", "NAME", 1, 1, "What a good boot of this VM consists of", show_options, ARRAY_LEN(show_options), run_baseline_show
};
const struct cli_command command_baseline_approve = { "baseline approve",
                                                      "NAME",
                                                      1,
                                                      1,
                                                      "Accept the VM's last boot as good, beside those that are",
                                                      approve_options,
                                                      ARRAY_LEN(approve_options),
                                                      run_baseline_approve };
const struct cli_command command_baseline_reject = {
    "baseline reject",         "NAME VERSION",     2, 2, "Accept a boot no longer: it is a finding from now on", reject_options,
    ARRAY_LEN(reject_options), run_baseline_reject
};
const struct cli_command command_baseline_pin = { "baseline pin",
                                                  "NAME VERSION",
                                                  2,
                                                  2,
                                                  "Accept a boot until it is rejected, not only for a while beside newer ones",
                                                  pin_options,
                                                  ARRAY_LEN(pin_options),
                                                  run_baseline_pin };
