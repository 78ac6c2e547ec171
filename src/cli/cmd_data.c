/* trueboot data show|update: the reference knowledge (revocations, SBAT levels) that verdicts rest on, how old it is, and renewing it. */
#include <string.h>
#include "base/clock.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/offline.h"
#include "refdata/refdata.h"

/* ---- show ---- */

/* What the server uses, as it tells itself; NULL: there is no server, or it uses none. */
static const struct json *ask_server(struct cli *cli)
{
    const struct json *answer = NULL;
    struct err ignored = ERR_INIT;

    return remote_try(cli, "GET", "/v1/server", NULL, &answer, &ignored) == 200 ? answer : NULL;
}

static void pack_rows(struct cli *cli, const struct json *pack)
{
    static const struct {
        const char *member, *title;
    } counts[] = { { "images", "forbidden images" },
                   { "certificates", "forbidden certificates" },
                   { "known", "named certificates" },
                   { "sbat", "SBAT generations" } };
    const char *path = show_member(cli, pack, "path");
    int64_t n, as_of;

    printf("  %-24s %s\n", "name", show_member(cli, pack, "name") ? show_member(cli, pack, "name") : "-");
    if (clock_parse(json_text(json_get(pack, "asOf"), BYTES_NONE), &as_of))
        printf("  %-24s %s\n", "as of", reference_age(&cli->arena, &(struct boot_reference){ .as_of_ms = as_of }, clock_now_ms()));
    else
        printf("  %-24s date unknown\n", "as of");
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (json_as_integer(json_get(pack, counts[i].member), &n))
            printf("  %-24s %lld\n", counts[i].title, (long long)n);
    if (json_as_integer(json_get(pack, "sbatDate"), &n) && n)
        printf("  %-24s %lld\n", "SBAT level", (long long)n);
    printf("  %-24s %s\n", "file", path ? path : "-");
}

static void show_table(struct cli *cli, const struct json *v)
{
    static const struct {
        const char *member, *title;
    } users[] = { { "offline", "Off line (trueboot verify, baseline learn)" }, { "server", "Server" } };

    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        const struct json *pack = json_get(v, users[i].member);
        printf("%s%s:\n", i ? "\n" : "", users[i].title);
        if (pack && pack->type == JSON_OBJECT)
            pack_rows(cli, pack);
        else
            printf("  %s\n", i && !json_is_string(json_get(v, "serverState"), "answers") ? show_member(cli, v, "serverState") : "none");
    }
}

static int run_show(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct json *server = cli_flag(cli, "offline", false) ? NULL : ask_server(cli), *v;
    const char *problem;
    const struct refdata *own = refdata_load(&cli->arena, refdata_user_path(&cli->arena), &problem);

    if (problem)
        fprintf(stderr, "trueboot: note: %s\n", problem);
    json_begin_object(&out, NULL);
    refdata_put(&out, "offline", own);
    json_put_string(&out, "serverState", server ? "answers" : cli_flag(cli, "offline", false) ? "not asked" : "unreachable");
    if (server && json_get(server, "reference"))
        json_put_value(&out, "server", json_get(server, "reference"));
    else
        json_put_null(&out, "server");
    json_end(&out);
    v = offline_value(cli, &w);
    return v ? cli_print(cli, v, show_table) : EXIT_ERROR;
}

/* ---- update ---- */

struct target {
    const char *who;  /* "offline", "server" */
    const char *path; /* NULL: there is none */
    struct refdata_update update;
};

/* DATA of a server that runs on this machine: its database is there. */
static const char *server_path(struct cli *cli)
{
    const char *dir = show_member(cli, ask_server(cli), "dataDir");
    const char *database = dir ? arena_printf(&cli->arena, "%s/trueboot.db", dir) : NULL;

    return database && file_exists(database) ? arena_printf(&cli->arena, "%s/" REFDATA_FILE, dir) : NULL;
}

/* The list joins what this target has been using. */
static bool make_update(struct cli *cli, struct target *t, struct bytes file, int64_t as_of_ms, struct err *err)
{
    const char *slash = strrchr(cli->arguments[0], '/'), *problem;
    const struct refdata *base = refdata_load(&cli->arena, t->path, &problem);

    return refdata_update(&cli->arena, base ? &base->reference : NULL, file, slash ? slash + 1 : cli->arguments[0], as_of_ms, &t->update,
                          err);
}

static const struct json *update_value(struct cli *cli, const struct target targets[2])
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "signer", targets[0].update.signer);
    for (size_t i = 0; i < 2; i++) {
        const struct refdata data = { targets[i].update.reference, targets[i].path };
        const char *added = i ? "addedToServer" : "addedOffline";
        refdata_put(&out, targets[i].who, targets[i].path ? &data : NULL);
        if (targets[i].path)
            json_put_integer(&out, added, (int64_t)targets[i].update.added);
        else
            json_put_null(&out, added);
    }
    json_end(&out);
    return offline_value(cli, &w);
}

static void update_table(struct cli *cli, const struct json *v)
{
    static const char *const users[][2] = { { "offline", "addedOffline" }, { "server", "addedToServer" } };
    const char *signer = show_member(cli, v, "signer");
    int64_t added;

    printf("%s\n", signer ? arena_printf(&cli->arena, "Signed by %s.", signer) : "A data pack; nobody signs those.");
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        const struct json *pack = json_get(v, users[i][0]);
        if (!json_as_integer(json_get(v, users[i][1]), &added))
            continue;
        printf("\n%s: %lld new entries\n", users[i][0], (long long)added);
        pack_rows(cli, pack);
    }
    if (json_as_integer(json_get(v, "addedToServer"), &added))
        puts("\nThe server reads its pack when it starts: restart truebootd for it to count.");
    else
        puts("\nNo server of this machine answered: only offline commands use it. Run this again beside the server, as its user.");
}

static int run_update(struct cli *cli)
{
    struct target targets[] = { { .who = "offline", .path = refdata_user_path(&cli->arena) },
                                { .who = "server", .path = cli_flag(cli, "offline", false) ? NULL : server_path(cli) } };
    const char *as_of = cli_option(cli, "as-of");
    struct err err = ERR_INIT;
    const struct json *v;
    int64_t as_of_ms = 0;
    struct bytes file;

    if (as_of && !clock_parse(bytes_of_string(as_of), &as_of_ms) &&
        !clock_parse(bytes_of_string(arena_printf(&cli->arena, "%sT00:00:00Z", as_of)), &as_of_ms))
        return cli_fail(EXIT_USAGE, "--as-of is not a date such as 2026-07-14");
    if (!file_read_in(&cli->arena, cli->arguments[0], REFDATA_MAX_BYTES, &file, &err))
        return cli_fail_err(&err);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (targets[i].path && !make_update(cli, &targets[i], file, as_of_ms, &err)) {
            (void)err_within(&err, "%s", cli->arguments[0]);
            return cli_fail_err(&err);
        }
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (targets[i].path && !refdata_write(targets[i].path, &targets[i].update.reference, &err))
            return cli_fail_err(&err);
    v = update_value(cli, targets);
    return v ? cli_print(cli, v, update_table) : EXIT_ERROR;
}

#define OFFLINE_ONLY                              \
    {                                             \
        "offline", NULL, "leave the server alone" \
    }
static const struct cli_option show_options[] = { OFFLINE_ONLY };
static const struct cli_option update_options[] = {
    OFFLINE_ONLY, { "as-of", "DATE", "the list's date, as its publisher says: such lists do not carry one" }
};
const struct cli_command command_data_show = {
    "data show", "", 0, 0, "Which revocation lists and SBAT levels are used, and how old they are", show_options, ARRAY_LEN(show_options),
    run_show
};
const struct cli_command command_data_update = { "data update",
                                                 "FILE",
                                                 1,
                                                 1,
                                                 "Take in a publisher's signed DBXUpdate.bin, or a reference data pack",
                                                 update_options,
                                                 ARRAY_LEN(update_options),
                                                 run_update };
