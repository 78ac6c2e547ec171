/* JMESPath on its own: the benchmark cases of the compliance suite. A policy of ten JMESPath rules over the events of a boot, next to
 * one RS256 signature. */
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "bench.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"
#include "json/write.h"
#include "openssl_figures.h"
#include "policy/policy.h"

enum { ROUNDS = 200, EVENTS = 120, NAME_SHOWN = 40 };

/* ---- the suite's benchmarks ---- */

struct figures {
    struct series parse, search;
};

static bool run_case(struct arena *a, const struct json *given, struct bytes text, struct figures *f, struct err *err)
{
    const struct jmespath_expr *expr;
    struct jmespath_error error;
    const struct json *result;
    double last = cpu_us();

    if (!jmespath_parse(a, text, &expr, &error))
        return err_set(err, ERR_INTERNAL, "%.*s: %s", BYTES_FMT(text), error.text);
    series_lap(&f->parse, &last);
    if (!jmespath_search(a, expr, given, NULL, &result, &error))
        return err_set(err, ERR_INTERNAL, "%.*s: %s", BYTES_FMT(text), error.text);
    series_lap(&f->search, &last);
    return true;
}

static bool bench_case(const struct json *given, const struct json *c, struct err *err)
{
    struct bytes text = json_text(json_get(c, "expression"), BYTES_NONE), name = json_text(json_get(c, "comment"), text);
    bool parse_only = json_is_string(json_get(c, "bench"), "parse");
    struct figures *f = calloc(1, sizeof *f);
    struct arena a CLEANUP(arena_done) = { 0 };
    bool fine = f != NULL;

    if (!f)
        return err_set(err, ERR_NO_MEMORY, "no memory for samples");
    for (int i = 0; i < ROUNDS && fine; i++) {
        arena_reset(&a);
        fine = run_case(&a, given, text, f, err);
    }
    if (name.len > NAME_SHOWN)
        name.len = NAME_SHOWN;
    if (fine)
        printf("  %-40.*s %6zu characters  parse %7.2f us  search %7.2f us%s\n", BYTES_FMT(name), text.len, series_median(&f->parse),
               series_median(&f->search), parse_only ? "  (the suite asks for the parse)" : "");
    free(f);
    return fine;
}

static bool bench_suite(const char *path, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *suites;
    struct bytes text;

    if (!file_read_in(&a, path, LIMIT_LOG_BYTES, &text, err) || !json_parse(&a, text, NULL, &suites, err))
        return false;
    for (size_t i = 0; i < suites->array.n; i++) {
        const struct json *cases = json_get(suites->array.items[i], "cases");
        for (size_t k = 0; cases && k < cases->array.n; k++)
            if (!bench_case(json_get(suites->array.items[i], "given"), cases->array.items[k], err))
                return false;
    }
    return true;
}

/* ---- a policy ---- */

static const char policy_text_12[] =
    "version=1.2; authorizationrules { => permit(); }; issuancerules {\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"vars\", value=JmesPath(c.value, \"Events[?EventTypeString == "
    "'EV_EFI_VARIABLE_DRIVER_CONFIG' && ProcessedData.VariableGuid == '8BE4DF61-93CA-11D2-AA0D-00E098032B8C']\"));\n"
    "c:[type==\"vars\", issuer==\"AttestationPolicy\"] => issue(type=\"sb\", value=JsonToClaimValue(JmesPath(c.value, "
    "\"[?ProcessedData.UnicodeName == 'SecureBoot'] | length(@) == `1` && @[0].ProcessedData.VariableData == 'AQ'\")));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"q1\", value=JmesPath(c.value, \"Events[?PcrIndex == `4`] | "
    "length(@)\"));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"q2\", value=JmesPath(c.value, \"Events[?EventTypeString == "
    "'EV_SEPARATOR'].PcrIndex\"));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"q3\", value=JmesPath(c.value, \"Events[? EventTypeString == "
    "'EV_IPL' && (PcrIndex == `8` || PcrIndex == `9`)].ProcessedData.String\"));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"q4\", value=JmesPath(c.value, \"max_by(Events, &EventSeq)"
    ".EventSeq\"));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"q5\", value=JmesPath(c.value, \"Events[?ProcessedData."
    "UnicodeName == 'BootOrder'] | length(@) == `1` && @[0].PcrIndex == `1`\"));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"q6\", value=JmesPath(c.value, \"Events[?starts_with("
    "EventTypeString, 'EV_EFI_BOOT')] | [*].{n:EventSeq, p:PcrIndex}\"));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"q7\", value=JmesPath(c.value, \"Events[?contains("
    "not_null(ProcessedData.String, ''), 'linux')] | @[0].EventSeq\"));\n"
    "c:[type==\"events\", issuer==\"AttestationService\"] => issue(type=\"q8\", value=JsonToClaimValue(JmesPath(c.value, "
    "\"sort(Events[].PcrIndex) | @[-1]\")));\n"
    "};\n";

/* 120 events in the shape that policies query (attestation-service.md 9.3). */
static char *events_text(struct arena *a)
{
    static const char *const types[] = { "EV_EFI_VARIABLE_DRIVER_CONFIG", "EV_EFI_BOOT_SERVICES_APPLICATION", "EV_SEPARATOR", "EV_IPL" };
    static const char *const names[] = { "SecureBoot", "PK", "KEK", "db", "dbx" };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_begin_array(&out, "Events");
    for (unsigned i = 0; i < EVENTS; i++) {
        unsigned kind = i < ARRAY_LEN(names) ? 0 : i < 20 ? 1 : i < 28 ? 2 : 3;
        json_begin_object(&out, NULL);
        json_put_integer(&out, "EventSeq", i);
        json_put_integer(&out, "PcrIndex", kind == 0 ? 7 : kind == 1 ? 4 : kind == 2 ? i - 20 : 8 + i % 2);
        json_put_string(&out, "EventTypeString", types[kind]);
        json_put_string(&out, "EventDigest", "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k");
        json_begin_object(&out, "ProcessedData");
        if (kind == 0) {
            json_put_string(&out, "VariableGuid", "8BE4DF61-93CA-11D2-AA0D-00E098032B8C");
            json_put_string(&out, "UnicodeName", names[i]);
            json_put_string(&out, "VariableData", "AQ");
        } else {
            json_put_string(&out, "String", i == 90 ? "linux /vmlinuz root=/dev/vda1 ro" : "menuentry Debian --class gnu-linux");
        }
        json_end(&out);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

static bool evaluate(const struct policy *policy, const struct policy_claim *claim, struct series *into, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct policy_outcome outcome;
    struct policy_error error = { .kind = POLICY_EVALUATION_ERROR };
    double last = cpu_us();

    if (!policy_evaluate(&a, policy, claim, 1, NULL, &outcome, &error))
        return err_set(err, error.err.code, "%s", error.err.text);
    series_lap(into, &last);
    return outcome.decision == POLICY_PERMITTED || err_set(err, ERR_INTERNAL, "the policy refused");
}

struct policy_run {
    struct series parsed, as_text, signature;
};

static bool measure_policy(struct openssl_figures *openssl, struct arena *a, struct policy_run *run, size_t *ret_len, struct err *err)
{
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };
    const char *text = events_text(a);
    struct policy_claim parsed, as_text;
    const struct policy *policy;

    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory for events");
    if (!policy_parse(a, bytes_of_string(policy_text_12), &policy, &error))
        return err_set(err, error.err.code, "%s", error.err.text);
    as_text = parsed = policy_claim_string("events", bytes_of_string(text));
    if (!json_parse(a, parsed.value.string, NULL, &parsed.json, err))
        return false;
    for (int i = 0; i < ROUNDS; i++) {
        double last;
        if (!evaluate(policy, &parsed, &run->parsed, err) || !evaluate(policy, &as_text, &run->as_text, err))
            return false;
        last = cpu_us();
        if (!openssl_sign_rs256(openssl))
            return err_set(err, ERR_INTERNAL, "libcrypto failed");
        series_lap(&run->signature, &last);
    }
    *ret_len = strlen(text);
    return true;
}

static bool bench_policy(struct openssl_figures *openssl, struct err *err)
{
    struct policy_run *run = calloc(1, sizeof *run);
    struct arena a CLEANUP(arena_done) = { 0 };
    size_t len = 0;
    bool fine = run ? measure_policy(openssl, &a, run, &len, err) : err_set(err, ERR_NO_MEMORY, "no memory for samples");

    if (fine) {
        double signature = series_median(&run->signature), parsed = series_median(&run->parsed), text = series_median(&run->as_text);
        printf(" a policy 1.2 of ten JMESPath rules over %d events (%zu bytes of JSON)\n", EVENTS, len);
        printf("  %-58s %10.1f us  = %.2f x RS256\n", "evaluated, events at hand as a value", parsed, parsed / signature);
        printf("  %-58s %10.1f us  = %.2f x RS256\n", "evaluated, events as text", text, text / signature);
        print_row("one RS256 signature, OpenSSL alone", signature, 0);
    }
    free(run);
    return fine;
}

/* `n` rules of one JMESPath query each, over the same events. */
static bool bench_rules(unsigned n, const struct policy_claim *events, double signature, struct err *err)
{
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };
    struct series *taken = calloc(1, sizeof *taken);
    struct writer w CLEANUP(writer_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct policy *policy;
    bool fine = taken != NULL;

    write_string(&w, "version=1.2;\nauthorizationrules{ => permit(); };\nissuancerules{\n");
    for (unsigned i = 0; i < n; i++)
        write_printf(&w,
                     "c:[type==\"events\", issuer==\"AttestationService\"] => issue(type=\"r%u\", value=JsonToClaimValue(JmesPath(c.value, "
                     "\"Events[?PcrIndex == `%u`] | length(@)\")));\n",
                     i, i % 16);
    write_string(&w, "};\n");
    if (!fine || !writer_ok(&w))
        fine = err_set(err, ERR_NO_MEMORY, "no memory for a policy");
    else if (!policy_parse(&a, writer_bytes(&w), &policy, &error))
        fine = err_set(err, error.err.code, "%s", error.err.text);
    for (int i = 0; fine && i < ROUNDS; i++)
        fine = evaluate(policy, events, taken, err);
    if (fine)
        printf("  %4u rules %50.1f us  = %.2f x RS256, %.2f us a rule\n", n, series_median(taken), series_median(taken) / signature,
               series_median(taken) / n);
    free(taken);
    return fine;
}

static bool bench_growth(struct openssl_figures *openssl, struct err *err)
{
    static const unsigned counts[] = { 1, 10, 40, 160, 640 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct series *signature = calloc(1, sizeof *signature);
    const char *text = events_text(&a);
    struct policy_claim events;
    bool fine = signature && text;

    if (!fine)
        fine = err_set(err, ERR_NO_MEMORY, "no memory for events");
    if (fine) {
        events = policy_claim_string("events", bytes_of_string(text));
        fine = json_parse(&a, events.value.string, NULL, &events.json, err);
    }
    for (int i = 0; fine && i < ROUNDS; i++) {
        double last = cpu_us();
        fine = openssl_sign_rs256(openssl) || err_set(err, ERR_INTERNAL, "libcrypto failed");
        series_lap(signature, &last);
    }
    if (fine)
        printf(" how a policy grows with its rules, a query over %d events in each\n", EVENTS);
    for (size_t i = 0; fine && i < ARRAY_LEN(counts); i++)
        fine = bench_rules(counts[i], &events, series_median(signature), err);
    free(signature);
    return fine;
}

bool bench_queries(struct openssl_figures *openssl, struct err *err)
{
    const char *path = shared_file("jmespath-compliance/benchmarks.json");

    print_heading("3. JMESPath and policy");
    if (!path)
        printf("  left out: the suite's benchmark cases, whose file is not in the shared data\n");
    return (!path || bench_suite(path, err)) && bench_policy(openssl, err) && bench_growth(openssl, err);
}
