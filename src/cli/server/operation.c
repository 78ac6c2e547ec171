/* trueboot operation: how far tracked work came; and provider undelete and purge, which are such work. */
#include <string.h>
#include <time.h>
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"

enum { POLLS_MAX = 300 };

static bool is_id(const char *text) { return *text && strspn(text, "0123456789abcdefABCDEF") == strlen(text); }

static void operation_text(struct cli *cli, const struct json *v)
{
    const struct json *properties = json_get(v, "properties"), *steps = json_get(properties, "steps"), *error = json_get(v, "error");

    printf("%s: %s, provider %s, by %s\n", show_member(cli, v, "name"), show_member(cli, properties, "title"),
           show_member(cli, properties, "target"), show_member(cli, properties, "by"));
    printf("  %s, began %s", show_member(cli, v, "status"), show_member(cli, v, "startTime"));
    if (json_get(v, "endTime"))
        printf(", ended %s", show_member(cli, v, "endTime"));
    putchar('\n');
    for (size_t i = 0; steps && steps->type == JSON_ARRAY && i < steps->array.n; i++) {
        const struct json *step = steps->array.items[i];
        const char *did = show_member(cli, step, "did");
        printf("  %zu. %-10s %s%s%s\n", i + 1, show_member(cli, step, "status"), show_member(cli, step, "title"), did ? ": " : "",
               did ? did : "");
    }
    if (error)
        printf("  %s\n", show_member(cli, error, "message"));
}

static int run_operation_show(struct cli *cli)
{
    if (!is_id(cli->arguments[0]))
        return cli_fail(EXIT_NOT_FOUND, "there is no operation %s", cli->arguments[0]);
    return remote_print(cli, "GET", arena_printf(&cli->arena, "/v1/operations/%s", cli->arguments[0]), NULL, operation_text);
}

static void operation_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "ID", "STATUS", "WHAT", "PROVIDER", "BEGAN", "BY" };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *row = list->array.items[i], *properties = json_get(row, "properties");
        table_row(t, (const char *const[]){ show_member(cli, row, "name"), show_member(cli, row, "status"),
                                            show_member(cli, properties, "kind"), show_member(cli, properties, "target"),
                                            show_member(cli, row, "startTime"), show_member(cli, properties, "by") });
    }
    table_print(t);
}

static int run_operation_list(struct cli *cli)
{
    const char *path = arena_printf(&cli->arena, "/v1/operations?top=%lld", (long long)cli_number(cli, "top", 50));

    return remote_print(cli, "GET", path, NULL, operation_table);
}

/* Asks until it has ended. */
static int follow(struct cli *cli, const char *method, const char *path)
{
    const struct timespec pause = { .tv_sec = 1 };
    const struct json *v = &json_null;
    int code = remote_call(cli, method, path, NULL, &v);

    for (int i = 0; code == EXIT_OK && json_is_string(json_get(v, "status"), "Running") && i < POLLS_MAX; i++) {
        nanosleep(&pause, NULL);
        code = remote_call(cli, "GET", show_member(cli, v, "id"), NULL, &v);
    }
    if (code != EXIT_OK)
        return code;
    code = cli_print(cli, v, operation_text);
    return code == EXIT_OK && !json_is_string(json_get(v, "status"), "Succeeded") ? EXIT_ERROR : code;
}

static const char *provider_path(struct cli *cli, const char *folder, const char *verb)
{
    const char *name = cli->arguments[0];
    bool plain = *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(name);

    return plain ? arena_printf(&cli->arena, "/v1/%s/%s%s", folder, name, verb) : NULL;
}

static int run_provider_undelete(struct cli *cli)
{
    const char *path = provider_path(cli, "providers", ":undelete");
    return path ? follow(cli, "POST", path) : cli_fail(EXIT_NOT_FOUND, "there is no deleted provider %s", cli->arguments[0]);
}

static int run_provider_purge(struct cli *cli)
{
    const char *path = provider_path(cli, "deletedProviders", "");
    return path ? follow(cli, "DELETE", path) : cli_fail(EXIT_NOT_FOUND, "there is no deleted provider %s", cli->arguments[0]);
}

static const struct cli_option list_options[] = { { "top", "N", "how many, newest first (default: 50)", VALUE_NUMBER, LIMIT_LIST_PAGE } };
const struct cli_command command_operation_show = { "operation show",  "ID", 1, 1, "How far an operation came, step by step", NULL, 0,
                                                    run_operation_show };
const struct cli_command command_operation_list = { "operation list",
                                                    "",
                                                    0,
                                                    0,
                                                    "Setting up, changing and deleting providers and policies: what was done",
                                                    list_options,
                                                    ARRAY_LEN(list_options),
                                                    run_operation_list };
const struct cli_command command_provider_undelete = {
    "provider undelete",  "NAME", 1, 1, "Bring back a deleted provider: endpoint, policies with history, signers, roots, switches", NULL, 0,
    run_provider_undelete
};
const struct cli_command command_provider_purge = { "provider purge",  "NAME", 1, 1, "End a deleted provider for good", NULL, 0,
                                                    run_provider_purge };
