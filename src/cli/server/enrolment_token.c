/* trueboot enrolment-token: one-time tokens with which machines enrol. */
#include <string.h>
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"

static void list_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "ID", "NAME", "FOR", "PROVIDER", "STATE", "EXPIRES", "USED BY", "MADE BY" };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *row = list->array.items[i];
        table_row(t,
                  (const char *const[]){ show_member(cli, row, "id"), show_member(cli, row, "name"), show_member(cli, row, "vm"),
                                         show_member(cli, row, "provider"), show_member(cli, row, "state"),
                                         show_member(cli, row, "expires"), show_member(cli, row, "usedBy"), show_member(cli, row, "by") });
    }
    table_print(t);
}

static void new_token(struct cli *cli, const struct json *v)
{
    printf("%s\n", show_member(cli, v, "token"));
    fprintf(stderr, "This is the only time it is shown. It lets %s enrol once, until %s; its id is %s.\n", show_member(cli, v, "vm"),
            show_member(cli, v, "expires"), show_member(cli, v, "id"));
}

static int run_create(struct cli *cli)
{
    const char *vm = cli_option(cli, "vm"), *provider = cli_option(cli, "provider"), *body;
    int64_t minutes = cli_number(cli, "minutes", 0);
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    if (!vm)
        return cli_fail(EXIT_USAGE, "--vm NAME, UUID or a pattern of names such as 'web-*' is needed: whom the token is for");
    json_begin_object(&out, NULL);
    json_put_string(&out, "name", cli->arguments[0]);
    json_put_string(&out, "vm", vm);
    if (provider)
        json_put_string(&out, "provider", provider);
    if (minutes)
        json_put_integer(&out, "minutes", minutes);
    json_end(&out);
    body = writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
    return body ? remote_print(cli, "POST", "/v1/enrolmentTokens", body, new_token) : cli_fail(EXIT_ERROR, "out of memory");
}

static int run_list(struct cli *cli) { return remote_print(cli, "GET", "/v1/enrolmentTokens", NULL, list_table); }

static int run_revoke(struct cli *cli)
{
    const char *id = cli->arguments[0], *path;

    if (!*id || strspn(id, "0123456789abcdef") != strlen(id))
        return cli_fail(EXIT_NOT_FOUND, "there is no enrolment token %s: its id is 16 hexadecimal digits", id);
    path = arena_printf(&cli->arena, "/v1/enrolmentTokens/%s", id);
    return path ? remote_call(cli, "DELETE", path, NULL, NULL) : cli_fail(EXIT_ERROR, "out of memory");
}

static const struct cli_option create_options[] = {
    { "vm", "NAME|UUID|PATTERN", "whom it is for; 'web-*' is any VM whose name begins so" },
    { "provider", "NAME", "good at that provider's address (default: at the shared one's)", VALUE_PROVIDER },
    { "minutes", "N", "until it ends (default: 60)", VALUE_NUMBER, LIMIT_ENROLMENT_TOKEN_SECONDS / 60 },
};
const struct cli_command command_enrolment_token_create = {
    "enrolment-token create",  "NAME",    1, 1, "Make a token that lets one machine enrol; shown once", create_options,
    ARRAY_LEN(create_options), run_create
};
const struct cli_command command_enrolment_token_list = {
    "enrolment-token list", "", 0, 0, "Enrolment tokens: open, used and expired", NULL, 0, run_list
};
const struct cli_command command_enrolment_token_revoke = { "enrolment-token revoke",     "ID", 1, 1,
                                                            "End an enrolment token now", NULL, 0, run_revoke };
