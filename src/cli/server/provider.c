/* trueboot provider: attestation providers. */
#include <string.h>
#include "base/base64.h"
#include "cli/frame/table.h"
#include "cli/remote/remote.h"
#include "cli/server/commands.h"
#include "x509/cert.h"

enum { SIGNERS_MAX = 64, BUNDLE_MAX = 1024 * 1024 };

static void provider_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = {
        "NAME", "TRUST MODEL", "LOCATION", "TPM AUTHENTICATION", "PUBLIC NETWORK", "TOKENS", "ADDRESS"
    };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));
    size_t n = list && list->type == JSON_ARRAY ? list->array.n : 1;

    for (size_t i = 0; i < n; i++) {
        const struct json *p = list ? list->array.items[i] : v, *properties = json_get(p, "properties");
        table_row(t, (const char *const[]){
                         show_member(cli, p, "name"), show_member(cli, properties, "trustModel"), show_member(cli, p, "location"),
                         show_member(cli, properties, "tpmAttestationAuthentication"), show_member(cli, properties, "publicNetworkAccess"),
                         show_member(cli, json_get(properties, "trueboot"), "tokenProfile"), show_member(cli, properties, "attestUri") });
    }
    table_print(t);
}

/* The certificates of every --signer, as the keys of policySigningCertificates. */
static bool put_signers(struct cli *cli, struct json_out *out, struct err *err)
{
    struct bytes content;

    json_begin_object(out, "policySigningCertificates");
    json_begin_array(out, "keys");
    for (size_t i = 0; cli_option_at(cli, "signer", i); i++) {
        struct cert *certs[SIGNERS_MAX];
        size_t n;
        if (!cli_read(cli, cli_option_at(cli, "signer", i), BUNDLE_MAX, &content, err))
            return false;
        if (!cert_parse_bundle(content, certs, SIGNERS_MAX, &n, err))
            return err_within(err, "%s", cli_option_at(cli, "signer", i));
        for (size_t k = 0; k < n; k++) {
            const char *der = base64_in(&cli->arena, BASE64_STANDARD, certs[k]->der);
            json_begin_object(out, NULL);
            json_put_string(out, "kty", certs[k]->key && pubkey_type(certs[k]->key) == KEY_EC ? "EC" : "RSA");
            json_begin_array(out, "x5c");
            json_put_string(out, NULL, der);
            json_end(out);
            json_end(out);
            cert_free(certs[k]);
        }
    }
    json_end(out);
    json_end(out);
    return true;
}

/* Without a word about what is not given; `all`: with the defaults of a new provider. */
static void put_switch(struct cli *cli, struct json_out *out, const char *name, const char *option, bool all, bool otherwise)
{
    if (all || cli_was_given(cli, option))
        json_put_string(out, name, cli_flag(cli, option, otherwise) ? "Enabled" : "Disabled");
}

static void put_switches(struct cli *cli, struct json_out *out, bool all)
{
    put_switch(cli, out, "tpmAttestationAuthentication", "tpm-authentication", all, true);
    put_switch(cli, out, "publicNetworkAccess", "public-network", all, true);
}

static void put_own(struct cli *cli, struct json_out *out, const char *uri, bool all)
{
    const char *profile = cli_option(cli, "token-profile");

    json_begin_object(out, "trueboot");
    put_switch(cli, out, "serverAkCa", "server-ak-ca", all, true);
    put_switch(cli, out, "tpmProtocolV1", "tpm-v1", all, false);
    put_switch(cli, out, "enrolmentToken", "enrolment-token", all, false);
    if (uri)
        json_put_string(out, "attestUri", uri);
    if (profile)
        json_put_string(out, "tokenProfile", profile);
    json_end(out);
}

static const char *provider_body(struct cli *cli, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *location = cli_option(cli, "location"), *uri = cli_option(cli, "uri");

    json_begin_object(&out, NULL);
    json_put_string(&out, "location", location ? location : "local");
    json_begin_object(&out, "properties");
    put_switches(cli, &out, true);
    put_own(cli, &out, uri, true);
    if (cli_was_given(cli, "signer") && !put_signers(cli, &out, err))
        return NULL;
    json_end(&out);
    json_end(&out);
    return writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
}

static int run_provider_create(struct cli *cli)
{
    const char *path = item_route(cli, "providers", cli->arguments[0]);
    const struct json *there;
    struct err err = ERR_INIT, quiet = ERR_INIT;
    const char *body = provider_body(cli, &err);

    if (!path)
        return cli_fail(EXIT_USAGE, "a provider's name is 3 to 24 lower-case letters, digits and inner hyphens");
    if (!body)
        return err.code ? cli_fail_err(&err) : cli_fail(EXIT_ERROR, "out of memory");
    if (remote_try(cli, "GET", path, NULL, &there, &quiet) == 200)
        return cli_fail(EXIT_CONFLICT, "there is a provider %s already", cli->arguments[0]);
    return remote_print(cli, "PUT", path, body, provider_table);
}

static int run_provider_show(struct cli *cli)
{
    const char *path = item_route(cli, "providers", cli->arguments[0]);
    return path ? remote_print(cli, "GET", path, NULL, provider_table) : no_item("provider", cli->arguments[0]);
}

static void deleted_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "NAME", "TRUST MODEL", "DELETED", "BY", "KEPT UNTIL", "ADDRESS" };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *p = list->array.items[i], *properties = json_get(p, "properties");
        table_row(t,
                  (const char *const[]){ show_member(cli, p, "name"), show_member(cli, properties, "trustModel"),
                                         show_member(cli, properties, "deletionDate"), show_member(cli, properties, "deletedBy"),
                                         show_member(cli, properties, "scheduledPurgeDate"), show_member(cli, properties, "attestUri") });
    }
    table_print(t);
}

static int run_provider_list(struct cli *cli)
{
    if (cli_flag(cli, "deleted", false))
        return remote_print(cli, "GET", "/v1/deletedProviders", NULL, deleted_table);
    return remote_print(cli, "GET", "/v1/providers", NULL, provider_table);
}

static int run_provider_update(struct cli *cli)
{
    const char *path = item_route(cli, "providers", cli->arguments[0]), *body;
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    if (!path)
        return no_item("provider", cli->arguments[0]);
    json_begin_object(&out, NULL);
    json_begin_object(&out, "properties");
    put_switches(cli, &out, false);
    put_own(cli, &out, NULL, false);
    json_end(&out);
    json_end(&out);
    body = writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
    return body ? remote_print(cli, "PATCH", path, body, provider_table) : cli_fail(EXIT_ERROR, "out of memory");
}

static int run_provider_delete(struct cli *cli)
{
    const char *path = item_route(cli, "providers", cli->arguments[0]);
    int code = path ? remote_call(cli, "GET", path, NULL, NULL) : no_item("provider", cli->arguments[0]);

    return code == EXIT_OK ? remote_call(cli, "DELETE", path, NULL, NULL) : code;
}

static const struct cli_option create_options[] = {
    { "location", "NAME", "where it is, for people (default: local)" },
    { "signer", "FILE", "certificate that may sign its policies; makes its trust model Isolated; repeatable" },
    { "uri", "URL", "https://HOST[:PORT] that it is called by, and issuer of its tokens (default: a path of the server)", VALUE_ADDRESS },
    { "tpm-authentication", NULL, "attesting a TPM wants a caller with the role reader (default: true)" },
    { "public-network", NULL, "answer over the network, not only the local socket (default: true)" },
    { "server-ak-ca", NULL, "believe the AK certificates of this server's enrolment, besides `root add --provider` (default: true)" },
    { "tpm-v1", NULL, "answer messages of version 1 of the TPM protocol, of old Windows clients (default: false)" },
    { "enrolment-token", NULL, "enrolling at it the first time takes a one-time token, of `enrolment-token create` (default: false)" },
    { "token-profile", "original|es256|ear", "how its tokens are made: RS256 as ever, ES256, or EAT Attestation Results", VALUE_ONE_OF },
};
static const struct cli_option update_options[] = {
    { "tpm-authentication", NULL, "attesting a TPM wants a caller with the role reader" },
    { "public-network", NULL, "answer over the network, not only the local socket" },
    { "server-ak-ca", NULL, "believe the AK certificates of this server's enrolment, besides `root add --provider`" },
    { "tpm-v1", NULL, "answer messages of version 1 of the TPM protocol, of old Windows clients" },
    { "enrolment-token", NULL, "enrolling at it the first time takes a one-time token, of `enrolment-token create`" },
    { "token-profile", "original|es256|ear", "how its tokens are made: RS256 as ever, ES256, or EAT Attestation Results", VALUE_ONE_OF },
};
static const struct cli_option list_options[] = { { "deleted", NULL, "those that were deleted and can be brought back" } };
const struct cli_command command_provider_create = {
    "provider create",  "NAME", 1, 1, "Make an attestation provider with policies of its own", create_options, ARRAY_LEN(create_options),
    run_provider_create
};
const struct cli_command command_provider_show = { "provider show",  "NAME", 1, 1, "An attestation provider and its switches", NULL, 0,
                                                   run_provider_show };
const struct cli_command command_provider_list = {
    "provider list", "", 0, 0, "All attestation providers but the shared one", list_options, ARRAY_LEN(list_options), run_provider_list
};
const struct cli_command command_provider_update = { "provider update",
                                                     "NAME",
                                                     1,
                                                     1,
                                                     "Change a provider's switches, given as --NAME or --NAME=false",
                                                     update_options,
                                                     ARRAY_LEN(update_options),
                                                     run_provider_update };
const struct cli_command command_provider_delete = {
    "provider delete", "NAME", 1, 1, "Delete a provider; `provider undelete` brings it back for 30 days", NULL, 0, run_provider_delete
};
