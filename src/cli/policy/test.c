/* trueboot policy test: what a policy would do, rule by rule on saved evidence, or on the last evidence of every VM of the server. */
#include <stdlib.h>
#include <string.h>
#include "appraise/refusal.h"
#include "base/utf8.h"
#include "cli/frame/table.h"
#include "cli/offline/offline.h"
#include "cli/policy/commands.h"
#include "cli/policy/policy.h"

/* ---- on saved evidence ---- */

/* One evidence file under the policy: what was decided, why, rule by rule. Evidence that is refused gets no token whatever the policy says. */
static void put_outcome(struct json_out *out, const char *file, const struct offline *o, bool assumed_ak, bool *ret_permitted)
{
    const struct policy_outcome *outcome = o->appraised.outcome;
    const struct findings *findings = &o->appraised.appraisal.findings;
    const struct finding *evidence = refusal_of_evidence(findings), *policy = refusal_of_policy(findings);
    bool permitted = !evidence && !policy && outcome && outcome->decision == POLICY_PERMITTED;

    json_begin_object(out, NULL);
    json_put_string(out, "evidence", file);
    json_put_string(out, "decision", permitted ? "permitted" : evidence || !policy ? "not decided" : "denied");
    json_put_boolean(out, "keyAssumedTrusted", assumed_ak);
    appraised_put_rules(out, &o->appraised);
    policy_outgoing_write(out, permitted ? outcome : NULL);
    json_begin_array(out, "reasons");
    if (evidence || policy)
        json_put_string(out, NULL, evidence ? evidence->text : policy->text);
    json_end(out);
    json_end(out);
    *ret_permitted &= permitted;
}

/* Conditions may be written over several lines. */
static const char *one_line(struct cli *cli, struct bytes text)
{
    char *copy = arena_string(&cli->arena, text), *out = copy;

    if (!copy)
        return "";
    for (const char *in = copy; *in; in++) {
        bool blank = *in == ' ' || *in == '\t' || *in == '\n' || *in == '\r';
        if (!blank || (out > copy && out[-1] != ' '))
            *out++ = blank ? ' ' : *in;
    }
    *out = 0;
    return text_for_people(&cli->arena, bytes_of_string(copy));
}

static int64_t number_of(const struct json *v, const char *name)
{
    int64_t number = 0;

    return json_as_integer(json_get(v, name), &number) ? number : 0;
}

static bool is_true(const struct json *v, const char *name)
{
    bool value = false;

    return json_as_boolean(json_get(v, name), &value) && value;
}

/* One line for the rule, then one for each condition up to the one that stopped it, and for each claim it made. */
static void print_rule(struct cli *cli, const struct json *rule)
{
    const struct json *conditions = json_get(rule, "conditions"), *made = json_get(rule, "made");
    bool fired = is_true(rule, "fired");

    printf("  %s rule %lld, line %lld: %s %s\n", show_member(cli, rule, "section"), (long long)number_of(rule, "rule"),
           (long long)number_of(rule, "line"), show_member(cli, rule, "verb"), fired ? "fired" : "did not fire");
    for (size_t i = 0; i < conditions->array.n; i++) {
        const struct json *c = conditions->array.items[i];
        printf("      %s  %s\n           %s\n", is_true(c, "holds") ? "yes" : "no ",
               one_line(cli, json_text(json_get(c, "source"), BYTES_NONE)), show_member(cli, c, "because"));
    }
    for (size_t i = 0; i < made->array.n; i++)
        printf("      made %s\n", text_for_people(&cli->arena, json_text(made->array.items[i], BYTES_NONE)));
    if (number_of(rule, "claims") > (int64_t)made->array.n)
        printf("      made %lld more\n", (long long)number_of(rule, "claims") - (long long)made->array.n);
    if (fired && number_of(rule, "claims") == 0 && strncmp(show_member(cli, rule, "verb"), "issue", 5) == 0)
        puts("      made nothing: the value was empty");
}

static void print_fault(const struct json *fault, struct cli *cli)
{
    if (!fault)
        return;
    printf("  %s: %s\n    %s\n    %*s^\n", show_member(cli, fault, "kind"), show_member(cli, fault, "text"),
           show_member(cli, fault, "source"), (int)number_of(fault, "caret"), "");
    if (json_get(fault, "fix"))
        printf("    fix: %s\n", show_member(cli, fault, "fix"));
}

static void print_token(struct cli *cli, const struct json *claims)
{
    for (size_t i = 0; i < claims->array.n; i++) {
        const struct json *claim = claims->array.items[i];
        const char *value = json_to_string(&cli->arena, json_get(claim, "value"), JSON_COMPACT);
        printf("%s%s = %s\n", i ? "    " : "  in the token:\n    ", show_member(cli, claim, "type"),
               value ? text_for_people(&cli->arena, bytes_of_string(value)) : "");
    }
}

static void outcome_table(struct cli *cli, const struct json *v)
{
    for (size_t i = 0; i < v->array.n; i++) {
        const struct json *one = v->array.items[i], *rules = json_get(one, "rules"), *reasons = json_get(one, "reasons"),
                          *left_out = json_get(one, "leftOut");
        bool assumed = false;

        printf("%s: %s\n", show_member(cli, one, "evidence"), show_member(cli, one, "decision"));
        if (json_as_boolean(json_get(one, "keyAssumedTrusted"), &assumed) && assumed)
            puts("  (the attestation key is taken as trusted: --ak-root checks its certificate)");
        for (size_t k = 0; k < reasons->array.n; k++)
            printf("  %.*s\n", BYTES_FMT(json_text(reasons->array.items[k], BYTES_NONE)));
        for (size_t k = 0; k < rules->array.n; k++)
            print_rule(cli, rules->array.items[k]);
        print_fault(json_get(one, "policyError"), cli);
        print_token(cli, json_get(one, "claims"));
        for (size_t k = 0; left_out && k < left_out->array.n; k++)
            printf("  left out of the token, a name of the service's: %s\n",
                   text_for_people(&cli->arena, json_text(left_out->array.items[k], BYTES_NONE)));
    }
}

/* The same appraisal as `trueboot verify --policy POLICY FILE`. Without --ak-root the key is taken as trusted: the question is what the rules
 * say, and without that the rules of nearly every policy would say no. */
static int test_one(struct cli *cli, const char *policy, const char *file, struct json_out *out, bool *all_permitted)
{
    static const struct cli_option policy_option = { "policy", "FILE", "" }, trust_option = { "assume-ak", NULL, "" };
    struct offline *o = ARENA_NEW(&cli->arena, struct offline);
    bool assumed_ak = !cli_was_given(cli, "ak-root");
    size_t n_given = cli->n_given;
    int code;

    if (!o || n_given + 2 > CLI_OPTIONS_MAX)
        return cli_fail(EXIT_ERROR, "too many options");
    cli->arguments[0] = file;
    cli->n_arguments = 1;
    cli->given[cli->n_given].option = &policy_option;
    cli->given[cli->n_given++].value = policy;
    if (assumed_ak) {
        cli->given[cli->n_given].option = &trust_option;
        cli->given[cli->n_given++].value = "true";
    }
    code = offline_appraise(cli, o);
    cli->n_given = n_given;
    if (code == EXIT_OK)
        put_outcome(out, file, o, assumed_ak, all_permitted);
    return code;
}

static int test_files(struct cli *cli, const char *policy)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const char *more[CLI_ARGUMENTS_MAX], *file;
    int code = EXIT_OK, n_more = cli->n_arguments - 1;
    bool all_permitted = true;
    const struct json *v;

    memcpy(more, cli->arguments + 1, (size_t)n_more * sizeof *more); /* `--evidence A B C` */
    json_begin_array(&out, NULL);
    for (size_t i = 0; code == EXIT_OK && (file = cli_option_at(cli, "evidence", i)); i++)
        code = test_one(cli, policy, file, &out, &all_permitted);
    for (int i = 0; code == EXIT_OK && i < n_more; i++)
        code = test_one(cli, policy, more[i], &out, &all_permitted);
    json_end(&out);
    v = code == EXIT_OK ? cli_json(cli, &w) : NULL;
    if (v)
        code = cli_print(cli, v, outcome_table);
    return code == EXIT_OK && !all_permitted ? EXIT_JUDGED_UNHEALTHY : code;
}

/* ---- on the stored fleet ---- */

struct fleet {
    struct json_out out; /* an array of the rows that change */
    int64_t n_vms, n_changed, n_without;
};

static void take_page(struct fleet *f, const struct json *page)
{
    const struct json *rows = json_get(page, "value"), *without = json_get(page, "withoutEvidence");

    for (size_t i = 0; rows && rows->type == JSON_ARRAY && i < rows->array.n; i++) {
        bool changed = false;
        f->n_vms++;
        if (!json_as_boolean(json_get(rows->array.items[i], "changed"), &changed) || !changed)
            continue;
        f->n_changed++;
        json_put_value(&f->out, NULL, rows->array.items[i]);
    }
    f->n_without += without && without->type == JSON_ARRAY ? (int64_t)without->array.n : 0;
}

static const char *page_body(struct cli *cli, struct bytes policy, const char *after)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_bytes(&out, "policy", policy);
    if (after)
        json_put_string(&out, "after", after);
    json_end(&out);
    return writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL;
}

static int ask_fleet(struct cli *cli, const struct policy *policy, struct fleet *f)
{
    const char *after = NULL, *body;
    const struct json *page;
    int code;

    do {
        body = page_body(cli, policy_text(policy), after);
        code = body ? policy_call(cli, "POST", "Tpm", ":replay", body, &page) : cli_fail(EXIT_ERROR, "out of memory");
        if (code != EXIT_OK)
            return code;
        take_page(f, page);
        after = json_get(page, "next") ? arena_string(&cli->arena, json_text(json_get(page, "next"), BYTES_NONE)) : NULL;
    } while (after && *after);
    return EXIT_OK;
}

static void fleet_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "VM", "EVIDENCE OF", "NOW", "WOULD BE", "WHY" };
    const struct json *rows = json_get(v, "changed");
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));
    int64_t n_vms = 0, n_without = 0;

    for (size_t i = 0; i < rows->array.n; i++) {
        const struct json *row = rows->array.items[i], *before = json_get(row, "before"), *after = json_get(row, "after");
        const struct json *reasons = json_get(after, "reasons");
        const char *why = reasons && reasons->type == JSON_ARRAY && reasons->array.n
                              ? arena_string(&cli->arena, json_text(reasons->array.items[0], BYTES_NONE))
                              : "-";
        table_row(t,
                  (const char *const[]){
                      show_member(cli, row, "name"), show_member(cli, row, "time"),
                      arena_printf(&cli->arena, "%s, %s", show_member(cli, before, "decision"), show_member(cli, before, "verdict")),
                      arena_printf(&cli->arena, "%s, %s", show_member(cli, after, "decision"), show_member(cli, after, "verdict")), why });
    }
    if (rows->array.n)
        table_print(t);
    if (json_as_integer(json_get(v, "examined"), &n_vms) && json_as_integer(json_get(v, "withoutEvidence"), &n_without))
        printf("%zu of %lld VMs would change; of %lld no evidence is kept.\n", rows->array.n, (long long)n_vms, (long long)n_without);
}

static int test_fleet(struct cli *cli, const struct policy *policy)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct fleet f = { .n_vms = 0 };
    const struct json *v;
    int code;

    f.out = json_out_to(&w, JSON_COMPACT);
    json_begin_object(&f.out, NULL);
    json_begin_array(&f.out, "changed");
    code = ask_fleet(cli, policy, &f);
    json_end(&f.out);
    json_put_integer(&f.out, "examined", f.n_vms);
    json_put_integer(&f.out, "withoutEvidence", f.n_without);
    json_end(&f.out);
    if (code != EXIT_OK)
        return code;
    v = cli_json(cli, &w);
    code = v ? cli_print(cli, v, fleet_table) : EXIT_ERROR;
    return code == EXIT_OK && f.n_changed ? EXIT_JUDGED_UNHEALTHY : code;
}

/* ---- the command ---- */

static int run_policy_test(struct cli *cli)
{
    const char *policy = cli->arguments[0];
    const struct policy *parsed;
    int code = policy_read_file(cli, policy, &parsed);

    if (code != EXIT_OK)
        return code;
    if (cli_flag(cli, "against-history", false))
        return cli_was_given(cli, "evidence") || cli->n_arguments > 1
                   ? cli_fail(EXIT_USAGE, "files of evidence and --against-history exclude each other")
                   : test_fleet(cli, parsed);
    if (!cli_was_given(cli, "evidence") && cli->n_arguments < 2)
        return cli_fail(EXIT_USAGE, "files of evidence (from `trueboot evidence get`) or --against-history is needed");
    return test_files(cli, policy);
}

static const struct cli_option test_options[] = {
    { "evidence", "FILE", "saved evidence (`trueboot evidence get`); repeatable, or only the files" },
    { "ak-root", "FILE", "CA certificates that the evidence's attestation key must chain to (without: it is taken as trusted)" },
    { "as-of", "TIME", "judge as at this time, RFC 3339 (default: now)", VALUE_TIME },
    { "against-history", NULL, "on the last evidence that the server keeps of every VM: which answers would change" },
    PROVIDER_OPTION,
};
const struct cli_command command_policy_test = { "policy test",
                                                 "POLICY [EVIDENCE...]",
                                                 1,
                                                 CLI_ARGUMENTS_MAX,
                                                 "Try a policy, rule by rule, on saved evidence or on the whole fleet",
                                                 test_options,
                                                 ARRAY_LEN(test_options),
                                                 run_policy_test };
