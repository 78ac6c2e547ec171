#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/writer.h"
#include "json/parse.h"
#include "json/write.h"
#include "policy/policy.h"
#include "support/test.h"

static struct arena arena;

static const struct policy *parsed(const char *text)
{
    struct policy_error error;
    const struct policy *policy = NULL;
    bool ok = policy_parse(&arena, bytes_of_string(text), &policy, &error);

    CHECK(ok);
    if (!ok)
        test_note("%s", policy_error_show(&arena, &error));
    return policy;
}

#define PERMIT "version=1.2; authorizationrules { => permit(); }; issuancerules {\n"

TEST(the_hash_input_is_the_base64url_of_the_text)
{
    const struct policy *policy = parsed("version= 1.0;authorizationrules{=> permit();};");

    REQUIRE(policy);
    CHECK_BYTES(policy_hash_input(policy), BYTES_LIT("dmVyc2lvbj0gMS4wO2F1dGhvcml6YXRpb25ydWxlc3s9PiBwZXJtaXQoKTt9Ow"));
    CHECK_BYTES(policy_text(policy), BYTES_LIT("version= 1.0;authorizationrules{=> permit();};"));
    CHECK_INT(policy_version(policy), 10);
    CHECK_INT(policy_rule_count(policy, POLICY_AUTHORIZATION), 1);
    CHECK_INT(policy_rule_count(policy, POLICY_ISSUANCE), 0);
    arena_done(&arena);
}

TEST(defaults_hold_without_rules_about_them)
{
    const struct policy *policy = parsed("version=1.0; authorizationrules { => permit(); };");
    struct policy_configuration configuration;
    struct policy_outcome outcome;
    struct policy_error error;

    REQUIRE(policy && policy_configure(&arena, policy, NULL, &configuration, &error));
    CHECK(configuration.require_valid_aik_cert);
    CHECK_INT(configuration.required_pcr_mask, 0xffffff);
    REQUIRE(policy_evaluate(&arena, policy, NULL, 0, NULL, &outcome, &error));
    CHECK_INT(outcome.report_validity_minutes, 1440);
    CHECK(!outcome.omit_x5c);
    CHECK(policy_property_is_known(BYTES_LIT("omit_x5c")) && !policy_property_is_known(BYTES_LIT("x-ms-sgx-tcbidentifier")));
    arena_done(&arena);
}

TEST(an_error_shows_the_line_and_a_caret)
{
    static const char text[] = "version=1.2;\nissuancerules {\n\t=> issue(type=\"\u00fc\", value=Sum(1));\n};";
    struct policy_error error;
    const struct policy *policy;

    CHECK(!policy_parse(&arena, bytes_of_string(text), &policy, &error));
    CHECK_STRING(policy_error_show(&arena, &error),
                 "PolicyParsingError: offending symbol 'Sum', line 3, column 27, issuance rule 1: there is no function Sum() "
                 "(policy > section > rule > action)\n"
                 "   => issue(type=\"\u00fc\", value=Sum(1));\n"
                 "                            ^\n"
                 "  fix: there are JmesPath, JsonToClaimValue, IsSubsetOf, AppendString, NegateBool and ContainsOnlyValue");
    arena_done(&arena);
}

TEST(a_parsing_error_says_symbol_line_column_message_and_failing_rule_in_this_order)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "version=1.0 [",
          "offending symbol '[', line 1, column 13: mismatched input '[' expecting ';' behind the version (policy > versionInfo)" },
        { "", "offending symbol '<EOF>', line 1, column 1: mismatched input '<EOF>' expecting version= (policy > versionInfo)" },
        { "version=1.2;\nissuancerules\n",
          "offending symbol '<EOF>', line 3, column 1: mismatched input '<EOF>' expecting '{' (policy > section)" },
        { "version=1.2; rules {}", "offending symbol 'rules', line 1, column 14: mismatched input 'rules' expecting configurationrules, "
                                   "authorizationrules or issuancerules (policy > section)" },
        { "version=1.2;\nissuancerules { c:[type=\"a\"] => permit(); };",
          "offending symbol '=', line 2, column 24, issuance rule 1: a single '=' in a condition: write '==' (policy > section > rule > "
          "condition)" },
        { "version=1.2; authorizationrules { [type==\"\u20ac\" \"a\\\"b\"] => permit(); };",
          "offending symbol '\"a\\\"b\"', line 1, column 46, authorization rule 1: mismatched input '\"a\\\"b\"' expecting ']' "
          "(policy > section > rule > condition)" },
        { "version=1.2; authorizationrules { => permit(\u20ac); };", "offending symbol '\u20ac', line 1, column 45, authorization rule 1: "
                                                                     "unexpected character U+20AC (policy > section > rule > action)" },
        { "version=1.0; authorizationrules { ![type==\"a\"] => permit(); };",
          "offending symbol '!', line 1, column 35, authorization rule 1: a negated condition in a policy of version 1.0: write "
          "version=1.2; "
          "(policy > section > rule > condition)" },
        { "{\"$version\":1}",
          "offending symbol '{', line 1, column 1: policies in JSON form are older than version 1.0: write version=1.0; "
          "(policy > versionInfo)" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy_error error;
        const struct policy *policy;

        CHECK(!policy_parse(&arena, bytes_of_string(rows[i].text), &policy, &error));
        CHECK_STRING(error.err.text, rows[i].says);
        arena_done(&arena);
    }
}

TEST(an_error_in_a_literal_query_points_into_it)
{
    static const char text[] = PERMIT "=> issue(type=\"a\", value=JmesPath(\"{}\", \"a.\\\"b\\\" = `\\\"c\\\"`\"));};";
    struct policy_error error;
    const struct policy *policy;

    CHECK(!policy_parse(&arena, bytes_of_string(text), &policy, &error));
    CHECK_STRING(policy_error_show(&arena, &error),
                 "PolicyParsingError: offending symbol '=', line 2, column 50, issuance rule 1: JmesPath(): in the query: a single '='; "
                 "comparison is written '==' (policy > section > rule > action)\n"
                 "  => issue(type=\"a\", value=JmesPath(\"{}\", \"a.\\\"b\\\" = `\\\"c\\\"`\"));};\n"
                 "                                                   ^");
    arena_done(&arena);
}

TEST(of_a_long_line_the_part_around_the_place_is_shown)
{
    char text[1000];
    struct policy_error error;
    const struct policy *policy;

    snprintf(text, sizeof text, "version=1.0; authorizationrules { [type==\"%0400d\", issuer=\"x\", value==\"%0400d\"] => permit(); };", 0,
             0);
    CHECK(!policy_parse(&arena, bytes_of_string(text), &policy, &error));
    CHECK_INT(error.column, 452);
    CHECK_INT(error.caret, 60);
    CHECK_INT(strlen(error.source), 100);
    CHECK(error.source[error.caret] == '=' && error.source[error.caret - 1] == 'r');
    arena_done(&arena);
}

TEST(the_trace_says_which_rules_fired_and_why_others_did_not)
{
    static const char text[] = "version=1.0;\n"
                               "authorizationrules {\n"
                               "  [type==\"tpmVersion\", value==2]\n"
                               "    && [type==\"secureBootEnabled\", value==true] => permit();\n"
                               "  [type==\"tpmVersion\"] => add(type=\"seen\", value=true);\n"
                               "  [type==\"secureBootEnabled\", value==false] => deny();\n"
                               "};";
    struct policy_claim claims[] = { policy_claim_integer("tpmVersion", 2), policy_claim_boolean("secureBootEnabled", false) };
    const struct policy *policy = parsed(text);
    struct policy_outcome outcome;
    struct policy_error error;

    REQUIRE(policy && policy_evaluate(&arena, policy, claims, ARRAY_LEN(claims), NULL, &outcome, &error));
    CHECK_INT(outcome.decision, POLICY_DENIED_BY_RULE);
    REQUIRE(outcome.n_trace == 3);
    CHECK(!outcome.trace[0].fired);
    CHECK_INT(outcome.trace[0].line, 3);
    CHECK_INT(outcome.trace[0].unmet_condition, 2);
    CHECK_INT(outcome.trace[0].unmet_line, 4);
    CHECK(outcome.trace[1].fired);
    CHECK_INT(outcome.trace[1].n_claims, 1);
    CHECK(outcome.decided_by == &outcome.trace[2]);
    CHECK_BYTES(outcome.trace[2].source, BYTES_LIT("[type==\"secureBootEnabled\", value==false] => deny();"));
    CHECK_STRING(policy_refusal_text(&arena, &outcome), "A Deny claim was issued, authorization failed. (authorization rule 3, line 6)");
    claims[1].value.boolean = true;
    REQUIRE(policy_evaluate(&arena, policy, claims, ARRAY_LEN(claims), NULL, &outcome, &error));
    CHECK(outcome.decision == POLICY_PERMITTED && outcome.decided_by == &outcome.trace[0]);
    REQUIRE(policy_evaluate(&arena, policy, claims, 0, NULL, &outcome, &error));
    CHECK(outcome.decision == POLICY_NO_PERMIT && !outcome.decided_by);
    CHECK_STRING(policy_refusal_text(&arena, &outcome), "No Permit claim was issued, authorization failed.");
    arena_done(&arena);
}

TEST(a_claim_of_json_is_issued_as_it_came)
{
    struct bytes events = BYTES_LIT("{ \"Events\" : [ 1.0 ] }");
    struct policy_claim claim = policy_claim_string("events", events);
    const struct policy *policy = parsed(PERMIT "c:[type==\"events\"] => issue(type=\"outputEvents\", value=c.value); };");
    struct policy_outcome outcome;
    struct policy_error error;

    REQUIRE(policy && policy_evaluate(&arena, policy, &claim, 1, NULL, &outcome, &error));
    REQUIRE(outcome.n_outgoing == 1);
    CHECK_BYTES(outcome.outgoing[0].value.string, events);
    CHECK(outcome.outgoing[0].value.string.data == events.data);
    arena_done(&arena);
}

/* ---- limits ---- */

/* A policy with `n` times `part` between two ends. */
static char *repeated(const char *before, const char *part, size_t n, const char *after)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_string(&w, before);
    for (size_t i = 0; i < n; i++)
        write_string(&w, part);
    write_string(&w, after);
    return arena_string(&arena, writer_bytes(&w));
}

static bool parses(const char *text, enum err_code *ret_code)
{
    struct policy_error error = { 0 };
    const struct policy *policy;
    bool ok = policy_parse(&arena, bytes_of_string(text), &policy, &error);

    *ret_code = error.err.code;
    return ok;
}

TEST(sizes_are_accepted_to_the_limit_and_refused_past_it)
{
    /* clang-format off */
    static const struct { const char *before, *part, *after; size_t limit; } rows[] = {
        { "version=1.0; authorizationrules {", "=>permit();", "};", LIMIT_POLICY_RULES },
        { "version=1.0; authorizationrules { [type==\"a\"]", "&&[type==\"a\"]", "=>permit(); };", LIMIT_POLICY_CONDITIONS - 1 },
        { "version=1.0;//", "x", "", LIMIT_POLICY_TEXT_BYTES - 14 },
    };
    /* clang-format on */
    enum err_code code;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(parses(repeated(rows[i].before, rows[i].part, rows[i].limit, rows[i].after), &code));
        CHECK(!parses(repeated(rows[i].before, rows[i].part, rows[i].limit + 1, rows[i].after), &code) && code == ERR_LIMIT);
    }
    arena_done(&arena);
}

TEST(calls_nest_to_the_limit_and_not_past_it)
{
    for (size_t depth = LIMIT_POLICY_CALL_DEPTH; depth <= LIMIT_POLICY_CALL_DEPTH + 1; depth++) {
        char *open = repeated(PERMIT "=>issue(type=\"a\",value=", "NegateBool(", depth, "true");
        enum err_code code;

        CHECK_INT(parses(repeated(open, ")", depth, ");};"), &code), depth <= LIMIT_POLICY_CALL_DEPTH);
    }
    arena_done(&arena);
}

TEST(evaluation_is_bounded_in_steps_claims_and_bytes)
{
    /* clang-format off */
    static const struct { const char *rules; struct policy_limits limits; const char *error; } rows[] = {
        { "c:[type==\"t\"] => add(claim=c); ", { .claims = 1000 }, "more claims than allowed" },
        { "c:[type==\"t\"] => add(claim=c); ", { .steps = 1000 }, "more steps than allowed" },
        { "c:[type==\"t\"] => issue(type=\"t\", value=JsonToClaimValue(AppendString(\"x\", \"yyyyyyyyyyyyyyyyyyyyyyyyyyyy\"))); ",
          { .value_bytes = 100 }, "more bytes of values than allowed" },
    };
    /* clang-format on */
    struct policy_claim claim = policy_claim_boolean("t", true);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct policy *policy = parsed(repeated(PERMIT, rows[i].rules, 30, "};"));
        struct policy_outcome outcome;
        struct policy_error error;

        REQUIRE(policy);
        CHECK(!policy_evaluate(&arena, policy, &claim, 1, &rows[i].limits, &outcome, &error));
        CHECK_INT(error.err.code, ERR_LIMIT);
        CHECK(strstr(error.err.text, rows[i].error));
        CHECK_INT(error.section, POLICY_ISSUANCE);
    }
    arena_done(&arena);
}

/* Doubling a claim with every rule: the default limits end it. */
TEST(doubling_claims_end_at_the_default_limits)
{
    const struct policy *policy = parsed(repeated(PERMIT, "c:[type==\"t\"] => add(claim=c); ", 200, "};"));
    struct policy_claim claim = policy_claim_boolean("t", true);
    struct policy_outcome outcome;
    struct policy_error error;

    REQUIRE(policy);
    CHECK(!policy_evaluate(&arena, policy, &claim, 1, NULL, &outcome, &error) && error.err.code == ERR_LIMIT);
    CHECK(arena.used < 32 * 1024 * 1024);
    arena_done(&arena);
}

/* Sharing makes a value of 2^50 leaves in a few nodes; its text is refused, not made. */
TEST(a_result_that_is_long_only_when_written_is_refused)
{
    char *query = repeated("=> issue(type=\"x\", value=JmesPath(\"1\", \"@", " | [@, @]", 50, "\")); };");
    const struct policy *policy = parsed(repeated(PERMIT, query, 1, ""));
    struct policy_outcome outcome;
    struct policy_error error;

    REQUIRE(policy);
    CHECK(!policy_evaluate(&arena, policy, NULL, 0, NULL, &outcome, &error) && error.err.code == ERR_LIMIT);
    CHECK_STRING(error.err.text, "issuance rule 1, line 2, column 26: JmesPath(): the result is too long or nests too deeply");
    arena_done(&arena);
}

/* Texts that rules make are read again and again: what is made on the way counts, whoever owns the arena. */
TEST(memory_is_bounded_and_the_arena_has_room_afterwards)
{
    /* clang-format off */
    static const struct { const char *name, *rules; } rows[] = {
        { "one long string many times in a list",
          "=> add(type=\"q\", value=JmesPath(\"\\\"0123456789abcdef\\\"\", \"@ | join(@,[@,@,@,@]) | join(@,[@,@,@,@]) | join(@,[@,@,@,@]) | "
          "join(@,[@,@,@,@]) | join(@,[@,@,@,@]) | join(@,[@,@,@,@]) | [@,@,@,@] | [[],[]] | [@,@,@,@][] | to_string([@,@,@,@,@,@,@,@])\"));" },
        { "lists of lists",
          "=> add(type=\"n\", value=JmesPath(\"[1,2,3,4,5,6,7,8,9,0]\", \"map(&[@,@], @) | [@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | "
          "[@,@,@,@,@,@,@,@,@,@][] | [@,@,@,@,@,@,@,@,@,@][] | map(&{a: @, b: [@, @], c: [@, @, @]}, @) | map(&{a: @, b: [@, @], c: [@, @, @]}, @) "
          "| length(@)\"));" },
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { .budget = 256 * 1024 * 1024 };
        const struct policy *policy = parsed(repeated(PERMIT, rows[i].rules, 8, "};"));
        struct policy_outcome outcome;
        struct policy_error error;
        size_t before = a.budget;

        test_note("%s", rows[i].name);
        REQUIRE(policy);
        CHECK(!policy_evaluate(&a, policy, NULL, 0, NULL, &outcome, &error));
        CHECK(error.err.code == ERR_NO_MEMORY || error.err.code == ERR_LIMIT);
        test_note("%s", error.err.text);
        CHECK(strstr(error.err.text, "allowed") || strstr(error.err.text, "too long"));
        CHECK(a.used <= LIMIT_POLICY_MEMORY_BYTES);
        CHECK_INT(a.budget, before);
        CHECK(arena_alloc(&a, 1024 * 1024) != NULL);
    }
    arena_done(&arena);
}

TEST(memory_is_accepted_to_the_limit_and_refused_past_it)
{
    const struct policy *policy = parsed(PERMIT "=> issue(type=\"a\", value=AppendString(\"0123456789\", \"0123456789\")); };");
    struct policy_outcome outcome;
    struct policy_error error;
    struct arena a = { 0 };
    size_t needed;

    REQUIRE(policy && policy_evaluate(&a, policy, NULL, 0, NULL, &outcome, &error));
    CHECK_INT(a.budget, 0);
    needed = a.used;
    arena_done(&a);
    for (size_t less = 0; less <= 48; less += 48) { /* what is empty takes no budget and some memory */
        struct policy_limits limits = { .memory = needed - less };
        CHECK_INT(policy_evaluate(&a, policy, NULL, 0, &limits, &outcome, &error), less == 0);
        arena_done(&a);
    }
    CHECK_INT(error.err.code, ERR_NO_MEMORY);
    CHECK(strstr(error.err.text, "needs more memory than allowed"));
    arena_done(&arena);
}

/* Equal strings in different places are compared to their end: that is paid for. */
TEST(comparing_long_strings_costs_steps)
{
    enum { MEGABYTE = 1 << 20 };
    struct policy_claim claims[40];
    struct policy_limits limits = { .steps = 100000 };
    const struct policy *policy =
        parsed(PERMIT "c:[type==\"a\"] => issue(claim=c); c:[type==\"a\"] && [type==\"a\", value==c.value] => add(claim=c); };");
    struct policy_outcome outcome;
    struct policy_error error;

    REQUIRE(policy);
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        claims[i] = policy_claim_string("a", (struct bytes){ arena_alloc(&arena, MEGABYTE), MEGABYTE });
    CHECK(!policy_evaluate(&arena, policy, claims, ARRAY_LEN(claims), &limits, &outcome, &error) && error.err.code == ERR_LIMIT);
    arena_done(&arena);
}

/* A condition that names a type looks at the claims of that type, however many others rules have made. */
TEST(the_cost_of_a_rule_does_not_grow_with_the_number_of_rules)
{
    enum { FEW = 100, MANY = 1600 };
    struct policy_claim claim = policy_claim_boolean("t", true);
    uint64_t steps[2];

    for (size_t i = 0; i < 2; i++) {
        size_t n = i == 0 ? FEW : MANY;
        struct writer w CLEANUP(writer_done) = { 0 };
        const struct policy *policy;
        struct policy_outcome outcome;
        struct policy_error error;

        write_string(&w, PERMIT);
        for (size_t r = 0; r < n; r++)
            write_printf(&w, "c:[type==\"t\", value==true] => issue(type=\"r%zu\", value=c.value); ", r);
        write_string(&w, "};");
        policy = parsed(arena_string(&arena, writer_bytes(&w)));
        REQUIRE(policy && policy_evaluate(&arena, policy, &claim, 1, NULL, &outcome, &error));
        CHECK_INT(outcome.n_outgoing, n);
        steps[i] = outcome.steps_used / n;
    }
    CHECK(steps[1] <= 2 * steps[0]);
    arena_done(&arena);
}

/* Of one type in the order in which they were made, types that are not named as one text compared with all claims. */
TEST(claims_of_a_type_are_found_in_their_order_wherever_they_stand)
{
    static const char rules[] =
        PERMIT "=> add(type=\"b\", value=1); => add(type=\"a\", value=2); => add(type=\"b\", value=3); => add(type=\"\", value=4); "
               "c:[type==\"b\"] => issue(type=\"one\", value=c.value); "
               "n:[type==\"names\"] && c:[type==n.value] => issue(type=\"any\", value=c.value); "
               "c:[type!=\"b\", value==2] => issue(type=\"other\", value=c.value); "
               "c:[value>=3, type==\"\"] => issue(type=\"empty\", value=c.value); "
               "c:[type==\"b\", type==\"a\"] => issue(type=\"none\", value=c.value); };";
    struct policy_claim claims[] = { policy_claim_string("names", BYTES_LIT("a")), policy_claim_string("names", BYTES_LIT("b")) };
    static const struct {
        const char *type;
        int64_t value;
    } want[] = { { "one", 1 }, { "one", 3 }, { "any", 1 }, { "any", 2 }, { "any", 3 }, { "other", 2 }, { "empty", 4 } };
    const struct policy *policy = parsed(rules);
    struct policy_outcome outcome;
    struct policy_error error;

    REQUIRE(policy && policy_evaluate(&arena, policy, claims, ARRAY_LEN(claims), NULL, &outcome, &error));
    REQUIRE(outcome.n_outgoing == ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        CHECK(bytes_equal_string(outcome.outgoing[i].type, want[i].type));
        CHECK_INT(outcome.outgoing[i].value.integer, want[i].value);
    }
    arena_done(&arena);
}

TEST(a_policy_cut_anywhere_is_refused_or_complete)
{
    static const char text[] =
        "version=1.2; // c\nconfigurationrules { => issueproperty(type=\"a\", value=0x1f); };\n"
        "authorizationrules { !c:[type==\"\\\"\", value>=-1] && d:[issuer!=\"x\"] => permit(); };\n"
        "issuancerules { d:[value==JmesPath(\"{}\", \"a[?b]\")] => issue(type=\"t\", value=d.value, valueType=\"String\"); }";

    for (size_t n = 0; n < sizeof text; n++) {
        struct bytes part = exact_copy(bytes_slice(bytes_of_string(text), 0, n));
        struct policy_error error = { 0 };
        const struct policy *policy;

        CHECK(policy_parse(&arena, part, &policy, &error) || (error.err.code != ERR_NONE && error.line > 0 && error.column > 0));
        free((void *)part.data);
    }
    arena_done(&arena);
}

/* ---- speed ---- */

static char *log_of_120_events(void)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_begin_array(&out, "Events");
    for (int i = 0; i < 120; i++) {
        json_begin_object(&out, NULL);
        json_put_integer(&out, "EventSeq", i);
        json_put_integer(&out, "PcrIndex", i % 15);
        json_put_string(&out, "EventTypeString", i % 3 ? "EV_EVENT_TAG" : "EV_EFI_VARIABLE_DRIVER_CONFIG");
        json_begin_object(&out, "Digests");
        json_put_string(&out, "SHA256", "GQ1c6pT7vYw1r0n0d1tB1XqYtYzYz0YtqYqXn0rYw1r");
        json_end(&out);
        json_begin_object(&out, "ProcessedData");
        json_put_string(&out, "VariableGuid", "8BE4DF61-93CA-11D2-AA0D-00E098032B8C");
        json_put_string(&out, "UnicodeName", i ? "BootOrder" : "SecureBoot");
        json_put_string(&out, "VariableData", "AQ");
        json_begin_object(&out, "EVENT_TRUSTBOUNDARY");
        json_put_boolean(&out, "EVENT_CODEINTEGRITY", true);
        json_put_boolean(&out, "EVENT_TESTSIGNING", false);
        json_end(&out);
        json_end(&out);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return arena_string(&arena, writer_bytes(&w));
}

/* Ten queries over a log: well below the milliseconds that a signature of the answer costs. The figure is in the note; what is checked is that no
 * evaluation costs more memory than the log's own size a few times over. */
TEST(ten_queries_over_120_events_cost_little)
{
    enum { RUNS = 50 };
    char *log = log_of_120_events();
    struct policy_claim claim = policy_claim_string("events", bytes_of_string(log));
    const struct policy *policy = parsed(
        repeated(PERMIT,
                 "c:[type==\"events\", issuer==\"AttestationService\"] => issue(type=\"n\", value=JsonToClaimValue(JmesPath(c.value, "
                 "\"Events[? EventTypeString == 'EV_EVENT_TAG' && (PcrIndex == `12` || PcrIndex == `13`)].ProcessedData."
                 "EVENT_TRUSTBOUNDARY.EVENT_CODEINTEGRITY | length(@)\")));\n",
                 10, "};"));
    int64_t start = clock_monotonic_ms(), spent;
    size_t used = 0;

    REQUIRE(policy);
    for (int i = 0; i < RUNS; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct policy_outcome outcome;
        struct policy_error error;

        REQUIRE_OK(policy_evaluate(&a, policy, &claim, 1, NULL, &outcome, &error), error.err);
        REQUIRE(outcome.n_outgoing == 1 && outcome.outgoing[0].value.integer == 8);
        used = a.used;
    }
    spent = clock_monotonic_ms() - start;
    test_note("%zu bytes of log: %lld us an evaluation, %zu bytes of arena", strlen(log), (long long)(spent * 1000 / RUNS), used);
    CHECK(used < 10 * strlen(log));
    arena_done(&arena);
}

/* The parsed log is kept by address: ten queries parse it once. */
TEST(a_big_claim_is_parsed_once)
{
    char *log = log_of_120_events();
    struct policy_claim claim = policy_claim_string("events", bytes_of_string(log));
    static const char rule[] = "c:[type==\"events\"] => add(type=\"n\", value=JmesPath(c.value, \"length(Events)\"));\n";
    size_t used[2];

    for (size_t i = 0; i < 2; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        const struct policy *policy = parsed(repeated(PERMIT, rule, i ? 10 : 1, "};"));
        struct policy_outcome outcome;
        struct policy_error error;

        REQUIRE(policy && policy_evaluate(&a, policy, &claim, 1, NULL, &outcome, &error));
        used[i] = a.used;
    }
    CHECK(used[1] < used[0] + used[0] / 4);
    arena_done(&arena);
}

TEST(a_rule_reads_the_same_whatever_white_space_and_comments_are_in_it)
{
    static const char one[] = "version=1.2;\nauthorizationrules {\n c:[type==\"a b\",value>=2]=>issue(type=\"x\",value=c.value); };";
    static const char two[] = "version=1.2; authorizationrules { => deny();\n c : [ type == \"a b\" , // why\r\n value >= 2 ]\n => issue ( "
                              "type = \"x\" , value = c . value ) };";
    const struct policy *x, *y;
    struct policy_error error;

    REQUIRE(policy_parse(&arena, bytes_of_string(one), &x, &error) && policy_parse(&arena, bytes_of_string(two), &y, &error));
    CHECK_STRING(policy_rule_canonical(&arena, x, POLICY_AUTHORIZATION, 0), policy_rule_canonical(&arena, y, POLICY_AUTHORIZATION, 1));
    CHECK_STRING(policy_rule_canonical(&arena, y, POLICY_AUTHORIZATION, 0), "=> deny ( )");
    CHECK_INT(policy_rule_line(x, POLICY_AUTHORIZATION, 0), 3);
    CHECK_INT(policy_rule_line(y, POLICY_AUTHORIZATION, 1), 2);
    arena_done(&arena);
}
