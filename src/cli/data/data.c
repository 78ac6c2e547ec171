/* trueboot data show|update|trust: the reference knowledge (revocations, SBAT levels) that verdicts rest on, how old it is, and renewing it. */
#include <limits.h>
#include <string.h>
#include "base/clock.h"
#include "base/file.h"
#include "cli/data/commands.h"
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "refdata/refdata.h"

/* ---- show ---- */

/* What the server uses, as it tells itself; NULL: there is no server, or it uses none. */
static const struct json *ask_server(struct cli *cli)
{
    const struct json *answer = NULL;
    struct err ignored = ERR_INIT;

    return remote_try(cli, "GET", "/v1/server", NULL, &answer, &ignored) == 200 ? answer : NULL;
}

static void date_row(struct cli *cli, const char *title, const struct json *holder)
{
    int64_t as_of;

    if (clock_parse(json_text(json_get(holder, "asOf"), BYTES_NONE), &as_of))
        printf("  %-24s %s\n", title, reference_age(&cli->arena, &(struct boot_reference){ .as_of_ms = as_of }, clock_now_ms()));
    else
        printf("  %-24s date unknown\n", title);
}

static void origin_row(struct cli *cli, const struct json *pack)
{
    static const struct {
        const char *origin, *words;
    } rows[] = { { "built", "nobody: built with the program, of the distribution's packages" },
                 { "local", "nobody: made here, of lists whose signatures were checked" },
                 { "named", "nobody" } };
    const char *signer = show_member(cli, pack, "signedBy");

    for (size_t i = 0; !signer && i < ARRAY_LEN(rows); i++)
        if (json_is_string(json_get(pack, "origin"), rows[i].origin))
            signer = rows[i].words;
    printf("  %-24s %s\n", "signed by", signer ? signer : "-");
}

/* "443 x64, 26 aarch64": which machines' lists are there. */
static void architecture_row(struct cli *cli, const struct json *pack)
{
    const struct json *counts = json_get(pack, "architectures");
    const char *text = "";

    for (size_t i = 0; counts && counts->type == JSON_OBJECT && i < counts->object.n; i++) {
        const struct json_member *m = &counts->object.members[i];
        int64_t n;
        if (json_as_integer(m->value, &n) && n)
            text = arena_printf(&cli->arena, "%s%s%lld %.*s", text, *text ? ", " : "", (long long)n, BYTES_FMT(m->name));
        if (!text)
            return;
    }
    if (*text)
        printf("  %-24s %s\n", "by architecture", text);
}

static void count_rows(const struct json *pack)
{
    static const struct {
        const char *of, *member, *title;
    } counts[] = { { "lists", "dbx", "images for dbx" },
                   { "lists", "shim", "images forbidden by shim" },
                   { "lists", "advice", "images by advice" },
                   { NULL, "described", "images with a description" },
                   { NULL, "certificates", "forbidden certificates" },
                   { NULL, "known", "named certificates" },
                   { NULL, "sbat", "SBAT generations" },
                   { NULL, "sbatDate", "SBAT level" } };
    int64_t n;

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        const struct json *holder = counts[i].of ? json_get(pack, counts[i].of) : pack;
        if (json_as_integer(json_get(holder, counts[i].member), &n) && (n || i == 0))
            printf("  %-24s %lld\n", counts[i].title, (long long)n);
    }
}

static void pack_rows(struct cli *cli, const struct json *pack)
{
    const struct json *sources = json_get(pack, "sources");
    const char *path = show_member(cli, pack, "path"), *name = show_member(cli, pack, "name");
    int64_t n;

    printf("  %-24s %s\n", "name", name ? name : "-");
    date_row(cli, "as of", pack);
    origin_row(cli, pack);
    count_rows(pack);
    architecture_row(cli, pack);
    for (size_t i = 0; sources && sources->type == JSON_ARRAY && i < sources->array.n; i++) {
        const char *words = show_member(cli, sources->array.items[i], "words");
        printf("  %-24s %s\n", i ? "" : "made of", words ? words : "-");
        date_row(cli, "", sources->array.items[i]);
    }
    printf("  %-24s %s\n", "file", path ? path : "-");
    if (json_as_integer(json_at(pack, "lists", "dbx", NULL), &n) && !n)
        puts(
            "  No revoked images for machines' dbx are known: the publisher's list (DBXUpdate.bin) adds them with `trueboot data update`.");
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
    v = cli_json(cli, &w);
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

/* What follows for this target from what it has been using. Everything but the result is in the arena. */
static bool make_update(struct cli *cli, struct target *t, const struct refdata_file *files, int64_t as_of_ms, struct err *err)
{
    struct refdata_keys keys CLEANUP(refdata_keys_done) = { 0 };
    const char *path = refdata_keys_path(&cli->arena, t->path), *problem;
    const struct refdata_change change = { .base = refdata_load(&cli->arena, t->path, &problem),
                                           .keys = &keys,
                                           .as_of_ms = as_of_ms,
                                           .now_ms = clock_now_ms(),
                                           .downgrade = cli_flag(cli, "downgrade", false) };

    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory for keys");
    return refdata_keys_read(&cli->arena, path, &keys, err) &&
           refdata_update(&cli->arena, &change, files, (size_t)cli->n_arguments, &t->update, err);
}

static const struct json *update_value(struct cli *cli, const struct target targets[2])
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "signer", targets[0].update.signer);
    for (size_t i = 0; i < 2; i++) {
        const struct refdata_update *update = &targets[i].update;
        const struct refdata data = { .reference = update->reference,
                                      .path = targets[i].path,
                                      .origin = update->verbatim.len ? REFDATA_SIGNED : REFDATA_LOCAL,
                                      .signer = update->verbatim.len ? update->signer : NULL };
        const char *added = i ? "addedToServer" : "addedOffline", *removed = i ? "removedFromServer" : "removedOffline";
        refdata_put(&out, targets[i].who, targets[i].path ? &data : NULL);
        if (targets[i].path) {
            json_put_integer(&out, added, (int64_t)update->added);
            json_put_integer(&out, removed, (int64_t)update->removed);
        } else {
            json_put_null(&out, added);
            json_put_null(&out, removed);
        }
    }
    json_end(&out);
    return cli_json(cli, &w);
}

static void update_table(struct cli *cli, const struct json *v)
{
    static const char *const users[][3] = { { "offline", "addedOffline", "removedOffline" },
                                            { "server", "addedToServer", "removedFromServer" } };
    const char *signer = show_member(cli, v, "signer");
    int64_t added, removed = 0;

    printf("%s\n", signer ? arena_printf(&cli->arena, "Signed by %s.", signer) : "Descriptions only: they forbid nothing.");
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        const struct json *pack = json_get(v, users[i][0]);
        if (!json_as_integer(json_get(v, users[i][1]), &added))
            continue;
        printf("\n%s: %lld new entries", users[i][0], (long long)added);
        if (json_as_integer(json_get(v, users[i][2]), &removed) && removed)
            printf(", %lld no longer there", (long long)removed);
        printf("\n");
        pack_rows(cli, pack);
    }
    if (json_as_integer(json_get(v, "addedToServer"), &added))
        puts("\nThe server reads its pack when it starts: restart truebootd for it to count.");
    else
        puts("\nNo server of this machine answered: only offline commands use it. Run this again beside the server, as its user.");
}

static bool read_files(struct cli *cli, struct refdata_file files[CLI_ARGUMENTS_MAX], struct err *err)
{
    for (int i = 0; i < cli->n_arguments; i++) {
        const char *slash = strrchr(cli->arguments[i], '/');
        files[i].name = slash ? slash + 1 : cli->arguments[i];
        if (!cli_read(cli, cli->arguments[i], REFDATA_MAX_BYTES, &files[i].content, err))
            return false;
    }
    return true;
}

static int run_update(struct cli *cli)
{
    struct target targets[] = { { .who = "offline", .path = refdata_user_path(&cli->arena) },
                                { .who = "server", .path = cli_flag(cli, "offline", false) ? NULL : server_path(cli) } };
    struct refdata_file files[CLI_ARGUMENTS_MAX];
    struct err err = ERR_INIT;
    const struct json *v;
    int64_t as_of_ms = cli_time(cli, "as-of", 0);

    if (!read_files(cli, files, &err))
        return cli_fail_err(&err);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (targets[i].path && !make_update(cli, &targets[i], files, as_of_ms, &err)) {
            if (cli->n_arguments == 1)
                (void)err_within(&err, "%s", cli->arguments[0]);
            return cli_fail_err(&err);
        }
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (targets[i].path && !refdata_write(targets[i].path, &targets[i].update, &err))
            return cli_fail_err(&err);
    v = update_value(cli, targets);
    return v ? cli_print(cli, v, update_table) : EXIT_ERROR;
}

/* ---- trust ---- */

static void put_key(struct json_out *out, const struct refdata_key *key)
{
    json_begin_object(out, NULL);
    json_put_string(out, "id", key->id);
    json_put_string(out, "name", key->name);
    json_put_string(out, "type", pubkey_type(key->key) == KEY_RSA ? "RSA" : ec_curve_name(pubkey_curve(key->key)));
    json_end(out);
}

/* Changes one list of trusted keys as the command line says, and adds what is trusted then to `out`. */
static bool trust_at(struct cli *cli, const char *pack, const char *who, struct json_out *out, struct err *err)
{
    struct refdata_keys keys CLEANUP(refdata_keys_done) = { 0 };
    const char *path = refdata_keys_path(&cli->arena, pack), *gone = cli_option(cli, "remove");
    const struct refdata_key *added;
    struct bytes file;

    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory for keys");
    if (!refdata_keys_read(&cli->arena, path, &keys, err))
        return false;
    for (int i = 0; i < cli->n_arguments; i++)
        if (!cli_read(cli, cli->arguments[i], REFDATA_MAX_BYTES, &file, err) ||
            !refdata_keys_add(&cli->arena, &keys, file, cli_option(cli, "name"), &added, err))
            return err_within(err, "%s", cli->arguments[i]);
    if (gone && !refdata_keys_remove(&keys, gone))
        return err_set(err, ERR_NOT_FOUND, "%s: no trusted key, or more than one, has an id that begins with %s (at least 8 digits)", path,
                       gone);
    if ((cli->n_arguments || gone) && !refdata_keys_write(path, &keys, err))
        return false;
    json_begin_array(out, who);
    for (size_t i = 0; i < keys.n; i++)
        put_key(out, &keys.items[i]);
    json_end(out);
    return true;
}

static void trust_table(struct cli *cli, const struct json *v)
{
    static const char *const users[][2] = { { "offline", "Off line (trueboot verify, baseline learn)" }, { "server", "Server" } };
    static const char *const headings[] = { "ID", "TYPE", "NAME" };

    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        const struct json *list = json_get(v, users[i][0]);
        struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));
        if (!list || list->type != JSON_ARRAY || !t)
            continue;
        printf("%s%s:\n", i ? "\n" : "", users[i][1]);
        for (size_t k = 0; k < list->array.n; k++) {
            const struct json *key = list->array.items[k];
            const char *const row[] = { show_member(cli, key, "id"), show_member(cli, key, "type"), show_member(cli, key, "name") };
            table_row(t, row);
        }
        if (list->array.n)
            table_print(t);
        else
            puts("  no key is trusted: data packs are refused");
    }
}

static int run_trust(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *user = refdata_user_path(&cli->arena), *server = cli_flag(cli, "offline", false) ? NULL : server_path(cli);
    char folder[PATH_MAX];
    struct err err = ERR_INIT;
    const struct json *v;

    if (!user)
        return cli_fail(EXIT_ERROR, "out of memory");
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(user, '/') - user), user);
    if ((cli->n_arguments && !file_make_dirs(folder, 0755, &err)))
        return cli_fail_err(&err);
    json_begin_object(&out, NULL);
    if (!trust_at(cli, user, "offline", &out, &err) || (server && !trust_at(cli, server, "server", &out, &err)))
        return cli_fail_err(&err);
    json_end(&out);
    v = cli_json(cli, &w);
    return v ? cli_print(cli, v, trust_table) : EXIT_ERROR;
}

#define OFFLINE_ONLY                              \
    {                                             \
        "offline", NULL, "leave the server alone" \
    }
static const struct cli_option show_options[] = { OFFLINE_ONLY };
static const struct cli_option update_options[] = { OFFLINE_ONLY,
                                                    { "as-of", "DATE",
                                                      "the list's date, as its publisher says: such lists do not carry one", VALUE_DATE },
                                                    { "downgrade", NULL, "take a data pack that is older than the one in use" } };
static const struct cli_option trust_options[] = { OFFLINE_ONLY,
                                                   { "name", "NAME", "what to call the key; without it, a certificate's own name" },
                                                   { "remove", "ID", "no longer trust this key: the first 8 or more digits of its id" } };
const struct cli_command command_data_show = {
    "data show", "", 0, 0, "Which revocation lists and SBAT levels are used, and how old they are", show_options, ARRAY_LEN(show_options),
    run_show
};
const struct cli_command command_data_update = { "data update",
                                                 "FILE…",
                                                 1,
                                                 CLI_ARGUMENTS_MAX,
                                                 "Take in publishers' signed DBXUpdate.bin and their descriptions, or a signed data pack",
                                                 update_options,
                                                 ARRAY_LEN(update_options),
                                                 run_update };
const struct cli_command command_data_trust = {
    "data trust",
    "[FILE…]",
    0,
    CLI_ARGUMENTS_MAX,
    "Whose data packs are taken: show the keys, or add those of FILE (public key or certificate)",
    trust_options,
    ARRAY_LEN(trust_options),
    run_trust
};
