/* trueboot token: tokens for callers of the server. */
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "management/api_tokens.h"

static void token_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "ID", "NAME", "ROLE", "SCOPE", "LAST USED", "EXPIRES", "MADE BY" };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *row = list->array.items[i];
        table_row(t, (const char *const[]){ show_member(cli, row, "id"), show_member(cli, row, "name"), show_member(cli, row, "role"),
                                            show_member(cli, row, "scope"), show_member(cli, row, "lastUsed"),
                                            show_member(cli, row, "expires"), show_member(cli, row, "by") });
    }
    table_print(t);
}

static void new_token(struct cli *cli, const struct json *v)
{
    printf("%s\n", show_member(cli, v, "token"));
    fprintf(stderr, "This is the only time it is shown. It has the role %s and ends %s; its id is %s.\n", show_member(cli, v, "role"),
            show_member(cli, v, "expires"), show_member(cli, v, "id"));
}

static int run_token_create(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *role = cli_option(cli, "role"), *scope = cli_option(cli, "scope"), *body;
    int64_t days = cli_number(cli, "days", 0);

    if (!role)
        return cli_fail(EXIT_USAGE, "--role reader, enroller, auditor, policy-admin, security-admin, contributor or owner is needed");
    json_begin_object(&out, NULL);
    json_put_string(&out, "name", cli->arguments[0]);
    json_put_string(&out, "role", role);
    if (days)
        json_put_integer(&out, "days", days);
    if (scope)
        json_put_string(&out, "scope", scope);
    json_end(&out);
    body = writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
    return body ? remote_print(cli, "POST", "/v1/tokens", body, new_token) : cli_fail(EXIT_ERROR, "out of memory");
}

static int run_token_list(struct cli *cli) { return remote_print(cli, "GET", "/v1/tokens", NULL, token_table); }

static int run_token_revoke(struct cli *cli)
{
    const char *path = item_route(cli, "tokens", cli->arguments[0]);
    return path ? remote_call(cli, "DELETE", path, NULL, NULL) : no_item("token", cli->arguments[0]);
}

static const struct cli_option token_options[] = {
    { "role", "reader|enroller|auditor|policy-admin|security-admin|contributor|owner", "what it may do", VALUE_ONE_OF },
    { "days", "N", "until it ends (default: 90)", VALUE_NUMBER, API_TOKEN_DAYS_MAX },
    { "scope", "provider/NAME|vm/NAME", "good for that provider's endpoints, or that VM's addresses, only", VALUE_SCOPE },
};
const struct cli_command command_token_create = {
    "token create", "NAME", 1, 1, "Make a token for a program; shown once", token_options, ARRAY_LEN(token_options), run_token_create
};
const struct cli_command command_token_list = { "token list",  "", 0, 0, "The tokens that there are, without their secrets", NULL, 0,
                                                run_token_list };
const struct cli_command command_token_revoke = { "token revoke", "ID", 1, 1, "End a token now", NULL, 0, run_token_revoke };
