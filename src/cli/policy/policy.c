/* trueboot policy: reading, setting and trying attestation policies. */
#include <string.h>
#include "base/base64.h"
#include "cli/frame/table.h"
#include "cli/policy/commands.h"
#include "cli/policy/policy.h"
#include "cli/remote/remote.h"
#include "crypto/privkey.h"
#include "jose/jws.h"
#include "json/parse.h"
#include "policy/lint.h"
#include "x509/cert.h"

enum { KEY_MAX = 64 * 1024 };

/* NULL: not a name. */
static const char *policy_route(struct cli *cli, const char *type, const char *rest)
{
    const char *provider = cli_option(cli, "provider");
    const char *const names[] = { provider ? provider : "a", type };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (const char *c = names[i]; *c; c++)
            if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-'))
                return NULL;
    return arena_printf(&cli->arena, "%s%s/policies/%s%s?api-version=2025-06-01", provider ? "/providers/" : "", provider ? provider : "",
                        type, rest);
}

static int bad_route(void)
{
    return cli_fail(EXIT_USAGE, "a provider and an attestation type (Tpm, AzureGuest, …) are letters and digits; the type comes first");
}

int policy_call(struct cli *cli, const char *method, const char *type, const char *rest, const char *body, const struct json **ret)
{
    const char *path = policy_route(cli, type, rest);
    return path ? remote_call(cli, method, path, body, ret) : bad_route();
}

/* ---- show ------------------------------------------------------------------------------------------------------------ */

/* The claims of a token that came over our own connection to the server. */
static const struct json *claims_of(struct cli *cli, const struct json *answer, struct err *err)
{
    const struct json *claims;
    struct jws jws;

    if (!jws_parse(&cli->arena, json_text(json_get(answer, "token"), BYTES_NONE), LIMIT_POLICY_BODY_BYTES, &jws, err) ||
        !json_parse(&cli->arena, jws.claimed_payload, NULL, &claims, err))
        return NULL;
    return claims;
}

static bool text_of(struct cli *cli, struct bytes compact, bool *ret_signed, struct bytes *ret, struct err *err)
{
    struct unsecured_jws unsecured;
    const struct json *payload;
    struct bytes text;
    struct jws jws;

    *ret_signed = !jws_parse_unsecured(&cli->arena, compact, LIMIT_POLICY_BODY_BYTES, &unsecured, err);
    if (*ret_signed && !jws_parse_loose(&cli->arena, compact, LIMIT_POLICY_BODY_BYTES, &jws, err))
        return false;
    if (!json_parse(&cli->arena, *ret_signed ? jws.claimed_payload : unsecured.payload, NULL, &payload, err) ||
        !json_need_string(payload, "AttestationPolicy", &text, err))
        return false;
    /* What is no base64url came as plain text, from clients of the preview. */
    if (!base64_decode_any(&cli->arena, text, ret, err))
        *ret = text;
    return true;
}

int policy_in_force(struct cli *cli, struct bytes *ret, struct err *err)
{
    const struct json *answer, *claims;
    struct bytes compact;
    bool is_signed;
    int code = policy_call(cli, "GET", cli->arguments[0], "", NULL, &answer);

    if (code != EXIT_OK)
        return code;
    claims = claims_of(cli, answer, err);
    if (claims && json_need_string(claims, "x-ms-policy", &compact, err) && text_of(cli, compact, &is_signed, ret, err))
        err->code = ERR_NONE;
    return EXIT_OK;
}

static void show_text(struct cli *cli UNUSED, const struct json *v)
{
    printf("%.*s\n", BYTES_FMT(json_text(json_get(v, "text"), BYTES_NONE)));
}

static int run_policy_show(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct json *answer, *claims, *v;
    struct err err = ERR_INIT;
    struct bytes compact, text;
    bool is_signed;
    int code = policy_call(cli, "GET", cli->arguments[0], "", NULL, &answer);

    if (code != EXIT_OK)
        return code;
    claims = claims_of(cli, answer, &err);
    if (!claims || !json_need_string(claims, "x-ms-policy", &compact, &err) || !text_of(cli, compact, &is_signed, &text, &err))
        return cli_fail_err(&err);
    json_begin_object(&out, NULL);
    json_put_string(&out, "type", cli->arguments[0]);
    json_put_bytes(&out, "issuer", json_text(json_get(claims, "iss"), BYTES_NONE));
    json_put_boolean(&out, "signed", is_signed);
    json_put_bytes(&out, "text", text);
    json_put_bytes(&out, "jws", compact);
    json_end(&out);
    v = cli_json(cli, &w);
    return v ? cli_print(cli, v, show_text) : EXIT_ERROR;
}

/* ---- set, reset ------------------------------------------------------------------------------------------------------ */

static bool sign(struct cli *cli, const char *key_file, const char *cert_file, struct bytes payload, struct bytes *ret, struct err *err)
{
    struct privkey *key CLEANUP(privkey_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct bytes content;
    const char *der, *header;
    enum jws_algorithm algorithm = JWS_RS256;

    if (!cli_read(cli, key_file, KEY_MAX, &content, err) || !privkey_from_pem(content, &key, err))
        return err_within(err, "%s", key_file);
    if (!cli_read(cli, cert_file, KEY_MAX, &content, err) || !cert_parse_any(content, &cert, err))
        return err_within(err, "%s", cert_file);
    if (pubkey_type(privkey_public(key)) == KEY_EC)
        while (algorithm < JWS_ALGORITHM_COUNT && !(jws_algorithms_of(privkey_public(key)) & JWS_ALLOW(algorithm)))
            algorithm++;
    der = base64_in(&cli->arena, BASE64_STANDARD, cert->der);
    header = der ? arena_printf(&cli->arena, "{\"alg\":\"%s\",\"x5c\":[\"%s\"]}", jws_algorithm_name(algorithm), der) : NULL;
    if (!header)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return jws_sign(&cli->arena, key, algorithm, bytes_of_string(header), payload, ret, err);
}

/* The JWS of a request: signed with --key and --cert, else unsecured. */
static const char *wrap(struct cli *cli, struct bytes payload, struct err *err)
{
    const char *key = cli_option(cli, "key"), *cert = cli_option(cli, "cert");
    struct bytes compact;

    if (!key != !cert) {
        err_record(err, ERR_MALFORMED, "--key and --cert go together");
        return NULL;
    }
    if (key ? !sign(cli, key, cert, payload, &compact, err)
            : !jws_make_unsecured(&cli->arena, BYTES_LIT("{\"alg\":\"none\"}"), payload, &compact, err))
        return NULL;
    return arena_string(&cli->arena, compact);
}

static void change_table(struct cli *cli, const struct json *v)
{
    const char *hash = show_member(cli, v, "x-ms-policy-token-hash");

    printf("%s\n", show_member(cli, v, "x-ms-policy-result"));
    if (hash)
        printf("  submitted token: SHA-256 %s\n", hash);
}

static int send(struct cli *cli, const char *method, const char *rest, struct bytes payload)
{
    const struct json *answer, *claims;
    struct err err = ERR_INIT;
    const char *body = wrap(cli, payload, &err);
    int code = body ? policy_call(cli, method, cli->arguments[0], rest, body, &answer) : cli_fail_err(&err);

    if (code != EXIT_OK)
        return code;
    claims = claims_of(cli, answer, &err);
    return claims ? cli_print(cli, claims, change_table) : cli_fail_err(&err);
}

int policy_read_file(struct cli *cli, const char *file, const struct policy **ret)
{
    struct policy_error why = { .kind = POLICY_PARSING_ERROR };
    struct err err = ERR_INIT;
    const char *shown;
    struct bytes text;

    if (!cli_read(cli, file, LIMIT_POLICY_TEXT_BYTES, &text, &err))
        return cli_fail_input(&err);
    if (policy_parse(&cli->arena, text, ret, &why))
        return EXIT_OK;
    shown = policy_error_show(&cli->arena, &why);
    return cli_fail(EXIT_ERROR, "%s: %s", file, shown ? shown : why.err.text);
}

/* The policy is set all the same: what it says is allowed. */
static void mention_warnings(struct cli *cli, const struct policy *policy, const char *file)
{
    const struct policy_warning *warnings;
    struct err ignored = ERR_INIT;
    size_t n;

    if (policy_lint(&cli->arena, policy, &warnings, &n, &ignored) && n)
        fprintf(stderr, "trueboot: %s: %zu warning%s, first: %s (trueboot policy lint shows %s)\n", file, n, n == 1 ? "" : "s",
                warnings[0].text, n == 1 ? "the place" : "all");
}

static int run_policy_set(struct cli *cli)
{
    const struct policy *policy;
    const char *payload;
    int code = policy_read_file(cli, cli->arguments[1], &policy);

    if (code != EXIT_OK)
        return code;
    mention_warnings(cli, policy, cli->arguments[1]);
    payload = arena_printf(&cli->arena, "{\"AttestationPolicy\":\"%.*s\"}", BYTES_FMT(policy_hash_input(policy)));
    return payload ? send(cli, "PUT", "", bytes_of_string(payload)) : cli_fail(EXIT_ERROR, "out of memory");
}

static int run_policy_reset(struct cli *cli) { return send(cli, "POST", ":reset", BYTES_NONE); }

/* ---- history --------------------------------------------------------------------------------------------------------- */

static void history_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "VERSION", "TIME", "ACTION", "SIGNED BY", "BY", "HASH" };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *row = list->array.items[i];
        int64_t version = 0;
        bool is_signed = false;
        if (!json_as_integer(json_get(row, "version"), &version) || !json_as_boolean(json_get(row, "signed"), &is_signed))
            continue;
        table_row(t, (const char *const[]){ arena_printf(&cli->arena, "%lld", (long long)version), show_member(cli, row, "time"),
                                            show_member(cli, row, "action"),
                                            is_signed ? show_member(cli, json_get(row, "signer"), "commonName") : "-",
                                            show_member(cli, row, "by"), show_member(cli, row, "hash") });
    }
    table_print(t);
}

static int run_policy_history(struct cli *cli)
{
    const struct json *answer;
    int code = policy_call(cli, "GET", cli->arguments[0], "/history", NULL, &answer);

    return code == EXIT_OK ? cli_print(cli, answer, history_table) : code;
}

/* ---- lint ------------------------------------------------------------------------------------------------------------ */

static void print_warning(struct cli *cli, const struct json *w)
{
    int64_t rule = 0, line = 0, column = 0, caret = 0;

    if (!json_as_integer(json_get(w, "rule"), &rule) || !json_as_integer(json_get(w, "line"), &line) ||
        !json_as_integer(json_get(w, "column"), &column) || !json_as_integer(json_get(w, "caret"), &caret) || rule == 0) {
        printf("warning: %s\n", show_member(cli, w, "text"));
    } else {
        printf("%s rule %lld, line %lld, column %lld: %s\n", show_member(cli, w, "section"), (long long)rule, (long long)line,
               (long long)column, show_member(cli, w, "text"));
        printf("  %s\n  %*s^\n", show_member(cli, w, "source"), (int)caret, "");
    }
    if (json_get(w, "fix"))
        printf("  fix: %s\n", show_member(cli, w, "fix"));
}

static void lint_table(struct cli *cli, const struct json *v)
{
    const struct json *warnings = json_get(v, "warnings");
    int64_t rules;

    for (size_t i = 0; i < warnings->array.n; i++)
        print_warning(cli, warnings->array.items[i]);
    printf("version %s", show_member(cli, v, "version"));
    for (enum policy_section s = POLICY_CONFIGURATION; s < POLICY_NO_SECTION; s++)
        if (json_as_integer(json_get(v, policy_section_name(s)), &rules))
            printf(", %lld %s", (long long)rules, policy_section_name(s));
    printf(", %zu warning%s\n", warnings->array.n, warnings->array.n == 1 ? "" : "s");
}

static int run_policy_lint(struct cli *cli)
{
    const struct policy_warning *warnings;
    struct err err = ERR_INIT;
    size_t n;
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct policy *policy;
    int code = policy_read_file(cli, cli->arguments[0], &policy);
    const struct json *v;
    unsigned version;

    if (code != EXIT_OK)
        return code;
    if (!policy_lint(&cli->arena, policy, &warnings, &n, &err))
        return cli_fail_err(&err);
    version = policy_version(policy);
    json_begin_object(&out, NULL);
    json_put_string(&out, "version", arena_printf(&cli->arena, "%u.%u", version / 10, version % 10));
    for (enum policy_section s = POLICY_CONFIGURATION; s < POLICY_NO_SECTION; s++)
        json_put_integer(&out, policy_section_name(s), (int64_t)policy_rule_count(policy, s));
    json_begin_array(&out, "warnings");
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "section", policy_section_name(warnings[i].section));
        json_put_integer(&out, "rule", warnings[i].rule);
        json_put_integer(&out, "line", warnings[i].line);
        json_put_integer(&out, "column", warnings[i].column);
        json_put_string(&out, "text", warnings[i].text);
        json_put_string(&out, "source", warnings[i].source);
        json_put_integer(&out, "caret", warnings[i].caret);
        if (warnings[i].fix)
            json_put_string(&out, "fix", warnings[i].fix);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    v = cli_json(cli, &w);
    code = v ? cli_print(cli, v, lint_table) : EXIT_ERROR;
    return code == EXIT_OK && n && cli_flag(cli, "strict", false) ? EXIT_JUDGED_UNHEALTHY : code;
}

/* ---- commands -------------------------------------------------------------------------------------------------------- */

#define SIGNING_OPTIONS \
    { "key", "FILE", "key that signs, PEM; needed where the provider is Isolated" }, { "cert", "FILE", "its certificate" }
static const struct cli_option provider_options[] = { PROVIDER_OPTION };
static const struct cli_option signing_options[] = { PROVIDER_OPTION, SIGNING_OPTIONS };
const struct cli_command command_policy_show = {
    "policy show", "TYPE", 1, 1, "The attestation policy in force", provider_options, ARRAY_LEN(provider_options), run_policy_show
};
const struct cli_command command_policy_set = {
    "policy set", "TYPE FILE", 2, 2, "Set an attestation policy", signing_options, ARRAY_LEN(signing_options), run_policy_set
};
const struct cli_command command_policy_reset = {
    "policy reset", "TYPE", 1, 1, "Go back to the built-in policy", signing_options, ARRAY_LEN(signing_options), run_policy_reset
};
const struct cli_command command_policy_history = {
    "policy history",  "TYPE", 1, 1, "Who set and reset a policy, and when", provider_options, ARRAY_LEN(provider_options),
    run_policy_history
};
static const struct cli_option lint_options[] = { { "strict", NULL, "exit with 10 when there are warnings" } };
const struct cli_command command_policy_lint = {
    "policy lint",           "FILE",         1, 1, "Check a policy's text without a server: errors, and what it hardly means", lint_options,
    ARRAY_LEN(lint_options), run_policy_lint
};
