/* trueboot policy: reading, setting and trying attestation policies. */
#include <string.h>
#include "base/base64.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/offline.h"
#include "crypto/privkey.h"
#include "jose/jws.h"
#include "json/parse.h"
#include "policy/policy.h"
#include "x509/cert.h"

enum { KEY_MAX = 64 * 1024 };

/* /providers/P/policies/TYPE and what follows, by --provider and the first argument; NULL: not a name. */
static const char *policy_route(struct cli *cli, const char *rest)
{
    const char *provider = cli_option(cli, "provider"), *type = cli->arguments[0];
    const char *const names[] = { provider ? provider : "a", type };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (const char *c = names[i]; *c; c++)
            if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
                return NULL;
    return arena_printf(&cli->arena, "%s%s/policies/%s%s?api-version=2025-06-01", provider ? "/providers/" : "", provider ? provider : "",
                        type, rest);
}

static int bad_route(void) { return cli_fail(EXIT_USAGE, "a provider and an attestation type are letters and digits"); }

static int call(struct cli *cli, const char *method, const char *rest, const char *body, const struct json **ret)
{
    const char *path = policy_route(cli, rest);
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
    if (*ret_signed && !jws_parse(&cli->arena, compact, LIMIT_POLICY_BODY_BYTES, &jws, err))
        return false;
    if (!json_parse(&cli->arena, *ret_signed ? jws.claimed_payload : unsecured.payload, NULL, &payload, err) ||
        !json_need_string(payload, "AttestationPolicy", &text, err))
        return false;
    /* What is no base64url came as plain text, from clients of the preview. */
    if (!base64_decode_any(&cli->arena, text, ret, err))
        *ret = text;
    return true;
}

static void show_text(struct cli *cli, const struct json *v)
{
    (void)cli;
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
    int code = call(cli, "GET", "", NULL, &answer);

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
    v = offline_value(cli, &w);
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

    if (!file_read_in(&cli->arena, key_file, KEY_MAX, &content, err) || !privkey_from_pem(content, &key, err))
        return err_within(err, "%s", key_file);
    if (!file_read_in(&cli->arena, cert_file, KEY_MAX, &content, err) || !cert_parse_any(content, &cert, err))
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

static int send(struct cli *cli, const char *method, const char *rest, struct bytes payload)
{
    const struct json *answer, *claims;
    struct err err = ERR_INIT;
    const char *body = wrap(cli, payload, &err);
    int code = body ? call(cli, method, rest, body, &answer) : cli_fail_err(&err);

    if (code != EXIT_OK)
        return code;
    claims = claims_of(cli, answer, &err);
    return claims ? cli_print(cli, claims, NULL) : cli_fail_err(&err);
}

/* EXIT_OK, or what was wrong has been said: for a policy's text with its line and a caret. */
static int read_policy(struct cli *cli, const char *file, const struct policy **ret)
{
    struct policy_error why = { .kind = POLICY_PARSING_ERROR };
    struct err err = ERR_INIT;
    const char *shown;
    struct bytes text;

    if (!file_read_in(&cli->arena, file, LIMIT_POLICY_TEXT_BYTES, &text, &err))
        return cli_fail_err(&err);
    if (policy_parse(&cli->arena, text, ret, &why))
        return EXIT_OK;
    shown = policy_error_show(&cli->arena, &why);
    return cli_fail(EXIT_ERROR, "%s: %s", file, shown ? shown : why.err.text);
}

static int run_policy_set(struct cli *cli)
{
    const struct policy *policy;
    const char *payload;
    int code = read_policy(cli, cli->arguments[1], &policy);

    if (code != EXIT_OK)
        return code;
    payload = arena_printf(&cli->arena, "{\"AttestationPolicy\":\"%.*s\"}", BYTES_FMT(policy_hash_input(policy)));
    return payload ? send(cli, "PUT", "", bytes_of_string(payload)) : cli_fail(EXIT_ERROR, "out of memory");
}

static int run_policy_reset(struct cli *cli) { return send(cli, "POST", ":reset", BYTES_NONE); }

/* ---- history --------------------------------------------------------------------------------------------------------- */

static void history_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "VERSION", "TIME", "ACTION", "SIGNED", "BY", "HASH" };
    const struct json *list = json_get(v, "value");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        const struct json *row = list->array.items[i];
        int64_t version = 0;
        bool is_signed = false;
        if (!json_as_integer(json_get(row, "version"), &version) || !json_as_boolean(json_get(row, "signed"), &is_signed))
            continue;
        table_row(t, (const char *const[]){ arena_printf(&cli->arena, "%lld", (long long)version), show_member(cli, row, "time"),
                                            show_member(cli, row, "action"), is_signed ? "yes" : "no", show_member(cli, row, "by"),
                                            show_member(cli, row, "hash") });
    }
    table_print(t, stdout);
}

static int run_policy_history(struct cli *cli)
{
    const struct json *answer;
    int code = call(cli, "GET", "/history", NULL, &answer);

    return code == EXIT_OK ? cli_print(cli, answer, history_table) : code;
}

/* ---- lint ------------------------------------------------------------------------------------------------------------ */

static int run_policy_lint(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct policy *policy;
    int code = read_policy(cli, cli->arguments[0], &policy);
    const struct json *v;
    unsigned version;

    if (code != EXIT_OK)
        return code;
    version = policy_version(policy);
    json_begin_object(&out, NULL);
    json_put_string(&out, "version", arena_printf(&cli->arena, "%u.%u", version / 10, version % 10));
    for (enum policy_section s = POLICY_CONFIGURATION; s < POLICY_NO_SECTION; s++)
        json_put_integer(&out, policy_section_name(s), (int64_t)policy_rule_count(policy, s));
    json_end(&out);
    v = offline_value(cli, &w);
    return v ? cli_print(cli, v, NULL) : EXIT_ERROR;
}

/* ---- test ------------------------------------------------------------------------------------------------------------ */

static void put_trace(struct json_out *out, const struct policy_trace *rule)
{
    json_begin_object(out, NULL);
    json_put_string(out, "section", policy_section_name(rule->section));
    json_put_integer(out, "rule", rule->rule);
    json_put_integer(out, "line", rule->line);
    json_put_string(out, "verb", policy_verb_name(rule->verb));
    json_put_boolean(out, "fired", rule->fired);
    if (!rule->fired) {
        json_put_integer(out, "unmetCondition", rule->unmet_condition);
        json_put_integer(out, "unmetLine", rule->unmet_line);
    }
    json_put_integer(out, "claims", (int64_t)rule->n_claims);
    json_put_bytes(out, "source", rule->source);
    json_end(out);
}

static void put_claim(struct json_out *out, const struct policy_claim *claim)
{
    json_begin_object(out, NULL);
    json_put_bytes(out, "type", claim->type);
    if (claim->value.type == POLICY_BOOLEAN)
        json_put_boolean(out, "value", claim->value.boolean);
    else if (claim->value.type == POLICY_INTEGER)
        json_put_integer(out, "value", claim->value.integer);
    else
        json_put_bytes(out, "value", claim->value.string);
    json_end(out);
}

static bool is_about_policy(enum finding_id id)
{
    return id == FINDING_POLICY_DENIED || id == FINDING_POLICY_NOT_PERMITTED || id == FINDING_POLICY_ERROR;
}

/* One evidence file under the policy: what was decided, why, rule by rule; and what stood against the evidence before any rule ran. */
static void put_outcome(struct json_out *out, const char *file, const struct offline *o)
{
    const struct policy_outcome *outcome = o->appraised.outcome;
    const struct findings *findings = &o->appraised.appraisal.findings;
    bool permitted = outcome && outcome->decision == POLICY_PERMITTED;

    json_begin_object(out, NULL);
    json_put_string(out, "evidence", file);
    json_put_string(out, "decision", !outcome ? "not decided" : permitted ? "permitted" : "denied");
    json_begin_array(out, "rules");
    for (size_t i = 0; outcome && i < outcome->n_trace; i++)
        put_trace(out, &outcome->trace[i]);
    json_end(out);
    json_begin_array(out, "claims");
    for (size_t i = 0; permitted && i < outcome->n_outgoing; i++)
        put_claim(out, &outcome->outgoing[i]);
    json_end(out);
    json_begin_array(out, "reasons");
    for (size_t i = 0; i < findings->n; i++)
        if (is_about_policy(findings->items[i].id) || (!outcome && findings->items[i].severity >= SEVERITY_HIGH))
            json_put_string(out, NULL, findings->items[i].text);
    json_end(out);
    json_end(out);
}

static void outcome_table(struct cli *cli, const struct json *v)
{
    for (size_t i = 0; i < v->array.n; i++) {
        const struct json *one = v->array.items[i], *rules = json_get(one, "rules"), *reasons = json_get(one, "reasons");

        printf("%s: %s\n", show_member(cli, one, "evidence"), show_member(cli, one, "decision"));
        for (size_t k = 0; k < reasons->array.n; k++)
            printf("  %.*s\n", BYTES_FMT(json_text(reasons->array.items[k], BYTES_NONE)));
        for (size_t k = 0; k < rules->array.n; k++) {
            const struct json *rule = rules->array.items[k];
            int64_t number = 0, line = 0, unmet = 0, unmet_line = 0;
            bool fired = false;
            if (!json_as_integer(json_get(rule, "rule"), &number) || !json_as_integer(json_get(rule, "line"), &line) ||
                !json_as_boolean(json_get(rule, "fired"), &fired))
                continue;
            printf("  %s %lld, line %lld, %s: ", show_member(cli, rule, "section"), (long long)number, (long long)line,
                   show_member(cli, rule, "verb"));
            if (fired)
                puts("fired");
            else if (json_as_integer(json_get(rule, "unmetCondition"), &unmet) && json_as_integer(json_get(rule, "unmetLine"), &unmet_line))
                printf("no: condition %lld (line %lld) does not hold\n", (long long)unmet, (long long)unmet_line);
        }
    }
}

/* The same appraisal as `trueboot verify --policy POLICY FILE`. */
static int test_one(struct cli *cli, const char *policy, const char *file, struct json_out *out, bool *all_permitted)
{
    static const struct cli_option policy_option = { "policy", "FILE", "" };
    struct offline *o = ARENA_NEW(&cli->arena, struct offline);
    size_t n_given = cli->n_given;
    int code;

    if (!o || n_given == CLI_OPTIONS_MAX)
        return cli_fail(EXIT_ERROR, "too many options");
    cli->arguments[0] = file;
    cli->n_arguments = 1;
    cli->given[cli->n_given].option = &policy_option;
    cli->given[cli->n_given++].value = policy;
    code = offline_appraise(cli, o);
    cli->n_given = n_given;
    if (code != EXIT_OK)
        return code;
    put_outcome(out, file, o);
    *all_permitted &= o->appraised.outcome && o->appraised.outcome->decision == POLICY_PERMITTED;
    return EXIT_OK;
}

static int run_policy_test(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *policy = cli->arguments[0], *file;
    const struct policy *parsed;
    bool all_permitted = true;
    const struct json *v;
    int code = read_policy(cli, policy, &parsed);

    if (code == EXIT_OK && !cli_was_given(cli, "evidence"))
        return cli_fail(EXIT_USAGE, "--evidence FILE is needed: from `trueboot evidence get`");
    json_begin_array(&out, NULL);
    for (size_t i = 0; code == EXIT_OK && (file = cli_option_at(cli, "evidence", i)); i++)
        code = test_one(cli, policy, file, &out, &all_permitted);
    json_end(&out);
    v = code == EXIT_OK ? offline_value(cli, &w) : NULL;
    if (v)
        code = cli_print(cli, v, outcome_table);
    return code == EXIT_OK && !all_permitted ? EXIT_JUDGED_UNHEALTHY : code;
}

/* ---- commands -------------------------------------------------------------------------------------------------------- */

#define PROVIDER_OPTION                                                   \
    {                                                                     \
        "provider", "NAME", "of which provider (default: the shared one)" \
    }
#define SIGNING_OPTIONS \
    { "key", "FILE", "key that signs, PEM; needed where the provider is Isolated" }, { "cert", "FILE", "its certificate" }
static const struct cli_option provider_options[] = { PROVIDER_OPTION };
static const struct cli_option signing_options[] = { PROVIDER_OPTION, SIGNING_OPTIONS };
static const struct cli_option test_options[] = {
    { "evidence", "FILE", "saved evidence (`trueboot evidence get`); repeatable" },
    { "ak-root", "FILE", "CA certificates that the evidence's attestation key must chain to" },
    { "as-of", "TIME", "judge as at this time, RFC 3339 (default: now)" },
};
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
const struct cli_command command_policy_lint = { "policy lint",  "FILE", 1, 1, "Check a policy's text without a server", NULL, 0,
                                                 run_policy_lint };
const struct cli_command command_policy_test = {
    "policy test", "POLICY", 1, 1, "Try a policy on saved evidence, rule by rule", test_options, ARRAY_LEN(test_options), run_policy_test
};
