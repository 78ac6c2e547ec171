/* trueboot audit: whether the server's audit log holds, and what is in it. Reads files; `audit checkpoint` asks the server, and so does `audit show` where
 * that is one on the network. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "audit/files.h"
#include "audit/verify.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "json/parse.h"
#include "x509/cert.h"

enum { CERT_FILE_MAX = 64 * 1024, HEAD_MAX = 64 * 1024, SHOWN_DEFAULT = 50, SHOWN_MAX = 1000000, LOG_FILE_MAX = 1024 * 1024 * 1024 };

/* ---- which log ---- */

struct log_files {
    const char *folder; /* of the server; NULL: files were named */
    const char *const *files;
    size_t n;
};

/* --data, what a server on this machine says, or the usual place. */
static const char *data_folder(struct cli *cli)
{
    const char *given = cli_option(cli, "data"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const struct json *answer;
    struct err quiet = ERR_INIT;
    struct bytes said;

    if (given)
        return given;
    if (remote_try(cli, "GET", "/v1/server", NULL, &answer, &quiet) == 200) {
        said = json_text(json_get(answer, "dataDir"), BYTES_NONE);
        given = said.len ? arena_string(&cli->arena, said) : NULL;
        if (given && file_exists(given))
            return given;
    }
    if (geteuid() == 0)
        return "/var/lib/trueboot";
    return data && *data ? arena_printf(&cli->arena, "%s/trueboot", data)
                         : arena_printf(&cli->arena, "%s/.local/share/trueboot", home ? home : ".");
}

static bool find_files(struct cli *cli, struct log_files *ret, struct err *err)
{
    const char *audit;
    struct err no_folder = ERR_INIT;

    if (cli->n_arguments == 1 && audit_files(&cli->arena, cli->arguments[0], &ret->files, &ret->n, &no_folder) && ret->n > 0)
        return true; /* a folder of them */
    if (cli->n_arguments > 0) {
        *ret = (struct log_files){ NULL, cli->arguments, (size_t)cli->n_arguments };
        return true;
    }
    ret->folder = data_folder(cli);
    audit = ret->folder ? arena_printf(&cli->arena, "%s/audit", ret->folder) : NULL;
    if (!audit)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (!audit_files(&cli->arena, audit, &ret->files, &ret->n, err))
        return false;
    return ret->n > 0 || err_set(err, ERR_NOT_FOUND, "there is no audit log in %s", audit);
}

/* ---- verify ---- */

/* --cert, else the server's own; NULL: none, and a note says so. */
static bool find_key(struct cli *cli, const char *folder, struct cert **ret, const char **ret_note, struct err *err)
{
    const char *given = cli_option(cli, "cert"), *path = given;
    struct bytes pem;
    size_t n;

    if (!path && folder)
        path = arena_printf(&cli->arena, "%s/keys/audit.pem", folder);
    if (!path || (!given && !file_exists(path))) {
        *ret_note = "signatures of checkpoints were not verified: name the server's keys/audit.pem with --cert";
        return true;
    }
    if (!file_read_in(&cli->arena, path, CERT_FILE_MAX, &pem, err))
        return false;
    struct cert *certs[LIMIT_CHAIN_CERTS];
    if (!cert_parse_bundle(pem, certs, LIMIT_CHAIN_CERTS, &n, err))
        return err_within(err, "%s", path);
    for (size_t i = 1; i < n; i++)
        cert_free(certs[i]);
    *ret = certs[0];
    return certs[0]->key || err_set(err, ERR_UNSUPPORTED, "%s: %s", path, certs[0]->key_problem);
}

static bool find_heads(struct cli *cli, const char *folder, struct bytes heads[static AUDIT_HEADS_MAX], size_t *ret_n, struct err *err)
{
    const char *own = folder ? arena_printf(&cli->arena, "%s/audit/" AUDIT_HEAD_FILE, folder) : NULL, *path;
    size_t n = 0;

    if (own && file_exists(own) && !file_read_in(&cli->arena, own, HEAD_MAX, &heads[n++], err))
        return false;
    for (size_t i = 0; (path = cli_option_at(cli, "head", i)); i++) {
        if (n == AUDIT_HEADS_MAX)
            return err_set(err, ERR_LIMIT, "at most %d checkpoints", AUDIT_HEADS_MAX);
        if (!file_read_in(&cli->arena, path, HEAD_MAX, &heads[n], err))
            return false;
        heads[n] = bytes_trim(heads[n]);
        n++;
    }
    *ret_n = n;
    return true;
}

static void put_report(struct json_out *out, const struct audit_report *r, const char *note)
{
    json_begin_object(out, NULL);
    json_put_boolean(out, "holds", r->n_problems == 0);
    json_put_integer(out, "files", (int64_t)r->files);
    json_put_integer(out, "records", r->records);
    json_put_integer(out, "first", r->first_seq);
    json_put_integer(out, "last", r->last_seq);
    json_put_integer(out, "checkpoints", r->checkpoints);
    json_put_integer(out, "signedThrough", r->signed_through);
    json_put_integer(out, "nProblems", (int64_t)r->n_problems);
    json_begin_array(out, "problems");
    for (size_t i = 0; i < r->n_problems && i < AUDIT_PROBLEMS_MAX; i++) {
        json_begin_object(out, NULL);
        json_put_integer(out, "record", r->problems[i].seq);
        json_put_string(out, "file", r->problems[i].file);
        json_put_integer(out, "line", r->problems[i].line);
        json_put_string(out, "what", r->problems[i].what);
        json_end(out);
    }
    json_end(out);
    json_put_string(out, "note", note);
    json_end(out);
}

static void report_table(struct cli *cli, const struct json *v)
{
    const struct json *problems = json_get(v, "problems");
    int64_t records = 0, first = 0, last = 0, signed_through = 0, line = 0, record = 0;
    bool holds = false;

    if (json_as_integer(json_get(v, "records"), &records) && json_as_integer(json_get(v, "first"), &first) &&
        json_as_integer(json_get(v, "last"), &last) && json_as_integer(json_get(v, "signedThrough"), &signed_through) &&
        json_as_boolean(json_get(v, "holds"), &holds))
        printf("%s: %lld records, from %lld to %lld; signed through record %lld\n",
               holds ? "the audit log holds" : "THE AUDIT LOG DOES NOT HOLD", (long long)records, (long long)first, (long long)last,
               (long long)signed_through);
    for (size_t i = 0; problems && i < problems->array.n; i++) {
        const struct json *p = problems->array.items[i];
        const char *file = show_member(cli, p, "file");

        if (!json_as_integer(json_get(p, "line"), &line) || !json_as_integer(json_get(p, "record"), &record))
            continue;
        if (file && line)
            printf("record %lld (%s, line %lld): %s\n", (long long)record, file, (long long)line, show_member(cli, p, "what"));
        else
            printf("record %lld: %s\n", (long long)record, show_member(cli, p, "what"));
    }
    if (show_member(cli, v, "note"))
        printf("note: %s\n", show_member(cli, v, "note"));
}

static int verify(struct cli *cli, struct cert **cert, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct audit_report *report = ARENA_NEW(&cli->arena, struct audit_report);
    struct bytes heads[AUDIT_HEADS_MAX];
    struct audit_verify_options options = { .heads = heads };
    struct log_files log = { 0 };
    const char *note = NULL;
    const struct json *v;
    int code;

    if (!report || !find_files(cli, &log, err) || !find_key(cli, log.folder, cert, &note, err) ||
        !find_heads(cli, log.folder, heads, &options.n_heads, err))
        return cli_fail_err(err);
    options.key = *cert ? (*cert)->key : NULL;
    if (!audit_verify(&cli->arena, log.files, log.n, &options, report, err))
        return cli_fail_err(err);
    put_report(&out, report, note);
    if (!writer_ok(&w) || !json_parse(&cli->arena, writer_bytes(&w), NULL, &v, err))
        return cli_fail(EXIT_ERROR, "out of memory");
    code = cli_print(cli, v, report_table);
    if (code != EXIT_OK || report->n_problems == 0)
        return code;
    return cli_fail(EXIT_JUDGED_UNHEALTHY, "the audit log does not hold; the first bad record is %lld", (long long)report->problems[0].seq);
}

static int run_verify(struct cli *cli)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    return verify(cli, &cert, &err);
}

static const struct cli_option verify_options[] = {
    { "data", "DIR",
      "the server's folder (default: that of the server that answers, else /var/lib/trueboot for root, the XDG folder for others)" },
    { "cert", "FILE", "certificate of the key that signs checkpoints (default: DIR/keys/audit.pem)" },
    { "head", "FILE", "a checkpoint that was kept elsewhere (trueboot audit checkpoint): the log must reach it; repeatable" },
};
const struct cli_command command_audit_verify = { "audit verify",
                                                  "[FILE…]",
                                                  0,
                                                  CLI_ARGUMENTS_MAX,
                                                  "Whether nobody has changed the audit log; names the first bad record",
                                                  verify_options,
                                                  ARRAY_LEN(verify_options),
                                                  run_verify };

/* ---- show ---- */

struct filter {
    int64_t since_ms, until_ms;
    const char *operation, *who, *request;
    bool failed, changes;
};

static bool has_text(const struct json *v, const char *what)
{
    return !what || bytes_find(json_text(v, BYTES_NONE), bytes_of_string(what)) != SIZE_MAX;
}

static bool wanted(const struct json *record, const struct filter *f)
{
    const struct json *properties = json_get(record, "properties");
    int64_t time = 0;

    if (!clock_parse(json_text(json_get(record, "Time"), BYTES_NONE), &time))
        time = 0;
    return time >= f->since_ms && time <= f->until_ms && has_text(json_get(record, "operationName"), f->operation) &&
           has_text(json_at(record, "identity", "subject", NULL), f->who) && has_text(json_get(properties, "requestId"), f->request) &&
           (!f->failed || json_is_string(json_get(record, "resultType"), "Failed")) && (!f->changes || json_get(properties, "change"));
}

/* The last `max` lines that are wanted, as a ring. */
struct shown {
    const char **lines;
    size_t max, n;
};

static bool collect(struct cli *cli, const char *path, const struct filter *f, struct shown *shown, struct err *err)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE, rest;
    struct arena line_arena CLEANUP(arena_done) = { 0 };

    if (!file_read(path, LOG_FILE_MAX, &content, err))
        return false;
    for (rest = content; rest.len > 0;) {
        size_t end = bytes_find(rest, BYTES_LIT("\n"));
        struct bytes line = bytes_slice(rest, 0, end);
        const struct json *record;
        struct err ignored = ERR_INIT;

        rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(rest, end + 1, rest.len);
        arena_reset(&line_arena);
        if (!json_parse(&line_arena, line, NULL, &record, &ignored) || !wanted(record, f))
            continue;
        shown->lines[shown->n++ % shown->max] = arena_string(&cli->arena, line);
        if (!shown->lines[(shown->n - 1) % shown->max])
            return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    return true;
}

/* The log of a server on the network, for its auditors: page by page. */
static int collect_remote(struct cli *cli, const struct filter *f, struct shown *shown)
{
    const struct json *page, *value;
    int64_t after = 0, seq;
    int code;

    do {
        code = remote_call(cli, "GET", arena_printf(&cli->arena, "/v1/audit?top=1000&after=%lld", (long long)after), NULL, &page);
        if (code != EXIT_OK)
            return code;
        value = json_get(page, "value");
        for (size_t i = 0; value && value->type == JSON_ARRAY && i < value->array.n; i++) {
            const struct json *record = value->array.items[i];

            if (json_as_integer(json_get(record, "seq"), &seq) && seq > after)
                after = seq;
            if (wanted(record, f))
                shown->lines[shown->n++ % shown->max] = json_to_string(&cli->arena, record, JSON_COMPACT);
        }
    } while (json_text(json_get(page, "nextLink"), BYTES_NONE).len > 0 && value && value->type == JSON_ARRAY && value->array.n > 0);
    return EXIT_OK;
}

/* The files that were named, or those of this machine's server. */
static int collect_files(struct cli *cli, const struct filter *f, struct shown *shown)
{
    struct log_files log = { 0 };
    struct err err = ERR_INIT;

    if (!find_files(cli, &log, &err))
        return cli_fail_err(&err);
    for (size_t i = 0; i < log.n; i++)
        if (!collect(cli, log.files[i], f, shown, &err))
            return cli_fail_err(&err);
    return EXIT_OK;
}

static void show_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "RECORD", "TIME", "OPERATION", "STATUS", "WHO", "FROM", "ADDRESS", "DETAILS" };
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; v->type == JSON_ARRAY && i < v->array.n; i++) {
        const struct json *r = v->array.items[i];
        int64_t seq = 0;

        if (!json_as_integer(json_get(r, "seq"), &seq))
            seq = 0;
        table_row(t, (const char *const[]){ arena_printf(&cli->arena, "%lld", (long long)seq), show_member(cli, r, "Time"),
                                            show_member(cli, r, "operationName"), show_member(cli, r, "resultSignature"),
                                            show_member(cli, json_get(r, "identity"), "subject"), show_member(cli, r, "callerIpAddress"),
                                            show_member(cli, r, "uri"), show_member(cli, json_get(r, "properties"), "failureDetails") });
    }
    table_print(t);
}

static struct filter filter_of(struct cli *cli)
{
    return (struct filter){ .operation = cli_option(cli, "operation"),
                            .who = cli_option(cli, "who"),
                            .request = cli_option(cli, "request"),
                            .failed = cli_flag(cli, "failed", false),
                            .changes = cli_flag(cli, "changes", false),
                            .since_ms = cli_time(cli, "since", 0),
                            .until_ms = cli_time(cli, "until", INT64_MAX) };
}

static int run_show(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct shown shown = { .max = (size_t)cli_number(cli, "last", SHOWN_DEFAULT) };
    const struct filter filter = filter_of(cli);
    struct err err = ERR_INIT;
    const struct json *v;
    int code;

    shown.lines = ARENA_ARRAY(&cli->arena, shown.max, const char *);
    if (!shown.lines)
        return cli_fail(EXIT_ERROR, "out of memory");
    code = cli->n_arguments == 0 && !cli_option(cli, "data") && remote_is_network(cli) ? collect_remote(cli, &filter, &shown)
                                                                                       : collect_files(cli, &filter, &shown);
    if (code != EXIT_OK)
        return code;
    write_string(&w, "[");
    for (size_t i = shown.n > shown.max ? shown.n - shown.max : 0; i < shown.n; i++) {
        write_string(&w, w.len > 1 ? "," : "");
        write_string(&w, shown.lines[i % shown.max]);
    }
    write_string(&w, "]");
    if (!writer_ok(&w) || !json_parse(&cli->arena, writer_bytes(&w), NULL, &v, &err))
        return cli_fail(EXIT_ERROR, "out of memory");
    return cli_print(cli, v, show_table);
}

static const struct cli_option show_options[] = {
    { "data", "DIR", "the server's folder (default: /var/lib/trueboot for root, the XDG folder for others)" },
    { "since", "TIME", "from this time on: 2026-11-21T12:00:00Z", VALUE_TIME },
    { "until", "TIME", "up to this time", VALUE_TIME },
    { "operation", "TEXT", "whose name holds this: AttestTpm, policies/write, …" },
    { "who", "TEXT", "whose caller's name holds this" },
    { "request", "ID", "the one with this x-ms-request-id" },
    { "failed", NULL, "only what was refused" },
    { "changes", NULL, "only what people changed" },
    { "last", "N", "at most so many, the newest (default: 50)", VALUE_NUMBER, SHOWN_MAX },
};
const struct cli_command command_audit_show = { "audit show",
                                                "[FILE…]",
                                                0,
                                                CLI_ARGUMENTS_MAX,
                                                "What was asked of the server, by whom, and what it answered",
                                                show_options,
                                                ARRAY_LEN(show_options),
                                                run_show };

/* ---- checkpoint ---- */

static int run_checkpoint(struct cli *cli)
{
    const struct json *answer;
    int code = remote_call(cli, "GET", "/v1/audit/head", NULL, &answer);

    if (code != EXIT_OK)
        return code;
    if (!show_member(cli, answer, "checkpoint"))
        return cli_fail(EXIT_NOT_FOUND, "there is no checkpoint yet");
    printf("%s\n", show_member(cli, answer, "checkpoint"));
    return EXIT_OK;
}

const struct cli_command command_audit_checkpoint = {
    "audit checkpoint", "", 0, 0, "The newest signed word about how far the log goes; keep it elsewhere for audit verify --head", NULL, 0,
    run_checkpoint
};
