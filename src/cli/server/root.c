/* trueboot root: who is believed when they vouch for endorsement and attestation keys. */
#include <string.h>
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "x509/cert.h"

enum { ROOT_FILE_MAX = 1024 * 1024, BUNDLE_MAX = 64 };

/* The certificates of every FILE, PEM or DER, as one PEM text: what is no certificate is said here, with its file. */
static bool read_files(struct cli *cli, struct writer *pem, struct err *err)
{
    for (int i = 0; i < cli->n_arguments; i++) {
        struct cert *certs[BUNDLE_MAX];
        struct bytes content;
        size_t n;
        if (!cli_read(cli, cli->arguments[i], ROOT_FILE_MAX, &content, err))
            return false;
        if (!cert_parse_bundle(content, certs, BUNDLE_MAX, &n, err))
            return err_within(err, "%s", cli->arguments[i]);
        for (size_t k = 0; k < n; k++) {
            const char *text = cert_pem(certs[k], &cli->arena);
            write_string(pem, text ? text : "");
            pem->bad |= !text;
            cert_free(certs[k]);
        }
    }
    return writer_ok(pem) || err_set(err, ERR_NO_MEMORY, "out of memory");
}

static const char *add_body(struct cli *cli, const char *kind, struct err *err)
{
    struct writer pem CLEANUP(writer_done) = { 0 }, w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *provider = cli_option(cli, "provider");

    if (!read_files(cli, &pem, err))
        return NULL;
    json_begin_object(&out, NULL);
    json_put_string(&out, "kind", kind);
    if (provider)
        json_put_string(&out, "provider", provider);
    json_put_boolean(&out, "pin", cli_flag(cli, "pin", false));
    json_put_boolean(&out, "intermediate", cli_flag(cli, "intermediate", false));
    json_put_boolean(&out, "replace", cli_flag(cli, "replace", false));
    json_put_bytes(&out, "pem", writer_bytes(&pem));
    json_end(&out);
    if (!writer_ok(&w))
        err_record(err, ERR_NO_MEMORY, "out of memory");
    return writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
}

static void roots_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "KIND", "PROVIDER", "ROLE", "NAME", "VALID UNTIL", "SHA-256" };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *row = list->array.items[i];
        const char *provider = show_member(cli, row, "provider");
        bool server = false;
        if (json_get(row, "server") && !json_as_boolean(json_get(row, "server"), &server))
            server = false;
        table_row(t, (const char *const[]){ show_member(cli, row, "kind"),
                                            provider                                           ? provider
                                            : strcmp(show_member(cli, row, "kind"), "ek") == 0 ? "(all)"
                                                                                               : "(shared)",
                                            server ? "ca, this server's own" : show_member(cli, row, "role"),
                                            show_member(cli, row, "commonName"), show_member(cli, row, "notAfter"),
                                            show_member(cli, row, "sha256") });
    }
    table_print(t);
}

static int no_kind(void) { return cli_fail(EXIT_USAGE, "--kind ek (endorsement keys) or --kind ak (attestation keys) is needed"); }

static int run_root_add(struct cli *cli)
{
    const char *kind = cli_option(cli, "kind"), *body;
    struct err err = ERR_INIT;

    if (!kind)
        return no_kind();
    body = add_body(cli, kind, &err);
    return body ? remote_print(cli, "POST", "/v1/roots", body, roots_table) : cli_fail_err(&err);
}

/* A name or digest that goes into an address: what else is in it cannot exist. */
static bool is_plain(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(text);
}

static int run_root_list(struct cli *cli)
{
    const char *provider = cli_option(cli, "provider");
    const char *path = provider ? arena_printf(&cli->arena, "/v1/roots?provider=%s", provider) : "/v1/roots";

    return remote_print(cli, "GET", path, NULL, roots_table);
}

static int run_root_remove(struct cli *cli)
{
    const char *kind = cli_option(cli, "kind"), *provider = cli_option(cli, "provider");

    if (!kind)
        return no_kind();
    if (!is_plain(cli->arguments[0]))
        return cli_fail(EXIT_NOT_FOUND, "there is no such root certificate");
    return remote_call(
        cli, "DELETE",
        arena_printf(&cli->arena, "/v1/roots/%s/%s%s%s", kind, cli->arguments[0], provider ? "?provider=" : "", provider ? provider : ""),
        NULL, NULL);
}

#define KIND_OPTION                                                                                                         \
    {                                                                                                                       \
        "kind", "ek|ak", "whom it vouches for: endorsement keys of vTPMs (at enrolment), or attestation keys", VALUE_ONE_OF \
    }
#define PROVIDER_OPTION                                                                                           \
    {                                                                                                             \
        "provider", "NAME", "for which provider (default: the shared one; endorsement keys: all)", VALUE_PROVIDER \
    }
static const struct cli_option add_options[] = {
    KIND_OPTION,
    PROVIDER_OPTION,
    { "pin", NULL, "trust the certificates themselves, not what they issue" },
    { "intermediate", NULL, "they only help to reach a root that is trusted" },
    { "replace", NULL, "they take the place of all of that kind and provider, in one step" },
};
static const struct cli_option remove_options[] = { KIND_OPTION, PROVIDER_OPTION };
static const struct cli_option list_options[] = { { "provider", "NAME", "of this provider only", VALUE_PROVIDER } };
const struct cli_command command_root_add = { "root add",
                                              "FILE...",
                                              1,
                                              CLI_ARGUMENTS_MAX,
                                              "Trust CAs (or pin certificates), PEM or DER, for vTPMs or attestation keys",
                                              add_options,
                                              ARRAY_LEN(add_options),
                                              run_root_add };
const struct cli_command command_root_list = {
    "root list", "", 0, 0, "Who is trusted", list_options, ARRAY_LEN(list_options), run_root_list
};
const struct cli_command command_root_remove = {
    "root remove", "SHA256", 1, 1, "Stop trusting a certificate", remove_options, ARRAY_LEN(remove_options), run_root_remove
};
