/* trueboot key: the server's signing keys: which one signs, which ones are published, when certificates end. */
#include <string.h>
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"

static const char *published(const struct json *row)
{
    bool value = false;
    return json_as_boolean(json_get(row, "published"), &value) && value ? "yes" : "no";
}

static const char *days(struct cli *cli, const struct json *row)
{
    int64_t n;
    return json_as_integer(json_get(row, "daysLeft"), &n) ? arena_printf(&cli->arena, "%lld days", (long long)n) : "";
}

static const char *or_dash(const char *text) { return text && *text ? text : "-"; }

static void add_key(struct cli *cli, struct table *t, const struct json *row)
{
    table_row(t, (const char *const[]){ show_member(cli, row, "use"), show_member(cli, row, "state"), show_member(cli, row, "algorithm"),
                                        published(row), or_dash(show_member(cli, row, "activeFrom")),
                                        or_dash(show_member(cli, row, "publishedUntil")), days(cli, row), show_member(cli, row, "kid") });
}

static void key_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "USE",         "STATE",           "ALGORITHM",        "PUBLISHED",
                                            "ACTIVE FROM", "PUBLISHED UNTIL", "CERTIFICATE ENDS", "KID" };
    static const char *const cert_headings[] = { "CERTIFICATE", "ENDS", "LEFT" };
    const struct json *list = json_get(v, "value"), *certs = json_get(v, "certificates");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++)
        add_key(cli, t, list->array.items[i]);
    if (!list)
        add_key(cli, t, v);
    table_print(t);
    if (!certs || certs->type != JSON_ARRAY)
        return;
    t = table_new(&cli->arena, cert_headings, ARRAY_LEN(cert_headings));
    for (size_t i = 0; i < certs->array.n; i++) {
        const struct json *row = certs->array.items[i];
        table_row(t, (const char *const[]){ show_member(cli, row, "name"), show_member(cli, row, "certificateEnds"), days(cli, row) });
    }
    printf("\n");
    table_print(t);
}

static int ask(struct cli *cli, const char *method, const char *path, const char *body)
{
    return remote_print(cli, method, path, body, key_table);
}

/* {"use"|"kid": text, "now": true}. */
static int post(struct cli *cli, const char *path, const char *member, bool now)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *body;

    json_begin_object(&out, NULL);
    json_put_string(&out, member, cli->arguments[0]);
    if (now)
        json_put_boolean(&out, "now", true);
    json_end(&out);
    body = writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
    return body ? ask(cli, "POST", path, body) : cli_fail(EXIT_ERROR, "out of memory");
}

static int run_list(struct cli *cli) { return ask(cli, "GET", "/v1/keys", NULL); }
static int run_rotate(struct cli *cli) { return post(cli, "/v1/keys:rotate", "use", cli_flag(cli, "now", false)); }
static int run_revoke(struct cli *cli) { return post(cli, "/v1/keys:revoke", "kid", false); }

static const struct cli_option rotate_options[] = {
    { "now", NULL, "let the new key sign at once: clients that have fetched the list before do not know it yet" },
};
const struct cli_command command_key_list = { "key list", "", 0,       0, "The server's signing keys and how long certificates last",
                                              NULL,       0,  run_list };
const struct cli_command command_key_rotate = { "key rotate",
                                                "USE",
                                                1,
                                                1,
                                                "Publish the next key of token, report, token-es256, report-es256 or record",
                                                rotate_options,
                                                ARRAY_LEN(rotate_options),
                                                run_rotate };
const struct cli_command command_key_revoke = {
    "key revoke", "KID", 1, 1, "End a key now: nothing that it signed is believed any more", NULL, 0, run_revoke
};
