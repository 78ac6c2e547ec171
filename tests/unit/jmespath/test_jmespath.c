#include <stdio.h>
#include <stdlib.h>
#include "base/limits.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"
#include "json/write.h"
#include "support/test.h"

static struct arena arena;

/* The result as JSON text, or the kind of error. */
static const char *search(const char *text, const char *json, struct jmespath_budget *budget)
{
    struct jmespath_error error;
    struct err err = ERR_INIT;
    const struct jmespath_expr *expr;
    const struct json *value, *result;

    if (!json_parse(&arena, bytes_of_string(json), NULL, &value, &err))
        return err.text[0] ? "bad test" : NULL;
    if (!jmespath_parse(&arena, bytes_of_string(text), &expr, &error) || !jmespath_search(&arena, expr, value, budget, &result, &error))
        return jmespath_error_slug(error.kind);
    return json_to_string(&arena, result, JSON_COMPACT);
}

/* clang-format off */
static const struct {
    const char *text, *json, *want;
} rows[] = {
    /* the one function beside the standard: attestation-service.md 8.6 */
    { "equals_ignore_case('\\Windows\\A.sys', '\\windows\\a.SYS')", "null", "true" },
    { "equals_ignore_case(a, 'x')", "{}", "false" },
    { "equals_ignore_case('x', a)", "{}", "false" },
    { "equals_ignore_case('STRA\u1E9EE \u00c4\u0416\u03a3', 'stra\u00dfe \u00e4\u0436\u03c2')", "null", "true" },
    { "equals_ignore_case('ab', 'abc')", "null", "false" },
    { "equals_ignore_case(`1`, 'x')", "null", "invalid-type" },
    { "equals_ignore_case('x')", "null", "invalid-arity" },
    /* what the samples of the policy language lean on */
    { "[?a == `1`] | length(@) == `1` && @[0].b", "[{\"a\":1,\"b\":\"AQ\"}]", "\"AQ\"" },
    { "[?a == `1`] | length(@) == `1` && @[0].b", "[{\"a\":2,\"b\":\"AQ\"}]", "false" },
    { "@.{x: a, y: b.c}", "false", "{\"x\":null,\"y\":null}" },
    { "@.{x: a, y: b.c}", "null", "null" },
    { "[*].l[] | [?v == `true`] | length(@)", "[{\"l\":[{\"v\":true},{\"v\":false}]},{},{\"l\":[{\"v\":true}]}]", "2" },
    { "{b: b, a: a, b: a}", "{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":1}" },
    { "'a\\\\w\\'s'", "null", "\"a\\\\\\\\w's\"" },
    /* whole numbers stay whole */
    { "sum(@)", "[1,2,9007199254740993]", "9007199254740996" },
    { "sum(@)", "[9223372036854775807,1]", "9.223372036854776e+18" },
    { "avg(@)", "[1,3]", "2" },
    { "ceil(@)", "1.5", "2" },
    { "abs(@)", "-9223372036854775807", "9223372036854775807" },
    { "sum(@)", "[1e308,1e308]", "invalid-value" },
    { "a < b", "{\"a\":9007199254740992,\"b\":9007199254740993}", "true" },
    { "sort_by(@, &k)[*].v", "[{\"k\":2,\"v\":1},{\"k\":1,\"v\":2},{\"k\":2,\"v\":3},{\"k\":1,\"v\":4}]", "[2,4,1,3]" },
    { "max_by(@, &k).v", "[{\"k\":2,\"v\":1},{\"k\":2,\"v\":3}]", "1" },
    { "length('\u00fc\U0001F600')", "null", "2" },
    { "reverse('a\u00fc\U0001F600')", "null", "\"\U0001F600\u00fca\"" },
    { "merge(@, {b: `9`, c: `3`})", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":9,\"c\":3}" },
    { "to_number('1e400')", "null", "null" },
    { "to_number('12 x')", "null", "null" },
    { "a", "{\"a\":1,\"a\":2}", "2" },
    /* '!' reaches as far as the dots and brackets behind it, and no further */
    { "!a.b", "{\"a\":{\"b\":true}}", "false" },
    { "!a.b", "{\"a\":{}}", "true" },
    { "[?!a.b].c", "[{\"a\":{\"b\":1},\"c\":1},{\"c\":2}]", "[2]" },
    { "!a[0]", "{\"a\":[1]}", "false" },
    { "!a[]", "{\"a\":[]}", "true" },
    { "!a[?b]", "{\"a\":[{\"b\":1}]}", "false" },
    { "!a.*", "{\"a\":{}}", "true" },
    { "!a == `true`", "{\"a\":1}", "false" },
    { "!a.b && c", "{\"c\":3}", "3" },
    { "!!a.b", "{\"a\":{\"b\":1}}", "true" },
    { "!a | [@, @]", "{}", "[true,true]" },
    /* numbers: exact as long as nothing is computed */
    { "@", "18446744073709551615", "18446744073709551615" },
    { "a == b", "{\"a\":18446744073709551615,\"b\":18446744073709551614}", "false" },
    { "a > b", "{\"a\":18446744073709551615,\"b\":18446744073709551614}", "true" },
    { "sort(@)", "[18446744073709551615,18446744073709551614,-1,1e30]", "[-1,18446744073709551614,18446744073709551615,1e+30]" },
    { "max(@)", "[9007199254740992.0,9007199254740993]", "9007199254740993" },
    { "contains(@, `9007199254740993`)", "[9007199254740992.0]", "false" },
    { "[-0, -0.0, 1.0, 1e2, 1E-2]", "null", "syntax" },
    { "@", "[-0,1.0,1e2,1E-2,0.1]", "[0,1,100,0.01,0.1]" },
    { "`1e400`", "null", "syntax" },
    { "to_number('-0')", "null", "0" },
    { "to_number('0x10')", "null", "null" },
    { "to_number(' 1 ')", "null", "1" },
    { "to_number('+1')", "null", "null" },
    { "to_string(`1.0`)", "null", "\"1\"" },
    /* an index or a bound of any size */
    { "a[99999999999999999999]", "{\"a\":[1]}", "null" },
    { "a[-99999999999999999999]", "{\"a\":[1]}", "null" },
    { "[-99999999999999999999:99999999999999999999]", "[1,2]", "[1,2]" },
    { "[99999999999999999999:-99999999999999999999:-1]", "[1,2]", "[2,1]" },
    { "[::99999999999999999999]", "[1,2]", "[1]" },
    { "[::-99999999999999999999]", "[1,2]", "[2]" },
    { "[:0:-1]", "[1,2,3]", "[3,2]" },
    { "[5:0:1]", "[1,2,3]", "[]" },
    { "[-2:]", "[1,2,3]", "[2,3]" },
    { "[007]", "[0,1,2,3,4,5,6,7]", "7" },
    /* strings in the order of their code points, not of UTF-16 */
    { "sort(@)", "[\"\uffff\",\"\U0001F600\",\"z\",\"\u00e9\",\"Z\",\"\"]", "[\"\",\"Z\",\"z\",\"\u00e9\",\"\uffff\",\"\U0001F600\"]" },
    /* mixed keys */
    { "sort_by(@, &k)", "[{\"k\":1},{\"k\":\"1\"}]", "invalid-type" },
    { "sort_by(@, &k)", "[{\"k\":1},{}]", "invalid-type" },
    { "min_by(@, &k)", "[{\"k\":true}]", "invalid-type" },
    { "max_by(@, &k)", "[]", "null" },
    { "sort_by(@, &k)", "[]", "[]" },
    { "sort_by(@, &@)", "{\"a\":1}", "invalid-type" },
    { "max(@)", "[1,\"a\"]", "invalid-type" },
    { "max(@)", "[]", "null" },
    { "min(@)", "[true]", "invalid-type" },
    /* objects keep the order of the document */
    { "keys(@)", "{\"z\":1,\"a\":2,\"m\":3}", "[\"z\",\"a\",\"m\"]" },
    { "*", "{\"z\":1,\"a\":null,\"m\":3}", "[1,3]" },
    { "values(@)", "{\"z\":1,\"a\":null}", "[1,null]" },
    { "@", "{\"z\":{\"y\":1,\"b\":2},\"a\":0}", "{\"z\":{\"y\":1,\"b\":2},\"a\":0}" },
    { "foo.*.a.b", "{\"foo\":{\"x\":{\"a\":{\"b\":1}}}}", "[1]" },
    /* literals and names */
    { "`\\``", "null", "syntax" },
    { "`\"\\`\"`", "null", "\"`\"" },
    { "`\"\\u00e9\\n\"`", "null", "\"\u00e9\\n\"" },
    { "` [1 , {\"a\" : null}] `", "null", "[1,{\"a\":null}]" },
    { "'\\\\'", "null", "\"\\\\\\\\\"" },
    { "'a\nb'", "null", "\"a\\nb\"" },
    { "\"a\\nb\"", "{\"a\\nb\":1}", "1" },
    { "\"\"", "{\"\":1}", "1" },
    { "\"a\"", "{\"A\":1}", "null" },
    { "`\"a\"` == 'a'", "null", "true" },
    { "`true` == 'true'", "null", "false" },
    { "[1, `1`]", "null", "syntax" },
    /* what is no number is in no order */
    { "'a' < 'b'", "null", "null" },
    { "`null` < `1`", "null", "null" },
    { "[?a > `1`]", "[{\"a\":\"2\"},{\"a\":2}]", "[{\"a\":2}]" },
    { "`1` == `true`", "null", "false" },
    { "`[1,{\"a\":1,\"b\":2}]` == `[1.0,{\"b\":2,\"a\":1}]`", "null", "true" },
    { "contains('abc', `1`)", "null", "false" },
    { "contains(@, `[1]`)", "[[1.0]]", "true" },
    { "contains('', '')", "null", "true" },
    { "join(',', `[]`)", "null", "\"\"" },
    { "avg(@)", "[]", "null" },
    { "sum(@)", "[]", "0" },
    { "not_null(a, b)", "{}", "null" },
    { "map(&a, @)", "[{\"a\":1},{}]", "[1,null]" },
    { "length(@)", "{\"a\":1,\"b\":2}", "2" },
    { "to_array(@)", "null", "[null]" },
    { "type(@)", "null", "\"null\"" },
    /* errors */
    { "a = b", "null", "syntax" },
    { "&a", "null", "syntax" },
    { "[&a]", "null", "syntax" },
    { "\"f\"(a)", "null", "syntax" },
    { "length(a,)", "null", "syntax" },
    { "'a", "null", "syntax" },
    { "`{`", "null", "syntax" },
    { "\xff", "null", "syntax" },
    { "", "null", "syntax" },
    { "map('a', @)", "[]", "invalid-type" },
    { "map(&a, &b)", "[]", "invalid-type" },
    { "length(&a)", "[]", "invalid-type" },
    { "a[::0]", "{}", "invalid-value" },
    { "a[9223372036854775807:-9223372036854775808:-9223372036854775808]", "{\"a\":[1]}", "[1]" },
};
/* clang-format on */

TEST(queries_give_what_the_language_says)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test_note("%s", rows[i].text[0] == '\xff' ? "a byte that is not UTF-8" : rows[i].text);
        CHECK_STRING(search(rows[i].text, rows[i].json, NULL), rows[i].want);
    }
    arena_done(&arena);
}

TEST(errors_show_line_column_and_caret)
{
    static const char text[] = "\u00fc_is_no_name";
    struct jmespath_error error;
    const struct jmespath_expr *expr;

    CHECK(!jmespath_parse(&arena, BYTES_LIT("a.b[\n  ?c = 'd']"), &expr, &error));
    CHECK_STRING(jmespath_error_show(&arena, BYTES_LIT("a.b[\n  ?c = 'd']"), &error),
                 "line 2, column 3: unexpected character '?'\n    ?c = 'd']\n    ^");
    CHECK(!jmespath_parse(&arena, BYTES_LIT("'\u00fc' = a"), &expr, &error));
    CHECK_STRING(jmespath_error_show(&arena, BYTES_LIT("'\u00fc' = a"), &error),
                 "line 1, column 5: a single '='; comparison is written '=='\n  '\u00fc' = a\n      ^");
    REQUIRE(!jmespath_parse(&arena, BYTES_LIT("a.\n"), &expr, &error));
    CHECK(strstr(jmespath_error_show(&arena, BYTES_LIT("a.\n"), &error),
                 "line 2, column 1: ")); /* an empty line has no bytes to count from */
    CHECK(!jmespath_parse(&arena, bytes_of_string(text), &expr, &error));
    CHECK_STRING(error.text, "unexpected character U+00FC");
    CHECK(!jmespath_parse(&arena, BYTES_LIT("a[?b == lenght(c)]"), &expr, &error));
    CHECK_STRING(error.text, "there is no function lenght()");
    CHECK_INT(error.offset, 8);
    arena_done(&arena);
}

TEST(depth_is_accepted_to_the_limit_and_refused_past_it)
{
    char text[3 * LIMIT_JMESPATH_DEPTH];

    for (size_t depth = LIMIT_JMESPATH_DEPTH; depth <= LIMIT_JMESPATH_DEPTH + 1; depth++) {
        size_t parens = depth - 1, dots = depth;
        struct jmespath_error error;
        const struct jmespath_expr *expr;

        memset(text, '(', parens);
        text[parens] = 'a';
        memset(text + parens + 1, ')', parens);
        CHECK_INT(jmespath_parse(&arena, (struct bytes){ (uint8_t *)text, 2 * parens + 1 }, &expr, &error), depth == LIMIT_JMESPATH_DEPTH);
        for (size_t i = 0; i < dots; i++)
            memcpy(text + 2 * i, "a.", 2);
        CHECK_INT(jmespath_parse(&arena, (struct bytes){ (uint8_t *)text, 2 * dots - 1 }, &expr, &error), depth == LIMIT_JMESPATH_DEPTH);
    }
    arena_done(&arena);
}

TEST(steps_are_bounded)
{
    /* clang-format off */
    static const struct { const char *text, *json; } greedy[] = {
        { "[*].[@[*].a, @[*].b]", "[[1,2,3,4,5,6,7,8],[1,2,3,4,5,6,7,8]]" },
        { "sort(@)", "[9,8,7,6,5,4,3,2,1]" },
        { "@ == [`1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9`]", "[9,8,7,6,5,4,3,2,1]" },
        { "[] | [] | []", "[[1,2,3,4,5,6],[1,2,3,4,5,6]]" },
        { "to_string(@)", "[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]" },
        { "[::-1]", "[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0]" },
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(greedy); i++) {
        struct jmespath_budget budget = { .steps = 10 };

        test_note("%s", greedy[i].text);
        CHECK_STRING(search(greedy[i].text, greedy[i].json, &budget), "limit");
        CHECK_INT(budget.steps, 0);
    }
    arena_done(&arena);
}

/* Every byte that join() makes is paid for, so that doubling ends in the step budget and not in memory. */
TEST(memory_is_bounded_by_steps_and_by_the_arena)
{
    char text[2000] = "@";
    struct arena small CLEANUP(arena_done) = { 0 };
    struct jmespath_error error;
    const struct jmespath_expr *expr;
    const struct json *value, *result;

    for (int i = 0; i < 60; i++)
        strcat(text, " | join(@, [@, @])");
    CHECK_STRING(search(text, "\"0123456789\"", NULL), "limit");
    arena_init(&small, 20000);
    value = json_string_of(&arena, "0123456789");
    REQUIRE(value && jmespath_parse(&arena, bytes_of_string(text), &expr, &error));
    CHECK(!jmespath_search(&small, expr, value, NULL, &result, &error) && error.kind == JMESPATH_NO_MEMORY);
    arena_done(&arena);
}

TEST(an_expression_cut_anywhere_parses_or_says_why)
{
    static const char text[] = "a.\"b\\u00fc\"[?c == `{\"d\": [1]}` && !e || f(&g, 'h\\'')][-1:2:3].{i: *, j: [k[], @]} | [*].m";

    for (size_t n = 0; n < sizeof text; n++) {
        struct bytes cut = exact_copy(bytes_slice(bytes_of_string(text), 0, n));
        struct jmespath_error error = { 0 };
        const struct jmespath_expr *expr;

        CHECK(jmespath_parse(&arena, cut, &expr, &error) || (error.text[0] && error.offset <= n));
        free((void *)cut.data);
    }
    arena_done(&arena);
}

/* Every built-in function with every type of argument in every place: refused with the right kind, or a result. */
TEST(functions_refuse_arguments_of_the_wrong_type)
{
    static const char *const values[] = { "`null`", "`true`", "`1`", "'s'", "`[1]`", "`[\"s\"]`", "`[true]`", "`{}`", "&a" };
    /* For each place, the values above that fit, as letters: n b # s N(umbers) S(trings) A(rray of others) o &. */
    static const char letters[] = "nb#sNSAo&";
    static const struct {
        const char *name;
        const char *fits[2];
    } functions[] = {
        { "abs", { "#" } },
        { "avg", { "N" } },
        { "ceil", { "#" } },
        { "contains", { "sNSA", "nb#sNSAo" } },
        { "ends_with", { "s", "s" } },
        { "equals_ignore_case", { "ns", "ns" } },
        { "floor", { "#" } },
        { "join", { "s", "S" } },
        { "keys", { "o" } },
        { "length", { "sNSAo" } },
        { "map", { "&", "NSA" } },
        { "max", { "NS" } },
        { "merge", { "o", "o" } },
        { "min", { "NS" } },
        { "not_null", { "nb#sNSAo", "nb#sNSAo" } },
        { "reverse", { "sNSA" } },
        { "sort", { "NS" } },
        { "starts_with", { "s", "s" } },
        { "sum", { "N" } },
        { "to_array", { "nb#sNSAo" } },
        { "to_number", { "nb#sNSAo" } },
        { "to_string", { "nb#sNSAo" } },
        { "type", { "nb#sNSAo" } },
        { "values", { "o" } },
    };
    char text[80];

    for (size_t f = 0; f < ARRAY_LEN(functions); f++) {
        bool two = functions[f].fits[1] != NULL;
        for (size_t i = 0; i < ARRAY_LEN(values); i++)
            for (size_t k = 0; k < (two ? ARRAY_LEN(values) : 1); k++) {
                bool fits = strchr(functions[f].fits[0], letters[i]) && (!two || strchr(functions[f].fits[1], letters[k]));
                snprintf(text, sizeof text, two ? "%s(%s, %s)" : "%s(%s)", functions[f].name, values[i], values[k]);
                test_note("%s", text);
                CHECK_INT(strcmp(search(text, "null", NULL), "invalid-type") != 0, fits);
            }
        arena_done(&arena);
    }
}
